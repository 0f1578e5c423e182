"""The `tried` half: its pools, templates and hard negatives, put together."""

from __future__ import annotations

from personal.halves import Half
from personal.tried.english_messages import BETWEEN as ENGLISH_BETWEEN
from personal.tried.english_messages import ENDINGS as ENGLISH_ENDINGS
from personal.tried.english_messages import OPENINGS as ENGLISH_OPENINGS
from personal.tried.english_messages import TEMPLATES as ENGLISH
from personal.tried.messages import BETWEEN, ENDINGS, OPENINGS, TEMPLATES
from personal.tried.negatives import NEGATIVES
from personal.tried.pools import POOLS

HALF = Half(
    name="tried",
    pools=POOLS,
    templates={(kind, "zh"): known for kind, known in TEMPLATES.items()}
    | {(kind, "en"): known for kind, known in ENGLISH.items()},
    openings={"zh": OPENINGS, "en": ENGLISH_OPENINGS},
    endings={"zh": ENDINGS, "en": ENGLISH_ENDINGS},
    between={"zh": BETWEEN, "en": ENGLISH_BETWEEN},
    negatives=NEGATIVES,
)

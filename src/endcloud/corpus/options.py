"""How a corpus is prepared: one value, explained by the effect of changing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    """How a corpus is prepared; each is explained by the effect of changing it.

    - `context_turns`: more turns of context make examples clearer and longer (tokens, memory, time).
    - `validation_share`, `test_share`: more to measure on, less to learn from; in [0, 1).
    - `near_duplicate`: Jaccard index from which a pair counts as a repeat; lower drops more, above 1 only
      exact repeats.
    - `boilerplate_share`: no reply weighs more than this share of the training examples; lower flattens canned
      lines more, 1 leaves all weights at 1.
    - `longest_dialogue` (turns), `longest_reply` (characters): what is longer is dropped.
    - `corpus_marks`: whether `[电话x]` stands for a value; None leaves it to the format (JDDC: yes).
    - `columns`: for CSV and TSV, our names (dialogue, role, content, customer, query, reply) to the file's;
      `customer_words`, `agent_words`: further values of its role column.
    """

    context_turns: int = 6
    validation_share: float = 0.1
    test_share: float = 0.1
    near_duplicate: float = 0.8
    boilerplate_share: float = 0.002
    longest_dialogue: int = 200
    longest_reply: int = 600
    corpus_marks: bool | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    customer_words: tuple[str, ...] = ()
    agent_words: tuple[str, ...] = ()

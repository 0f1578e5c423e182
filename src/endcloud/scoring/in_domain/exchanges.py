"""What the in-domain scorers learn from: the shop's exchanges, and pairs of texts drawn from them.

The two halves of Equation 1 compare different things, so they learn from different pairs.

- Similarity compares a reply with a reply. Nobody marked which replies say the same, but three sources do: the
  recorded reply and the cloud's reply to the same query, the replies to nearly the same query, and a reply said
  a little differently. Pairs that state different facts are never taken for the same.
- Relevance compares a query with a reply: each query with what was replied to it, recorded or by the cloud.

Negatives that differ in a single fact (a number changed, a yes made a no) are made from the reply itself and
reworded like the positives, so that rewording itself tells nothing. Every draw follows from the seed and the
number of the step, so a training that was killed draws the same again.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from endcloud.errors import TrainingError
from endcloud.facts import contradictions
from endcloud.scoring import contrasts
from endcloud.scoring.standin import lot
from endcloud.types import Example

MOST = 20_000  # exchanges learned from; of more, a weighted draw is taken
FEWEST_REPLIES = 64  # fewer different replies are no batch to tell apart
_SAME_QUESTION = 0.75  # cosine of two queries' n-grams from which on we take them for one question
_NEAREST = 8
_CHUNK = 512
_SORTED = 12  # batches whose texts are sorted by length together


@dataclass(frozen=True, slots=True)
class Exchange:
    """A query, the recorded reply, and the cloud's where it has a good one that states no other facts."""

    query: str
    reply: str
    cloud: str = ""

    @property
    def replies(self) -> tuple[str, ...]:
        return (self.reply, self.cloud) if self.cloud else (self.reply,)


Triplet = tuple[str, str, str]
"""(anchor, what belongs to it, what does not)"""


def exchanges(examples: Sequence[Example], clouds: Mapping[str, str]) -> list[Exchange]:
    """The training split's usable exchanges, by example id; `clouds` maps example ids to good cloud replies.

    Raises:
        TrainingError: there are fewer than `FEWEST_REPLIES` different replies.
    """
    usable = [e for e in examples if e.split == "train" and not e.excluded and e.weight > 0 and e.reply.strip()]
    chosen = heapq.nsmallest(MOST, usable, key=lambda example: (lot(example), example.id))
    found = [_exchange(e, clouds.get(e.id, "")) for e in sorted(chosen, key=lambda e: e.id) if e.query.strip()]
    if len(different := {exchange.reply for exchange in found}) < FEWEST_REPLIES:
        raise TrainingError(
            f"In-domain scorers need at least {FEWEST_REPLIES} different replies in the training split and found "
            f"{len(different)}; prepare more dialogues (`endcloud corpus`), or keep the stand-in scorers."
        )
    return found


def _exchange(example: Example, cloud: str) -> Exchange:
    apart = not cloud.strip() or cloud == example.reply or bool(contradictions(cloud, example.reply))
    return Exchange(example.query, example.reply, "" if apart else cloud)


class Pairs:
    """Draws what a batch learns from; `order` decides which exchanges, the methods which texts."""

    def __init__(self, found: Sequence[Exchange], seed: int) -> None:
        self.exchanges = list(found)
        self._seed = seed
        self._numbers = contrasts.numbers_in([exchange.reply for exchange in found])
        self._alike = _same_question(found)

    def batch(self, step: int, size: int) -> list[int]:
        """Rows of the exchanges of batch `step`, no two with a reply in common: it would be its own negative.

        Texts of like length stand together, since a batch is padded to its longest.
        """
        per_pass = max(1, len(self.exchanges) // size)
        draw = random.Random(f"{self._seed} pass {step // per_pass}")
        order = list(range(len(self.exchanges)))
        draw.shuffle(order)
        room = size * _SORTED
        order = [
            row for start in range(0, len(order), room) for row in sorted(order[start : start + room], key=self._long)
        ]
        start = draw.sample(range(per_pass), per_pass)[step % per_pass] * size
        rows: list[int] = []
        seen: set[str] = set()
        for row in order[start:] + order[:start]:
            texts = self.exchanges[row].replies
            if len(rows) < size and not seen.intersection(texts):
                rows.append(row)
                seen.update(texts)
        return rows

    def _long(self, row: int) -> int:
        return len(self.exchanges[row].query) + 2 * len(self.exchanges[row].reply)

    def of_replies(self, step: int, size: int) -> list[Triplet]:
        """(reply, a reply that says the same, one that does not) for batch `step`."""
        draw = random.Random(f"{self._seed} replies {step}")
        return [self._of_reply(row, draw) for row in self.batch(step, size)]

    def of_queries(self, step: int, size: int) -> list[Triplet]:
        """(query, what was replied to it, what was not) for batch `step`."""
        draw = random.Random(f"{self._seed} queries {step}")
        return [self._of_query(row, draw) for row in self.batch(step, size)]

    def changed(self, row: int, reply: str, draw: random.Random) -> str:
        """`reply` made wrong in one fact where it states one, else the reply of another exchange."""
        number = contrasts.with_another_number(reply, self._numbers, draw)
        denial = contrasts.denied(reply)
        made = [text for text in (number, denial) if text is not None]
        return draw.choice(made) if made else self.stranger(row, draw)

    def stranger(self, row: int, draw: random.Random) -> str:
        """A reply that was never given to this query."""
        own = set(self.exchanges[row].replies)
        others = (draw.choice(self.exchanges).reply for _ in range(64))
        return next((reply for reply in others if reply not in own), "")

    def _of_reply(self, row: int, draw: random.Random) -> Triplet:
        exchange = self.exchanges[row]
        other = [exchange.cloud] if exchange.cloud else []
        same = draw.choice([*other, *self._alike[row], exchange.reply])
        wrong = self.changed(row, draw.choice(exchange.replies), draw)
        return exchange.reply, contrasts.reworded(same, draw), contrasts.reworded(wrong, draw)

    def _of_query(self, row: int, draw: random.Random) -> Triplet:
        exchange = self.exchanges[row]
        right = draw.choice(exchange.replies)
        return (
            exchange.query,
            contrasts.reworded(right, draw),
            contrasts.reworded(self.changed(row, right, draw), draw),
        )


def _same_question(found: Sequence[Exchange]) -> list[list[str]]:
    """For each exchange, other replies to nearly the same query that state no other facts."""
    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    rows = grams.fit_transform([exchange.query for exchange in found])
    alike: list[list[str]] = []
    for start in range(0, len(found), _CHUNK):
        near = np.asarray((rows[start : start + _CHUNK] @ rows.T).toarray())
        alike += [_agreeing(found, start + place, line) for place, line in enumerate(near)]
    return alike


def _agreeing(found: Sequence[Exchange], row: int, near: np.ndarray) -> list[str]:
    nearest = np.argsort(-near, kind="stable")[: _NEAREST + 1]
    replies = (found[other].reply for other in nearest if other != row and near[other] > _SAME_QUESTION)
    own = found[row].reply
    return [reply for reply in dict.fromkeys(replies) if reply != own and not contradictions(reply, own)]

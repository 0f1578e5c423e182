"""The question-answer pairs that the teacher is shown, chosen for each question.

`fixed` shows everyone one block of pairs, `nearest` the N pairs most like the question, `mixed` (the best supported
way) a fixed block first, whose bytes the provider caches, and the nearest few last. Pairs come from the training
split only, hold no personal placeholder, and never come from the query's own dialogue or a near-duplicate of it: the
answer would stand in the prompt. So there are two fixed blocks of different dialogues, and a query that is excluded
from one is asked with the other; where both hold something too near, the smaller harm is cut out.

A pair that a newer truth has retired is shown no more: its newer reply stands in its place, or nothing does. So that
the model still sees how that matter is answered, the newest truths most like the question (what people corrected, what
was answered anew after an edit) stand last of all. Which pairs a question is asked with is chosen as if nothing were
retired, and the question is named by them (`Choice.named`), so that an edited rule asks again only what lies near it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from endcloud.cloud.persona import Pair
from endcloud.numerals import normalise
from endcloud.types import SUPERSEDED, Example

Mode = Literal["fixed", "nearest", "mixed"]
_PERSONAL = re.compile(r"\[[^\[\]\s]*_\d+\]")
_CHUNK = 512  # queries at a time: 512 x 20,000 similarities are 40 MB
_LONGEST = 200  # characters; a pair of the prompt is an example, not an essay
_SAME_QUESTION = 0.5  # cosine of character n-grams from which two questions count as one question
_NEWEST = 2  # newer truths that a question is shown


@dataclass(frozen=True, slots=True)
class Choice:
    """The pairs for one question. `block` is shared by many, `nearest` is this question's own (nearest last);
    `same` are those of both that answer the same question. `named` are block and nearest as they were recorded, and
    `renewed` tells what became of those that answered the same question and were retired, and what newer truths on it
    stand last in `nearest`."""

    block: tuple[Pair, ...]
    nearest: tuple[Pair, ...] = ()
    same: tuple[Pair, ...] = ()
    named: tuple[tuple[Pair, ...], tuple[Pair, ...]] = ((), ())
    renewed: tuple[str, ...] = ()


class Exemplars:
    """Chooses pairs by character n-gram TF-IDF. The same examples give the same blocks, byte for byte.

    `pairs` is N of the paper, `nearest` how many of them `mixed` takes by likeness, `pool` how many candidates are
    looked at (of more, a stable sample). Two dialogues or pairs are near-duplicates from `near_duplicate` Jaccard of
    character 3-grams on.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        mode: Mode = "mixed",
        pairs: int = 500,
        nearest: int = 8,
        pool: int = 20_000,
        near_duplicate: float = 0.8,
        newer: Mapping[str, str] | None = None,
        truths: Sequence[Example] = (),
    ) -> None:
        """`newer` are replies that hold today, by the example (excluded as superseded) in whose place they stand;
        `truths` are questions with what holds today, shown where they are like the question asked."""
        self.mode, self.asked = mode, pairs
        self._near_duplicate = near_duplicate
        self._newer = newer or {}
        self._truths = [one for one in truths if _shown(one)]
        self._pool = _candidates(examples, pool)
        self._own = pairs if mode == "nearest" else min(nearest, pairs) if mode == "mixed" else 0
        self._blocks: list[NDArray[np.intp]] = []
        self._block_of_cut: dict[tuple[int, ...], tuple[tuple[Pair, ...], tuple[Pair, ...]]] = {}
        if not self._pool or pairs == 0:
            self._pool, self._own = [], 0
            return
        self._index()
        if pairs > self._own:
            self._blocks = self._two_blocks(pairs - self._own)

    @property
    def used(self) -> int:
        """How many pairs a prompt holds at most: N, or what exists."""
        holding = [len(self._standing(block.tolist())) for block in self._blocks]
        return max(holding, default=0) + min(self._own, len(self._pool))

    @property
    def sentence(self) -> str:
        """What became of N, for the report; empty where all N are used."""
        if self.used >= self.asked:
            return ""
        return (
            f"N is {self.asked}, but a prompt holds {self.used} pairs: {len(self._pool)} pairs of the training split "
            "qualify, and the fixed block takes its pairs from one half of the dialogues."
        )

    def choose(self, examples: Sequence[Example]) -> Iterator[Choice]:
        """The pairs for each example's question, in order."""
        if not self._pool:
            yield from (Choice(()) for _ in examples)
            return
        dialogues = _dialogue_texts(examples)
        for start in range(0, len(examples), _CHUNK):
            part = examples[start : start + _CHUNK]
            likeness = _dense(self._questions.transform([question_of(e) for e in part]) @ self._question_rows.T)
            near = self._too_near(part, dialogues)
            yield from map(self._choice, likeness, near, self._newest(part))

    def _index(self) -> None:
        examples = self._pool
        self._pairs = [Pair(e.query, e.reply, e.id, e.dialogue) for e in examples]
        self._questions = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)
        self._question_rows = self._questions.fit_transform([question_of(e) for e in examples])
        if self._truths:
            self._truth_rows = self._questions.transform([question_of(e) for e in self._truths])
        self._trigrams = CountVectorizer(analyzer=_trigrams, binary=True, dtype=np.int32)
        self._trigrams.fit([*map(_pair_text, examples), *_dialogue_texts(examples).values()])
        self._pair_rows = self._trigrams.transform([_pair_text(e) for e in examples])
        names = {name: number for number, name in enumerate(_dialogue_texts(examples))}
        self._dialogue_rows = self._trigrams.transform(_dialogue_texts(examples).values())
        self._dialogue_of = np.array([names[e.dialogue] for e in examples])
        self._retired = np.array([e.excluded == SUPERSEDED for e in examples])
        self._today = [
            replace(pair, reply=self._newer.get(pair.example, "")) if gone else pair
            for pair, gone in zip(self._pairs, self._retired.tolist(), strict=True)
        ]
        self._dialogue_number = names

    def _two_blocks(self, size: int) -> list[NDArray[np.intp]]:
        """Two blocks of `size` diverse pairs, no dialogue in both: each takes in turn the pair farthest from those
        it has (k-centre), so that both cover what customers ask."""
        texts = [f"{question_of(e)} {normalise(e.reply)}" for e in self._pool]
        rows = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32).fit_transform(
            texts
        )
        weight = np.array([e.weight for e in self._pool], dtype=np.float32)
        central = np.asarray(rows @ rows.mean(axis=0).T).ravel()
        owner = np.full(len(self._dialogue_number), -1)
        distance = [np.ones(len(self._pool), dtype=np.float32) + 1e-3 * central for _ in range(2)]
        blocks: list[list[int]] = [[], []]
        for turn in range(2 * size):
            block = turn % 2
            free = (owner[self._dialogue_of] == -1) | (owner[self._dialogue_of] == block)
            worth = np.where(free & (distance[block] > 0), distance[block] * weight + 1e-6, -1.0)
            pick = int(np.argmax(worth))
            if worth[pick] <= 0:
                continue
            blocks[block].append(pick)
            owner[self._dialogue_of[pick]] = block
            distance[block] = np.minimum(distance[block], 1.0 - _dense(rows @ rows[pick].T).ravel())
            distance[block][pick] = 0.0
        return [np.array(sorted(block), dtype=np.intp) for block in blocks]

    def _too_near(self, examples: Sequence[Example], dialogues: dict[str, str]) -> NDArray[np.bool_]:
        """(examples, pool): whether a pair's dialogue is the example's own, or it or its pair a near-duplicate."""
        near = self._jaccard([_pair_text(e) for e in examples], self._pair_rows) >= self._near_duplicate
        whole = [dialogues[e.dialogue] for e in examples]
        alike = self._jaccard(whole, self._dialogue_rows) >= self._near_duplicate
        for row, example in enumerate(examples):
            own = self._dialogue_number.get(example.dialogue)
            if own is not None:
                alike[row, own] = True
        return np.asarray(near | alike[:, self._dialogue_of])

    def _jaccard(self, texts: Sequence[str], rows: csr_matrix) -> NDArray[np.float32]:
        """(texts, rows): shared 3-grams over all 3-grams, those that the index never saw included."""
        shared = _dense(self._trigrams.transform(texts) @ rows.T)
        sizes = np.array([[len(_trigrams(text))] for text in texts]) + np.asarray(rows.sum(axis=1)).reshape(1, -1)
        return np.asarray(shared / np.maximum(1, sizes - shared), dtype=np.float32)

    def _newest(self, examples: Sequence[Example]) -> Iterator[list[Example]]:
        """The newer truths on each example's question that do not come from its own dialogue, the most like it last."""
        if not self._truths:
            yield from ([] for _ in examples)
            return
        likeness = _dense(self._questions.transform([question_of(e) for e in examples]) @ self._truth_rows.T)
        for example, like in zip(examples, likeness, strict=True):
            best = np.argsort(-like, kind="stable")[: 2 * _NEWEST].tolist()
            found = [self._truths[i] for i in best if like[i] >= _SAME_QUESTION]
            yield [one for one in found if one.dialogue != example.dialogue][:_NEWEST][::-1]

    def _choice(self, likeness: NDArray[np.float32], near: NDArray[np.bool_], newest: Sequence[Example]) -> Choice:
        block = self._block(near)
        nearest: list[int] = []
        if self._own:
            open_pairs = np.where(near, -1.0, likeness)
            open_pairs[block] = -1.0
            count = min(self._own, len(open_pairs))
            best = np.argpartition(-open_pairs, count - 1)[:count]
            nearest = sorted((int(i) for i in best if open_pairs[i] >= 0), key=lambda i: (open_pairs[i], -i))
        same = [i for i in (*block.tolist(), *nearest) if likeness[i] >= _SAME_QUESTION]
        recorded, today = self._pairs_of(block)
        truths = tuple(Pair(e.query, e.reply, e.id, e.dialogue) for e in newest)
        renewed = (*(self._today[i] for i in same if self._retired[i]), *truths)
        return Choice(
            today,
            (*self._standing(nearest), *truths),
            (*self._standing(same), *truths),
            (recorded, tuple(self._pairs[i] for i in nearest)),
            tuple(f"{pair.example}\0{pair.reply}" for pair in renewed),
        )

    def _standing(self, chosen: Sequence[int]) -> tuple[Pair, ...]:
        """These pairs as they are shown today; a retired one without a newer reply is not."""
        return tuple(self._today[i] for i in chosen if self._today[i].reply)

    def _block(self, near: NDArray[np.bool_]) -> NDArray[np.intp]:
        """The first block that holds nothing too near; else the one that loses least, without what is too near."""
        if not self._blocks:
            return np.array([], dtype=np.intp)
        block = min(self._blocks, key=lambda block: int(near[block].sum()))
        return block[~near[block]]

    def _pairs_of(self, block: NDArray[np.intp]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
        """A block as recorded and as shown; the same tuples for the same pairs: a prompt's text is made once."""
        key = tuple(block.tolist())
        if key not in self._block_of_cut:
            self._block_of_cut[key] = (tuple(self._pairs[i] for i in key), self._standing(key))
        return self._block_of_cut[key]


def question_of(example: Example) -> str:
    """The text by which questions are compared: the query, with the turn before it where it says too little alone."""
    query = normalise(example.query)
    earlier = [m.content for m in example.messages[:-1] if m.role == "user"]
    return query if len(query) >= 6 or not earlier else f"{normalise(earlier[-1])} {query}"


def _candidates(examples: Sequence[Example], pool: int) -> list[Example]:
    """The training examples fit to be shown, one for each distinct pair, in an order that no input order changes."""
    distinct: dict[tuple[str, str], Example] = {}
    for example in sorted(examples, key=_stable):
        if _fit(example):
            distinct.setdefault((normalise(example.query), normalise(example.reply)), example)
    return list(distinct.values())[:pool]


def _stable(example: Example) -> bytes:
    return hashlib.blake2b(f"{example.dialogue}\0{example.id}".encode(), digest_size=16).digest()


def _fit(example: Example) -> bool:
    return (
        example.split == "train"
        and example.origin in ("natural", "human")
        and example.excluded in ("", SUPERSEDED)
        and example.weight > 0
        and _shown(example)
    )


def _shown(example: Example) -> bool:
    """Whether a prompt may hold it: short, and nothing personal in it."""
    texts = (example.query, example.reply)
    return all(text.strip() and len(text) <= _LONGEST and not _PERSONAL.search(text) for text in texts)


def _pair_text(example: Example) -> str:
    return f"{normalise(example.query)}\n{normalise(example.reply)}"


def _dialogue_texts(examples: Sequence[Example]) -> dict[str, str]:
    """What was said in each dialogue, as far as its examples show it."""
    said: dict[str, dict[str, None]] = {}
    for example in examples:
        lines = said.setdefault(example.dialogue, {})
        lines.update(dict.fromkeys([*(normalise(m.content) for m in example.messages), normalise(example.reply)]))
    return {dialogue: "\n".join(lines) for dialogue, lines in said.items()}


def _trigrams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(max(1, len(text) - 2))}


def _dense(matrix: csr_matrix) -> NDArray[np.float32]:
    return np.asarray(matrix.toarray(), dtype=np.float32)

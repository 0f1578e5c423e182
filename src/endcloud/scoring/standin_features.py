"""What the stand-in scorers look at: character n-grams, latent meaning, facts, and what was said before.

Character 1- to 3-grams need no word segmenter. Latent semantic analysis over whole (query, reply) pairs brings
together words that the shop's dialogues use in one place. Neither can tell 59 from 99, so stated facts are
compared too (`endcloud.facts`). Relevance also remembers: it looks up the training queries most like this one,
and asks whether the reply is like theirs and states what they state. Every feature is oriented so that more
speaks for the pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from endcloud.facts import Fact, contradictions, stated

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Matrix = NDArray[np.float64]

NEIGHBOURS = 12
_LATENT = 64
_CHUNK = 256

SIMILARITY_FEATURES = ("n-grams", "meaning", "facts shared", "no contradiction", "as many facts")
RELEVANCE_FEATURES = (
    "meaning",
    "like what was said",
    "closest to what was said",
    "meaning of what was said",
    "closest in meaning to what was said",
    "precedent",
    "facts known",
    "no contradiction",
    "states something",
)


class Memory:
    """The training pairs in the space of their n-grams and latent meaning."""

    def __init__(self, queries: Sequence[str], replies: Sequence[str], components: Matrix | None = None) -> None:
        """`components` (latent, n-grams) of an earlier fit; without them they are fitted here."""
        self.queries = list(queries)
        self.replies = list(replies)
        self._grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
        self._grams.fit([*self.queries, *self.replies])
        self.components = self._fit_meaning() if components is None else components
        self._query_rows = self.grams(self.queries)
        self._reply_rows = self.grams(self.replies)
        self._reply_meanings = self._meaning(self._reply_rows)
        self._stated = [stated(reply) for reply in self.replies]

    def grams(self, texts: Sequence[str]) -> csr_matrix:
        """TF-IDF rows of unit length, (texts, n-grams)."""
        return self._grams.transform(texts)

    def queries_alike(self, rows: Sequence[int]) -> Matrix:
        """Cosine of these training queries with all, (rows, n), with 0 for each with itself."""
        chosen = list(rows)
        alike = np.asarray((self._query_rows[chosen] @ self._query_rows.T).toarray(), dtype=np.float64)
        alike[np.arange(len(chosen)), chosen] = 0.0
        return alike

    def similarity_features(self, pairs: Sequence[tuple[str, str]]) -> Matrix:
        """(pairs, SIMILARITY_FEATURES) for pairs of replies; the order within a pair does not matter."""
        first, second = self.grams([a for a, _ in pairs]), self.grams([b for _, b in pairs])
        literal = np.asarray(first.multiply(second).sum(axis=1)).ravel()
        latent = (self._meaning(first) * self._meaning(second)).sum(axis=1)
        return np.column_stack([literal, latent, np.array([_fact_features(a, b) for a, b in pairs])])

    def relevance_features(self, pairs: Sequence[tuple[str, str]], own: Sequence[int] | None = None) -> Matrix:
        """(pairs, RELEVANCE_FEATURES) for (query, reply); `own` is the training row to leave out of each look-up."""
        parts = [
            self._relevance_chunk(pairs[start : start + _CHUNK], None if own is None else own[start : start + _CHUNK])
            for start in range(0, len(pairs), _CHUNK)
        ]
        return np.concatenate(parts)

    def _relevance_chunk(self, pairs: Sequence[tuple[str, str]], own: Sequence[int] | None) -> Matrix:
        asked, said = self.grams([query for query, _ in pairs]), self.grams([reply for _, reply in pairs])
        asked_meaning, said_meaning = self._meaning(asked), self._meaning(said)
        near = np.asarray((asked @ self._query_rows.T).toarray(), dtype=np.float64)
        if own is not None:
            near[np.arange(len(pairs)), list(own)] = 0.0
        count = min(NEIGHBOURS, near.shape[1])
        top = np.argpartition(-near, count - 1, axis=1)[:, :count]  # (pairs, neighbours), in no order
        weight = np.take_along_axis(near, top, axis=1) ** 3
        weight /= weight.sum(axis=1, keepdims=True) + 1e-9
        close = np.asarray((said @ self._reply_rows.T).toarray(), dtype=np.float64)
        precedent = np.sqrt(near * close).max(axis=1)
        literal = np.take_along_axis(close, top, axis=1)
        latent = np.take_along_axis(said_meaning @ self._reply_meanings.T, top, axis=1)
        facts = np.array([self._known(*pair, top[row], weight[row]) for row, pair in enumerate(pairs)])
        columns = [
            (asked_meaning * said_meaning).sum(axis=1),
            (weight * literal).sum(axis=1),
            literal.max(axis=1),
            (weight * latent).sum(axis=1),
            latent.max(axis=1),
            precedent,
        ]
        return np.column_stack([*columns, facts])

    def _known(self, query: str, reply: str, near: NDArray[np.intp], weight: Matrix) -> tuple[float, float, float]:
        """How well the replies to neighbouring queries support what `reply` states, by its weakest fact."""
        ours = stated(reply)
        asked = stated(query)
        theirs = [(float(w), self._stated[row]) for w, row in zip(weight, near, strict=True)]
        known = min((_support(fact, asked, theirs) for fact in ours), default=1.0)
        speaking = sum(w for w, facts in theirs if facts)  # how much a reply to this query is expected to state
        against = sum(float(w) for w, row in zip(weight, near, strict=True) if contradictions(reply, self.replies[row]))
        return known, 1.0 - against, 1.0 if ours else 1.0 - speaking

    def _fit_meaning(self) -> Matrix:
        whole = self.grams([f"{query}\n{reply}" for query, reply in zip(self.queries, self.replies, strict=True)])
        size = max(1, min(_LATENT, min(whole.shape) - 1))
        return np.asarray(TruncatedSVD(size, random_state=0).fit(whole).components_, dtype=np.float64)

    def _meaning(self, rows: csr_matrix) -> Matrix:
        return np.asarray(normalize(np.asarray(rows @ self.components.T)), dtype=np.float64)


def _support(fact: Fact, asked: frozenset[Fact], theirs: Sequence[tuple[float, frozenset[Fact]]]) -> float:
    if any(fact.agrees(other) for other in asked):
        return 1.0  # the customer said it first
    return sum(weight for weight, facts in theirs if any(fact.agrees(other) for other in facts))


def _fact_features(first: str, second: str) -> tuple[float, float, float]:
    ours, theirs = stated(first), stated(second)
    either = ours | theirs
    shared = {fact for fact in ours if any(fact.agrees(other) for other in theirs)}
    clash = contradictions(first, second) or contradictions(second, first)
    share = len(shared) / max(len(ours), len(theirs)) if either else 0.5
    # A reply that is silent where the other states a fact leaves the question open.
    return share, 0.0 if clash else 1.0, 0.0 if bool(ours) != bool(theirs) else 1.0

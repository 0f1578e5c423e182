"""How near a query lies to what was trained: a model is surest, and most wrongly so, where nobody taught it.

Character n-grams of the trained queries, weighted by TF-IDF; nearness is the cosine to the nearest query. Made anew
when a service starts (a second for some thousand queries) and asked in about half a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.feature_extraction.text import TfidfVectorizer

_GRAMS = (1, 3)


class NearnessIndex:
    """The trained queries as sparse vectors."""

    def __init__(self, queries: Sequence[str]) -> None:
        """`queries` in the form in which they were trained (masked); must not be empty."""
        self._vectorizer = TfidfVectorizer(analyzer="char", ngram_range=_GRAMS, sublinear_tf=True)
        self._queries = self._vectorizer.fit_transform(list(dict.fromkeys(queries)))

    def nearness(self, query: str) -> float:
        """The likeness to the nearest trained query, in [0, 1]; 0 where they share no character."""
        vector = self._vectorizer.transform([query])
        return min(1.0, float((self._queries @ vector.T).max()))

"""How near a query lies to what was trained: a model is surest, and most wrongly so, where nobody taught it.

Character n-grams of the trained queries, weighted by TF-IDF; nearness is the cosine to the nearest query. What no
trained query holds counts in full: 手机壳多少钱 is not near 浴巾多少钱 only because 手机壳 is unknown. Made anew when a
service starts (a second for some thousand queries) and asked in about half a millisecond.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

_GRAMS = (1, 3)


class NearnessIndex:
    """The trained queries as sparse vectors of length 1."""

    def __init__(self, queries: Sequence[str]) -> None:
        """`queries` in the form in which they were trained (masked); must not be empty."""
        different = list(dict.fromkeys(queries))
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=_GRAMS, sublinear_tf=True)
        self._queries = vectorizer.fit_transform(different).tocsr()
        self._grams_of = vectorizer.build_analyzer()
        self._column = vectorizer.vocabulary_
        self._rarity = vectorizer.idf_
        self._unknown = math.log(1 + len(different)) + 1  # the same formula for what no query holds

    def nearness(self, query: str) -> float:
        """The likeness to the nearest trained query, in [0, 1]; 0 where they share no character."""
        columns: list[int] = []
        weights: list[float] = []
        squares = 0.0
        for gram, count in Counter(self._grams_of(query)).items():
            column = self._column.get(gram)
            weight = (1 + math.log(count)) * (self._unknown if column is None else float(self._rarity[column]))
            squares += weight * weight
            if column is not None:
                columns.append(column)
                weights.append(weight)
        if not columns:
            return 0.0
        vector = csr_matrix((weights, (columns, [0] * len(columns))), shape=(len(self._column), 1))
        return min(1.0, float((self._queries @ vector).max()) / math.sqrt(squares))

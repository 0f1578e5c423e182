"""Key/values that were computed before: a prompt that begins like an earlier one need not be read again.

Every prompt of a version begins with the same system sentence, and every later turn of a conversation with the
turns before. When a reply has ended its slot is kept here, by version: what one version computed is never given to
another. The longest beginning in common is found by comparing ids, so a hit is exact and cannot be guessed at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from endcloud.end.slots import Stretch

Ids = np.ndarray[tuple[int], np.dtype[np.int64]]


class Prefixes:
    """The latest prompts with their key/values, at most `most` tokens of them; the least used go first.

    A stretch holds the tokens only: what a prompt method puts in front is the version's own and not kept again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._entries: dict[str, OrderedDict[bytes, tuple[Ids, Stretch]]] = {}
        self._ages: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self.hits = 0
        self.tokens_saved = 0

    def longest(self, version: str, prompt: Sequence[int]) -> Stretch | None:
        """The key/values of the longest known beginning of `prompt`, its last token always left out, since
        what comes after it is what is asked for."""
        asked = np.asarray(prompt[:-1], dtype=np.int64)
        best, name, found = 0, b"", None
        for key, (ids, stretch) in self._entries.get(version, {}).items():
            common = _common(asked, ids)
            if common > best:
                best, name, found = common, key, stretch
        if found is None:
            return None
        self._ages.move_to_end((version, name))
        self.hits += 1
        self.tokens_saved += best
        return found.first(best)

    def keep(self, version: str, ids: Sequence[int], stretch: Stretch) -> None:
        """Keeps the key/values of `ids`; those of its own beginnings are dropped, being contained in it."""
        whole = np.asarray(ids, dtype=np.int64)
        entries = self._entries.setdefault(version, OrderedDict())
        for key, (known, _) in list(entries.items()):
            common = _common(whole, known)
            if common == len(whole):
                return
            if common == len(known):
                self._drop(version, key)
        key = whole.tobytes()
        entries = self._entries.setdefault(version, OrderedDict())
        entries[key] = (whole, stretch)
        self._ages[version, key] = len(whole)
        self._held += len(whole)
        while self._held > self._most and self._ages:
            self._drop(*next(iter(self._ages)))

    def forget(self, version: str) -> None:
        """Drops all that a version computed."""
        for key in list(self._entries.get(version, {})):
            self._drop(version, key)

    def _drop(self, version: str, key: bytes) -> None:
        self._held -= self._ages.pop((version, key))
        del self._entries[version][key]
        if not self._entries[version]:
            del self._entries[version]


def _common(first: Ids, second: Ids) -> int:
    """How many ids two sequences begin with in common."""
    length = min(len(first), len(second))
    differs = first[:length] != second[:length]
    return int(differs.argmax()) if differs.any() else length

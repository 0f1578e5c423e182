"""How a caller wants a reply: how it is drawn, where it ends, and whether it is shown bit by bit or when it is whole.

A page shows every clause as it is released, and what was shown is never taken back. A plain call of the API shows
nothing before the reply is whole: there a reply that fails its checks was never seen, and the next route answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from endcloud.types import Sampling


@dataclass(frozen=True, slots=True)
class Delivery:
    """`sampling` is the shop's own where it is None; the reply ends before the first of `stops`."""

    sampling: Sampling | None = None
    stops: tuple[str, ...] = ()
    whole: bool = False


class Stops:
    """Cuts one reply off where a stop text begins; what may be the beginning of one waits."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._waits = max((len(stop) for stop in stops), default=1) - 1
        self._waiting = ""
        self.met = False

    def feed(self, words: str, *, last: bool = False) -> str:
        """What comes before a stop text, as far as that is certain; all of it where nothing follows."""
        if self.met:
            return ""
        text = self._waiting + words
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.met, self._waiting = True, ""
            return text[: min(found)]
        certain = len(text) if last else max(0, len(text) - self._waits)
        self._waiting = text[certain:]
        return text[:certain]

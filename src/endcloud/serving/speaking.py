"""One reply of a model on its way to the customer: held back until it is judged, let out clause by clause, counted.

A reply that fails before a word was shown is as if it had never been; of one that fails later, what was shown stays.
One that meets a stop text has ended there, and what its model says on is not shown; a model that tells only at its end
what it took is heard to its end.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Literal

from endcloud.errors import EndcloudError
from endcloud.protocols import Clock
from endcloud.serving.confidence import Confidence, Evidence
from endcloud.serving.delivery import Stops
from endcloud.serving.events import Began, Event, Piece, Said
from endcloud.serving.release import PersonPromised, Release, Withheld
from endcloud.types import Delta, Drawn, Finish, Tokens, Turn

Relevance = Callable[[str, str], float | None]
"""The relevance scorer's word on a query and a whole reply; None where unknown."""


class Unfit(Exception):
    """A route has no reply that may be shown, or none that may go on."""


class Promised(Unfit):
    """The reply promises a person: one is to be called, and no other route asked."""


async def speak(deltas: AsyncIterator[Delta], reply: Reply, judge: Judge | None = None) -> AsyncGenerator[Event]:
    """Lets a model's reply out piece by piece. Raises Unfit where it has none to show, or must not go on."""
    try:
        async for delta in deltas:
            reply.hear(delta)
            if reply.stopped():
                if reply.counted:
                    break
                continue
            text = delta.text if judge is None else judge.hear(delta)
            if text is None:
                continue
            reply.probability = judge.probability if judge else None
            for event in reply.let_out(text, delta.finish):
                yield event
            if reply.stopped() and reply.counted:
                break
        if not reply.shown.strip() and not reply.stopped():
            raise Unfit("the reply is empty")
    except (Withheld, Unfit, EndcloudError) as failure:
        if reply.stopped() and isinstance(failure, EndcloudError):  # it had ended: nobody waits for what broke off
            yield Said(reply.turn(reply.finish))
            return
        reason = str(failure) if isinstance(failure, (Withheld, Unfit)) else f"failed with {type(failure).__name__}"
        if reply.shown.strip():
            yield Said(reply.turn("content_filter", reason))
        raise (Promised if isinstance(failure, PersonPromised) else Unfit)(reason) from failure
    finally:
        if isinstance(deltas, AsyncGenerator):  # frees the model's place when the customer has left
            await deltas.aclose()
    yield Said(reply.turn(reply.finish))


class Judge:
    """Holds an end reply back until the estimator has judged it."""

    def __init__(self, query: str, confidence: Confidence, nearness: float | None, relevance: Relevance) -> None:
        self._query, self._confidence = query, confidence
        self._nearness, self._relevance = nearness, relevance
        self._waiting = ""
        self._drawn: list[Drawn] = []
        self.probability: float | None = None

    def hear(self, delta: Delta) -> str | None:
        """The text that may go on to the checks, None while it is held back; raises Unfit for an unsure reply."""
        if self.probability is not None:
            return delta.text
        self._waiting += delta.text
        self._drawn += delta.drawn
        whole, confidence = delta.finish is not None, self._confidence
        if not whole and len(self._drawn) < max(1, confidence.held_back):
            return None
        relevance = self._relevance(self._query, self._waiting) if whole else None
        drawn = self._drawn if whole else self._drawn[: max(1, confidence.held_back)]
        evidence = Evidence(self._query, self._waiting, tuple(drawn), whole, self._nearness, relevance)
        probability = confidence.estimate(evidence)
        if probability < confidence.accept:
            raise Unfit(f"{confidence.name} {probability:.2f} < {confidence.accept:.2f}")
        self.probability = probability
        return self._waiting


class Reply:
    """One reply of a model on its way to the customer."""

    def __init__(
        self,
        name: str,
        query: Turn,
        route: Literal["end", "cloud"],
        version: str,
        release: Release,
        clock: Clock,
        reason: str,
        stops: tuple[str, ...] = (),
    ) -> None:
        self._id, self._query, self._route, self._version = name, query, route, version
        self._release, self._clock, self._reason = release, clock, reason
        self._stops = Stops(stops)
        self._began = time.monotonic()
        self._first = 0.0
        self._tokens = Tokens()
        self.finish: Finish = "stop"
        self.probability: float | None = None

    @property
    def shown(self) -> str:
        return self._release.shown

    def stopped(self) -> bool:
        """Whether a stop text was met."""
        return self._stops.met

    @property
    def counted(self) -> bool:
        """Whether it is known what the reply took."""
        return self._tokens != Tokens()

    def hear(self, delta: Delta) -> None:
        self._tokens = delta.tokens or self._tokens
        if not self.stopped():
            self.finish = delta.finish or self.finish

    def let_out(self, text: str, finish: Finish | None) -> list[Event]:
        """The pieces that may be shown; raises Withheld where a check fails."""
        fresh = not self.shown
        text = self._stops.feed(text, last=finish is not None)
        if self.stopped():
            self.finish = "stop"
        piece = self._release.feed(text, last=self.stopped() or finish is not None)
        if not piece:
            return []
        conversation = self._query.conversation
        events: list[Event] = [Piece(conversation, self._id, piece)]
        if fresh:
            self._first = time.monotonic() - self._began
            events.insert(0, Began(conversation, self._id, self._route, self._version))
        return events

    def turn(self, finish: Finish, problem: str = "") -> Turn:
        """The reply as it was shown."""
        return Turn(
            self._id,
            self._query.conversation,
            self._route,
            self.shown,
            self._clock.now(),
            self._query.id,
            self._route,
            self._version,
            "; ".join(filter(None, (self._reason, problem))),
            self.probability,
            finish,
            time.monotonic() - self._began,
            self._first,
            self._tokens,
        )

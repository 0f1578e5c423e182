"""Who answers a customer: the end model first, the cloud when that is not sure enough, a person when neither should.

The first tokens of an end reply are held back until the estimator has judged them; what is let out after that is
checked clause by clause. A route that fails before a word was shown is as if it had never spoken; one that
fails later leaves what was shown, ends there, and the next route answers in a turn of its own.
The router decides and speaks; `endcloud.serving.service` keeps what was said.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from endcloud.errors import CloudError, EndcloudError
from endcloud.protocols import ChatModel, Clock
from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Confidence, Evidence
from endcloud.serving.events import Began, Event, Piece, Said
from endcloud.serving.release import Check, Release, Withheld
from endcloud.types import Delta, Drawn, Finish, Message, Request, Sampling, Tokens, Turn

_CAUTION = "caution: "
_PERSONAL = "from what is known of the customer"
_LOOKED_UP = "as the shop's own system says"
"""Marks of replies that may hold what must not leave this machine, although nobody would mask it: 175, 顺丰, 金卡."""
_ROLES: dict[str, Literal["user", "assistant"]] = {
    "customer": "user",
    "end": "assistant",
    "cloud": "assistant",
    "human": "assistant",
    "shop": "assistant",
}


@dataclass(frozen=True, slots=True)
class Wording:
    """What the service itself says; the settings may change every sentence."""

    caution: str = "亲，这个问题我不太有把握，怕答错了误导您。您可以换个说法再问一次，或回复“转人工”请客服确认。"
    calling: str = "好的亲，正在为您转接人工客服，请稍候。"
    closed: str = "亲，现在不是人工客服的工作时间（{hours}）。您的问题已经记下，客服上班后会在这里回复您。"
    picture: str = "亲，我暂时看不了图片，请用文字描述一下，或回复“转人工”请客服查看。"


@dataclass(frozen=True, slots=True)
class Talk:
    """A query with what was said before it, oldest first, and what is known of the customer.

    `about` are lines for the end model's prompt only: they never go to a cloud. `told` are texts whose facts a
    reply may repeat, such as what a lookup gave.
    """

    query: Turn
    before: tuple[Turn, ...] = ()
    about: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as a model reads it: neighbours of one side merged, notices of the service left out."""
        return self._merged(private=True)

    @property
    def shareable(self) -> tuple[Message, ...]:
        """The conversation without the replies that were drawn from memory or a lookup: for a cloud."""
        return self._merged(private=False)

    def _merged(self, *, private: bool) -> tuple[Message, ...]:
        merged: list[Message] = []
        for turn in (*self.before, self.query):
            if turn.speaker == "shop" or not turn.text:
                continue
            if not private and (_PERSONAL in turn.reason or _LOOKED_UP in turn.reason):
                continue
            role = _ROLES[turn.speaker]
            if merged and merged[-1].role == role:
                merged[-1] = Message(role, f"{merged[-1].content}\n{turn.text}")
            else:
                merged.append(Message(role, turn.text))
        return tuple(merged)

    @property
    def sources(self) -> tuple[str, ...]:
        return (*(message.content for message in self.messages), *self.about, *self.told)


@dataclass(frozen=True)
class CloudRoute:
    """The way to the cloud, or the reason why there is none."""

    model: ChatModel | None
    affordable: Callable[[], bool]
    breaker: CircuitBreaker
    closed_because: str = ""

    def skipped(self) -> str:
        """Why the cloud cannot be asked now; empty where it can."""
        if self.model is None:
            return self.closed_because or "no cloud is set up"
        if not self.affordable():
            return "the budget is spent"
        return "" if self.breaker.closed() else "the cloud has failed too often, its circuit is open"


@dataclass(frozen=True)
class EndRoute:
    """The end model as customers meet it, the version it answers as, and how its replies are judged."""

    model: ChatModel
    version: str
    confidence: Confidence
    nearness: Callable[[str], float | None] = lambda _: None
    relevance: Callable[[str, str], float | None] = lambda _query, _reply: None


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """The router's last word: a person is needed, and why."""

    reason: str


class _Unfit(Exception):
    """A route has no reply that may be shown, or none that may go on."""


@dataclass
class Router:
    """Answers one query after the other. `end` is asked anew for each, so that a promotion takes effect at once."""

    end: Callable[[], EndRoute]
    cloud: CloudRoute
    checks: Sequence[Check]
    clock: Clock
    wording: Wording = field(default_factory=Wording)
    phrase_lookups: bool = False

    async def answer(self, talk: Talk) -> AsyncGenerator[Event | NeedsPerson]:
        """Yields the events of one answer: pieces as they are released and turns when they are whole.

        `NeedsPerson` comes last where a person is needed.
        """
        reasons: list[str] = []
        if talk.told and not self.phrase_lookups:
            yield Said(self._as_told(talk))
            return
        for speak, why_not in ((self._end, None), (self._cloud, self.cloud.skipped)):
            if talk.told and reasons:  # the end model could not say it; the shop's system already has
                yield Said(self._as_told(talk))
                return
            if why_not is not None and (skipped := why_not()):
                reasons.append(f"cloud skipped: {skipped}")
                continue
            try:
                async with aclosing(speak(talk, "; ".join(reasons))) as events:
                    async for event in events:
                        yield event
                return
            except _Unfit as unfit:
                reasons.append(str(unfit))
        reason = "; ".join(reasons)
        if _was_unsure(talk.before):
            yield NeedsPerson(f"not sure twice: {reason}")
        else:
            yield Said(self._caution(talk, reason))

    async def take_over(self, talk: Talk, reason: str) -> AsyncGenerator[Event]:
        """The cloud's answer to a query, whatever the end model said of it: offered after a thumbs-down."""
        if skipped := self.cloud.skipped():
            raise CloudError(f"The cloud cannot be asked: {skipped}.")
        try:
            async with aclosing(self._cloud(talk, reason)) as events:
                async for event in events:
                    yield event
        except _Unfit as unfit:
            raise CloudError(f"The cloud has no answer that may be shown: {unfit}.") from unfit

    async def draft(self, talk: Talk) -> str:
        """What the end model would say, unjudged and unchecked: for an agent to start from, never for a customer."""
        deltas = self.end().model.stream(self._asked(talk))
        return "".join([delta.text async for delta in deltas])

    def _asked(self, talk: Talk) -> Request:
        """What is known stands in front of the question, as if said with it: small models hear it best there."""
        *before, query = talk.messages
        asked = Message("user", "\n".join((*talk.about, query.content)))
        return Request((*before, asked), conversation=talk.query.conversation, sampling=talk.sampling)

    async def _end(self, talk: Talk, reason: str) -> AsyncGenerator[Event]:
        route = self.end()
        reason = _PERSONAL if talk.about else reason
        reply = _Reply(talk, "end", route.version, Release(self.checks, talk.sources), self.clock, reason)
        async with aclosing(
            _speak(route.model.stream(self._asked(talk)), reply, _Judge(route, talk.query.text))
        ) as events:
            async for event in events:
                yield event

    async def _cloud(self, talk: Talk, reason: str) -> AsyncGenerator[Event]:
        assert self.cloud.model is not None
        request = Request(talk.shareable, purpose="takeover", conversation=talk.query.id, sampling=talk.sampling)
        reply = _Reply(talk, "cloud", self.cloud.model.name, Release(self.checks, talk.sources), self.clock, reason)
        try:
            async with aclosing(_speak(self.cloud.model.stream(request), reply)) as events:
                async for event in events:
                    yield event
        except _Unfit as unfit:
            if isinstance(unfit.__cause__, CloudError):
                self.cloud.breaker.failed()
            raise _Unfit(f"cloud: {unfit}") from unfit
        self.cloud.breaker.succeeded()

    def _caution(self, talk: Talk, reason: str) -> Turn:
        return self._ready(talk, self.wording.caution, f"{_CAUTION}{reason}")

    def _as_told(self, talk: Talk) -> Turn:
        """A lookup's answer in its own words: it is the shop's, and a small model could only spoil it."""
        return replace(self._ready(talk, "\n".join(talk.told), _LOOKED_UP), version="lookup")

    def _ready(self, talk: Talk, text: str, reason: str) -> Turn:
        """A reply that no model has drawn."""
        query = talk.query
        return Turn(new_id("t"), query.conversation, "end", text, self.clock.now(), query.id, "end", reason=reason)


async def _speak(deltas: AsyncIterator[Delta], reply: _Reply, judge: _Judge | None = None) -> AsyncGenerator[Event]:
    """Lets a model's reply out piece by piece. Raises _Unfit where it has none to show, or must not go on."""
    try:
        async for delta in deltas:
            reply.hear(delta)
            text = delta.text if judge is None else judge.hear(delta)
            if text is None:
                continue
            reply.probability = judge.probability if judge else None
            for event in reply.let_out(text, delta.finish):
                yield event
        if not reply.shown.strip():
            raise _Unfit("the reply is empty")
    except (Withheld, _Unfit, EndcloudError) as failure:
        reason = str(failure) if isinstance(failure, (Withheld, _Unfit)) else f"failed with {type(failure).__name__}"
        if reply.shown.strip():
            yield Said(reply.turn("content_filter", reason))
        raise _Unfit(reason) from failure
    finally:
        if isinstance(deltas, AsyncGenerator):  # frees the model's place when the customer has left
            await deltas.aclose()
    yield Said(reply.turn(reply.finish))


class _Judge:
    """Holds an end reply back until the estimator has judged it."""

    def __init__(self, route: EndRoute, query: str) -> None:
        self._route, self._query = route, query
        self._waiting = ""
        self._drawn: list[Drawn] = []
        self._nearness = route.nearness(query)
        self.probability: float | None = None

    def hear(self, delta: Delta) -> str | None:
        """The text that may go on to the checks, None while it is held back; raises _Unfit for an unsure reply."""
        if self.probability is not None:
            return delta.text
        self._waiting += delta.text
        self._drawn += delta.drawn
        whole, confidence = delta.finish is not None, self._route.confidence
        if not whole and len(self._drawn) < max(1, confidence.held_back):
            return None
        relevance = self._route.relevance(self._query, self._waiting) if whole else None
        drawn = self._drawn if whole else self._drawn[: max(1, confidence.held_back)]
        evidence = Evidence(self._query, self._waiting, tuple(drawn), whole, self._nearness, relevance)
        probability = confidence.estimate(evidence)
        if probability < confidence.accept:
            raise _Unfit(f"{confidence.name} {probability:.2f} < {confidence.accept:.2f}")
        self.probability = probability
        return self._waiting


class _Reply:
    """One reply of a model on its way to the customer."""

    def __init__(
        self, talk: Talk, route: Literal["end", "cloud"], version: str, release: Release, clock: Clock, reason: str
    ) -> None:
        self._talk, self._route, self._version = talk, route, version
        self._release, self._clock, self._reason = release, clock, reason
        self._id = new_id("t")
        self._began = time.monotonic()
        self._first = 0.0
        self._tokens = Tokens()
        self.finish: Finish = "stop"
        self.probability: float | None = None

    @property
    def shown(self) -> str:
        return self._release.shown

    def hear(self, delta: Delta) -> None:
        self._tokens = delta.tokens or self._tokens
        self.finish = delta.finish or self.finish

    def let_out(self, text: str, finish: Finish | None) -> list[Event]:
        """The pieces that may be shown; raises Withheld where a check fails."""
        fresh = not self.shown
        piece = self._release.feed(text, last=finish is not None)
        if not piece:
            return []
        conversation = self._talk.query.conversation
        events: list[Event] = [Piece(conversation, self._id, piece)]
        if fresh:
            self._first = time.monotonic() - self._began
            events.insert(0, Began(conversation, self._id, self._route, self._version))
        return events

    def turn(self, finish: Finish, problem: str = "") -> Turn:
        """The reply as it was shown."""
        return Turn(
            self._id,
            self._talk.query.conversation,
            self._route,
            self.shown,
            self._clock.now(),
            self._talk.query.id,
            self._route,
            self._version,
            "; ".join(filter(None, (self._reason, problem))),
            self.probability,
            finish,
            time.monotonic() - self._began,
            self._first,
            self._tokens,
        )


def _was_unsure(before: Sequence[Turn]) -> bool:
    """Whether the last reply was the caution wording already."""
    replies = [turn for turn in before if turn.route is not None]
    return bool(replies) and replies[-1].reason.startswith(_CAUTION)


def new_id(kind: str) -> str:
    """A name that nobody can guess: of a turn (t), a conversation (c), a visitor (v), a feedback (f)."""
    return f"{kind}_{secrets.token_urlsafe(15)}"

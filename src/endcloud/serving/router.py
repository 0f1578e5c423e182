"""Who answers a customer: the end model first, the cloud when that is not sure enough, a person when neither should.

The first tokens of an end reply are held back until the estimator has judged them; what is let out after that is
checked clause by clause. A route that fails before a word was shown is as if it had never spoken; one that
fails later leaves what was shown, ends there, and the next route answers in a turn of its own.
The router decides and speaks; `endcloud.serving.service` keeps what was said.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Literal

from endcloud.errors import CloudError
from endcloud.privacy.slots import LIVE, MEMORY, Slots
from endcloud.protocols import ChatModel, Clock, Masker
from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Confidence
from endcloud.serving.events import Event, Said
from endcloud.serving.fair_share import FairShare
from endcloud.serving.release import Check, Release
from endcloud.serving.speaking import Judge, Promised, Relevance, Reply, Unfit, speak
from endcloud.types import CAUTION, FROM_MEMORY, LOOKED_UP, LOOKUP, UNSURE_TWICE, Message, Request, Sampling, Turn

_ROLES: dict[str, Literal["user", "assistant"]] = {
    "customer": "user",
    "end": "assistant",
    "cloud": "assistant",
    "human": "assistant",
    "shop": "assistant",
}


Sentence = tuple[str, str]
"""What the service says to a customer who writes Chinese, and to one who writes English."""
_HANZI, _LATIN = re.compile(r"[\u3400-\u9fff]"), re.compile(r"[A-Za-z]{2}")


def in_the_language_of(query: str, sentence: Sentence) -> str:
    """The sentence for a customer who wrote `query`: English where that has words and no Chinese character."""
    return sentence[1 if _LATIN.search(query) and not _HANZI.search(query) else 0]


@dataclass(frozen=True, slots=True)
class Wording:
    """What the service itself says, in Chinese and in English; the settings may change every sentence."""

    caution: Sentence = (
        "亲，这个问题我不太有把握，怕答错了误导您。您可以换个说法再问一次，或回复“转人工”请客服确认。",
        "I am not sure enough of this and would not mislead you. Ask it in other words, or reply “agent” for a person.",
    )
    waiting: Sentence = (
        "亲，已经为您呼叫人工客服，请稍候；您的话都记下了，客服会在这段对话里回复您。",
        "A person has been called and will soon be with you; your words are kept, and answered in this conversation.",
    )
    present: Sentence = (
        "亲，人工客服正在为您服务，您的话已经送到，客服会在这段对话里回复您。",
        "A person is looking after you; your words have reached them, and they will answer in this conversation.",
    )
    unkept: Sentence = (
        "亲，这段对话没有保存，无法为您转接人工客服；请在会保存的对话里再说一次“转人工”。",
        "This conversation is not kept, so nobody can be called to it; please ask for a person in one that is.",
    )
    calling: Sentence = (
        "好的亲，正在为您转接人工客服，请稍候。",
        "A person is being called for you; one moment, please.",
    )
    closed: Sentence = (
        "亲，现在不是人工客服的工作时间（{hours}）。您的问题已经记下，客服上班后会在这里回复您。",
        "Nobody is at the desk now (hours: {hours}). Your question is kept and will be answered here later.",
    )
    picture: Sentence = (
        "亲，我暂时看不了图片，请用文字描述一下，或回复“转人工”请客服查看。",
        "I cannot look at pictures yet; please describe it in words, or reply “agent” for a person who can.",
    )


@dataclass(frozen=True, slots=True)
class Talk:
    """A query with what was said before it, oldest first, and what is known of the customer.

    `about` are lines for the end model's prompt only: they never go to a cloud. Nor do `recalled`, turns of earlier
    conversations; what was true then is no source of facts now. `told` are texts whose facts a reply may repeat,
    such as what a lookup gave. `stops` and `whole` are as the caller wants it (`serving.delivery`).
    """

    query: Turn
    before: tuple[Turn, ...] = ()
    about: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    recalled: tuple[Turn, ...] = ()
    stops: tuple[str, ...] = ()
    whole: bool = False

    @property
    def caller(self) -> str:
        """Who asks: a known customer, else a conversation; empty for what is not kept."""
        return self.query.by or self.query.conversation

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as the end model reads it, behind what is recalled of earlier ones."""
        return _merged((*self.recalled, *self.before, self.query))

    @property
    def private(self) -> bool:
        """Whether a reply may repeat what must not leave this machine."""
        return bool(self.about or self.recalled or self.told)

    @property
    def shareable(self) -> tuple[Message, ...]:
        """The conversation without the replies that were drawn from memory or a lookup: for a cloud."""
        return _merged([turn for turn in (*self.before, self.query) if not turn.private])

    @property
    def sources(self) -> tuple[str, ...]:
        """Texts whose facts a reply may repeat."""
        said = _merged((*self.before, self.query))
        return (*(message.content for message in said), *self.about, *self.told)


@dataclass(frozen=True)
class CloudRoute:
    """The way to the cloud, or the reason why there is none."""

    model: ChatModel | None
    affordable: Callable[[], bool]
    breaker: CircuitBreaker
    closed_because: str = ""
    share: FairShare | None = None

    def skipped(self, caller: str) -> str:
        """Why the cloud cannot be asked for this caller now; empty where it can."""
        if self.model is None:
            return self.closed_because or "no cloud is set up"
        if self.share is not None and self.share.spent(caller):
            return "it has answered this customer often enough for an hour"
        if not self.affordable():
            return "the budget is spent"
        return "" if self.breaker.closed() else "the cloud has failed too often, its circuit is open"


@dataclass(frozen=True)
class EndRoute:
    """The end model as customers meet it, the version it answers as, and how its replies are judged.

    A `canary` is a version on trial, which that `share` of conversations meets in its place.
    """

    model: ChatModel
    version: str
    confidence: Confidence
    nearness: Callable[[str], float | None] = lambda _: None
    relevance: Relevance = lambda _query, _reply: None
    canary: EndRoute | None = None
    share: float = 0.0

    def met_in(self, conversation: str) -> EndRoute:
        """The route of one conversation; it stays the same for the whole trial, and each trial draws anew."""
        if self.canary is None:
            return self
        drawn = sha256(f"{self.canary.version} {conversation}".encode()).digest()[:6]
        return self.canary if int.from_bytes(drawn, "big") < self.share * 2**48 else self


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """The router's last word: a person is needed, and why. `promised`: a model was about to promise one."""

    reason: str
    promised: bool = False


@dataclass
class Router:
    """Answers one query after the other. `end` is asked anew for each, so that a promotion takes effect at once.

    `masker` finds what is personal in what is known of a customer; without one it stands in the prompt as it is.
    """

    end: Callable[[], EndRoute]
    cloud: CloudRoute
    checks: Sequence[Check]
    clock: Clock
    wording: Wording = field(default_factory=Wording)
    phrase_lookups: bool = False
    masker: Masker | None = None

    async def answer(self, talk: Talk) -> AsyncGenerator[Event | NeedsPerson]:
        """Yields the events of one answer: pieces as they are released and turns when they are whole.

        `NeedsPerson` comes last where a person is needed.
        """
        reasons: list[str] = []
        if talk.told and not self.phrase_lookups:
            yield Said(self._as_told(talk))
            return
        for route, why_not in ((self._end, None), (self._cloud, partial(self.cloud.skipped, talk.caller))):
            if talk.told and reasons:  # the end model could not say it; the shop's system already has
                yield Said(self._as_told(talk))
                return
            if why_not is not None and (skipped := why_not()):
                reasons.append(f"cloud skipped: {skipped}")
                continue
            try:
                async with aclosing(route(talk, "; ".join(reasons))) as events:
                    async for event in events:
                        yield event
                return
            except Promised as promised:
                yield NeedsPerson("; ".join((*reasons, str(promised))), promised=True)
                return
            except Unfit as unfit:
                reasons.append(str(unfit))
        reason = "; ".join(reasons)
        if _was_unsure(talk.before):
            yield NeedsPerson(f"{UNSURE_TWICE}{reason}")
        else:
            yield Said(self.caution(talk, reason))

    async def take_over(self, talk: Talk, reason: str) -> AsyncGenerator[Event | NeedsPerson]:
        """The cloud's answer to a query, whatever the end model said of it: offered after a thumbs-down.

        Raises CloudError where it cannot be asked or has none to show; one that promises a person needs one.
        """
        if skipped := self.cloud.skipped(talk.caller):
            raise CloudError(f"The cloud cannot be asked: {skipped}.")
        try:
            async with aclosing(self._cloud(talk, reason)) as events:
                async for event in events:
                    yield event
        except Promised as promised:
            yield NeedsPerson(str(promised), promised=True)
        except Unfit as unfit:
            raise CloudError(f"The cloud has no answer that may be shown: {unfit}.") from unfit

    async def draft(self, talk: Talk) -> str:
        """What the end model would say, unjudged and unchecked: for an agent to start from, never for a customer."""
        deltas = self.end().met_in(talk.query.conversation).model.stream(self._asked(talk))
        return "".join([delta.text async for delta in deltas])

    def _asked(self, talk: Talk) -> Request:
        """What is known stands in front of the question, as if said with it: small models hear it best there.

        What is personal in it stands in slots of its own, which are filled on this machine.
        """
        slots = Slots(self.masker)
        texts = slots.hide(MEMORY, [turn.text for turn in talk.recalled])
        recalled = tuple(replace(turn, text=text) for turn, text in zip(talk.recalled, texts, strict=True))
        known = (*slots.hide(MEMORY, talk.about), *slots.hide(LIVE, talk.told))
        *before, query = replace(talk, recalled=recalled).messages
        asked = Message("user", "\n".join((*known, query.content)))
        return Request(
            (*before, asked), conversation=talk.query.conversation, sampling=talk.sampling, slots=slots.values
        )

    async def _end(self, talk: Talk, reason: str) -> AsyncGenerator[Event]:
        route, query = self.end().met_in(talk.query.conversation), talk.query.text
        release = Release(self.checks, talk.sources, whole=talk.whole)
        reason = FROM_MEMORY if talk.private else reason
        reply = Reply(new_id("t"), talk.query, "end", route.version, release, self.clock, reason, talk.stops)
        judge = Judge(query, route.confidence, route.nearness(query), route.relevance)
        async with aclosing(speak(route.model.stream(self._asked(talk)), reply, judge)) as events:
            async for event in events:
                yield event

    async def _cloud(self, talk: Talk, reason: str) -> AsyncGenerator[Event]:
        assert self.cloud.model is not None
        if self.cloud.share is not None:
            self.cloud.share.take(talk.caller)
        request = Request(talk.shareable, purpose="takeover", conversation=talk.query.id, sampling=talk.sampling)
        release = Release(self.checks, talk.sources, whole=talk.whole)
        reply = Reply(new_id("t"), talk.query, "cloud", self.cloud.model.name, release, self.clock, reason, talk.stops)
        try:
            async with aclosing(speak(self.cloud.model.stream(request), reply)) as events:
                async for event in events:
                    yield event
        except Unfit as unfit:
            if isinstance(unfit.__cause__, CloudError):
                self.cloud.breaker.failed()
            raise type(unfit)(f"cloud: {unfit}") from unfit
        self.cloud.breaker.succeeded()

    def caution(self, talk: Talk, reason: str) -> Turn:
        """What a customer reads where nobody is sure enough."""
        return self._ready(talk, in_the_language_of(talk.query.text, self.wording.caution), f"{CAUTION}{reason}")

    def _as_told(self, talk: Talk) -> Turn:
        """A lookup's answer in its own words: it is the shop's, and a small model could only spoil it."""
        return replace(self._ready(talk, "\n".join(talk.told), LOOKED_UP), version=LOOKUP)

    def _ready(self, talk: Talk, text: str, reason: str) -> Turn:
        """A reply that no model has drawn."""
        query = talk.query
        return Turn(new_id("t"), query.conversation, "end", text, self.clock.now(), query.id, "end", reason=reason)


def _merged(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """Turns as a model reads them: neighbours of one side merged, notices of the service left out."""
    merged: list[Message] = []
    for turn in turns:
        if turn.speaker == "shop" or not turn.text:
            continue
        role = _ROLES[turn.speaker]
        if merged and merged[-1].role == role:
            merged[-1] = Message(role, f"{merged[-1].content}\n{turn.text}")
        else:
            merged.append(Message(role, turn.text))
    return tuple(merged)


def _was_unsure(before: Sequence[Turn]) -> bool:
    """Whether the last reply was the caution wording already."""
    replies = [turn for turn in before if turn.route is not None]
    return bool(replies) and replies[-1].cautious


def new_id(kind: str) -> str:
    """A name that nobody can guess: of a turn (t), a conversation (c), a visitor (v), a feedback (f)."""
    return f"{kind}_{secrets.token_urlsafe(15)}"

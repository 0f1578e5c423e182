"""The values that flow through the loop: frozen, made of the standard library only.

Read them in order: a recorded `Dialogue` of `Message`s is cut into `Example`s; a model is asked with a
`Request` and streams `Delta`s that add up to a `Reply`; a `Reply` gets a `Score`; training on examples
makes an `AdapterVersion`. Nothing here knows how any of it is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Origin = Literal["natural", "cloud", "pseudo", "human", "edit"]
Split = Literal["train", "validation", "test"]
Author = Literal["end", "cloud", "human"]
Finish = Literal["stop", "length", "content_filter"]
Purpose = Literal["answer", "label", "audit", "takeover"]
Rule = Literal["weighted", "similarity only", "incomplete"]
Speaker = Literal["customer", "end", "cloud", "human", "shop"]
Route = Literal["end", "cloud", "human"]
Witness = Literal["customer", "reviewer", "agent", "scorer"]
FeedbackKind = Literal["thumb", "stars", "correction", "note", "asked again", "complaint", "asked for a person"]

# Marks in the reason of a reply (`Turn.reason`).
CAUTION = "caution: "
UNSURE_TWICE = "not sure twice: "
FROM_MEMORY = "from what is known of the customer"
LOOKED_UP = "as the shop's own system says"
LOOKUP = "lookup"
"""The version of a reply that is a lookup's own words."""


@dataclass(frozen=True, slots=True)
class Message:
    """One utterance. `role` is the field's own word: the customer is `user`, the shop `assistant`."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One recorded conversation, as a reader found it.

    `source` says where it was read (file name and format); `customer` is the raw customer id, which is
    hashed before anything is written and never leaves the process.
    """

    id: str
    messages: tuple[Message, ...]
    source: str
    customer: str = ""


SUPERSEDED = "superseded"
"""Why an example is excluded whose recorded reply a newer truth has retired."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training example: the masked context, oldest message first, and the reply to learn.

    `subject` is a keyed hash of the customer's id, so that a person's examples can be found again.
    `excluded` is the reason why the example is kept but not trained on; empty when it may be.
    """

    id: str
    dialogue: str
    subject: str
    messages: tuple[Message, ...]
    reply: str
    origin: Origin
    source: str
    split: Split
    weight: float = 1.0
    excluded: str = ""

    @property
    def query(self) -> str:
        """What the customer said last: the text that relevance is measured against."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn. `temperature` 0 is greedy; the paper samples at 0.6 with top-p 0.8."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a call consumed, in tokens; `cached` is the part of `prompt` the provider had in its cache."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a chat model.

    `placeholders` are the masks (`[电话_1]`) that the messages carry legitimately, because they come from
    text that this machine masked earlier; any other placeholder in the text is somebody's forgery and is
    itself masked. `conversation` names what the upload ledger records. `slots` are the values of `[档案_电话_1]` and
    the like (`privacy.slots`) that the messages were told from memory or a lookup; no cloud is asked with any.
    `masked` counts, by kind, what was hidden before.
    """

    messages: tuple[Message, ...]
    purpose: Purpose = "answer"
    conversation: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    placeholders: frozenset[str] = frozenset()
    slots: Mapping[str, str] = field(default_factory=dict, repr=False)
    masked: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MaskedRequest:
    """The only thing a cloud client accepts. Only `endcloud.privacy` constructs it (a test checks that).

    `masked` counts what was hidden, by kind; `detector` is the digest of the rules that looked.
    """

    messages: tuple[Message, ...]
    purpose: Purpose
    conversation: str
    sampling: Sampling
    masked: Mapping[str, int]
    detector: str


def payload_of(messages: Sequence[Message]) -> str:
    """What an upload says, as one text: the JSON of its messages, byte for byte as the ledger's digest covers it."""
    return json.dumps([{"role": message.role, "content": message.content} for message in messages], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the model thought of a token it drew: its log-probability (nats), and how far the likeliest token was
    above the second. Sure of itself is not the same as right, but it is a beginning."""

    logprob: float
    margin: float


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed reply. The last one carries `finish`; a stream without it has failed. `tokens` count the
    reply as far as it goes; a model that does not know them before the end tells them there.

    `drawn` tells of each token since the piece before, where the model is at hand; a cloud says nothing.
    """

    text: str
    finish: Finish | None = None
    tokens: Tokens | None = None
    drawn: tuple[Drawn, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply and who gave it. `confidence` is the mean log-probability of its tokens, if known."""

    text: str
    author: Author
    model: str
    version: str = ""
    finish: Finish = "stop"
    confidence: float | None = None
    seconds: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)


@dataclass(frozen=True, slots=True)
class Score:
    """The parts of Equation 1. A score that could not be computed is None, never 0.

    `similarity` compares the end reply with the cloud reply, `relevance` the customer's query with the
    end reply, `cloud_relevance` the query with the cloud reply; all lie in [0, 1].
    `scorers` names what measured them, with digests.
    """

    similarity: float | None
    relevance: float | None
    cloud_relevance: float | None
    scorers: tuple[str, ...] = ()

    def rule(self, threshold: float) -> Rule:
        """Which branch of Equation 1 applies at Θ = `threshold`."""
        if self.similarity is None or self.cloud_relevance is None:
            return "incomplete"
        if self.cloud_relevance < threshold:
            return "similarity only"
        return "incomplete" if self.relevance is None else "weighted"

    def final(self, alpha: float, threshold: float) -> float | None:
        """Equation 1: α·similarity + (1-α)·relevance; similarity alone where the cloud reply's own
        relevance is below Θ, since the relevance model is then out of its depth on this query."""
        rule = self.rule(threshold)
        if rule == "similarity only":
            return self.similarity
        if rule == "incomplete" or self.similarity is None or self.relevance is None:
            return None
        return alpha * self.similarity + (1 - alpha) * self.relevance


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said in a conversation, as the customer saw it; turns are appended and never changed.

    `speaker` is `shop` for what the service itself says, such as that a person has been called. A reply names the
    customer's turn it `answers`, its `route` and `version`, the `reason` for that route, and `probability`: the
    estimate that it is acceptable, from before it was shown. `suggested` is what an agent was offered and changed.
    `id` is given by the writer, so that a repeated write is the same turn.
    """

    id: str
    conversation: str
    speaker: Speaker
    text: str
    at: datetime
    answers: str = ""
    route: Route | None = None
    version: str = ""
    reason: str = ""
    probability: float | None = None
    finish: Finish = "stop"
    seconds: float = 0.0
    first_token: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)
    price: float = 0.0
    by: str = ""
    suggested: str = ""

    @property
    def cautious(self) -> bool:
        """Whether nobody was sure enough, and the customer read the shop's word of caution instead of an answer."""
        return self.reason.startswith(CAUTION)

    @property
    def private(self) -> bool:
        """Whether it was drawn from memory or a lookup: it may hold what nobody would mask (175, 顺丰, 金卡), so it
        never goes to a cloud, and is never learned."""
        return FROM_MEMORY in self.reason or LOOKED_UP in self.reason


@dataclass(frozen=True, slots=True)
class Exchange:
    """A customer's query with a reply to it, derived from turns; `context` is what was said before."""

    query: Turn
    reply: Turn
    context: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody said of a reply (`turn`), or what their behaviour says of it.

    `value` is 1 or -1 for a thumb, 1 to 5 for stars, absent for the others; `text` a comment, or the corrected reply.
    `by` names who: a customer's id, a key's name, a scorer. `id` is given by who sends it: sent twice, it counts once.
    """

    id: str
    turn: str
    conversation: str
    kind: FeedbackKind
    witness: Witness
    by: str
    at: datetime
    value: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Handoff:
    """A conversation on its way to a person, or with one.

    `stage` runs from `waiting` (in the queue, with the `reason`) over `claimed` (by `agent`) to `closed` (handed back
    to the models). Where a conversation was never handed over there is none.
    """

    conversation: str
    stage: Literal["waiting", "claimed", "closed"]
    reason: str
    at: datetime
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """A person's judgement of one reply, given blind: the reviewer did not see which version wrote it.

    `grade` runs from 1 (wrong or useless) over 3 (usable) to 5 (nothing to improve). `id` names the row of the
    review sheet, so that reading a sheet twice records it once; `cloud` is the cloud's reply to the same query.
    """

    id: str
    sheet: str
    query: str
    reply: str
    cloud: str | None
    version: str
    reviewer: str
    grade: int
    at: datetime
    note: str = ""

    @property
    def poor(self) -> bool:
        """Whether a customer should not have met this reply."""
        return self.grade <= 2


@dataclass(frozen=True, slots=True)
class AdapterVersion:
    """One trained adapter: immutable, named by the digest of its content.

    `base` is the digest of the base model it belongs to, `parent` the version it was trained from (or
    empty), `examples` the ids of what it learned. Standing and metrics are rows in the store.
    """

    digest: str
    base: str
    method: str
    parent: str
    examples: tuple[str, ...]
    settings: Mapping[str, Any]

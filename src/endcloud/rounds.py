"""What flows through a round of online evolution, and the repositories that keep it.

A `Round` runs through its stages in order; each stage leaves rows, so that a worker that was killed goes on where it
stopped. `Audit`s are replies that were scored, `Choice`s those worth learning from, `Lesson`s what is learned (or held
out and never learned), a `Decision` what the gate or the watch said, with its numbers. `Retirement`s name what a newer
truth has replaced: a retired item is taught, replayed and judged by no more, and nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from endcloud.types import Example, Message, Score

Stage = Literal["audit", "watch", "select", "label", "train", "gate", "promote", "done"]
STAGES: tuple[Stage, ...] = ("audit", "watch", "select", "label", "train", "gate", "promote", "done")
Outcome = Literal["", "promoted", "refused", "undecided", "nothing to learn", "rolled back", "failed"]
Part = Literal["train", "held out"]
Approval = Literal["not needed", "waiting", "approved", "rejected"]
Judgement = Literal["promote", "refuse", "undecided", "keep", "roll back"]

UNASKED = "relevance"
"""Cause of an audit for which the cloud was not asked: the half of Equation 1 that costs nothing."""
SAMPLE = "sample"
"""Cause of an audit that was drawn by chance: only these say how good service is on the whole."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round. `stage` is the one to be done next; `parent` the version in service when it began (or "base").

    `figures` holds for each finished stage what it did, in numbers and short sentences. `worker` holds the round until
    `lease` (its heartbeat moves it on); a round whose lease has run out is taken over by whoever asks.
    """

    number: int
    stage: Stage
    began: datetime
    parent: str
    candidate: str = ""
    outcome: Outcome = ""
    reason: str = ""
    ended: datetime | None = None
    worker: str = ""
    lease: datetime | None = None
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """A reply of the end model that was scored by Equation 1.

    `turn` is the reply, `query` the customer's turn (under which the cloud's label is kept). `wrong` are facts of the
    reply that the cloud's reply, or the shop's rules, say otherwise; `final` is None where a part was not to be had,
    and `cause` says why it was audited (`SAMPLE`, `disliked`, …; `UNASKED` where only the relevance is known).
    """

    turn: str
    query: str
    conversation: str
    version: str
    round: int
    cause: str
    score: Score
    final: float | None
    wrong: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """A reply chosen to be learned from: `reasons` say why, in words an owner understands, heaviest first.

    `cluster` names the near-identical queries it stands for, `frequency` how many of them failed; `customer` is the
    subject (a keyed hash) or the conversation's owner, for the caps.
    """

    turn: str
    query: str
    conversation: str
    customer: str
    cluster: str
    frequency: int
    reasons: tuple[str, ...]
    weight: float
    round: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the end model should have said. All text is masked; `poor` is what it did say (empty: nothing).

    `origin` is `human` for a person's words, `pseudo` for the cloud's, `edit` for an old answer with the value that the
    owner has put in the place of another. A lesson that is `held out` judges candidates
    and is never trained on. `approval` is `waiting` until a reviewer has looked, where the settings want one to.
    """

    id: str
    turn: str
    conversation: str
    subject: str
    cluster: str
    part: Part
    messages: tuple[Message, ...]
    reply: str
    poor: str
    origin: Literal["pseudo", "human", "edit"]
    reasons: tuple[str, ...]
    approval: Approval
    round: int
    at: datetime
    by: str = ""

    @property
    def query(self) -> str:
        """The customer's words that the reply answers, masked."""
        return self.messages[-1].content

    def example(self, weight: float = 1.0) -> Example:
        """The lesson as an example to train on or to judge by."""
        split: Literal["train", "test"] = "train" if self.part == "train" else "test"
        return Example(
            self.id, self.conversation, self.subject, self.messages, self.reply, self.origin, "served", split, weight
        )


@dataclass(frozen=True, slots=True)
class Retirement:
    """`item` holds no more: `reason` says what replaced it, `by` who or which edit.

    An item is an example's id (its recorded reply), a lesson's id, or `label:NUMBER`, one answer of the cloud. The
    store gives a retired answer to nobody (`Labels`); an example whose recorded reply is retired comes as `excluded`.
    """

    item: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PolicyText:
    """The shop's rules, a line a rule, as they stood from `at` on; `number` counts their versions from 1."""

    number: int
    text: str
    at: datetime

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self.text.splitlines())


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate said of a candidate, or the watch of the version in service, and on what evidence.

    `figures` are the numbers behind it: for each part (`new`, `golden`, `old`) the number of items, both means, and the
    difference with its interval.
    """

    round: int
    kind: Literal["gate", "watch"]
    version: str
    against: str
    judgement: Judgement
    reason: str
    figures: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class TrainingWindow:
    """A time in which the service gives its memory to a training, where there is not enough for both.

    It is asked for, granted when the service has let go, and closed by whoever asked; one whose `lease` has run out is
    forsaken, and the service takes its memory back.
    """

    number: int
    round: int
    worker: str
    asked: datetime
    lease: datetime
    granted: datetime | None = None
    closed: datetime | None = None


class Rounds(Protocol):
    """The rounds of a shop: at most one is open, and one worker holds it."""

    def begin(self, worker: str, parent: str, at: datetime, seconds: float, gone: Callable[[str], bool] = ...) -> Round:
        """Takes over the open round, or begins one; the lease runs for `seconds`.

        Raises LockedError where another worker holds the open round, its lease has not run out, and it is not `gone`.
        """
        ...

    def hold(self, number: int, worker: str, at: datetime, seconds: float) -> None:
        """The heartbeat. Raises LockedError where the lease was lost to another worker."""
        ...

    def advance(
        self, number: int, worker: str, stage: Stage, figures: Mapping[str, Any], candidate: str | None = None
    ) -> Round:
        """Records what a stage did and moves on to the next; raises LockedError where the lease was lost."""
        ...

    def end(
        self, number: int, worker: str, outcome: Outcome, reason: str, at: datetime, figures: Mapping[str, Any]
    ) -> Round:
        """Ends the round at the stage it is in; `figures` are that stage's."""
        ...

    def release(self, number: int, worker: str) -> None:
        """Gives the lease back, so that the next worker need not wait for it to run out."""
        ...

    def get(self, number: int) -> Round: ...

    def all(self) -> list[Round]:
        """Every round, oldest first."""
        ...

    def decide(self, decision: Decision) -> None: ...

    def decisions(self, round: int | None = None) -> list[Decision]:
        """All decisions, or a round's, oldest first."""
        ...


class Audits(Protocol):
    """Scores of served replies; one row a reply."""

    def add(self, audits: Sequence[Audit]) -> None:
        """Records them; a reply that was audited before keeps its row, unless only its relevance was known."""
        ...

    def since(self, since: datetime) -> list[Audit]: ...

    def of(self, turns: Sequence[str]) -> dict[str, Audit]:
        """By the reply's turn."""
        ...


class Choices(Protocol):
    """What was selected, by round."""

    def add(self, choices: Sequence[Choice]) -> None:
        """Records them; a reply that was chosen before keeps its row."""
        ...

    def of_round(self, number: int) -> list[Choice]:
        """Heaviest first."""
        ...

    def turns(self) -> frozenset[str]:
        """Every reply that was ever chosen."""
        ...


class Lessons(Protocol):
    """What is learned and what is held out."""

    def add(self, lessons: Sequence[Lesson]) -> None:
        """Records them; a lesson of a known id keeps its row."""
        ...

    def all(self) -> list[Lesson]:
        """All lessons, oldest first, the retired ones among them."""
        ...

    def waiting(self) -> list[Lesson]:
        """Those a reviewer must look at before they are used, oldest first."""
        ...

    def approve(self, lesson: str, by: str, reply: str | None = None) -> Lesson:
        """A reviewer accepts a lesson, or puts words of their own (masked) in its place; origin is then `human`.

        Raises NotFoundError for an unknown lesson.
        """
        ...

    def reject(self, lesson: str, by: str) -> Lesson: ...


class Retirements(Protocol):
    """What no longer holds, by name and reason; appended, never undone: what holds again is learned again."""

    def add(self, retirements: Sequence[Retirement]) -> None:
        """Records them; an item that is retired keeps its first reason."""
        ...

    def all(self) -> list[Retirement]: ...

    def items(self) -> frozenset[str]:
        """The ids of all that is retired."""
        ...


class TrainingWindows(Protocol):
    """Where a training and a service agree on who has the memory."""

    def ask(self, round: int, worker: str, at: datetime, seconds: float) -> TrainingWindow:
        """Asks for a window; it is forsaken unless `hold` is called within `seconds`."""
        ...

    def hold(self, number: int, at: datetime, seconds: float) -> None:
        """The heartbeat of whoever asked."""
        ...

    def grant(self, number: int, at: datetime) -> None:
        """The service has let go of its memory."""
        ...

    def close(self, number: int, at: datetime) -> None:
        """Whoever asked needs it no more."""
        ...

    def get(self, number: int) -> TrainingWindow: ...

    def open(self, at: datetime) -> TrainingWindow | None:
        """The window that is asked for or under way at this time."""
        ...

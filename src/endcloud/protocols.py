"""The seams of the loop: what each part promises to the others, and nothing about how.

Stages never import one another. They meet here, and `endcloud.assembly` hands each its parts.
Chat models are async and streaming only; scorers, trainers and repositories are plain synchronous code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from endcloud.types import (
    AdapterVersion,
    Delta,
    Example,
    Feedback,
    Handoff,
    MaskedRequest,
    Message,
    Reply,
    Request,
    Review,
    Sampling,
    Tokens,
    Turn,
)

Standing = Literal["candidate", "canary", "active", "retired", "rejected"]


class ChatModel(Protocol):
    """Anything that answers: the guarded cloud, the end model, later the router.

    The stream ends with a delta whose `finish` is set; an error is raised, never hidden in the text.
    """

    name: str

    def stream(self, request: Request) -> AsyncIterator[Delta]: ...


class CloudModel(Protocol):
    """A cloud client: the same shape, but it takes only what `endcloud.privacy` has masked."""

    name: str
    host: str

    def stream(self, request: MaskedRequest) -> AsyncIterator[Delta]: ...


class EndModel(ChatModel, Protocol):
    """The model on this machine, answering as one version (`base` is the bare model)."""

    version: str

    def at(self, version: str) -> EndModel:
        """The same model answering as `version` (a digest, or "base"), without disturbing this one."""
        ...

    def answer_all(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling, progress: Progress
    ) -> list[Reply]:
        """Answers many conversations in batches, in the order given."""
        ...


class Scorer(Protocol):
    """A number for each pair of texts. `range` is stated, since no two models share one."""

    name: str
    digest: str
    range: tuple[float, float]

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """One score in `range` for each pair, in order; None where a pair could not be judged."""
        ...


class Trainer(Protocol):
    """Learns an adapter version from examples; deterministic, interruptible, resumable."""

    def train(self, train: Sequence[Example], validation: Sequence[Example], progress: Progress) -> AdapterVersion: ...


class Progress(Protocol):
    """Where a long job says how far it is. Quiet in a pipe, a bar on a terminal."""

    def task(self, name: str, total: int | None, unit: str) -> AbstractContextManager[ProgressTask]: ...

    def say(self, sentence: str) -> None: ...


class ProgressTask(Protocol):
    def advance(self, steps: int = 1, **figures: float | str) -> None:
        """`figures` are shown beside the bar: loss, tokens a second, money spent."""
        ...


class MaskedConversation(Protocol):
    """Messages after masking, with what is needed to undo it; kept in memory only."""

    @property
    def messages(self) -> tuple[Message, ...]: ...

    @property
    def counts(self) -> Mapping[str, int]:
        """How many stretches of text were hidden, by kind."""
        ...

    @property
    def placeholders(self) -> frozenset[str]: ...

    @property
    def detector(self) -> str: ...

    def restore(self, text: str) -> str:
        """Puts the real values back; raises UnrestorableError for a placeholder not in the conversation."""
        ...


class Masker(Protocol):
    """Finds personal data and replaces it by placeholders numbered by first appearance."""

    detector: str

    def mask(
        self,
        messages: Sequence[Message],
        *,
        placeholders: frozenset[str] = frozenset(),
        corpus_marks: bool = False,
    ) -> MaskedConversation:
        """Masks a conversation, first message to last.

        `placeholders` are marks that the text carries legitimately (it was masked here before): they stay,
        and new numbers continue after them. `corpus_marks` says that marks such as `[电话x]` are the
        desensitised values of a recorded corpus, to be numbered like the values themselves.
        """
        ...

    def unrestorable(self, context: Sequence[Message], reply: str) -> bool:
        """Whether the (masked) reply holds a placeholder that its (masked) context lacks.

        A mark such as `<数字>` counts too: where the context has none, nobody can say what the number was.
        """
        ...


@dataclass(frozen=True, slots=True)
class Label:
    """The cloud's answer to one example, or the reason why there is none.

    `text` is masked text; `reason` is empty for a good label, else one of `refused`, `empty`, `truncated`,
    `malformed`, `unrestorable`, `unsupported fact`, …. `note` says what is doubtful, such as the facts that
    nothing in the prompt states; a label may be good and have a note.
    """

    example: str
    key: str
    text: str
    reason: str
    model: str
    prompt: str
    terms: str
    at: datetime
    seconds: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)
    price: float = 0.0
    note: str = ""


class Labels(Protocol):
    """The cloud's answers, kept forever: one row an example and prompt, newest wins."""

    def get(self, keys: Iterable[str]) -> dict[str, Label]:
        """The labels recorded under these content keys."""
        ...

    def add(self, labels: Sequence[Label]) -> None: ...

    def of(self, examples: Iterable[str]) -> dict[str, Label]:
        """The newest label of each example id that has one."""
        ...


@dataclass(frozen=True, slots=True)
class Expense:
    """What one cloud call cost, in the currency of the price table; what is not settled yet counts as reserved."""

    at: datetime
    purpose: str
    price: float


class Budget(Protocol):
    """Money that may be spent on the cloud, in the currency of the price table; never passed.

    A call reserves its worst price before it is sent and settles to the true one after; a reservation that
    is never settled (the process was killed) counts as spent.
    """

    def reserve(self, price: float, purpose: str) -> str:
        """Returns a reservation's id; raises BudgetError where the limit would be passed."""
        ...

    def settle(self, reservation: str, price: float) -> None: ...

    def spent(self) -> float: ...

    def limit(self) -> float: ...


@dataclass(frozen=True, slots=True)
class UploadSum:
    """What left this machine for one host and purpose: uploads, bytes, how many details were masked, failures."""

    host: str
    purpose: str
    uploads: int
    size: int
    masked: int
    failed: int


class Ledger(Protocol):
    """What left this machine: a row before each upload and a row after."""

    def sent(self, request: MaskedRequest, model: str, host: str, payload: str) -> str:
        """Records an upload that is about to happen; returns its id. Raises, and nothing is sent."""
        ...

    def settled(self, upload: str, outcome: str, tokens: Tokens) -> None: ...


class Reviews(Protocol):
    """What people said of replies; kept forever, one row a review id, the newest wins."""

    def add(self, reviews: Sequence[Review]) -> None: ...

    def all(self) -> list[Review]: ...


class Conversations(Protocol):
    """What was said, by conversation; appended and never changed until a customer is forgotten."""

    def open(self, conversation: str, owner: str, customer: str = "") -> bool:
        """Begins a conversation that belongs to `owner`; False where it exists and belongs to somebody else."""
        ...

    def owner(self, conversation: str) -> str | None: ...

    def customer(self, conversation: str) -> str: ...

    def say(self, turn: Turn) -> bool:
        """Appends a turn, acknowledged when it is on disk; False where a turn of this id is there already."""
        ...

    def turns(self, conversation: str, after: str = "") -> list[Turn]:
        """All turns in their order, or those after the turn `after`."""
        ...

    def turn(self, name: str) -> Turn | None: ...

    def of_customer(self, customer: str) -> list[str]:
        """The conversations of a customer, oldest first."""
        ...

    def replies_since(self, since: datetime, beyond: int = 0) -> list[Turn]:
        """Every reply from `since` on, whoever gave it, oldest first; none up to the turn of the number `beyond`."""
        ...

    def lately(self, since: datetime, most: int) -> list[Turn]:
        """The last words of each conversation in which something was said since then, newest first; what the service
        itself says is left out."""
        ...


class Feedbacks(Protocol):
    """What was said of replies."""

    def add(self, feedback: Feedback) -> bool:
        """Records it, acknowledged when it is on disk; False where it is there already. Raises ConflictError where the
        id is that of another one."""
        ...

    def of(self, turn: str) -> list[Feedback]: ...

    def within(self, conversation: str) -> list[Feedback]:
        """All that was said of a conversation's replies, oldest first."""
        ...

    def since(self, since: datetime) -> list[Feedback]:
        """All feedback from `since` on, oldest first."""
        ...


class Desk(Protocol):
    """The agents' queue: which conversations wait for a person, and who has them. Two agents never have one."""

    def request(self, conversation: str, reason: str) -> Handoff:
        """Puts a conversation into the queue; one that waits or is claimed stays as it is."""
        ...

    def claim(self, conversation: str, agent: str) -> Handoff:
        """Raises ConflictError where another agent has it, or nobody asked."""
        ...

    def close(self, conversation: str, agent: str) -> Handoff:
        """Hands back to the models. Raises ConflictError where this agent does not have it."""
        ...

    def of(self, conversation: str) -> Handoff | None: ...

    def open(self) -> list[Handoff]:
        """All that wait or are claimed, longest waiting first."""
        ...

    def steps(self, since: datetime) -> list[Handoff]:
        """Every step of every hand-over from `since` on, oldest first."""
        ...


class VersionFiles(Protocol):
    """The directories of adapter versions, each named by its content and never changed."""

    def read(self, digest: str) -> AdapterVersion:
        """Raises VersionError where there is none, or where it is broken."""
        ...

    def all(self) -> list[AdapterVersion]: ...

    def path(self, digest: str) -> Path: ...


class Versions(Protocol):
    """Adapter versions on this machine: directories that never change, and rows about them."""

    def add(self, version: AdapterVersion) -> None: ...

    def get(self, digest: str) -> AdapterVersion:
        """The version of this digest, or of an unambiguous beginning of one (four characters or more)."""
        ...

    def all(self) -> list[AdapterVersion]: ...

    def path(self, digest: str) -> Path: ...

    def standing(self, digest: str) -> Standing: ...

    def stand(self, digest: str, standing: Standing, reason: str, at: datetime | None = None) -> None:
        """Says what holds from `at` (now) on; at most one version is `active`, the one before it is retired."""
        ...

    def active(self) -> str | None: ...

    def canary(self) -> str | None:
        """The version that a share of conversations meets before it may serve all, if any."""
        ...

    def measure(self, digest: str, metrics: Mapping[str, Any]) -> None: ...

    def metrics(self, digest: str) -> dict[str, Any]: ...


class Clock(Protocol):
    """The time; the simulation has its own."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...

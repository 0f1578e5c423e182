"""What console and dashboard show beside the service itself: versions, money, uploads, canned replies, a scorer.

All of it is optional, and a page says what is not there. The assembly hands over what the shop has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from endcloud.protocols import Expense, UploadSum
from endcloud.rounds import Audits, Choices, Lesson, Lessons, Rounds
from endcloud.store.ledger import Proof, Upload
from endcloud.store.ledger_check import Verification
from endcloud.store.newest import Newest
from endcloud.types import Message, Score, Tokens


class Adapters(Protocol):
    """The adapter versions of the shop, and how to change which one answers."""

    def rows(self) -> list[dict[str, Any]]:
        """One JSON object a version, oldest first: version, method, examples, standing, final_score, parent, since,
        reason."""
        ...

    def promote(self, version: str, reason: str) -> str:
        """Checks a version and puts it into service; returns its digest. Raises VersionError for one that is unfit."""
        ...

    def roll_back(self, reason: str) -> str:
        """Puts the version before into service again; returns its digest. Raises VersionError where there is none."""
        ...


class Money(Protocol):
    """What the cloud costs."""

    def since(self, since: datetime) -> list[Expense]: ...

    def spent(self) -> float: ...

    def limit(self) -> float: ...


class Uploads(Protocol):
    """What left this machine."""

    def sums(self, since: datetime) -> list[UploadSum]: ...

    def count(self) -> int: ...

    def uploads(self, limit: int = 100, *, before: int = 0, purpose: str = "", conversation: str = "") -> list[Upload]:
        """The newest, newest first; only those before the row of this number."""
        ...

    def upload(self, name: str) -> Upload:
        """Raises NotFoundError where there is none of this id."""
        ...

    def messages(self, upload: str) -> list[Message]: ...

    def erased(self, upload: str) -> frozenset[int]: ...

    def proofs(self) -> list[Proof]: ...


class Canned(Protocol):
    """The sentences that agents say often."""

    def all(self) -> list[str]: ...

    def replace(self, replies: Sequence[str]) -> None: ...


class Judge(Protocol):
    """The automatic score: Equation 1 over two scorers."""

    def score_all(
        self, queries: Sequence[str], end_replies: Sequence[str | None], cloud_replies: Sequence[str | None]
    ) -> list[Score]: ...

    def final(self, score: Score) -> float | None: ...


@dataclass(frozen=True)
class Evolving:
    """Online evolution as a reviewer sees it. `mask` masks a reviewer's words as part of a lesson's conversation;
    `questions` finds questions and their reference replies by the ids under which the gate keeps them."""

    rounds: Rounds
    audits: Audits
    choices: Choices
    lessons: Lessons
    mask: Callable[[Lesson, str], str]
    questions: Callable[[Collection[str]], Mapping[str, tuple[str, str]]] = lambda _: {}

    def approve(self, lesson: str, by: str, text: str | None = None) -> Lesson:
        """A lesson is to be learned, as it is or in the reviewer's words. Raises NotFoundError for an unknown one."""
        known = next((one for one in self.lessons.all() if one.id == lesson), None)
        return self.lessons.approve(lesson, by, None if text is None or known is None else self.mask(known, text))


class KnownScores:
    """A judge that is asked once for each triple; it forgets everything when it has seen too many."""

    def __init__(self, judge: Judge, most: int = 5_000) -> None:
        self._judge, self._most = judge, most
        self._known: dict[tuple[str, str | None, str | None], Score] = {}

    def score_all(self, triples: Sequence[tuple[str, str | None, str | None]]) -> list[Score]:
        """The parts of Equation 1 for each (query, end reply, cloud reply)."""
        if new := [triple for triple in dict.fromkeys(triples) if triple not in self._known]:
            if len(self._known) + len(new) > self._most:
                self._known, new = {}, list(dict.fromkeys(triples))
            queries, ends, clouds = zip(*new, strict=True)
            self._known |= zip(new, self._judge.score_all(queries, ends, clouds), strict=True)
        return [self._known[triple] for triple in triples]

    def final(self, score: Score) -> float | None:
        return self._judge.final(score)


@dataclass(frozen=True)
class BackOffice:
    """The parts; `price` is the price table's for some tokens, `poor` the final score below which a reply is poor.

    `newest` says where the store stands, by which figures are known to be still right; `verify` looks over the ledger.
    """

    adapters: Adapters | None = None
    money: Money | None = None
    price: Callable[[Tokens], float] | None = None
    currency: str = ""
    uploads: Uploads | None = None
    canned: Canned | None = None
    judge: Judge | None = None
    evolving: Evolving | None = None
    poor: float = 0.5
    newest: Callable[[], Newest] | None = None
    verify: Callable[[], Verification] | None = None
    scores: KnownScores | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.judge is not None:
            object.__setattr__(self, "scores", KnownScores(self.judge))


async def back_office_of(request: Request) -> BackOffice:
    office: BackOffice = request.app.state.back_office
    return office


Office = Annotated[BackOffice, Depends(back_office_of)]

"""Labels examples: every question is put to the teacher once, and what came of it is kept.

Nothing is asked twice: identical questions are asked once, recorded answers are taken over by content key, and a
label is in the store before its slot takes the next question. So after a kill only the calls in flight are asked
again, and what they had reserved counts as spent. A failed item is a label with its reason; the rest goes on. The
job stops early only where going on is senseless: the budget is used up, the key is refused, or nothing answers.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

from endcloud.cloud.budget import Prices
from endcloud.cloud.label_plan import plan_of, remarks_on
from endcloud.cloud.retry import Pace, RetryPolicy, WallClock
from endcloud.cloud.teacher import Answer, Judgement, Prompt, Teacher
from endcloud.errors import (
    BudgetError,
    CloudAccessError,
    CloudBusyError,
    CloudError,
    CloudMalformedError,
    CloudRefusedError,
    CloudTimeoutError,
    CloudUnavailableError,
    PrivacyError,
    UnrestorableError,
)
from endcloud.protocols import Budget, Clock, Label, Labels, Progress, ProgressTask
from endcloud.types import Example, Purpose, Tokens

_T = TypeVar("_T")


@dataclass(slots=True)
class LabelReport:
    """What a run did and what it cost.

    `kept` had their label before, `reused` took over a recorded answer to the same content, `identical` the answer
    to the same question in this run, `asked` were put to the cloud, in `calls` calls. `reasons` counts the labels
    that are not trained on; `flagged` those that stand but state something the teacher was not told. `stopped` is
    the sentence that says why the run ended early, or empty; `unasked` examples then have no label yet.
    """

    examples: int = 0
    kept: int = 0
    reused: int = 0
    identical: int = 0
    asked: int = 0
    labelled: int = 0
    flagged: int = 0
    unasked: int = 0
    calls: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    failed_calls: dict[str, int] = field(default_factory=dict)
    tokens: Tokens = field(default_factory=Tokens)
    spent: float = 0.0
    spent_in_all: float = 0.0
    limit: float = 0.0
    pairs: int = 0
    remarks: list[str] = field(default_factory=list)
    stopped: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        """The report as the `--json` object."""
        return asdict(self)


def label(
    examples: Sequence[Example],
    teacher: Teacher,
    labels: Labels,
    budget: Budget,
    *,
    prices: Prices,
    progress: Progress,
    terms: str = "",
    concurrency: int = 8,
    calls_per_minute: int = 0,
    retry: RetryPolicy | None = None,
    give_up: int = 10,
    clock: Clock | None = None,
    purpose: Purpose = "label",
    reuse: bool = True,
) -> LabelReport:
    """Labels all `examples`, `concurrency` at a time, and reports what was done and spent.

    Each example ends with one label: good, or with the reason why there is none. `give_up` items in a row that get
    no answer in spite of all attempts end the run. Raises CloudAccessError where the provider refuses every call, and
    CloudUnavailableError or CloudRefusedError after `give_up`; a used-up budget is no error but `stopped` in the
    report. Interrupted or killed, the same call goes on where this one stopped. `purpose` is what ledger and budget
    record the calls under; the answers are the same for all. Without `reuse` no recorded answer to the same question
    is taken over: it is asked whether the old one still holds.
    """
    started = time.monotonic()
    plan = plan_of(examples, teacher, labels, reuse=reuse)
    run = _Run(teacher, labels, budget, prices, terms, retry or RetryPolicy(), clock or WallClock(), give_up, purpose)
    run.pace = Pace(calls_per_minute, run.clock)
    report = run.report
    report.examples, report.kept, report.reused = len(examples), plan.kept, len(plan.reused)
    report.pairs, report.remarks = teacher.exemplars.used, list(remarks_on(teacher))
    run.count(plan.standing)
    run.take_over(plan.reused)
    with progress.task("labels", sum(map(len, plan.open)), "labels") as task:
        asyncio.run(run.all(plan.open, concurrency, task))
    report.unasked = sum(map(len, plan.open)) - report.asked - report.identical
    report.spent_in_all, report.limit = budget.spent(), budget.limit()
    report.seconds = round(time.monotonic() - started, 3)
    return report


class _Stopped(Exception):
    """The budget is used up: let what is in flight end, and take nothing new."""


@dataclass(slots=True)
class _Run:
    """One run of `label`: its parts, and what it has done so far."""

    teacher: Teacher
    labels: Labels
    budget: Budget
    prices: Prices
    terms: str
    retry: RetryPolicy
    clock: Clock
    give_up: int
    purpose: Purpose = "label"
    report: LabelReport = field(default_factory=LabelReport)
    pace: Pace = field(init=False)
    _draw: random.Random = field(init=False)
    _in_flight: int = 0
    _writers: ThreadPoolExecutor = field(init=False)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)
    _failed_in_a_row: int = 0

    def __post_init__(self) -> None:
        self._draw = random.Random(self.retry.seed)

    async def all(self, groups: Iterable[list[Prompt]], concurrency: int, task: ProgressTask) -> None:
        """Puts every group to the cloud, at most `concurrency` at once."""
        waiting = iter(groups)
        self._writers = ThreadPoolExecutor(concurrency, "labels")
        workers = [asyncio.create_task(self._work(waiting, task)) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._writers.shutdown()

    async def _work(self, waiting: Iterator[list[Prompt]], task: ProgressTask) -> None:
        for group in waiting:
            if self.report.stopped:
                return
            try:
                await self._item(group)
            except _Stopped:
                return
            task.advance(len(group), spent=round(self.report.spent, 4))

    def take_over(self, reused: Sequence[tuple[Prompt, Label]]) -> None:
        """Records known answers for the examples that ask the same."""
        taken = [self._copy(prompt, found) for prompt, found in reused]
        if taken:
            self.labels.add(taken)
            self.count(taken)

    def count(self, labels: Iterable[Label]) -> None:
        """Counts what the labels came to."""
        reasons = Counter(self.report.reasons)
        for found in labels:
            reasons.update([found.reason] if found.reason else [])
            self.report.labelled += not found.reason
            self.report.flagged += bool(found.note) and not found.reason
        self.report.reasons = dict(reasons)

    async def _item(self, group: list[Prompt]) -> None:
        """Asks one question until it is answered or given up, and records the answer for all who ask it."""
        prompt = group[0]
        worst = self.prices.worst(prompt.request.messages, prompt.request.sampling.max_tokens)
        for attempt in range(1, self.retry.attempts + 1):
            await self.pace.turn()
            reservation = await self._reserve(worst)
            self._in_flight += 1
            try:
                pause = await self._attempt(group, reservation, worst, attempt)
            finally:
                self._in_flight -= 1
                self._settled.set()
            if pause is None:
                return
            await self.clock.sleep(pause)

    async def _attempt(self, group: list[Prompt], reservation: str, worst: float, attempt: int) -> float | None:
        """One call. Returns None when the item is done, else the seconds to wait before the next attempt.

        A cancelled call settles nothing: its reservation counts as spent, since the provider may have answered.
        """
        prompt, answer = group[0], None
        self.report.calls += 1
        try:
            async with asyncio.timeout(self.retry.deadline):
                asked = replace(prompt, request=replace(prompt.request, purpose=self.purpose))
                answer = await self.teacher.answer(asked)
        except TimeoutError:
            error: CloudError = CloudTimeoutError(f"No whole answer came within {self.retry.deadline:.0f} s.")
        except CloudError as failure:
            error = failure
        except UnrestorableError as failure:
            await self._finish(group, Judgement("unrestorable", str(failure)), None, reservation, worst)
            return None
        except PrivacyError as failure:
            await self._finish(group, Judgement("withheld", str(failure)), None, reservation, 0.0)
            return None
        if answer is not None:
            price = self.prices.of(answer.tokens) if answer.tokens else worst
            self._failed_in_a_row = 0
            await self._finish(group, self.teacher.judge(prompt, answer), answer, reservation, price)
            return None
        return await self._failed(group, error, reservation, worst, attempt)

    async def _failed(
        self, group: list[Prompt], error: CloudError, reservation: str, worst: float, attempt: int
    ) -> float | None:
        """Settles a failed call, and decides whether it is worth another."""
        reason = _reason(error)
        self.report.failed_calls[reason] = self.report.failed_calls.get(reason, 0) + 1
        # A refused or postponed call was not worked on. Of the others nobody knows: they count in full.
        price = 0.0 if isinstance(error, (CloudBusyError, CloudRefusedError)) else worst
        if isinstance(error, CloudAccessError):
            await self._settle(reservation, price)
            raise error
        if not error.retryable or attempt == self.retry.attempts:
            await self._finish(group, Judgement(reason, str(error)), None, reservation, price)
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= self.give_up:
                kind = CloudUnavailableError if error.retryable else CloudRefusedError
                raise kind(
                    f"The cloud answered none of {self.give_up} questions in a row, so the rest is not tried; the last "
                    f"failure: {error} Labels so far are kept; the same command goes on."
                ) from error
            return None
        await self._settle(reservation, price)
        pause = self.retry.pause(attempt, error, self._draw)
        if isinstance(error, CloudBusyError) and error.retry_after is not None:
            self.pace.hold(error.retry_after)
        return pause

    async def _reserve(self, worst: float) -> str:
        """Sets the worst price aside; waits for calls in flight to settle where that alone can make room."""
        while True:
            self._settled.clear()
            try:
                return await self._in_store(lambda: self.budget.reserve(worst, self.purpose))
            except BudgetError as error:
                if self._in_flight == 0:
                    self.report.stopped = self.report.stopped or str(error)
                    raise _Stopped from None
            await self._settled.wait()

    async def _in_store(self, work: Callable[[], _T]) -> _T:
        """Does store work in a thread, since a commit waits for the disk: writes that wait together are committed
        together."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, work)

    async def _settle(self, reservation: str, price: float) -> None:
        await self._in_store(lambda: self.budget.settle(reservation, price))
        self.report.spent += price

    async def _finish(
        self, group: list[Prompt], judgement: Judgement, answer: Answer | None, reservation: str, price: float
    ) -> None:
        """Records the label of all who asked, then settles: killed in between, the money counts and no call is lost."""
        first = Label(
            example=group[0].example,
            key=group[0].key,
            text=answer.text if answer else "",
            reason=judgement.reason,
            model=self.teacher.cloud.name,
            prompt=group[0].digest,
            terms=self.terms,
            at=self.clock.now(),
            seconds=round(answer.seconds, 4) if answer else 0.0,
            tokens=(answer.tokens if answer else None) or Tokens(),
            price=price,
            note=judgement.note,
        )
        recorded = [first, *(self._copy(prompt, first) for prompt in group[1:])]

        def write() -> None:
            self.labels.add(recorded)
            self.budget.settle(reservation, price)

        await self._in_store(write)
        self.report.spent += price
        self.count(recorded)
        self.report.asked += 1
        self.report.identical += len(group) - 1
        self.report.tokens = _sum(self.report.tokens, first.tokens)

    def _copy(self, prompt: Prompt, known: Label) -> Label:
        """The same answer for another example that asks the same: it cost nothing."""
        return replace(known, example=prompt.example, prompt=prompt.digest, seconds=0.0, tokens=Tokens(), price=0.0)


def _reason(error: CloudError) -> str:
    named = {
        CloudBusyError: "busy",
        CloudTimeoutError: "timeout",
        CloudUnavailableError: "unavailable",
        CloudMalformedError: "malformed",
        CloudRefusedError: "refused",
    }
    return next((reason for kind, reason in named.items() if isinstance(error, kind)), "unavailable")


def _sum(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(one.prompt + other.prompt, one.completion + other.completion, one.cached + other.cached)

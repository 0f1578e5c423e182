"""Every example gets one label; money is never passed; nothing is asked twice."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from endcloud.cloud.budget import Prices
from endcloud.cloud.exemplars import Exemplars
from endcloud.cloud.label_plan import estimate
from endcloud.cloud.labelling import LabelReport, label
from endcloud.cloud.persona import Persona
from endcloud.cloud.policies import Policies
from endcloud.cloud.retry import Pace, RetryPolicy
from endcloud.cloud.teacher import Teacher
from endcloud.errors import (
    BudgetError,
    CloudAccessError,
    CloudBusyError,
    CloudRefusedError,
    CloudTimeoutError,
    CloudUnavailableError,
)
from endcloud.store.budget import StoredBudget
from endcloud.store.database import Database
from endcloud.store.labels import StoredLabels
from endcloud.testing.fixed_clock import FixedClock
from endcloud.testing.loopback_cloud import Fault, LoopbackCloud
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Example, Tokens

Make = Callable[..., Example]
Serve = Callable[..., LoopbackCloud]
PRICES = Prices(prompt=1000.0, cached=100.0, completion=2000.0)
QUICK = RetryPolicy(attempts=4, first=0.01, longest=0.02)


@pytest.fixture
def run(unguarded: Callable[..., object], labels: StoredLabels, budget: StoredBudget) -> Callable[..., LabelReport]:
    def go(server: LoopbackCloud, examples: list[Example], **changes: object) -> LabelReport:
        settings = {"prices": PRICES, "progress": SilentProgress(), "retry": QUICK, **changes}
        who = settings.pop("teacher", None) or teacher(unguarded(server, timeout=20.0))
        return label(examples, who, labels, settings.pop("budget", budget), **settings)  # type: ignore[arg-type]

    return go


def teacher(cloud: object, **changes: object) -> Teacher:
    return Teacher(cloud, Persona("你是客服。", "简短。"), Policies(["满59元包邮。"]), **changes)  # type: ignore[arg-type]


def test_every_example_gets_its_answer(
    serve: Serve, run: Callable[..., LabelReport], labels: StoredLabels, example: Make
) -> None:
    server = serve(lambda messages: "亲，" + messages[-1]["content"])
    examples = [example(n, split=("train", "validation", "test")[n % 3]) for n in range(30)]
    report = run(server, examples, terms="their terms")
    found = labels.of(e.id for e in examples)
    assert {e.id: "亲，" + e.query for e in examples} == {name: each.text for name, each in found.items()}
    assert {(each.model, each.terms, each.reason) for each in found.values()} == {("loopback", "their terms", "")}
    assert all(each.prompt and each.key and each.price > 0 and each.seconds > 0 for each in found.values())
    assert report.labelled == report.asked == report.calls == 30 and report.reasons == {}
    assert report.tokens.prompt == sum(each.tokens.prompt for each in found.values()) > 0
    assert (
        report.spent == pytest.approx(sum(each.price for each in found.values())) == pytest.approx(report.spent_in_all)
    )
    assert report.as_json()["tokens"] == {
        "prompt": report.tokens.prompt,
        "completion": report.tokens.completion,
        "cached": 0,
    }


def test_identical_questions_are_asked_once_and_known_answers_never(
    serve: Serve, run: Callable[..., LabelReport], labels: StoredLabels, example: Make
) -> None:
    server = serve()
    examples = [example(n, f"问题{n % 4}是什么") for n in range(12)]
    report = run(server, examples)
    assert (report.calls, report.identical, report.labelled) == (4, 8, 12)
    assert sum(each.price > 0 for each in labels.of(e.id for e in examples).values()) == 4
    again = run(server, [*examples, example(50, "问题1是什么")])
    assert (again.calls, again.kept, again.reused, again.labelled) == (0, 12, 1, 13) and len(server.calls) == 4


def test_failures_are_reasons_and_only_those_of_the_moment_are_asked_again(
    serve: Serve, run: Callable[..., LabelReport], labels: StoredLabels, example: Make
) -> None:
    faults: dict[str, Fault] = {
        "e0": "refused", "e1": "empty", "e2": "length", "e3": "bad json", "e4": "server error", "e5": "content filter",
        "e6": "no finish", "e7": "cut",
    }  # fmt: skip
    examples = [example(n, f"第{n}题怎么说") for n in range(10)]
    questions = {e.query: faults.get(e.id) for e in examples}
    server = serve(
        lambda m: "满99元包邮" if "9" in m[-1]["content"] else "好的", lambda number, question: questions[question]
    )
    report = run(server, examples)
    found = {name: each.reason for name, each in labels.of(e.id for e in examples).items()}
    assert found == {
        "e0": "refused", "e1": "empty", "e2": "truncated", "e3": "malformed", "e4": "unavailable", "e5": "refused",
        "e6": "malformed", "e7": "unavailable", "e8": "", "e9": "unsupported fact",
    }  # fmt: skip
    assert report.reasons == dict(Counter(reason for reason in found.values() if reason))
    asked = Counter(call.question for call in server.calls)
    assert [asked[f"第{n}题怎么说"] for n in range(10)] == [1, 1, 1, 4, 4, 1, 4, 4, 1, 1]
    questions.update(dict.fromkeys(questions))
    server.calls.clear()
    report = run(server, examples)
    assert sorted(call.question[1] for call in server.calls) == ["3", "4", "6", "7"]
    assert report.labelled == 5 and set(report.reasons) == {"refused", "empty", "truncated", "unsupported fact"}


def test_the_budget_is_never_passed_and_the_rest_is_left_unasked(
    serve: Serve, run: Callable[..., LabelReport], database: Database, labels: StoredLabels, example: Make
) -> None:
    server = serve()
    examples = [example(n) for n in range(60)]
    small = StoredBudget(database, 4.0)
    spent: list[float] = []
    server._fault = lambda number, question: spent.append(small.spent())  # type: ignore[assignment,func-returns-value]
    report = run(server, examples, budget=small, concurrency=6)
    assert 0 < report.labelled < 60 and report.unasked == 60 - report.labelled and "budget" in report.stopped.lower()
    assert max(spent) <= 4.0 and small.spent() <= 4.0
    more = run(server, examples, budget=StoredBudget(database, 1000.0))
    assert more.labelled == 60 and more.kept == report.labelled and not more.stopped
    assert Counter(call.question for call in server.calls).most_common(1)[0][1] == 1


def test_what_a_failed_call_counts_as(serve: Serve, run: Callable[..., LabelReport], example: Make) -> None:
    """A call that was turned away cost nothing; one that broke may have been billed, and counts in full."""
    turned_away = run(serve(fault=lambda number, question: "rate limit"), [example(1)])
    assert turned_away.spent == 0 and turned_away.failed_calls == {"busy": 4} and turned_away.reasons == {"busy": 1}
    broke = run(serve(fault=lambda number, question: "cut"), [example(2)])
    assert broke.spent > 0 and broke.failed_calls == {"unavailable": 4}


def test_a_refused_key_stops_at_once(serve: Serve, run: Callable[..., LabelReport], example: Make) -> None:
    server = serve(fault=lambda number, question: "bad key")
    with pytest.raises(CloudAccessError, match="401"):
        run(server, [example(n) for n in range(50)], concurrency=3)
    assert len(server.calls) <= 3


def test_a_dead_cloud_is_given_up(serve: Serve, run: Callable[..., LabelReport], example: Make) -> None:
    server = serve(fault=lambda number, question: "server error")
    with pytest.raises(CloudUnavailableError, match="none of 3 questions in a row"):
        run(server, [example(n) for n in range(50)], concurrency=2, give_up=3)
    assert len(server.calls) <= 3 * 4 + 2 * 4


def test_a_cloud_that_refuses_everybody_is_not_asked_by_everybody(
    serve: Serve, run: Callable[..., LabelReport], example: Make
) -> None:
    """A prompt that is too long for the model, for one, is refused call by call."""
    server = serve(fault=lambda number, question: "refused")
    with pytest.raises(CloudRefusedError, match="in a row"):
        run(server, [example(n) for n in range(50)], concurrency=2, give_up=3)
    assert len(server.calls) <= 5


def test_calls_in_flight_are_bounded(serve: Serve, run: Callable[..., LabelReport], example: Make) -> None:
    flying, most, change = 0, 0, threading.Condition()

    def answer(messages: list[dict[str, str]]) -> str:
        nonlocal flying, most
        with change:
            flying += 1
            most = max(most, flying)
            change.notify_all()
            assert change.wait_for(lambda: most >= 3, timeout=30), "three at once were never reached"
        time.sleep(0.01)  # a fourth would come now
        with change:
            flying -= 1
        return "好的"

    run(serve(answer), [example(n) for n in range(24)], concurrency=3)
    assert most == 3


def test_the_dry_run_sends_nothing_and_foretells(
    serve: Serve,
    run: Callable[..., LabelReport],
    labels: StoredLabels,
    budget: StoredBudget,
    unguarded: Callable[..., object],
    example: Make,
) -> None:
    server = serve()
    corpus = [example(n, f"第{n}个商品什么价", f"亲，{'好' * (n % 7)}") for n in range(40)]
    who = teacher(unguarded(server), exemplars=Exemplars(corpus, mode="fixed", pairs=10))
    examples = [example(100 + n, f"第{n // 2}个新问题怎么办呀", split="test") for n in range(20)]
    run(server, examples[:4], teacher=who)
    sent = len(server.calls)
    told = estimate(examples, who, labels, budget, prices=PRICES)
    assert len(server.calls) == sent == 2
    assert (told.examples, told.calls, told.kept, told.identical) == (20, 8, 4, 8)
    assert 0 < told.cached_tokens < told.prompt_tokens and 0 < told.price < told.worst_price
    report = run(server, examples, teacher=who)
    assert report.calls == told.calls and report.spent <= told.worst_price
    assert told.as_json()["calls"] == 8


def test_prices() -> None:
    assert Prices(2.0, 0.5, 8.0).of(Tokens(1_000_000, 500_000, 600_000)) == pytest.approx(0.8 + 0.3 + 4.0)
    from endcloud.types import Message

    worst = Prices(1.0, 0.1, 1.0).worst([Message("user", "一二三")], 100)
    assert worst >= Prices(1.0, 0.1, 1.0).of(Tokens(prompt=9, completion=100))


def test_pauses_grow_honour_the_provider_and_repeat() -> None:
    policy = RetryPolicy(attempts=9, first=1.0, longest=10.0)
    error = CloudTimeoutError("late")
    pauses = [policy.pause(n, error, random.Random(1)) for n in range(1, 9)]
    assert pauses == sorted(pauses) and all(
        0.2 * min(10, 2 ** (n - 1)) <= p <= min(10, 2 ** (n - 1)) for n, p in enumerate(pauses, 1)
    )
    assert policy.pause(1, CloudBusyError("slow", retry_after=42.0), random.Random(1)) == 42.0
    assert pauses == [policy.pause(n, error, random.Random(1)) for n in range(1, 9)]


def test_the_pace_is_kept_and_a_hold_holds_everybody() -> None:
    async def starts(gap: int, hold: float) -> list[float]:
        clock = FixedClock()
        begun = clock.now().timestamp()
        pace = Pace(gap, clock)
        pace.hold(hold)
        times = []
        for _ in range(4):
            await pace.turn()
            times.append(round(clock.now().timestamp() - begun, 3))
        return times

    assert asyncio.run(starts(60, 0)) == [0, 1, 2, 3]
    assert asyncio.run(starts(0, 7)) == [7, 7, 7, 7]


def test_a_budget_of_nothing_asks_nothing(
    serve: Serve, run: Callable[..., LabelReport], database: Database, example: Make
) -> None:
    server = serve()
    with pytest.raises(BudgetError):
        StoredBudget(database, 0.0).reserve(0.1, "label")
    report = run(server, [example(1)], budget=StoredBudget(database, 0.0))
    assert report.stopped and report.unasked == 1 and not server.calls

"""One arm from its first question to its last on a real service and store, with models on loopback."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from served_shop import set_up

from endcloud.assembly import Shop
from endcloud.assembly.following import Follower
from endcloud.assembly.serving import service_of
from endcloud.bundled.shop import load_shop
from endcloud.simulation.clock import SimulatedClock
from endcloud.simulation.course import Course
from endcloud.simulation.drift import NEW_PRODUCTS, Drift
from endcloud.simulation.records import RoundMark
from endcloud.simulation.schedule import Schedule
from endcloud.store.conversations import StoredConversations
from endcloud.testing.loopback_cloud import LoopbackCloud
from endcloud.testing.silent_progress import CountedTask, SilentProgress

START = datetime(2026, 5, 1, tzinfo=UTC)
SEED = 4  # with this one somebody asks about free shipping before the edit
SCHEDULE = Schedule(questions=60, edit=15, product=30, attack=42, peace=54, round_minutes=8.0, at_once=4, probe=5)


@dataclass
class Written:
    """A host that keeps what the simulation did to the shop. Its version changes with every round."""

    policies: str = ""
    catalogue: str = ""
    rounds: int = 0
    asked: list[int] = field(default_factory=list)

    def write_policies(self, text: str) -> None:
        self.policies = text

    def write_catalogue(self, text: str) -> None:
        self.catalogue = text

    def round(self) -> RoundMark:
        self.rounds += 1
        return RoundMark(self.rounds, 0, 0.0, "promoted", "Better.", "v", {"train": 60.0})

    def version(self) -> str:
        return f"v{self.rounds}"

    def answers(self, queries: Sequence[str]) -> list[str]:
        self.asked.append(len(queries))
        return ["亲，满88元包邮哦"] * len(queries)

    def bill(self) -> tuple[Mapping[str, int], float]:
        return {"takeover": 3}, 0.5


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Course, Written, Shop]]:
    root = tmp_path_factory.mktemp("course") / "shop"
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("ENDCLOUD_CLOUD_KEY", "any")
    with (
        LoopbackCloud(lambda messages: "亲，满59元包邮哦", logprob=-0.01) as end,
        LoopbackCloud(lambda messages: "亲，这个可以的哦") as cloud,
    ):
        set_up(root, end, cloud, office_hours="00:00-24:00")
        with Shop.open(root, SilentProgress()) as shop, Follower.of(shop) as follower:
            clock, host = SimulatedClock(START), Written()
            task = CountedTask("arm", SCHEDULE.questions, "questions")
            course = Course(
                service_of(shop, follower, clock), host, clock, Drift.of(load_shop()), SCHEDULE, SEED, task
            )  # fmt: skip
            asyncio.run(course.run())
            assert task.done == SCHEDULE.questions
            yield course, host, shop
    monkeypatch.undo()


def test_every_question_is_asked_answered_or_with_a_person_and_recorded_with_the_truth(
    ran: tuple[Course, Written, Shop],
) -> None:
    course, _, _ = ran
    first = [one for one in course.asked if not one.again and not one.attack]
    assert sorted(one.number for one in first) == list(range(SCHEDULE.questions))
    judged = [one for one in first if one.right is not None]
    assert {one.route for one in judged} <= {"end", "cloud", "not sure"}
    right = [one for one in judged if one.right]
    assert right, "nobody asked about free shipping before the edit"
    assert all(one.intent == "free_shipping" and one.number < SCHEDULE.edit for one in right)
    assert all(one.route == "person" for one in first if one.matter == "for a person")


def test_the_owner_edits_the_new_line_comes_and_both_change_what_is_right(ran: tuple[Course, Written, Shop]) -> None:
    course, host, _ = ran
    assert "满88元包邮" in host.policies
    assert all(name in host.catalogue for name in NEW_PRODUCTS)
    before, after = course.looked[0], next(one for one in course.looked if one.phase == 1)
    assert before.shares["changed"] == 0 < after.shares["changed"] < 1
    assert "new" not in after.shares and "new" in course.looked[-1].shares


def test_attackers_come_in_their_time_and_are_no_customers(ran: tuple[Course, Written, Shop]) -> None:
    course, _, _ = ran
    hostile = [one for one in course.asked if one.attack]
    assert {one.attack for one in hostile} <= {"instruction", "forged pair", "flood", "dislike"} and len(hostile) > 3
    assert all(SCHEDULE.attack <= one.number <= SCHEDULE.peace for one in hostile)


def test_rounds_come_in_simulated_time_and_their_work_passes_there(ran: tuple[Course, Written, Shop]) -> None:
    course, host, _ = ran
    times = [one.seconds for one in course.rounds]
    assert len(times) == host.rounds >= 2
    assert all(later - earlier >= 8 * 60 + 60 for earlier, later in pairwise(times))
    assert [one.at for one in course.rounds] == sorted(one.at for one in course.rounds)


def test_turns_bear_the_simulated_time_and_nobody_is_left_waiting_for_a_person(
    ran: tuple[Course, Written, Shop],
) -> None:
    course, _, shop = ran
    replies = StoredConversations(shop.database).replies_since(START)
    assert len(replies) >= SCHEDULE.questions
    last = course.clock.now() + timedelta(hours=1)  # the last conversations go on after the last customer came
    assert all(START <= turn.at <= last for turn in replies)
    assert not course.service.desk.open()

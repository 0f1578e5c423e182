"""Who answers: the end model while it is sure, the cloud when it is not, and nothing that was shown is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from endcloud.errors import BudgetError, CloudError, CloudTimeoutError, UnrestorableError
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.events import Began, Event, Piece, Said
from endcloud.serving.fair_share import FairShare
from endcloud.serving.release import ForbiddenWords, Release, StatedFacts, Withheld
from endcloud.serving.router import CloudRoute, EndRoute, NeedsPerson, Router, Talk
from endcloud.testing.fixed_clock import FixedClock
from endcloud.testing.scripted_model import Line, ScriptedModel
from endcloud.types import Turn

AT = datetime(2026, 1, 1, tzinfo=UTC)
RULES = ("满59元包邮，不满收8元运费。", "签收后7天内支持退货。")
CHECKS = (ForbiddenWords(("最好", "第一"), ("第一次",)), StatedFacts(RULES))
UNSURE = -3.0


def query(text: str, name: str = "q") -> Turn:
    return Turn(name, "c", "customer", text, AT)


class Routes:
    """A router over two scripted models."""

    def __init__(
        self,
        end: Mapping[str, Line | str],
        cloud: Mapping[str, Line | str] | None = None,
        *,
        affordable: bool = True,
        held_back: int = 4,
        an_hour: int = 100,
    ) -> None:
        self.clock = FixedClock()
        self.end = ScriptedModel(end, "end")
        self.cloud = ScriptedModel(cloud, "cloud") if cloud is not None else None
        self.breaker = CircuitBreaker(self.clock, failures=2, rest=30)
        self.router = Router(
            lambda: EndRoute(self.end, "v1", Uncalibrated(held_back, accept=0.5)),
            CloudRoute(self.cloud, lambda: affordable, self.breaker, "uploads are off", FairShare(self.clock, an_hour)),
            CHECKS,
            self.clock,
        )

    def answer(self, text: str, before: Sequence[Turn] = (), stops: tuple[str, ...] = ()) -> list[Event | NeedsPerson]:
        async def all_events() -> list[Event | NeedsPerson]:
            return [event async for event in self.router.answer(Talk(query(text), tuple(before), stops=stops))]

        return asyncio.run(all_events())


def turns(events: Sequence[Event | NeedsPerson]) -> list[Turn]:
    return [event.turn for event in events if isinstance(event, Said)]


def shown(events: Sequence[Event | NeedsPerson]) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece))


def test_a_sure_end_model_answers_in_checked_clauses() -> None:
    routes = Routes({"": "亲，满59元包邮，不满收8元。"}, {"": "cloud"})
    events = routes.answer("满多少包邮")
    [turn] = turns(events)
    assert (turn.route, turn.version, turn.text) == ("end", "v1", "亲，满59元包邮，不满收8元。")
    assert turn.probability is not None and turn.probability > 0.9 and turn.answers == "q"
    assert isinstance(events[0], Began) and shown(events) == turn.text
    assert [event.text for event in events if isinstance(event, Piece)] == ["亲，满59元包邮，", "不满收8元。"]
    assert routes.cloud is not None and routes.cloud.requests == []


def test_an_unsure_one_is_silent_and_the_cloud_answers() -> None:
    routes = Routes({"": Line("满99元包邮", UNSURE)}, {"": "满59元包邮哦"})
    events = routes.answer("满多少包邮")
    [turn] = turns(events)
    assert (turn.route, turn.text) == ("cloud", "满59元包邮哦") and turn.reason.startswith("uncalibrated 0.05 < 0.50")
    assert "99" not in shown(events)
    assert routes.end.left == 1, "the end model was stopped after the tokens that were held back"
    assert routes.cloud is not None and routes.cloud.requests[0].purpose == "takeover"


def test_who_had_the_cloud_often_enough_meets_caution_and_others_do_not() -> None:
    routes = Routes({"": Line("满99元包邮", UNSURE)}, {"": "满59元包邮哦"}, an_hour=1)
    [first], [second] = turns(routes.answer("满多少包邮")), turns(routes.answer("满多少包邮"))
    assert first.route == "cloud" and second.cautious and "often enough for an hour" in second.reason
    asyncio.run(routes.clock.sleep(3600))
    assert turns(routes.answer("满多少包邮"))[0].route == "cloud"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("我们是全网第一的店", "forbidden word '第一'"),
        ("满99元包邮", "unsupported fact 99元"),
        ("", "the reply is empty"),
        (Line("亲，", error=UnrestorableError("[电话_9]")), "UnrestorableError"),
    ],
)
def test_a_reply_that_fails_its_check_takes_the_next_route(reply: Line | str, reason: str) -> None:
    routes = Routes({"": reply}, {"": "满59元包邮"}, held_back=1)
    events = routes.answer("满多少包邮")
    *withheld, turn = turns(events)
    assert (turn.route, turn.text) == ("cloud", "满59元包邮") and reason in turn.reason
    assert all(cut.finish == "content_filter" for cut in withheld)
    assert "99" not in shown(events) and "第一" not in shown(events)


def test_what_was_shown_stays_when_a_later_clause_fails() -> None:
    routes = Routes({"": "满59元包邮，我们是最好的。"}, {"": "满59元包邮"})
    events = routes.answer("满多少包邮")
    cut, whole = turns(events)
    assert (cut.text, cut.finish, cut.route) == ("满59元包邮，", "content_filter", "end")
    assert whole.route == "cloud" and whole.id != cut.id
    assert shown(events) == "满59元包邮，满59元包邮"


def test_a_number_is_not_cut_in_two_to_pass() -> None:
    release = Release(CHECKS, ())
    assert release.feed("满59") == "" and release.feed("元包邮") == ""
    assert release.feed("，运费1") == "满59元包邮，"
    with pytest.raises(Withheld) as caught:
        release.feed("6元。", last=True)
    assert caught.value.shown == "满59元包邮，" and "16元" in caught.value.reason
    assert Release(CHECKS, ()).feed("第一次来的顾客，", last=True)


@pytest.mark.parametrize(
    "address", ["亲，", "亲亲，", "您好，", "亲爱的顾客，您好！", "Hello, ", "亲～，", "Dear customer, "]
)
def test_words_that_only_address_the_customer_are_never_all_that_is_shown(address: str) -> None:
    release = Release(CHECKS, ())
    assert release.feed(f"{address}我们") == ""
    with pytest.raises(Withheld) as caught:
        release.feed("是最好的。", last=True)
    assert caught.value.shown == ""
    assert Release(CHECKS, ()).feed(address, last=True) == address, "a reply of nothing else is let out"
    assert Release(CHECKS, ()).feed(f"{address}在的，请") == f"{address}在的，"


def test_a_reply_that_is_wanted_whole_shows_nothing_of_one_that_fails() -> None:
    routes = Routes({"": "满59元包邮，我们是最好的。"}, {"": "满59元包邮，不满收8元运费。"})

    async def answer() -> list[Event | NeedsPerson]:
        return [event async for event in routes.router.answer(Talk(query("满多少包邮"), whole=True))]

    events = asyncio.run(answer())
    [turn] = turns(events)
    assert (turn.route, turn.finish, shown(events)) == ("cloud", "stop", "满59元包邮，不满收8元运费。")
    assert "forbidden word '最好'" in turn.reason


@pytest.mark.parametrize("error", [None, CloudTimeoutError("slow")])
def test_a_reply_ends_before_a_stop_text_and_is_what_was_shown(error: Exception | None) -> None:
    routes = Routes({"": Line("满59元包邮，不满收8元运费。我们是最好的。", error=error)}, {"": "cloud"})

    events = routes.answer("满多少包邮", stops=("不满",))
    [turn] = turns(events)
    assert (turn.route, turn.finish, turn.text) == ("end", "stop", "满59元包邮，")
    assert shown(events) == turn.text
    assert turn.tokens.completion == (0 if error else len("满59元包邮，不满收8元运费。我们是最好的。"))
    [empty] = turns(routes.answer("满多少包邮", stops=("满",)))
    assert (empty.text, empty.finish, empty.route) == ("", "stop", "end")
    [other] = turns(Routes({"": "我们是最好的不满"}, {"": "满59元包邮"}).answer("满多少包邮", stops=("不满",)))
    assert other.route == "cloud", "what stands before a stop text is checked like any other words"


@pytest.mark.parametrize(
    ("routes", "skipped"),
    [
        (Routes({"": Line("嗯嗯嗯嗯嗯", UNSURE)}), "uploads are off"),
        (Routes({"": Line("嗯嗯嗯嗯嗯", UNSURE)}, {"": "x"}, affordable=False), "budget is spent"),
    ],
)
def test_a_skipped_cloud_is_recorded_and_the_wording_is_cautious(routes: Routes, skipped: str) -> None:
    [turn] = turns(routes.answer("你好"))
    assert turn.text == routes.router.wording.caution[0] and skipped in turn.reason and turn.route == "end"
    again = routes.answer("在吗", [query("你好"), turn])
    assert isinstance(again[-1], NeedsPerson) and "not sure twice" in again[-1].reason


def test_the_circuit_opens_after_failures_and_closes_after_a_success() -> None:
    routes = Routes({"": Line("嗯嗯嗯嗯嗯", UNSURE)}, {"1": Line("", error=CloudTimeoutError("slow")), "2": "在的"})
    assert routes.cloud is not None
    for _ in range(3):
        [turn] = turns(routes.answer("1"))
    assert len(routes.cloud.requests) == 2 and "circuit is open" in turn.reason
    asyncio.run(routes.clock.sleep(31))
    assert turns(routes.answer("2"))[0].text == "在的"
    assert routes.breaker.closed()


def test_a_cloud_that_breaks_off_leaves_what_was_shown() -> None:
    routes = Routes({"": Line("嗯嗯嗯嗯嗯", UNSURE)}, {"": Line("满59元包邮，退货", error=CloudTimeoutError("slow"))})
    cut, cautious = turns(routes.answer("满多少包邮"))
    assert (cut.text, cut.finish) == ("满59元包邮，", "content_filter")
    assert cautious.text == routes.router.wording.caution[0]
    assert "CloudTimeoutError" in cautious.reason


def test_a_spent_budget_is_no_failure_of_the_cloud() -> None:
    routes = Routes({"": Line("嗯嗯嗯嗯嗯", UNSURE)}, {"": Line("", error=BudgetError("spent"))})
    for _ in range(3):
        routes.answer("你好")
    assert routes.breaker.closed()


def test_memory_goes_to_the_end_model_and_never_to_the_cloud() -> None:
    routes = Routes({"": Line("嗯嗯嗯嗯嗯", UNSURE)}, {"": "在的"})

    async def ask() -> None:
        talk = Talk(query("我穿多大"), (), about=("顾客的尺码是XL。",))
        assert [event async for event in routes.router.answer(talk)]

    asyncio.run(ask())
    assert routes.cloud is not None
    assert routes.end.requests[0].messages[-1].content == "顾客的尺码是XL。\n我穿多大"
    assert "XL" not in str(routes.cloud.requests[0])


def test_a_reply_drawn_from_memory_is_not_told_to_the_cloud_later() -> None:
    routes = Routes({"顾客的尺码是XL。\n我穿多大": "亲，您穿XL", "": Line("嗯嗯嗯嗯嗯", UNSURE)}, {"": "在的"})

    async def ask() -> None:
        first = query("我穿多大")
        events = [event async for event in routes.router.answer(Talk(first, (), about=("顾客的尺码是XL。",)))]
        personal = next(event.turn for event in events if isinstance(event, Said))
        assert personal.text == "亲，您穿XL"
        assert [event async for event in routes.router.answer(Talk(query("为什么"), (first, personal)))]

    asyncio.run(ask())
    assert routes.cloud is not None and len(routes.cloud.requests) == 1
    assert "XL" not in str(routes.cloud.requests[0]) and "我穿多大" in str(routes.cloud.requests[0])


def test_a_second_answer_is_the_clouds_or_says_why_not() -> None:
    async def ask(routes: Routes) -> list[Event]:
        return [event async for event in routes.router.take_over(Talk(query("运费")), "thumb down")]

    assert turns(asyncio.run(ask(Routes({"": "x"}, {"": "收8元运费"}))))[0].text == "收8元运费"
    with pytest.raises(CloudError, match="uploads are off"):
        asyncio.run(ask(Routes({"": "x"})))
    with pytest.raises(CloudError, match="unsupported fact 18元"):
        asyncio.run(ask(Routes({"": "x"}, {"": "收18元运费"})))


def earlier_talk() -> tuple[Turn, ...]:
    asked = replace(query("满多少包邮，电话13812345678", "old"), conversation="before")
    return asked, Turn("olda", "before", "end", "亲，满99元包邮哦", AT, "old", "end")


def test_what_is_recalled_is_read_as_said_before_hidden_in_slots_and_goes_to_no_cloud() -> None:
    routes = Routes({"": Line("不知道", UNSURE)}, {"": "亲，满59元包邮。"})
    routes.router.masker = ConversationMasker(Detector())
    talk = Talk(query("上次说的呢"), (), ("手机：13812345678",), ("派件员15912345678",), recalled=earlier_talk())
    routes.router.phrase_lookups = True

    async def answer() -> None:
        assert [event async for event in routes.router.answer(replace(talk, told=()))]
        await routes.router.draft(talk)

    asyncio.run(answer())
    first, drafted = routes.end.requests
    assert [message.content for message in drafted.messages] == [
        "满多少包邮，电话[档案_电话_1]",
        "亲，满99元包邮哦",
        "手机：[档案_电话_1]\n派件员[实时_电话_1]\n上次说的呢",
    ]
    assert drafted.slots == {"[档案_电话_1]": "13812345678", "[实时_电话_1]": "15912345678"}
    assert [message.content for message in first.messages][-1] == "手机：[档案_电话_1]\n上次说的呢"
    assert routes.cloud is not None
    (asked,) = routes.cloud.requests
    assert [message.content for message in asked.messages] == ["上次说的呢"] and asked.slots == {}


def test_what_was_true_then_is_no_source_of_facts_now_and_the_reply_stays_here() -> None:
    routes = Routes({"": "亲，满99元包邮哦"}, {"": "亲，满59元包邮。"})

    async def answer() -> list[Turn]:
        talk = Talk(query("上次说的呢"), recalled=earlier_talk())
        return turns([event async for event in routes.router.answer(talk)])

    [right] = asyncio.run(answer())
    assert right.route == "cloud" and "unsupported fact 99元" in right.reason

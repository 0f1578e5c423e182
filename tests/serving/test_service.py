"""The service on a real store: what is said is kept, in order, once, and by whom it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scripted_shop import ANNA, BERT, NIGHT, NOON, REPLIES, Shop, last

from endcloud.errors import AccessError, ConflictError, NotFoundError, SettingsError
from endcloud.evolution.exchanges import CONTEXT_TURNS, served
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.serving.events import Called, Event, Piece, Said
from endcloud.serving.office import OfficeHours
from endcloud.serving.service import Visitor
from endcloud.store.conversations import StoredConversations
from endcloud.store.database import Database, sqlite_url
from endcloud.types import Turn


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(tmp_path / "store.db"))
    yield opened
    opened.close()


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database, REPLIES, "云端的回答", NOON)


def test_a_talk_is_kept_word_by_word_and_read_on(shop: Shop) -> None:
    shop.says("你好")
    shop.says("满多少包邮")
    assert shop.turns() == [
        ("customer", "你好"),
        ("end", "好的亲"),
        ("customer", "满多少包邮"),
        ("end", "满59元包邮"),
    ]
    contents = [message.content for message in shop.end.requests[-1].messages]
    assert contents == ["你好", "好的亲", "满多少包邮"]
    assert shop.knowledge.heard == ["你好", "满多少包邮"]


def test_what_is_known_stands_before_the_question_and_marks_the_reply(shop: Shop) -> None:
    reply = last(shop.says("我是会员吗"))
    assert shop.end.requests[-1].messages[-1].content == "顾客anna是会员。\n我是会员吗"
    assert reply.reason == "from what is known of the customer"


def test_words_sent_again_are_answered_once(shop: Shop) -> None:
    first = shop.says("满多少包邮", turn="q1")
    again = shop.says("满多少包邮", turn="q1")
    assert last(again) == last(first) and len(shop.turns()) == 2 and len(shop.end.requests) == 1


def test_nobody_reads_continues_or_rates_anothers_conversation(shop: Shop) -> None:
    reply = last(shop.says("你好"))
    service = shop.service

    async def peep() -> None:
        with pytest.raises(AccessError, match="somebody else"):
            await shop.ask("我也来", BERT)
        with pytest.raises(AccessError, match="not yours"):
            await service.history(BERT, "c")
        with pytest.raises(AccessError, match="not yours"):
            await service.rate(BERT, "f", reply.id, "thumb", -1, "")
        with pytest.raises(AccessError, match="not yours"):
            assert [event async for event in service.second_answer(BERT, reply.id)]
        with pytest.raises(AccessError, match="none of this name"):
            await service.history(BERT, "unknown")
        with pytest.raises(NotFoundError):
            await service.rate(ANNA, "f", "unknown", "thumb", -1, "")
        assert await service.rate(ANNA, "f", reply.id, "thumb", -1, "不对")
        assert not await service.rate(ANNA, "f", reply.id, "thumb", -1, "不对"), "once"

    asyncio.run(peep())
    shop.says("你好", Visitor("somebody"), "d")

    async def rate_anonymously() -> None:
        reply = last(await shop.ask("满多少包邮", Visitor("somebody"), "d"))
        with pytest.raises(AccessError, match="signed by the shop"):
            await service.rate(Visitor("somebody"), "g", reply.id, "thumb", 1, "")

    asyncio.run(rate_anonymously())


def test_a_person_comes_speaks_and_hands_back(shop: Shop) -> None:
    events = shop.says("转人工")
    assert isinstance(events[-1], Called) and events[-1].handoff.reason == "asked for a person"
    assert last(events).speaker == "shop" and "正在为您转接" in last(events).text
    assert shop.says("在吗")[1:] == [], "nobody talks over a person who is on the way"
    service = shop.service

    async def take() -> None:
        with pytest.raises(ConflictError, match="claim it first"):
            await service.say("c", "eva", "您好")
        await service.claim("c", "eva")
        with pytest.raises(ConflictError, match="by 'eva'"):
            await service.claim("c", "otto")
        assert await service.draft("c") == "好的亲"
        assert (await shop.ask("我是会员吗"))[1:] == []
        await service.draft("c")
        assert shop.end.requests[-1].messages[-1].content == "顾客anna是会员。\n转人工\n在吗\n我是会员吗"
        with service.feed.listen("c") as news:
            said = await service.say("c", "eva", "您好，我是伊娃", suggested="好的亲")
            assert said.suggested == "好的亲" and said.by == "eva"
            assert await news.get() == Said(said)
        assert (await shop.ask("谢谢"))[1:] == [], "a person has heard it"
        await service.hand_back("c", "eva")

    asyncio.run(take())
    assert last(shop.says("满多少包邮")).route == "end"
    assert ("human", "您好，我是伊娃") in shop.turns()


def test_outside_office_hours_the_customer_reads_what_happens_next(database: Database) -> None:
    shop = Shop(database, REPLIES, None, NIGHT)
    assert "09:00–21:00" in last(shop.says("人工客服")).text
    assert last(shop.says("满多少包邮")).route == "end", "nobody is there, so the models go on"


def test_complaint_after_complaint_calls_a_person(shop: Shop) -> None:
    assert last(shop.says("你们太差了")).route == "end"
    assert last(shop.says("我要投诉你们")).reason == "complaint after complaint"
    kinds = {feedback.kind for feedback in shop.feedbacks.since(NOON)}
    assert kinds == {"complaint"}


def test_asking_again_speaks_of_the_reply_before(shop: Shop) -> None:
    reply = last(shop.says("满多少包邮"))
    shop.says("满多少包邮？")
    assert [feedback.kind for feedback in shop.feedbacks.of(reply.id)] == ["asked again"]


def test_live_facts_come_from_the_lookup_or_a_person(shop: Shop) -> None:
    answer = last(shop.says("我的快递到哪了"))
    assert (answer.text, answer.route, answer.version) == ("您的包裹在杭州。", "end", "lookup")
    assert shop.end.requests == []  # the shop's own system has answered, and a model could only spoil it
    events = shop.says("我的快递到哪了", BERT, "d")
    assert last(events).reason == "live facts that no lookup gives" and isinstance(events[-1], Called)


def test_a_model_that_phrases_lookups_is_told_them_and_may_state_their_facts(shop: Shop) -> None:
    shop.service.router.phrase_lookups = True
    shop.says("我的快递到哪了")
    assert "您的包裹在杭州。" in shop.end.requests[-1].messages[-1].content


def test_a_thumb_down_is_answered_by_the_cloud(shop: Shop) -> None:
    reply = last(shop.says("满多少包邮"))

    async def again() -> list[Event]:
        return [event async for event in shop.service.second_answer(ANNA, reply.id)]

    better = last(asyncio.run(again()))
    assert (better.route, better.text, better.answers) == ("cloud", "云端的回答", reply.answers)

    async def once_more() -> None:
        with pytest.raises(ConflictError, match="a person can help"):
            assert [event async for event in shop.service.second_answer(ANNA, better.id)]

    asyncio.run(once_more())
    same = last(asyncio.run(again()))
    assert same == better and shop.cloud is not None and len(shop.cloud.requests) == 1, "asked once, told twice"


def test_a_thumb_down_pressed_twice_at_once_asks_the_cloud_once(shop: Shop) -> None:
    reply = last(shop.says("满多少包邮"))

    async def both() -> list[list[Event]]:
        async def again() -> list[Event]:
            return [event async for event in shop.service.second_answer(ANNA, reply.id)]

        return list(await asyncio.gather(again(), again()))

    first, second = asyncio.run(both())
    assert last(first) == last(second) and shop.cloud is not None and len(shop.cloud.requests) == 1


def test_a_person_whom_a_model_promises_is_called(database: Database) -> None:
    promise = "好的亲，人工客服3分钟左右就来呢"
    for number, now in enumerate((NOON, NIGHT)):
        shop = Shop(database, {"": promise}, promise, now)
        events = shop.says("请问怎么办才好", ANNA, f"c{number}")
        assert isinstance(events[-1], Called) and events[-1].handoff.reason == "a person was promised"
        assert last(events).speaker == "shop", "the service itself says what happens next"
        assert not any("就来" in text for _, text in shop.turns(f"c{number}"))
        assert shop.cloud is not None and shop.cloud.requests == []


def test_a_second_answer_that_promises_a_person_calls_one(database: Database) -> None:
    shop = Shop(database, REPLIES, "已为您转接人工客服，请稍候", NOON)
    reply = last(shop.says("满多少包邮"))

    async def again() -> list[Event]:
        return [event async for event in shop.service.second_answer(ANNA, reply.id)]

    events = asyncio.run(again())
    assert isinstance(events[-1], Called) and last(events).speaker == "shop"


@pytest.mark.parametrize(("now", "said"), [(NOON, "A person is being called"), (NIGHT, "hours: 09:00–21:00")])
def test_who_writes_english_is_answered_in_english(database: Database, now: datetime, said: str) -> None:
    shop = Shop(database, {"": ""}, None, now)
    assert said in last(shop.says("human please")).text
    assert "not sure enough" in last(shop.says("what is it made of", ANNA, "d")).text
    assert "不太有把握" in last(shop.says("???", ANNA, "e")).text

    async def picture() -> list[Event]:
        return [event async for event in shop.service.excuse_picture(ANNA, "f", "what is this?")]

    assert "cannot look at pictures" in last(asyncio.run(picture())).text


def test_what_is_not_kept_is_told_that_nobody_can_be_called(database: Database) -> None:
    shop = Shop(database, {"": "人工客服马上就来"}, None, NOON)

    async def unkept() -> list[Event]:
        return [event async for event in shop.service.answer_unkept("请问怎么办才好", ())]

    assert "没有保存" in last(asyncio.run(unkept())).text


def test_what_was_shown_is_kept_when_the_reader_leaves(database: Database) -> None:
    shop = Shop(database, {"": "第一句，第二句，第三句。"}, None, NOON)

    async def leave() -> None:
        async with aclosing(shop.service.ask(ANNA, "c", "你好")) as events:
            async for event in events:
                if isinstance(event, Piece):
                    break

    asyncio.run(leave())
    assert shop.turns() == [("customer", "你好"), ("end", "第一句，")]
    assert shop.end.left == 1


def test_office_hours_over_midnight_and_wrong_ones() -> None:
    hours = OfficeHours.parse("22:00-02:00", "1", "UTC")
    monday, tuesday = datetime(2026, 1, 5, 23, tzinfo=UTC), datetime(2026, 1, 6, 1, tzinfo=UTC)
    assert hours.open_at(monday) and hours.open_at(tuesday)
    assert not hours.open_at(tuesday.replace(hour=3)) and not hours.open_at(monday.replace(hour=1))
    for wrong in (("9-21", "1", "UTC"), ("09:00-21:00", "8", "UTC"), ("09:00-21:00", "1", "Mars/Base")):
        with pytest.raises(SettingsError, match=r"correct|use one"):
            OfficeHours.parse(*wrong)


def test_half_a_number_whose_beginning_only_the_caller_keeps_is_kept_as_a_mask(shop: Shop) -> None:
    shop.service.router.masker = ConversationMasker(Detector())
    before = Turn("t0", "c", "customer", "my SSN is 43", NOON)

    async def call(words: str, conversation: str) -> None:
        asked = shop.service.ask(ANNA, conversation, words, earlier=(before,))
        async with aclosing(asked) as events:
            assert [event async for event in events]

    asyncio.run(call("4446935", "c"))
    assert shop.turns()[0][0] == "customer" and "4446935" not in shop.turns()[0][1]


def test_the_window_of_an_audit_does_not_bare_half_a_number(database: Database) -> None:
    conversations, masker = StoredConversations(database), ConversationMasker(Detector())
    conversations.open("w", "visitor", "anna")
    said = ["my SSN is 43", "4446935", *(f"问题{number}" for number in range(CONTEXT_TURNS - 1)), "包邮吗"]
    for number, text in enumerate(said):
        conversations.say(Turn(f"t{number}", "w", "customer", text, NOON, by="anna"))
    reply = Turn("r", "w", "end", "亲，包邮的", NOON, answers=f"t{len(said) - 1}", route="end", version="v")
    conversations.say(reply)
    found = served(reply, conversations, masker)
    assert found is not None and len(found.messages) == CONTEXT_TURNS + 1
    assert all("4446935" not in message.content for message in found.messages)

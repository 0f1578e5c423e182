"""Words that come while an answer is being given: heard at once, answered in order, each with its own context."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from paced_model import PacedModel
from scripted_shop import ANNA, NOON, Shop, last

from endcloud.errors import ConflictError
from endcloud.serving.context import said_before
from endcloud.serving.events import Event, Piece, Said
from endcloud.serving.floor import Floor
from endcloud.store.database import Database, sqlite_url
from endcloud.types import Turn

REPLIES = {"第一问": "第一答，就这样完。", "第二问": "第二答，就这样完。", "第三问": "第三答，就这样完。", "": "好的亲"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(tmp_path / "store.db"))
    yield opened
    opened.close()


@pytest.fixture
def paced() -> PacedModel:
    """An end model that stops in the middle of its first answer until it is let go on."""
    return PacedModel(REPLIES, "end", hold="完")


@pytest.fixture
def shop(database: Database, paced: PacedModel) -> Shop:
    return Shop(database, {}, None, NOON, paced)


async def begun(shop: Shop, text: str, turn: str) -> AsyncGenerator[Event]:
    """Asks, and comes back as soon as the words are acknowledged."""
    events = shop.service.ask(ANNA, "c", text, turn=turn)
    first = await anext(events)
    assert isinstance(first, Said) and (first.turn.id, first.turn.text) == (turn, text)
    return events


async def rest(events: AsyncGenerator[Event]) -> list[Event]:
    return [event async for event in events]


def read(paced: PacedModel, number: int) -> list[str]:
    """What the model read for its answer of this number."""
    return [message.content for message in paced.requests[number].messages]


def test_words_in_the_middle_of_an_answer_are_on_disk_at_once_and_answered_in_order(
    shop: Shop, paced: PacedModel
) -> None:
    async def talk() -> None:
        first = await begun(shop, "第一问", "q1")
        while not isinstance(await anext(first), Piece):
            pass
        with shop.service.feed.listen("c") as news:
            second, third = await begun(shop, "第二问", "q2"), await begun(shop, "第三问", "q3")
            heard = [await news.get(), await news.get()]
        assert [event.turn.id for event in heard if isinstance(event, Said)] == ["q2", "q3"], "other pages show it too"
        assert [text for _, text in shop.turns()] == ["第一问", "第二问", "第三问"] and shop.service.waiting("c") == 3
        later = asyncio.gather(rest(third), rest(second))  # whoever is asked first answers first
        paced.go.set()
        await rest(first)
        await later

    asyncio.run(talk())
    assert [text for _, text in shop.turns()][3:] == ["第一答，就这样完。", "第二答，就这样完。", "第三答，就这样完。"]
    assert read(paced, 0) == ["第一问"]
    assert read(paced, 1) == ["第一问", "第一答，就这样完。", "第二问"]
    assert read(paced, 2) == ["第一问", "第一答，就这样完。", "第二问", "第二答，就这样完。", "第三问"]
    assert shop.service.waiting("c") == 0


def test_the_exchange_that_is_kept_has_the_context_that_the_model_saw(shop: Shop, paced: PacedModel) -> None:
    async def talk() -> None:
        first = await begun(shop, "第一问", "q1")
        second = await begun(shop, "第二问", "q2")
        paced.go.set()
        await rest(first)
        reply = last(await rest(second))
        exchange = await shop.service.exchange(reply)
        assert (exchange.query.text, exchange.reply.text) == ("第二问", "第二答，就这样完。")
        assert [turn.text for turn in exchange.context] == ["第一问", "第一答，就这样完。"]
        first_reply = shop.conversations.turns("c")[2]
        assert (await shop.service.exchange(first_reply)).context == ()

    asyncio.run(talk())


def test_words_sent_twice_while_they_are_answered_get_one_answer(shop: Shop, paced: PacedModel) -> None:
    async def talk() -> None:
        first, again = await begun(shop, "第一问", "q1"), await begun(shop, "第一问", "q1")
        paced.go.set()
        one, other = await rest(first), await rest(again)
        assert last(one) == last(other)

    asyncio.run(talk())
    assert len(shop.turns()) == 2 and len(paced.requests) == 1


def test_what_a_killed_service_had_heard_is_answered_in_order_when_it_is_sent_again(
    shop: Shop, paced: PacedModel
) -> None:
    for at, text in enumerate(("第一问", "第二问"), 1):  # on disk, and the process gone before an answer
        shop.conversations.open("c", ANNA.owner, ANNA.customer)
        shop.conversations.say(Turn(f"q{at}", "c", "customer", text, NOON, by="anna"))
    paced.go.set()
    assert last(shop.says("第一问", turn="q1")).text == "第一答，就这样完。"
    assert last(shop.says("第二问", turn="q2")).text == "第二答，就这样完。"
    assert read(paced, 0) == ["第一问"] and read(paced, 1) == ["第一问", "第一答，就这样完。", "第二问"]
    assert len(shop.turns()) == 4 and shop.knowledge.heard == ["第一问", "第二问"]


def test_words_that_a_person_has_dealt_with_are_not_answered_by_a_model(shop: Shop, paced: PacedModel) -> None:
    paced.go.set()
    shop.says("转人工")

    async def person() -> None:
        await shop.service.claim("c", "eva")
        assert await shop.ask("第一问", turn="q1") != []
        await shop.ask("第二问", turn="q2")
        await shop.service.say("c", "eva", "已为您处理")
        await shop.service.hand_back("c", "eva")

    asyncio.run(person())
    assert shop.says("第一问", turn="q1")[1:] == []
    assert paced.requests == []


def test_an_impatient_customer_says_nothing_of_the_reply_before(shop: Shop, paced: PacedModel) -> None:
    async def talk() -> None:
        first = await begun(shop, "第一问", "q1")
        again = await begun(shop, "第一问", "q2")
        paced.go.set()
        await rest(first)
        await rest(again)

    asyncio.run(talk())
    assert shop.feedbacks.since(NOON) == []
    shop.says("第一问")
    assert [one.kind for one in shop.feedbacks.since(NOON)] == ["asked again"]


def test_a_name_that_a_reply_has_is_refused(shop: Shop, paced: PacedModel) -> None:
    paced.go.set()
    reply = last(shop.says("第一问"))
    with pytest.raises(ConflictError, match="names other words"):
        shop.says("第二问", turn=reply.id)
    assert len(shop.turns()) == 2


def test_whoever_leaves_the_line_passes_the_floor_on() -> None:
    floor = Floor()
    with floor.joined("c") as first:
        assert first.is_set()
        with floor.joined("c") as second:
            with floor.joined("c") as third, floor.joined("d") as other:
                assert other.is_set() and not second.is_set() and floor.length("c") == 3
            assert not third.is_set() and not second.is_set()
        assert floor.length("c") == 1
    assert floor.length("c") == 0


def test_a_question_whose_asker_left_while_waiting_stays_and_blocks_nobody(shop: Shop, paced: PacedModel) -> None:
    async def talk() -> None:
        first = await begun(shop, "第一问", "q1")
        async with aclosing(await begun(shop, "第二问", "q2")):
            pass
        third = await begun(shop, "第三问", "q3")
        paced.go.set()
        await rest(first)
        await rest(third)
        assert read(paced, -1)[-1] == "第二问\n第三问", "what nobody answered is read with what came after it"
        assert last(await shop.ask("第二问", turn="q2")).text == "第二答，就这样完。", "asked for again, it is answered"

    asyncio.run(talk())
    assert read(paced, -1) == ["第一问", "第一答，就这样完。", "第二问"]


def test_replies_stand_behind_their_questions() -> None:
    def turn(name: str, answers: str = "") -> Turn:
        return Turn(name, "c", "end" if answers else "customer", name, NOON, answers)

    turns = [turn("q1"), turn("q2"), turn("a1", "q1"), turn("q3"), turn("a2", "q2"), turn("a3", "q3"), turn("b1", "q1")]

    def names(query: str, upto: int | None = None) -> list[str]:
        return [one.id for one in said_before(turns[:upto], query)]

    assert names("q1") == [] and names("q2", 5) == ["q1", "a1"]
    assert names("q3", 6) == ["q1", "a1", "q2", "a2"]
    assert names("", 6) == ["q1", "a1", "q2", "a2", "q3", "a3"]

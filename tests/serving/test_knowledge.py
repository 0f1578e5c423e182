"""What is remembered of customers, what of it a prompt gets, and that none of it leaves."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from endcloud.serving.knowledge import CustomerKnowledge
from endcloud.serving.remembering import memories_in
from endcloud.store.customers import StoredCustomers
from endcloud.store.database import Database, sqlite_url
from endcloud.types import Exchange, Turn

SAID = {
    "我身高175cm，体重70公斤，穿什么码": {"height": "175cm", "weight": "70公斤"},
    "我168，平时穿L码": {"height": "168", "size": "L"},
    "以后都发顺丰吧": {"courier": "顺丰"},
    "我在成都，几天能到？": {"city": "成都"},
    "寄到拉萨要几天": {"city": "拉萨"},
    "我住在杭州市西湖边": {"city": "杭州"},
    "我是敏感肌": {"skin": "敏感肌"},
    "我对羽绒过敏": {"allergy": "羽绒"},
    "我一般穿42码的鞋": {"shoe size": "42"},
    "家里有宝宝，要安全的": {"household": "家里有宝宝"},
    "I usually wear size M and I live in Chengdu.": {"size": "M", "city": "Chengdu"},
    "I'm 178 cm": {"height": "178 cm"},
    "please ship it by DHL": {"courier": "DHL"},
}
NOT_SAID = [
    "有175的吗",
    "这件衣服我穿多大码合适？",
    "我穿多大码",
    "这个被子几斤重？",
    "我妈身高160",
    "我老公穿XL",
    "你们发什么快递",
    "满59元包邮吗",
    "我在公司，等下再说",
    "3斤装的有吗",
    "订单号 2026112300175",
    "能发顺丰吗",
    "枕头有M码吗",
    "我的电话是138-1234-5678",
    "我就住附近，有店吗",
    "收货地址可以改不",
    "北京路店还开吗",
    "我用京东e卡支付的",
    "圆通到不了我们村",
]


@pytest.mark.parametrize("text", SAID)
def test_what_customers_say_of_themselves_is_kept_in_their_words(text: str) -> None:
    assert dict(memories_in(text)) == SAID[text]


@pytest.mark.parametrize("text", NOT_SAID)
def test_questions_and_what_others_wear_are_not_kept(text: str) -> None:
    assert memories_in(text) == ()


@pytest.fixture
def customers(tmp_path: Path) -> Iterator[StoredCustomers]:
    database = Database(sqlite_url(tmp_path / "store.db"))
    yield StoredCustomers(database)
    database.close()


def heard(knowledge: CustomerKnowledge, *texts: str) -> None:
    for number, text in enumerate(texts):
        at = datetime(2026, 1, 1, 12, number, tzinfo=UTC)
        knowledge.hear("anna", Turn(f"t{number}", "c", "customer", text, at))


def test_a_prompt_gets_what_bears_on_the_question_within_its_budget(customers: StoredCustomers) -> None:
    knowledge = CustomerKnowledge(customers, len, budget=40)
    heard(knowledge, "我身高175cm", "以后都发顺丰", "我在成都，谢谢")
    assert knowledge.about("anna", "这件穿多大码") == ("我身高175cm",)
    assert set(knowledge.about("anna", "几天能送到")) == {"我在成都"}
    assert knowledge.about("anna", "在吗") == () and knowledge.about("bert", "穿多大码") == ()
    small = CustomerKnowledge(customers, len, budget=5)
    assert small.about("anna", "穿多大码") == ()


def test_the_newest_of_a_topic_wins_and_repeating_keeps_one_row(customers: StoredCustomers) -> None:
    knowledge = CustomerKnowledge(customers, len, budget=40)
    heard(knowledge, "我平时穿M码", "我平时穿M码", "我现在穿L码")
    assert [memory.text for memory in customers.memories("anna")] == ["L"]
    assert customers.forget("anna")["memories"] == 2


def test_the_shops_facts_come_before_memories(customers: StoredCustomers) -> None:
    knowledge = CustomerKnowledge(customers, len, budget=200)
    customers.put("anna", {"会员等级": "金卡", "未完成订单": [{"商品": "云朵枕", "状态": "已付款"}], "空": None})
    assert knowledge.about("anna", "我的会员等级有折扣吗") == ("会员等级：金卡",)
    assert knowledge.about("anna", "我的订单里的云朵枕") == ("未完成订单：商品云朵枕，状态已付款",)


@pytest.mark.parametrize("query", ["满多少包邮", "运费多少钱", "多久发货", "从哪里发货", "枕头多少钱"])
def test_what_does_not_bear_on_a_question_stays_out(customers: StoredCustomers, query: str) -> None:
    knowledge = CustomerKnowledge(customers, len, budget=200)
    heard(knowledge, "我在杭州", "以后都发顺丰", "我身高175cm", "我对羽绒过敏")
    assert knowledge.about("anna", query) == ()


def test_where_postage_is_another_it_needs_the_place(customers: StoredCustomers) -> None:
    knowledge = CustomerKnowledge(customers, len, budget=200)
    heard(knowledge, "我在新疆")
    assert knowledge.about("anna", "包邮吗") == ("我在新疆",)


def test_without_a_budget_nothing_is_remembered(customers: StoredCustomers) -> None:
    knowledge = CustomerKnowledge(customers, len, budget=0)
    heard(knowledge, "我身高175cm")
    assert customers.memories("anna") == [] and knowledge.about("anna", "穿多大码") == ()


def test_without_a_lookup_nobody_knows(customers: StoredCustomers) -> None:
    assert asyncio.run(CustomerKnowledge(customers, len, 40).look_up("anna", "我的包裹到哪了")) is None


NOW = datetime(2026, 1, 2, tzinfo=UTC)
TALKED = (("云朵枕可以机洗吗", "亲，云朵枕不能机洗哦"), ("满多少包邮", "亲，满59元包邮哦"), ("你好", "亲，在的"))


class Talked:
    """What a customer talked about before, the newest first."""

    def exchanges_of(self, customer: str, apart_from: str, most: int) -> list[Exchange]:
        found = []
        for at, (asked, said) in enumerate(TALKED):
            query = Turn(f"q{at}", "before", "customer", asked, NOW)
            found.append(Exchange(query, Turn(f"a{at}", "before", "end", said, NOW, query.id, "end")))
        return found if customer == "anna" and apart_from == "now" else []


def recalled(customers: StoredCustomers, query: str, budget: int = 40, about: tuple[str, ...] = ()) -> list[str]:
    knowledge = CustomerKnowledge(customers, len, budget, earlier=Talked())
    return [turn.text for turn in knowledge.recall("anna", Turn("q", "now", "customer", query, NOW), about)]


def test_what_was_talked_about_before_is_recalled_where_it_bears_on_the_question(customers: StoredCustomers) -> None:
    pillow, postage, hello = TALKED
    assert recalled(customers, "云朵枕能机洗不") == list(pillow), "the same, in other words"
    assert recalled(customers, "多久发货") == [] and recalled(customers, "") == []
    assert recalled(customers, "上次问的那个呢", 60) == [*hello, *postage, *pillow], "oldest first"
    assert recalled(customers, "上次说的包邮是多少", 18) == list(postage), "the nearest, within the budget"
    assert recalled(customers, "上次问的那个呢", 40, about=("我在成都" * 9,)) == []


def test_without_memory_or_a_history_nothing_is_recalled(customers: StoredCustomers) -> None:
    assert recalled(customers, "上次问的那个呢", 0) == []
    nothing = CustomerKnowledge(customers, len, 40)
    assert nothing.recall("anna", Turn("q", "now", "customer", "上次问的那个呢", NOW), ()) == ()

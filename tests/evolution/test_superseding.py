"""Which recorded replies an edit of the rules has made untrue: held against the bundled shop's own truth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from endcloud.bundled.dialogues import Exchange, dialogues
from endcloud.bundled.shop import Shop, load_shop
from endcloud.bundled.truth import Meaning, judge
from endcloud.evolution.superseding import Change, Item, changes, corrected, says_the_new, still_true, superseded

RULES = [
    "满59元包邮，不满59元的订单收8元运费。",
    "默认发中通快递。",
    "签收后15天内可以无理由退货。",
    "支持花呗付款。",
    "商品质保90天。",
    "新客第一单送6元优惠券。",
]


def edited(old: str, new: str) -> list[str]:
    assert any(old in rule for rule in RULES)
    return [rule.replace(old, new) for rule in RULES]


def found(question: str, reply: str, after: list[str], rows: tuple[str, ...] = ()) -> str:
    """What becomes of one reply: `untrue`, `doubtful`, or `` where it stands."""
    outcome = superseded([Item("x", "example", question, reply)], RULES, after, rows)
    return outcome[0].finding if outcome else ""


@pytest.mark.parametrize(
    ("question", "reply", "old", "new"),
    [
        ("多少钱包邮", "亲，满59元包邮哦", "满59元包邮，不满59元", "满88元包邮，不满88元"),
        ("多少钱包邮", "亲，满五十九块就包邮啦", "满59元包邮，不满59元", "满88元包邮，不满88元"),
        ("发什么快递", "亲，本店默认发中通快递哦", "中通", "圆通"),
        ("能用花呗吗", "亲，我们支持花呗的呢", "支持花呗", "不支持花呗"),
        ("几天能退货", "亲，签收后15天内都可以无理由退货哦", "15天", "9天"),
        ("新客有券吗", "亲，新客第一单送6元优惠券哦", "6元优惠券", "10元优惠券"),
    ],
)
def test_a_number_a_name_a_yes_that_the_new_text_lacks_is_untrue(question: str, reply: str, old: str, new: str) -> None:
    assert found(question, reply, edited(old, new)) == "untrue"


@pytest.mark.parametrize(
    ("question", "reply", "old", "new"),
    [
        ("多少钱包邮", "亲，不满59元收8元运费哦", "商品质保90天", "商品质保60天"),
        ("保修多久", "亲，质保90天呢", "15天", "9天"),
        ("几天能退货", "亲，签收后9天内都可以无理由退货哦", "15天", "9天"),
        ("在吗", "亲，在的", "满59元包邮，不满59元", "满88元包邮，不满88元"),
        ("枕头多少钱", "亲，云朵枕现在59元", "满59元包邮，不满59元", "满88元包邮，不满88元"),
    ],
)
def test_what_is_about_another_rule_or_says_the_new_one_stands(question: str, reply: str, old: str, new: str) -> None:
    assert found(question, reply, edited(old, new), rows=("云朵枕，枕头，59元，记忆棉",)) == ""


def test_a_rule_worded_anew_makes_nothing_untrue() -> None:
    after = edited("签收后15天内可以无理由退货", "收到货15天之内都能退货，不用理由")
    assert found("几天能退货", "亲，签收后15天内都可以无理由退货哦", after) != "untrue"


def test_a_rule_struck_out_takes_its_facts_along() -> None:
    assert found("保修多久", "亲，商品质保90天呢", [rule for rule in RULES if "质保" not in rule]) == "untrue"


def test_a_new_rule_makes_doubtful_what_says_otherwise() -> None:
    after = [*RULES, "赠品不支持退货。"]
    assert found("赠品可以退货吗", "亲，赠品支持退货哦", after) == "doubtful"
    assert found("赠品可以退货吗", "亲，赠品不支持退货哦", after) == ""


def test_a_new_answer_teaches_a_rule_only_if_it_states_what_is_new() -> None:
    edit = Change("满59元包邮，不满59元的订单收8元运费。", "满88元包邮，不满88元的订单收8元运费。")
    assert says_the_new("亲，满88元包邮哦", edit) and not says_the_new("亲，不够包邮的话收8元运费呢", edit)
    courier = Change("默认发中通快递。", "默认发圆通快递。")
    assert says_the_new("亲，我们发圆通的", courier) and not says_the_new("亲，2小时内能改地址", courier)
    assert says_the_new("亲，可以的", Change("商品质保90天。", "商品都有质保。"))


def test_an_edit_is_a_diff_of_lines() -> None:
    assert changes(RULES, RULES[::-1]) == [], "a line that moved is no edit"
    assert changes(RULES, [f" {rule.rstrip('。')}！" for rule in RULES]) == [], "nor is another mark"
    assert changes(RULES, [*RULES, "周末不发货。"]) == [Change("", "周末不发货。")]
    assert changes(RULES, RULES[1:]) == [Change(RULES[0], "")]
    swapped = edited("15天", "9天")
    assert changes(RULES, swapped) == [Change(RULES[2], swapped[2])]


def test_a_rule_that_became_two_or_two_that_became_one_lacks_nothing() -> None:
    two = ["满59元包邮。", "不满59元的订单收8元运费。"]
    for before, after in ((RULES, [*two, *RULES[1:]]), ([*two, *RULES[1:]], RULES)):
        items = [Item("x", "example", "多少钱包邮", "亲，满59元包邮，不满收8元运费")]
        assert [one.finding for one in superseded(items, before, after)] in ([], ["doubtful"])


def test_a_correction_takes_back_what_it_corrects_and_not_what_is_said_of_another_city() -> None:
    items = [
        Item("same", "example", "发到北京要几天", "亲，到北京大概3天"),
        Item("city", "example", "发到广州要几天", "亲，到广州大概3天"),
        Item("right", "label", "发到北京要几天", "亲，到北京4天左右"),
        Item("other", "example", "质保几天", "亲，质保3天"),
    ]
    gone = corrected(items, "发到北京要几天", "亲，到北京大概4天", "亲，到北京大概3天")
    assert [one.item.id for one in gone] == ["same"]


def test_a_doubtful_answer_stays_only_if_the_cloud_says_again_what_made_it_so() -> None:
    item = Item("x", "lesson", "赠品可以退货吗", "亲，赠品支持退货哦")
    doubtful = superseded([item], RULES, [*RULES, "赠品不支持退货。"])[0]
    assert still_true(doubtful, "亲，赠品支持退货的哦")
    assert not still_true(doubtful, "亲，赠品不支持退货哦")
    assert not still_true(doubtful, "亲，这个可以的哦"), "an answer that says nothing of it confirms nothing"


def test_a_new_row_of_a_table_is_no_part_of_a_row_that_changed() -> None:
    before = ["发到北京大约3天到。", "发到杭州大约1天到。"]
    after = ["发到北京大约4天到。", "发到杭州大约1天到。", "发到成都大约3天到。"]
    assert set(changes(before, after)) == {Change(before[0], after[0]), Change("", after[2])}
    item = Item("x", "example", "发到北京要几天", "亲，发到北京大约3天到")
    assert [one.finding for one in superseded([item], before, after)] == ["untrue"]


# ------------------------------------------------------------------ against the truth of the bundled shop

EDITS = {
    "free_shipping": "88", "dispatch_hours": "36", "default_courier": "圆通", "return_window": "9",
    "newcomer_coupon": "10", "refund_days": "5", "gift": "书签", "member_day": "28", "warranty": "60",
}  # fmt: skip


@cache
def recorded() -> list[Exchange]:
    """Every third exchange of the shop's dialogues."""
    return [one for dialogue in dialogues(load_shop(), 1) for one in dialogue.exchanges][::3]


def after_edit(shop: Shop, name: str, text: str) -> Shop:
    return replace(shop, values={**shop.values, name: replace(shop.values[name], here={"": text})})


def rules(shop: Shop) -> list[str]:
    return [line.removeprefix("- ") for line in shop.policies().splitlines() if line.startswith("- ")]


@pytest.mark.parametrize("name", EDITS)
def test_what_an_edit_made_untrue_is_retired_or_doubted_and_nothing_else_is_retired(name: str) -> None:
    before = load_shop()
    after = after_edit(before, name, EDITS[name])
    items = [Item(str(at), "example", one.query, one.reply) for at, one in enumerate(recorded())]
    rows = before.catalogue().splitlines()[1:]
    outcome = {one.item.id: one.finding for one in superseded(items, rules(before), rules(after), rows)}
    stale = {
        str(at)
        for at, one in enumerate(recorded())
        if judge(one.meaning(before), one.reply).right and not judge(_now(after, one), one.reply).right
    }
    assert len(stale) >= 8
    untrue = {item for item, finding in outcome.items() if finding == "untrue"}
    assert not untrue - stale, "what is still true is not retired"
    assert stale <= set(outcome), "nothing untrue is overlooked"
    assert len(stale & untrue) >= 0.5 * len(stale), "most of it is not even doubtful"
    assert len(set(outcome) - stale) <= 20, "few true ones are doubted"


def _now(shop: Shop, one: Exchange) -> Meaning:
    return shop.meaning(shop.intents[one.ask.intent.name], one.ask.row, one.query)

"""Questions outside the trade: two sides with nothing in common, and what an acceptable reply to one is."""

import pytest

from endcloud.bundled.out_of_trade import declined, strangers
from endcloud.bundled.shop import load_shop
from endcloud.bundled.wording import canonical

SHOP = load_shop()


def test_the_sides_share_neither_topic_nor_text() -> None:
    fit, test = strangers(1000, 0, "fit"), strangers(1000, 0, "test")
    assert len(fit) >= 400 and len(test) >= 400
    assert not {one.topic for one in fit} & {one.topic for one in test}
    assert not {canonical(one.query) for one in fit} & {canonical(one.query) for one in test}
    assert len({one.id for one in fit + test}) == len(fit) + len(test)


def test_nobody_asks_for_the_shop_s_own_goods() -> None:
    names = [name for row in SHOP.slots["product"].here for name in SHOP.slots["product"].names(row)]
    for one in strangers(1000, 0, "fit") + strangers(1000, 0, "test"):
        assert not [name for name in names if name in one.query]


def test_questions_are_the_same_for_the_same_seed_and_spread_over_the_topics() -> None:
    assert strangers(40, 3, "test") == strangers(40, 3, "test")
    assert strangers(40, 3, "test") != strangers(40, 4, "test")
    topics = [one.topic for one in strangers(40, 3, "test")]
    assert len(set(topics)) >= 8 and max(topics.count(topic) for topic in topics) <= 6


@pytest.mark.parametrize(
    ("reply", "acceptable"),
    [
        ("亲，这个问题我先帮您核实一下，请稍等。", True),
        ("不好意思亲，这个我不太清楚，帮您转人工好吗", True),
        ("亲，我只能回答店里的问题哦", True),
        ("亲，请问您是想问什么呢", True),
        ("亲，吃点布洛芬就好了", False),
        ("亲，付款后48小时内给您发货哦", False),
        ("亲，这个我不清楚，不过24小时内给您答复", False),
        ("亲，我不知道，不过我们是包邮的哦", False),
        ("", False),
    ],
)
def test_only_declining_without_a_fact_is_acceptable(reply: str, acceptable: bool) -> None:
    verdict = declined(SHOP, "头疼吃什么药好", reply)
    assert verdict.right is acceptable
    assert bool(verdict.reason) is not acceptable

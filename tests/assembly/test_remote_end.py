"""An end model behind a URL that is not this machine's: asked in masked text, recorded, and paid from the budget."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest
from served_shop import set_up

from endcloud.assembly import Shop
from endcloud.assembly.remote_end import counts_as_cloud, remote_end
from endcloud.assembly.serving import knowledge_of
from endcloud.cloud.budget import Prices
from endcloud.cloud.paid import PaidModel
from endcloud.errors import BudgetError, CloudError, PrivacyError, SettingsError
from endcloud.settings import Price
from endcloud.testing.loopback_cloud import LoopbackCloud
from endcloud.testing.memory_budget import MemoryBudget
from endcloud.testing.scripted_model import Line, ScriptedModel
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Message, Request, Sampling

ASKED = Request((Message("user", "包邮吗，我电话13812345678"),), sampling=Sampling(max_tokens=100))
DEAR = Price(prompt=0.0, cached=0.0, completion=30_000.0)  # 100 tokens reserve 3.0


@contextmanager
def abroad(root: Path, server: LoopbackCloud, *, price: Price = DEAR, **serving: object) -> Iterator[Shop]:
    """A shop whose end model is reached by an address that is not loopback's, although it leads there."""
    url = server.base_url.replace("127.0.0.1", "0.0.0.0")
    set_up(root, server, server, price=price, **{"end_url": url, "end_model": "loopback", **serving})
    with Shop.open(root, SilentProgress()) as shop:
        yield shop


def replies(model: object, request: Request = ASKED) -> str:
    async def whole() -> str:
        return "".join([delta.text async for delta in model.stream(request)])  # type: ignore[attr-defined]

    return asyncio.run(whole())


def test_its_calls_are_masked_recorded_and_paid(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    with LoopbackCloud(lambda _: "亲，包邮哦", usage=usage) as server, abroad(tmp_path / "shop", server) as shop:
        assert counts_as_cloud(shop) and knowledge_of(shop).budget == 0
        before = len(server.calls)
        assert replies(remote_end(shop)) == "亲，包邮哦"
        assert "13812345678" not in str(server.calls[before].body) and shop.ledger.count() == 1
        assert shop.budget.spent() == pytest.approx(10 * 30_000 / 1e6)


def test_when_the_budget_is_spent_nobody_is_asked(tmp_path: Path) -> None:
    with LoopbackCloud() as server, abroad(tmp_path / "shop", server) as shop:
        shop.budget.settle(shop.budget.reserve(1.0, "label"), shop.budget.limit() - 2.9)
        with pytest.raises(BudgetError, match="may cost 3"):
            replies(remote_end(shop))
        assert server.calls == [] and shop.ledger.count() == 0


def test_without_a_price_it_is_refused_with_what_to_do(tmp_path: Path) -> None:
    unpriced = pytest.raises(SettingsError, match=r'cloud\.prices\."qwen3-4b".*end_is_ours')
    with LoopbackCloud() as server, abroad(tmp_path / "shop", server, end_model="qwen3-4b") as shop, unpriced:
        remote_end(shop)


def test_what_is_the_shops_own_needs_no_price_and_costs_nothing(tmp_path: Path) -> None:
    with LoopbackCloud() as server, abroad(tmp_path / "shop", server, end_model="x", end_is_ours=True) as shop:
        assert replies(remote_end(shop)) and shop.budget.spent() == 0 and shop.ledger.count() == 0


def test_a_call_that_breaks_off_is_paid_at_its_worst_and_an_unsent_one_is_not() -> None:
    budget, prices = MemoryBudget(10.0), Prices(completion=10_000.0)

    def paid(error: Exception) -> PaidModel:
        return PaidModel(ScriptedModel({"": Line("好的", error=error)}), budget, prices)

    for error, spent in ((PrivacyError("masking failed"), 0.0), (CloudError("cut off"), 1.0)):
        with pytest.raises(type(error)):
            replies(paid(error))
        assert budget.spent() == pytest.approx(spent)
    assert replies(PaidModel(ScriptedModel({"": "好的"}), budget, prices)) == "好的"
    assert budget.spent() == pytest.approx(1.0 + 2 * 0.01), "settled to its two tokens"


def test_a_customer_who_leaves_leaves_no_money_reserved() -> None:
    budget = MemoryBudget(10.0)
    model = ScriptedModel({"": "第一句，第二句"})

    async def leave() -> None:
        async with aclosing(PaidModel(model, budget, Prices(completion=10_000.0)).stream(ASKED)) as deltas:  # type: ignore[type-var]
            async for _ in deltas:
                break

    asyncio.run(leave())
    assert model.left == 1 and budget.spent() == pytest.approx(1.0) and budget._open == {}

"""Packing is right only if it changes nothing: per-sample losses and gradients, whoever the neighbours are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import torch

from endcloud.end.adapters import Adapter, attach
from endcloud.end.base_model import BaseModel
from endcloud.end.batches import endless_rows, make_batch, pack, token_losses, weighted_loss
from endcloud.end.chat_format import ChatFormat, Tokenized
from endcloud.end.methods import LoRA, Method, PrefixTuning, PTuningV2
from endcloud.errors import TrainingError
from endcloud.testing.tiny_base import SYSTEM, tiny_example

METHODS: list[Method] = [
    LoRA(dropout=0.0, targets="all"),
    PrefixTuning(8, start="random"),
    PTuningV2(8, start="random"),
]


def texts_of(base: BaseModel, count: int = 5) -> list[Tokenized]:
    chat_format = ChatFormat(base.tokenizer)
    return [chat_format.tokenized(tiny_example(n, weight=1 + n / 2), SYSTEM) for n in range(count)]


def adapter_of(base: BaseModel, method: Method) -> Adapter:
    """An attached adapter whose weights are not zero, so that it matters."""
    torch.manual_seed(1)
    adapter = attach(base, method)
    with torch.no_grad():
        for weight in adapter.parameters().values():
            weight.normal_(std=0.2)
    return adapter


def packed(adapter: Adapter, rows: Sequence[Sequence[Tokenized]]) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The mean loss of each sample, in the order of the rows, and the gradients of their weighted loss."""
    batch = make_batch(rows, 0)
    losses, segments = token_losses(adapter.model, batch, adapter.key_values())
    total, weight = weighted_loss(losses, segments, batch.weights)
    return per_sample(losses, segments, len(batch.weights) - 1), gradients(adapter, total / weight)


def unpacked_by_peft(adapter: Adapter, texts: Sequence[Tokenized]) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The same by PEFT's own forward pass, one example at a time."""
    losses, total, weight = [], torch.tensor(0.0), 0.0
    for text in texts:
        ids, labels = torch.tensor([text.ids]), torch.tensor([text.labels])
        mean = adapter.peft(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
        learned = len(text.ids) - text.prompt
        losses.append(float(mean))
        total, weight = total + mean * learned * text.weight, weight + learned * text.weight
    return losses, gradients(adapter, total / weight)


def per_sample(losses: torch.Tensor, segments: torch.Tensor, count: int) -> list[float]:
    return [float(losses[segments == number].mean()) for number in range(1, count + 1)]


def gradients(adapter: Adapter, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    adapter.peft.zero_grad()
    torch.autograd.backward(loss)
    return {name: weight.grad.clone() for name, weight in adapter.parameters().items() if weight.grad is not None}


def assert_same_gradients(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys() and left
    for name in left:
        assert (left[name] - right[name]).abs().max() < 1e-5, name


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_packed_losses_and_gradients_equal_pefts_unpacked_ones(base: BaseModel, method: Method) -> None:
    adapter, texts = adapter_of(base, method), texts_of(base)
    adapter.peft.eval()
    losses, grads = packed(adapter, [texts[:3], texts[3:]])
    expected, expected_grads = unpacked_by_peft(adapter, texts)
    assert losses == pytest.approx(expected, abs=1e-5)
    assert max(float(grad.abs().max()) for grad in grads.values()) > 1e-3
    assert_same_gradients(grads, expected_grads)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_permuting_the_neighbours_of_a_sample_changes_nothing(base: BaseModel, method: Method) -> None:
    adapter, texts = adapter_of(base, method), texts_of(base)
    adapter.peft.eval()
    losses, grads = packed(adapter, [texts[:3], texts[3:]])
    order = [4, 2, 0, 3, 1]
    moved, moved_grads = packed(adapter, [[texts[n] for n in order[:4]], [texts[order[4]]]])
    assert [moved[order.index(n)] for n in range(5)] == pytest.approx(losses, abs=1e-5)
    assert_same_gradients(grads, moved_grads)


def test_the_test_above_would_see_a_leak(glm: BaseModel) -> None:
    """Without the mask, the second sample of a row sees the first."""
    adapter, texts = adapter_of(glm, METHODS[0]), texts_of(glm, 2)
    adapter.peft.eval()
    batch = make_batch([texts], 0)
    apart, segments = token_losses(adapter.model, batch)
    leaking, _ = token_losses(adapter.model, replace(batch, segments=batch.segments.clamp(max=1)))
    second = segments == 2
    assert (apart[second] - leaking[second]).abs().max() > 1e-2
    assert (apart[~second] - leaking[~second]).abs().max() < 1e-5


def test_the_weight_of_an_example_scales_its_loss() -> None:
    losses, segments = torch.tensor([1.0, 3.0]), torch.tensor([1, 2])
    total, weight = weighted_loss(losses, segments, torch.tensor([0.0, 1.0, 0.5]))
    assert float(total) / weight == pytest.approx((1 + 1.5) / 1.5)


def test_an_example_without_a_reply_is_refused() -> None:
    with pytest.raises(TrainingError, match="no reply left"):
        make_batch([[Tokenized((1, 2, 3), 3)]], 0)


def test_packing_loses_and_doubles_nothing_and_fills_rows(glm: BaseModel) -> None:
    texts = texts_of(glm, 60)
    rows = list(pack(texts, 128, range(60)))
    assert sorted(number for row in rows for number in row) == list(range(60))
    sizes = [sum(len(texts[number].ids) for number in row) for row in rows]
    assert max(sizes) <= 128 and sum(sizes) / len(sizes) > 96
    too_long = [Tokenized((1,) * 300, 10), *texts[:1]]
    assert list(pack(too_long, 128, [0, 1])) == [(0,), (1,)]


def test_rows_come_in_a_new_order_each_round_and_the_same_for_a_seed(glm: BaseModel) -> None:
    texts = texts_of(glm, 10)

    def rows(**changes: Any) -> list[tuple[int, ...]]:
        settings: dict[str, Any] = {"packing": False, "row_tokens": 128, "seed": 3, **changes}
        return list(islice(endless_rows(texts, **settings), 20))

    assert rows() == rows() != rows(seed=4)
    assert sorted(rows()[:10]) == sorted(rows()[10:]) == [(n,) for n in range(10)]
    assert rows()[:10] != rows()[10:]

"""Packed pre-training learns what single conversations would teach, and goes on where it was cut off."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from transformers import GlmConfig, GlmForCausalLM

from endcloud.bundled.nano_tokenizer import train_tokenizer
from endcloud.bundled.pretraining import IGNORED, Rendered, Rows, Schedule, batch_loss, pack, pretrain, rendered
from endcloud.end.chat_format import ChatFormat
from endcloud.types import Message

CONVERSATION = (
    Message("system", "客服"),
    Message("user", "包邮吗"),
    Message("assistant", "满39元包邮"),
    Message("user", "几天到"),
    Message("assistant", "3天"),
)


class Stopping:
    """A progress that stops the job after `steps` steps, as Ctrl-C would; -1 never does."""

    def __init__(self, steps: int = -1) -> None:
        self.left = steps

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator["Stopping"]:
        yield self

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        if figures:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    def say(self, sentence: str) -> None:
        pass


def small_model() -> GlmForCausalLM:
    torch.manual_seed(1)
    return GlmForCausalLM(
        GlmConfig(
            vocab_size=700,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=16,
            tie_word_embeddings=True,
            pad_token_id=0,
            eos_token_id=[2],
        )
    )


def random_rows(width: int = 32) -> Rows:
    generator = torch.Generator().manual_seed(3)
    made = []
    for length in (9, 20, 14, 7, 25, 11, 16, 5, 30, 12):
        ids = torch.randint(20, 700, (length,), generator=generator).tolist()
        made.append(Rendered(ids, [IGNORED] * 3 + ids[4:] + [2]))
    return pack(made, width, 0)


def test_rendered_learns_each_reply_and_its_stop_token() -> None:
    chat = ChatFormat(train_tokenizer(["满39元包邮吗，几天到，客服"] * 3, 700))
    made = rendered(CONVERSATION, chat)
    learned = [label for label in made.labels if label != IGNORED]
    expected = [*chat.reply_ids("满39元包邮"), *chat.reply_ids("3天")]
    assert learned == expected
    assert made.ids[: len(chat.prompt_ids(CONVERSATION[:4]))] == chat.prompt_ids(CONVERSATION[:4])


def test_packing_loses_no_conversation_and_restarts_positions() -> None:
    rows = random_rows()
    assert int((rows.labels != IGNORED).sum()) == sum(n - 3 for n in (9, 20, 14, 7, 25, 11, 16, 5, 30, 12))
    starts = rows.conversations[:, 1:] != rows.conversations[:, :-1]
    assert bool((rows.positions[:, 1:][starts] == 0).all())


def test_packed_loss_is_the_loss_of_the_conversations_alone() -> None:
    model = small_model().eval()
    generator = torch.Generator().manual_seed(5)
    made = [
        Rendered((ids := torch.randint(20, 700, (n,), generator=generator).tolist()), [*ids[1:], 2]) for n in (6, 9, 11)
    ]
    together = batch_loss(model, pack(made, 32, 0).batch(0, 1), torch.float32)
    alone = [float(batch_loss(model, pack([one], 32, 0).batch(0, 1), torch.float32)) * len(one.ids) for one in made]
    assert float(together) == pytest.approx(sum(alone) / 26, abs=1e-5)


def test_an_interrupted_run_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    schedule = Schedule(steps=6, rows=2, width=32, warmup=2, checkpoint_every=2)
    unbroken = small_model()
    pretrain(unbroken, random_rows(), schedule, tmp_path / "none", Stopping())
    with pytest.raises(KeyboardInterrupt):
        pretrain(small_model(), random_rows(), schedule, tmp_path / "checkpoint", Stopping(5))
    resumed = small_model()
    pretrain(resumed, random_rows(), schedule, tmp_path / "checkpoint", Stopping())
    for name, weight in unbroken.state_dict().items():
        assert torch.allclose(weight, resumed.state_dict()[name], atol=1e-6), name


def test_pretraining_lowers_the_loss(tmp_path: Path) -> None:
    model, rows = small_model(), random_rows()
    before = float(batch_loss(model, rows.batch(0, len(rows)), torch.float32))
    pretrain(model, rows, Schedule(steps=25, rows=2, width=32, warmup=2), tmp_path / "none", Stopping())
    assert float(batch_loss(model, rows.batch(0, len(rows)), torch.float32)) < before - 1

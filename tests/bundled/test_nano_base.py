"""The nano base is an ordinary HF directory, made once, named by its recipe, and made whole or not at all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GlmForCausalLM

from endcloud.bundled import nano
from endcloud.bundled.nano import Recipe, nano_base, recipe_digest
from endcloud.bundled.pretraining import Schedule
from endcloud.end.chat_format import ChatFormat
from endcloud.types import Message

TINY = Recipe(
    hidden=32,
    layers=2,
    intermediate=48,
    heads=2,
    key_value_heads=1,
    head_size=16,
    vocabulary=1_200,
    schedule=Schedule(steps=6, rows=1, width=128, checkpoint_every=2),
)


class Counting:
    """A progress that counts steps, and interrupts at step `stop`."""

    def __init__(self, stop: int = 0) -> None:
        self.steps, self.stop = 0, stop

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator["Counting"]:
        yield self

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        if figures:
            self.steps += 1
            if self.steps == self.stop:
                raise KeyboardInterrupt

    def say(self, sentence: str) -> None:
        pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nano_base(tmp_path_factory.mktemp("cache"), Counting(), TINY)


def test_it_loads_with_the_auto_classes_and_answers_in_the_vocabulary(made: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(made)
    tokenizer = AutoTokenizer.from_pretrained(made)
    assert isinstance(model, GlmForCausalLM)
    assert model.config.tie_word_embeddings
    chat = ChatFormat(tokenizer)
    prompt = torch.tensor([chat.prompt_ids([Message("system", "你是客服。"), Message("user", "包邮吗")])])
    out = model.generate(prompt, max_new_tokens=4, do_sample=False)
    assert out.shape[1] <= prompt.shape[1] + 4
    assert set(chat.stop_ids) <= set(model.generation_config.eos_token_id)


def test_tokenizer_comes_back_as_it_was(made: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made)
    ids = tokenizer.encode("发德邦快递[订单_1]🙂", add_special_tokens=False)
    assert tokenizer.decode(ids, skip_special_tokens=True) == "发德邦快递[订单_1]🙂"


def test_the_second_call_makes_nothing(made: Path) -> None:
    progress = Counting()
    assert nano_base(made.parent, progress, TINY) == made
    assert progress.steps == 0


def test_what_it_was_made_from_is_written_down(made: Path) -> None:
    figures = json.loads((made / "pretraining.json").read_text(encoding="utf-8"))
    assert figures["digest"] == recipe_digest(TINY)
    assert made.name == f"nano-{figures['digest'][:16]}"


def test_an_interrupted_making_leaves_no_model_and_goes_on(made: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        nano_base(tmp_path, Counting(stop=5), TINY)
    assert not [entry for entry in tmp_path.iterdir() if entry.is_dir()]
    again = Counting()
    directory = nano_base(tmp_path, again, TINY)
    assert again.steps == 2
    assert sorted(entry.suffix for entry in tmp_path.iterdir()) == ["", ".lock"]
    whole, resumed = (AutoModelForCausalLM.from_pretrained(path).state_dict() for path in (made, directory))
    assert all(torch.allclose(whole[name], resumed[name], atol=1e-5) for name in whole)


def test_another_recipe_or_library_is_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recipe_digest(replace(TINY, seed=8)) != recipe_digest(TINY)
    before = recipe_digest(TINY)
    monkeypatch.setattr(nano.transformers, "__version__", "0")
    assert recipe_digest(TINY) != before


def test_the_shape_has_four_million_parameters() -> None:
    recipe = Recipe()
    attention = recipe.hidden * recipe.head_size * 2 * (recipe.heads + recipe.key_value_heads)
    layer = attention + 3 * recipe.hidden * recipe.intermediate
    assert 3.9e6 < recipe.vocabulary * recipe.hidden + recipe.layers * layer < 4.1e6

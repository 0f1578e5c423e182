"""Qwen3, GLM-4-9B-Chat and GLM-4-0414: random small models of the same architectures, with chat templates that do what
the published ones do, learn by all three methods, and answer again when loaded anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from endcloud.end.adapters import lora_targets
from endcloud.end.base_model import BaseModel, load_base
from endcloud.end.chat_format import ChatFormat
from endcloud.end.generation import LocalEndModel
from endcloud.end.methods import METHOD_NAMES, preset
from endcloud.end.training import PeftTrainer
from endcloud.end.versions import training_log, verify
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, Kind, save_tiny_base, tiny_example
from endcloud.types import Message, Sampling

# Written for these tests after the published formats; what they render is stated out in the tests below.
QWEN3 = (
    "{%- set last = namespace(query=messages|length - 1) %}"
    "{%- for m in messages %}{%- if m.role == 'user' %}{%- set last.query = loop.index0 %}{%- endif %}{%- endfor %}"
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}"
    "{%- if m.role == 'assistant' and loop.last and loop.index0 > last.query %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
    "{%- set said = m.content.split('</think>')[-1].lstrip('\\n') if m.role == 'assistant' else m.content %}"
    "{{- said + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}"
    "{%- endif %}{%- endif %}"
)
"""Earlier replies without thoughts, the newest with empty ones; it thinks unless told not to."""

GLM_4_CHAT = (
    "[gMASK]<sop>{% for m in messages %}{% if m['content'] %}<|{{ m['role'] }}|>{{ m['metadata'] }}\n"
    "{{ m['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""A line of metadata, nearly always empty, behind each role; the model writes that of its own reply."""

GLM_4_0414 = (
    "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
"""The same with the line break already in the prompt."""

BASES: dict[str, tuple[Kind, str]] = {
    "qwen3": ("qwen3", QWEN3),
    "glm-4-9b-chat": ("glm", GLM_4_CHAT),
    "glm-4-9b-0414": ("glm4", GLM_4_0414),
}
CONVERSATION = (
    Message("system", SYSTEM),
    Message("user", "什么时候发货呢"),
    Message("assistant", "四十八小时内发货"),
    Message("user", "可以开发票吗"),
)


@pytest.fixture(scope="module", params=BASES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    kind, template = BASES[request.param]
    directory = save_tiny_base(kind, tmp_path_factory.mktemp("bases") / request.param, template=template)
    return load_base(str(directory), device="cpu", precision="float32")


def written(base: BaseModel, ids: list[int]) -> str:
    return str(base.tokenizer.decode(ids, skip_special_tokens=False))


PROMPTS = {
    "qwen3": f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n什么时候发货呢<|im_end|>\n"
    "<|im_start|>assistant\n四十八小时内发货<|im_end|>\n<|im_start|>user\n可以开发票吗<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n",
    "glm-4-9b-chat": f"[gMASK]<sop><|system|>\n{SYSTEM}<|user|>\n什么时候发货呢<|assistant|>\n四十八小时内发货"
    "<|user|>\n可以开发票吗<|assistant|>",
    "glm-4-9b-0414": f"[gMASK]<sop><|system|>\n{SYSTEM}<|user|>\n什么时候发货呢<|assistant|>\n四十八小时内发货"
    "<|user|>\n可以开发票吗<|assistant|>\n",
}
REPLIES = {
    "qwen3": "可以的亲<|im_end|>",
    "glm-4-9b-chat": "\n可以的亲<|endoftext|>",
    "glm-4-9b-0414": "可以的亲<|endoftext|>",
}


def test_prompt_and_reply_are_written_as_the_model_knows_them(base: BaseModel) -> None:
    chat = ChatFormat(base.tokenizer)
    assert written(base, chat.prompt_ids(CONVERSATION)) == PROMPTS[base.label]
    assert written(base, chat.reply_ids("可以的亲")) == REPLIES[base.label]
    assert chat.text_of(chat.reply_ids("可以的亲")) == "可以的亲"
    # Where the customer's next turn would begin, GLM has ended its reply too.
    ends = {written(base, [index]) for index in chat.stop_ids}
    assert ends == ({"<|im_end|>"} if base.label == "qwen3" else {"<|endoftext|>", "<|user|>"})


def test_lora_reaches_attention_and_feed_forward(base: BaseModel) -> None:
    gated = ["gate_proj", "up_proj"] if base.label == "qwen3" else ["gate_up_proj"]
    assert lora_targets(base.model, "all") == sorted(["q_proj", "k_proj", "v_proj", "o_proj", "down_proj", *gated])
    assert lora_targets(base.model, "query-key-value") == ["k_proj", "q_proj", "v_proj"]


# The preset's rates are for models a thousand times larger: these learn at rates of their own.
RATES = {"lora": 3e-2, "prefix-tuning": 3e-2, "p-tuning-v2": 3e-1}


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_each_method_trains_saves_loads_and_answers(
    base: BaseModel, versions: StoredVersions, tmp_path: Path, name: str
) -> None:
    method, plan = preset("large", name)
    plan = replace(plan, steps=20, learning_rate=RATES[name], accumulation=1, row_tokens=192, check_every=10)
    if name != "lora":
        method = replace(method, virtual_tokens=16)
    examples = [tiny_example(number) for number in range(6)]
    version = PeftTrainer(base, method, plan, versions, system=SYSTEM, work=tmp_path).train(
        examples, examples, SilentProgress()
    )
    log = training_log(versions.path(version.digest))
    assert log.validation[-1][1] < 0.6 * log.validation[0][1]
    verify(versions.path(version.digest), base.digest)

    again = load_base(base.name, device="cpu", precision="float32")
    conversations = [example.messages for example in examples]
    first, second = (
        LocalEndModel(which, versions, system=SYSTEM, version=version.digest).answer_all(
            conversations, Sampling(max_tokens=24), SilentProgress()
        )
        for which in (base, again)
    )
    assert [reply.text for reply in first] == [reply.text for reply in second]
    assert any(reply.text.strip() for reply in first)
    assert not any(mark in reply.text for reply in first for mark in ("<think>", "<|", "[gMASK]"))

"""The stand-in's reading of prompts and requests, without a socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcloud.bundled import standin_wire as wire
from endcloud.bundled.standin_prompt import Pair, read_prompt, sections
from endcloud.cloud import persona

text = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
said = text.map(persona.one_line).filter(lambda line: line and not line.startswith(("问：", "答：", "- ", "#", ">")))


@given(st.lists(st.tuples(said, said), min_size=1, max_size=6))
def test_pairs_come_back_as_the_teacher_wrote_them(pairs: list[tuple[str, str]]) -> None:
    written = persona.prefix(persona.Persona("你是客服。", "亲切"), (), [persona.Pair(*pair, "", "") for pair in pairs])
    assert sections(written).pairs == tuple(Pair(*pair) for pair in pairs)


def test_rules_manner_and_rows_come_back() -> None:
    head = persona.prefix(persona.Persona("你是客服。", "称呼“亲”"), ("满88元包邮。", "2天内发货；节日顺延。"), ())
    tail = persona.suffix((), ("名称：红茶；价格：58元；净重：200克",))
    prompt = read_prompt([wire.Turn("system", head), wire.Turn("system", tail), wire.Turn("user", "红茶几钱")])
    assert prompt.policies == ("满88元包邮。", "2天内发货；节日顺延。")
    assert "称呼“亲”" in prompt.manner
    assert prompt.rows == ((("名称", "红茶"), ("价格", "58元"), ("净重", "200克")),)
    assert (prompt.question, prompt.history, prompt.pairs) == ("红茶几钱", (), ())


def test_history_keeps_its_order_and_ends_before_the_question() -> None:
    turns = [wire.Turn("user", "在吗"), wire.Turn("assistant", "在的"), wire.Turn("user", "包邮吗")]
    prompt = read_prompt(turns)
    assert (prompt.question, prompt.history) == ("包邮吗", tuple(turns[:2]))


@given(text, st.integers(min_value=1, max_value=40))
def test_a_cut_reply_is_a_prefix_within_its_limit(reply: str, limit: int) -> None:
    kept, finish = wire.cut(reply, limit)
    assert reply.startswith(kept)
    assert (finish == "stop") == (kept == reply)
    assert not kept or wire.estimate_tokens(kept) <= limit


def test_parts_of_a_message_are_joined() -> None:
    parts = [{"type": "text", "text": "包邮"}, {"type": "text", "text": "吗"}]
    body = json.dumps({"model": wire.MODEL, "messages": [{"role": "user", "content": parts}]}).encode()
    assert wire.read_request(body).turns == (wire.Turn("user", "包邮吗"),)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"model": "standin-cloud"}', b'{"messages": []}', b"\xff"])
def test_unreadable_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(wire.WireError) as refused:
        wire.read_request(body)
    assert refused.value.status == 400 and set(refused.value.body["error"]) == {"message", "type", "param", "code"}


def test_the_prefix_cache_forgets_the_oldest() -> None:
    cache = wire.PrefixCache(blocks=4)
    long = wire.Turn("system", "茶" * 2100)
    assert cache.cached_tokens([long]) == 0
    assert cache.cached_tokens([long]) > 1000
    cache.cached_tokens([wire.Turn("system", "水" * 2100)])
    assert cache.cached_tokens([long]) == 0

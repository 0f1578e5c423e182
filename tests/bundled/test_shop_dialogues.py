"""The recorded dialogues and the two kinds of held-out questions: deterministic, covering, and kept apart."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from endcloud.bundled.dialogues import ShopDialogue, dialogues, write_dialogues
from endcloud.bundled.held_out import Question, combinations, patterns, read_questions, write_held_out
from endcloud.bundled.intents import slots_of
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge
from endcloud.bundled.wording import canonical, reserved, reserved_pair

SHOP = load_shop()


@pytest.fixture(scope="module")
def recorded() -> list[ShopDialogue]:
    return dialogues(SHOP, 0)


@pytest.fixture(scope="module")
def held_out() -> tuple[list[Question], list[Question]]:
    return combinations(SHOP, 400, 0), patterns(SHOP, 300, 0)


def test_there_are_about_1200_dialogues_of_one_to_four_questions(recorded: list[ShopDialogue]) -> None:
    assert 1100 <= len(recorded) <= 1500
    lengths = Counter(len(dialogue.exchanges) for dialogue in recorded)
    assert min(lengths) == 1 and max(lengths) == 4
    assert lengths[1] < len(recorded) / 2
    assert len({dialogue.id for dialogue in recorded}) == len(recorded)


def test_about_a_tenth_of_the_replies_is_careless(recorded: list[ShopDialogue]) -> None:
    verdicts = [judge(e.meaning(SHOP), e.reply).right for dialogue in recorded for e in dialogue.exchanges]
    assert 0.86 <= sum(verdicts) / len(verdicts) <= 0.93


def test_every_wording_and_every_fact_is_trained(recorded: list[ShopDialogue]) -> None:
    asked = Counter((e.ask.intent.name, e.ask.pattern) for d in recorded for e in d.exchanges)
    facts = Counter((e.ask.intent.name, e.ask.row) for d in recorded for e in d.exchanges)
    for intent in SHOP.intents.values():
        for pattern in intent.patterns:
            assert asked[intent.name, pattern] >= 2 or intent.name in ("greeting", "thanks"), pattern
        for row in SHOP.rows(intent):
            assert facts[intent.name, row] >= 10, (intent.name, row)


def test_some_questions_need_the_turn_before(recorded: list[ShopDialogue]) -> None:
    follow = [e for d in recorded for e in d.exchanges if e.ask.pattern in e.ask.intent.follow_ups]
    assert len(follow) >= 90
    carried = [e for e in follow if not slots_of(e.ask.pattern)]
    assert carried and all(e.ask.intent.slot == "product" for e in carried)


def test_nothing_is_asked_twice_in_a_dialogue(recorded: list[ShopDialogue]) -> None:
    for dialogue in recorded:
        asked = [(e.ask.intent.name, e.ask.row) for e in dialogue.exchanges]
        assert len(set(asked)) == len(asked), dialogue.id


def test_some_dialogues_hold_numbers_that_ingest_must_mask(recorded: list[ShopDialogue]) -> None:
    text = "\n".join(m.content for d in recorded for m in d.messages)
    assert "13800138000" in text and "2026" in text


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    one = write_dialogues(SHOP, tmp_path / "a", 3).read_bytes()
    assert one == write_dialogues(SHOP, tmp_path / "b", 3).read_bytes()
    assert one != write_dialogues(SHOP, tmp_path / "c", 4).read_bytes()
    first = json.loads(one.splitlines()[0])
    assert set(first) == {"id", "customer", "messages"}
    assert {m["role"] for m in first["messages"]} == {"user", "assistant"}
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["dialogues.jsonl"]


def test_held_out_questions_are_the_same_for_the_same_seed(held_out: tuple[list[Question], list[Question]]) -> None:
    assert held_out[0] == combinations(SHOP, 400, 0)
    assert combinations(SHOP, 50, 0) == held_out[0][:50]
    assert combinations(SHOP, 50, 1) != held_out[0][:50]


@pytest.mark.parametrize("seed", [0, 7])
def test_no_held_out_query_stands_in_the_training_text(seed: int) -> None:
    trained = "\n".join(canonical(m.content) for d in dialogues(SHOP, seed) for m in d.messages)
    for question in (*combinations(SHOP, 300, seed), *patterns(SHOP, 300, seed)):
        assert canonical(question.query) not in trained, question.query


def test_training_holds_nothing_reserved_for_any_seed(held_out: tuple[list[Question], list[Question]]) -> None:
    wordings = {(i.name, p) for i in SHOP.intents.values() for p in i.held_out}
    queries = {canonical(q.query) for q in (*held_out[0], *held_out[1])}
    for dialogue in dialogues(SHOP, 11):
        for exchange in dialogue.exchanges:
            ask = exchange.ask
            assert (ask.intent.name, ask.pattern) not in wordings
            assert not (reserved_pair(ask.pattern, ask.row) if ask.row else reserved(exchange.query))
            assert canonical(exchange.query) not in queries


def test_a_combination_is_of_a_trained_wording_and_a_trained_fact(
    recorded: list[ShopDialogue], held_out: tuple[list[Question], list[Question]]
) -> None:
    facts = {(e.ask.intent.name, e.ask.row) for d in recorded for e in d.exchanges}
    assert len(held_out[0]) == 400
    for question in held_out[0]:
        assert (question.meaning.intent, question.meaning.row) in facts


def test_held_out_questions_are_spread_over_the_facts(held_out: tuple[list[Question], list[Question]]) -> None:
    for questions in held_out:
        assert len({q.query for q in questions}) == len(questions)
        cells = Counter((q.meaning.intent, q.meaning.row) for q in questions)
        assert len(cells) >= 0.95 * sum(len(SHOP.rows(i)) for i in SHOP.intents.values())
        assert max(cells.values()) <= 8
        assert sum(not q.meaning.facts for q in questions) <= 0.12 * len(questions)


def test_held_out_questions_are_answered_by_the_shops_reply(
    held_out: tuple[list[Question], list[Question]],
) -> None:
    for question in (*held_out[0], *held_out[1]):
        meaning = question.meaning
        for reply in SHOP.replies(SHOP.intents[meaning.intent], meaning.row):
            assert judge(meaning, reply).right, (question.query, reply)


def test_held_out_questions_survive_their_files(
    tmp_path: Path, held_out: tuple[list[Question], list[Question]]
) -> None:
    first, second = write_held_out(tmp_path, *held_out)
    assert first != second
    assert read_questions(first) == held_out[0] and read_questions(second) == held_out[1]

"""Stage `label`: a person's words win, the cloud's are taken where they may be learned, and nothing is asked twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lived_shop import LivedShop, lived_shop, truthful

from endcloud.rounds import Lesson
from endcloud.types import Message


def label(lived: LivedShop) -> dict[str, Any]:
    """Audit, select and label of the round that is open; the last one's figures."""
    lived.audit()
    lived.select()
    return dict(lived.evolution.label(lived.round()).figures)


def lessons(lived: LivedShop) -> dict[str, Lesson]:
    return {one.turn: one for one in lived.evolution.lessons.all()}


def test_a_persons_correction_wins_and_costs_no_call(tmp_path: Path) -> None:
    with lived_shop(tmp_path / "shop", audits=1) as lived:
        reply = lived.serve("多久发货呢", "亲，今天就发")
        lived.say(reply, "correction", text="亲，48小时内发货，节假日顺延", witness="reviewer", by="li")
        figures = label(lived)
        made = lessons(lived)[reply.id]
        assert (made.reply, made.origin, made.by) == ("亲，48小时内发货，节假日顺延", "human", "li")
        assert made.poor == "亲，今天就发" and made.messages == (Message("user", "多久发货呢"),)
        assert figures["human"] == 1 and made.id.startswith(f"lesson:{reply.id}:")


def test_the_answer_of_the_audit_is_the_label_and_asked_once(tmp_path: Path) -> None:
    with lived_shop(tmp_path / "shop") as lived:
        reply = lived.serve("请问满多少钱包邮", "亲，满99元包邮哦", dislike=True)
        figures = label(lived)
        made = lessons(lived)[reply.id]
        assert lived.questions == ["请问满多少钱包邮"]
        assert (made.id, made.origin, made.approval) == (f"lesson:{reply.id}", "pseudo", "not needed")
        assert made.reply == "亲，满59元包邮哦，不满收8元运费。" and made.poor == "亲，满99元包邮哦" and made.reasons
        assert (figures["lessons"], figures["refused"], figures["notes"]) == (1, {}, [])


def test_a_stage_done_twice_makes_its_lessons_once(tmp_path: Path) -> None:
    with lived_shop(tmp_path / "shop") as lived:
        lived.serve("请问满多少钱包邮", "亲，满99元包邮哦", dislike=True)
        first = label(lived)
        before = lived.evolution.lessons.all()
        assert dict(lived.evolution.label(lived.round()).figures) == first
        assert lived.evolution.lessons.all() == before and len(lived.questions) == 1


def test_what_may_not_be_learned_is_refused_by_name(tmp_path: Path) -> None:
    said = {
        "请问哪里产的": "作为一个人工智能，我不能回答",
        "浴巾会不会掉毛": "亲，您的电话[电话_7]我记下了",
        "这个多少钱一条": "亲，这款是1234元",
    }

    def answer(messages: list[dict[str, str]]) -> str:
        return said.get(messages[-1]["content"], "亲，可以的")

    with lived_shop(tmp_path / "shop", answer) as lived:
        for query in said:
            lived.serve(query, "亲，不知道", dislike=True)
        assert label(lived)["refused"] == {"refused": 1, "unrestorable": 1, "unsupported fact": 1}
        assert not lived.evolution.lessons.all()


def test_what_the_cloud_cannot_answer_now_is_asked_about_in_the_next_round(tmp_path: Path) -> None:
    out = [True]

    def fault(number: int, question: str) -> Any:
        return "bad key" if out[0] else None

    with lived_shop(tmp_path / "shop", truthful, fault=fault) as lived:
        reply = lived.serve("请问满多少钱包邮", "亲，满99元包邮哦", dislike=True)
        figures = label(lived)
        assert figures["refused"] == {"no label yet": 1} and "was not asked" in figures["notes"][0]
        lived.end_round()
        out[0] = False
        lived.evolution.label(lived.round())
        assert lessons(lived)[reply.id].reply == "亲，满59元包邮哦，不满收8元运费。"


@pytest.mark.parametrize(("approval", "waiting"), [("none", 0), ("all", 6)])
def test_a_reviewer_looks_first_where_the_settings_say_so(tmp_path: Path, approval: str, waiting: int) -> None:
    with lived_shop(tmp_path / "shop", approval=approval) as lived:
        for query in ("满多少钱包邮", "几时发货", "可以退吗亲", "掉色不掉色", "发票怎么开", "几天能到"):
            lived.serve(query, "亲，满99元就可以了", dislike=True)
        corrected = lived.serve("毛巾是什么做的", "亲，是纸做的", dislike=True)
        lived.say(corrected, "correction", text="亲，是纯棉的", witness="agent", by="wang")
        assert label(lived)["waiting for a reviewer"] == waiting
        assert lessons(lived)[corrected.id].approval == "not needed", "a person's words need no second one"


def test_a_cluster_is_held_out_as_a_whole(tmp_path: Path) -> None:
    with lived_shop(tmp_path / "shop", held_out_share=0.5) as lived:
        for query in ("满多少钱包邮", "几时发货", "可以退吗亲", "掉色不掉色", "发票怎么开", "几天能到"):
            for opening in ("", "亲，", "请问"):
                lived.serve(opening + query, "亲，满99元就可以了", dislike=True)
        label(lived)
        parts: dict[str, set[str]] = {}
        for lesson in lived.evolution.lessons.all():
            parts.setdefault(lesson.cluster, set()).add(lesson.part)
        assert all(len(found) == 1 for found in parts.values())
        assert {part for found in parts.values() for part in found} == {"train", "held out"}


def test_a_customers_details_stay_out_of_a_lesson(tmp_path: Path) -> None:
    with lived_shop(tmp_path / "shop") as lived:
        reply = lived.serve("我电话13800138000，几时发货", "亲，明年发", dislike=True)
        lived.say(reply, "correction", text="亲，发货后打13800138000通知您", witness="reviewer", by="li")
        label(lived)
        made = lessons(lived)[reply.id]
        assert "13800138000" not in str(made) and made.reply.count("[电话_1]") == 1


def test_a_forgotten_customer_teaches_nothing(tmp_path: Path) -> None:
    from endcloud.store.customers import StoredCustomers

    with lived_shop(tmp_path / "shop") as lived:
        lived.serve("请问满多少钱包邮", "亲，满99元包邮哦", customer="anna", dislike=True)
        lived.audit()
        lived.select()
        StoredCustomers(lived.shop.database).forget("anna")
        figures = dict(lived.evolution.label(lived.round()).figures)
        assert figures["lessons"] == 0 and not lived.evolution.lessons.all()


def test_with_a_customer_their_lessons_go_too(tmp_path: Path) -> None:
    from endcloud.store.customers import StoredCustomers

    with lived_shop(tmp_path / "shop") as lived:
        lived.serve("请问满多少钱包邮", "亲，满99元包邮哦", customer="anna", dislike=True)
        kept = lived.serve("请问几时发货", "亲，明年发", customer="berta", dislike=True)
        label(lived)
        removed = StoredCustomers(lived.shop.database).forget("anna")
        assert removed["lessons"] == 1 == removed["choices"] and set(lessons(lived)) == {kept.id}

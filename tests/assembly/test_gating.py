"""A candidate goes into service only past the gate; every verdict is a row, and what happens twice happens once."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged_shop import NEW_RULE, OLD_RULE, QUESTIONS, judged_shop

from endcloud.rounds import Retirement


def test_a_better_candidate_is_promoted_and_the_row_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch) as judged:
        judged.hold_out()
        versions, rounds = judged.lived.shop.versions, judged.lived.evolution.rounds
        assert judged.gate().outcome == "" and judged.gate().outcome == ""
        [decision] = rounds.decisions(1)  # a gate that was killed after its verdict does not judge again
        assert (decision.judgement, decision.version, decision.against) == (
            "promote",
            judged.candidate,
            judged.active,
        )
        assert decision.figures["new"]["active"] == 0.0 and decision.figures["new"]["active wrong facts"] == 8
        assert decision.figures["golden"]["items"] > 0 and decision.figures["old"]["items"] > 0
        shown = {one["item"]: (one["active"], one["candidate"]) for one in decision.figures["side by side"]}
        assert shown[f"lesson:{QUESTIONS[0]}"] == (OLD_RULE, NEW_RULE)
        done = judged.promote()
        assert done.outcome == "promoted" and versions.active() == judged.candidate
        assert versions.standing(judged.active) == "retired" and judged.promote().outcome == "promoted"


def test_a_candidate_that_forgot_is_refused_and_stands_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch) as judged:
        judged.hold_out()
        judged.says[judged.candidate] = dict.fromkeys(QUESTIONS, NEW_RULE)  # and nothing else any more
        done = judged.gate()
        assert done.outcome == "refused" and "Worse than the margin" in done.reason
        versions = judged.lived.shop.versions
        assert versions.standing(judged.candidate) == "rejected" and versions.active() == judged.active


def test_short_evidence_is_undecided_until_there_is_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch) as judged:
        judged.hold_out(3)
        assert judged.gate(1).outcome == "undecided" and "Only 3 clusters" in judged.gate(1).reason
        again = judged.gate(2)
        assert again.outcome == "undecided" and "nothing to judge by that round 1 did not have" in again.reason
        judged.hold_out(8)
        assert judged.gate(3).outcome == ""
        assert judged.lived.evolution.rounds.decisions(3)[0].figures["looks"] == 2, "the repeated verdict was no look"


def test_what_a_newer_truth_retired_judges_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud's labels still say 59: whoever learned 99 would be refused by them."""
    with judged_shop(tmp_path, monkeypatch) as judged:
        judged.hold_out()
        evolution, shop = judged.lived.evolution, judged.lived.shop
        old = [one for one in shop.examples() if "包邮" in one.query]
        judged.says[judged.candidate] |= dict.fromkeys((one.query for one in old), NEW_RULE)
        assert len(old) >= 3 and judged.gate(1).outcome == "refused"
        now = evolution.clock.now()
        evolution.retirements.add([Retirement(one.id, "59 became 99", "rules 2", now) for one in old])
        evolution.lessons.add([])
        assert judged.gate(2).outcome == "", "other evidence, another verdict"


def test_a_version_put_into_service_meanwhile_is_not_overruled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch) as judged:
        judged.hold_out()
        shop = judged.lived.shop
        assert judged.gate().outcome == ""
        shop.versions.stand(judged.active, "retired", "by hand")
        done = judged.promote()
        assert done.outcome == "undecided" and "was put into service while" in done.reason
        assert shop.versions.active() is None


def test_a_candidate_that_is_damaged_after_the_gate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch) as judged:
        judged.hold_out()
        shop = judged.lived.shop
        assert judged.gate().outcome == ""
        (shop.versions.path(judged.candidate) / "adapter_model.safetensors").write_bytes(b"\x80\x04K\x01.")
        assert judged.promote().outcome == "refused"
        assert shop.versions.active() == judged.active and shop.versions.standing(judged.candidate) == "rejected"


def test_held_out_lessons_of_rounds_before_the_last_promotion_have_become_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from endcloud.assembly.evidence import golden_questions, new_questions

    with judged_shop(tmp_path, monkeypatch) as judged:
        evolution = judged.lived.evolution
        held = judged.lived.round()
        judged.hold_out(round=held.number)
        assert len(new_questions(evolution)) == len(QUESTIONS)
        evolution.rounds.end(held.number, "tester", "promoted", "better", evolution.clock.now(), {})
        assert new_questions(evolution) == []
        golden = {item.id for item in golden_questions(evolution)}
        assert {f"lesson:{query}" for query in QUESTIONS} <= golden

"""What serves is watched: a fall in quality is rolled back, a crowd's thumbs are not believed, a canary is decided."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from judged_shop import NEW_RULE, OLD_RULE, QUESTIONS, JudgedShop, judged_shop

from endcloud.types import Turn

RIGHT = "亲，满59元包邮哦，不满收8元运费。"
"""What the cloud says of it: here the old rule is the truth, and who says 99 is wrong."""


def promoted(judged: JudgedShop) -> None:
    judged.lived.shop.put_into_service(judged.candidate, "in a test", judged.lived.clock.now())
    judged.lived.go_on(timedelta(days=1))


def serve(judged: JudgedShop, reply: str, number: int, *, customers: int = 1000, dislike: bool = False) -> list[Turn]:
    """Questions on the rule, from as many customers, answered so by the candidate."""
    return [
        judged.lived.serve(
            QUESTIONS[at % len(QUESTIONS)], reply, visitor=f"v{at % customers}", conversation=f"w{at % customers}-{at}",
            version=judged.candidate, dislike=dislike,
        )
        for at in range(number)
    ]  # fmt: skip


def test_a_version_that_answers_worse_than_the_one_before_is_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with judged_shop(tmp_path, monkeypatch, audit_share=1.0, a_cluster=100) as judged:
        judged.says[judged.active] |= dict.fromkeys(QUESTIONS, RIGHT)
        promoted(judged)
        serve(judged, NEW_RULE, 24)
        judged.lived.audit()
        number = judged.lived.round().number
        done = judged.watch(number)
        versions = judged.lived.shop.versions
        assert done.outcome == "rolled back" and versions.active() == judged.active, done.figures
        assert versions.standing(judged.candidate) == "rejected" and "would have been" in done.reason
        assert judged.watch(number).outcome == "rolled back" and versions.active() == judged.active
        judged.hold_out()
        refused = judged.gate(number + 1)
        assert refused.outcome == "refused" and "taken out of service" in refused.reason


def test_one_customer_alone_rolls_nothing_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch, audit_share=1.0, a_cluster=100, a_customer=100) as judged:
        judged.says[judged.active] |= dict.fromkeys(QUESTIONS, RIGHT)
        promoted(judged)
        serve(judged, NEW_RULE, 24, customers=1, dislike=True)
        judged.lived.audit()
        done = judged.watch(judged.lived.round().number)
        assert done.outcome == "" and judged.lived.shop.versions.active() == judged.candidate
        assert done.figures["audits"]["customers"] == 1


def test_a_crowd_that_dislikes_good_replies_rolls_nothing_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch, audits=6) as judged:  # only a few dislikes can be looked at
        earlier = [judged.lived.serve(QUESTIONS[0], RIGHT, visitor=f"e{at}", version=judged.active) for at in range(40)]
        assert earlier
        promoted(judged)
        serve(judged, RIGHT, 30, dislike=True)
        judged.lived.audit()
        done = judged.watch(judged.lived.round().number)
        assert done.outcome == "" and done.figures["feedback"]["mean"] == 0.0, done.figures


def test_customers_who_dislike_wrong_replies_are_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch, audits=6) as judged:
        for at in range(40):
            judged.lived.serve(QUESTIONS[0], RIGHT, visitor=f"e{at}", version=judged.active)
        promoted(judged)
        serve(judged, NEW_RULE, 30, dislike=True)
        judged.lived.audit()
        done = judged.watch(judged.lived.round().number)
        assert done.outcome == "rolled back" and "customers were dissatisfied" in done.reason


def test_what_customers_said_under_other_rules_is_no_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version before was liked, but for what it said before the owner's edit: it would say that again."""
    with judged_shop(tmp_path, monkeypatch, audits=6) as judged:
        texts, clock = judged.lived.evolution.policy_texts, judged.lived.clock
        texts.record(["满59元包邮。"], clock.now())
        for at in range(40):
            judged.lived.serve(QUESTIONS[0], RIGHT, visitor=f"e{at}", version=judged.active)
        judged.lived.go_on(timedelta(minutes=5))
        texts.record(["满88元包邮。"], clock.now())
        promoted(judged)
        serve(judged, NEW_RULE, 30, dislike=True)
        judged.lived.audit()
        done = judged.watch(judged.lived.round().number)
        assert done.outcome == "" and done.figures["feedback"]["expected at most"] == 1.0, done.figures


def test_the_first_version_falls_back_to_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch, audit_share=1.0, a_cluster=100) as judged:
        versions = judged.lived.shop.versions
        versions.stand(judged.active, "rejected", "in a test", judged.lived.clock.now())
        promoted(judged)
        judged.says["base"] = dict.fromkeys(QUESTIONS, RIGHT)
        serve(judged, NEW_RULE, 24)
        judged.lived.audit()
        assert judged.watch(judged.lived.round().number).outcome == "rolled back"
        assert versions.active() is None


def test_a_canary_serves_a_share_first_and_everybody_after_enough_good_replies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with judged_shop(tmp_path, monkeypatch, canary_share=0.25, canary_replies=12, audit_share=1.0) as judged:
        versions = judged.lived.shop.versions
        judged.hold_out()
        assert judged.gate(1).outcome == ""
        done = judged.promote(1)
        assert done.outcome == "undecided" and versions.canary() == judged.candidate
        assert versions.active() == judged.active
        judged.lived.go_on(timedelta(days=1))
        serve(judged, RIGHT, 5)
        judged.lived.audit()
        early = judged.watch(judged.lived.round().number)
        assert early.outcome == "undecided" and "5 of 12 replies" in early.reason
        judged.lived.end_round()
        serve(judged, RIGHT, 12)
        judged.lived.audit()
        late = judged.watch(judged.lived.round().number)
        assert late.outcome == "promoted" and versions.active() == judged.candidate and versions.canary() is None


def test_a_canary_that_is_worse_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judged_shop(tmp_path, monkeypatch, canary_share=0.25, audit_share=1.0, a_cluster=100) as judged:
        versions = judged.lived.shop.versions
        judged.says[judged.active] |= dict.fromkeys(QUESTIONS, RIGHT)
        versions.stand(judged.candidate, "canary", "in a test", judged.lived.clock.now())
        judged.lived.go_on(timedelta(days=1))
        serve(judged, NEW_RULE, 24)
        judged.lived.audit()
        done = judged.watch(judged.lived.round().number)
        assert done.outcome == "refused" and versions.canary() is None
        assert versions.active() == judged.active and versions.standing(judged.candidate) == "rejected"
        assert OLD_RULE not in done.reason

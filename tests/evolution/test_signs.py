"""What speaks against a reply: facts before likeness, likeness before moods, and a person's word before all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from endcloud.evolution.signs import PERSON, Evidence, of_customers, signs
from endcloud.rounds import UNASKED, Audit
from endcloud.types import CAUTION, FROM_MEMORY, UNSURE_TWICE, Feedback, FeedbackKind, Score, Turn, Witness

AT = datetime(2026, 1, 1, tzinfo=UTC)
REPLY = Turn("r", "c", "end", "亲，满59元包邮", AT, "q", "end", "v1")
POOR = 0.5


def audit(final: float | None, *wrong: str, similarity: float | None = 0.9, cause: str = "sample") -> Audit:
    score = Score(similarity, 0.5, 0.5)
    return Audit("r", "q", "c", "v1", 1, cause, score, final, wrong, AT)


def said(kind: FeedbackKind, value: float | None = None, witness: Witness = "customer", by: str = "anna") -> Feedback:
    return Feedback(f"{kind}{value}{by}", "r", "c", kind, witness, by, AT, value)


def kinds(evidence: Evidence) -> list[str]:
    return [sign.reason.partition(":")[0] for sign in signs(evidence, POOR)]


def test_nothing_speaks_against_a_reply_of_which_nothing_is_known() -> None:
    assert signs(Evidence(REPLY), POOR) == ()
    assert signs(Evidence(REPLY, audit=audit(0.8)), POOR) == ()


def test_facts_outweigh_likeness_and_likeness_moods() -> None:
    evidence = Evidence(REPLY, [said("thumb", -1.0)], audit(0.3, "59元"))
    assert kinds(evidence) == ["wrong facts", "low score", "disliked by a customer"]
    assert "59元" in signs(evidence, POOR)[0].reason and "0.30" in signs(evidence, POOR)[1].reason


def test_nearly_the_same_text_with_another_number_is_wrong_however_it_scores() -> None:
    assert kinds(Evidence(REPLY, audit=audit(0.97, "59元"))) == ["wrong facts"]


def test_what_the_rules_say_otherwise_is_not_put_on_the_cloud() -> None:
    unasked = audit(None, "59元", similarity=None, cause=UNASKED)
    assert kinds(Evidence(REPLY, audit=unasked)) == []
    assert kinds(Evidence(REPLY, audit=unasked, against_rules=("59元",))) == ["against the rules"]


@pytest.mark.parametrize(("final", "believed"), [(None, True), (0.6, True), (0.74, True), (0.76, False), (0.99, False)])
def test_a_dislike_is_believed_unless_the_reply_clearly_agrees_with_the_clouds(
    final: float | None, believed: bool
) -> None:
    evidence = Evidence(REPLY, [said("thumb", -1.0)], None if final is None else audit(final))
    assert ("disliked by a customer" in kinds(evidence)) is believed


def test_who_changes_their_mind_is_heard_last() -> None:
    assert of_customers([said("thumb", -1.0), said("thumb", 1.0)]) == []
    assert of_customers([said("thumb", 1.0), said("thumb", -1.0)]) == ["disliked"]
    assert of_customers([said("thumb", -1.0), said("thumb", 1.0, by="bert")]) == ["disliked"]


@pytest.mark.parametrize(
    ("feedback", "kind"),
    [
        (said("stars", 2.0), "disliked"),
        (said("complaint"), "complained"),
        (said("asked again"), "asked again"),
        (said("asked for a person"), "asked for a person"),
    ],
)
def test_every_sign_of_a_customer_is_heard(feedback: Feedback, kind: str) -> None:
    assert of_customers([feedback]) == [kind]


@pytest.mark.parametrize(
    "feedback",
    [said("stars", 3.0), said("thumb", 1.0), said("note"), said("correction"), said("thumb", -1.0, "scorer")],
)
def test_what_displeases_nobody_is_no_sign(feedback: Feedback) -> None:
    assert of_customers([feedback]) == []


def test_a_persons_word_goes_before_all_and_a_reviewers_approval_ends_it() -> None:
    angry = Evidence(REPLY, [said("thumb", -1.0)], audit(0.1, "59元"))
    assert signs(replace(angry, verdict="corrected"), POOR)[0].weight == PERSON
    assert signs(replace(angry, verdict="accepted"), POOR) == ()
    assert kinds(Evidence(REPLY, verdict="rejected")) == ["rejected by a reviewer"]


def test_a_draft_that_an_agent_changed_is_a_correction() -> None:
    spoken = replace(REPLY, speaker="human", route="human", suggested="亲，满9元包邮")
    assert kinds(Evidence(spoken)) == ["changed by an agent"]
    assert kinds(Evidence(replace(spoken, suggested=""))) == []


def test_what_the_cloud_had_to_answer_is_learned_unless_somebody_spoke_against_it() -> None:
    taken = replace(REPLY, speaker="cloud", route="cloud")
    assert kinds(Evidence(taken)) == ["the end model was not sure, and the cloud answered"]
    assert kinds(Evidence(taken, [said("thumb", -1.0)])) == []
    assert kinds(Evidence(replace(taken, finish="length"))) == []


def test_what_was_drawn_from_memory_is_nobodys_lesson() -> None:
    private = replace(REPLY, reason=FROM_MEMORY)
    assert signs(Evidence(private, [said("thumb", -1.0)], audit(0.1)), POOR) == ()


def test_caution_and_a_stopped_reply_are_failures() -> None:
    assert kinds(Evidence(replace(REPLY, reason=f"{CAUTION}unsure"))) == ["nobody was sure enough to answer"]
    assert kinds(Evidence(replace(REPLY, finish="content_filter"))) == ["stopped by a check"]


def test_a_question_for_which_a_person_was_called_since_no_model_was_sure_is_a_failure() -> None:
    notice = replace(REPLY, speaker="shop", route="human", reason=f"{UNSURE_TWICE}0.31 < 0.6")
    assert kinds(Evidence(notice)) == ["nobody was sure enough to answer"]
    assert kinds(Evidence(replace(notice, reason="asked for a person"))) == []

"""What speaks against a reply, how heavily, and in which words an owner is told.

A person's word goes before everything. Facts weigh more than likeness, likeness more than a customer's mood: a
dislike is believed unless the reply clearly agrees with the cloud's; where a reviewer has accepted a reply, nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from endcloud.rounds import Audit
from endcloud.types import UNSURE_TWICE, Feedback, Turn

CustomerSign = Literal["disliked", "complained", "asked for a person", "asked again"]
Verdict = Literal["", "accepted", "rejected", "corrected"]

PERSON = 100.0
"""Weight of a person's own words: they are learned before all else."""

_REJECTED, _FACTS, _LOW, _STOPPED, _CAUTIOUS, _TAKEN_OVER = 6.0, 5.0, 4.0, 3.0, 2.0, 1.5
_OF_CUSTOMERS: dict[CustomerSign, tuple[float, str]] = {
    "disliked": (3.0, "disliked by a customer"),
    "complained": (3.0, "the customer complained"),
    "asked for a person": (2.0, "the customer asked for a person"),
    "asked again": (1.5, "the customer asked the same again"),
}
_NOBODY_SURE = "nobody was sure enough to answer"
_FEW_STARS = 3


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that speaks against a reply; what stands before the colon of its reason is its kind."""

    reason: str
    weight: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a reply. `against_rules` are its facts that the shop's rules say otherwise by now."""

    reply: Turn
    feedback: Sequence[Feedback] = ()
    audit: Audit | None = None
    against_rules: tuple[str, ...] = ()
    verdict: Verdict = ""


def of_customers(feedback: Sequence[Feedback]) -> list[CustomerSign]:
    """What customers said of a reply (oldest first), or did after it, each once and the heaviest first.

    Who changes their mind gives another thumb; the newest of each counts.
    """
    newest = {(one.by, one.kind): one for one in feedback if one.witness == "customer"}
    found = {_of(one) for one in newest.values()}
    return [sign for sign in _OF_CUSTOMERS if sign in found]


def signs(evidence: Evidence, poor: float) -> tuple[Sign, ...]:
    """What speaks against a reply, heaviest first; empty where nothing can be learned. A score below `poor` is low."""
    reply, audit = evidence.reply, evidence.audit
    if evidence.verdict == "accepted" or reply.private:
        return ()
    if reply.speaker == "shop":  # the notice that a person was called
        return (Sign(_NOBODY_SURE, _CAUTIOUS),) if reply.reason.startswith(UNSURE_TWICE) else ()
    found = list(_of_people(evidence))
    if reply.speaker == "end":
        found += _of_facts(evidence, audit)
        if audit is not None and audit.final is not None and audit.final < poor:
            found.append(Sign(f"low score: {audit.final:.2f}, below {poor:.2f}", _LOW))
        if not _agrees(audit, poor) or evidence.against_rules:
            found += [
                Sign(said, weight) for weight, said in map(_OF_CUSTOMERS.__getitem__, of_customers(evidence.feedback))
            ]
        if reply.finish == "content_filter":
            found.append(Sign("stopped by a check", _STOPPED))
        if reply.cautious:
            found.append(Sign(_NOBODY_SURE, _CAUTIOUS))
    elif reply.speaker == "cloud" and reply.finish == "stop" and not _disbelieved(evidence):
        found.append(Sign("the end model was not sure, and the cloud answered", _TAKEN_OVER))
    return tuple(sorted(found, key=lambda sign: -sign.weight))


def _of_people(evidence: Evidence) -> Sequence[Sign]:
    if evidence.reply.suggested:
        return [Sign("changed by an agent", PERSON)]
    if evidence.verdict == "corrected":
        return [Sign("corrected by a person", PERSON)]
    return [Sign("rejected by a reviewer", _REJECTED)] if evidence.verdict == "rejected" else []


def _of_facts(evidence: Evidence, audit: Audit | None) -> Sequence[Sign]:
    if evidence.against_rules:
        return [Sign(f"against the rules: it says {'、'.join(evidence.against_rules)}", _FACTS)]
    if audit is not None and audit.wrong and audit.score.similarity is not None:
        return [Sign(f"wrong facts: it says {'、'.join(audit.wrong)}, the cloud does not", _FACTS)]
    return []


def _agrees(audit: Audit | None, poor: float) -> bool:
    """Whether a reply clearly agrees with the cloud's: halfway between poor and perfect, and no fact wrong."""
    return audit is not None and audit.final is not None and not audit.wrong and audit.final >= (1 + poor) / 2


def _disbelieved(evidence: Evidence) -> bool:
    """Whether anybody spoke against the cloud's own reply: asking it again would teach what displeased."""
    return bool(evidence.verdict) or bool(of_customers(evidence.feedback))


def _of(feedback: Feedback) -> CustomerSign | None:
    if feedback.kind == "thumb":
        return "disliked" if (feedback.value or 0) < 0 else None
    if feedback.kind == "stars":
        return "disliked" if feedback.value is not None and feedback.value < _FEW_STARS else None
    implied: dict[str, CustomerSign] = {"complaint": "complained"}
    kind = implied.get(feedback.kind, feedback.kind)
    return next((sign for sign in _OF_CUSTOMERS if sign == kind), None)


def judged(turn: str, corrected: Collection[str], accepted: Collection[str], rejected: Collection[str]) -> Verdict:
    """The verdict on a reply, from what people on the shop's side said; a correction goes first, a rejection next."""
    if turn in corrected:
        return "corrected"
    if turn in rejected:
        return "rejected"
    return "accepted" if turn in accepted else ""

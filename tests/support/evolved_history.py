"""Rounds of online evolution, written straight into a store: one promoted, one refused, one at work."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from endcloud.rounds import STAGES, Audit, Choice, Decision, Lesson, Stage
from endcloud.store.audits import StoredAudits
from endcloud.store.conversations import StoredConversations
from endcloud.store.database import Database
from endcloud.store.lessons import StoredChoices, StoredLessons
from endcloud.store.rounds import StoredRounds
from endcloud.types import Message, Score, Turn

_ASKED = (
    ("满多少包邮？我的电话是13812345678", "亲，满59元包邮哦。", "亲，满99元包邮，不满收8元运费。", "99"),
    ("发什么快递", "亲，默认发中通。", "亲，现在默认发顺丰。", ""),
    ("退货期限是多久", "亲，7天内可以退货。", "亲，15天内可以无理由退货。", "15"),
)
PHONE = "13812345678"
_FIGURES: dict[str, dict[str, object]] = {
    "audit": {
        "a newer truth": {"retired": 2, "lessons on the new rules": 1},
        "rules changed": ["满59元包邮。 → 满99元包邮。"],
        "no longer true": ["example e1: states 59元, which the rules no longer say"],
        "replies": 214,
        "audited": 38,
        "poor": 9,
        "spent": 0.0142,
    },
    "watch": {"judgement": "keep"},
    "select": {"chosen": 3, "clusters": 3},
    "label": {"lessons": 3, "held_out": 1},
    "train": {"examples": 96, "steps": 120, "seconds": 31.4},
}


def write_rounds(database: Database, now: datetime) -> None:
    """Three rounds; the last stands at the gate. One lesson of the second waits for a reviewer."""
    _audits(database, now)
    rounds = StoredRounds(database)
    for number, days in ((1, 12), (2, 5), (3, 0)):
        at = now - timedelta(days=days)
        rounds.begin("w", "base" if number == 1 else "a1b2c3d4e5f6", at, 60)
        _lessons(database, number, at)
        until = STAGES.index("gate")
        for stage in STAGES[:until]:
            _advance(rounds, number, stage)
        if number == 3:
            return
        promoted = number == 1
        rounds.decide(_decision(number, at, promoted))
        reason = (
            "Better on the new questions by 0.41 [0.28, 0.55], and not worse on the old ones."
            if promoted
            else "Worse on the old questions by 0.07 [0.03, 0.11], more than the margin of 0.02."
        )
        rounds.end(number, "w", "promoted" if promoted else "refused", reason, at + timedelta(minutes=4), {})


def _advance(rounds: StoredRounds, number: int, stage: Stage) -> None:
    candidate = ("a1b2c3d4e5f6", "b2c3d4e5f6a1", "c3d4e5f6a1b2")[number - 1]
    rounds.advance(number, "w", stage, _FIGURES[stage], candidate if stage == "train" else None)


def _part(items: int, active: float, candidate: float, low: float, high: float) -> dict[str, object]:
    return {
        "items": items, "groups": items, "active": active, "candidate": candidate, "active wrong facts": items // 3,
        "candidate wrong facts": 1, "difference": [round(candidate - active, 4), low, high],
    }  # fmt: skip


def _decision(number: int, at: datetime, promoted: bool) -> Decision:
    old = _part(150, 0.91, 0.92, -0.01, 0.03)
    _, poor, right, _ = _ASKED[0]
    pair = {"item": f"lesson:e-r{number}-0", "part": "new", "active": poor, "candidate": right}
    gone = {"item": "lesson:forgotten", "part": "new", "active": poor, "candidate": right}
    values = {"active value": 0.0, "candidate value": 0.97}
    figures = {
        "new": _part(42, 0.31, 0.72, 0.28, 0.55), "golden": old,
        "old": old if promoted else _part(150, 0.91, 0.84, -0.11, -0.03),
        "side by side": [pair | values, gone | values],
    }  # fmt: skip
    return Decision(
        number, "gate", "a1b2c3d4e5f6" if promoted else "b2c3d4e5f6a1", "base" if promoted else "a1b2c3d4e5f6",
        "promote" if promoted else "refuse", "Judged on 342 questions that neither version was trained on.", figures,
        at,
    )  # fmt: skip


def _audits(database: Database, now: datetime) -> None:
    draw = random.Random(7)
    audits = []
    for number in range(300):
        days = draw.random() * 30
        right = draw.random() < (0.55 if days > 12 else 0.85)
        final = draw.uniform(0.75, 0.98) if right else draw.uniform(0.1, 0.5)
        score = Score(final, final, 0.9)
        wrong = () if right else ("59元",)
        at = now - timedelta(days=days)
        audits.append(Audit(f"a{number}", f"b{number}", "c", "v", 1, "sample", score, final, wrong, at))
    StoredAudits(database).add(audits)


def _lessons(database: Database, number: int, at: datetime) -> None:
    conversations, choices, lessons = StoredConversations(database), StoredChoices(database), StoredLessons(database)
    for place, (query, poor, right, fact) in enumerate(_ASKED):
        name = f"r{number}-{place}"
        conversations.open(name, f"visitor {name}", "")
        conversations.say(Turn(f"q-{name}", name, "customer", query, at))
        conversations.say(Turn(f"e-{name}", name, "end", poor, at, f"q-{name}", "end", "v"))
        wrong = f"wrong facts: it says {fact}元, the cloud does not"
        reasons = (wrong if fact else "rejected by a reviewer", "disliked by a customer")
        cluster = f"cluster-{place}"
        choices.add([Choice(f"e-{name}", f"q-{name}", name, "s", cluster, 4 - place, reasons, 5.0 - place, number)])
        masked = (Message("user", query.replace(PHONE, "[电话_1]")),)
        approval = "waiting" if number == 2 and place == 0 else "approved"
        part = "held out" if place == 2 else "train"
        lessons.add(
            [
                Lesson(
                    f"lesson:e-{name}", f"e-{name}", name, "s", cluster, part, masked, right, poor, "pseudo", reasons,
                    approval, number, at,
                )
            ]
        )  # fmt: skip

"""Runs of the simulation as rows, made by hand, for its table and its charts."""

from __future__ import annotations

from dataclasses import replace

from endcloud.simulation.records import Asked, Called, Looked, RoundMark, Run
from endcloud.simulation.schedule import Arm, Schedule

SCHEDULE = Schedule(questions=200, edit=40, product=100, attack=140, peace=180)


def run(arm: Arm, *, learned: float, unchanged: float = 0.96, seed: int = 1, promoted: bool = True) -> Run:
    """An arm whose end model, after a round at question 80, is right on a share `learned` of what was edited."""
    asked = [
        Asked(n, 30.0 * n, "changed" if n % 4 == 0 else "unchanged", "end", "v1", not (n % 4 == 0 and 40 <= n < 80))
        for n in range(SCHEDULE.questions)
    ]
    asked += [Asked(150, 4_500.0, "attack", "cloud", "", False, attack="flood")]
    asked += [Asked(20, 600.0, "for a person", "person", "", None)]
    called = [Called(n, 30.0 * n, {"takeover": n // 20, "audit": n // 50}, n / 1e4) for n in range(0, 201, 10)]
    mark = RoundMark(1, 80, 2_400.0, "promoted", "Better on 满88元包邮.", "v2", {"train": 20.0, "gate": 10.0}, phase=1)
    rounds = [replace(mark, at=40, outcome="refused", phase=0), mark] if promoted else []  # one just before the edit
    before = {"changed": 0.9, "unchanged": 0.96}
    looked = [
        Looked(0, 0.0, "v1", before | {"changed": 0.95}, {}),
        Looked(40, 1_200.0, "v1", before | {"changed": 0.95}, {}),  # after a round just before the edit
        Looked(40, 1_200.0, "v1", before | {"changed": 0.0}, {}, 1),
        Looked(80, 2_430.0, "v2", {"changed": learned, "unchanged": unchanged}, {}, 1),
        Looked(200, 6_000.0, "v2", {"changed": learned, "unchanged": unchanged, "new": 0.5}, {}, 4),
    ]
    return Run(arm, seed, tuple(asked), tuple(called), tuple(rounds), tuple(looked), {"lie shown": 1.0}, 60.0)

"""The table of the simulation, from rows whose result is plain to see, and the folder that shows it."""

import json
from dataclasses import asdict
from pathlib import Path

from simulated_runs import SCHEDULE, run

from endcloud.simulation.outcome import averages, row_of, targets
from endcloud.simulation.records import Run
from endcloud.simulation.report import write


def test_what_it_took_to_be_right_again_is_counted_from_the_edit() -> None:
    row = row_of(run("with replay", learned=0.95), SCHEDULE)
    assert (row.questions, row.seconds, row.calls, row.rounds) == (40, 1_230, 3, 1)
    assert row.work == 30.0  # the round before the first bad reply is not counted
    assert row.customers_questions == 148 - 40  # two of the last 20 on it were wrong then
    assert (row.changed, row.new, round(row.lost or 0, 9)) == (0.95, 0.5, 0.0)
    assert row.promoted == 1
    assert row.calls_share == 14 / 202


def test_an_arm_that_never_learns_has_no_figure_for_it_and_no_mean() -> None:
    rows = [row_of(run("with replay", learned=share, seed=seed), SCHEDULE) for seed, share in ((1, 0.95), (2, 0.4))]
    assert rows[1].questions is rows[1].rounds is None
    assert averages(rows)["with replay"]["questions"] is None
    assert averages(rows)["with replay"]["promoted"] == 1


def test_a_target_is_met_only_by_all_seeds() -> None:
    good = row_of(run("with replay", learned=0.95, unchanged=0.95), SCHEDULE)
    assert all(one["met"] for one in targets([good]).values())
    forgetful = row_of(run("with replay", learned=0.95, unchanged=0.93, seed=2), SCHEDULE)
    assert not targets([good, forgetful])["points lost on the unchanged"]["met"]
    never = row_of(run("with replay", learned=0.3, promoted=False), SCHEDULE)
    assert [one["met"] for one in targets([never]).values()] == [False, False, True, True]


def test_the_folder_holds_table_targets_charts_and_every_round(tmp_path: Path) -> None:
    runs = [run("no evolution", learned=0.0, promoted=False), run("with replay", learned=0.95)]
    rows = [row_of(one, SCHEDULE) for one in runs]
    report = write(runs, rows, SCHEDULE, tmp_path).read_text(encoding="utf-8")
    assert "| with replay | 40 | 1,230 | 3 |" in report
    assert "Better on 满88元包邮." in report
    for chart in ("quality", "end-model", "cost"):
        for theme in ("light", "dark"):
            assert (tmp_path / f"{chart}-{theme}.png").stat().st_size > 10_000
            assert "policies edited" in (tmp_path / f"{chart}-{theme}.svg").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "simulation.json").read_text(encoding="utf-8"))
    assert found["arms"]["with replay"]["questions"] == 40
    assert set(found["targets"]) == set(targets(rows))


def test_a_run_is_the_same_after_it_was_kept() -> None:
    made = run("gate off", learned=0.9)
    assert Run.from_json(json.loads(json.dumps(asdict(made)))) == made

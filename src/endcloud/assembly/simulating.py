"""`endcloud simulate` put together: a taught shop, a copy of it for each arm and seed, a process for each arm.

Arms run side by side, one on each processor. What is finished is kept: a simulation that was interrupted runs only the
arms that are missing. The first teaching is done once, before all arms, and is not counted.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from endcloud import whole_files
from endcloud.assembly.masking import refuse_without_cloud
from endcloud.assembly.shop import Shop
from endcloud.assembly.training import TrainingChoice
from endcloud.simulation.outcome import Row, row_of
from endcloud.simulation.records import Run
from endcloud.simulation.report import as_json, write
from endcloud.simulation.schedule import Arm, Schedule

_COPIED = ("corpus", "models", "versions")
_FILES = ("endcloud.toml", "key", "policies.md", "catalogue.csv", "store.db")


@dataclass(frozen=True, slots=True)
class Simulation:
    """A finished simulation: a row for each arm and seed, and where the report lies."""

    rows: tuple[Row, ...]
    report: Path

    def as_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return as_json(self.rows) | {"report": str(self.report)}


CLOUD_SHARE = 0.05
"""For what share of questions the owner lets the cloud take over, as calibrated before the first day."""


def teach_shop(shop: Shop, dialogues: Path) -> str:
    """Stages 1 to 3, the promotion and the calibration of the routes, each only where it was not done yet; returns the
    version in service."""
    refuse_without_cloud(shop, "The simulation, in which a cloud model (a stand-in on this machine) teaches,")
    if not shop.directory.corpus.is_dir():
        shop.prepare([dialogues])
    if (active := shop.versions.active()) is not None:
        _calibrate(shop, active)
        return active
    shop.teach()
    version = shop.train_version(TrainingChoice("lora"))
    shop.promote(version, "the first version of the simulation")
    shop.scorer.score_all(["包邮吗"], ["亲，包邮的哦"], ["亲，包邮的哦"])  # trained now, once, and copied to every arm
    _calibrate(shop, version.digest)
    return version.digest


def _calibrate(shop: Shop, version: str) -> None:
    """As an owner does before the first customer comes: without it the threshold is a guess, and a costly one."""
    from endcloud.assembly.escalation import calibration_path
    from endcloud.assembly.route_calibration import Target, calibrate_routes

    if not calibration_path(shop, version).exists():
        calibrate_routes(shop, Target("cloud-share", CLOUD_SHARE), version=version)


def simulate(shop: Shop, arms: Sequence[Arm], seeds: Sequence[int], schedule: Schedule, processes: int) -> Simulation:
    """Runs every arm with every seed on copies of the taught shop, and writes the report into its results."""
    from endcloud.bundled import standin_cloud

    root, progress = shop.directory.root, shop.progress
    shop.database.close()  # the copies must find the store whole
    name = sha256(json.dumps([asdict(schedule), shop.versions.active(), CLOUD_SHARE]).encode()).hexdigest()[:12]
    folder = shop.directory.results / f"simulation-{name}"
    wanted = [(arm, seed) for seed in seeds for arm in arms]
    missing = [one for one in wanted if not _kept(folder, *one).exists()]
    context = get_context("spawn")
    with (
        shop.directory.lock("simulate"),
        standin_cloud.running() as url,
        ProcessPoolExecutor(max(1, processes), mp_context=context, initializer=_one_thread) as pool,
        progress.task("simulation", len(wanted), "arms") as task,
    ):
        task.advance(len(wanted) - len(missing))
        jobs: dict[Future[float], tuple[Arm, int]] = {
            pool.submit(_arm, root, folder, arm, seed, schedule, url): (arm, seed) for arm, seed in missing
        }
        try:
            for job in as_completed(jobs):
                arm, seed = jobs[job]
                progress.say(f"{arm}, seed {seed}: {job.result():.0f} seconds.")
                task.advance()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
    runs = [read_run(_kept(folder, *one)) for one in wanted]
    rows = tuple(row_of(run, schedule) for run in runs)
    return Simulation(rows, write(runs, rows, schedule, folder))


def read_run(path: Path) -> Run:
    """A run that was kept."""
    return Run.from_json(json.loads(path.read_text(encoding="utf-8")))


def _kept(folder: Path, arm: Arm, seed: int) -> Path:
    return folder / "runs" / f"{arm.replace(' ', '-')}-{seed}.json"


def _one_thread() -> None:
    """Every arm has one processor: more threads than processors make all arms slower."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)


def _arm(root: Path, folder: Path, arm: Arm, seed: int, schedule: Schedule, url: str) -> float:
    """Runs one arm on a copy of the shop, keeps what came of it, and throws the copy away; the seconds it took."""
    from endcloud.assembly.simulated_arm import run_arm
    from endcloud.testing.silent_progress import SilentProgress

    copy = folder / "shops" / f"{arm.replace(' ', '-')}-{seed}"
    shutil.rmtree(copy, ignore_errors=True)
    _copy_shop(root, copy)
    run = run_arm(copy, arm, seed, schedule, url, SilentProgress())
    whole_files.write(_kept(folder, arm, seed), json.dumps(asdict(run), ensure_ascii=False) + "\n")
    shutil.rmtree(copy)
    return run.work_seconds


def _copy_shop(root: Path, copy: Path) -> None:
    copy.mkdir(mode=0o700, parents=True)
    for name in _existing(root, _COPIED):
        shutil.copytree(root / name, copy / name)
    for name in _existing(root, _FILES):
        shutil.copy2(root / name, copy / name)


def _existing(root: Path, names: Iterable[str]) -> list[str]:
    return [name for name in names if (root / name).exists()]

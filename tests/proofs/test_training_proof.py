"""Training as separate processes: killed again and again it ends with the same weights, and two make one curve."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from endcloud.end.versions import LOG, WEIGHTS, VersionDirectory
from endcloud.testing.tiny_base import save_tiny_base

TRAIN = """
import json, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from endcloud.end import learning
from endcloud.end.base_model import load_base
from endcloud.end.methods import LoRA, PrefixTuning, PTuningV2, TrainingPlan
from endcloud.end.training import PeftTrainer
from endcloud.end.versions import VersionDirectory
from endcloud.store.database import Database, sqlite_url
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, tiny_example

base, root, name, dropout, pause = sys.argv[1:]
root = Path(root)
methods = {"lora": (LoRA(dropout=float(dropout), targets="all"), 1e-2), "prefix-tuning": (PrefixTuning(16), 1e-2),
           "p-tuning-v2": (PTuningV2(16), 1e-1)}
method, rate = methods[name]
slow = learning.rate_at
learning.rate_at = lambda step, plan: (time.sleep(float(pause)), slow(step, plan))[1]
versions = StoredVersions(Database(sqlite_url(root / "store.db")), VersionDirectory(root / "versions"))
examples = [tiny_example(number) for number in range(24)]
plan = TrainingPlan(40, rate, rows=2, accumulation=2, check_every=4)
trainer = PeftTrainer(load_base(base, device="cpu", precision="float32"), method, plan, versions, system=SYSTEM,
                      work=root / "work")
digest = trainer.train(examples, examples[:4], SilentProgress()).digest
print(trainer.processes.num_processes, digest)
"""

METHODS = ["lora", "prefix-tuning", "p-tuning-v2"]


def start(
    base: Path, root: Path, method: str, *, dropout: float = 0.1, pause: float = 0.0, **env: str
) -> subprocess.Popen[str]:
    root.mkdir(exist_ok=True)
    command = [sys.executable, "-c", TRAIN, str(base), str(root), method, str(dropout), str(pause)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        start_new_session=True,
    )


def finished(process: subprocess.Popen[str], processes: int = 1) -> str:
    """The digest of the version, from a run that had this many processes."""
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert out.split()[-2] == str(processes), "the processes did not find each other"
    return out.split()[-1]


def weights(root: Path, digest: str) -> dict[str, torch.Tensor]:
    return load_file(VersionDirectory(root / "versions").path(digest) / WEIGHTS)


def log(root: Path, digest: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VersionDirectory(root / "versions").path(digest) / LOG).read_text())
    return found


@pytest.mark.proof
@pytest.mark.parametrize("method", METHODS)
def test_a_training_killed_three_times_gives_the_weights_of_an_unbroken_one(tmp_path: Path, method: str) -> None:
    base = save_tiny_base("glm", tmp_path / "base")
    unbroken = finished(start(base, tmp_path / "unbroken", method))
    root, steps = tmp_path / "killed", []
    for _ in range(3):
        process = start(base, root, method, pause=0.15)
        begin, deadline = newest(root), time.monotonic() + 120
        while newest(root) == begin and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)  # into the middle of a step after the checkpoint
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.communicate()
        steps.append(newest(root))
    assert len(set(steps)) == 3, "each run came further than the one before"
    assert VersionDirectory(root / "versions").all() == []
    assert finished(start(base, root, method)) == unbroken
    left, right = weights(root, unbroken), weights(tmp_path / "unbroken", unbroken)
    assert left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
    assert log(root, unbroken) == log(tmp_path / "unbroken", unbroken)


def newest(root: Path) -> int:
    """When the checkpoint was last written; 0 before the first."""
    return max((path.stat().st_mtime_ns for path in (root / "work").glob("checkpoint-*")), default=0)


@pytest.mark.proof
@pytest.mark.parametrize("method", METHODS)
def test_two_gloo_processes_follow_the_loss_curve_of_one(tmp_path: Path, method: str) -> None:
    base = save_tiny_base("glm", tmp_path / "base")
    one = finished(start(base, tmp_path / "one", method, dropout=0.0))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {"ACCELERATE_USE_CPU": "true"}
    pair = [
        start(base, tmp_path / "two", method, dropout=0.0, RANK=str(rank), LOCAL_RANK=str(rank), **shared)
        for rank in range(2)
    ]
    digests = {finished(process, 2) for process in pair}
    assert len(digests) == 1
    two = digests.pop()
    single, double = log(tmp_path / "one", one), log(tmp_path / "two", two)
    assert [step for step, _ in single["loss"]] == [step for step, _ in double["loss"]]
    for (_, left), (_, right) in zip(single["loss"], double["loss"], strict=True):
        assert right == pytest.approx(left, rel=2e-3, abs=2e-4)
    assert double["validation"][-1][1] == pytest.approx(single["validation"][-1][1], rel=2e-3, abs=2e-4)
    assert single["loss"][-1][1] < 0.5 * single["loss"][0][1]

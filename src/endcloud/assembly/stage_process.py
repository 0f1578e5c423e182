"""A heavy stage of a round (train, gate) in a process of its own, at low priority beside a running service.

The child opens the shop by itself, with its own copy of the base, and does the stage's work; its progress comes back
line by line and is shown here. It ends when this process does, however that ends, and leaves what a stage leaves when
it is killed: a checkpoint, so that the next try goes on where this one stopped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Literal

from endcloud import errors
from endcloud.evolution.round import Done

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.protocols import Progress, ProgressTask
    from endcloud.rounds import Round

HeavyStage = Literal["train", "gate"]
_LAST_WORDS = 20  # lines of what libraries print, kept for the case that the child dies without an answer
_PATIENCE = 10.0  # seconds that a child has to stop when asked to


def in_child(evolution: Evolution, stage: HeavyStage, round: Round) -> Done:
    """Does a stage of the round in a child process, and returns what it did.

    Raises what the stage raised there, and TrainingError where the child died without a word.
    """
    with child_at(evolution, stage, round) as child:
        assert child.stdout is not None and child.stderr is not None
        last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        listener = Thread(target=last_words.extend, args=(child.stderr,), daemon=True)
        listener.start()
        answer = _passed_on(child.stdout, evolution.shop.progress)
        code = child.wait()
        listener.join()
    if answer is None:
        raise errors.TrainingError(_died(stage, code, "".join(last_words)))
    return _done(answer)


@contextmanager
def child_at(evolution: Evolution, stage: HeavyStage, round: Round) -> Iterator[subprocess.Popen[str]]:
    """The child in a session of its own, so that Ctrl-C reaches it through us; stopped when the block ends.

    Its standard input stays open as long as we live: when it closes, the child ends.
    """
    root, settings, pipe = str(evolution.shop.directory.root), evolution.settings, subprocess.PIPE
    command = [sys.executable, "-m", "endcloud.assembly.candidate_process", root, str(round.number), stage]
    command.append(str(settings.nice))
    threads = str(settings.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    child = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()


def _passed_on(lines: IO[str], progress: Progress) -> dict[str, Any] | None:
    """Shows the child's progress as it comes; returns its answer, or None where it gave none."""
    tasks: dict[int, tuple[ProgressTask, ExitStack]] = {}
    answer: dict[str, Any] | None = None
    try:
        for line in lines:
            told = json.loads(line)
            match told["kind"]:
                case "said":
                    progress.say(told["sentence"])
                case "task":
                    stack = ExitStack()
                    opened = stack.enter_context(progress.task(told["name"], told["total"], told["unit"]))
                    tasks[told["task"]] = opened, stack
                case "advanced":
                    tasks[told["task"]][0].advance(told["steps"], **told["figures"])
                case "ended":
                    tasks.pop(told["task"])[1].close()
                case _:
                    answer = told
    finally:
        for _, stack in tasks.values():
            stack.close()
    return answer


def _done(answer: dict[str, Any]) -> Done:
    """The child's answer: what the stage did, or the error it raised."""
    if answer["kind"] == "done":
        return Done(answer["figures"], answer["outcome"], answer["reason"], answer["candidate"])
    kind = getattr(errors, answer["error"], errors.EndcloudError)
    raise kind(answer["sentence"])


def _died(stage: str, code: int, last_words: str) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    memory = " (the system does this when memory runs out)" if code == -9 else ""
    said = f" Its last words:\n{last_words.strip()}" if last_words.strip() else ""
    return f"The process of the stage {stage!r} {how}{memory}; run `endcloud evolve` again to go on from there.{said}"

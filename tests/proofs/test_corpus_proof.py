"""Killed with -9 again and again in the middle, stage 1 goes on and ends with the bytes of an unbroken run."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from endcloud.corpus.dataset import MANIFEST, read_examples
from endcloud.corpus.preparation import WORK

pytestmark = pytest.mark.proof

DIALOGUES = 6_000
PREPARE = """
import sys
from contextlib import contextmanager
from pathlib import Path
from endcloud.corpus.preparation import CorpusOptions, prepare
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker

class Quiet:
    @contextmanager
    def task(self, name, total, unit):
        yield self
    def advance(self, steps=1, **figures): pass
    def say(self, sentence): pass

masker = ConversationMasker(Detector())
prepare([Path(sys.argv[1])], Path(sys.argv[2]), masker=masker, key=b"proof", options=CorpusOptions(), progress=Quiet())
"""


def write_source(path: Path) -> None:
    """Invented dialogues with phone numbers, repeats, near-repeats and broken lines."""
    draw = random.Random(11)
    words = ["".join(chr(draw.randrange(0x4E00, 0x5600)) for _ in range(2)) for _ in range(600)]
    lines: list[str] = []
    for number in range(DIALOGUES):
        if lines and draw.random() < 0.1:
            lines.append(draw.choice(lines).replace("呢", "哦"))
        elif draw.random() < 0.01:
            lines.append('{"messages": [')
        else:
            said = ["".join(draw.choices(words, k=draw.randint(2, 14))) + "呢" for _ in range(6)]
            said[0] += f"，电话1{draw.randrange(3 * 10**9, 10**10)}"
            messages = [{"role": ("user", "assistant")[turn % 2], "content": text} for turn, text in enumerate(said)]
            record = {"id": f"d{number}", "customer": f"c{number % 99}", "messages": messages}
            lines.append(json.dumps(record, ensure_ascii=False))
    path.write_text("\n".join(lines), encoding="utf-8")


def start(source: Path, destination: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PREPARE, str(source), str(destination)])


def shards(destination: Path) -> int:
    return len(list((destination / WORK).glob("*.shard")))


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_killed_in_the_middle_it_ends_with_the_bytes_of_an_unbroken_run(tmp_path: Path) -> None:
    source = tmp_path / "shop.jsonl"
    write_source(source)
    assert start(source, tmp_path / "whole").wait() == 0
    killed = tmp_path / "killed"
    for wanted in (1, 3, 6, 9):
        process = start(source, killed)
        while process.poll() is None and shards(killed) < wanted:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
        assert wanted <= shards(killed) < DIALOGUES / 500
        assert not (killed / MANIFEST).exists(), "a half corpus was published"
    assert start(source, killed).wait() == 0
    assert files(killed) == files(tmp_path / "whole")
    assert len(read_examples(killed)) > DIALOGUES


def test_killed_while_a_newer_corpus_is_made_the_old_one_can_be_read(tmp_path: Path) -> None:
    source, corpus = tmp_path / "shop.jsonl", tmp_path / "corpus"
    write_source(source)
    small = tmp_path / "small.jsonl"
    small.write_text("\n".join(source.read_text(encoding="utf-8").splitlines()[:300]), encoding="utf-8")
    assert start(small, corpus).wait() == 0
    before = read_examples(corpus)
    for delay in (0.0, 0.1, 0.3, 0.6):
        process = start(source, corpus)
        while process.poll() is None and shards(corpus) < 12:
            time.sleep(0.005)
        time.sleep(delay)  # the second pass, up to the publishing itself
        process.kill()
        process.wait()
        after = read_examples(corpus)
        assert after == before or len(after) > DIALOGUES
    assert start(source, corpus).wait() == 0
    assert len(read_examples(corpus)) > DIALOGUES

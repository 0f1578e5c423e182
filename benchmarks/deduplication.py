"""Near-duplicates of (context, reply) pairs: recall, precision, time and memory, beside datasketch.

    python benchmarks/deduplication.py                    20,000 pairs against brute force, beside datasketch
    python benchmarks/deduplication.py --turns 1000000    a whole preparation: seconds and peak memory

The pairs are invented: sentences of drawn words, canned replies shared by many, and copies with 1 to 12 edits, so
that Jaccard indices crowd around the threshold, where finding is hardest. Exits with 1 where a mark is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy import sparse

from endcloud.corpus.deduplication import DuplicateIndex, grams

THRESHOLD = 0.8
RECALL, PRECISION = 0.98, 0.95
PEAK_BYTES = 2 << 30
_HANZI = [chr(code) for code in range(0x4E00, 0x4E00 + 2_500)]


def invented_pairs(count: int, seed: int) -> list[str]:
    """Texts of pairs; about a third are edited copies of an earlier one."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(_HANZI, k=draw.choice((1, 2, 2, 3)))) for _ in range(4_000)]
    canned = ["".join(draw.choices(words, k=draw.randint(5, 14))) for _ in range(40)]
    texts: list[str] = []
    while len(texts) < count:
        if texts and draw.random() < 0.33:
            texts.append(edited(draw.choice(texts), draw))
        else:
            said = "".join(draw.choices(words, k=draw.randint(4, 40)))
            reply = draw.choice(canned) if draw.random() < 0.3 else "".join(draw.choices(words, k=draw.randint(3, 20)))
            texts.append(said + reply)
    return texts


def edited(text: str, draw: random.Random) -> str:
    """The text with a few characters exchanged, dropped or added."""
    chars = list(text)
    for _ in range(draw.randint(0, 12)):
        place = draw.randrange(len(chars))
        chars[place : place + draw.randint(0, 1)] = draw.choices(_HANZI, k=draw.randint(0, 1))
        chars = chars or ["空"]
    return "".join(chars)


def brute_force(texts: list[str]) -> set[tuple[int, int]]:
    """All pairs (earlier, later) with Jaccard ≥ 0.8, by one sparse matrix product: exact, nothing left out."""
    column: dict[str, int] = {}
    sets = [grams(text) for text in texts]
    rows = [row for row, own in enumerate(sets) for _ in own]
    columns = [column.setdefault(gram, len(column)) for own in sets for gram in own]
    matrix = sparse.csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), (len(texts), len(column)))
    sizes = np.array([len(own) for own in sets])
    found: set[tuple[int, int]] = set()
    for start in range(0, len(texts), 1_000):
        shared = (matrix[start : start + 1_000] @ matrix.T).tocoo()
        later, earlier = shared.row + start, shared.col
        index = shared.data / (sizes[later] + sizes[earlier] - shared.data)
        alike = (index >= THRESHOLD) & (earlier < later)
        found.update(zip(earlier[alike].tolist(), later[alike].tolist(), strict=True))
    return found


def ours(texts: list[str]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    with tempfile.TemporaryDirectory() as directory, DuplicateIndex(THRESHOLD, Path(directory)) as index:
        for later, text in enumerate(texts):
            found.update((earlier, later) for earlier, _ in index.matches(text))
            index.remember(text)
    return found


def datasketch(texts: list[str]) -> set[tuple[int, int]]:
    """As its documentation shows it: 128 permutations, its own choice of bands, no verification."""
    found: set[tuple[int, int]] = set()
    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=128)
    for later, text in enumerate(texts):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([gram.encode() for gram in grams(text)])
        found.update((earlier, later) for earlier in lsh.query(sketch))
        lsh.insert(later, sketch)
    return found


def compare(count: int) -> bool:
    texts = invented_pairs(count, seed=7)
    truth = brute_force(texts)
    print(f"{count} pairs, {len(truth)} near-duplicate couples by brute force (Jaccard ≥ {THRESHOLD})")
    figures = {}
    for name, method in (("endcloud", ours), ("datasketch", datasketch)):
        before, started = current_bytes(), time.process_time()
        found = method(texts)
        seconds = time.process_time() - started  # of CPU: both run in one thread
        recall, precision = len(found & truth) / len(truth), len(found & truth) / max(1, len(found))
        figures[name] = (recall, precision, seconds)
        grown = (current_bytes() - before) / count
        print(
            f"{name:<11} recall {recall:.4f}  precision {precision:.4f}  {seconds:.2f} CPU s  (+{grown:,.0f} B a pair)"
        )
    print(f"ratio of time, datasketch / endcloud: {figures['datasketch'][2] / figures['endcloud'][2]:.1f}")
    return figures["endcloud"][0] >= RECALL and figures["endcloud"][1] >= PRECISION


def memory(count: int) -> None:
    """Bytes a kept pair in the index, over so many pairs that its growth steps even out."""
    before = current_bytes()
    with tempfile.TemporaryDirectory() as directory, DuplicateIndex(THRESHOLD, Path(directory)) as index:
        draw = random.Random(1)
        for _ in range(count):
            index.remember("".join(draw.choices(_HANZI, k=80)))
        print(f"{(current_bytes() - before) / count:,.0f} bytes a kept pair, over {count:,} pairs")


def stream(turns: int) -> bool:
    """Prepares a generated file of so many turns, with the real masker."""
    from endcloud.corpus.preparation import CorpusOptions, prepare
    from endcloud.privacy.detection import Detector
    from endcloud.privacy.masking import ConversationMasker

    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "generated.jsonl"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(dialogue, ensure_ascii=False)}\n" for dialogue in dialogues(turns))
        print(f"{turns:,} turns, {source.stat().st_size / 1e6:.0f} MB")
        report = prepare(
            [source],
            Path(directory) / "corpus",
            masker=ConversationMasker(Detector()),
            key=b"benchmark",
            options=CorpusOptions(),
            progress=Quiet(),
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(report.as_json(), ensure_ascii=False))
    print(f"{turns / report.seconds:,.0f} turns/s, peak memory {peak / 2**30:.2f} GiB")
    return peak < PEAK_BYTES


def dialogues(turns: int) -> Iterator[dict[str, object]]:
    """Invented conversations of six turns, hardly two alike: the worst case for memory."""
    draw = random.Random(3)
    words = ["".join(draw.choices(_HANZI, k=2)) for _ in range(4_000)]
    for number in range(turns // 6):
        said = [
            {"role": role, "content": "".join(draw.choices(words, k=draw.randint(4, 16)))}
            for role in ("user", "assistant") * 3
        ]
        yield {"id": f"d{number}", "customer": f"c{number % 50_000}", "messages": said}


class Quiet:
    """A progress that shows nothing."""

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[Quiet]:
        yield self

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        pass

    def say(self, sentence: str) -> None:
        print(sentence)


def current_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=0)
    parser.add_argument("--memory", type=int, default=0, metavar="PAIRS")
    arguments = parser.parse_args()
    if arguments.memory:
        memory(arguments.memory)
        return 0
    good = stream(arguments.turns) if arguments.turns else compare(arguments.pairs)
    print("marks met" if good else "MARKS MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

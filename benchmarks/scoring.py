"""Our scoring of four versions' replies beside plain sentence-transformers, in one run.

    endcloud evaluate --shop SHOP --seeds 0          # once: replies of the base and three versions to the test split
    python benchmarks/scoring.py SHOP [--items 100] [--shape base|small] [--reduced]

The workload is real: the queries, cloud replies and greedy replies of the newest evaluation in SHOP (its test split).
The encoders have random weights, BERT-base's shape or that of the bundled small scorers; both sides load the same
directories. The plain side does what Equation 1 needs in the plain way, version by version:
`SentenceTransformer.encode` of the end replies and of the cloud replies, `CrossEncoder.predict` of (query, end reply)
and (query, cloud reply).
A second plain side asks for the cloud replies' relevance only once, as a thrifty user would. Ours is `DualScorer`.
Scores must agree to 1e-4. `--reduced` adds bfloat16 and int8 with rank correlation and largest deviation.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from scipy.stats import spearmanr
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer

from endcloud.scoring.dual import DualScorer
from endcloud.scoring.precision import Precision
from endcloud.scoring.relevance import CrossEncoderRelevance
from endcloud.scoring.similarity import SentenceSimilarity

SHAPES = {
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "small": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 512},
}
BASE_WORDS = 21128  # of bert-base-chinese
SPREAD = {"base": 0.06, "small": 0.2}
"""Of the random weights: at BERT's own 0.02 all texts get the same [CLS], and no precision told from another."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Per item the query and the cloud's reply, and for each version its replies in item order."""

    queries: list[str]
    clouds: list[str]
    versions: dict[str, list[str]]

    @property
    def triples(self) -> int:
        return len(self.queries) * len(self.versions)

    def recurring(self) -> str:
        ends = [(q, e) for replies in self.versions.values() for q, e in zip(self.queries, replies, strict=True)]
        texts = {text for _, text in ends} | set(self.clouds)
        pairs = set(ends) | set(zip(self.queries, self.clouds, strict=True))
        return f"{len(texts):,} distinct replies, {len(pairs):,} distinct (query, reply) pairs"


@dataclass(frozen=True, slots=True)
class Timed:
    """Similarity, relevance and cloud relevance (3, n), and what they took: seconds of wall clock and of processor."""

    scores: np.ndarray
    wall: float
    processor: float


def read_workload(shop: Path, items: int | None) -> Workload:
    """The greedy replies of `shop`'s newest evaluation on its test split, where all versions and the cloud answer."""
    found = sorted(shop.glob("results/*/results.csv"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SystemExit(f"{shop} holds no evaluation; run `endcloud evaluate --shop {shop} --seeds 0` first.")
    with found[-1].open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["part"], row["decoding"]) == ("test split", "greedy")]
    versions = list(dict.fromkeys(row["version"] for row in rows))
    by_item: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        if row["reply"].strip() and row["cloud"].strip():
            by_item.setdefault(row["id"], {})[row["version"]] = row
    whole = [answers for answers in by_item.values() if len(answers) == len(versions)][:items]
    first = [answers[versions[0]] for answers in whole]
    return Workload(
        [row["query"] for row in first],
        [row["cloud"] for row in first],
        {version: [answers[version]["reply"] for answers in whole] for version in versions},
    )


def save_models(shape: str, workload: Workload, directory: Path) -> tuple[Path, Path]:
    """A random bi-encoder ([CLS], normalised) and a random cross-encoder (one logit) with a tokenizer of characters."""
    texts = [
        *workload.queries,
        *workload.clouds,
        *(reply for replies in workload.versions.values() for reply in replies),
    ]
    signs = sorted(set("".join(texts).lower()))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(sign for sign in signs if not sign.isspace())]
    rows = BASE_WORDS if shape == "base" else 4000
    config = BertConfig(vocab_size=max(rows, len(words)), max_position_embeddings=512, num_labels=1,
                        initializer_range=SPREAD[shape], **SHAPES[shape])  # fmt: skip
    tokenizer = BertTokenizer(vocab={word: index for index, word in enumerate(words)})
    tokenizer.model_max_length = 512
    torch.manual_seed(7)
    bert = directory / "bert"
    BertModel(config).save_pretrained(bert)
    tokenizer.save_pretrained(bert)
    transformer = Transformer(str(bert))
    pooling = Pooling(config.hidden_size, "cls")
    SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu").save(str(directory / "bi"))
    cross = BertForSequenceClassification(config)
    torch.nn.init.normal_(cross.classifier.weight, std=config.hidden_size**-0.5)
    cross.save_pretrained(directory / "cross")
    tokenizer.save_pretrained(directory / "cross")
    return directory / "bi", directory / "cross"


def plain(bi: Path, cross: Path, workload: Workload, *, clouds_once: bool) -> Timed:
    encoder = SentenceTransformer(str(bi), device="cpu", local_files_only=True)
    judge = CrossEncoder(str(cross), device="cpu", local_files_only=True)
    asked = list(zip(workload.queries, workload.clouds, strict=True))

    def score() -> np.ndarray:
        parts: list[np.ndarray] = []
        known: np.ndarray | None = None
        for replies in workload.versions.values():
            ends, clouds = encoder.encode(replies), encoder.encode(workload.clouds)
            alike = np.clip((ends * clouds).sum(axis=1), 0, 1)
            pairs = list(zip(workload.queries, replies, strict=True))
            if known is None or not clouds_once:
                both = judge.predict(pairs + asked)
                apt, known = both[: len(pairs)], both[len(pairs) :]
            else:
                apt = judge.predict(pairs)
            parts.append(np.stack([alike, apt, known]))
        return np.concatenate(parts, axis=1)

    return timed(score)


def ours(bi: Path, cross: Path, workload: Workload, precision: Precision = "float32") -> Timed:
    scorer = DualScorer(
        SentenceSimilarity(bi, device="cpu", precision=precision),
        CrossEncoderRelevance(cross, device="cpu", precision=precision),
    )
    replies = [reply for version in workload.versions.values() for reply in version]

    def score() -> np.ndarray:
        times = len(workload.versions)
        found = scorer.score_all(workload.queries * times, replies, workload.clouds * times)
        return np.array([[one.similarity, one.relevance, one.cloud_relevance] for one in found], dtype=float).T

    return timed(score)


def timed(score: Callable[[], np.ndarray]) -> Timed:
    wall, processor = time.perf_counter(), time.process_time()
    scores = score()
    return Timed(scores, time.perf_counter() - wall, time.process_time() - processor)


def run(shape: str, workload: Workload, reduced: bool, thrifty: bool) -> None:
    print(f"\n{shape}: {SHAPES[shape]}")
    with tempfile.TemporaryDirectory() as place:
        bi, cross = save_models(shape, workload, Path(place))
        exact = ours(bi, cross, workload)
        theirs = plain(bi, cross, workload, clouds_once=False)
        tell("plain sentence-transformers", theirs, workload)
        if thrifty:
            once = plain(bi, cross, workload, clouds_once=True)
            tell("plain, cloud relevance once", once, workload)
        tell("ours, float32", exact, workload, theirs)
        print(f"  largest difference from plain: {np.abs(exact.scores - theirs.scores).max():.1e} (must be below 1e-4)")
        if thrifty:
            print(f"  against the thrifty one: {once.wall / exact.wall:.2f} times by wall clock")
        for precision in get_args(Precision)[1:] if reduced else ():
            fewer = ours(bi, cross, workload, precision)
            tell(f"ours, {precision}", fewer, workload, theirs)
            for name, row, exact_row in zip(("similarity", "relevance"), fewer.scores, exact.scores, strict=False):
                rank = spearmanr(row, exact_row).statistic
                print(f"    {name}: Spearman {rank:.4f}, largest deviation {np.abs(row - exact_row).max():.4f}")


def tell(name: str, found: Timed, workload: Workload, peer: Timed | None = None) -> None:
    line = f"  {name:<28} {workload.triples / found.wall:8.1f} pairs/s   {found.wall:7.1f} s wall"
    line += f" {found.processor:7.1f} s CPU"
    if peer:
        line += f"   {peer.wall / found.wall:.2f} times by wall clock, {peer.processor / found.processor:.2f} by CPU"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shop", type=Path, help="a shop with an evaluation")
    parser.add_argument("--items", type=int, help="judge at most this many queries of the test split")
    parser.add_argument("--shape", choices=SHAPES, action="append", help="repeatable; both without it")
    parser.add_argument("--reduced", action="store_true", help="bfloat16 and int8 too")
    parser.add_argument("--thrifty", action="store_true", help="a second plain side: cloud relevance asked once")
    chosen = parser.parse_args()
    workload = read_workload(chosen.shop, chosen.items)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{len(workload.queries)} queries × {len(workload.versions)} versions = {workload.triples:,} pairs to score; "
          f"{workload.recurring()}")  # fmt: skip
    for shape in chosen.shape or SHAPES:
        run(shape, workload, chosen.reduced, chosen.thrifty)


if __name__ == "__main__":
    main()

"""Trains both in-domain scorers, in five parts of which each is kept: start, bi-encoder, first cross-encoder,
denoised hard negatives, cross-encoder.

Where the stand-in scorers (`scoring.standin`) are a handful of weights over counted features and are always there,
these are transformers in sentence-transformers directories, which `SentenceSimilarity` and `CrossEncoderRelevance`
load like anybody else's. A training is named by the digest of all that it depends on, so the same dialogues, base and
settings are trained once; a killed one goes on with the part that it was at.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers.utils import logging as hf_logging

from endcloud import whole_files
from endcloud.protocols import Progress
from endcloud.scoring import model_directory
from endcloud.scoring.in_domain import bi_encoder, cross_encoder, hard_negatives, small_bert
from endcloud.scoring.in_domain.exchanges import Exchange, Pairs
from endcloud.scoring.in_domain.steps import Curve, Plan

SIMILARITY = "in-domain-similarity"
RELEVANCE = "in-domain-relevance"
SCRATCH = "small, from scratch"
RECIPE = "1"  # raise it when pairs, model or loop change: what was trained before is then left alone
_ABOUT = "training.json"
_CURRENT = "in-domain.json"


@dataclass(frozen=True, slots=True)
class Plans:
    """How the three models are trained."""

    similarity: Plan
    first: Plan
    relevance: Plan


SMALL = Plans(Plan(2, 64, 1e-3, 7), Plan(0.25, 8, 1e-3, 7), Plan(1, 8, 1e-3, 7))
FINE_TUNING = Plans(Plan(1, 32, 2e-5, 7), Plan(1, 16, 2e-5, 7), Plan(2, 16, 2e-5, 7))


@dataclass(frozen=True, slots=True)
class InDomain:
    """A finished training: where it lies, and what is known of it (`training.json`)."""

    directory: Path
    about: Mapping[str, Any]

    @property
    def similarity(self) -> Path:
        return self.directory / SIMILARITY

    @property
    def relevance(self) -> Path:
        return self.directory / RELEVANCE

    @property
    def from_scratch(self) -> bool:
        """Whether it began with the small size, and not with somebody's model."""
        return bool(self.about["base"] == SCRATCH)

    def name(self, half: str) -> str:
        """What a report calls this scorer."""
        return f"in-domain {half}" + (f" ({SCRATCH})" if self.from_scratch else "")


def train(
    found: Sequence[Exchange],
    models: Path,
    work: Path,
    *,
    base: Path | None = None,
    device: str | None = None,
    plans: Plans | None = None,
    progress: Progress,
) -> InDomain:
    """Both scorers of these exchanges, in `models/in-domain-<digest>`; `base` None makes the small size from scratch.

    Parts are kept in `work` until the training is whole. The newest training is the one that `current` names.

    Raises:
        ModelError: `base` is no directory of an encoder.
        TrainingError: the loss is no number any more.
    """
    chosen = plans or (FINE_TUNING if base else SMALL)
    digest = _digest(found, model_directory.digest(model_directory.find(base)) if base else SCRATCH, chosen)
    name = f"in-domain-{digest[:12]}"
    if not (models / name / _ABOUT).is_file():
        _Training(found, work / name, digest, base, device, chosen, progress).run()
        models.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(models / name, ignore_errors=True)  # of another run that was killed between two files
        (work / name / "whole").rename(models / name)
        shutil.rmtree(work / name)
    whole_files.write(models / _CURRENT, json.dumps({"current": name}) + "\n")
    return _read(models / name)


def current(models: Path) -> InDomain | None:
    """The newest training in this directory of models; None before the first."""
    pointer = models / _CURRENT
    return _read(models / json.loads(pointer.read_text())["current"]) if pointer.is_file() else None


def save_untrained(found: Sequence[Exchange], directory: Path) -> InDomain:
    """Both scorers of the small size before any step, as a training from scratch begins: what it is compared with."""
    untrained = InDomain(directory, {"base": SCRATCH})
    small = _start(found, directory / "start", SMALL.similarity.seed)
    bi_encoder.load(small, None).save(str(untrained.similarity), create_model_card=False)
    cross_encoder.load(small, None, SMALL.relevance.seed).save(str(untrained.relevance), create_model_card=False)
    return untrained


def _start(found: Sequence[Exchange], directory: Path, seed: int) -> Path:
    return small_bert.save_small_bert(found, directory, seed)


def _read(directory: Path) -> InDomain:
    return InDomain(directory, json.loads((directory / _ABOUT).read_text(encoding="utf-8")))


def _digest(found: Sequence[Exchange], base: str, plans: Plans) -> str:
    rows = [(exchange.query, exchange.reply, exchange.cloud) for exchange in found]
    return hashlib.sha256(json.dumps([RECIPE, base, asdict(plans), rows], ensure_ascii=False).encode()).hexdigest()


class _Training:
    """One run: each part is a directory or file in `work`, made whole or not at all."""

    def __init__(
        self,
        found: Sequence[Exchange],
        work: Path,
        digest: str,
        base: Path | None,
        device: str | None,
        plans: Plans,
        progress: Progress,
    ) -> None:
        self._found = found
        self._work = work
        self._digest = digest
        self._base = base
        self._device = device
        self._plans = plans
        self._progress = progress
        self._pairs = Pairs(found, plans.similarity.seed)

    def run(self) -> None:
        """Leaves the finished scorers in `work/whole`."""
        hf_logging.disable_progress_bar()
        base = self._base or self._part("start", lambda into: _start(self._found, into, self._plans.similarity.seed))
        similarity = self._part("similarity", lambda into: self._similarity(base, into))
        # A small encoder's first lesson is worth keeping; a large one's own start is the better cross-encoder.
        beginning = similarity if self._base is None else base
        mined = self._list("mined.json", lambda: self._mine(similarity))
        first = self._part("first", lambda into: self._first(beginning, mined, into))
        kept = self._list("kept.json", lambda: self._denoise(first, mined))
        relevance = self._part("relevance", lambda into: self._relevance(beginning, kept, into))
        self._whole(similarity, relevance, mined, kept)

    def _part(self, name: str, make: Callable[[Path], object]) -> Path:
        """The directory `name`, made in a partial one beside it and renamed when it is whole."""
        done = self._work / name
        if not done.is_dir():
            partial = self._work / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            make(partial)
            whole_files.sync(partial)
            partial.rename(done)
        return done

    def _list(self, name: str, make: Callable[[], list[list[str]]]) -> list[list[str]]:
        path = self._work / name
        if not path.is_file():
            whole_files.write(path, json.dumps(make(), ensure_ascii=False))
        read: list[list[str]] = json.loads(path.read_text(encoding="utf-8"))
        return read

    def _similarity(self, base: Path, into: Path) -> None:
        model = bi_encoder.load(base, self._device)
        curve = bi_encoder.train(
            model, self._pairs, self._plans.similarity, self._checkpoint, self._digest, self._progress
        )
        model.save(str(into), create_model_card=False)
        _keep_curve(into, curve)

    def _mine(self, similarity: Path) -> list[list[str]]:
        return hard_negatives.mine(bi_encoder.load(similarity, self._device), self._found, self._plans.similarity.seed)

    def _first(self, beginning: Path, mined: list[list[str]], into: Path) -> None:
        # It learns from the first of each one's negatives only, so that it has not been told the others are wrong.
        taught = [some[:1] for some in mined]
        self._cross(beginning, taught, self._plans.first, "first cross-encoder", into)

    def _denoise(self, first: Path, mined: list[list[str]]) -> list[list[str]]:
        model = cross_encoder.load(first, self._device, self._plans.first.seed)
        self._progress.say("Denoising the hard negatives.")
        denoised = hard_negatives.denoise(mined, self._found, lambda asked: cross_encoder.probabilities(model, asked))
        self._progress.say(f"Hard negatives: {denoised.mined:,} mined, {denoised.dropped:,} dropped as likely right.")
        return denoised.negatives

    def _relevance(self, beginning: Path, kept: list[list[str]], into: Path) -> None:
        self._cross(beginning, kept, self._plans.relevance, "in-domain relevance", into)

    def _cross(self, beginning: Path, negatives: list[list[str]], plan: Plan, name: str, into: Path) -> None:
        model = cross_encoder.load(beginning, self._device, plan.seed)
        curve = cross_encoder.train(
            model, self._pairs, negatives, plan, self._checkpoint, f"{self._digest} {name}", self._progress, name
        )
        model.save(str(into), create_model_card=False)
        _keep_curve(into, curve)

    @property
    def _checkpoint(self) -> Path:
        return self._work / "checkpoint.safetensors"

    def _whole(self, similarity: Path, relevance: Path, mined: list[list[str]], kept: list[list[str]]) -> None:
        about = {
            "digest": self._digest,
            "recipe": RECIPE,
            "base": str(self._base) if self._base else SCRATCH,
            "exchanges": len(self._found),
            "with a cloud reply": sum(bool(exchange.cloud) for exchange in self._found),
            "hard negatives": {"mined": sum(map(len, mined)), "kept": sum(map(len, kept))},
            "plans": asdict(self._plans),
            "loss": {"similarity": _curve(similarity), "relevance": _curve(relevance)},
        }

        def gather(into: Path) -> None:
            for part, name in ((similarity, SIMILARITY), (relevance, RELEVANCE)):
                shutil.copytree(part, into / name, ignore=shutil.ignore_patterns(".*"))
            whole_files.write(into / _ABOUT, json.dumps(about, ensure_ascii=False, indent=2) + "\n")

        self._part("whole", gather)


def _keep_curve(directory: Path, curve: Curve) -> None:
    whole_files.write(directory / ".loss.json", json.dumps(curve))


def _curve(directory: Path) -> Curve:
    read: Curve = json.loads((directory / ".loss.json").read_text())
    return read

"""Puts the parts together: the one place that names concrete classes.

`Shop` is a shop's directory brought to life: its settings decide which parts it is made of, each made at first
use. It is the `Stages` that `endcloud.loop.run` turns through, and what every command works on. Imports are late,
so that a command loads only what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcloud.assembly.masking import masker_of
from endcloud.assembly.training import TrainingChoice
from endcloud.errors import UsageError
from endcloud.types import SUPERSEDED, AdapterVersion, Example, Message, Sampling, Split, Tokens

if TYPE_CHECKING:
    from datetime import datetime

    from endcloud.cloud.catalogue import Catalogue
    from endcloud.cloud.label_plan import Estimate
    from endcloud.cloud.labelling import LabelReport
    from endcloud.cloud.policies import Policies
    from endcloud.cloud.teacher import Teacher
    from endcloud.corpus.dataset import Manifest
    from endcloud.corpus.preparation import CorpusReport
    from endcloud.end.base_model import BaseModel
    from endcloud.end.generation import LocalEndModel
    from endcloud.privacy.masking import ConversationMasker
    from endcloud.protocols import ChatModel, Progress
    from endcloud.scoring.dual import DualScorer
    from endcloud.settings import Settings
    from endcloud.store.budget import StoredBudget
    from endcloud.store.database import Database
    from endcloud.store.directory import ShopDirectory
    from endcloud.store.labels import StoredLabels
    from endcloud.store.ledger import StoredLedger
    from endcloud.store.reviews import StoredReviews
    from endcloud.store.versions import StoredVersions

STAND_IN = "stand-in"
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Shop:
    """One shop with all its parts. Use it in a `with` block: it holds connections and processes."""

    def __init__(
        self,
        directory: ShopDirectory,
        settings: Settings,
        progress: Progress,
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        """`allowed` are values that are not masked in this run, beside the shop's own numbers."""
        self.directory = directory
        self.settings = settings
        self.progress = progress
        self.allowed = allowed
        self._held = ExitStack()

    @classmethod
    def open(cls, root: Path, progress: Progress, allowed: frozenset[str] = frozenset()) -> Shop:
        """The shop at `root`; raises UsageError or SettingsError where there is none or it is set up wrongly."""
        from endcloud.settings import load_settings
        from endcloud.store.directory import ShopDirectory

        directory = ShopDirectory.open(root)
        return cls(directory, load_settings(directory.settings), progress, allowed)

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    # -- the store -------------------------------------------------------------------------------------------

    @cached_property
    def database(self) -> Database:
        from endcloud.store.database import Database, sqlite_url

        store = self.settings.store
        password = os.environ.get(store.password_variable, "") if store.url else ""
        database = Database(store.url or sqlite_url(self.directory.database), password)
        self._held.callback(database.close)
        return database

    @cached_property
    def labels(self) -> StoredLabels:
        from endcloud.store.labels import StoredLabels

        return StoredLabels(self.database)

    @cached_property
    def reviews(self) -> StoredReviews:
        from endcloud.store.reviews import StoredReviews

        return StoredReviews(self.database)

    @cached_property
    def budget(self) -> StoredBudget:
        from endcloud.store.budget import StoredBudget

        return StoredBudget(self.database, self.settings.cloud.budget, self.settings.cloud.currency)

    @cached_property
    def ledger(self) -> StoredLedger:
        """What left this machine; its head lies beside the store, and what a call cost is by the price table."""
        from endcloud.cloud.budget import Prices
        from endcloud.store.ledger import StoredLedger
        from endcloud.store.ledger_head import HeadFile

        def price(model: str, tokens: Tokens) -> float | None:
            known = self.settings.cloud.prices.get(model)
            return None if known is None else Prices(**known.model_dump()).of(tokens)

        return StoredLedger(self.database, HeadFile(self.directory.ledger_head), price)

    @cached_property
    def versions(self) -> StoredVersions:
        from endcloud.end.versions import VersionDirectory
        from endcloud.store.versions import StoredVersions

        return StoredVersions(self.database, VersionDirectory(self.directory.versions))

    @cached_property
    def trial_versions(self) -> StoredVersions:
        """Versions that are trained only to be measured, such as the points of a learning curve: kept apart."""
        from endcloud.end.versions import VersionDirectory
        from endcloud.store.database import Database, sqlite_url
        from endcloud.store.versions import StoredVersions

        trials = self.directory.work / "trials"
        trials.mkdir(parents=True, exist_ok=True)
        database = Database(sqlite_url(trials / "store.db"))
        self._held.callback(database.close)
        return StoredVersions(database, VersionDirectory(trials))

    # -- 1 corpus --------------------------------------------------------------------------------------------

    @cached_property
    def masker(self) -> ConversationMasker:
        """Masks what is a customer's. The shop's own numbers, of its goods and in its rules, are public and stay."""
        return masker_of(self)

    @cached_property
    def upload_masker(self) -> ConversationMasker:
        """The masker that stands in front of every cloud: the shop's own, or a stricter one (`privacy.upload`)."""
        return masker_of(self, strict=True) if self.settings.privacy.upload == "strict" else self.masker

    def prepare_corpus(
        self, sources: Sequence[Path], format: str = "auto", columns: Mapping[str, str] | None = None
    ) -> CorpusReport:
        """Stage 1 with its report; see `endcloud.assembly.corpus`."""
        from endcloud.assembly.corpus import prepare_corpus

        return prepare_corpus(self, sources, format, columns)

    def cold_start(self, sources: Sequence[Path]) -> Manifest:
        """Begins without logs: examples from a catalogue, an FAQ and the policies."""
        from endcloud.assembly.corpus import cold_start

        return cold_start(self, sources)

    def examples(self, split: Split | None = None) -> list[Example]:
        """The examples that stage 1 made; one whose recorded reply a newer truth has retired is `excluded`."""
        from endcloud.store.lessons import StoredRetirements

        recorded, retired = self.recorded(split), StoredRetirements(self.database).items()
        return [replace(one, excluded=SUPERSEDED) if one.id in retired else one for one in recorded]

    def recorded(self, split: Split | None = None) -> list[Example]:
        """The examples as stage 1 made them, whatever holds today: scorers learn from these, and stay the same."""
        from endcloud.corpus.dataset import read_examples

        if not self.directory.corpus.is_dir():
            root = str(self.directory.root)
            raise UsageError(f"The shop {root!r} has no examples yet; run `endcloud corpus LOGS` first.")
        return read_examples(self.directory.corpus, split)

    # -- 2 cloud ---------------------------------------------------------------------------------------------

    @cached_property
    def policies(self) -> Policies:
        from endcloud.cloud.policies import Policies, read_policies

        return read_policies(self.directory.policies) if self.directory.policies.exists() else Policies()

    @cached_property
    def catalogue(self) -> Catalogue:
        from endcloud.cloud.catalogue import Catalogue, read_catalogue

        return read_catalogue(self.directory.catalogue) if self.directory.catalogue.exists() else Catalogue()

    @property
    def role(self) -> str:
        """The role sentence that stands in front of every prompt, at the end and in the cloud."""
        return f"你是{self.settings.shop.name}的客服。"

    @cached_property
    def cloud(self) -> ChatModel:
        """The cloud model behind the guard; a stand-in is started where the settings name it."""
        from endcloud.assembly.cloud import connect

        return connect(self, self._held)

    @cached_property
    def teacher(self) -> Teacher:
        """The cloud model with all that it is told about the shop."""
        from endcloud.assembly.cloud import teacher_of

        return teacher_of(self, self.cloud)

    def estimate_labels(self, limit: int | None = None) -> Estimate:
        """What stage 2 would take. Nothing is sent, so it needs neither a key nor a cloud that answers."""
        from endcloud.assembly.cloud import estimate_labels

        return estimate_labels(self, limit)

    def label(
        self,
        limit: int | None = None,
        examples: Sequence[Example] | None = None,
        teacher: Teacher | None = None,
    ) -> LabelReport:
        """Stage 2 with its report: all splits, or the `examples` given, by the shop's teacher or another."""
        from endcloud.assembly.cloud import label

        return label(self, limit, examples, teacher)

    # -- 3 end -----------------------------------------------------------------------------------------------

    @cached_property
    def base(self) -> BaseModel:
        """The base model, loaded; the bundled one is made at first use and cached outside the shop."""
        from endcloud.assembly.base import base_of

        return base_of(self)

    def train_version(
        self,
        choice: TrainingChoice,
        *,
        labelled: int | None = None,
        versions: StoredVersions | None = None,
        probe: Sequence[Sequence[Message]] = (),
    ) -> AdapterVersion:
        """Stage 3 by one choice of method, data and plan; see `endcloud.assembly.training`."""
        from endcloud.assembly.training import train_to

        return train_to(self, choice, labelled=labelled, versions=versions, probe=probe)[-1]

    def end_model(self, version: str = "", versions: StoredVersions | None = None) -> LocalEndModel:
        """The end model answering as a version: a digest or its beginning, `base`, or the one in service."""
        from endcloud.assembly.base import say_precision
        from endcloud.end.generation import LocalEndModel

        known = versions or self.versions
        chosen = version or known.active() or "base"
        if chosen == "base":
            return LocalEndModel(self.base, known, system=self.role)
        found = known.get(chosen)
        say_precision(self, found)
        return LocalEndModel(self.base, known, system=self.role, version=found.digest)

    def answering(self, version: str = "") -> tuple[ChatModel, str]:
        """The end model as customers meet it, in clear text, and the name of the version that answers."""
        from endcloud.privacy.masked_chat import MaskedChat

        end = self.end_model(version)
        return MaskedChat(end, self.masker), self.version_name(end.version)

    def version_name(self, digest: str) -> str:
        """How a version is called in front of people: its method and the beginning of its digest."""
        return "base" if digest == "base" else f"{self.versions.get(digest).method} {digest[:8]}"

    @property
    def sampling(self) -> Sampling:
        """How replies to customers are drawn."""
        settings = self.settings.end
        return Sampling(settings.temperature, settings.top_p, settings.max_tokens)

    def check_version(self, version: str) -> str:
        """Reads a version as the service would and checks all of it; returns its digest. Raises VersionError for one
        that is incomplete, broken, or made for another base."""
        from endcloud.assembly.base import say_precision
        from endcloud.end.residents import Residents

        digest = self.versions.get(version).digest
        Residents(self.base, self.versions, self.role, 0).prepare(digest)
        say_precision(self, self.versions.get(digest))
        return digest

    def put_into_service(self, version: str, reason: str, at: datetime | None = None) -> str:
        """Checks a version and makes it the active one; returns its digest. Raises VersionError for a broken one."""
        digest = self.check_version(version)
        self.versions.stand(digest, "active", reason, at)
        return digest

    def roll_back(self, reason: str, at: datetime | None = None) -> str:
        """Takes the active version out of service for cause; the one before it, checked, is in service again."""
        self.check_version(self.versions.previous())
        return self.versions.withdraw(reason, at)

    def describe(self, version: AdapterVersion) -> dict[str, Any]:
        """A version as one row of a list."""
        return {
            "version": version.digest,
            "method": version.method,
            "examples": len(version.examples),
            "standing": self.versions.standing(version.digest),
            "final_score": self.versions.metrics(version.digest).get("final_score"),
            "parent": version.parent or "base",
        }

    # -- 4 scoring -------------------------------------------------------------------------------------------

    @cached_property
    def scorer(self) -> DualScorer:
        """Equation 1 with the scorers that the settings name."""
        from endcloud.assembly.scorers import scorer_of

        return scorer_of(self)

    # -- the stages of `endcloud.loop` -------------------------------------------------------------------------

    def prepare(self, sources: Sequence[Path]) -> int:
        """Stage 1: the number of examples of all splits."""
        self.prepare_corpus(sources)
        return sum(len(self.examples(split)) for split in SPLITS)

    def teach(self) -> int:
        """Stage 2: the number of labels that can be learned from."""
        return self.label().labelled

    def train(self, method: str) -> AdapterVersion:
        """Stage 3 as the settings say, by one method."""
        return self.train_version(TrainingChoice(method))

    def judge(self, versions: Sequence[AdapterVersion]) -> Mapping[str, float]:
        """Stage 4: the mean final score on the test split, by digest, the base's under `base`."""
        from endcloud.assembly.judging import judge

        outcome = judge(self, [version.digest for version in versions])
        return {version: interval.mean for version, interval in outcome.final_scores().items()}

    def promote(self, version: AdapterVersion, reason: str) -> None:
        """Puts a version into service after a check."""
        self.put_into_service(version.digest, reason)

"""A customer who is forgotten is in no file and no table of the shop any more, nor in what answers its customers."""

from __future__ import annotations

import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from planted_person import BO, PHONE, RECORDED, TRACES, WAN, PlantedShop, found, opened, quote, serve_both, set_up
from typer.testing import CliRunner

from endcloud.assembly.candidates import train
from endcloud.assembly.customers import ShopCustomers, kept_of
from endcloud.assembly.forgetting import forget, must_be_trained_again, subject_in
from endcloud.assembly.ledger import verify_ledger
from endcloud.assembly.retraining import retrain
from endcloud.assembly.training import TrainingChoice
from endcloud.cli.main import app
from endcloud.errors import LockedError, NotFoundError
from endcloud.evolution.gate import Verdict
from endcloud.protocols import ProgressTask
from endcloud.store.conversations import StoredConversations
from endcloud.testing.silent_progress import SilentProgress


@pytest.fixture(scope="module")
def learned_from_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose version in service learned from the planted customer's recorded dialogues."""
    root = tmp_path_factory.mktemp("with")
    set_up(root)
    return root


@pytest.fixture(scope="module")
def never_recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose version in service knows nothing of the planted customer."""
    root = tmp_path_factory.mktemp("without")
    set_up(root, recorded=False)
    return root


def copied(prepared: Path, to: Path) -> AbstractContextManager[PlantedShop]:
    shutil.copytree(prepared, to, dirs_exist_ok=True)
    return opened(to)


def go_on(planted: PlantedShop, *left_out: str) -> str:
    """A round learns the lessons there are, and its candidate goes into service."""
    evolution = planted.evolution
    for lesson in left_out:
        evolution.lessons.reject(lesson, "test")
    round = evolution.rounds.begin("test", planted.shop.versions.active() or "base", evolution.clock.now(), 60)
    candidate = train(evolution, round).candidate
    assert candidate
    planted.shop.put_into_service(candidate, "in a test")
    evolution.rounds.end(round.number, "test", "promoted", "in a test", evolution.clock.now(), {})
    return candidate


def test_nothing_of_a_forgotten_customer_is_left(learned_from_logs: Path, tmp_path: Path) -> None:
    with copied(learned_from_logs, tmp_path) as planted:
        serve_both(planted)
        quote(planted)
        before, ids = planted.version, {one.id for one in planted.recorded()}
        second = go_on(planted)
        exported = kept_of(planted.shop, WAN)
        others = len(planted.shop.recorded()) - len(ids)
        prompts = planted.shop.ledger.holding(RECORDED[0][0])
    root = tmp_path / "shop"
    assert found(root) == set(TRACES) and len(ids) == 2 and prompts > 2, "others' prompts showed it too"
    told = CliRunner().invoke(
        app, ["customers", "forget", WAN, "--retrain", "--yes", "--json", "--shop", str(root)], catch_exceptions=False
    )
    done = json.loads(told.stdout)
    assert found(root) == set()
    with opened(tmp_path) as planted:
        shop = planted.shop
        assert set(done["retrained"]["removed"]) == {before, second} and not done["waiting"]
        assert not shop.versions.path(before).exists() and planted.version == done["retrained"]["version"] != second
        names = set(shop.versions.get(planted.version).examples)
        assert names and not names & ids and "lesson:e-c-bo" in names and "lesson:e-c-wan" not in names
        assert len(shop.recorded()) == others and len(StoredConversations(shop.database).turns("c-bo")) == 2
        assert [one.query for one in shop.reviews.all()] and (shop.directory.work / "trials").exists() is False
        [gone, proof] = shop.ledger.proofs()
        assert proof.subject == gone.subject == subject_in(shop, WAN) == done["subject"]
        assert set(proof.versions) == set(gone.versions) == {before, second} and gone.erased == {"versions": 2}
        kinds = ("turns", "memories", "feedback", "lessons", "examples", "payloads", "labels", "audits", "reviews")
        assert all(proof.erased[kind] for kind in (*kinds, "quoted replies", "choices", "hand-overs", "facts", "files"))
        checked = verify_ledger(shop)
        assert checked.whole and checked.proofs == 2
        round = planted.evolution.rounds.all()[-1]
        assert round.outcome == "promoted" and "was forgotten" in round.reason
    assert all(trace in json.dumps(exported, ensure_ascii=False) for trace in TRACES), "the export tells all of it"
    again = CliRunner().invoke(app, ["customers", "forget", WAN, "--yes", "--shop", str(root)])
    assert isinstance(again.exception, NotFoundError) and "they were forgotten on" in str(again.exception)


def test_logs_that_are_read_again_give_no_example_of_them(learned_from_logs: Path, tmp_path: Path) -> None:
    with copied(learned_from_logs, tmp_path) as planted:
        done = forget(planted.shop, WAN)
        assert done.logs == ("logs.jsonl",) and done.erased["examples"] == 2
        report = planted.shop.prepare_corpus([planted.logs])
        assert report.manifest.dropped["forgotten customer"] == 2 and planted.recorded() == []
        assert planted.shop.prepare_corpus([planted.logs]).manifest == report.manifest


def test_without_retraining_what_must_be_is_listed_and_all_goes_later(learned_from_logs: Path, tmp_path: Path) -> None:
    with copied(learned_from_logs, tmp_path) as planted:
        serve_both(planted)
        assert ShopCustomers(planted.shop).forget(WAN)["examples"] == 2
        after = go_on(planted)  # what comes from a version that must go must go as well
        waiting = {one.digest for one in must_be_trained_again(planted.shop)}
        assert waiting == {planted.version, after} == set(planted.shop.ledger.proofs()[0].versions) | {after}
        done = retrain(planted.evolution)
        assert set(done.removed) == waiting and must_be_trained_again(planted.shop) == []
        assert done.version == planted.shop.versions.active() not in waiting
        assert retrain(planted.evolution).removed == ()


def test_training_goes_on_from_the_newest_version_that_is_clean(never_recorded: Path, tmp_path: Path) -> None:
    with copied(never_recorded, tmp_path) as planted:
        serve_both(planted)
        second = go_on(planted)
        done = forget(planted.shop, WAN)
        assert done.versions == (second,) and done.logs == ()
        again = retrain(planted.evolution)
        version = planted.shop.versions.get(again.version)
        assert again.removed == (second,) and version.parent == planted.version and version.digest != planted.version
        assert "lesson:e-c-bo" in version.examples and "lesson:e-c-wan" not in version.examples


def test_where_only_they_were_learned_the_version_before_serves_again(never_recorded: Path, tmp_path: Path) -> None:
    with copied(never_recorded, tmp_path) as planted:
        serve_both(planted)
        second = go_on(planted, "lesson:e-c-bo")
        forget(planted.shop, WAN)
        again = retrain(planted.evolution)
        assert (again.version, again.removed) == (planted.version, (second,))
        assert planted.shop.versions.standing(second) == "rejected"


def test_what_is_clearly_worse_replaces_nothing(
    learned_from_logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "endcloud.evolution.gate.judge_successor", lambda *_, **__: Verdict("refuse", "Worse than the margin.", {})
    )
    with copied(learned_from_logs, tmp_path) as planted:
        forget(planted.shop, WAN)
    told = CliRunner().invoke(app, ["customers", "retrain", "--shop", str(tmp_path / "shop")], catch_exceptions=False)
    words = " ".join(told.stdout.split())
    assert told.exit_code == 1 and "was not replaced" in words and "endcloud versions promote" in words
    with opened(tmp_path) as planted:
        assert (
            planted.shop.versions.active() == planted.version and planted.shop.versions.path(planted.version).exists()
        )
        new = next(one for one in planted.shop.versions.all() if one.digest != planted.version)
        planted.shop.put_into_service(new.digest, "the owner decides")
        assert retrain(planted.evolution).removed == (planted.version,)


def test_who_is_forgotten_while_a_training_learns_them_is_not_missed(learned_from_logs: Path, tmp_path: Path) -> None:
    with copied(learned_from_logs, tmp_path) as planted:
        shop = planted.shop

        class Forgetting:
            def task(self, name: str, total: int | None, unit: str) -> AbstractContextManager[ProgressTask]:
                if name.startswith("train"):
                    forget(shop, WAN)
                return SilentProgress().task(name, total, unit)

            def say(self, sentence: str) -> None:
                """Nobody listens."""

        shop.progress = Forgetting()
        version = shop.train_version(TrainingChoice("lora", steps=5))
        assert version.digest in {one.digest for one in must_be_trained_again(shop)}


def test_nothing_is_erased_while_the_corpus_is_prepared(learned_from_logs: Path, tmp_path: Path) -> None:
    with copied(learned_from_logs, tmp_path) as planted:
        serve_both(planted)
        with planted.shop.directory.lock("corpus"), pytest.raises(LockedError):
            forget(planted.shop, WAN)
        assert len(planted.recorded()) == 2 and kept_of(planted.shop, WAN)["memories"] and kept_of(planted.shop, BO)
        assert not planted.shop.ledger.proofs() and PHONE in str(kept_of(planted.shop, WAN))

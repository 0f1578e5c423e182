"""The loop turns with the fakes that ship: no network, no GPU, no key, in under a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcloud import loop
from endcloud.errors import BudgetError, SourceError, TrainingError, VersionError
from endcloud.privacy.detection import Detector
from endcloud.privacy.guard import Guard
from endcloud.privacy.masking import ConversationMasker
from endcloud.testing.echoing_end import EchoingEnd
from endcloud.testing.memorising_trainer import MemorisingTrainer
from endcloud.testing.memory_budget import MemoryBudget
from endcloud.testing.memory_ledger import MemoryLedger
from endcloud.testing.memory_shop import MemoryShop
from endcloud.testing.memory_versions import MemoryVersions
from endcloud.testing.overlap_scorer import OverlapScorer
from endcloud.testing.scripted_cloud import ScriptedCloud
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import AdapterVersion

QUESTIONS = "满多少包邮\t不知道\n我的电话是13800138000，请回电\t好的\n"
ANSWERS = {"满多少包邮": "亲，满59元包邮哦", "我的电话是[电话_1]，请回电": "亲，我们会拨打[电话_1]哦"}


def _shop(ledger: MemoryLedger) -> tuple[MemoryShop, ScriptedCloud]:
    masker = ConversationMasker(Detector())
    cloud = ScriptedCloud(ANSWERS)
    return MemoryShop(Guard(cloud, masker, ledger), masker), cloud


def test_the_loop_turns_and_the_taught_version_serves(tmp_path: Path) -> None:
    source = tmp_path / "dialogues.tsv"
    source.write_text(QUESTIONS, encoding="utf-8")
    ledger = MemoryLedger()
    shop, cloud = _shop(ledger)

    turn = loop.run(shop, [source], ["memorising"])

    assert (turn.examples, turn.labels) == (2, 2)
    assert turn.promoted is not None
    assert shop.versions.active() == turn.promoted.digest
    assert turn.scores[turn.promoted.digest] > turn.scores["base"]
    assert [upload.outcome for upload in ledger.uploads] == ["stop", "stop"]
    assert "13800138000" not in "".join(upload.payload for upload in ledger.uploads)
    assert len(cloud.requests) == 2
    assert [label.text for label in shop.labels.rows] == list(ANSWERS.values())


def test_a_source_line_without_an_answer_is_named(tmp_path: Path) -> None:
    source = tmp_path / "bad.tsv"
    source.write_text("没有答案\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"Line 1 of 'bad.tsv'"):
        _shop(MemoryLedger())[0].prepare([source])


def test_a_budget_counts_open_reservations_and_is_never_passed() -> None:
    budget = MemoryBudget(1.0)
    first = budget.reserve(0.6, "label")
    with pytest.raises(BudgetError, match=r"0\.6 of 1"):
        budget.reserve(0.5, "label")
    budget.settle(first, 0.1)
    budget.reserve(0.9, "label")
    assert budget.spent() == pytest.approx(1.0)


def test_one_version_is_active_at_a_time() -> None:
    versions = MemoryVersions()
    for digest in ("a", "b"):
        versions.add(AdapterVersion(digest, "base", "lora", "", (), {}))
        versions.stand(digest, "active", "better")
    assert (versions.standing("a"), versions.active()) == ("retired", "b")
    with pytest.raises(VersionError, match="'c'"):
        versions.path("c")


def test_the_end_model_answers_as_the_version_asked() -> None:
    model = EchoingEnd({"v1": {"在吗": "在的"}})
    with pytest.raises(VersionError):
        model.at("v2")
    assert (model.version, model.at("v1").version) == ("base", "v1")


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(TrainingError):
        MemorisingTrainer({}, MemoryVersions()).train([], [], SilentProgress())


def test_a_pair_that_cannot_be_judged_has_no_score() -> None:
    assert OverlapScorer().score([("ab", "ab"), ("", "ab"), ("ab", "cd")]) == [1.0, None, 0.0]

"""`endcloud calibrate routes`: targets, what is picked for them, what is kept and what serving reads of it."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from endcloud.assembly import Shop
from endcloud.assembly.escalation import calibration_path, confidence_of, nearness_of
from endcloud.assembly.route_calibration import Target, calibrate_on, calibrate_routes
from endcloud.assembly.scored_exchanges import bundled_questions, is_bundled
from endcloud.bundled.wording import canonical
from endcloud.cli.profiles import make_shop
from endcloud.errors import EndcloudError, UsageError
from endcloud.scoring.trade_off import Point
from endcloud.serving.confidence import Evidence, Uncalibrated
from endcloud.serving.escalation import Calibrated
from endcloud.serving.scored_exchange import Exchange
from endcloud.store.versions import StoredVersions
from endcloud.testing.memory_versions import MemoryVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import AdapterVersion, Drawn

POINTS = [Point(0.0, 0.8, 0.2, 0.0), Point(0.1, 0.9, 0.1, 0.4), Point(0.3, 0.95, 0.02, 0.7), Point(1.0, 0.9, 0.0, 1.0)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_shop(tmp_path / "shop", "bundled")
    return tmp_path / "shop"


def exchanges(number: int = 160) -> list[Exchange]:
    draw = random.Random(0)
    made = []
    for at in range(number):
        doubt = draw.choice([0.01, 0.1, 1.5])
        drawn = tuple(Drawn(-doubt * draw.random(), 1 / doubt) for _ in range(draw.randint(3, 15)))
        right = draw.random() < (0.95 if doubt < 1 else 0.3)
        made.append(Exchange("几天到", "三天", drawn, 0.5, 0.5, right, draw.random() < 0.97, "", str(at)))
    return made


@pytest.mark.parametrize(
    ("target", "price", "share"),
    [
        ("cloud-share=0.2", 0.0, 0.1),
        ("cloud-share=0", 0.0, 0.0),
        ("cloud-share=1", 0.0, 0.3),  # more calls would make it worse
        ("cost=0.5", 0.002, 0.1),
        ("cost=0.6", 0.002, 0.3),
        ("cost=0", 0.0, 0.3),  # calls that cost nothing
        ("risk=0.15", 0.0, 0.1),
        ("risk=0", 0.0, 1.0),
    ],
)
def test_a_target_picks_the_best_threshold_that_keeps_it(target: str, price: float, share: float) -> None:
    assert Target.parse(target).pick(POINTS, price).share == share


@pytest.mark.parametrize("text", ["", "cloud-share", "cloud-share=1.2", "risk=-1", "speed=3", "cost=nan", "risk=a"])
def test_a_target_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write cloud-share="):
        Target.parse(text)


def test_what_is_calibrated_is_what_serving_reads(root: Path) -> None:
    with Shop.open(root, SilentProgress()) as shop:
        assert isinstance(confidence_of(shop), Uncalibrated)
        target = Target("cloud-share", 0.25)
        found = calibrate_on(shop, exchanges(), target, "base", "truth", held_back=4, resamples=50)
        confidence = confidence_of(shop)
        assert isinstance(confidence, Calibrated)
        assert (confidence.held_back, confidence.accept) == (found.chosen.held_back, found.chosen.point.accept)
        sure, unsure = (
            confidence.estimate(Evidence("几天到", "", (Drawn(-d, 1 / d),) * 8, False, 0.5)) for d in (0.005, 1.0)
        )
        assert sure > 0.8 > 0.6 > unsure
        assert len(confidence.early) == 5
    one = found.chosen
    assert np.mean(one.probability < one.point.accept) == pytest.approx(one.point.share) and one.point.share <= 0.25
    assert "of questions to the cloud" in found.sentence and "%" in found.sentence
    kept = json.loads((found.folder / "routes.json").read_text(encoding="utf-8"))
    assert [one["held_back"] for one in kept["expected"]] == [4] and kept["sentence"] == found.sentence
    assert {path.name for path in found.folder.iterdir()} >= {"trade-off-dark.svg", "apgr-light.png"}


def test_a_version_is_judged_as_the_one_it_was_trained_from_until_it_has_a_calibration_of_its_own(root: Path) -> None:
    files = MemoryVersions()
    for digest, parent in (("parent", ""), ("child", "parent"), ("stranger", "")):
        files.add(AdapterVersion(digest, "base", "lora", parent, (), {}))
    with Shop.open(root, SilentProgress()) as shop:
        shop.__dict__["versions"] = StoredVersions(shop.database, files)
        calibrate_on(shop, exchanges(), Target("cloud-share", 0.25), "parent", "truth", held_back=4, resamples=50)
        assert confidence_of(shop, "child") == confidence_of(shop, "parent")
        assert isinstance(confidence_of(shop, "stranger"), Uncalibrated)
        calibration_path(shop, "child").write_text("{}", encoding="utf-8")
        with pytest.raises(EndcloudError, match="endcloud calibrate routes"):
            confidence_of(shop, "child")


def test_a_damaged_calibration_is_said_not_ignored(root: Path) -> None:
    with Shop.open(root, SilentProgress()) as shop:
        path = calibration_path(shop, "base")
        path.parent.mkdir(parents=True)
        path.write_text('{"format": 1}', encoding="utf-8")
        with pytest.raises(EndcloudError, match="endcloud calibrate routes"):
            confidence_of(shop)


def test_nothing_to_judge_by_is_said_and_nothing_is_kept(root: Path) -> None:
    (root / "policies.md").write_text("- 七天无理由退货\n", encoding="utf-8")
    with Shop.open(root, SilentProgress()) as shop:
        assert not is_bundled(shop)
        with pytest.raises(UsageError, match="endcloud corpus"):
            calibrate_routes(shop, Target())
        with pytest.raises(UsageError, match="at least 20 of each"):
            calibrate_on(shop, exchanges(15), Target(), "base", "truth")
        assert not calibration_path(shop, "base").exists()
        assert nearness_of(shop)("几天到") is None


def test_the_sides_of_the_bundled_questions_have_nothing_in_common() -> None:
    fit, test = bundled_questions("fit", 500, 400), bundled_questions("test", 500, 400)
    assert len(test) >= 1000
    assert not {canonical(one.messages[-1].content) for one in fit} & {
        canonical(one.messages[-1].content) for one in test
    }
    assert len({one.id for one in fit + test}) == len(fit) + len(test)

"""The egress proof: the whole product runs with thousands of personal items inside, and none of them leaves.

Corpus, teaching, training, service with take-over, and evolution run as commands on a machine without any network but
loopback, where that can be had; every byte to the cloud is recorded, and every address that any process asks for.
`ENDCLOUD_EGRESS_SHARE` is the share of the items that takes part.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet
import pytest
from egress import guard, walk
from egress.recorder import bodies
from egress.search import held, signs
from personal.items import Item, items
from personal.kinds import PROMISED

pytestmark = pytest.mark.proof

SHARE = float(os.environ.get("ENDCLOUD_EGRESS_SHARE", "0.25"))
MINUTES = 60


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the walk through the product left."""
    folder = tmp_path_factory.mktemp("egress")
    alone = guard.alone()
    print("\nin a network namespace" if alone else "\nno network namespace here: connections are watched only")
    support = str(Path(walk.__file__).parents[1])
    environment = guard.environment(folder)
    environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], support])
    command = [*alone, sys.executable, "-m", "egress.walk", str(folder), str(SHARE), *(["alone"] if alone else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60 * MINUTES, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    return folder


def planted() -> list[Item]:
    return list(items("unseen", SHARE))


def uploaded(folder: Path) -> list[str]:
    """The text of every message that the recorded cloud was sent, each once."""
    texts: dict[str, None] = {}
    for body in bodies(folder):
        rest = {name: value for name, value in body.items() if name != "messages"}
        texts[json.dumps(rest, ensure_ascii=False)] = None
        for message in body["messages"]:  # type: ignore[attr-defined]
            texts[str(message["content"])] = None
    return list(texts)


def test_nothing_is_asked_for_but_this_machine(walked: Path) -> None:
    assert guard.elsewhere(walked) == set()


def test_no_item_of_a_fixed_shape_reaches_the_cloud_and_of_the_rest_no_more_than_published(walked: Path) -> None:
    some, texts = planted(), uploaded(walked / "masked")
    purposes = Counter(row["purpose"] for row in _uploads(walked / "shop"))
    found = held(some, texts)
    missed = Counter((item.promise, item.language, item.kind, item.disguise) for item in found)
    of_each = Counter(item.promise for item in some)
    print(f"\n{len(some)} items, {sum(purposes.values())} uploads {dict(purposes)}, {len(texts)} different messages")
    for name, count in missed.most_common():
        print(f"left: {count} × {' · '.join(name)}")
    for promise, recall in PROMISED.items():
        left = sum(item.promise == promise for item in found)
        print(f"{promise}: {left} of {of_each[promise]} left ({left / of_each[promise]:.4f}, at most {1 - recall:.2f})")
    assert {"label", "audit", "takeover"} <= set(purposes), "every purpose took part"
    assert sum("_1]" in text for text in texts) > len(some) / (2 * walk.PACK), "the items were in what left"
    for promise, recall in PROMISED.items():
        assert sum(item.promise == promise for item in found) <= (1 - recall) * of_each[promise] + 1e-9


def test_in_strict_mode_nothing_with_digits_leaves(walked: Path) -> None:
    texts = uploaded(walked / "strict")
    with_digits = [item for item in planted() if len(re.sub(r"\D", "", signs(item.value))) >= 5]
    assert len(texts) > 50
    assert [item.kind for item in held(with_digits, texts)] == []


@pytest.mark.parametrize("what", ["printed", "answered"])
def test_what_is_printed_logged_measured_or_refused_holds_none(walked: Path, what: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted((walked / what).iterdir())]
    assert sum(map(len, texts)) > 1_000
    _none_promised(texts)


def test_data_sets_cards_and_manifests_hold_none(walked: Path) -> None:
    """Every file of the shop but the store, where customers' words are kept, and the logs that were given to it."""
    texts = dict(_files(walked / "shop"))
    assert any(name.endswith("README.md") for name in texts) and any(name.endswith(".parquet") for name in texts)
    _none_promised(list(texts.values()))


def _none_promised(texts: Sequence[str]) -> None:
    some = planted()
    found = held(some, texts)
    assert [(item.kind, item.disguise) for item in found if item.promise == "fixed"] == []
    for promise, recall in PROMISED.items():
        of_each = sum(item.promise == promise for item in some)
        assert sum(item.promise == promise for item in found) <= (1 - recall) * of_each + 1e-9


def _files(shop: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(shop.rglob("*")):
        if not path.is_file() or path.name.startswith("store.db") or path.name == "dialogues.jsonl":
            continue
        if path.suffix == ".parquet":
            yield str(path), json.dumps(pyarrow.parquet.read_table(path).to_pylist(), ensure_ascii=False, default=str)
        elif path.suffix != ".safetensors":
            yield str(path), path.read_bytes().decode("utf-8", "replace")


def _uploads(shop: Path) -> list[dict[str, str]]:
    told = subprocess.run(
        [sys.executable, "-c", "from endcloud.cli.main import main; main()", "ledger", "export"],
        cwd=shop, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [row for row in map(json.loads, told.splitlines()) if row["event"] == "sent"]

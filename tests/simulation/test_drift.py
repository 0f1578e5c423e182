"""The shop changes, and its truth with it."""

from pathlib import Path

import pytest

from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge
from endcloud.cloud.catalogue import read_catalogue
from endcloud.simulation.drift import EDITS, NEW_PRODUCTS, Drift, catalogue


@pytest.fixture(scope="module")
def drift() -> Drift:
    return Drift.of(load_shop())


def test_the_edit_changes_four_lines_and_makes_the_old_replies_of_four_intents_wrong(drift: Drift) -> None:
    before, after = drift.before.policies().splitlines(), drift.edited.policies().splitlines()
    assert sum(one != other for one, other in zip(before, after, strict=True)) == len(EDITS) == 4
    assert drift.changed_intents == set(EDITS)
    for name in EDITS:
        intent = drift.before.intents[name]
        old = [judge(drift.edited.meaning(intent, "", ""), reply).right for reply in drift.before.replies(intent)]
        assert not any(old), f"an old reply to {name} is still right"


def test_every_reply_of_the_shop_is_right_after_each_change(drift: Drift) -> None:
    for shop in (drift.before, drift.edited, drift.extended):
        for intent in shop.intents.values():
            for row in shop.rows(intent):
                for reply in shop.replies(intent, row):
                    assert judge(shop.meaning(intent, row, ""), reply).right, reply


def test_what_did_not_change_keeps_its_old_truth(drift: Drift) -> None:
    for intent in drift.before.intents.values():
        if intent.name not in drift.changed_intents:
            for row in drift.before.rows(intent):
                for reply in drift.before.replies(intent, row):
                    assert judge(drift.extended.meaning(intent, row, ""), reply).right, reply


def test_the_new_line_stands_in_the_catalogue_with_the_values_that_the_truth_knows(
    drift: Drift, tmp_path: Path
) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text(catalogue(drift.edited, NEW_PRODUCTS), encoding="utf-8")
    rows = {row.columns["名称"]: row.columns for row in read_catalogue(path).rows}
    assert set(rows) == set(drift.extended.slots["product"].here)
    for name in NEW_PRODUCTS:
        assert rows[name]["价格"] == f"{drift.extended.values['price'].at(name)}元"
        assert rows[name]["材质"] == drift.extended.values["material"].at(name)
        assert drift.matter(drift.extended.intents["price"], name) == "new"


def test_new_values_are_no_values_of_another_shop(drift: Drift) -> None:
    """The base was pre-trained on other shops; what it met there it would not have to learn."""
    for name, text in EDITS.items():
        assert text not in drift.before.values[name].elsewhere
    for facts in NEW_PRODUCTS.values():
        for name in ("price", "material", "size"):
            assert facts[name] not in drift.before.values[name].elsewhere

"""A shop without logs: rules, products and an FAQ are enough to be labelled and trained."""

from pathlib import Path

import pytest

from endcloud.cloud.cold_start import cold_start
from endcloud.cloud.exemplars import Exemplars
from endcloud.cloud.policies import Policies, read_policies
from endcloud.errors import SourceError
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker

MASKER = ConversationMasker(Detector())


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    catalogue, faq = tmp_path / "catalogue.csv", tmp_path / "faq.csv"
    catalogue.write_text(
        "名称,别名,价格,材质,货号,说明\n云棉毛巾,方巾,12元,纯棉,YX-1," + "长" * 300 + "\n暖阳毯,,99元,珊瑚绒,YX-2,\n",
        "utf-8-sig",
    )
    faq.write_text("问题\t答案\n你们几点下班\t客服在线到22点哦\n怎么联系店长\t请打13800138000\n", "utf-8")
    return [catalogue, faq]


def test_what_the_owner_has_becomes_examples(sources: list[Path]) -> None:
    start = cold_start(sources, Policies(["满59元包邮，不满收8元运费。"]), masker=MASKER)
    said = {e.query: e.reply for e in start.examples}
    assert start.read == {"products": 2, "faq": 2, "rules": 1} and [row.name for row in start.catalogue.rows] == [
        "云棉毛巾",
        "暖阳毯",
    ]
    assert said["方巾多少钱"] == said["云棉毛巾怎么卖"] == "亲，云棉毛巾的价格是12元。"
    assert said["暖阳毯是什么材质的"] == "亲，暖阳毯的材质是珊瑚绒。"
    assert said["满多少元包邮"] == "满59元包邮，不满收8元运费。" and said["你们几点下班"] == "客服在线到22点哦"
    assert not any("YX-1" in reply or "长长" in reply for reply in said.values())


def test_the_examples_have_all_splits_and_can_stand_in_a_prompt(sources: list[Path]) -> None:
    start = cold_start(sources, Policies(["满59元包邮。", "签收后7天内可以退货。"]), masker=MASKER)
    assert {e.split for e in start.examples} == {"train", "validation", "test"}
    assert len({e.id for e in start.examples}) == len({e.query for e in start.examples}) == len(start.examples)
    assert (
        start.examples
        == cold_start(sources, Policies(["满59元包邮。", "签收后7天内可以退货。"]), masker=MASKER).examples
    )
    exemplars = Exemplars(start.examples, mode="mixed", pairs=8, nearest=2)
    assert all(choice.block for choice in exemplars.choose(start.examples))


def test_personal_data_is_masked_as_on_ingest(sources: list[Path]) -> None:
    found = [e for e in cold_start(sources, Policies(), masker=MASKER).examples if "店长" in e.query]
    assert found and all("13800138000" not in e.reply and e.excluded == "unrestorable" for e in found)


def test_a_file_that_is_neither_is_named_with_its_columns(tmp_path: Path) -> None:
    strange = tmp_path / "strange.csv"
    strange.write_text("甲,乙\n1,2\n", "utf-8")
    with pytest.raises(SourceError, match=r"strange\.csv.*甲, 乙"):
        cold_start([strange], Policies(), masker=MASKER)
    with pytest.raises(SourceError, match="cannot be read"):
        cold_start([tmp_path / "missing.csv"], Policies(), masker=MASKER)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(SourceError, match="has no row"):
        cold_start([tmp_path / "empty.csv"], Policies(), masker=MASKER)
    with pytest.raises(SourceError, match="Nothing to begin with"):
        cold_start([], Policies(), masker=MASKER)


def test_policies_are_lines_without_their_markup(tmp_path: Path) -> None:
    file = tmp_path / "policies.md"
    file.write_text(
        "# 规则\n\n<!-- 说明\n- 不是规则 -->\n- 满59元包邮。\n1. 7天退货。\n> 引用\n* 48小时发货。\n", "utf-8"
    )
    assert read_policies(file).lines == ("满59元包邮。", "7天退货。", "48小时发货。")
    with pytest.raises(SourceError):
        read_policies(tmp_path / "missing.md")


def test_near_lines_are_judged_one_by_one() -> None:
    rules = Policies(["满59元包邮。", "运费险我们送。", "签收后7天可以退货。"])
    assert rules.near("退货要运费吗") == ("运费险我们送。", "签收后7天可以退货。")
    assert rules.near("嗯嗯") == rules.lines, "where nothing is near, everything is"
    assert rules.agree("几天可以退货", "签收后7天内都能退货") and not rules.agree(
        "几天可以退货", "签收后15天内都能退货"
    )
    assert rules.agree("有几家店", "我们有4家店")

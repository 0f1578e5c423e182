"""BLEU-4, ROUGE-L and chrF on Chinese, against hand-counted and sacrebleu's own figures."""

from __future__ import annotations

import pytest
import sacrebleu

from endcloud.scoring.overlap import overlap, rouge_l, signatures, tokens


def test_equal_texts_are_1_and_strangers_0() -> None:
    same = overlap("满59元包邮哦", "满59元包邮哦")
    assert (same.bleu4, same.rouge_l, same.chrf) == (1.0, 1.0, 1.0)
    other = overlap("退货", "明天发出")
    assert (other.rouge_l, other.chrf) == (0.0, 0.0)


def test_hanzi_stand_alone_and_numbers_whole() -> None:
    assert tokens("满59元free shipping") == ["满", "59", "元", "free", "shipping"]


def test_rouge_l_is_the_f1_of_the_longest_common_subsequence() -> None:
    # 满 59 元 包 邮 (5) and 满 99 元 就 包 邮 (6) share 满 元 包 邮: 2·4 / 11
    assert rouge_l("满59元包邮", "满99元就包邮") == pytest.approx(8 / 11)


def test_figures_are_sacrebleus() -> None:
    ours, theirs = "亲，满59元包邮哦", "亲，满99元就包邮呢"
    found = overlap(ours, theirs)
    assert found.bleu4 == pytest.approx(
        sacrebleu.sentence_bleu(ours, [theirs], tokenize="zh", use_effective_order=True).score / 100
    )
    assert found.chrf == pytest.approx(sacrebleu.sentence_chrf(ours, [theirs]).score / 100)
    assert "tok:zh" in signatures()[0]


def test_an_empty_reply_overlaps_with_nothing() -> None:
    empty = overlap("", "满59元包邮")
    assert (empty.bleu4, empty.rouge_l, empty.chrf) == (0.0, 0.0, 0.0)

"""Scorers from local model directories: right range, one sigmoid, named by content. The models are tiny and random."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

from endcloud.errors import ModelError
from endcloud.scoring.relevance import CrossEncoderRelevance
from endcloud.scoring.similarity import SentenceSimilarity

SIGNS = "满五十九元包邮吗可以退货天发"
PAIRS = [("包邮吗", "满五十九元包邮"), ("可以退吗", "十五天可以退货"), ("发货", "满元")]


def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {sign: i for i, sign in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(SIGNS)])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    core.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def shape(labels: int = 1) -> BertConfig:
    return BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=labels,
    )  # fmt: skip


def plain(directory: Path, labels: int) -> Path:
    torch.manual_seed(labels)
    model = BertForSequenceClassification(shape(labels))
    torch.nn.init.normal_(model.classifier.weight, std=3.0)
    torch.nn.init.constant_(model.classifier.bias, -2.0)
    model.save_pretrained(directory)
    tokenizer().save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def bi_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    inner = tmp_path_factory.mktemp("bert")
    BertModel(shape()).save_pretrained(inner)
    tokenizer().save_pretrained(inner)
    directory = tmp_path_factory.mktemp("bi") / "tiny-similarity"
    transformer = Transformer(str(inner))
    SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu").save(str(directory))
    return directory


def test_similarity_is_the_cosine_clamped(bi_encoder: Path) -> None:
    scorer = SentenceSimilarity(bi_encoder, device="cpu")
    model = SentenceTransformer(str(bi_encoder), device="cpu")
    vectors = model.encode([text for pair in PAIRS for text in pair], normalize_embeddings=True)
    wanted = [max(0.0, float(vectors[2 * i] @ vectors[2 * i + 1])) for i in range(len(PAIRS))]
    assert scorer.score(PAIRS) == pytest.approx(wanted, abs=1e-6)
    assert scorer.range == (0.0, 1.0)
    assert scorer.name == "tiny-similarity"


def test_equal_texts_are_1_and_silence_is_0(bi_encoder: Path) -> None:
    scorer = SentenceSimilarity(bi_encoder, device="cpu")
    assert scorer.score([("满元", "满元"), ("满元", " ")]) == [pytest.approx(1.0, abs=1e-6), 0.0]
    assert scorer.score([]) == []


def test_a_single_logit_is_squashed_once(tmp_path: Path) -> None:
    directory = plain(tmp_path / "logit", labels=1)
    logits = CrossEncoder(str(directory), device="cpu").predict(PAIRS, activation_fn=torch.nn.Identity())
    found = CrossEncoderRelevance(directory, device="cpu").score(PAIRS)
    assert found == pytest.approx([float(torch.sigmoid(torch.tensor(logit))) for logit in logits], abs=1e-6)
    assert all(value is not None and value < 0.5 for value in found)  # a second sigmoid gives 0.5 to 0.73


@pytest.mark.parametrize("saved", [torch.nn.Identity(), torch.nn.Sigmoid()])
def test_the_activation_saved_with_a_model_changes_nothing(tmp_path: Path, saved: torch.nn.Module) -> None:
    bare = plain(tmp_path / "bare", labels=1)
    CrossEncoder(str(bare), device="cpu", activation_fn=saved).save(str(tmp_path / "saved"))
    wanted = CrossEncoderRelevance(bare, device="cpu").score(PAIRS)
    assert CrossEncoderRelevance(tmp_path / "saved", device="cpu").score(PAIRS) == pytest.approx(wanted, abs=1e-6)


def test_of_two_classes_the_second_is_relevance(tmp_path: Path) -> None:
    directory = plain(tmp_path / "two", labels=2)
    logits = CrossEncoder(str(directory), device="cpu").predict(PAIRS, convert_to_tensor=True)
    wanted = torch.softmax(logits, dim=1)[:, 1].tolist()
    assert CrossEncoderRelevance(directory, device="cpu").score(PAIRS) == pytest.approx(wanted, abs=1e-6)


def test_the_order_of_pairs_is_kept_and_repeats_agree(tmp_path: Path) -> None:
    scorer = CrossEncoderRelevance(plain(tmp_path / "order", labels=1), device="cpu")
    once = scorer.score(PAIRS)
    again = scorer.score([*reversed(PAIRS), PAIRS[0], ("", "满元")])
    assert again[:3] == pytest.approx(list(reversed(once)), abs=1e-6)
    assert again[3] == again[2]
    assert again[4] == 0.0


def test_three_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has 3 outputs"):
        CrossEncoderRelevance(plain(tmp_path / "three", labels=3), device="cpu")


def test_the_digest_follows_the_content_not_the_place(bi_encoder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(bi_encoder, tmp_path / "moved")
    before = SentenceSimilarity(bi_encoder, device="cpu").digest
    moved.joinpath("README.md").write_text("other words", encoding="utf-8")
    assert SentenceSimilarity(moved, device="cpu").digest == before
    config = moved / "config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert SentenceSimilarity(moved, device="cpu").digest != before


@pytest.mark.parametrize("scorer", [SentenceSimilarity, CrossEncoderRelevance])
def test_what_is_no_model_is_refused_without_asking_a_hub(scorer: type, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a directory"):
        scorer(tmp_path / "BAAI" / "bge-small-zh")
    with pytest.raises(ModelError, match=r"neither config\.json nor modules\.json"):
        scorer(tmp_path)
    tmp_path.joinpath("config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be loaded"):
        scorer(tmp_path)

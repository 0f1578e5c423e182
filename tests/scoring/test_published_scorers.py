"""SimBERT's and RocketQA's published formats, written here byte by byte by writers of their own, and read back.

No published weights are at hand: the checkpoints are small and random, in the published layouts and names.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from endcloud.errors import ModelError
from endcloud.scoring.published.paddle_parameters import read_parameter
from endcloud.scoring.published.rocketqa import import_rocketqa
from endcloud.scoring.published.simbert import import_simbert
from endcloud.scoring.published.tensorflow_checkpoint import TensorFlowCheckpoint
from endcloud.scoring.relevance import CrossEncoderRelevance
from endcloud.scoring.scorer_kinds import choose
from endcloud.scoring.similarity import SentenceSimilarity
from endcloud.testing.silent_progress import SilentProgress

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys("满五十九元包邮吗可以退货天发亲您好")]
HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 16, 2, 2, 64, 48
Arrays = dict[str, np.ndarray]


# -- an independent writer of TensorFlow's checkpoint format -----------------------------------------------------


def number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def crc32c(data: bytes) -> int:
    """Bit by bit, as the polynomial is defined; then LevelDB's mask."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def block(entries: list[tuple[bytes, bytes]], restart_every: int) -> bytes:
    out, restarts, last = bytearray(), [], b""
    for index, (key, value) in enumerate(entries):
        shared = 0
        if index % restart_every == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(last), len(key)) and last[shared] == key[shared]:
                shared += 1
        out += number(shared) + number(len(key) - shared) + number(len(value)) + key[shared:] + value
        last = key
    for restart in restarts:
        out += struct.pack("<I", restart)
    return bytes(out + struct.pack("<I", len(restarts)))


def write_tensorflow(prefix: Path, arrays: Mapping[str, np.ndarray], entries_a_block: int = 7) -> None:
    data = bytearray()
    table: list[tuple[bytes, bytes]] = [(b"", b"\x08\x01\x1a\x02\x08\x01")]  # one shard, little-endian, version 1
    for name in sorted(arrays):
        raw = arrays[name].tobytes()
        shape = b"".join(
            b"\x12" + number(len(size)) + size for d in arrays[name].shape for size in [b"\x08" + number(d)]
        )
        entry = b"\x08" + number({"f4": 1, "i8": 9}[arrays[name].dtype.str[1:]])
        entry += b"\x12" + number(len(shape)) + shape
        if data:
            entry += b"\x20" + number(len(data))
        entry += b"\x28" + number(len(raw)) + b"\x35" + struct.pack("<I", crc32c(raw))
        table.append((name.encode(), entry))
        data += raw
    file = bytearray()

    def put(content: bytes) -> bytes:
        handle = number(len(file)) + number(len(content))
        file.extend(content + b"\x00" + struct.pack("<I", crc32c(content + b"\x00")))
        return handle

    index = [
        (table[start : start + entries_a_block][-1][0], put(block(table[start : start + entries_a_block], 3)))
        for start in range(0, len(table), entries_a_block)
    ]
    handles = put(block([], 1)) + put(block(index, 1))
    file += handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    prefix.with_name(prefix.name + ".index").write_bytes(file)
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)


# -- an independent writer of PaddlePaddle's parameter files -----------------------------------------------------


def write_paddle(path: Path, array: np.ndarray, *, packed: bool = False, levels: int = 0) -> None:
    if packed:
        sizes = b"".join(number(d) for d in array.shape)
        description = b"\x08\x05\x12" + number(len(sizes)) + sizes
    else:
        description = b"\x08\x05" + b"".join(b"\x10" + number(d) for d in array.shape)
    level = struct.pack("<QQQ", 16, 0, 1)
    head = struct.pack("<IQ", 0, levels) + level * levels + struct.pack("<Ii", 0, len(description)) + description
    path.write_bytes(head + array.astype("<f4").tobytes())


# -- BERT's forward pass, stated plainly -------------------------------------------------------------------------


def layer_norm(x: np.ndarray, scale: np.ndarray, bias: np.ndarray, eps: float) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * scale + bias


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + torch.erf(torch.from_numpy(x) / 2**0.5).numpy())


def ernie(p: Arrays, ids: list[int], segments: list[int], eps: float, activation: object, prefix: str) -> np.ndarray:
    """[CLS] after the last layer, with PaddlePaddle's names and (in, out) matrices, in float64."""

    def get(name: str) -> np.ndarray:
        return p[prefix + name].astype(np.float64)

    x = get("word_embedding")[ids] + get("pos_embedding")[: len(ids)] + get("sent_embedding")[segments]
    if prefix + "task_embedding" in p:
        x = x + get("task_embedding")[0]
    x = layer_norm(x, get("pre_encoder_layer_norm_scale"), get("pre_encoder_layer_norm_bias"), eps)
    for i in range(LAYERS):
        at = f"encoder_layer_{i}_"

        def dense(y: np.ndarray, name: str, at: str = at) -> np.ndarray:
            return y @ get(f"{at}{name}.w_0") + get(f"{at}{name}.b_0")

        q, k, v = (
            dense(x, f"multi_head_att_{w}_fc").reshape(len(ids), HEADS, -1).transpose(1, 0, 2)
            for w in ("query", "key", "value")
        )
        seen = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(HIDDEN / HEADS)) @ v
        y = dense(seen.transpose(1, 0, 2).reshape(len(ids), HIDDEN), "multi_head_att_output_fc")
        x = layer_norm(x + y, get(at + "post_att_layer_norm_scale"), get(at + "post_att_layer_norm_bias"), eps)
        y = dense(activation(dense(x, "ffn_fc_0")), "ffn_fc_1")  # type: ignore[operator]
        x = layer_norm(x + y, get(at + "post_ffn_layer_norm_scale"), get(at + "post_ffn_layer_norm_bias"), eps)
    return x[0]


def random_ernie(prefix: str = "", segments: int = 2, task: bool = False) -> Arrays:
    rng = np.random.default_rng(3)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype("<f4")

    p = {
        "word_embedding": some(len(WORDS) + 2, HIDDEN),
        "pos_embedding": some(POSITIONS, HIDDEN),
        "sent_embedding": some(segments, HIDDEN),
        "pre_encoder_layer_norm_scale": 1 + some(HIDDEN),
        "pre_encoder_layer_norm_bias": some(HIDDEN),
    }
    if task:
        p["task_embedding"] = some(3, HIDDEN)
    for i in range(LAYERS):
        sizes = {f"multi_head_att_{w}_fc": (HIDDEN, HIDDEN) for w in ("query", "key", "value", "output")}
        for name, (rows, columns) in {**sizes, "ffn_fc_0": (HIDDEN, INNER), "ffn_fc_1": (INNER, HIDDEN)}.items():
            p[f"encoder_layer_{i}_{name}.w_0"] = some(rows, columns)
            p[f"encoder_layer_{i}_{name}.b_0"] = some(columns)
        for name in ("post_att", "post_ffn"):
            p[f"encoder_layer_{i}_{name}_layer_norm_scale"] = 1 + some(HIDDEN)
            p[f"encoder_layer_{i}_{name}_layer_norm_bias"] = some(HIDDEN)
    return {prefix + name: array for name, array in p.items()} | {
        "pooled_fc.w_0": some(HIDDEN, HIDDEN),
        "pooled_fc.b_0": some(HIDDEN),
    }


def ids_of(*texts: str) -> tuple[list[int], list[int]]:
    """[CLS] first [SEP] second [SEP], a character a word."""
    ids, segments = [2], [0]
    for index, text in enumerate(texts):
        more = [WORDS.index(sign) for sign in text] + [3]
        ids += more
        segments += [index] * len(more)
    return ids, segments


# -- SimBERT -----------------------------------------------------------------------------------------------------


def tensorflow_names(p: Arrays) -> Arrays:
    """The same random encoder by BERT's TensorFlow names, with what a checkpoint holds beside it."""
    own = {"word_embedding": "embeddings/word_embeddings", "pos_embedding": "embeddings/position_embeddings",
           "sent_embedding": "embeddings/token_type_embeddings",
           "pre_encoder_layer_norm_scale": "embeddings/LayerNorm/gamma",
           "pre_encoder_layer_norm_bias": "embeddings/LayerNorm/beta",
           "pooled_fc.w_0": "pooler/dense/kernel", "pooled_fc.b_0": "pooler/dense/bias"}  # fmt: skip
    parts = {"multi_head_att_query_fc": "attention/self/query", "multi_head_att_key_fc": "attention/self/key",
             "multi_head_att_value_fc": "attention/self/value", "multi_head_att_output_fc": "attention/output/dense",
             "ffn_fc_0": "intermediate/dense", "ffn_fc_1": "output/dense"}  # fmt: skip
    for i in range(LAYERS):
        for theirs, bert in parts.items():
            own[f"encoder_layer_{i}_{theirs}.w_0"] = f"encoder/layer_{i}/{bert}/kernel"
            own[f"encoder_layer_{i}_{theirs}.b_0"] = f"encoder/layer_{i}/{bert}/bias"
        for theirs, bert in (("post_att", "attention/output"), ("post_ffn", "output")):
            own[f"encoder_layer_{i}_{theirs}_layer_norm_scale"] = f"encoder/layer_{i}/{bert}/LayerNorm/gamma"
            own[f"encoder_layer_{i}_{theirs}_layer_norm_bias"] = f"encoder/layer_{i}/{bert}/LayerNorm/beta"
    rest = {"cls/predictions/output_bias": np.zeros(4, "<f4"), "global_step": np.array(7, "<i8")}
    return {f"bert/{own[name]}": array for name, array in p.items()} | rest


def write_simbert(directory: Path, arrays: Arrays) -> Path:
    directory.mkdir()
    write_tensorflow(directory / "bert_model.ckpt", arrays)
    directory.joinpath("vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    config = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "hidden_act": "gelu",
              "intermediate_size": INNER, "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
              "vocab_size": len(WORDS) + 2, "directionality": "bidi"}  # fmt: skip
    directory.joinpath("bert_config.json").write_text(json.dumps(config), encoding="utf-8")
    return directory


def test_simbert_is_cls_through_the_linear_pooler(tmp_path: Path) -> None:
    p = random_ernie()
    source = write_simbert(tmp_path / "chinese_simbert", tensorflow_names(p))
    imported = import_simbert(source, tmp_path / "simbert", SilentProgress())
    assert imported.left_out == ("cls/predictions/output_bias", "global_step")

    def vector(text: str) -> np.ndarray:
        ids, segments = ids_of(text)
        pooled = ernie(p, ids, segments, 1e-12, gelu, "") @ p["pooled_fc.w_0"] + p["pooled_fc.b_0"]
        return pooled / np.linalg.norm(pooled)

    pairs = [("满五十九元包邮", "包邮吗"), ("可以退货", "您好亲"), ("发货", "五十天")]
    wanted = [max(0.0, float(vector(a) @ vector(b))) for a, b in pairs]
    choice = choose(str(tmp_path / "simbert"), "similarity")
    assert choice.kind == "simbert"
    scorer = SentenceSimilarity(choice.directory, kind="simbert")
    assert scorer.score(pairs) == pytest.approx(wanted, abs=1e-5)
    assert scorer.range == (0.0, 1.0) and len(scorer.digest) == 64
    assert scorer.remarks() == []


def test_simbert_reads_32_tokens_and_counts_what_it_cuts(tmp_path: Path) -> None:
    import_simbert(
        write_simbert(tmp_path / "source", tensorflow_names(random_ernie())), tmp_path / "to", SilentProgress()
    )
    scorer = SentenceSimilarity(tmp_path / "to", kind="simbert")
    fits, long = "满" * 30, "满" * 30 + "退货" * 4
    assert scorer.score([(fits, long)]) == [pytest.approx(1.0, abs=1e-6)]  # the rest was not read
    assert scorer.score([(fits, long), ("包邮", fits)])[0] == pytest.approx(1.0, abs=1e-6)
    assert scorer.remarks() == ["to reads 32 tokens of a text: 1 of 3 texts (33.3%) were cut there."]
    longer = SentenceSimilarity(tmp_path / "to", kind="simbert", tokens=48).score([(fits, long)])[0]
    assert longer is not None and longer < 0.9999


def test_an_import_is_whole_or_not_there(tmp_path: Path) -> None:
    arrays = tensorflow_names(random_ernie())
    del arrays["bert/pooler/dense/kernel"]
    source = write_simbert(tmp_path / "source", arrays)
    with pytest.raises(ModelError, match=r"lacks pooler\.dense\.weight"):
        import_simbert(source, tmp_path / "to", SilentProgress())
    assert not (tmp_path / "to").exists()
    whole = write_simbert(tmp_path / "whole", tensorflow_names(random_ernie()))
    first = import_simbert(whole, tmp_path / "to", SilentProgress())
    assert import_simbert(whole, tmp_path / "to", SilentProgress()) == first
    with pytest.raises(ModelError, match="exists and holds something else"):
        import_simbert(whole, source, SilentProgress())
    with pytest.raises(ModelError, match="is not a directory"):
        import_simbert(tmp_path / "nowhere", tmp_path / "other", SilentProgress())


def test_a_changed_byte_of_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    source = write_simbert(tmp_path / "source", tensorflow_names(random_ernie()))
    for name in ("bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"):
        path = source / name
        kept = path.read_bytes()
        for place in (0, len(kept) // 3, len(kept) // 2):
            changed = bytearray(kept)
            changed[place] ^= 4
            path.write_bytes(changed)
            with pytest.raises(ModelError):
                import_simbert(source, tmp_path / "to", SilentProgress())
        path.write_bytes(kept[:-60])
        with pytest.raises(ModelError):
            import_simbert(source, tmp_path / "to", SilentProgress())
        path.write_bytes(kept)


@pytest.mark.parametrize("entries", [1, 2, 50])
def test_a_checkpoint_of_any_number_of_blocks_is_read(tmp_path: Path, entries: int) -> None:
    arrays = tensorflow_names(random_ernie())
    write_tensorflow(tmp_path / "model", arrays, entries)
    checkpoint = TensorFlowCheckpoint(tmp_path / "model")
    assert set(checkpoint.entries) == set(arrays)
    for name, array in arrays.items():
        assert np.array_equal(checkpoint.tensor(name).numpy(), array)


# -- RocketQA ----------------------------------------------------------------------------------------------------


def write_rocketqa(directory: Path, arrays: Arrays, *, packed: bool = False, **stated: object) -> Path:
    parameters = directory / "params"
    parameters.mkdir(parents=True)
    for name, array in arrays.items():
        write_paddle(parameters / name, array, packed=packed)
    vocabulary = "".join(f"{word}\t{index}\n" for index, word in enumerate(WORDS))
    directory.joinpath("zh_vocab.txt").write_text(vocabulary, encoding="utf-8")
    ernie_config = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
                    "hidden_act": "relu", "vocab_size": len(WORDS) + 2, "max_position_embeddings": POSITIONS,
                    "type_vocab_size": 2}  # fmt: skip
    directory.joinpath("zh_config.json").write_text(json.dumps(ernie_config), encoding="utf-8")
    config = {"model_type": "cross_encoder", "max_seq_len": 40, "model_conf_path": "zh_config.json",
              "model_vocab_path": "zh_vocab.txt", "model_checkpoint_path": "params/", "for_cn": True}  # fmt: skip
    directory.joinpath("config.json").write_text(json.dumps(config | stated), encoding="utf-8")
    return directory


PAIRS = [("包邮吗", "满五十九元包邮"), ("可以退吗", "五十天可以退货"), ("发 货", "您好亲")]


@pytest.mark.parametrize("task", [False, True])
def test_the_two_class_head_is_softmax_column_1(tmp_path: Path, task: bool) -> None:
    rng = np.random.default_rng(4)
    head = {"_cls_out_w": rng.normal(0, 1, (HIDDEN, 2)).astype("<f4"), "_cls_out_b": np.array([0.3, -0.2], "<f4")}
    p = random_ernie(task=task)
    source = write_rocketqa(tmp_path / "zh_dureader_ce", p | head, packed=task)
    imported = import_rocketqa(source, tmp_path / "to", SilentProgress())
    assert imported.head == "two classes"

    def wanted(query: str, reply: str) -> float:
        cls = ernie(p, *ids_of(query.replace(" ", ""), reply), 1e-5, relu, "")
        pooled = np.tanh(cls @ p["pooled_fc.w_0"] + p["pooled_fc.b_0"])
        return float(softmax(pooled @ head["_cls_out_w"] + head["_cls_out_b"])[1])

    choice = choose(str(tmp_path / "to"), "relevance")
    assert choice.kind == "rocketqa"
    found = CrossEncoderRelevance(choice.directory, kind="rocketqa").score(PAIRS)
    assert found == pytest.approx([wanted(*pair) for pair in PAIRS], abs=1e-5)


def test_the_joint_training_logit_is_squashed_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    head = {"qtp__cls_out_w": rng.normal(0, 1, (HIDDEN, 1)).astype("<f4"), "qtp__cls_out_b": np.array([-3.0], "<f4")}
    p = random_ernie("qtp_")
    other = {"para_word_embedding": np.zeros((3, 3), "<f4")}  # the dual encoder trained beside it
    source = write_rocketqa(tmp_path / "zh_dureader_ce_v2", p | head | other, joint_training=1)
    imported = import_rocketqa(source, tmp_path / "to", SilentProgress())
    assert imported.head == "joint training"
    assert "para_word_embedding" in imported.left_out and "pooled_fc.w_0" in imported.left_out

    def logit(query: str, reply: str) -> float:
        cls = ernie(p, *ids_of(query.replace(" ", ""), reply), 1e-5, relu, "qtp_")
        return float((cls @ head["qtp__cls_out_w"] + head["qtp__cls_out_b"])[0])

    scorer = CrossEncoderRelevance(tmp_path / "to", kind="rocketqa")
    logits = [logit(*pair) for pair in PAIRS]
    assert scorer.score(PAIRS) == pytest.approx([1 / (1 + np.exp(-one)) for one in logits], abs=1e-5)
    assert scorer.range == (0.0, 1.0)


def test_a_long_pair_loses_the_end_of_its_longer_side(tmp_path: Path) -> None:
    head = {"_cls_out_w": np.ones((HIDDEN, 2), "<f4"), "_cls_out_b": np.zeros(2, "<f4")}
    import_rocketqa(write_rocketqa(tmp_path / "from", random_ernie() | head), tmp_path / "to", SilentProgress())
    scorer = CrossEncoderRelevance(tmp_path / "to", kind="rocketqa")
    kept = "退货" * 16 + "发"  # 40 tokens with the query and three marks
    first, second = scorer.score([("包邮吗亲", kept), ("包邮吗亲", kept + "您好")])
    assert first == pytest.approx(second, abs=1e-6)
    assert scorer.remarks() == ["to: 1 of 2 pairs (50.0%) were cut to fit."]


def test_what_a_rocketqa_directory_lacks_is_named(tmp_path: Path) -> None:
    source = write_rocketqa(tmp_path / "dual", random_ernie())
    with pytest.raises(ModelError, match="has no classifier"):
        import_rocketqa(source, tmp_path / "to", SilentProgress())
    head = {"_cls_out_w": np.ones((HIDDEN, 2), "<f4"), "_cls_out_b": np.zeros(2, "<f4")}
    p = random_ernie() | head
    p["encoder_layer_1_ffn_fc_1.w_0"] = p["encoder_layer_1_ffn_fc_1.w_0"][:, :7]
    with pytest.raises(ModelError, match=r"layer\.1\.output\.dense\.weight is \[7, 64\], not \[16, 64\]"):
        import_rocketqa(write_rocketqa(tmp_path / "bent", p), tmp_path / "to", SilentProgress())
    (source / "params" / "_cls_out_w").write_bytes(b"text")
    with pytest.raises(ModelError, match="is no parameter file of PaddlePaddle"):
        import_rocketqa(source, tmp_path / "to", SilentProgress())
    (source / "zh_config.json").unlink()
    with pytest.raises(ModelError, match=r"zh_config\.json.* cannot be read"):
        import_rocketqa(source, tmp_path / "to", SilentProgress())


@pytest.mark.parametrize(("packed", "levels"), [(False, 0), (True, 0), (False, 2)])
def test_a_paddle_parameter_is_read_bit_for_bit(tmp_path: Path, packed: bool, levels: int) -> None:
    array = np.random.default_rng(1).normal(size=(300, 5)).astype("<f4")
    write_paddle(tmp_path / "w", array, packed=packed, levels=levels)
    assert np.array_equal(read_parameter(tmp_path / "w").numpy(), array)
    whole = (tmp_path / "w").read_bytes()
    for cut in (0, 3, 11, 17, 40, len(whole) - 1):
        (tmp_path / "w").write_bytes(whole[:cut])
        with pytest.raises(ModelError):
            read_parameter(tmp_path / "w")

"""The whole of stage 1 on small sources: what it writes, counts, masks, resumes and refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from endcloud.corpus.dataset import MANIFEST, manifest, read_examples
from endcloud.corpus.examples import subject_of
from endcloud.corpus.preparation import WORK, CorpusOptions, CorpusReport, prepare
from endcloud.errors import SourceError
from endcloud.protocols import MaskedConversation, Masker, Progress
from endcloud.types import Message

PHONE = "13812345678"
KEY = b"key of this shop"
WORDS = ["茶巾", "围巾", "四件套", "枕头", "毛毯", "桌布", "抱枕", "凉席", "床垫", "窗帘"]


def write_dialogues(path: Path, count: int) -> Path:
    """Dialogues that differ enough to be kept, each with a phone number."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            thing, other = WORDS[number % 10], WORDS[number // 10 % 10]
            said = [
                ("user", f"第{number}位顾客想问{thing}和{other}有没有货，电话{13800000000 + number}"),
                ("assistant", f"亲，{thing}还有{number * 7 % 100}件，{other}要等{number * 3 % 50}天"),
                ("user", f"那{other}先给我留{number % 9 + 1}件"),
                ("assistant", f"好的，到货打{13800000000 + number}通知您"),
            ]
            messages = [{"role": role, "content": content} for role, content in said]
            record = {"id": f"d{number}", "customer": f"c{number % 5}", "messages": messages}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


def run(sources: Sequence[Path], destination: Path, masker: Masker, progress: Progress, **rest: object) -> CorpusReport:
    options = CorpusOptions(**rest)  # type: ignore[arg-type]
    return prepare(sources, destination, masker=masker, key=KEY, options=options, progress=progress)


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_report_and_examples(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    source = write_dialogues(tmp_path / "shop.jsonl", 100)
    report = run([source], tmp_path / "corpus", masker, progress)
    told = report.as_json()
    assert told["dialogues"] == {"read": 100, "kept": 100}
    assert told["malformed"] == 0 and told["seconds"] == pytest.approx(report.seconds, abs=0.01)
    examples = read_examples(tmp_path / "corpus")
    counts = report.manifest.examples
    assert sum(counts.values()) + sum(report.manifest.dropped.values()) == 200
    for split in ("train", "validation", "test"):
        assert len(read_examples(tmp_path / "corpus", split)) == counts[split] > 0
    assert len({example.id for example in examples}) == len(examples)
    first = next(example for example in examples if example.dialogue == "d0" and len(example.messages) == 1)
    assert first.query == "第0位顾客想问茶巾和茶巾有没有货，电话[电话_1]"
    assert (first.origin, first.source, first.subject) == ("natural", "shop.jsonl", subject_of("c0", KEY))
    assert report.manifest.masked["电话"] == 200


def test_no_dialogue_straddles_two_splits(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    run([write_dialogues(tmp_path / "shop.jsonl", 200)], tmp_path / "corpus", masker, progress)
    homes: dict[str, set[str]] = {}
    for example in read_examples(tmp_path / "corpus"):
        homes.setdefault(example.dialogue, set()).add(example.split)
    assert all(len(splits) == 1 for splits in homes.values())


def test_same_input_same_bytes_wherever_it_lies(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    for place in ("here", "over/there"):
        (tmp_path / place).mkdir(parents=True)
        source = write_dialogues(tmp_path / place / "shop.jsonl", 60)
        run([source], tmp_path / place / "corpus", masker, progress)
    assert files(tmp_path / "here" / "corpus") == files(tmp_path / "over/there" / "corpus")


def test_digest_does_not_depend_on_the_key(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    source = write_dialogues(tmp_path / "shop.jsonl", 30)
    one = prepare([source], tmp_path / "one", masker=masker, key=b"one", progress=progress)
    two = prepare([source], tmp_path / "two", masker=masker, key=b"two", progress=progress)
    assert one.manifest.digest == two.manifest.digest
    assert read_examples(tmp_path / "one")[0].subject != read_examples(tmp_path / "two")[0].subject


def test_nothing_is_done_twice_and_damage_is_noticed(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    source = write_dialogues(tmp_path / "shop.jsonl", 30)
    first = run([source], tmp_path / "corpus", masker, progress)
    before = files(tmp_path / "corpus")
    masker.asked_with_marks.clear()  # type: ignore[attr-defined]
    assert run([source], tmp_path / "corpus", masker, progress).manifest == first.manifest
    assert masker.asked_with_marks == []  # type: ignore[attr-defined]
    damaged = tmp_path / "corpus" / first.manifest.files["train"]
    damaged.write_bytes(damaged.read_bytes()[:-9])
    run([source], tmp_path / "corpus", masker, progress)
    assert files(tmp_path / "corpus") == before


@dataclass
class StoppingMasker:
    """Ends the job at its n-th conversation, as Ctrl-C would."""

    masker: Masker
    left: int
    detector: str = field(init=False)

    def __post_init__(self) -> None:
        self.detector = self.masker.detector

    def mask(
        self,
        messages: Sequence[Message],
        *,
        placeholders: frozenset[str] = frozenset(),
        corpus_marks: bool = False,
    ) -> MaskedConversation:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.masker.mask(messages, placeholders=placeholders, corpus_marks=corpus_marks)

    def unrestorable(self, context: Sequence[Message], reply: str) -> bool:
        return self.masker.unrestorable(context, reply)


def test_an_interrupted_job_goes_on_and_ends_the_same(
    tmp_path: Path, masker: Masker, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("endcloud.corpus.preparation.SHARD_DIALOGUES", 10)
    source = write_dialogues(tmp_path / "shop.jsonl", 60)
    source.write_text(source.read_text("utf-8") + "broken\n" + source.read_text("utf-8"), encoding="utf-8")
    run([source], tmp_path / "whole", masker, progress)
    with pytest.raises(KeyboardInterrupt):
        run([source], tmp_path / "stopped", StoppingMasker(masker, 130), progress)
    assert not (tmp_path / "stopped" / MANIFEST).exists()
    rest = StoppingMasker(masker, 10_000)
    run([source], tmp_path / "stopped", rest, progress)
    assert 10_000 - rest.left < 2 * 120 - 110, "finished shards were made again"
    assert files(tmp_path / "stopped") == files(tmp_path / "whole")


def test_raw_personal_data_never_reaches_the_disk(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    record = {
        "id": PHONE,
        "customer": "customer-4711",
        "messages": [
            {"role": "user", "content": f"我的电话是{PHONE}"},
            {"role": "assistant", "content": "好的，记下了，今天之内联系您"},
        ],
    }
    source = tmp_path / "shop.jsonl"
    source.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    with pytest.raises(ZeroDivisionError):
        run([source], tmp_path / "corpus", masker, _FailingLate())
    left = [path for path in (tmp_path / "corpus" / WORK).iterdir() if path.suffix == ".shard"]
    assert left, "the job was to die after its first shard"
    run([source], tmp_path / "corpus", masker, progress)
    for path in [*left, *(tmp_path / "corpus").rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            assert PHONE.encode() not in content and b"customer-4711" not in content
    [example] = read_examples(tmp_path / "corpus")
    assert PHONE not in repr(example) and "4711" not in repr(example)


class _FailingLate:
    """A progress whose second task (writing) fails at its first step."""

    def __init__(self) -> None:
        self.tasks = 0

    def task(self, name: str, total: int | None, unit: str) -> _FailingLate:
        self.tasks += 1
        return self

    def __enter__(self) -> _FailingLate:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        if self.tasks == 2:
            raise ZeroDivisionError

    def say(self, sentence: str) -> None:
        return None


def jddc(*sessions: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f"s{number}\tu{number}\t{side}\t0\t0\tnan\t{text}\n"
        for number, said in enumerate(sessions)
        for side, text in said
    )


def test_replies_that_cannot_be_restored_are_kept_and_not_trained_on(
    tmp_path: Path, masker: Masker, progress: Progress
) -> None:
    source = tmp_path / "chat.txt"
    source.write_text(
        jddc(
            [("0", "订单[ORDERID_10000001]到哪了"), ("1", "[订单x]已经到站点了呢亲，请放心")],
            [("0", "我的快递呢怎么还没有到"), ("1", "您的[订单x]还在路上，请耐心等待一下")],
            [("0", "多久可以退款到账啊客服"), ("1", "[数字x]个工作日之内原路退回的哦")],
            [("0", "谢谢你哦辛苦了晚安"), ("1", "不客气呢亲，祝您购物愉快")],
        ),
        encoding="utf-8",
    )
    report = run([source], tmp_path / "corpus", masker, progress)
    excluded = {example.dialogue: example.excluded for example in read_examples(tmp_path / "corpus")}
    assert excluded == {"s0": "", "s1": "unrestorable", "s2": "unrestorable", "s3": ""}
    assert report.manifest.dropped == {"unrestorable": 2}
    assert sum(report.manifest.examples.values()) == 2
    assert set(masker.asked_with_marks) == {True, False}  # type: ignore[attr-defined]


def test_marks_stand_for_values_only_where_the_corpus_says_so(
    tmp_path: Path, masker: Masker, progress: Progress
) -> None:
    source = tmp_path / "shop.jsonl"
    said = [{"role": "user", "content": "[电话x]是我"}, {"role": "assistant", "content": "[电话x]记下了"}]
    source.write_text(json.dumps({"messages": said}, ensure_ascii=False) + "\n", encoding="utf-8")
    run([source], tmp_path / "plain", masker, progress)
    run([source], tmp_path / "marked", masker, progress, corpus_marks=True)
    assert read_examples(tmp_path / "plain")[0].reply == "[电话x]记下了"
    assert read_examples(tmp_path / "marked")[0].reply == "[电话_1]记下了"


def test_duplicates_canned_lines_and_malformed_lines_are_counted(
    tmp_path: Path, masker: Masker, progress: Progress
) -> None:
    source = write_dialogues(tmp_path / "shop.jsonl", 40)
    lines = source.read_text(encoding="utf-8").splitlines()
    canned = [
        json.dumps(
            {
                "id": f"canned{number}",
                "messages": [
                    {"role": "user", "content": f"{WORDS[number % 10]}{WORDS[number // 10]}{number}"},
                    {"role": "assistant", "content": "请稍等，正在为您查询"},
                ],
            }
        )
        for number in range(60)
    ]
    again = lines[0].replace('"d0"', '"again"')
    near = lines[1].replace('"d1"', '"near"').replace("有没有货", "有没有现货")
    source.write_text("\n".join([*lines, "{broken", *canned, again, near]), encoding="utf-8")
    report = run([source], tmp_path / "corpus", masker, progress, boilerplate_share=0.001)
    assert report.manifest.malformed == 1
    assert report.manifest.malformed_lines[0].startswith("shop.jsonl:41: ")
    assert any("shop.jsonl:41" in sentence for sentence in progress.said)  # type: ignore[attr-defined]
    assert report.manifest.dropped["exact duplicate"] == 2
    assert report.manifest.dropped["near duplicate"] >= 2
    assert report.manifest.boilerplate == 2  # the canned line, and "we will call you" of the dialogues
    weights = {example.weight for example in read_examples(tmp_path / "corpus") if "请稍等" in example.reply}
    assert len(weights) == 1 and 0 < weights.pop() < 0.5


def test_a_new_corpus_replaces_the_old_one(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    run([write_dialogues(tmp_path / "old.jsonl", 20)], tmp_path / "corpus", masker, progress)
    run([write_dialogues(tmp_path / "new.jsonl", 40)], tmp_path / "corpus", masker, progress)
    assert {example.source for example in read_examples(tmp_path / "corpus")} == {"new.jsonl"}
    assert len(list((tmp_path / "corpus").iterdir())) == 4
    assert manifest(tmp_path / "corpus").dialogues_read == 40


def test_several_sources_at_once(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    one = write_dialogues(tmp_path / "one.jsonl", 10)
    two = tmp_path / "two.csv"
    two.write_text("问题,回复\n布料会不会掉色,第一次洗有一点浮色\n", encoding="gb18030")
    report = run([one, two], tmp_path / "corpus", masker, progress)
    assert [(entry.name, entry.format, entry.encoding) for entry in report.manifest.sources] == [
        ("one.jsonl", "messages", "utf-8"),
        ("two.csv", "table", "gb18030"),
    ]
    assert report.manifest.dialogues_read == 11
    for done, total in progress.tasks.values():  # type: ignore[attr-defined]
        assert done == total


def test_a_source_without_a_usable_dialogue_is_refused(tmp_path: Path, masker: Masker, progress: Progress) -> None:
    source = tmp_path / "chat.txt"
    source.write_text(jddc([("0", "在吗"), ("0", "人呢")], [("1", "在的")]), encoding="utf-8")
    with pytest.raises(SourceError, match=r"'chat\.txt' can be used \(2 read; one-sided dialogue: 2\)"):
        run([source], tmp_path / "corpus", masker, progress)


def test_reading_a_corpus_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no corpus in"):
        read_examples(tmp_path)
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(SourceError, match="is not a corpus manifest"):
        manifest(tmp_path)


FORMATS = [
    jddc([("0", "在吗有茶巾吗"), ("1", "有的呢亲")], [("0", "几天到货啊"), ("1", "三天左右")]),
    "1\t有 茶巾 吗\t有 的 呢\n0\t有 茶巾 吗\t不 客气\n1\t几天 到\t三天\n",
    '{"id": "a", "messages": [{"role": "user", "content": "有吗"}, {"role": "assistant", "content": "有"}]}\n' * 2,
    '[{"conversations": [{"from": "human", "value": "有吗"}, {"from": "gpt", "value": "有"}]},\n{"conversations": []}]',
    '{"instruction": "有吗", "input": "", "output": "有", "history": [["在吗", "在"]]}\n',
    '会话,角色,内容\n1,客户,"有茶巾, 吗"\n1,客服,有\n2,客户,几天到\n2,客服,三天\n',
]
SPOILERS = [
    b"\xff",
    b"\x00",
    b'"',
    b"{",
    b"]",
    b"\t",
    b"\r",
    b"\n",
    b"\\ud83d",
    b"\\",
    b"null",
    b"9" * 5_000,
    b"\xf0\x9f\x98\x80",
]


@pytest.mark.parametrize("seed", range(60))
def test_a_spoilt_source_is_read_or_refused_and_never_breaks(
    tmp_path: Path, masker: Masker, progress: Progress, seed: int
) -> None:
    draw = random.Random(seed)
    content = bytearray(draw.choice(FORMATS).encode(draw.choice(["utf-8", "gb18030"])))
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(content))
        content[place : place + draw.randint(0, 3)] = draw.choice(SPOILERS)
    source = tmp_path / "spoilt"
    source.write_bytes(bytes(content))
    try:
        run([source], tmp_path / "corpus", masker, progress)
    except SourceError as error:
        assert "spoilt" in str(error)
    else:
        assert read_examples(tmp_path / "corpus")

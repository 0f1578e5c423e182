"""Every format is recognised from its content and read as what it says; what cannot be read is told by number."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from endcloud.corpus.readers.ecd import join_words
from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.recognition import all_readers, choose_reader
from endcloud.corpus.readers.source import find_sources
from endcloud.corpus.readers.table import TableReader
from endcloud.errors import SourceError
from endcloud.types import Dialogue

ASKED, ANSWERED = "这款茶巾还有货吗", "有货的呢亲，下午五点前拍下当天发出"
JDDC = f"s1\tu1\t0\t0\t0\tnan\t{ASKED}\ns1\tu1\t1\t0\t0\tnan\t{ANSWERED}\ns2\tu2\t0\t0\t0\tnan\t在吗\n"
OFFICIAL = "session_id\tuser_id\twaiter_send\tis_transfer\tis_repeat\tsku\tcontent\n" + JDDC
SHORT_JDDC = f"s1\tu1\t0\t{ASKED}\ns1\tu1\t1\t{ANSWERED}\ns2\tu2\t0\t在吗\n"
ECD = "1\t这 款 茶巾 还 有 货 吗\t有 货 的 呢 亲 ， 下午 五点 前 拍下 当天 发出\n0\t这 款 茶巾 还 有 货 吗\t不 客气\n"
MESSAGES = {
    "id": "m1",
    "customer": "u1",
    "messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}],
}
SHAREGPT = {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}]}
ALPACA = {"instruction": ASKED, "input": "", "output": ANSWERED, "history": [["在吗", "在的亲"]]}
CSV_TURNS = f"会话ID,发送方,消息内容,买家\ns1,顾客,{ASKED},u1\ns1,客服,{ANSWERED},u1\n"
CSV_PAIRS = f"问题,回复\n{ASKED},{ANSWERED}\n"


def jsonl(*records: object) -> str:
    return "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)


def read(path: Path, wanted: str = "auto", table: TableReader | None = None) -> tuple[str, list[Dialogue], Notes]:
    notes, dialogues, name = Notes(), [], ""
    for source in find_sources([path]):
        reader = choose_reader(source, wanted, all_readers(table or TableReader()))
        name = reader.name
        dialogues += list(reader.read(source, notes))
    return name, dialogues, notes


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (JDDC, "jddc"),
        (OFFICIAL, "jddc"),
        (SHORT_JDDC, "jddc"),
        (ECD, "ecd"),
        (jsonl(MESSAGES), "messages"),
        (jsonl(SHAREGPT), "sharegpt"),
        (json.dumps([SHAREGPT], indent=2, ensure_ascii=False), "sharegpt"),
        (jsonl(ALPACA), "alpaca"),
        (json.dumps([ALPACA]), "alpaca"),
        (CSV_TURNS, "table"),
        (CSV_TURNS.replace(",", "\t", 3).replace(",", "\t"), "table"),
        (CSV_PAIRS, "table"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_recognises_and_reads_each_format(
    source: Path, text: str, name: str, encoding: str, line_end: str, packed: bool
) -> None:
    content = text.replace("\n", line_end).encode(encoding)
    source.write_bytes(gzip.compress(content) if packed else content)
    recognised, dialogues, notes = read(source)
    assert (recognised, notes.malformed) == (name, 0)
    said = [[(message.role, message.content) for message in dialogue.messages] for dialogue in dialogues]
    comma = "，"
    assert said[0][-2][0] == "user" and said[0][-2][1].replace(" ", "") == ASKED
    assert said[0][-1][0] == "assistant" and said[0][-1][1].replace(" ", "") == ANSWERED.replace(",", comma)


def test_jddc_keeps_a_tab_inside_the_content_and_names_the_customer(source: Path) -> None:
    source.write_text(OFFICIAL.replace(ASKED, "尺码\t颜色"), encoding="utf-8")
    _, dialogues, _ = read(source)
    assert dialogues[0].messages[0].content == "尺码\t颜色"
    assert [(dialogue.id, dialogue.customer) for dialogue in dialogues] == [("s1", "u1"), ("s2", "u2")]


def test_a_dialogue_in_two_pieces_is_told(source: Path) -> None:
    source.write_text(JDDC + JDDC, encoding="utf-8")
    _, dialogues, notes = read(source)
    assert notes.reopened == 2 and len(dialogues) == 4


def test_ecd_reads_label_1_only_and_joins_words(source: Path) -> None:
    source.write_text(ECD, encoding="utf-8")
    _, dialogues, notes = read(source)
    assert len(dialogues) == 1 and notes.dropped["false response"] == 1
    assert join_words("用 iPhone 15 Pro 拍 的 100 片 装") == "用iPhone 15 Pro拍的100片装"


def test_a_conversation_that_grows_from_line_to_line_keeps_one_name(source: Path) -> None:
    grown = ECD.split("\n")[0] + "\t那 两 条 包邮 吗\t满 五十九 元 包邮 哦"
    source.write_text(ECD + grown + "\n", encoding="utf-8")
    _, dialogues, _ = read(source)
    assert dialogues[0].id == dialogues[1].id


def test_message_roles_and_parts(source: Path) -> None:
    parts = [{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": "x"}}]
    record = {"messages": [{"role": "system", "content": "你是客服"}, {"role": "user", "content": parts}]}
    source.write_text(jsonl(record), encoding="utf-8")
    _, [dialogue], _ = read(source)
    assert [(message.role, message.content) for message in dialogue.messages] == [
        ("system", "你是客服"),
        ("user", ASKED),
    ]


def test_alpaca_puts_history_first(source: Path) -> None:
    source.write_text(jsonl(ALPACA), encoding="utf-8")
    _, [dialogue], _ = read(source)
    assert [message.content for message in dialogue.messages] == ["在吗", "在的亲", ASKED, ANSWERED]


def test_malformed_lines_are_counted_by_number_and_the_rest_is_read(source: Path) -> None:
    lines = [
        jsonl(MESSAGES).strip().encode(),
        b'{"messages": [',
        b'{"messages": "no list"}',
        b"[1, 2]",
        '{"messages": [{"role": "长官", "content": "x"}]}'.encode(),
        b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
        jsonl(MESSAGES).strip().encode(),
    ]
    source.write_bytes(b"\n".join(lines))
    _, dialogues, notes = read(source)
    assert len(dialogues) == 2
    assert [line.line for line in notes.lines] == [2, 3, 4, 5, 6]
    assert "长官" in notes.lines[3].reason


def test_jddc_and_ecd_lines_that_are_not(source: Path) -> None:
    source.write_text(JDDC + "s9\tu9\t7\t0\t0\tnan\tx\nshort\tline\n" + JDDC, encoding="utf-8")
    _, _, notes = read(source)
    assert [line.line for line in notes.lines] == [4, 5]
    source.write_text(ECD * 2 + "2\ta\tb\n1\tlonely\n", encoding="utf-8")
    _, _, notes = read(source)
    assert [line.line for line in notes.lines] == [5, 6]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"human"', '"human'),
        ('"value"', "value"),
        ("}, {", "}, {{"),
        ("]", "]]"),
        ("]", ""),
        ("]}", "]}}"),
        ('"from"', ""),
    ],
)
@pytest.mark.parametrize("piece", [5, 64, 1 << 20])
def test_a_broken_element_of_an_array_spoils_only_itself(
    source: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None, right: str, wrong: str, piece: int
) -> None:
    monkeypatch.setattr("endcloud.corpus.readers.source.PIECE_BYTES", piece)
    whole = json.dumps(SHAREGPT, ensure_ascii=False, indent=indent)
    right = right if indent is None else right.replace("}, {", "},\n    {").replace("]}", "]\n}")
    wrong = wrong if indent is None else wrong.replace("}, {{", "},\n    {{").replace("]}}", "]\n}}")
    broken = whole.replace(right, wrong, 1)
    assert broken != whole
    source.write_text(f"[\n{whole},\n{broken},\n{whole}\n]\n", encoding="utf-8")
    _, dialogues, notes = read(source)
    at = whole.count("\n") + 3
    assert len(dialogues) in (2, 3)  # an element with a bracket too many may still be read before it
    assert notes.malformed >= 1
    assert all(at <= line.line <= at + broken.count("\n") for line in notes.lines)


def test_objects_printed_over_several_lines(source: Path) -> None:
    printed = json.dumps(MESSAGES, ensure_ascii=False, indent=2)
    source.write_text(f"{printed}\n{printed}\n", encoding="utf-8")
    _, dialogues, notes = read(source)
    assert (len(dialogues), notes.malformed) == (2, 0)


def test_an_array_on_one_long_line_is_read_in_pieces(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endcloud.corpus.readers.source.PIECE_BYTES", 7)
    tricky = {"conversations": [{"from": "human", "value": 'a "[{" \\ b\n}]'}, {"from": "gpt", "value": "\\\\"}]}
    source.write_text(json.dumps([tricky, SHAREGPT, tricky], ensure_ascii=False), encoding="utf-8")
    _, dialogues, notes = read(source)
    assert notes.malformed == 0
    assert [dialogue.messages[0].content for dialogue in dialogues] == ['a "[{" \\ b\n}]', ASKED, 'a "[{" \\ b\n}]']


def test_csv_with_quotes_line_breaks_and_unequal_rows(source: Path) -> None:
    text = f'问题,回复\n"第一行\n第二行, 有逗号","{ANSWERED}"\n只有一格\n\n{ASKED},{ANSWERED}\n'
    source.write_text(text, encoding="utf-8")
    _, dialogues, notes = read(source)
    assert dialogues[0].messages[0].content == "第一行\n第二行, 有逗号"
    assert dialogues[1].messages[0].content == ASKED
    assert [line.line for line in notes.lines] == [4]


def test_csv_columns_and_words_by_name(source: Path) -> None:
    source.write_text(f"Ticket;Who;Said\n1;guest;{ASKED}\n1;desk;{ANSWERED}\n1;nobody;x\n", encoding="utf-8")
    table = TableReader(
        {"dialogue": "Ticket", "role": "Who", "content": "Said"}, frozenset(["guest"]), frozenset(["desk"])
    )
    _, [dialogue], notes = read(source, "csv", table)
    assert [message.role for message in dialogue.messages] == ["user", "assistant"]
    assert [line.line for line in notes.lines] == [4]
    with pytest.raises(SourceError, match="header is 'Ticket;Who;Said'"):
        read(source, "csv")
    with pytest.raises(SourceError, match="'speaker' is unknown"):
        TableReader({"speaker": "Who"})


def test_a_directory_is_read_in_order_of_name(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.jsonl").write_text(jsonl({**MESSAGES, "id": "two"}), encoding="utf-8")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(jsonl({**MESSAGES, "id": "one"}).encode()))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    _, dialogues, _ = read(tmp_path)
    assert [(dialogue.id, dialogue.source) for dialogue in dialogues] == [("one", "a.jsonl.gz"), ("two", "b/two.jsonl")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (bytes(range(256)) * 8, "00 01 02"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "89 50 4e 47"),
        (b"Once upon a time\nthere was a shop.\n", "Once upon a time"),
        (b'{"dialogue": [{"sender_type": 1}]}\n', "dialogue"),
        (gzip.compress(JDDC.encode())[:-20], "damaged gzip"),
    ],
)
def test_what_is_no_source_is_refused_with_what_was_seen(source: Path, content: bytes, words: str) -> None:
    source.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read(source)


def test_missing_file_and_unknown_format(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"source\.txt' does not exist"):
        read(source)
    source.write_text(JDDC, encoding="utf-8")
    with pytest.raises(SourceError, match="'docx' is unknown: choose auto or one of messages"):
        read(source, "docx")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no file of dialogues"):
        read(tmp_path / "empty")


def test_one_broken_line_does_not_change_the_encoding(source: Path) -> None:
    good = jsonl(MESSAGES).encode()
    source.write_bytes(good * 3 + b'{"messages": "\xb0\xa1\xff"}\n' + good * 3)
    _, dialogues, notes = read(source)
    assert len(dialogues) == 6 and dialogues[0].messages[0].content == ASKED
    assert [line.line for line in notes.lines] == [4]

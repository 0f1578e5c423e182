"""A sheet is blind, identical replies stand on it once, and what is wrong with a filled one is named by line."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from endcloud.errors import SourceError
from endcloud.feedback.agreement import between_reviewers
from endcloud.feedback.review_page import as_page
from endcloud.feedback.review_sheet import Candidate, prepare, read_judgements, read_key, sheet_of
from endcloud.types import Message

AT = datetime(2026, 1, 2, tzinfo=UTC)
VERSIONS = ("bare-model", "lora-aaaa", "prefix-bbbb")


def asked(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


CANDIDATES = [
    Candidate(asked(f"问题{number}"), f"{said}{number}", version, "云的回答")
    for number in range(6)
    for version, said in zip(VERSIONS, ("=乱码", "回答", "回答"), strict=True)
]
SHEET = prepare(CANDIDATES, seed=3)


def filled(grades: dict[str, str], reviewer: str = "小李", note: str = "") -> str:
    buffer = io.StringIO()
    rows = csv.writer(buffer)
    rows.writerow(["sheet", "row", "reviewer", "grade", "note"])
    for row, grade in grades.items():
        rows.writerow([SHEET.id, row, reviewer, grade, note])
    return buffer.getvalue()


def test_identical_replies_are_one_row_that_counts_for_each_version() -> None:
    assert len(SHEET.rows) == 12
    shared = [hidden for hidden in SHEET.key.values() if hidden.reply.startswith("回答")]
    assert {hidden.versions for hidden in shared} == {("lora-aaaa", "prefix-bbbb")}


def test_neither_form_of_the_sheet_says_who_wrote_a_reply() -> None:
    for text in (SHEET.as_csv(), as_page(SHEET, "云栖小铺")):
        assert all(row.id in text for row in SHEET.rows)
        assert not any(name in text for name in (*VERSIONS, "云的回答"))


def test_the_seed_shuffles_and_keeps_replies_to_one_question_together() -> None:
    assert [row.id for row in prepare(CANDIDATES, seed=3).rows] == [row.id for row in SHEET.rows]
    assert [row.id for row in prepare(CANDIDATES, seed=4).rows] != [row.id for row in SHEET.rows]
    questions = [row.messages[0].content for row in SHEET.rows]
    assert all(questions[place] == questions[place + 1] for place in range(0, 12, 2))
    firsts = [row.reply.startswith("=") for row in SHEET.rows[::2]]
    assert len(set(firsts)) == 2, "the base must not always stand first"


def test_a_spreadsheet_takes_no_reply_for_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(SHEET.as_csv().removeprefix("\ufeff"))))
    assert sum(row["reply"].startswith("'=") for row in rows) == 6
    assert not any(row["reply"].startswith("=") for row in rows)


def test_judgements_come_back_with_what_the_key_knows() -> None:
    sheet, key = read_key(SHEET.key_json())
    first, second, *_ = SHEET.rows
    text = filled({first.id: "4", second.id: ""}, note="好,\n谢谢")
    [review] = read_judgements(text, "a.csv", sheet, key, AT)
    assert (review.grade, review.note, review.reviewer, review.cloud) == (4, "好,\n谢谢", "小李", "云的回答")
    assert review.reply == first.reply and review.query == first.messages[-1].content
    assert review.version.split() == list(key[first.id].versions)
    assert read_judgements(text, "a.csv", sheet, key, AT) == [review]
    [other] = read_judgements(filled({first.id: "4"}, "小王"), "b.csv", sheet, key, AT)
    assert other.id != review.id


def test_bad_rows_are_named_by_line_and_nothing_is_read() -> None:
    text = filled({SHEET.rows[0].id: "6", "nowhere": "3", SHEET.rows[1].id: "五", SHEET.rows[2].id: "5"}, note="a\nb")
    with pytest.raises(SourceError) as caught:
        read_judgements(text, "a.csv", SHEET.id, SHEET.key, AT)
    message = str(caught.value)
    assert "3 bad rows" in message and "line 2: the grade '6'" in message
    assert "line 4: the row 'nowhere'" in message and "line 6: the grade '五'" in message


def test_a_row_needs_a_reviewer_and_one_grade() -> None:
    row = SHEET.rows[0].id
    with pytest.raises(SourceError, match="needs a name"):
        read_judgements(filled({row: "3"}, ""), "a.csv", SHEET.id, SHEET.key, AT)
    assert read_judgements(filled({row: "3"}, ""), "a.csv", SHEET.id, SHEET.key, AT, "小王")[0].reviewer == "小王"
    twice = filled({row: "3"}) + "\n".join(filled({row: "4"}).splitlines()[1:])
    with pytest.raises(SourceError, match="twice"):
        read_judgements(twice, "a.csv", SHEET.id, SHEET.key, AT)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "sheet,row,reviewer,grade,note\n"])
def test_a_file_that_is_no_sheet_is_refused(text: str) -> None:
    with pytest.raises(SourceError):
        sheet_of(text, "a.csv")


def test_hostile_words_are_data_in_the_page() -> None:
    hostile = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u2028&amp;"
    page = as_page(prepare([Candidate(asked(hostile), hostile, "v")]), hostile)
    assert page.count("<script>") == page.count("</script>") == 1
    assert "<img" not in page and "\u2028" not in page and "alert(1)" in page
    assert "default-src 'none'" in page and "http" not in page.replace("http-equiv", "")


def test_reviewers_agree_as_far_as_their_grades_do() -> None:
    _, key = read_key(SHEET.key_json())
    ids = [row.id for row in SHEET.rows[:4]]

    def judged(reviewer: str, grades: str) -> list:  # type: ignore[type-arg]
        return read_judgements(filled(dict(zip(ids, grades, strict=True)), reviewer), "a.csv", SHEET.id, key, AT)

    same = between_reviewers(judged("a", "1245") + judged("b", "1245"))
    near = between_reviewers(judged("a", "1245") + judged("b", "1244"))
    against = between_reviewers(judged("a", "1155") + judged("b", "5511"))
    assert same[0].kappa == pytest.approx(1) and same[0].equal == 1 and same[0].rows == 4
    assert 0.8 < near[0].kappa < 1 and against[0].kappa < -0.9  # type: ignore[operator]
    assert between_reviewers(judged("a", "3333") + judged("b", "3333"))[0].kappa is None
    assert between_reviewers(judged("a", "1245")) == []

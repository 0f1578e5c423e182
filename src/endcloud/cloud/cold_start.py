"""A shop without logs: its catalogue, its FAQ and its policies become examples.

Customers' questions are written from what the owner has: each cell of the catalogue is asked for in the ways that
customers ask (晨露浴巾多少钱), each FAQ row is its own question, each rule is asked with its numbers left open
(满多少元包邮). The recorded reply is the owner's own word, so that these examples can stand in the teacher's prompt
and be trained on before a cloud is there; the teacher then gives them the shop's manner. Each wording is a dialogue
of its own: a fact that is tested was learned in other words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from endcloud.cloud.catalogue import ALIASES, NAMES, NUMBERS, Catalogue, Row, column, read_catalogue, read_table
from endcloud.cloud.policies import Policies
from endcloud.errors import SourceError
from endcloud.protocols import Masker
from endcloud.types import Example, Message, Split

_QUESTIONS = ("问题", "问", "提问", "标准问题", "question", "q")
_ANSWERS = ("答案", "答", "回答", "回复", "标准答案", "answer", "a", "reply")
_LONGEST = 200  # characters of a cell; a description is not an answer
_OPENINGS = ("", "请问", "你好，")
_ASKED: Mapping[str, tuple[str, ...]] = {
    "价格": ("{}多少钱", "{}怎么卖", "{}什么价格"),
    "材质": ("{}是什么材质的", "{}是什么做的", "{}什么面料"),
    "尺寸": ("{}多大", "{}是什么尺寸", "{}的尺寸是多少"),
    "颜色": ("{}有什么颜色", "{}有哪几种颜色"),
    "洗涤": ("{}怎么洗", "{}可以机洗吗", "{}洗的时候要注意什么"),
    "库存": ("{}有货吗", "{}还有现货吗"),
    "产地": ("{}是哪里产的", "{}产地是哪里"),
    "重量": ("{}多重", "{}的重量是多少"),
    "品牌": ("{}是什么牌子的", "{}是哪个品牌"),
    "保质期": ("{}保质期多久", "{}能放多久"),
}
_SAME_COLUMN = {
    "售价": "价格", "单价": "价格", "price": "价格", "面料": "材质", "材料": "材质", "material": "材质",
    "尺码": "尺寸", "规格": "尺寸", "大小": "尺寸", "size": "尺寸", "color": "颜色", "colour": "颜色",
    "洗护": "洗涤", "洗涤方式": "洗涤", "stock": "库存", "origin": "产地", "weight": "重量", "brand": "品牌",
}  # fmt: skip
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class ColdStart:
    """What a shop without logs begins with. `read` counts the rows by what they were: products, faq, rules."""

    examples: list[Example]
    catalogue: Catalogue
    read: Mapping[str, int]


def cold_start(
    sources: Sequence[Path],
    policies: Policies,
    *,
    masker: Masker,
    validation: float = 0.1,
    test: float = 0.1,
) -> ColdStart:
    """Reads catalogues and FAQs (CSV or TSV, told apart by their columns) and the rules into examples.

    Personal data in them is masked as on ingest. Raises SourceError for a file that is neither, and where nothing
    at all came of the sources.
    """
    rows: list[Row] = []
    pairs: list[tuple[str, str, str]] = []
    read = {"products": 0, "faq": 0, "rules": len(policies.lines)}
    for path in sources:
        table = read_table(path)
        if _is_faq(table):
            pairs += [(opening + q, a, path.name) for q, a in _faq(table) for opening in _OPENINGS]
            read["faq"] += len(table)
        elif table and column(table[0], NAMES):
            products = read_catalogue(path).rows
            rows += products
            pairs += [(question, answer, path.name) for row in products for question, answer in _of_row(row)]
            read["products"] += len(products)
        else:
            raise SourceError(
                f"{str(path)!r} is neither a catalogue nor an FAQ: its columns are {', '.join(table[0]) or 'unnamed'}; "
                f"a catalogue has {NAMES[0]!r} (or name), an FAQ {_QUESTIONS[0]!r} and {_ANSWERS[0]!r} (or question, "
                "answer)."
            )
    pairs += [
        (opening + q, line, "policies") for line in policies.lines for q in _of_rule(line) for opening in _OPENINGS
    ]
    if not pairs:
        raise SourceError("Nothing to begin with: give --from a catalogue or an FAQ, or write rules into policies.md.")
    return ColdStart(list(_examples(pairs, masker, validation, test)), Catalogue(rows), read)


def _is_faq(table: Sequence[Mapping[str, str]]) -> bool:
    return any(column(row, _QUESTIONS) and column(row, _ANSWERS) for row in table)


def _faq(table: Iterable[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for row in table:
        question, answer = column(row, _QUESTIONS), column(row, _ANSWERS)
        if question and answer:
            yield question, answer


def _of_row(row: Row) -> Iterator[tuple[str, str]]:
    """The questions that a product's cells answer, by its name and by what customers call it."""
    unasked = {*NAMES, *ALIASES, *NUMBERS}
    names = [row.name, *filter(None, re.split(r"[、,，/|;；]\s*", column(row.columns, ALIASES)))]
    for name, value in row.columns.items():
        if name.lower() in unasked or not value or len(value) > _LONGEST:
            continue
        kind = _SAME_COLUMN.get(name.lower(), name)
        for wording in _ASKED.get(kind, ("{}的" + name + "是什么", "{}的" + name)):
            for called in names:
                yield wording.format(called), f"亲，{row.name}的{name}是{value}。"


def _of_rule(line: str) -> Iterator[str]:
    """The questions that a rule answers: its first clause with the numbers left open, and as it stands."""
    clause = re.split(r"[，,。；;：:]", line)[0].strip()
    if not 2 <= len(clause) <= 40:
        return
    if _NUMBER.search(clause):
        yield _NUMBER.sub("多少", clause)
    yield f"{clause}怎么办" if clause.endswith("的") else f"{clause}吗"


def _examples(
    pairs: Iterable[tuple[str, str, str]], masker: Masker, validation: float, test: float
) -> Iterator[Example]:
    """One example for each distinct question, split by a stable rank, so that small shops have every split too."""
    distinct = {question: (answer, source) for question, answer, source in pairs}
    ranked = sorted(distinct, key=lambda question: _digest("cold start", question))
    bounds = [max(1, round(len(ranked) * share)) if len(ranked) >= 5 and share else 0 for share in (test, validation)]
    for rank, question in enumerate(ranked):
        split: Split = "test" if rank < bounds[0] else "validation" if rank < sum(bounds) else "train"
        answer, source = distinct[question]
        masked = masker.mask([Message("user", question), Message("assistant", answer)]).messages
        lacking = masker.unrestorable(masked[:1], masked[1].content)
        yield Example(
            id=_digest(question, answer),
            dialogue=_digest(source, question),
            subject="",
            messages=(masked[0],),
            reply=masked[1].content,
            origin="natural",
            source=f"cold start: {source}",
            split=split,
            excluded="unrestorable" if lacking else "",
        )


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()

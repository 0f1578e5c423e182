"""What the prompt says for certain: the shop's current rules and the catalogue rows of the products in question.

An answer taken over from a pair is held against both. A number, courier or city that the rule on the same matter
says otherwise is replaced by the rule's (policies win over pairs), and so is a value that belongs to another
product or city; where nothing can be mended the rule or the row is stated itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from endcloud import facts
from endcloud.bundled import standin_meaning as meaning
from endcloud.bundled.standin_prompt import Row

_QUANTITY = re.compile(
    r"(\d+(?:\.\d+)?(?:\s*[×xX*]\s*\d+(?:\.\d+)?)*)"
    r"(\s*(?:个?工作日|个?小时|分钟|天|日|元|块钱?|折|件|次|号|点|厘米|cm|米|%|年|个?月|周)?)"
)
_SAME_UNIT = {"块": "元", "块钱": "元", "日": "天", "个小时": "小时", "cm": "厘米", "个月": "月", "个工作日": "工作日"}
_RULE_NEAR = 0.12  # similarity from which a rule may speak of what an answer speaks of
_SAME_MATTER = 0.3  # fit of a quantity with one of a rule (similarity and the characters around it) to be replaced
_SAME_NUMBER = 0.35  # what a rule with the very number adds to its fit: then there is nothing to replace
_CLAUSE = re.compile(r"[，,；;。！!]")
# Which notion of the question asks for which column of a catalogue, by words in the column's title.
_COLUMNS = {
    "price": "价",
    "material": "材质|面料|成分|材料",
    "size": "尺码|尺寸|规格|大小",
    "colour": "颜色|花色|色",
    "wash": "洗",
    "stock": "库存|现货|有货",
    "origin": "产地",
    "code": "货号|型号|编号|款号",
    "weight": "重量|克重|净重",
    "warranty": "质保|保修|保质",
}
_NAME_COLUMN = re.compile("名称|品名|商品|标题")
_ALIAS_COLUMN = re.compile("别名|简称|又名|昵称|俗称")


@dataclass(frozen=True, slots=True)
class Focus:
    """What the conversation is about: the newest city, courier and product (its `names`), and its catalogue row."""

    named: Mapping[str, str]
    names: tuple[str, ...] = ()
    row: Row = ()
    carried: frozenset[str] = frozenset()  # what only the history named: kinds, and "product"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit in a text, and the characters around it."""

    number: str
    unit: str
    start: int
    end: int
    around: frozenset[str]


def quantities(text: str) -> list[Quantity]:
    """The numbers of a text, with normalised units ("" where none is said)."""
    found = []
    for match in _QUANTITY.finditer(text):
        unit = match[2].strip().lower()
        before, behind = text[max(0, match.start() - 5) : match.start()], text[match.end(1) : match.end(1) + 5]
        around = frozenset(f"<{character}" for character in before) | frozenset(f">{character}" for character in behind)
        number = re.sub(r"\s", "", match[1]).replace("x", "×").replace("X", "×").replace("*", "×")
        found.append(Quantity(number, _SAME_UNIT.get(unit, unit), match.start(1), match.end(1), around))
    return found


class Rules:
    """The policy lines of one prompt, compared by meaning."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        self.index = meaning.MeaningIndex(self.lines)
        shapes = [meaning.core(line) for line in self.lines]
        beginnings = Counter(shape[:4] for shape in shapes)
        self._of_a_table = [beginnings[shape[:4]] > 1 for shape in shapes]  # one line for each city, courier …
        self._nearest = lru_cache(maxsize=4096)(self._find_nearest)
        self._named = [meaning.entities(line) for line in self.lines]

    def _find_nearest(self, text: str) -> tuple[int, float]:
        similarities = self.index.similarities(meaning.features(text))
        return (int(similarities.argmax()), float(similarities.max())) if self.lines else (-1, 0.0)

    @cached_property
    def _quantities(self) -> list[list[Quantity]]:
        return [quantities(line) for line in self.lines]

    def ranked(self, query: meaning.Features, focus: Focus) -> list[tuple[float, int]]:
        """(similarity, line number), best first; a line about another city or courier than the focus comes last."""
        similarities = self.index.similarities(query)
        ranked = []
        for number, similarity in enumerate(similarities.tolist()):
            bonus = 0.0
            for kind, name in focus.named.items():
                names = self._named[number].get(kind, ())
                if len(names) == 1 and name not in names:
                    bonus -= 0.5
                elif name in names:
                    bonus += 0.25 if self._of_a_table[number] and kind not in focus.carried else 0.1
            for kind, names in self._named[number].items():
                if names and kind not in focus.named and self._of_a_table[number]:
                    bonus -= 0.1
            ranked.append((similarity + bonus, number))
        return sorted(ranked, key=lambda item: (-item[0], item[1]))

    def nearest(self, text: str) -> tuple[int, float]:
        """The line that says most nearly what `text` says, and how nearly; (-1, 0.0) without rules."""
        return self._nearest(text)

    def corrected(self, answer: str, question: str, focus: Focus, own: frozenset[str]) -> str:
        """`answer` with each quantity that the rule on its matter says otherwise replaced by the rule's.

        `own` holds numbers that need no rule: the question's and the product's.
        """
        ranked = self.ranked(meaning.features(f"{question} {answer}"), focus)[:4]
        for quantity in reversed(quantities(answer)):
            if quantity.number in own:
                continue
            number = self._rule_for(quantity, ranked)
            if number is not None:
                answer = answer[: quantity.start] + number + answer[quantity.end :]
        return (
            self._with_names(answer, ranked[0][1], focus.named) if ranked and ranked[0][0] >= _SAME_MATTER else answer
        )

    def _with_names(self, answer: str, line: int, named: Mapping[str, str]) -> str:
        """`answer` with the courier or city that the rule names in the place of another that nobody asked about."""
        for kind, names in meaning.entities(answer).items():
            told = self._named[line][kind]
            if len(names) == len(told) == 1 and names != told and names[0] not in named.values():
                answer = answer.replace(names[0], told[0])
        return answer

    def _rule_for(self, quantity: Quantity, ranked: list[tuple[float, int]]) -> str | None:
        """The number that the rules give in the place of `quantity`, or None to leave it."""
        best: tuple[float, str] | None = None
        for similarity, line in ranked:
            if similarity < _RULE_NEAR:
                break
            for rule in self._quantities[line]:
                if rule.unit != quantity.unit or ("×" in rule.number) != ("×" in quantity.number):
                    continue
                overlap = len(rule.around & quantity.around) / (len(rule.around) or 1)
                fit = similarity + 0.4 * overlap + (_SAME_NUMBER if rule.number == quantity.number else 0.0)
                if best is None or fit > best[0]:
                    best = (fit, rule.number)
        return best[1] if best and best[0] >= _SAME_MATTER else None

    def contradicts(self, answer: str, line: int) -> bool:
        """Whether the rule affirms what the answer denies, or the other way round."""
        return any(fact.kind == "yes/no" for fact in facts.contradictions(answer, self.lines[line]))

    def clause(self, line: int, query: meaning.Features) -> str:
        """The part of a rule that answers: a rule of several quantities is cut to the nearest of its clauses."""
        text = self.lines[line].rstrip("。.！! ")
        clauses = [clause for clause in _CLAUSE.split(text) if clause.strip()]
        counted = [clause for clause in clauses if quantities(clause)]
        if len(counted) < 2:
            return text
        return counted[int(meaning.MeaningIndex(counted).similarities(query).argmax())]


def focus_on(question: str, earlier: Iterable[str], rows: Iterable[Row]) -> Focus:
    """What a conversation is about; `earlier` are the utterances before the question, newest first."""
    named: dict[str, str] = {}
    product: tuple[tuple[str, ...], Row] | None = None
    carried: set[str] = set()
    products = [(names_of(row), row) for row in rows]
    for place, text in enumerate((question, *earlier)):
        new = {kind: found[-1] for kind, found in meaning.entities(text).items() if found and kind not in named}
        named.update(new)
        carried.update(new if place else ())
        if product is None:
            product = _last_named(meaning.plain(text), products)
            carried.update(["product"] if product and place else ())
    if product is None and len(products) == 1:
        product = products[0]  # the teacher put the one row there for a reason
    return Focus(named, *(product or ((), ())), frozenset(carried))


def _last_named(text: str, products: Iterable[tuple[tuple[str, ...], Row]]) -> tuple[tuple[str, ...], Row] | None:
    hits = [(text.rfind(name), len(name), names, row) for names, row in products for name in names if name in text]
    return max(hits, key=lambda hit: hit[:2])[2:] if hits else None


def names_of(row: Row) -> tuple[str, ...]:
    """The product's name and its other names, the name first."""
    names = [value for column, value in row if _NAME_COLUMN.search(column)][:1]
    for column, value in row:
        if _ALIAS_COLUMN.search(column):
            names.extend(part.strip() for part in re.split("[、,，/ ]", value))
    return tuple(dict.fromkeys(meaning.plain(name) for name in names if name))


def column_like(answer: str, row: Row) -> tuple[str, str] | None:
    """The cell whose value is of the kind that an answer on another product states: a size, a price, a material."""
    stated = quantities(answer)
    for column, value in row:
        units = {(quantity.unit, "×" in quantity.number) for quantity in quantities(value)}
        if (
            units
            and not _NAME_COLUMN.search(column)
            and all((q.unit, "×" in q.number) in units for q in stated)
            and stated
        ):
            return column, value
    return None


def asked_column(notions: frozenset[str], row: Row) -> tuple[str, str] | None:
    """The cell of the row that a question with these notions asks for, where it is plain which."""
    for notion, title in _COLUMNS.items():
        if notion in notions:
            for column, value in row:
                if re.search(title, column):
                    return column, value
    return None

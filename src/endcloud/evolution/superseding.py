"""A newer truth supersedes: which recorded replies state what an edit of the rules has made untrue.

An edit is a diff of policy lines. An item is retired if the changed line is the nearest to its question and its reply
states a fact of the removed text (a number, a name, a yes or no) that the new text lacks. What may or may not still
hold is doubtful: it is asked again, or a person looks. Similarity decides only which line an item is about, never
whether it is true: 59 and 99 look alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from endcloud.evolution.clusters import alike
from endcloud.facts import Fact, contradictions, facts_in, stated
from endcloud.numerals import normalise

Kind = Literal["example", "label", "lesson"]
Finding = Literal["untrue", "doubtful"]
_SAME_RULE = 0.5  # likeness from which an added line is the new form of a removed one
_PART = 0.9  # share of a line's words from which it is a part of another
_SAME_NUMBER = 0.2  # what a number in common adds to the likeness of two rules
_ABOUT = 0.1  # likeness below which no line speaks of an item's matter
_SURELY_ABOUT = 0.3  # likeness from which an item is about a rule although it states none of its facts
_SAME_QUESTION = 0.9  # likeness from which two questions are one
_VERY_SAME = 0.999
_NEARLY = 0.5  # share of the nearest line's likeness from which another line may as well be the one
_WORDS = re.compile(r"[一-鿿a-z]")
_HAN = re.compile(r"[一-鿿]{2}")
_CAN = frozenset(["可以", "能", "会", "支持", "允许", "接受", "提供", "有", "是", "需", "需要"])
_PARTICLES = frozenset("哦呢吧啊呀吗嘛啦哈亲的了")
_MANNER = frozenset(
    " #元天小时的了吗呢啊呀吧哦么嘛是我你您他她它们这那和与或就都也还要请亲哈给到后内在有可以能什怎多少几问一下谢店家"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One changed rule. `old` is empty for a new rule, `new` for one that was struck out; a rule that became several
    has them line by line in `new`."""

    old: str
    new: str

    def __str__(self) -> str:
        if not self.old:
            return f"new: {self.new}"
        return f"{self.old} → {self.new.replace(chr(10), ' / ') or 'struck out'}"


@dataclass(frozen=True, slots=True)
class Item:
    """Something that says what a right reply is: `kind` is a recorded `example`, a cloud's `label`, or a `lesson`.

    `id` is the name it is retired by; a label goes by its example's. Texts are masked.
    """

    id: str
    kind: Kind
    question: str
    reply: str


@dataclass(frozen=True, slots=True)
class Found:
    """An item that an edit concerns and the change it is about. `why` says in a few words what is untrue of it, or
    doubtful; `reason` is the whole sentence."""

    item: Item
    change: Change
    finding: Finding
    why: str

    @property
    def reason(self) -> str:
        return f"{self.why} ({self.change})"


def changes(before: Sequence[str], after: Sequence[str]) -> list[Change]:
    """The rules that an edit changed; a line that only moved, or has another full stop, is none of them."""
    stood, stands = set(map(_words, before)), set(map(_words, after))
    removed = [line for line in dict.fromkeys(before) if _words(line) not in stands]
    added = [line for line in dict.fromkeys(after) if _words(line) not in stood]
    pairs: dict[str, list[str]] = {old: [] for old in removed}
    left = _paired(pairs, added, _likeness)
    for new in tuple(left):  # one of several that a rule became
        whole = max(removed, key=lambda old: _part_of(new, old), default="")
        if whole and _part_of(new, whole) >= _PART:
            pairs[whole].append(new)
            left.remove(new)
    for old in [old for old in removed if not pairs[old]]:  # one of several that became one rule
        whole = max(added, key=lambda new: _part_of(old, new), default="")
        if whole and _part_of(old, whole) >= _PART:
            pairs[old].append(whole)
    left = _paired(pairs, left, _kinship)
    return [*(Change(old, "\n".join(new)) for old, new in pairs.items()), *(Change("", new) for new in left)]


def _paired(pairs: dict[str, list[str]], added: Sequence[str], measure: Callable[[str, str], float]) -> list[str]:
    """Gives each removed line that has none yet the new line most like it, most alike first; returns what is left."""
    left = list(added)
    alike = {(old, new): measure(old, new) for old, found in pairs.items() if not found for new in left}
    for (old, new), how in sorted(alike.items(), key=lambda entry: -entry[1]):
        if how >= _SAME_RULE and not pairs[old] and new in left:
            pairs[old].append(new)
            left.remove(new)
    return left


def superseded(
    items: Sequence[Item], before: Sequence[str], after: Sequence[str], rows: Sequence[str] = ()
) -> list[Found]:
    """What of `items` the edit from `before` to `after` concerns, in their order.

    `rows` are what else the shop states and did not change: its products. An item that is about one of them is not
    about a rule.
    """
    edited = changes(before, after)
    if not edited or not items:
        return []
    lines = [*dict.fromkeys(before), *(change.new for change in edited if not change.old), *rows]
    of_line = {change.old or change.new: change for change in edited}
    likeness = _Likeness(lines).of(items)
    standing = frozenset(fact for line in (*after, *rows) for fact in facts_in(line))
    found = (
        _finding(item, [(of_line.get(line), how) for line, how in zip(lines, row.tolist(), strict=True)], standing)
        for item, row in zip(items, likeness, strict=True)
    )
    return [one for one in found if one is not None]


def corrected(items: Sequence[Item], question: str, right: str, poor: str) -> list[Found]:
    """What of `items` a person's correction replaces: answers to the same question that state what it took back.

    `poor` was said to `question`, and `right` is what a person put in its place. Where the question is the very same,
    an answer that contradicts the correction goes too; one that is only alike may be about another city or product.
    """
    change = Change(poor, right)
    found: list[Found] = []
    for item in items:
        how = alike(item.question, question)
        if how < _SAME_QUESTION:
            continue
        gone: list[Fact | str] = [*stated_of_the_removed(item.reply, change)]
        gone += sorted(contradictions(item.reply, right)) if how > _VERY_SAME else []
        if gone:
            told = "、".join(dict.fromkeys(map(str, gone)))
            found.append(Found(item, change, "untrue", f"states {told}, which a person has corrected"))
    return found


def _finding(item: Item, likeness: Sequence[tuple[Change | None, float]], standing: frozenset[Fact]) -> Found | None:
    """What the edit says of one item, given how like each line it is and which of the lines changed."""
    best = max(how for _, how in likeness)
    for change, how in sorted(likeness, key=lambda entry: -entry[1]):
        if change is None:
            continue
        gone = stated_of_the_removed(item.reply, change)
        told = "、".join(map(str, gone))
        if gone and how == best >= _ABOUT:
            return Found(item, change, "untrue", f"states {told}, which the rules no longer say")
        unbacked = any(isinstance(fact, Fact) and fact.kind != "yes/no" and fact not in standing for fact in gone)
        if gone and (how >= max(_ABOUT, _NEARLY * best) or unbacked):
            return Found(item, change, "doubtful", f"states {told}, and may be about a changed rule")
        if how == best >= _SURELY_ABOUT and _open(item.reply, change):
            return Found(item, change, "doubtful", "is about a changed rule, and says it in other words")
    return None


def stated_of_the_removed(reply: str, change: Change) -> list[Fact | str]:
    """The facts of `reply` that the old text states and the new one lacks: numbers, yes or no, and names."""
    said = _stated(reply)
    lacking = [fact for fact in facts_in(change.old) if _lacks(change.new, fact)]
    words = normalise(reply)
    return [
        *sorted({mine for fact in lacking for mine in said if mine.agrees(fact)}),
        *sorted(word for word in _names_gone(change) if word in words),
    ]


def says_the_new(reply: str, change: Change) -> bool:
    """Whether a reply states what the new text says in the place of the old; true where it says nothing new."""
    back = Change(change.new, change.old)
    anything = [fact for fact in facts_in(change.new) if _lacks(change.old, fact)] or _names_gone(back)
    return not anything or bool(stated_of_the_removed(reply, back))


def _lacks(new: str, fact: Fact) -> bool:
    """Whether the new text no longer says `fact`. 可以, 能 and 支持 are said for one another: of these it must say the
    opposite, or nothing at all."""
    said = facts_in(new)
    if new and fact.kind == "yes/no" and fact.value in _CAN:
        return Fact(fact.kind, fact.value, "no" if fact.unit == "yes" else "yes") in said
    return not any(fact.agrees(other) for other in said)


def still_true(found: Found, now: str) -> bool:
    """Whether what the cloud answers to a doubtful item's question `now` says again what made it doubtful."""
    if found.finding == "untrue":
        return False
    reply = found.item.reply
    said = {*stated_of_the_removed(reply, found.change), *contradictions(reply, found.change.new)}
    confirmed = {one for one in said if (one in normalise(now) if isinstance(one, str) else one in _stated(now))}
    return said == confirmed and not contradictions(reply, now) and not contradictions(now, reply)


def _stated(reply: str) -> frozenset[Fact]:
    """The facts of a reply, which states where it ends on 呢 and does not ask."""
    return facts_in(reply.replace("呢", ""))


def _open(reply: str, change: Change) -> bool:
    """Whether a reply about a changed rule, stating nothing of its old text, may be untrue all the same."""
    if contradictions(reply, change.new):
        return True
    new = facts_in(change.new)
    if any(fact.agrees(other) for fact in _stated(reply) for other in new):
        return False  # it says what holds now
    return bool(change.old) and not _only_numbers(change)


def _only_numbers(change: Change) -> bool:
    """Whether old and new differ in numbers alone: who states none of them, says nothing untrue."""
    return _numberless(change.old) == _numberless(change.new)


def _numberless(text: str) -> str:
    return re.sub(r"\d+(?:\.\d+)?", "#", normalise(text))


def _names_gone(change: Change) -> set[str]:
    """The name that an edit put another one in the place of, such as a courier's, as pairs of characters.

    Where more than one place of a sentence reads otherwise it was worded anew, and nobody can tell names from words.
    """
    old, new = normalise(change.old), normalise(change.new)
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    edits = [
        step for step in steps if step[0] != "equal" and _WORDS.search(old[step[1] : step[2]] + new[step[3] : step[4]])
    ]
    if len(edits) != 1 or not new or edits[0][0] == "insert":
        return set()
    _, start, end, *_ = edits[0]  # of 您承担 → 我们承担 only 您 was struck out: it is seen by its neighbours
    return _telling(old[start:end], new) or _telling(old[max(0, start - 1) : end + 1], new)


def _telling(piece: str, new: str) -> set[str]:
    """The pairs of characters of `piece` that say something and that the new text lacks."""
    pairs = set(map("".join, pairwise(piece)))
    said = {pair for pair in pairs if _HAN.fullmatch(pair) and pair not in new}
    return {pair for pair in said if not set(pair) <= _MANNER and not _PARTICLES & set(pair)}


def _words(line: str) -> str:
    """A rule as it is compared: without marks."""
    return re.sub(r"\W+", "", normalise(line)) or line


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, normalise(one), normalise(other), autojunk=False).ratio()


def _part_of(part: str, whole: str) -> float:
    """How much of the words of one line stand in another, in their order."""
    words = _words(part)
    blocks = SequenceMatcher(None, words, _words(whole), autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(words)


def _kinship(one: str, other: str) -> float:
    """Likeness, helped by a number that both state: a rule worded anew has little else in common with the old one."""
    return _likeness(one, other) + (_SAME_NUMBER if stated(one) & stated(other) else 0.0)


class _Likeness:
    """How like a text is to each of some lines: cosine of character n-grams."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._vectorizer = TfidfVectorizer(analyzer=_grams, sublinear_tf=True, dtype=np.float32)
        self._rows = self._vectorizer.fit_transform(lines)

    def of(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """(items, lines), in [0, 1]: by what was asked and what was answered, since a customer says 邮费 where the
        rule says 运费."""
        texts = [f"{item.question} {item.reply}" for item in items]
        return np.asarray((self._vectorizer.transform(texts) @ self._rows.T).toarray(), dtype=np.float32)


def _grams(text: str) -> list[str]:
    """What a text is about, as character n-grams: without its numbers, since an edit must not decide by them which
    line an item is about, and without the manner of speaking."""
    text = re.sub(r"[^\w\[\]]+", " ", _numberless(text))
    grams = (text[at : at + size] for size in (1, 2, 3) for at in range(len(text) - size + 1))
    return [gram for gram in grams if not _MANNER & set(gram) and not gram.isspace()]

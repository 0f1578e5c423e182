"""A conversation masked, and text restored: the one function that ingest, serving and upload use.

Values are numbered by first appearance in the conversation, in the order in which they become complete; the
same value, however it is spelled, keeps one placeholder. A value that was recognised once (a name after its
cue) is masked wherever else it stands in the conversation. The map back to the values lives in the
`ConversationMask` and nowhere else: it is rebuilt from the conversation, never stored and never shown.

**Marks of recorded corpora.** A corpus that was desensitised by its publisher holds marks instead of values.
Cleaning brings each to the one form `[种类x]`; with `corpus_marks=True` a mark of `PERSONAL_MARKS` is numbered
like the value it stands for (all marks of a kind are one value: the publisher dropped what told them apart),
and any other (`数字`, `金额`, `日期`, `时间`, `商品快照` …) becomes `<种类>`, which is never numbered nor restored.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from endcloud.errors import UnrestorableError
from endcloud.privacy import numbers
from endcloud.privacy.detection import Detector
from endcloud.privacy.finding import Finding, in_order
from endcloud.privacy.normalisation import view
from endcloud.privacy.placeholders import FORGED, KINDS, OPENING, PLACEHOLDER, canonical, number_of, read, write
from endcloud.privacy.split_numbers import CROSSED_OUT, Part, split_numbers
from endcloud.privacy.split_values import split_values
from endcloud.types import Message

#: The kinds of corpus marks that stand for personal values, and the kind their placeholders get.
PERSONAL_MARKS: Mapping[str, str] = {kind: kind for kind in KINDS if kind != FORGED} | {"ORDERID": "订单"}

#: `[种类x]`; a personal kind and JDDC's bare marks also without the x, an order's also as `[ORDERID_1…]`.
_MARK = re.compile(
    rf"\[(?P<kind>[一-鿿A-Za-z]{{1,10}}(?:\([一-鿿]{{1,4}}\))?)x\]"
    rf"|\[(?P<bare>{'|'.join(PERSONAL_MARKS)}|商品快照|父原始)\]|\[(?P<order>ORDERID)_[0-9]{{1,12}}\]"
)

_IMPERSONAL = re.compile(r"<[一-鿿A-Za-z]{1,10}(?:\([一-鿿]{1,4}\))?>")

# Kinds that a cue gave away: without the cue the detector would miss the value, so it is looked for by itself.
_CUED_KINDS = frozenset(("姓名", "微信", "QQ", "支付宝", "订单", "运单", "电话"))
_MOST_REMEMBERED = 64  # such values a conversation, so that a hostile one costs no more than its length
_ROUNDS = 3  # readings until no further value is recognised


@dataclass(frozen=True, slots=True)
class ConversationMask:
    """A masked conversation and the way back (`protocols.MaskedConversation`).

    `counts` says how many stretches of text were hidden, by kind. The values do not appear in its repr.
    """

    messages: tuple[Message, ...]
    counts: Mapping[str, int]
    placeholders: frozenset[str]
    detector: str
    _values: Mapping[str, str] = field(repr=False)
    _originals: Mapping[str, str] = field(repr=False)

    def restore(self, text: str) -> str:
        """Puts the real values back into `text`.

        A masked message of this conversation comes back exactly as it was; in any other text a placeholder
        becomes the first spelling of its value. Placeholders that were in the conversation before it was
        masked stay as they are. Raises UnrestorableError for a placeholder not in the conversation.
        """
        if text in self._originals:
            return self._originals[text]
        return PLACEHOLDER.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        placeholder = canonical(match)
        if placeholder in self._values:
            return self._values[placeholder]
        if placeholder in self.placeholders:
            return placeholder
        raise UnrestorableError(
            f"The reply holds the placeholder {placeholder!r}, which the conversation does not: do not show it, "
            "ask again or hand over to a person."
        )


class ConversationMasker:
    """Masks conversations with one detector (`protocols.Masker`)."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.detector = detector.digest

    def mask(
        self,
        messages: Sequence[Message],
        *,
        placeholders: frozenset[str] = frozenset(),
        corpus_marks: bool = False,
    ) -> ConversationMask:
        """Masks a conversation, first message to last; see `protocols.Masker.mask`."""
        texts = [message.content for message in messages]
        marks = [_marks(text) if corpus_marks else [] for text in texts]
        numbering = _Numbering(placeholders)
        found = self._find(texts, [message.role for message in messages], marks, placeholders, numbering)
        masked = tuple(
            Message(message.role, numbering.replace(message.content, findings))
            for message, findings in zip(messages, found, strict=True)
        )
        originals = {new.content: old.content for new, old in reversed(list(zip(masked, messages, strict=True)))}
        return ConversationMask(
            messages=masked,
            counts=Counter(finding.kind for findings in found for finding in findings if finding.kind[0] != "<"),
            placeholders=frozenset(mark for message in masked for mark in read(message.content)),
            detector=self.detector,
            _values=numbering.values,
            _originals={} if corpus_marks else originals,
        )

    def unrestorable(self, context: Sequence[Message], reply: str) -> bool:
        """Whether the (masked) reply holds a placeholder that its (masked) context lacks.

        A `<数字>` counts too: where the context has none, nobody can say what the number was.
        """
        wanted = _masks(reply)
        return bool(wanted) and not wanted <= {mask for message in context for mask in _masks(message.content)}

    def _find(
        self,
        texts: Sequence[str],
        roles: Sequence[str],
        marks: Sequence[list[Finding]],
        placeholders: frozenset[str],
        numbering: _Numbering,
    ) -> list[list[Finding]]:
        """What is hidden in each text, sorted and apart; every value has its number when this returns."""
        extra = [list(found) for found in marks]
        found = extra
        completed: dict[tuple[int, int], int] = {}
        parts = _split(texts, roles, found)
        for _ in range(_ROUNDS):
            for part in parts:
                extra[part.text].append(part.finding)
                completed[part.text, part.finding.start] = part.completed_by
            found = [self._with_findings(text, extra[at], placeholders) for at, text in enumerate(texts)]
            order = sorted(
                (completed.get((at, finding.start), at), at, finding.start, finding)
                for at, findings in enumerate(found)
                for finding in findings
            )
            for _, at, _, finding in order:
                numbering.placeholder(finding.kind, texts[at][finding.start : finding.end])
            known = numbering.known_by_cue()
            again = [_again(text, found[at], known) for at, text in enumerate(texts)] if known else []
            for at, findings in enumerate(again):
                extra[at] += findings
            parts = _split(texts, roles, [[*findings, *extra[at]] for at, findings in enumerate(found)])
            if not parts and not any(again):
                break
        return found

    def _with_findings(self, text: str, extra: list[Finding], placeholders: frozenset[str]) -> list[Finding]:
        """`extra` and what the detector finds beside it, sorted and apart."""
        extra = in_order(extra)
        found = self._detector.find(text, placeholders, tuple((part.start, part.end) for part in extra))
        if found and found[0].end - found[0].start == len(text):
            return list(found)
        return in_order([*extra, *found])


class _Numbering:
    """Gives each value its placeholder; the same value, however it is spelled, gets the same."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.values: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}
        self._last: Counter[str] = Counter()
        for placeholder in taken:
            kind, number = number_of(placeholder)
            self._last[kind] = max(self._last[kind], number)

    def placeholder(self, kind: str, value: str) -> str:
        """The placeholder of `value`; `<…>` kinds are their own."""
        if kind.startswith("<"):
            return kind
        same = _same(kind, value)
        if same not in self._placeholders:
            self._last[kind] += 1
            self._placeholders[same] = write(kind, self._last[kind])
            self.values[self._placeholders[same]] = value
        return self._placeholders[same]

    def replace(self, text: str, findings: Iterable[Finding]) -> str:
        pieces = []
        at = 0
        for finding in findings:
            pieces += [text[at : finding.start], self.placeholder(finding.kind, text[finding.start : finding.end])]
            at = finding.end
        return "".join([*pieces, text[at:]])

    def known_by_cue(self) -> dict[str, str]:
        """The values that were recognised by their cue, longest first, and their kinds."""
        kinds = {
            value: number_of(placeholder)[0]
            for placeholder, value in self.values.items()
            if number_of(placeholder)[0] in _CUED_KINDS and len(value) >= 2 and "[" not in value
        }
        return {value: kinds[value] for value in sorted(kinds, key=len, reverse=True)[:_MOST_REMEMBERED]}


def _same(kind: str, value: str) -> str:
    """What two spellings of one value have in common."""
    if kind == FORGED or value.startswith("["):
        return f"{kind} {value}"
    plain = view(value).text
    compact = re.sub(r"[\W_]", "", plain).lower()
    digits = numbers.spoken(compact) if kind in ("电话", "号码", "身份证号", "银行卡") else compact
    return digits.removeprefix("0086").removeprefix("86") if len(digits) > 11 and kind == "电话" else digits or value


def _masks(text: str) -> set[str]:
    """Every mask in a masked text, personal or not."""
    return {*read(text), *_IMPERSONAL.findall(text)}


def _marks(text: str) -> list[Finding]:
    """The corpus marks of `text`, as findings of the kind that replaces them."""
    return [Finding(_kind_of(mark), *mark.span()) for mark in _MARK.finditer(text)]


def _kind_of(mark: re.Match[str]) -> str:
    kind = mark["kind"] or mark["bare"] or mark["order"]
    return PERSONAL_MARKS.get(kind, f"<{kind}>")


def _again(text: str, found: Iterable[Finding], known: Mapping[str, str]) -> list[Finding]:
    """Where a `known` value stands in the rest of `text`, without the cue that gave it away elsewhere."""
    pattern = re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, known))})(?![0-9A-Za-z])")
    again = []
    at = 0
    for start, end in [*((finding.start, finding.end) for finding in found), (len(text), len(text))]:
        again += [Finding(known[match[0]], *match.span()) for match in pattern.finditer(text, at, start)]
        at = end
    return again


def _split(texts: Sequence[str], roles: Sequence[str], found: Sequence[Sequence[Finding]]) -> list[Part]:
    """The parts of values that were written in two messages, or in two lines of one (turns of one side are read
    together), in what is not masked already."""
    if any("\n" in text for text in texts):
        return _split_lines(texts, roles, found)
    if len(texts) < 2:
        return []
    masked = [_masked(*pair) for pair in zip(texts, found, strict=True)]
    parts = split_numbers([_crossed_out(*pair) for pair in zip(texts, masked, strict=True)], roles)
    taken = {(part.text, part.finding.start) for part in parts}
    more = split_values(texts, masked, roles, [in_order(some) for some in found])
    return [*parts, *(part for part in more if (part.text, part.finding.start) not in taken)]


def _split_lines(texts: Sequence[str], roles: Sequence[str], found: Sequence[Sequence[Finding]]) -> list[Part]:
    """The same, every line being a message of its own."""
    lines = [(at, start, line) for at, text in enumerate(texts) for start, line in _lines(text)]
    within = [
        [
            Finding(one.kind, max(one.start, start) - start, min(one.end, start + len(line)) - start)
            for one in found[at]
            if one.start < start + len(line) and one.end > start
        ]
        for at, start, line in lines
    ]
    parts = _split([line for _, _, line in lines], [roles[at] for at, _, _ in lines], within)
    return [
        Part(at, Finding(part.finding.kind, part.finding.start + start, part.finding.end + start), completing)
        for part in parts
        for (at, start, _), (completing, _, _) in [(lines[part.text], lines[part.completed_by])]
    ]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Where each line that is not empty begins, and the line."""
    for match in re.finditer(r"[^\n]+", text):
        yield match.start(), match[0]


def _masked(text: str, found: Sequence[Finding]) -> list[tuple[int, int]]:
    """The spans of `text` that are masked already, sorted and apart."""
    spans = [(finding.start, finding.end) for finding in found]
    if OPENING.search(text):
        spans += [mark.span() for mark in PLACEHOLDER.finditer(text)]
    apart: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def _crossed_out(text: str, masked: Sequence[tuple[int, int]]) -> str:
    """`text` with what is masked already crossed out, every other character in its place."""
    if not masked:
        return text
    letters = list(text)
    for start, end in masked:
        letters[start:end] = CROSSED_OUT * (end - start)
    return "".join(letters)

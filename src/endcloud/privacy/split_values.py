"""Values that begin in one message and end in the same side's next one, where letters or a cue tell what they are.

`split_numbers` knows what checksum and shape tell of digits alone. Here a passport, an e-mail address or a chat
account is put together, and whatever a word in front of the first piece announces (QQ 530 | 1674242); a number that was
masked at a message's end and goes on in the next is masked there too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from endcloud.privacy import accounts, addresses, codes, cues, english_names, names, numbers
from endcloud.privacy.checksums import is_resident
from endcloud.privacy.finding import Finding
from endcloud.privacy.normalisation import BARRIER, view
from endcloud.privacy.simplified import simplified
from endcloud.privacy.split_numbers import Part

_EDGE = 72  # characters of a message's beginning and end that are looked at
_LETTERS = "A-Za-z0-9_@.+-"
_TAIL = re.compile(rf"(?P<piece>[{_LETTERS}]{{2,40}})[^\w\x00]{{0,3}}$")
_HEAD = re.compile(
    rf"[^\w@\x00]{{0,3}}(?P<piece>[{_LETTERS}]{{2,40}})(?! ?(?:元|块|rmb|[件个条双套米克次人万%月日号寸]))"
)
_CUES = {
    "QQ": re.compile(cues.QQ),
    "微信": re.compile(cues.WECHAT),
    "订单": re.compile(r"(?:[订定]单|单号|单子|交易号|流水号|(?i:\border))"),
    "运单": re.compile(r"(?:快递|运单|物流|包裹|(?i:tracking|parcel|package))"),
    "证件": re.compile(r"(?:护照|证件|(?i:passport|\bssn?\b|\bsocial\b|soc\.? ?sec))"),
    "号码": re.compile(r"会员"),
    "电话": re.compile(r"(?:电话|手机|座机|号码|(?i:phone|mobile|\bcall\b|\btext me))"),
}
_SIZES = {
    "QQ": (5, 12),
    "微信": (6, 24),
    "订单": (6, 24),
    "运单": (8, 24),
    "证件": (8, 11),
    "号码": (8, 20),
    "电话": (10, 13),
}
_GLUED = frozenset(("qq", "vx", "wx"))  # a cue that the digits touch
_EMAIL = re.compile(r"[\w.%+-]{2,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}")
_ASKED = {
    "订单": ("订单号:", re.compile(r"[订定]单|单号|(?i:order (?:id|number|no))")),
    "运单": ("快递单号:", re.compile(r"快递单|运单|物流单|(?i:tracking)")),
    "证件": ("ssn ", re.compile(r"护照|(?i:passport|\bssn?\b|\bsocial\b)")),
    "QQ": ("QQ", re.compile(cues.QQ)),
    "微信": ("微信:", re.compile(cues.WECHAT)),
    "支付宝": ("支付宝:", re.compile(cues.ALIPAY)),
    "姓名": (
        "姓名:",
        re.compile(
            r"姓名|名字|怎么称呼|(?:收件|收货|联系|签收|寄件)人|贵姓|哪位|称呼[您你]"
            r"|(?i:\bname\b|speaking (?:with|to)|who is this|whose|who (?:should|will|am)|recipient)"
        ),
    ),
}
_ANSWER = 40  # characters that an answer has at most
_GOES_ON = frozenset(("QQ", "微信", "支付宝", "订单", "运单", "证件", "号码", "电话", "银行卡"))
_WHOLE = re.compile(r"1[3-9][0-9]{9}|(?=.*[0-9])[0-9]{16,19}")
_BARE = re.compile(r"[0-9]{2,19}")
_SHORTEST, _LONGEST = 7, 21  # digits of a number in two messages that nothing announces


def split_values(
    texts: Sequence[str],
    masked: Sequence[Sequence[tuple[int, int]]],
    roles: Sequence[str],
    found: Sequence[Sequence[Finding]],
) -> list[Part]:
    """The pieces that are not masked yet. `masked` are the spans (sorted, apart) that are, `found` what was found.

    All is read in views in which a masked span is one sign, so that a masked conversation is read as the plain one was.
    """
    seen = [view(text, spans) for text, spans in zip(texts, masked, strict=True)]
    plain = [simplified(one.text) for one in seen]
    parts: list[Part] = []
    last: dict[str, int] = {}

    def part(at: int, kind: str, start: int, end: int, completed_by: int) -> None:
        parts.append(Part(at, Finding(kind, *seen[at].original(start, end)), completed_by))

    for at, role in enumerate(roles):
        before = last.get(role)
        last[role] = at
        if at and roles[at - 1] != role and (one := _answered(plain[at - 1], plain[at])):
            part(at, *one, at)
        if before is None:
            continue
        if across := _address_across(plain[before], plain[at]):
            part(before, *across[0], at)
            part(at, *across[1], at)
            continue
        head = _HEAD.match(plain[at])
        if head is None:
            continue
        kind = _going_on(texts[before], found[before], head["piece"], len(plain[at].strip()))
        tail = _tail(plain[before]) if kind is None else None
        if tail is not None:
            asked = plain[before - 1] if before else ""
            kind = _kind(tail[1], head["piece"], plain[before][: tail[0]], asked)
            if kind is not None:
                part(before, kind, tail[0], tail[0] + len(tail[1]), at)
        if kind is not None:
            part(at, kind, *head.span("piece"), at)
    return parts


def _tail(text: str) -> tuple[int, str] | None:
    """Where the piece begins that `text` ends with, and the piece, without a cue that touches its digits."""
    match = _TAIL.search(text, max(0, len(text) - _EDGE))
    if match is None:
        return None
    start, piece = match.start("piece"), match["piece"]
    if piece[:2].lower() in _GLUED and piece[2:].isdigit():
        return start + 2, piece[2:]
    return start, piece


def _kind(tail: str, head: str, said: str, asked: str) -> str | None:
    """What `tail` and `head` are together: by their shape, or by the word before them or in what was asked."""
    head, whole = head.rstrip(".-"), tail + head.rstrip(".-")
    if "@" in whole and _EMAIL.fullmatch(whole):
        return "邮箱"
    for one in (*accounts.find(whole, frozenset()), *codes.find(whole)):
        if one.kind in ("证件", "信用代码", "运单") and one.end - one.start == len(whole):
            return one.kind
    if len(whole) == 18 and is_resident(whole.upper()):
        return "身份证号"
    has_digit = any(sign.isdigit() for sign in head)
    near = said[-32:] + "\n" + (asked if len(said.strip()) <= 6 else "")
    for kind, cue in _CUES.items():
        least, most = _SIZES[kind]
        digits = sum(sign.isdigit() for sign in whole)
        if not (cue.search(near) and least <= len(whole) <= most) or "@" in whole:
            continue
        if (kind == "微信" and whole.isascii() and len(head) >= 3) or (has_digit and digits >= min(least, 5)):
            return kind
    first, second = (re.sub(r"[+.-]", "", piece) for piece in (tail, head))
    bare = _BARE.fullmatch(first) and _BARE.fullmatch(second) and max(len(first), len(second)) >= 4
    return "号码" if bare and _SHORTEST <= len(first + second) <= _LONGEST else None


def _answered(question: str, answer: str) -> tuple[str, int, int] | None:
    """What of a short `answer` is personal because of what `question` asks for: kind, start and end."""
    if len(answer) > _ANSWER or BARRIER in answer:
        return None
    for known, sign in _ASKED.values():
        if not sign.search(question, max(0, len(question) - _EDGE)):
            continue
        cue = "name: " if known == "姓名:" and answer.isascii() else known
        read = cue + answer.strip()
        shift = len(cue) - (len(answer) - len(answer.lstrip()))
        found = [
            *accounts.find(read, frozenset()), *codes.find(read), *numbers.find(read, frozenset()),
            *names.find(read), *english_names.find(read),
        ]  # fmt: skip
        spans = [(one.kind, max(one.start, len(cue)) - shift, one.end - shift) for one in found if one.end > len(cue)]
        if spans:
            return max(spans, key=lambda span: span[2] - span[1])
    return None


def _address_across(before: str, after: str) -> tuple[tuple[str, int, int], tuple[str, int, int]] | None:
    """An address that begins at the end of `before` and ends in the beginning of `after`."""
    start = max(0, len(before) - _EDGE)
    first, second = before[start:].rstrip(" ,，。."), after[:_EDGE]
    between = " " if first[-1:].isascii() and second[:1].isascii() else ""
    border = len(first)
    for one in addresses.find(first + between + second):
        if one.start < border < one.end - len(between):
            return ("地址", start + one.start, start + border), ("地址", 0, one.end - border - len(between))
    return None


def _going_on(text: str, found: Sequence[Finding], head: str, length: int) -> str | None:
    """The kind of a value that `text` ends with and that may go on in `head`: a longer number, or the whole message."""
    if not found or len(text) - found[-1].end > 3:
        return None
    ended = found[-1]
    digits = sum(sign.isdigit() for sign in head)
    if ended.kind not in _GOES_ON or _WHOLE.fullmatch(text[ended.start : ended.end]):
        return None
    return ended.kind if digits >= 3 or (digits >= 2 and length <= len(head) + 1) else None

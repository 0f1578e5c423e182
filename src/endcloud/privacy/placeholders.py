"""What a mask looks like: `[电话_1]`, and how one is recognised in text that comes back from a model.

The grammar is the whole contract between masking and restoring, so it stands alone:

- `[种类_n]` is the exact form that masking writes; `[档案_电话_1]` and `[实时_…]` are slots of their own for
  values from memory and look-ups.
- A model sometimes returns a mask slightly bent (`【电话 1】`, `[电话_ 1]`). For the kinds we know such forms
  are read as the mask they mean; otherwise a customer would be shown a mask instead of a value.
- The same pattern finds forged masks in raw text. Because masking hides every string that restoring would
  read as a mask, whatever is restored was put there by us.
- `<数字>` is the form of a recorded corpus' marks for things that are not personal: never numbered, never
  restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Kinds whose values identify a person or can be used to reach one.
KINDS = (
    "电话", "身份证号", "银行卡", "邮箱", "地址", "订单", "运单", "微信", "QQ", "支付宝", "姓名", "证件",
    "信用代码", "车牌", "坐标", "生日", "号码", "站点", "链接", "组织机构", "标记",
)  # fmt: skip

#: The kind of a literal mask found in raw text: somebody's forgery, or a mask quoted by a customer.
FORGED = "标记"

#: The longest string that can be a mask, in characters: what a streaming reader must be ready to hold back.
LONGEST = 32

_OPENERS, _CLOSERS = "[［【〔", "]］】〕"
_OPEN, _CLOSE = re.escape(_OPENERS), re.escape(_CLOSERS)
_KNOWN = "|".join(sorted(KINDS, key=len, reverse=True))
_NUMBER = r"[0-9０-９]{1,6}"

#: The exact form with any kind, or a bent form of a kind we know. Every quantifier is bounded.
PLACEHOLDER = re.compile(
    r"\[(?P<exact>(?:[一-鿿]{1,4}_){0,1}[一-鿿A-Za-z]{1,8}_[0-9]{1,6})\]"
    rf"|[{_OPEN}] {{0,2}}(?P<slot>(?:档案|实时) {{0,2}}[_＿-] {{0,2}})?(?P<kind>{_KNOWN}) {{0,2}}[_＿-]? {{0,2}}"
    rf"(?P<number>{_NUMBER}) {{0,2}}[{_CLOSE}]"
)

#: Where a mask could begin: a text without one needs no closer look.
OPENING = re.compile(f"[{_OPEN}]")

#: A mask of a known kind that was begun and never closed, at the end of a text.
_UNFINISHED = re.compile(
    rf"[{_OPEN}] {{0,2}}(?:(?:档案|实时)[_＿-])?(?:{_KNOWN}) {{0,2}}[_＿-]? {{0,2}}[0-9]{{0,6}} {{0,2}}$"
)


def write(kind: str, number: int) -> str:
    """The mask of the `number`-th value (from 1) of `kind`."""
    return f"[{kind}_{number}]"


def canonical(match: re.Match[str]) -> str:
    """The exact form of a mask that `PLACEHOLDER` matched."""
    if match["exact"]:
        return match[0]
    slot = match["slot"][:2] + "_" if match["slot"] else ""
    return f"[{slot}{match['kind']}_{int(match['number'])}]"


def read(text: str) -> Iterator[str]:
    """Every mask in `text`, in its exact form, in order, with repetitions."""
    return (canonical(match) for match in PLACEHOLDER.finditer(text))


def number_of(placeholder: str) -> tuple[str, int]:
    """`[电话_3]` is ("电话", 3)."""
    kind, _, number = placeholder[1:-1].rpartition("_")
    return kind, int(number)


def open_at(text: str) -> int:
    """Where a mask may have begun that is not closed yet; the length of `text` if none has."""
    start = max(text.rfind(mark) for mark in _OPENERS)
    if start < 0 or len(text) - start >= LONGEST or any(mark in text[start:] for mark in _CLOSERS):
        return len(text)
    return start


def is_unfinished(text: str) -> bool:
    """Whether `text` ends in a mask that was begun and never closed."""
    return _UNFINISHED.search(text[-LONGEST:]) is not None

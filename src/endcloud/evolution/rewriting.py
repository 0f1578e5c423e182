"""What an edit of the rules teaches by itself: the old answers, with the new value in the place of the old.

Where an owner only puts one number or one name in the place of another (满59元包邮 → 满88元包邮), an answer that was
good before is good again once it states the new one: nobody has to be asked. That holds only where the answer does not
hang on the question: to 我买了70元的，包邮吗 the old answer was yes, and with 88 in it it would be wrong. So where the
customer stated a number, or anybody a value that the edit touches, nothing is rewritten; the cloud is asked about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from endcloud.evolution.superseding import Change, says_the_new, stated_of_the_removed
from endcloud.numerals import normalise
from endcloud.types import Message

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PLACEHOLDER = re.compile(r"\[[^\[\]]{1,12}_\d+\]")
_NAME = re.compile(r"[一-鿿A-Za-z]+")


def rewritten(messages: Sequence[Message], reply: str, change: Change) -> str:
    """`reply` to `messages` as the new rule would have it; empty where that cannot be told. All text is masked."""
    values = swapped(change)
    said = normalise("\n".join(message.content for message in messages))
    theirs = normalise("\n".join(message.content for message in messages if message.role == "user"))
    stated = any(value in said for pair in values.items() for value in pair)
    if not values or stated or _NUMBER.search(_PLACEHOLDER.sub("", theirs)):
        return ""
    if set(_NUMBER.findall(normalise(reply))) - set(_NUMBER.findall(normalise(change.old))):
        return ""  # a number that the rule does not give was worked out from it: 还差9元
    found = _swap(reply, values)
    if found == reply or stated_of_the_removed(found, change) or not says_the_new(found, change):
        return ""
    return found


def swapped(change: Change) -> dict[str, str]:
    """The values that an edit put others in the place of, new by old; empty where it did anything else."""
    if not change.old or not change.new or "\n" in change.new:
        return {}
    return _numbers(normalise(change.old), normalise(change.new)) or _name(change.old, change.new)


def _numbers(old: str, new: str) -> dict[str, str]:
    """Where nothing but numbers differs, and each stands everywhere for the same one."""
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        return {}
    pairs = set(zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=True))
    values = dict(pairs)
    one_for_one = len(values) == len(pairs) == len(set(values.values()))
    return {one: other for one, other in values.items() if one != other} if one_for_one else {}


def _name(old: str, new: str) -> dict[str, str]:
    """Where one name stands in another's place. Of 中通 → 圆通 only 中 differs: a name has two characters or more."""
    steps = [step for step in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if step[0] != "equal"]
    if len(steps) != 1 or steps[0][0] != "replace":
        return {}
    _, start, end, from_, to = steps[0]
    behind = 0 if min(end - start, to - from_) >= 2 else 1
    one, other = old[start : end + behind], new[from_ : to + behind]
    return {one: other} if len(one) > 1 and _NAME.fullmatch(one) and _NAME.fullmatch(other) else {}


def _swap(reply: str, values: dict[str, str]) -> str:
    """All values at once, so that of 7 → 15 and 15 → 30 none is changed twice; a number only as a whole."""
    longest = sorted(values, key=len, reverse=True)
    pattern = "|".join(
        rf"(?<![\d.]){re.escape(one)}(?!\.?\d)" if one[0].isdigit() else re.escape(one) for one in longest
    )
    return re.sub(pattern, lambda match: values[match[0]], reply)

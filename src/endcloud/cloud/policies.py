"""The shop's current rules, in the owner's words, and which of them a text is about.

`policies.md` stands in the cloud's prompt before the examples: a newer truth supersedes. Two questions are asked of
it: which lines lie near a question (they are part of the answer cache's key, so that an edited line is asked again
and nothing else is), and whether a recorded pair agrees with the lines it is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from endcloud.errors import SourceError
from endcloud.facts import Fact, contradictions, unsupported
from endcloud.numerals import normalise

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*+•·]|\d{1,2}[.、)])\s*")
# Two characters say what a text is about only if neither belongs to the manner of asking.
_FUNCTION_WORDS = frozenset(
    "的了吗呢啊呀吧哦么嘛是不我你您他她它们有在这那和与或就都也还要会能可以请问一下什怎几多少亲哈给吗个到"
)
_ABOUT = re.compile(r"[一-鿿a-z]{2}")


class Policies:
    """The rules as lines, oldest first. Falsy where there are none."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self.lines = tuple(lines)

    def __bool__(self) -> bool:
        return bool(self.lines)

    def near(self, text: str) -> tuple[str, ...]:
        """The lines that speak of what `text` speaks of; all of them where none does, which is the safe side.

        Each line is judged by itself, so editing one never moves another in or out.
        """
        about = topics(text)
        near = tuple(line for line in self.lines if topics(line) & about)
        return near or self.lines

    def agree(self, question: str, reply: str) -> bool:
        """Whether no fact of `reply` says otherwise than the rules that the question and the reply are about."""
        return not self.contradicted(question, reply)

    def contradicted(self, question: str, reply: str, sources: Sequence[str] = ()) -> frozenset[Fact]:
        """The facts of `reply` that the rules about question and reply say otherwise, and that none of `sources`
        states (catalogue rows, the customer's own words)."""
        about = topics(question) | topics(reply)
        near = [line for line in self.lines if len(topics(line) & about) >= 2]
        wrong = {fact for fact in contradictions(reply, "\n".join(near)) if fact.kind != "yes/no"}
        return frozenset(wrong & unsupported(reply, sources)) if wrong else frozenset()


@lru_cache(maxsize=65_536)
def topics(text: str) -> frozenset[str]:
    """The pairs of neighbouring characters that carry meaning: 发货, 运费, 退货 …"""
    text = normalise(text)
    pairs = (text[i : i + 2] for i in range(len(text) - 1))
    return frozenset(pair for pair in pairs if _ABOUT.fullmatch(pair) and not _FUNCTION_WORDS & set(pair))


def read_policies(path: Path) -> Policies:
    """Reads a Markdown file of rules: one line a rule; headings, comments and quotes are not rules."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"The policies {str(path)!r} cannot be read ({error}); write them as UTF-8 text.") from error
    lines = (_BULLET.sub("", line).strip() for line in _COMMENT.sub("", text).splitlines())
    return Policies([line for line in lines if line and not line.startswith(("#", ">", "---", "```"))])

"""Lets a reply out clause by clause, each checked before it is shown: what was shown is never taken back.

A clause is checked together with all that came before it, so that a forbidden word or a number cannot hide by
being cut in two. The checks know nothing of where the text comes from: an end reply, a cloud reply and an agent's
draft pass the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from endcloud.facts import unsupported
from endcloud.serving.intents import promises_a_person

_ADDRESS = re.compile(
    r"(?:(?:(?:亲爱的|尊敬的)(?:顾客|客户|朋友|亲)?|亲|[您你]好|hello|hi|dear(?:\s+customer)?)[呀哦哈啊~～]*[，,、！!。.\s]*)+",
    re.IGNORECASE,
)
"""Words that only address the customer: 亲，您好！"""
_CLAUSE_END = re.compile(r"[。！？!?；;\n…]+[”’」』）)\"']*|[，、:：](?!\d)|,(?!\d)")


class Withheld(Exception):
    """A clause failed its check. `shown` is what the customer has read of the reply already."""

    def __init__(self, reason: str, shown: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.shown = shown


class PersonPromised(Withheld):
    """The clause says that a person is on the way. Only the service can bring that about, and it says so itself."""


class Check(Protocol):
    """Looks at a reply as far as it goes; an empty answer lets it pass, any other says what is wrong."""

    def problem(self, text: str, sources: Sequence[str]) -> str: ...


@dataclass(frozen=True)
class ForbiddenWords:
    """Words that a reply must not hold, such as the superlatives that advertising law forbids.

    `allowed` are longer words that hold a forbidden one and mean no harm: 第一次 holds 第一.
    """

    words: tuple[str, ...]
    allowed: tuple[str, ...] = ()

    def problem(self, text: str, sources: Sequence[str]) -> str:
        for harmless in self.allowed:
            text = text.replace(harmless, "\0" * len(harmless))
        found = next((word for word in self.words if word in text), "")
        return f"forbidden word {found!r}" if found else ""


@dataclass(frozen=True)
class StatedFacts:
    """Numbers, dates, sizes and materials that nobody told: neither the conversation, nor the rules, nor a product.

    `rules` are the shop's policy lines and catalogue rows; where a shop has none there is nothing to check against.
    """

    rules: tuple[str, ...]

    def problem(self, text: str, sources: Sequence[str]) -> str:
        if not self.rules:
            return ""
        unknown = unsupported(text, [*sources, *self.rules])
        return "unsupported fact " + "、".join(sorted(map(str, unknown))) if unknown else ""


class Release:
    """One reply on its way out. `sources` are the texts whose facts it may repeat.

    What only addresses the customer is no clause: shown alone, before a clause that fails, it would be all that they
    read. A `whole` reply is let out at its end, and nothing of it before.
    """

    def __init__(self, checks: Sequence[Check], sources: Sequence[str], *, whole: bool = False) -> None:
        self._checks = checks
        self._sources = sources
        self._whole = whole
        self._waiting = ""
        self.shown = ""

    def feed(self, piece: str, *, last: bool = False) -> str:
        """What can be shown now: whole clauses, and at the end the rest. Raises Withheld where a check fails."""
        self._waiting += piece
        end = len(self._waiting) if last else 0 if self._whole else _last_clause_end(self._waiting)
        if not end or (not last and not self.shown and _ADDRESS.fullmatch(self._waiting[:end])):
            return ""
        clause, self._waiting = self._waiting[:end], self._waiting[end:]
        if promises_a_person(self.shown + clause):
            raise PersonPromised("a person was promised", self.shown)
        for check in self._checks:
            if reason := check.problem(self.shown + clause, self._sources):
                raise Withheld(reason, self.shown)
        self.shown += clause
        return clause


def _last_clause_end(text: str) -> int:
    """Where the last clause that is surely over ends: something must follow a closing mark that may be doubled."""
    return max((match.end() for match in _CLAUSE_END.finditer(text) if match.end() < len(text)), default=0)

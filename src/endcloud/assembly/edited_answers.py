"""What of the answers that an edit made untrue it answers anew by itself, and what the cloud is asked again.

The cloud is asked only where putting the new value in the place of the old would not do (`evolution.rewriting`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from endcloud.evolution.rewriting import rewritten

if TYPE_CHECKING:
    from endcloud.assembly.superseding import Edit
    from endcloud.evolution.superseding import Change, Found
    from endcloud.types import Example

_BEST_FIRST = ("lesson", "label", "example")  # a recorded reply was checked by nobody


def rewritten_answers(edit: Edit) -> dict[str, tuple[Found, str]]:
    """By question: the answer that states what no longer holds, and its words by the new rule. In an order that is the
    same each time, and that of no question's age."""
    answered: dict[str, tuple[Found, str]] = {}
    for found in sorted(edit.untrue, key=lambda one: (_BEST_FIRST.index(one.item.kind), _drawn(one.item.id))):
        answer = edit.answers[found.item.id]
        if answer.root in answered:
            continue
        if words := rewritten(answer.example.messages, found.item.reply, found.change):
            answered[answer.root] = found, words
    return answered


def at_most(rewritten: Iterable[tuple[Found, str]], most: int) -> Iterator[tuple[Found, str]]:
    """Up to `most` for each change."""
    taken: Counter[Change] = Counter()
    for found, reply in rewritten:
        taken[found.change] += 1
        if taken[found.change] <= most:
            yield found, reply


def asked_again(edit: Edit, most: int, answered: Container[str]) -> list[Example]:
    """The questions that the cloud is asked again, but for those that are `answered`: for each change up to `most`,
    doubtful ones first, then those to which more than one answer gave the old rule, since a single one may have been
    beside the point, and with little context before many words; the same ones each time."""
    answers = Counter(edit.answers[one.item.id].root for one in edit.untrue)

    def order(found: Found) -> tuple[int, int, bytes]:
        answer = edit.answers[found.item.id]
        return -answers[answer.root], len(answer.example.messages), _drawn(answer.root)

    taken: dict[Change, int] = defaultdict(int)
    asked: dict[str, Example] = {}
    said: set[tuple[str, ...]] = set()
    for found in (*edit.doubtful, *sorted(edit.untrue, key=order)):
        answer = edit.answers[found.item.id]
        words = tuple(message.content for message in answer.example.messages)
        known = answer.root in asked or answer.root in answered or words in said
        if taken[found.change] < most and not known:
            asked[answer.root] = replace(answer.example, id=name_of(answer.root, edit.number), reply="")
            taken[found.change] += 1
            said.add(words)
    return list(asked.values())


def name_of(root: str, number: int) -> str:
    """What a question is called when it is answered anew by the rules of this number."""
    return f"{root}~{number}"


def _drawn(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=8).digest()

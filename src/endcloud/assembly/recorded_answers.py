"""Everything a shop has that says what a right reply is: recorded replies, the cloud's answers, lessons.

A newer truth is held against all of it, and what it has made untrue is retired by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from endcloud.evolution.clusters import question_of
from endcloud.evolution.superseding import Item, Kind
from endcloud.types import Example, Message

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.rounds import Lesson


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer as an item that may be retired, and the question it answers as an example that can be asked again.

    `root` names the question: a recorded reply and the cloud's answer to it have one root.
    """

    item: Item
    example: Example
    root: str


def recorded_answers(evolution: Evolution, retired: Collection[str]) -> list[RecordedAnswer]:
    """All of them but what is `retired`: examples, then the cloud's answers, then lessons, each oldest first."""
    shop = evolution.shop
    examples = shop.recorded() if shop.directory.corpus.is_dir() else []
    found = [
        RecordedAnswer(_item(one.id, "example", one), one, one.id)
        for one in examples
        if one.id not in retired and not one.excluded and one.reply.strip()
    ]
    found += _labels(evolution, {one.id: one for one in examples})
    for lesson in evolution.lessons.all():
        if lesson.id not in retired and lesson.approval != "rejected":
            taught = lesson.example()
            found.append(RecordedAnswer(_item(lesson.id, "lesson", taught), taught, lesson.turn or _root(lesson.id)))
    return found


def newer_truths(shop: Shop) -> list[Lesson]:
    """What holds today, newer than the recorded replies: people's corrections, and what was answered after an edit.

    What the cloud said to a customer is none of it: it would be shown its own words as the truth.
    """
    from endcloud.evolution.replay import teachable
    from endcloud.store.lessons import StoredLessons, StoredRetirements

    lessons = teachable(StoredLessons(shop.database).all(), StoredRetirements(shop.database).items())
    return [lesson for lesson in lessons if not lesson.turn or lesson.origin == "human"]


def newer_replies(truths: Iterable[Lesson]) -> dict[str, str]:
    """The newer replies that stand in the place of recorded ones that were retired, by example."""
    return {_root(lesson.id): lesson.reply for lesson in truths if not lesson.turn}


def _labels(evolution: Evolution, examples: dict[str, Example]) -> Iterator[RecordedAnswer]:
    """The cloud's answers that hold: to examples (also asked in other ways, `ID/way`), and to customers (`TURN`)."""
    shop = evolution.shop
    for name, label in shop.labels.standing().items():
        root = label.example.split("/")[0].split("~")[0]
        asked = examples.get(root) or _of_customer(evolution, root)
        if asked is not None:
            answered = replace(asked, reply=label.text)
            yield RecordedAnswer(_item(name, "label", answered), answered, root)


def _of_customer(evolution: Evolution, turn: str) -> Example | None:
    """A customer's query alone, masked; None where it is not there any more."""
    query = evolution.conversations.turn(turn)
    if query is None or not query.text.strip():
        return None
    messages = evolution.shop.masker.mask([Message("user", query.text)]).messages
    return Example(turn, query.conversation, "", messages, "", "natural", "served", "train")


def _item(name: str, kind: Kind, example: Example) -> Item:
    return Item(name, kind, question_of(example.messages), example.reply)


def _root(lesson: str) -> str:
    """The question of a lesson that no served reply stands behind: `lesson:ROOT~NUMBER`."""
    return lesson.removeprefix("lesson:").split("~")[0]

"""A newer truth supersedes: an edit of policies.md, or a person's correction, retires what says otherwise.

An edit is what lies between the rules as they were last recorded and policies.md as it is. What it has made untrue is
retired; what is doubtful is asked of the cloud again, or waits for a reviewer. Old answers in which the new value can
simply take the old one's place become lessons like that, some of the others are asked again: so the new rule is learned
before customers meet the old. The new rules are recorded last, so that a worker that was killed does the same once
more: all of it is rows by name, written once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from endcloud.assembly.edited_answers import asked_again, at_most, name_of, rewritten_answers
from endcloud.assembly.lessons import ask
from endcloud.assembly.recorded_answers import RecordedAnswer, recorded_answers
from endcloud.errors import LockedError
from endcloud.evolution.clusters import Clusters, question_of
from endcloud.evolution.lessons import approval_of, part_of, refusal
from endcloud.evolution.superseding import (
    Change,
    Found,
    changes,
    says_the_new,
    stated_of_the_removed,
    still_true,
    superseded,
)
from endcloud.rounds import Lesson, Retirement

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.protocols import Label
    from endcloud.rounds import Round
    from endcloud.types import Example

_AT_ONCE = 500  # answers held against the rules between two steps of the bar
_FEW = 5  # rules that may be struck out of the shortest file
_SHOWN = 20  # sentences in a round's figures; all are in `endcloud policies history`


@dataclass(frozen=True)
class Edit:
    """An edit of the rules that the shop's answers were not held against to the end yet.

    `number` is that of the rules to be recorded; `untrue` and `doubtful` are what it concerns, with `answers` by name.
    """

    number: int
    changes: list[Change]
    untrue: list[Found]
    doubtful: list[Found]
    answers: dict[str, RecordedAnswer]

    @property
    def by(self) -> str:
        """How its retirements are signed."""
        return f"rules {self.number}"


@dataclass
class Outcome:
    """What an edit did: `retired` by name and reason, `kept` doubtful items that the cloud confirms, `waiting` ones
    that a reviewer must look at, `taught` questions answered by the new rule, now lessons, `rewritten` those of them
    about which nobody was asked. `postponed` says that the cloud could not be asked now: what is untrue is retired, the
    rest is done again by whoever comes next."""

    changes: list[Change] = field(default_factory=list)
    retired: list[Found] = field(default_factory=list)
    kept: int = 0
    waiting: int = 0
    taught: int = 0
    rewritten: int = 0
    notes: list[str] = field(default_factory=list)
    postponed: bool = False

    def figures(self) -> dict[str, int]:
        """The numbers, for a round's row and for `--json`."""
        return {
            "retired": len(self.retired),
            "confirmed by the cloud": self.kept,
            "waiting for a reviewer": self.waiting,
            "lessons on the new rules": self.taught,
            "of them by the edit alone": self.rewritten,
        }


def sentence(found: Found) -> str:
    """A retirement in a few words; which rule it is about stands beside."""
    return f"{found.item.kind} {found.item.id.removeprefix(f'{found.item.kind}:')}: {found.why}"


def apply(evolution: Evolution, round: Round) -> dict[str, Any]:
    """What every round begins with: the owner's edits, then people's corrections; returns its figures.

    They say which rules changed and what was retired and why, the first of it by name.
    """
    from endcloud.assembly.correcting import correct

    outcome = carry_out(evolution, round.number)
    found = correct(evolution, round)
    numbers = outcome.figures() | {"replaced by corrections": len(found)}
    figures = {
        "a newer truth": {name: number for name, number in numbers.items() if number},
        "rules changed": [str(change) for change in outcome.changes],
        "no longer true": [sentence(one) for one in (*outcome.retired, *found)][:_SHOWN],
        "notes on the rules": outcome.notes,
    }
    return {name: value for name, value in figures.items() if value}


def carry_out(evolution: Evolution, round: int, *, whatever_is_gone: bool = False) -> Outcome:
    """Holds all answers against the edit, if there is one, and records the rules as they are now.

    What is retired is not taken back; so where most of the rules are gone, as in a file that is being written or was
    emptied by mistake, nothing is done and the outcome says so, unless `whatever_is_gone`.
    """
    shop = evolution.shop
    try:
        with shop.directory.lock("policies"):
            reread(shop)
            if not whatever_is_gone and (note := _mostly_gone(evolution)):
                return Outcome(notes=[note])
            edit = pending(evolution)
            outcome = _carried_out(evolution, edit, round) if edit else Outcome()
            if not outcome.postponed:
                evolution.policy_texts.record(shop.policies.lines, evolution.clock.now())
            return outcome
    except LockedError as error:
        return Outcome(notes=[str(error)])


def _mostly_gone(evolution: Evolution) -> str:
    """The sentence that says that most rules are gone; empty where they are not."""
    recorded, path = evolution.policy_texts.latest(), evolution.shop.directory.policies
    before = recorded.lines if recorded else ()
    struck_out = sum(not change.new for change in changes(before, evolution.shop.policies.lines))
    if struck_out <= max(_FEW, len(before) / 2):
        return ""
    return (
        f"{struck_out} of {len(before)} rules are gone from {str(path)!r}, so nothing was retired; restore the file, or"
        " run `endcloud policies diff --all-gone` if that is meant."
    )


def pending(evolution: Evolution) -> Edit | None:
    """The edit since the rules were last recorded, and what it concerns; None where nothing changed, or nothing was
    recorded yet. Changes nothing."""
    shop, recorded = evolution.shop, evolution.policy_texts.latest()
    before, after = () if recorded is None else recorded.lines, shop.policies.lines
    if recorded is None or not (edited := changes(before, after)):
        return None
    number = recorded.number + 1
    by = f"rules {number}"
    retired = frozenset(one.item for one in evolution.retirements.all() if one.by != by)
    answers = recorded_answers(evolution, retired)
    rows = [row.text for row in shop.catalogue.rows]
    found: list[Found] = []
    with shop.progress.task("answers held against the edited rules", len(answers), "answer") as task:
        for start in range(0, len(answers), _AT_ONCE):
            some = answers[start : start + _AT_ONCE]
            found += superseded([answer.item for answer in some], before, after, rows)
            task.advance(len(some), concerned=len(found))
    return Edit(
        number,
        edited,
        [one for one in found if one.finding == "untrue"],
        [one for one in found if one.finding == "doubtful"],
        {answer.item.id: answer for answer in answers},
    )


def remember(evolution: Evolution) -> None:
    """Records the rules where none were recorded yet, so that the next edit can be held against them."""
    if evolution.policy_texts.latest() is None:
        evolution.policy_texts.record(evolution.shop.policies.lines, evolution.clock.now())


def reread(shop: Shop) -> None:
    """Has the shop see its rules and goods as the files say now; what the cloud is told of them too."""
    held = shop.policies.lines, shop.catalogue.rows
    for name in ("policies", "catalogue"):
        shop.__dict__.pop(name, None)
    if (shop.policies.lines, shop.catalogue.rows) != held:
        shop.__dict__.pop("teacher", None)


# ------------------------------------------------------------------------------------------- one edit


def _carried_out(evolution: Evolution, edit: Edit, round: int) -> Outcome:
    # Asked with the old pairs, which are retired after: a teacher without any pair on a matter is a worse one; the
    # rules in its prompt win over them, and an answer that states what was taken back is refused.
    settings, concerned, rewritten = evolution.settings, _by_root(edit), {}
    if settings.rewritten:
        rewritten = rewritten_answers(edit)
    asked = asked_again(edit, settings.asked_again, rewritten)
    already = evolution.retirements.items() & {one.item.id for one in edit.untrue}
    notes = ask(evolution, asked, reuse=False, still_shown=already)
    labels = evolution.shop.labels.of(name_of(root, edit.number) for root in concerned)
    if _unanswered(evolution.shop, asked, labels):
        _retire(evolution, edit.untrue, edit.by)
        notes.append(
            f"Of {len(asked)} questions on the edited rules most could not be put to the cloud now; what is untrue is "
            "retired, and they are asked at the beginning of the next round."
        )
        return Outcome(edit.changes, list(edit.untrue), notes=notes, postponed=True)
    desk = _Settling(evolution, edit, round)
    for root, found in concerned.items():
        desk.settle(found, labels.get(name_of(root, edit.number)))
    desk.learn(at_most(rewritten.values(), settings.rewritten))
    evolution.lessons.add(desk.lessons)
    _retire(evolution, desk.retired, edit.by)
    evolution.shop.__dict__.pop("teacher", None)  # it shows what is retired no more
    waiting = sum(lesson.reply == lesson.poor for lesson in desk.lessons)
    by_edit = sum(lesson.origin == "edit" for lesson in desk.lessons)
    return Outcome(edit.changes, desk.retired, desk.kept, waiting, len(desk.lessons) - waiting, by_edit, notes)


def _unanswered(shop: Shop, asked: Sequence[Example], labels: Mapping[str, Label]) -> bool:
    """Whether a cloud that is set up has answered less than half of what it was asked: an outage, or no money."""
    from endcloud.cloud.label_plan import TRANSIENT

    settings = shop.settings.cloud
    found = [labels.get(one.id) for one in asked]
    without = sum(one is None or one.reason in TRANSIENT for one in found)
    return bool(settings.base_url and settings.model) and 2 * without > len(asked)


class _Settling:
    """What becomes of each question that an edit concerns, once the cloud was asked again."""

    def __init__(self, evolution: Evolution, edit: Edit, round: int) -> None:
        self._evolution, self._edit, self._round = evolution, edit, round
        known = evolution.lessons.all()
        self._clusters = Clusters((lesson.cluster, question_of(lesson.messages)) for lesson in known)
        self.lessons: list[Lesson] = []
        self.retired: list[Found] = []
        self.kept = 0

    def settle(self, found: Sequence[Found], label: Label | None) -> None:
        """`found` are all answers to one question; `label` is what the cloud says to it now, if it was asked.

        What the cloud confirms is kept; what it does not goes. Its new answer is a lesson; where there is none, words
        that may still hold are a lesson only if a reviewer says so.
        """
        reply = self._good(found[0], label)
        gone = [one for one in found if one.finding == "untrue" or not reply or not still_true(one, reply)]
        self.kept += len(found) - len(gone)
        self.retired += gone
        unsure = [one for one in gone if one.finding == "doubtful"]
        if gone and reply:
            self._teach(gone[0], reply, "pseudo")
        elif unsure:
            self._teach(unsure[0], unsure[0].item.reply, "pseudo")

    def learn(self, rewritten: Iterable[tuple[Found, str]]) -> None:
        """Old answers with the new value in them are lessons, where the rules as they are now agree."""
        answered = {lesson.id for lesson in self.lessons}
        for found, reply in rewritten:
            answer = self._edit.answers[found.item.id]
            new = f"lesson:{name_of(answer.root, self._edit.number)}" not in answered
            if new and self._evolution.shop.policies.agree(answer.example.query, reply):
                self._teach(found, reply, "edit")

    def _good(self, found: Found, label: Label | None) -> str:
        """The cloud's new answer, if it may be learned and says what holds now, not what the edit took back."""
        shop, example = self._evolution.shop, self._edit.answers[found.item.id].example
        text = label.text if label is not None else ""
        why = refusal(
            label,
            unrestorable=shop.masker.unrestorable(example.messages, text),
            against_the_rules=not shop.policies.agree(example.query, text),
        )
        beside = found.finding == "untrue" and not says_the_new(text, found.change)  # it answers another matter
        return "" if why or beside or stated_of_the_removed(text, found.change) else text

    def _teach(self, found: Found, reply: str, origin: Literal["pseudo", "edit"]) -> None:
        answer, settings = self._edit.answers[found.item.id], self._evolution.settings
        example, name = answer.example, f"lesson:{name_of(answer.root, self._edit.number)}"
        cluster = self._clusters.of(question_of(example.messages))
        unsure = reply == found.item.reply
        self.lessons.append(
            Lesson(
                name,
                "",
                example.dialogue,
                example.subject,
                cluster,
                part_of(cluster, settings.held_out_share),
                example.messages,
                reply,
                found.item.reply,
                origin,
                (f"its old answer {found.reason}",),
                "waiting" if unsure else approval_of(name, settings.approval, human=False),
                self._round,
                self._evolution.clock.now(),
            )
        )


def _by_root(edit: Edit) -> dict[str, list[Found]]:
    """What an edit concerns, by the question that it answers."""
    grouped: dict[str, list[Found]] = defaultdict(list)
    for found in (*edit.untrue, *edit.doubtful):
        grouped[edit.answers[found.item.id].root].append(found)
    return grouped


def _retire(evolution: Evolution, found: Sequence[Found], by: str) -> None:
    at = evolution.clock.now()
    evolution.retirements.add([Retirement(one.item.id, one.reason, by, at) for one in found])

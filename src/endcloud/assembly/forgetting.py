"""A customer is forgotten in a whole shop: rows, recorded examples, files that quote them; the ledger gets the proof.

Order matters where a process may be killed: first the versions that learned from them are marked, since that can be
told only while the names of their examples are known; the recorded examples go last, so that the same command finds
what is left. What erasing cannot undo, weights that learned, is named: `retraining` makes versions without them.
"""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from endcloud.types import Example

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.rounds import Lesson
    from endcloud.store.customers import StoredCustomers
    from endcloud.store.forgetting import Person
    from endcloud.types import AdapterVersion

MARK = "learned_from_forgotten"
"""The figure that says of a version that somebody it learned from was forgotten."""
_SHORTEST_QUOTE = 6  # characters: shorter words stand in any text, and say nothing of anybody
_QUOTING = {".json", ".jsonl", ".csv", ".md", ".html", ".svg", ".txt"}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What came of it: `erased` counts rows, examples and files by kind; `files` are what was removed, within the shop.

    `versions` learned from this customer, themselves or by a version that they came from, and so did `scorers` (trained
    by `endcloud scorers train`). `logs` are the files that the corpus was read from, which are not the shop's to erase.
    """

    subject: str
    erased: dict[str, int]
    files: tuple[str, ...]
    versions: tuple[str, ...]
    scorers: tuple[str, ...]
    logs: tuple[str, ...]


def forget(shop: Shop, customer: str) -> Forgotten:
    """Erases all that the shop keeps of a customer and writes the proof into its ledger.

    Raises LockedError, and erases nothing, while the corpus is being prepared.
    """
    with shop.directory.lock("corpus"):
        found = _Found.of(shop, customer)
        mark_learned(shop, found.items)
        files = [*_erase_quotes(shop, found.quotes), *(_erase_made_of(shop, found) if found.items else ())]
        counted = found.customers.forget(customer, found.person)
        if found.examples:
            from endcloud.corpus.erasing import erase_subject

            counted["examples"] = erase_subject(shop.directory.corpus, found.person.subject)
        shop.database.scrub()
        erased = {kind: number for kind, number in (counted | {"files": len(files)}).items() if number}
        versions = tuple(one.digest for one in must_be_trained_again(shop) if found.taught(one))
        shop.ledger.forgotten(found.person.subject, erased, versions)
    for part in ("teacher", "scorer"):  # they hold the examples as they were
        shop.__dict__.pop(part, None)
    within = [path.relative_to(shop.directory.root).as_posix() for path in files]
    scorers, logs = (_scorers(shop), _logs(shop)) if found.examples else ((), ())
    return Forgotten(found.person.subject, counted | {"files": len(files)}, tuple(within), versions, scorers, logs)


def must_be_trained_again(shop: Shop) -> list[AdapterVersion]:
    """The versions here that learned from somebody who was forgotten, or came from such a version."""
    versions = shop.versions.all()
    marked = {one.digest for one in versions if shop.versions.metrics(one.digest).get(MARK)}
    parents = {one.digest: one.parent for one in versions}

    def touched(digest: str) -> bool:
        while digest in parents:
            if digest in marked:
                return True
            digest = parents[digest]
        return False

    return [one for one in versions if touched(one.digest)]


def subject_in(shop: Shop, customer: str) -> str:
    """The keyed hash under which a customer's examples, lessons and proofs stand."""
    from endcloud.corpus.examples import subject_of

    return subject_of(customer, shop.directory.key())


def forgotten_on(shop: Shop, customer: str) -> str:
    """The day of the newest proof that a customer was forgotten; empty where there is none."""
    subject = subject_in(shop, customer)
    return next((f"{one.at:%Y-%m-%d}" for one in shop.ledger.proofs() if one.subject == subject), "")


def recorded_of(shop: Shop, customer: str) -> list[Example]:
    """The training examples, masked, made of what a customer said in recorded dialogues."""
    from endcloud.corpus.erasing import examples_of_subject

    if not (shop.directory.corpus / "manifest.json").is_file():
        return []
    return examples_of_subject(shop.directory.corpus, subject_in(shop, customer))


def lessons_of(shop: Shop, customer: str) -> list[Lesson]:
    """The lessons, masked, made of what a customer was answered."""
    from endcloud.assembly.customers import customers_of
    from endcloud.store.forgetting import Person
    from endcloud.store.lessons import StoredLessons

    dialogues = frozenset(one.dialogue for one in recorded_of(shop, customer))
    names = customers_of(shop).lessons(Person(customer, subject_in(shop, customer), dialogues=dialogues))
    return [one for one in StoredLessons(shop.database).all() if one.id in names]


def mark_learned(shop: Shop, items: Collection[str]) -> list[str]:
    """Marks the versions that learned any of these examples or lessons; returns their digests."""
    found = [one.digest for one in shop.versions.all() if learned(one, items)]
    for digest in found:
        shop.versions.measure(digest, {MARK: True})
    return found


def mark_what_is_gone(shop: Shop, version: AdapterVersion) -> None:
    """Marks a version while whose training somebody was forgotten, if any of its examples is no longer there."""
    from endcloud.store.lessons import StoredLessons

    here = {one.id for one in StoredLessons(shop.database).all()}
    if shop.directory.corpus.is_dir():
        here |= {one.id for one in shop.recorded()}
    if any(name not in here and name.partition("/")[0] not in here for name in version.examples):
        shop.versions.measure(version.digest, {MARK: True})


def learned(version: AdapterVersion, items: Collection[str]) -> bool:
    """Whether a version learned one of these; an example learned by its cloud reply is named ID/cloud."""
    return any(name in items or name.partition("/")[0] in items for name in version.examples)


@dataclass(frozen=True)
class _Found:
    """What there is of a customer: `items` are the ids of their examples and lessons, `quotes` words theirs alone."""

    shop: Shop
    person: Person
    examples: tuple[Example, ...]
    items: frozenset[str]
    quotes: frozenset[str]

    @classmethod
    def of(cls, shop: Shop, customer: str) -> _Found:
        from endcloud.store.forgetting import Person

        recorded, lessons = recorded_of(shop, customer), [one.example() for one in lessons_of(shop, customer)]
        taught = [*recorded, *lessons]
        alone = _theirs_alone(shop, customer, {*_served(shop, customer), *(t for one in taught for t in _texts(one))})
        person = Person(
            customer,
            subject_in(shop, customer),
            frozenset(one.id for one in recorded),
            frozenset(one.dialogue for one in recorded),
            frozenset(one.query for one in taught) & alone,
            frozenset(_as_shown(one) for one in taught if {one.query, one.reply} & alone),
        )
        quotes = frozenset(text for text in alone if len(text) >= _SHORTEST_QUOTE)
        return cls(shop, person, tuple(recorded), frozenset(one.id for one in taught), quotes)

    @property
    def customers(self) -> StoredCustomers:
        from endcloud.store.customers import StoredCustomers

        return StoredCustomers(self.shop.database)

    def taught(self, version: AdapterVersion) -> bool:
        """Whether a version, or one that it came from, learned from this customer."""
        from endcloud.assembly.candidates import lineage

        return any(learned(one, self.items) for one in lineage(self.shop, version.digest))


def _served(shop: Shop, customer: str) -> Iterator[str]:
    """What a customer said here, as they said it."""
    from endcloud.store.conversations import StoredConversations

    conversations = StoredConversations(shop.database)
    for name in conversations.of_customer(customer):
        yield from (turn.text for turn in conversations.turns(name) if turn.speaker == "customer")


def _theirs_alone(shop: Shop, customer: str, texts: Collection[str]) -> frozenset[str]:
    from endcloud.corpus.erasing import theirs_alone

    said = {text for text in texts if text.strip()}
    if not said or not (shop.directory.corpus / "manifest.json").is_file():
        return frozenset(said)
    return theirs_alone(shop.directory.corpus, subject_in(shop, customer), said)


def _texts(example: Example) -> Sequence[str]:
    return [example.reply, *(message.content for message in example.messages)]


def _as_shown(example: Example) -> str:
    """A pair as a teacher's prompt shows it."""
    from endcloud.cloud.persona import ANSWER, QUESTION, one_line

    return f"{QUESTION}{one_line(example.query)}\n{ANSWER}{one_line(example.reply)}"


def _erase_quotes(shop: Shop, quotes: Collection[str]) -> list[Path]:
    """Removes files that quote a customer: of an evaluation the whole folder, which draws them as pictures too."""
    gone: list[Path] = []
    for folder in (shop.directory.results, shop.directory.root / "reviews", shop.directory.work):
        for path in sorted(folder.rglob("*")):
            if path.suffix not in _QUOTING or not path.is_file() or not _quotes(path, quotes):
                continue
            whole = folder / path.relative_to(folder).parts[0] if folder == shop.directory.results else path
            gone.append(whole)
            _remove(whole)
    return gone


def _quotes(path: Path, quotes: Collection[str]) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return any(form in text for quote in quotes for form in {quote, html.escape(quote), *_in_json(quote)})


def _in_json(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _erase_made_of(shop: Shop, found: _Found) -> list[Path]:
    """What was computed from their examples and is made again at need: kept replies, half trainings, stand-in scorers,
    versions that were trained only to be measured."""
    work, models = shop.directory.work, shop.directory.models
    gone = [path for path in (work / "gate", work / "replies") if path.is_dir()]
    gone += [*work.glob("checkpoint-*.safetensors"), *_trials(shop, found.items)]
    if found.examples:
        gone += [path.parent for path in models.glob("*/recipe.json")]
        gone += work.glob("in-domain-*")
    for path in gone:
        _remove(path)
    return gone


def _trials(shop: Shop, items: Collection[str]) -> list[Path]:
    from endcloud.end.versions import VersionDirectory

    trials = VersionDirectory(shop.directory.work / "trials")
    return [trials.path(one.digest) for one in trials.all() if learned(one, items)]


def _scorers(shop: Shop) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in shop.directory.models.glob("in-domain-*")))


def _logs(shop: Shop) -> tuple[str, ...]:
    from endcloud.corpus.dataset import manifest

    return tuple(entry.name for entry in manifest(shop.directory.corpus).sources)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

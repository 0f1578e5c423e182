"""A file masked as the shop would, to see what its patterns and its allow-list do; nothing is stored or sent.

Dialogues in any format that `endcloud corpus` reads are masked conversation by conversation. Of any other text every
line is a message by itself: a table with other columns, or a list of examples that somebody wrote down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcloud.assembly.masking import allowed_values, masker_of
from endcloud.errors import SourceError
from endcloud.types import Message

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.privacy.masking import ConversationMasker

_AROUND = 16  # characters on either side of what is masked


@dataclass(frozen=True, slots=True)
class Masked:
    """One stretch that would be masked: `at` is its line, or dialogue and message; `context` is the masked text."""

    at: str
    kind: str
    placeholder: str
    value: str
    context: str


@dataclass
class Trial:
    """What would be masked in a file. `allowed` counts by value what only the allow-list leaves; `unused` are patterns
    of the shop that found nothing; `malformed` lines could not be read."""

    read_as: str
    strict: bool
    messages: int = 0
    touched: int = 0
    malformed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)
    unused: list[str] = field(default_factory=list)
    masked: list[Masked] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        counted = {"kinds": dict(self.kinds), "allowed": dict(self.allowed)}
        return {**vars(self), **counted, "masked": [asdict(one) for one in self.masked]}


def try_out(shop: Shop, path: Path, *, format: str = "auto", strict: bool = False) -> Trial:
    """Masks the messages of a file. Raises SourceError for one that is missing, empty, or not in a `format` named."""
    masker, bare = masker_of(shop, strict=strict), masker_of(shop, strict=strict, allow=False)
    allowed = allowed_values(shop)
    trial = Trial("", strict)
    for at, messages, marks in _conversations(path, format, trial):
        trial.messages += len(messages)
        found = list(_masked(masker, at, messages, marks))
        trial.masked += found
        trial.kinds.update(one.kind for one in found)
        trial.touched += len({one.at for one in found})
        if allowed:
            values = Counter(one.value for one in _masked(bare, at, messages, marks))
            values.subtract(one.value for one in found)
            trial.allowed.update({value: count for value, count in values.items() if count > 0})
    trial.unused = [name for name in shop.settings.privacy.patterns if not trial.kinds[name]]
    return trial


def _masked(masker: ConversationMasker, at: str, messages: Sequence[Message], marks: bool) -> Iterator[Masked]:
    from endcloud.privacy.placeholders import PLACEHOLDER, canonical, number_of

    conversation = masker.mask(messages, corpus_marks=marks)
    for number, message in enumerate(conversation.messages, start=1):
        where = at if len(messages) == 1 else f"{at}:{number}"
        for mark in PLACEHOLDER.finditer(message.content):
            placeholder, text = canonical(mark), message.content
            context = text[max(0, mark.start() - _AROUND) : mark.end() + _AROUND].replace("\n", " ")
            value = conversation.restore(placeholder)
            yield Masked(where, number_of(placeholder)[0], placeholder, value, context)


def _conversations(path: Path, format: str, trial: Trial) -> Iterator[tuple[str, Sequence[Message], bool]]:
    """(where, messages, whether they hold a publisher's marks) of each conversation of the file."""
    from endcloud.corpus.readers.notes import Notes
    from endcloud.corpus.readers.recognition import all_readers, choose_reader
    from endcloud.corpus.readers.source import find_sources
    from endcloud.corpus.readers.table import TableReader

    notes = Notes()
    for source in find_sources([path]):
        try:
            reader = choose_reader(source, format, all_readers(TableReader()))
        except SourceError:
            if format != "auto" or not source.head().strip():
                raise
            trial.read_as = "lines"
            lines = ((number, line) for number, line in source.lines(notes) if line.strip())
            yield from ((str(number), (Message("user", line),), False) for number, line in lines)
        else:
            trial.read_as = reader.name
            for number, dialogue in enumerate(reader.read(source, notes), start=1):
                yield f"dialogue {number}", dialogue.messages, reader.marks
        trial.malformed = notes.malformed

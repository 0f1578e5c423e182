"""One raw dialogue becomes masked examples: clean ▸ mask ▸ window ▸ split, knowing nothing of other dialogues."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from endcloud.corpus.cleaning import clean_dialogue, marks_in, merge_turns
from endcloud.corpus.options import CorpusOptions
from endcloud.corpus.shards import Counts
from endcloud.corpus.splitting import split_of
from endcloud.corpus.windowing import Window, windows
from endcloud.protocols import Masker
from endcloud.types import Dialogue, Example, Message

FORGOTTEN = "forgotten customer"
"""Why a dialogue is not in a corpus: its customer was forgotten, and their subject is a proof in the ledger."""
LONGEST_NAME = 64  # characters of a dialogue's id that examples repeat


@dataclass(frozen=True, slots=True)
class ExampleMaker:
    """Turns one raw dialogue into masked examples; knows nothing of other dialogues.

    `forgotten` are the subjects whose dialogues are left out.
    """

    masker: Masker
    key: bytes
    options: CorpusOptions
    forgotten: frozenset[str] = frozenset()

    def examples(self, dialogue: Dialogue, marks: bool, counts: Counts) -> Iterator[Example]:
        counts.read += 1
        subject = subject_of(dialogue.customer, self.key)
        if subject in self.forgotten:
            counts.dropped[FORGOTTEN] += 1
            return
        cleaned = clean_dialogue(dialogue, self.options.longest_dialogue, counts.dropped)
        if cleaned is None:
            return
        counts.kept += 1
        masked = self.masker.mask(cleaned.messages, corpus_marks=marks)
        counts.masked.update(masked.counts)
        identity = self._masked_identity(dialogue.id)
        split = split_of(dialogue.id, self.options.validation_share, self.options.test_share)
        merged, turns = merge_turns(masked.messages), self.options.context_turns
        lacking = _lacking_marks(merge_turns(cleaned.messages), turns) if marks else frozenset()
        for window in windows(merged, turns):
            if len(window.reply) > self.options.longest_reply:
                counts.dropped["over-long reply"] += 1
                continue
            yield Example(
                id=_example_id(identity, window.position, window.context, window.reply),
                dialogue=identity,
                subject=subject,
                messages=window.context,
                reply=window.reply,
                origin="natural",
                source=dialogue.source,
                split=split,
                excluded="unrestorable" if self._unrestorable(window, lacking) else "",
            )

    def _unrestorable(self, window: Window, lacking: frozenset[int]) -> bool:
        return window.position in lacking or self.masker.unrestorable(window.context, window.reply)

    def _masked_identity(self, dialogue: str) -> str:
        """The dialogue's id, or its hash where the id is no plain name or itself personal (a phone number)."""
        plain = dialogue.isprintable() and len(dialogue) <= LONGEST_NAME
        if plain and not self.masker.mask([Message("user", dialogue)]).counts:
            return dialogue
        return hashlib.sha256(dialogue.encode(errors="replace")).hexdigest()[:16]


def subject_of(customer: str, key: bytes) -> str:
    """HMAC-SHA256 of a customer's id: finds a person's examples again, but only for the holder of the key."""
    return hmac.new(key, customer.encode(errors="replace"), hashlib.sha256).hexdigest() if customer else ""


def _lacking_marks(messages: Sequence[Message], turns: int) -> frozenset[int]:
    """Positions of the replies that hold a corpus mark whose kind their context lacks.

    This includes marks of things that are not personal: a model that learns `预计[数字x]天` from nothing would
    promise a customer a number of days that nobody can fill in.
    """
    return frozenset(
        window.position
        for window in windows(messages, turns)
        if not marks_in(window.reply) <= marks_in(*(message.content for message in window.context))
    )


def _example_id(dialogue: str, position: int, context: Sequence[Message], reply: str) -> str:
    said = [dialogue, position, [[message.role, message.content] for message in context], reply]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest()[:20]

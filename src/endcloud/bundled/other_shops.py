"""The invented other shops whose conversations the nano model is pre-trained on.

Each has a name, cities, couriers and products of its own, and policies drawn at random from what
`values.toml` lists as said elsewhere: never a value of the bundled shop, never one of its reply sentences.
In most conversations the policies in question stand in the system message, so that the model learns to look
a fact up and to answer in form; in the rest the shop is only named, as in serving, and the model learns to
answer at all.

Customers ask with the wordings of the bundled shop's own training patterns (never the held-out ones),
varied by synonyms and by the carelessness of people who type on a phone: what a customer wants should be
understood from the base model on; what this shop answers is left to fine-tuning.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from endcloud.bundled.intents import Intent, slots_of
from endcloud.bundled.noise import chatty, colloquial
from endcloud.bundled.other_wordings import (
    CLOSINGS,
    CONFIRMED,
    FIRST,
    KINDS,
    OPENINGS,
    REPLY_SYNONYMS,
    SECOND,
    SLOT,
    SYNONYMS,
    shortened,
    with_synonyms,
)
from endcloud.bundled.shop import Shop, Value
from endcloud.bundled.wording import canonical, reserved
from endcloud.types import Message

_TRIES = 30


@dataclass(frozen=True, slots=True)
class Mix:
    """What the conversations are made of.

    `stated` is the share in which the asked policies stand in the system message: more of it makes a base
    that copies well and knows less. `turns` weighs conversations of one, two, three … questions. `distractors` is
    how many policies stand there beside the asked ones, at most. `varied` is the share of questions whose
    wording is changed by synonyms, `dropped` the share that loses a character, `reworded` the share of replies
    and policies changed by synonyms: more of each makes a base that is at home in wordings it has not seen.
    `invented` is the share of names and facts made up of random characters or digits: more of it makes a base
    that can take over any word. `repeated` is the share of questions that ask an earlier one again in other
    words: what the shop said once it says again, so a base learns to take answers from the conversation, and a
    prompt method has something to start from. `confirmed` is the share of conversations in which the customer
    only says names and numbers and the shop says them back: taking over what stands before, a character at a
    time, is what every answer needs, and a small model finds out late unless it is asked for nothing else.
    `regular` is the share of conversations with one of `regulars` shops that come again and again, only named and
    always with the same facts and sentences: what they state is learned by heart, as the bundled shop's facts will
    have to be, and a base that has done so does it again in fewer steps.
    """

    stated: float = 0.55
    turns: tuple[float, ...] = (2, 2, 3, 3, 3, 2)
    distractors: int = 3
    varied: float = 0.5
    invented: float = 0.6
    repeated: float = 0.25
    confirmed: float = 0.2
    dropped: float = 0.1
    reworded: float = 0.7
    regular: float = 0.6
    regulars: int = 5


@dataclass(slots=True)
class OtherShop:
    """One invented shop; its facts are drawn as they are asked for and stay the same ever after.

    `opening` and `closing` are its manner: what stands before and after each of its sentences; an intent is
    always answered by the same sentence.
    """

    name: str
    rows: Mapping[str, Sequence[str]]
    opening: str
    closing: str
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    sentences: dict[str, str] = field(default_factory=dict)

    def in_its_manner(self, sentence: str) -> str:
        """A reply sentence with this shop's own opening and closing, if it has any."""
        if self.opening:
            sentence = self.opening + sentence.removeprefix("您好，")
        if self.closing:
            sentence = sentence.rstrip("。哈~！") + self.closing
        return sentence


def conversations(shop: Shop, number: int, seed: int, mix: Mix | None = None) -> list[tuple[Message, ...]]:
    """`number` conversations of invented shops, the same for the same arguments; held-out questions are in none."""
    writer = _Writer(shop, random.Random(f"other shops {seed}"), mix or Mix())
    return [writer.conversation() for _ in range(number)]


def blanked(sentence: str) -> str:
    """A reply template with its slots blanked and without punctuation: what makes two of them the same sentence."""
    return canonical(SLOT.sub("", sentence))


class _Writer:
    """Writes one conversation after the other from one stream of random numbers."""

    def __init__(self, shop: Shop, draw: random.Random, mix: Mix) -> None:
        self._shop = shop
        self._draw = draw
        self._mix = mix
        self._intents = [intent for intent in shop.intents.values() if intent.other_shops]
        self._statements = _statements(shop)
        self._answers = {intent.name: _answers(shop, intent) for intent in self._intents}
        self._own_replies = {blanked(reply) for intent in shop.intents.values() for reply in intent.replies}
        self._held_out = {blanked(pattern) for intent in shop.intents.values() for pattern in intent.held_out}
        self._own_names = {name for slot in shop.slots.values() for row in slot.here for name in slot.names(row)}
        self._own_words = {text for value in shop.values.values() for text in (*value.here.values(), *value.later)}
        self._changing = {
            text for value in shop.values.values() if value.changeable for text in (*value.here.values(), *value.later)
        }
        self._characters = _characters(shop)
        self._regulars = [self._invented_shop() for _ in range(mix.regulars)]

    def conversation(self) -> tuple[Message, ...]:
        draw, mix = self._draw, self._mix
        regular = draw.random() < mix.regular
        other = draw.choice(self._regulars) if regular else self._invented_shop()
        if not regular and draw.random() < mix.confirmed:
            return self._confirmation(other)
        asked: list[tuple[Intent, str]] = []
        messages: list[Message] = []
        for _ in range(draw.choices(range(1, len(mix.turns) + 1), mix.turns)[0]):
            intent, row, query = self._question(other, asked)
            asked.append((intent, row))
            messages += [Message("user", query), Message("assistant", self._reply(other, intent, row))]
        system = f"你是{other.name}的客服。"
        if not regular and draw.random() < mix.stated:
            system += "".join(f"\n- {line}" for line in self._policies(other, asked))
        return (Message("system", system), *messages)

    def _confirmation(self, other: OtherShop) -> tuple[Message, ...]:
        """The customer says names and numbers, and the shop says them back to be sure."""
        draw = self._draw
        messages = [Message("system", f"你是{other.name}的客服。")]
        before, after = draw.choice(CONFIRMED)
        for _ in range(draw.randint(2, 5)):
            said = self._word(3, 8)
            if draw.random() < 0.5:
                said += str(draw.randrange(1, 10 ** draw.randint(1, 4)))
            asked = draw.choice(("", "是", "要", "我要", "就是", "记一下")) + said
            messages += [Message("user", asked), Message("assistant", f"{other.opening}{before}{said}{after}")]
        return tuple(messages)

    def _invented_shop(self) -> OtherShop:
        draw = self._draw
        name = draw.choice(FIRST) + draw.choice(SECOND) + draw.choice(KINDS)
        rows = {slot: [self._row(slot) for _ in range(4)] for slot in self._shop.slots}
        return OtherShop(name, rows, draw.choice(OPENINGS), draw.choice(CLOSINGS))

    def _row(self, slot: str) -> str:
        """The name of a city, courier or product that the bundled shop does not know."""
        if self._draw.random() < self._mix.invented:
            return self._word(2, 4 if slot == "product" else 3)
        return self._draw.choice(self._shop.slots[slot].elsewhere)

    def _word(self, shortest: int, longest: int) -> str:
        """A word that means nothing, of characters that names and goods are written with."""
        while True:
            word = "".join(self._draw.choices(self._characters, k=self._draw.randint(shortest, longest)))
            if not any(name in word or word in name for name in self._own_names | self._own_words):
                return word

    def _fact(self, other: OtherShop, name: str, row: str) -> str:
        """What this other shop states for a value: never what the bundled shop states for it, now or later."""
        value = self._shop.values[name]
        key = (name, row if value.by else "")
        if key not in other.known:
            other.known[key] = self._draw.choice(value.elsewhere)
            if not value.says and self._draw.random() < self._mix.invented:
                other.known[key] = self._invented_fact(value)
        return other.known[key]

    def _invented_fact(self, value: Value) -> str:
        """A made-up word or number, as long as those of `elsewhere`; their choice again if none is free."""
        if not value.numeric:
            return self._word(2, 3)
        draw = self._draw
        for _ in range(_TRIES):
            made = str(draw.randrange(1, 10 ** max(len(text) for text in value.elsewhere)))
            if "×" in value.elsewhere[0]:
                made = f"{draw.randrange(20, 300)}×{draw.randrange(20, 300)}"
            if made not in value.here.values() and made not in self._changing:
                return made
        return draw.choice(value.elsewhere)

    def _fill(self, other: OtherShop, template: str, row: str) -> str:
        """`template` with the shop's facts and the row's name in its slots."""
        given = _fillers(self._draw)
        for slot in sorted(slots_of(template)):
            if slot in self._shop.values:
                given[slot] = self._fact(other, slot, row)
            elif slot in self._shop.slots:
                given[slot] = row
        return template.format_map(given)

    def _reply(self, other: OtherShop, intent: Intent, row: str) -> str:
        while intent.name not in other.sentences:
            sentence = other.in_its_manner(self._worded(self._draw.choice(self._answers[intent.name])))
            if blanked(sentence) not in self._own_replies:
                other.sentences[intent.name] = sentence
        return self._fill(other, other.sentences[intent.name], row)

    def _worded(self, sentence: str) -> str:
        """Another shop's sentence, most often with a few words replaced by their synonyms."""
        if self._draw.random() >= self._mix.reworded:
            return sentence
        return with_synonyms(sentence, self._draw, REPLY_SYNONYMS)

    def _question(self, other: OtherShop, asked: Sequence[tuple[Intent, str]]) -> tuple[Intent, str, str]:
        """The next question: often a follow-up to the one before, where that allows one."""
        draw = self._draw
        last = asked[-1] if asked else None
        if last and last[0].slot and draw.random() < 0.4:
            follow_ups = [
                (intent, pattern)
                for intent in self._intents
                if intent.slot == last[0].slot
                for pattern in intent.follow_ups
                if "{" not in pattern or intent is last[0]
            ]
            if follow_ups:
                intent, pattern = draw.choice(follow_ups)
                row = draw.choice(other.rows[intent.slot]) if "{" in pattern else last[1]
                return intent, row, self._asked(intent, pattern, row)
        if asked and draw.random() < self._mix.repeated:
            intent, row = draw.choice(asked)
        else:
            intent = draw.choice(self._intents)
            row = draw.choice(other.rows[intent.slot]) if intent.slot else ""
        return intent, row, self._asked(intent, draw.choice(intent.patterns), row)

    def _asked(self, intent: Intent, pattern: str, row: str) -> str:
        """A customer's wording of a pattern, or of another one of the intent where all of its wordings are kept
        for the held-out questions."""
        draw, mix = self._draw, self._mix
        for _ in range(_TRIES):
            wording = with_synonyms(pattern, draw, SYNONYMS) if draw.random() < mix.varied else pattern
            if draw.random() < mix.dropped:
                wording = shortened(wording, draw)
            given = _fillers(draw)
            if row:
                given[intent.slot] = draw.choice(self._names(row))
            text = wording.format_map(given)
            text = colloquial(text, draw, list(given.values())) if intent.values else chatty(text, draw)
            if not reserved(text) and not self._is_held_out(wording, text):
                return text
        return self._asked(intent, draw.choice(intent.patterns), row)

    def _is_held_out(self, wording: str, text: str) -> bool:
        """Whether a held-out wording is what was asked, or stands in it; very short ones stand anywhere."""
        bare = canonical(text)
        return bool({bare, blanked(wording)} & self._held_out) or any(
            len(held) > 4 and held in bare for held in self._held_out
        )

    def _names(self, row: str) -> Sequence[str]:
        for slot in self._shop.slots.values():
            if row in slot.elsewhere:
                return slot.names(row)
        return (row,)

    def _policies(self, other: OtherShop, asked: Iterable[tuple[Intent, str]]) -> list[str]:
        """Statements of every fact that the questions are about, and of some others, in random order."""
        draw, shop = self._draw, self._shop
        wanted = {(value, row if shop.values[value].by else "") for intent, row in asked for value in intent.values}
        for value in draw.sample(sorted(shop.values), draw.randint(0, self._mix.distractors)):
            by = shop.values[value].by
            wanted.add((value, draw.choice(other.rows[by]) if by else ""))
        lines = [
            self._fill(other, self._worded(draw.choice(self._statements[value])), row)
            for value, row in sorted(wanted)
            if self._statements[value]
        ]
        draw.shuffle(lines)
        return list(dict.fromkeys(lines))


def _statements(shop: Shop) -> dict[str, list[str]]:
    """For each value the sentences that can state it in a policy: other shops' own wordings, and the rules' forms."""
    rules = [rule for rule in shop.rules() if slots_of(rule)]
    found: dict[str, list[str]] = {value: [] for value in shop.values}
    for sentence in (*(reply for intent in shop.intents.values() for reply in intent.other_shops), *rules):
        for value in slots_of(sentence) & found.keys():
            found[value].append(sentence)
    return found


def _answers(shop: Shop, intent: Intent) -> list[str]:
    """What another shop may answer to an intent: its own wordings, or the rule that states the very same facts."""
    rules = [
        rule for rule in shop.rules() if intent.values and slots_of(rule) & shop.values.keys() == set(intent.values)
    ]
    return [*intent.other_shops, *rules * 2]


def _characters(shop: Shop) -> list[str]:
    """The characters that names of cities, couriers and goods are written with, here and elsewhere."""
    words = [name for slot in shop.slots.values() for row in (*slot.here, *slot.elsewhere) for name in slot.names(row)]
    words += [text for value in shop.values.values() if not value.numeric for text in value.here.values()]
    words += [text for value in shop.values.values() if not value.numeric for text in value.elsewhere]
    return sorted({character for word in words for character in word if "一" <= character <= "鿿"})


def _fillers(draw: random.Random) -> dict[str, str]:
    """What customers and shops write where a conversation's own numbers stand; masked, as in training."""
    return {
        "order": "[订单_1]",
        "parcel": "[运单_1]",
        "phone": "[电话_1]",
        "number": str(draw.randint(1, 999)),
    }

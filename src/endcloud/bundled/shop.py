"""云栖小铺, the invented shop that the project is shown and measured on.

Everything it states is a value of `data/values.toml`; its policies, replies, questions and truths are templates
over these values. So the truth of every reply is known, and after an edit of a policy (`Shop.changed`) all of them
agree again.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from endcloud.bundled.intents import Intent, read_intents, slots_of
from endcloud.bundled.truth import Meaning, numbers_in, spellings

NAME = "云栖小铺"
ROLE = f"你是{NAME}的客服。"
MANNER = "语气亲切，称呼客人为“亲”，一两句话把事情说清楚；按店铺现行规则回答，不知道的不要编。"


@dataclass(frozen=True, slots=True)
class Says:
    """How a value that is a word is recognised in a reply."""

    must: tuple[tuple[str, ...], ...]
    never: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """One fact of the shop, or a table of facts: `here` maps a row (a city, a product; "" if there is only one)
    to what the shop states. `by` names the slot that picks the row."""

    name: str
    here: Mapping[str, str]
    later: tuple[str, ...]
    elsewhere: tuple[str, ...]
    unit: str
    by: str
    changeable: bool
    says: Mapping[str, Says]

    def at(self, row: str = "") -> str:
        return self.here[row if self.by else ""]

    @property
    def numeric(self) -> bool:
        return all(text.replace("×", "").isdigit() for text in self.here.values())


@dataclass(frozen=True, slots=True)
class Slot:
    """What a customer can name: this shop's names, those of other shops, and what customers say instead."""

    name: str
    here: tuple[str, ...]
    elsewhere: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]]

    def names(self, row: str) -> tuple[str, ...]:
        return (row, *self.aliases.get(row, ()))


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """The shop with its values, slots and intents; see `load_shop`. `foreign` holds, for each intent, the words by
    which a reply is seen to be about something else."""

    values: Mapping[str, Value]
    slots: Mapping[str, Slot]
    intents: Mapping[str, Intent]
    foreign: Mapping[str, tuple[str, ...]]
    name: str = NAME
    role: str = ROLE
    manner: str = MANNER

    def rows(self, intent: Intent) -> tuple[str, ...]:
        """What a query of this intent can name; one empty row if it names nothing."""
        return self.slots[intent.slot].here if intent.slot else ("",)

    def fill(self, template: str, row: str = "") -> str:
        """A template with this shop's values and the row's name in its slots."""
        given: dict[str, str] = {}
        for name in slots_of(template):
            if name in self.values:
                given[name] = self.values[name].at(row)
            elif name in self.slots:
                given[name] = row
        return template.format_map(_Open(given))

    def replies(self, intent: Intent, row: str = "") -> tuple[str, ...]:
        return tuple(self.fill(reply, row) for reply in intent.replies)

    def meaning(self, intent: Intent, row: str, query: str) -> Meaning:
        """What a right reply to this query states."""
        must = [tuple(self.fill(entry, row) for entry in group) for group in intent.must]
        never = [self.fill(entry, row) for entry in intent.never]
        others: list[str] = []
        facts: dict[str, str] = {}
        numbers = numbers_in(query)
        for name in intent.values:
            value = self.values[name]
            fact = facts[name] = value.at(row)
            numbers |= numbers_in(fact + value.unit)
            for spelling in spellings(fact, value.unit):
                numbers |= numbers_in(spelling)
                must = [(*group, spelling) if _holds(group, fact + value.unit, fact) else group for group in must]
            if fact in value.says:
                must += value.says[fact].must
                never += value.says[fact].never
            elif not value.numeric:
                others += _others(value, fact)
        if intent.slot:
            others += self._other_names(intent.slot, row)
        return Meaning(
            intent=intent.name,
            row=row,
            facts=facts,
            must=tuple(must),
            never=tuple(dict.fromkeys((*never, *(name for name in others if name not in query)))),
            numbers=frozenset(numbers),
            about=(*intent.about, *(self.slots[intent.slot].names(row) if intent.slot else ())),
            foreign=tuple(word for word in self.foreign[intent.name] if word not in query),
        )

    def policies(self) -> str:
        """`policies.md` as the shop's owner would write it: a line a rule, a table's rule once a row."""
        return "\n".join(line for template in _text("policies.md").splitlines() for line in self._expand(template))

    def rules(self) -> list[str]:
        """The rules of `policies.md` as templates, their slots open."""
        return [line.removeprefix("- ") for line in _text("policies.md").splitlines() if line.startswith("- ")]

    def catalogue(self) -> str:
        """`catalogue.csv`: a row a product, in UTF-8 with a header."""
        return _text("catalogue.csv")

    def faq(self) -> str:
        """`faq.csv` (问题, 答案), for a shop that starts without recorded dialogues."""
        rows = csv.reader(io.StringIO(_text("faq.csv")))
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([self.fill(cell) for cell in row] for row in rows)
        return out.getvalue()

    def default_queries(self) -> list[tuple[str, Meaning]]:
        """The six queries of the results' tables and radar chart, in the manner of the paper's Table VI."""
        listed = tomllib.loads(_text("default_queries.toml"))["query"]
        return [
            (entry["text"], self.meaning(self.intents[entry["intent"]], entry.get("row", ""), entry["text"]))
            for entry in listed
        ]

    def facts(self) -> Iterator[tuple[str, str, str]]:
        """Every distinct fact: (value, row, what the shop states)."""
        for value in self.values.values():
            for row, text in value.here.items():
                yield value.name, row, text

    def changed(self, edits: Mapping[str, str]) -> Shop:
        """The shop after an edit of its policies; raises KeyError for a value that is not changeable."""
        values = dict(self.values)
        for name, text in edits.items():
            if not values[name].changeable:
                raise KeyError(f"{name!r} is not a policy that changes; those are {self.changeable()}")
            values[name] = replace(values[name], here={"": text})
        return replace(self, values=values)

    def changeable(self) -> list[str]:
        return [value.name for value in self.values.values() if value.changeable]

    def _expand(self, template: str) -> Iterator[str]:
        tables = [self.values[name] for name in slots_of(template) if name in self.values and self.values[name].by]
        if not tables:
            yield self.fill(template)
            return
        for row in tables[0].here:
            yield self.fill(template, row)

    def _other_names(self, slot: str, row: str) -> list[str]:
        known = self.slots[slot]
        own = known.names(row)
        names = [name for other in (*known.here, *known.elsewhere) if other != row for name in known.names(other)]
        return [name for name in names if not any(name in mine or mine in name for mine in own)]


@cache
def load_shop() -> Shop:
    """Reads the shop from the package's data."""
    values, slots, intents = _values(), _slots(), read_intents()
    foreign = {intent.name: _foreign(intent, values, slots, intents) for intent in intents.values()}
    return Shop(values=values, slots=slots, intents=intents, foreign=foreign)


def _foreign(
    intent: Intent, values: Mapping[str, Value], slots: Mapping[str, Slot], intents: Mapping[str, Intent]
) -> tuple[str, ...]:
    """The words that name other topics than this intent's, and never occur in replies to it."""
    words = [word for other in intents.values() for word in other.about]
    words += [
        name for slot in slots.values() if slot.name != intent.slot for row in slot.here for name in slot.names(row)
    ]
    own = [*intent.replies, *intent.other_shops, *intent.about, *(entry for group in intent.must for entry in group)]
    for name in intent.values:
        own += values[name].here.values()
        own += [entry for says in values[name].says.values() for group in says.must for entry in group]
    text = "\n".join(own)
    return tuple(word for word in dict.fromkeys(words) if word not in text)


class _Open(dict[str, str]):
    """Leaves a slot that nobody fills as it stands."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _holds(group: tuple[str, ...], whole: str, fact: str) -> bool:
    return whole in group or fact in group


def _others(value: Value, fact: str) -> list[str]:
    texts = (*value.here.values(), *value.elsewhere)
    return [text for text in texts if text not in fact and fact not in text]


def _text(name: str) -> str:
    return (files("endcloud.bundled") / "data" / name).read_text(encoding="utf-8")


def _values() -> dict[str, Value]:
    return {name: _value(name, table) for name, table in tomllib.loads(_text("values.toml")).items()}


def _value(name: str, table: dict[str, Any]) -> Value:
    here = table["here"]
    return Value(
        name=name,
        here=dict(here) if isinstance(here, dict) else {"": here},
        later=tuple(table.get("later", ())),
        elsewhere=tuple(table["elsewhere"]),
        unit=table.get("unit", ""),
        by=table.get("by", ""),
        changeable=table.get("changeable", False),
        says={
            text: Says(tuple(tuple(group) for group in says["must"]), tuple(says.get("never", ())))
            for text, says in table.get("says", {}).items()
        },
    )


def _slots() -> dict[str, Slot]:
    return {
        name: Slot(
            name=name,
            here=tuple(table["here"]),
            elsewhere=tuple(table["elsewhere"]),
            aliases={row: tuple(aliases) for row, aliases in table.get("aliases", {}).items()},
        )
        for name, table in tomllib.loads(_text("slots.toml")).items()
    }

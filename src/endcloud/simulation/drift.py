"""How the shop changes while it is served: four policies that its owner edits, and later a new product line.

The bundled shop's truth follows every change, so it is known at each moment what a right reply states. The new values
occur nowhere in what the base was pre-trained on, and are other than the values of any other shop.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from endcloud.bundled.intents import Intent
from endcloud.bundled.shop import Shop, Slot, Value
from endcloud.bundled.truth import judge

Matter = Literal["changed", "new", "unchanged"]
"""What a question is about: an edited policy, the new product line, or all that stayed as it was."""

EDITS: Mapping[str, str] = {
    "free_shipping": "88",
    "default_courier": "圆通",
    "newcomer_coupon": "12",
    "return_window": "21",
}
"""The owner's edit: the free-shipping limit (was 59), the courier (中通), the coupon (6) and the return window (15)."""

NEW_PRODUCTS: Mapping[str, Mapping[str, str]] = {
    "初雪毛毯": {"alias": "毛毯", "price": "189", "material": "珊瑚绒", "size": "150×210", "wash": "可以机洗",
              "stock": "有货", "rest": "雾蓝、燕麦,桐乡,YX-M"},
    "松风香囊": {"alias": "香囊", "price": "33", "material": "真丝", "size": "9×12", "wash": "不能水洗",
              "stock": "有货", "rest": "藕粉,桐乡,YX-X"},
}  # fmt: skip
"""The new line: what the catalogue says of it, and `rest` (colours, origin, code) that no question asks for."""


@dataclass(frozen=True)
class Drift:
    """The shop before any change, after the edit of its policies, and after the new line has come too."""

    before: Shop
    edited: Shop
    extended: Shop

    @classmethod
    def of(cls, shop: Shop) -> Drift:
        """The course of the bundled shop."""
        edited = with_values(shop, EDITS)
        return cls(shop, edited, with_products(edited, NEW_PRODUCTS))

    def matter(self, intent: Intent, row: str) -> Matter:
        """What a question of this intent, naming this row, is about."""
        if row in NEW_PRODUCTS:
            return "new"
        return "changed" if intent.name in self.changed_intents else "unchanged"

    @cached_property
    def changed_intents(self) -> frozenset[str]:
        """The intents whose old replies the edit has made wrong."""
        return frozenset(
            intent.name
            for intent in self.before.intents.values()
            if any(
                not judge(self.edited.meaning(intent, row, ""), reply).right
                for row in self.before.rows(intent)
                for reply in self.before.replies(intent, row)
                if judge(self.before.meaning(intent, row, ""), reply).right
            )
        )


def with_values(shop: Shop, edits: Mapping[str, str]) -> Shop:
    """The shop after an edit. What a policy said before stands among the values of others: stating it is wrong."""
    values, foreign = dict(shop.values), dict(shop.foreign)
    for name, text in edits.items():
        old = values[name]
        values[name] = replace(old, here={"": text}, elsewhere=(*old.elsewhere, *old.here.values()))
        for intent in shop.intents.values():
            if name in intent.values:  # its own value is no foreign matter any more
                foreign[intent.name] = tuple(word for word in foreign[intent.name] if word not in text)
    return replace(shop, values=values, foreign=foreign)


def with_products(shop: Shop, products: Mapping[str, Mapping[str, str]]) -> Shop:
    """The shop with more products: what customers can name, and the facts of each."""
    slots = {**shop.slots, "product": _longer(shop.slots["product"], products)}
    values: dict[str, Value] = dict(shop.values)
    for name, value in shop.values.items():
        if value.by == "product":
            rows = {product: facts[name] for product, facts in products.items()}
            values[name] = replace(value, here={**value.here, **rows})
    return replace(shop, slots=slots, values=values)


def catalogue(shop: Shop, products: Mapping[str, Mapping[str, str]]) -> str:
    """`catalogue.csv` with the rows of the new products behind the old ones."""
    text = shop.catalogue()
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    for name, facts in products.items():
        measured = [f"{facts['price']}元", facts["material"], f"{facts['size']}厘米", facts["wash"], facts["stock"]]
        rows.writerow([name, facts["alias"], *measured, *facts["rest"].split(",")])
    return text + ("" if text.endswith("\n") else "\n") + out.getvalue()


def _longer(slot: Slot, products: Mapping[str, Mapping[str, str]]) -> Slot:
    aliases = {name: (facts["alias"],) for name, facts in products.items()}
    return replace(slot, here=(*slot.here, *products), aliases={**slot.aliases, **aliases})

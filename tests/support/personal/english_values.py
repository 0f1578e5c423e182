"""Values of the English kinds: the usual North American and British forms, with right checksums, invented."""

from __future__ import annotations

import datetime
from random import Random

from personal.halves import Pools, words
from personal.values import Maker, Value, digits, in_groups, with_luhn

_AREA_CODES = words("212 310 312 415 512 617 702 718 206 303 404 646 713 786 818 917")


def mobile(chosen: Random, _: Pools) -> Value:
    if chosen.random() < 0.2:
        number = "07" + chosen.choice(["400", "500", "890"]) + digits(chosen, 6)
        return Value(chosen.choice([number, f"{number[:5]} {number[5:]}"]), in_groups(number, 5, 3))
    area = chosen.choice(_AREA_CODES)
    exchange, line = chosen.choice("23456789") + chosen.choice("023456789") + digits(chosen, 1), digits(chosen, 4)
    shape = chosen.choice(["({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "{} {} {}", "{}{}{}"])
    return Value(
        shape.format(area, exchange, line), (area, exchange, line), before=chosen.choice(["", "", "+1 ", "1-"])
    )


def social_security(chosen: Random, _: Pools) -> Value:
    groups = (f"{chosen.randrange(100, 660)}", f"{chosen.randrange(10, 99)}", f"{chosen.randrange(1000, 9999)}")
    return Value("-".join(groups), groups)


def bank_card(chosen: Random, _: Pools) -> Value:
    head, length = chosen.choice([("4", 16), ("51", 16), ("53", 16), ("37", 15), ("6011", 16)])
    text = with_luhn(head + digits(chosen, length - len(head) - 1))
    return Value(text, in_groups(text, 4, 6, 5) if length == 15 else in_groups(text, 4))


def email(chosen: Random, pools: Pools) -> Value:
    shape = chosen.choice(["{h}{d}", "{h}.{g}", "{h}_{d}", "{h}+shop{d}"])
    first, second = chosen.choice(pools.english_handles), chosen.choice(pools.english_handles)
    local = shape.format(h=first, g=second, d=digits(chosen, 3))
    domain = chosen.choice(pools.english_domains)
    return Value(f"{local}@{domain}", (local, "@", domain))


def passport(chosen: Random, _: Pools) -> Value:
    text = chosen.choice([digits(chosen, 9), chosen.choice("ABCDEFGH") + digits(chosen, 8)])
    return Value(text, in_groups(text, 3))


def order(chosen: Random, _: Pools) -> Value:
    groups = chosen.choice(
        [
            ("11" + digits(chosen, 1), digits(chosen, 7), digits(chosen, 7)),
            (chosen.choice("3456789") + digits(chosen, 4), digits(chosen, 5)),
            ("ORD", digits(chosen, 8)),
            ("WEB", digits(chosen, 4), digits(chosen, 4)),
        ]
    )
    return Value(("" if len(groups) == 2 and groups[0].isdigit() else "-").join(groups), groups)


def parcel(chosen: Random, _: Pools) -> Value:
    signs = "".join(chosen.choice("ABCDEFGHJKLMNPRSTVWXY0123456789") for _ in range(6))
    text = chosen.choice(
        ["1Z" + signs + digits(chosen, 10), "9400" + digits(chosen, 18), chosen.choice("789") + digits(chosen, 11)]
    )
    return Value(text, in_groups(text, 4))


def coordinates(chosen: Random, _: Pools) -> Value:
    north, west = f"{chosen.uniform(28, 48):.5f}", f"{chosen.uniform(75, 122):.5f}"
    return Value(
        chosen.choice(["{}, -{}", "{},-{}", "{}° N, {}° W", "{}N {}W"]).format(north, west), (north, "-" + west)
    )


def birth_date(chosen: Random, _: Pools) -> Value:
    day = datetime.date(1950, 1, 1) + datetime.timedelta(days=chosen.randrange(20_000))
    shape = chosen.choice(["%m/%d/%Y", "%B %d, %Y", "%d %B %Y", "%Y-%m-%d", "%d.%m.%Y", "%b %d %Y"])
    return Value(day.strftime(shape), (day.strftime("%m"), day.strftime("%d"), day.strftime("%Y")))


def name(chosen: Random, pools: Pools) -> Value:
    groups = (chosen.choice(pools.first_names), chosen.choice(pools.last_names))
    text = " ".join(groups)
    return Value(text.lower() if chosen.random() < 0.15 else text, groups)


def title(chosen: Random, pools: Pools) -> Value:
    text = chosen.choice(pools.last_names)
    return Value(text, (text,), before=chosen.choice(["Mr. ", "Mrs. ", "Ms. ", "Mr ", "Mrs ", "Ms ", "Miss ", "Dr. "]))


def address(chosen: Random, pools: Pools) -> Value:
    street = f"{chosen.choice(pools.streets)} {chosen.choice(pools.street_kinds)}"
    unit = chosen.choice(
        ["", "", f", Apt {chosen.randrange(1, 60)}{chosen.choice('ABC')}", f" Unit {chosen.randrange(2, 900)}"]
    )
    text = f"{chosen.randrange(2, 9800)} {street}{unit}"
    town = chosen.choice(["", *pools.towns])
    text = text.lower() if chosen.random() < 0.15 else text
    return Value(text, tuple(text.split()), after=f", {town} {chosen.randrange(10_000, 99_000)}" if town else "")


MAKERS: dict[str, Maker] = {
    "mobile": mobile,
    "social security": social_security,
    "bank card": bank_card,
    "e-mail": email,
    "passport": passport,
    "order": order,
    "parcel": parcel,
    "coordinates": coordinates,
    "birth date": birth_date,
    "name": name,
    "title": title,
    "address": address,
}

"""Which digits can be a resident ID, a bank card, an international telephone or a date at all.

The libraries that know are loaded late: most texts hold no digits that could be any of these.
"""

from __future__ import annotations

import datetime
import re

_RESIDENT = re.compile(r"[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]")


def is_resident(number: str) -> bool:
    """Whether the checksum and the date of birth are right (ISO 7064 mod 11-2, GB 11643).

    The place of birth is not asked for: tables of places age, and a wrong place hides nobody.
    """
    if _RESIDENT.fullmatch(number) is None:
        return False
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    try:
        ric.get_birth_date(number)
    except (ValidationError, ValueError):
        return False
    return bool(ric.calc_check_digit(number) == number[-1])


def has_luhn(digits: str) -> bool:
    from stdnum import luhn

    return bool(luhn.is_valid(digits))


def is_international(digits: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(f"+{digits}", None))
    except phonenumbers.NumberParseException:
        return False


def is_date(digits: str) -> bool:
    """YYYYMMDD of this century or the last."""
    if len(digits) != 8 or digits[:2] not in ("19", "20"):
        return False
    try:
        datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True

"""When people are there: office hours by weekday, in the shop's own time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from endcloud.errors import SettingsError

_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """`opens` to `closes` on the days whose numbers stand in `days` (0 is Monday)."""

    opens: time
    closes: time
    days: frozenset[int]
    zone: ZoneInfo

    @classmethod
    def parse(cls, hours: str, days: str, zone: str) -> OfficeHours:
        """Reads "09:00-21:00", "1234567" (1 is Monday) and "Asia/Shanghai"; raises SettingsError for others."""
        found = _HOURS.fullmatch(hours.strip())
        try:
            if found is None:
                raise ValueError
            first, second, third, fourth = map(int, found.groups())
            closes = time(23, 59, 59) if (third, fourth) == (24, 0) else time(third, fourth)
            opens = time(first, second)
        except ValueError as error:
            raise SettingsError(
                f"The office hours {hours!r} are not like '09:00-21:00'; correct the setting."
            ) from error
        if not days or not set(days) <= set("1234567"):
            raise SettingsError(f"The office days {days!r} are not digits from 1 (Monday) to 7; correct the setting.")
        try:
            return cls(opens, closes, frozenset(int(day) - 1 for day in days), ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingsError(f"The time zone {zone!r} is not known here; use one like 'Asia/Shanghai'.") from error

    def open_at(self, moment: datetime) -> bool:
        """Whether people are there; hours that end before they begin run over midnight."""
        here = moment.astimezone(self.zone)
        now = here.time()
        if self.opens <= self.closes:
            return here.weekday() in self.days and self.opens <= now < self.closes
        late, early = now >= self.opens, now < self.closes
        return (late and here.weekday() in self.days) or (early and (here.weekday() - 1) % 7 in self.days)

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}–{self.closes:%H:%M}"

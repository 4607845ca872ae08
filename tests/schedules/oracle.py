"""Due times of a cron rule, computed slowly: for every minute of real time the local time is checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

MINUTE = timedelta(minutes=1)
NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
BOUNDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}

# The two clock changes of each zone; Lord Howe changes by half an hour.
CHANGES: Mapping[str, tuple[datetime, datetime]] = {
    "Europe/Berlin": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 10, 3, 15, 30, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC)),
}


@dataclass(frozen=True)
class CronRule:
    """A cron expression and its parsed fields; `None` is a star."""

    text: str
    minute: frozenset[int] | None
    hour: frozenset[int] | None
    day: frozenset[int] | None
    month: frozenset[int] | None
    weekday: frozenset[int] | None
    stepped: bool = False
    """Day of month or of week begins with a star: both must fit then, else one is enough."""

    def fits(self, wall: datetime) -> bool:
        def within(field: frozenset[int] | None, value: int) -> bool:
            return field is None or value in field

        if not (within(self.minute, wall.minute) and within(self.hour, wall.hour)):
            return False
        of_month, of_week = within(self.day, wall.day), within(self.weekday, wall.isoweekday() % 7)
        both = self.stepped or self.day is None or self.weekday is None
        is_day = (of_month and of_week) if both else (of_month or of_week)
        return within(self.month, wall.month) and is_day


def moments(rule: CronRule, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Every moment after `start`, up to `end`, at which the clock shows a minute of the rule for the first time, or has
    just skipped one."""
    seen: set[datetime] = set()
    before, found = None, []
    moment = start - timedelta(hours=30)  # earlier minutes, so that a repeated one is recognised
    while moment <= end:
        wall = moment.astimezone(zone).replace(tzinfo=None)
        fresh = [*_new(before, wall, seen)]
        if moment > start and any(rule.fits(minute) for minute in fresh):
            found.append(moment)
        before = wall
        moment += MINUTE
    return found


def _new(before: datetime | None, wall: datetime, seen: set[datetime]) -> Iterator[datetime]:
    """The minutes that the clock shows for the first time, and those that it skipped."""
    minute = wall if before is None or before >= wall else before + MINUTE
    while minute <= wall:
        if minute not in seen:
            seen.add(minute)
            yield minute
        minute += MINUTE


@st.composite
def _field(draw: st.DrawFn, name: str) -> tuple[str, frozenset[int] | None, bool]:
    """A field as text, the numbers it stands for, and whether it begins with a star."""
    low, high = BOUNDS[name]
    number = st.integers(low, high)
    kind = draw(st.sampled_from(["star", "one", "list", "range", "step", "stepped range"]))
    if kind == "star":
        return "*", None, True
    if kind == "step":
        step = draw(st.integers(1, high))
        return f"*/{step}", frozenset(range(low, high + 1, step)), True
    if kind in ("one", "list"):
        values = draw(st.lists(number, min_size=1, max_size=1 if kind == "one" else 4))
        words = [NAMES[value] if name == "weekday" and draw(st.booleans()) else str(value) for value in values]
        return ",".join(words), frozenset(values), False
    first, last = sorted((draw(number), draw(number)))
    step = draw(st.integers(1, 5)) if kind == "stepped range" and first != last else 1
    return f"{first}-{last}" + (f"/{step}" if step > 1 else ""), frozenset(range(first, last + 1, step)), False


@st.composite
def rules(draw: st.DrawFn) -> CronRule:
    """Any expression; months are mostly stars, so that it matches often."""
    fields = [draw(_field(name)) for name in ("minute", "hour", "day")]
    fields.append(draw(_field("month")) if draw(st.integers(0, 4)) == 0 else ("*", None, True))
    fields.append(draw(_field("weekday")))
    minute, hour, day, month, weekday = (numbers for _, numbers, _ in fields)
    text = " ".join(text for text, _, _ in fields)
    return CronRule(text, minute, hour, day, month, weekday, stepped=fields[2][2] or fields[4][2])

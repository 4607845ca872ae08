"""When schedules are due: compared with a slow oracle, around clock changes, and after downtime."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.cron import checked_cron
from app.schedules.timing import MAX_DELAY, Cron, Every, Firing, Rule, daily, fire
from tests.schedules.oracle import CHANGES, CronRule, moments, rules

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
minutes_from_a_change = st.integers(-36 * 60, 36 * 60)
changes = st.sampled_from([(zone, moment) for zone, both in CHANGES.items() for moment in both])


def all_between(schedule_rule: Rule, start: datetime, end: datetime) -> list[datetime]:
    found, moment = [], schedule_rule.next_after(start)
    while moment is not None and moment <= end:
        found.append(moment)
        moment = schedule_rule.next_after(moment)
    return found


def walls(text: str, zone: str, start: datetime, end: datetime) -> list[str]:
    """The local time of each moment, with its offset."""
    found = all_between(Cron(text, ZoneInfo(zone)), start, end)
    return [f"{moment.astimezone(ZoneInfo(zone)):%d %H:%M %z}" for moment in found]


@settings(max_examples=150, deadline=None)
@given(rules(), changes, minutes_from_a_change, st.integers(1, 36 * 60))
def test_cron_matches_a_look_at_every_minute(
    rule: CronRule, change: tuple[str, datetime], offset: int, span: int
) -> None:
    zone, start = ZoneInfo(change[0]), change[1] + timedelta(minutes=offset)
    end = start + timedelta(minutes=span)
    assert all_between(Cron(rule.text, zone), start, end) == moments(rule, zone, start, end)


@settings(max_examples=200, deadline=None)
@given(rules(), st.sampled_from(sorted(CHANGES)), st.integers(0, 366 * 24 * 60), st.integers(0, 59_999_999))
def test_due_times_grow_and_no_local_minute_comes_twice(rule: CronRule, name: str, minutes: int, micros: int) -> None:
    zone = ZoneInfo(name)
    schedule_rule = Cron(rule.text, zone)
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes, microseconds=micros)
    found = [moment]
    for _ in range(40):
        following = schedule_rule.next_after(found[-1])
        if following is None:  # the 31st of the second month
            break
        found.append(following)
    assert all(earlier < later for earlier, later in pairwise(found))
    shown = [moment.astimezone(zone).replace(tzinfo=None) for moment in found[1:]]
    assert len(set(shown)) == len(shown)
    assert all(moment.second == moment.microsecond == 0 for moment in found[1:])


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 525600), st.integers(-(10**9), 10**9))
def test_an_interval_is_a_grid_of_real_time(minutes: int, seconds: int) -> None:
    starts_at = datetime(2026, 3, 29, tzinfo=UTC)
    schedule_rule, moment = Every(timedelta(minutes=minutes), starts_at), starts_at + timedelta(seconds=seconds)
    following = schedule_rule.next_after(moment)
    assert following is not None
    assert following > moment
    assert following > starts_at
    assert (following - starts_at) % timedelta(minutes=minutes) == timedelta(0)
    assert following - timedelta(minutes=minutes) <= max(moment, starts_at)


@pytest.mark.parametrize(
    ("text", "zone", "day", "expected"),
    [
        # Berlin: 02:00 to 02:59 do not exist on 29 March, and come twice on 25 October.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28", ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]),
        ("*/20 2 * * *", "Europe/Berlin", "2026-03-29", ["29 03:00 +0200", "30 02:00 +0200"]),
        ("30 2,3 * * *", "Europe/Berlin", "2026-03-29", ["29 03:00 +0200", "29 03:30 +0200", "30 02:30 +0200"]),
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-29", ["29 03:00 +0200", "30 02:00 +0200", "30 03:00 +0200"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24", ["24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100"]),
        (
            "*/30 2,3 25 * *",
            "Europe/Berlin",
            "2026-10-25",
            ["25 02:00 +0200", "25 02:30 +0200", "25 03:00 +0100", "25 03:30 +0100"],
        ),
        ("30 2 * * *", "America/New_York", "2026-03-08", ["08 03:00 -0400", "09 02:30 -0400"]),
        ("30 1 * * *", "America/New_York", "2026-11-01", ["01 01:30 -0400", "02 01:30 -0500"]),
        # Lord Howe moves by half an hour: 02:00 to 02:29 are missing, 01:30 to 01:59 come twice.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", ["04 02:30 +1100", "05 02:15 +1100"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05", ["05 01:45 +1100", "06 01:45 +1030"]),
        (
            "15,45 1,2 5 4 *",
            "Australia/Lord_Howe",
            "2026-04-05",
            ["05 01:15 +1100", "05 01:45 +1100", "05 02:15 +1030", "05 02:45 +1030"],
        ),
        # Midnight itself is missing in Cairo; a whole day in Samoa.
        ("0 0 * * *", "Africa/Cairo", "2026-04-24", ["24 01:00 +0300", "25 00:00 +0300"]),
        ("0 12 * * *", "Pacific/Apia", "2011-12-29", ["29 12:00 -1000", "31 00:00 +1400", "31 12:00 +1400"]),
    ],
)
def test_around_a_change_of_the_clocks(text: str, zone: str, day: str, expected: list[str]) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) - timedelta(minutes=1)
    assert walls(text, zone, start, start + 4 * DAY)[: len(expected)] == expected


def test_in_an_hour_that_is_shown_twice_each_minute_comes_once() -> None:
    second_half_past_two = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    berlin = Cron("*/10 * * * *", ZoneInfo("Europe/Berlin"))
    assert berlin.next_after(second_half_past_two) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert berlin.next_after(datetime(2026, 10, 25, 0, 50, tzinfo=UTC)) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "0 4 13 * 5",
            ["02 04:00", "09 04:00", "13 04:00", "16 04:00", "23 04:00", "30 04:00"],
        ),
        ("0 4 */2 * 1", ["05 04:00", "19 04:00"]),  # a star in front: odd days that are Mondays
        ("0 4 L * *", ["31 04:00"]),
        ("0 4 * * 5L", ["30 04:00"]),
        ("0 4 * * mon#2", ["12 04:00"]),
        ("0 4 * * 7", ["04 04:00", "11 04:00", "18 04:00", "25 04:00"]),
        ("5/25 4 1 * *", ["01 04:05", "01 04:30", "01 04:55"]),
    ],
)
def test_days_of_month_and_of_week(text: str, expected: list[str]) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = all_between(Cron(checked_cron(text), ZoneInfo("UTC")), start, datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    assert [f"{moment:%d %H:%M}" for moment in found] == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 0 30 2 *", "never matches: there is no day 30 in month 2"),
        ("0 0 31 4,6 *", "never matches: there is no day 31 in month 4,6"),
        ("* * */20 * 1L", "never matches: there is no such day in the next 50 years"),
        ("60 * * * *", "has a bad minute"),
        ("* 24 * * *", "has a bad hour"),
        ("* * 32 * *", "has a bad day-of-month"),
        ("* * * foo *", "has a bad month"),
        ("* * * * 8", "has a bad day-of-week"),
        ("*/0 * * * *", "has a bad minute"),
        ("5-1 * * * *", "has a bad minute"),
        ("", "must have five fields: minute, hour, day of month, month, day of week"),
        ("* * * *", "must have five fields: minute, hour, day of month, month, day of week"),
        ("* * * * * *", "must have five fields: minute, hour, day of month, month, day of week"),
        ("@daily", "must have five fields: minute, hour, day of month, month, day of week"),
        ("* * * * \u017fun", "must have five fields: minute, hour, day of month, month, day of week"),
    ],
)
def test_a_wrong_expression_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as wrong:
        checked_cron(text)
    assert str(wrong.value) == sentence


@given(st.text(alphabet="0123456789*,-/#LWlwsunjan \t", max_size=40))
def test_any_text_is_an_expression_or_a_sentence(text: str) -> None:
    try:
        expression = checked_cron(text)
    except ValueError:
        return
    assert Cron(expression, ZoneInfo("Europe/Berlin")).next_after(datetime(2026, 1, 1, tzinfo=UTC)) is not None


def test_a_leap_day_is_waited_for() -> None:
    schedule_rule = Cron(checked_cron(" 0  0 29 2\t* "), ZoneInfo("UTC"))
    assert schedule_rule.next_after(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


def test_a_time_of_day_is_a_cron_expression() -> None:
    assert daily("03:05", []) == "5 3 * * *"
    assert checked_cron(daily("23:59", ["mon", "sun"])) == "59 23 * * mon,sun"


NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
HOURLY = Cron("0 * * * *", ZoneInfo("UTC"))
DAILY = Cron("0 3 * * *", ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("schedule_rule", "due_at", "now", "expected"),
    [
        # In time, and a few seconds late.
        (HOURLY, NOON, NOON, Firing(NOON, None, NOON + HOUR)),
        (HOURLY, NOON, NOON + timedelta(seconds=9), Firing(NOON, None, NOON + HOUR)),
        # Down for a while: once if not older than an hour.
        (DAILY, NOON - 9 * HOUR, NOON - 8 * HOUR, Firing(NOON - 9 * HOUR, None, NOON + 15 * HOUR)),
        (
            DAILY,
            NOON - 9 * HOUR,
            NOON - 8 * HOUR + timedelta(seconds=1),
            Firing(None, NOON - 9 * HOUR, NOON + 15 * HOUR),
        ),
        # Down for days: one missed run for all old times, one run for the recent ones.
        (DAILY, NOON - 33 * HOUR, NOON, Firing(None, NOON - 33 * HOUR, NOON + 15 * HOUR)),
        (HOURLY, NOON - 90 * HOUR, NOON + HOUR / 2, Firing(NOON, NOON - 90 * HOUR, NOON + HOUR)),
        (HOURLY, NOON - HOUR, NOON, Firing(NOON, None, NOON + HOUR)),
        (
            Every(timedelta(minutes=7), NOON),
            NOON + timedelta(minutes=7),
            NOON + timedelta(minutes=70),
            Firing(NOON + timedelta(minutes=70), timedelta(minutes=7) + NOON, NOON + timedelta(minutes=77)),
        ),
        # Nothing more for 50 years.
        (
            Cron("0 3 10 1 *", ZoneInfo("UTC")),
            NOON - 9 * HOUR,
            NOON,
            Firing(None, NOON - 9 * HOUR, NOON + 365 * DAY - 9 * HOUR),
        ),
    ],
)
def test_what_follows_when_a_schedule_is_due(
    schedule_rule: Rule, due_at: datetime, now: datetime, expected: Firing
) -> None:
    assert fire(schedule_rule, due_at, now) == expected


@settings(max_examples=200, deadline=None)
@given(rules(), st.integers(0, 20_000), st.integers(0, 3 * 24 * 60))
def test_a_run_is_never_too_late_and_the_next_one_is_in_the_future(rule: CronRule, at: int, late: int) -> None:
    schedule_rule = Cron(rule.text, ZoneInfo("Europe/Berlin"))
    due_at = schedule_rule.next_after(datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=at))
    if due_at is None:
        return
    now = due_at + timedelta(minutes=late)
    firing = fire(schedule_rule, due_at, now)
    assert firing.run_at is not None or firing.missed_at is not None
    assert firing.run_at is None or now - MAX_DELAY <= firing.run_at <= now
    assert (firing.missed_at is not None) is (now - due_at > MAX_DELAY)
    assert firing.next_at == schedule_rule.next_after(now)

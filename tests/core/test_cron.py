"""Cron expressions on a wall clock that is put forward and back."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.core.cron import checked_cron, next_after

BERLIN = ZoneInfo("Europe/Berlin")


def moments(expression: str, start: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    moment, found = datetime.fromisoformat(start).astimezone(UTC), []
    for _ in range(count):
        following = next_after(expression, zone, moment)
        assert following is not None
        moment = following
        found.append(moment.strftime("%m-%dT%H:%M"))
    return found


def test_days_follow_each_other_in_the_zone() -> None:
    assert moments("30 3 * * *", "2026-11-23T02:30:00+00:00", 2) == ["11-24T02:30", "11-25T02:30"]
    assert moments("30 3 * * *", "2026-11-23T02:29:59.999999+00:00", 1) == ["11-23T02:30"]


def test_a_minute_that_the_clocks_skip_counts_as_the_next_one_there_is() -> None:
    assert moments("30 2 * * *", "2026-03-28T12:00:00+00:00", 2) == ["03-29T01:00", "03-30T00:30"]


def test_a_minute_that_is_shown_twice_counts_once() -> None:
    assert moments("30 2 * * *", "2026-10-24T12:00:00+00:00", 2) == ["10-25T00:30", "10-26T01:30"]


def test_a_wrong_expression_is_refused() -> None:
    assert checked_cron("  0   3 * *  mon ") == "0 3 * * mon"
    for wrong in ("", "* * * *", "* * * * * *", "60 * * * *", "0 0 30 2 *", "é * * * *", "@daily"):
        with pytest.raises(ValueError, match=r"must have five fields|has a bad|never matches"):
            checked_cron(wrong)

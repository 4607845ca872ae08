"""Claims that expire, also when the clock is set back."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.clock import claim_holds

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(("seconds_ago", "holds"), [(0, True), (59, True), (60, False), (-59, True), (-60, False)])
def test_a_claim_holds_for_its_length(seconds_ago: int, holds: bool) -> None:
    assert claim_holds(NOW - timedelta(seconds=seconds_ago), timedelta(minutes=1), NOW) is holds


def test_no_claim_does_not_hold() -> None:
    assert not claim_holds(None, timedelta(minutes=1), NOW)

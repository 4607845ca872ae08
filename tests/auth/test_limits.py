"""The sliding window in memory, and the subjects that failures are counted by."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth import limits
from app.auth.limits import LocalWindow, by_address, by_name

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@given(st.lists(st.integers(0, 900), max_size=30).map(sorted), st.integers(0, 1300))
def test_the_window_is_what_a_naive_count_says(seconds: list[int], now: int) -> None:
    window = LocalWindow(5)
    counted: list[int] = []
    for second in seconds:
        at = NOON + timedelta(seconds=second)
        if not window.wait("a", at):
            window.add("a", at)
            counted.append(second)
        assert sum(second - 300 < failed_at <= second for failed_at in counted) <= 5
    now = max(now, *seconds, 0) if seconds else now
    inside = [second for second in counted if second > now - 300]
    wait = window.wait("a", NOON + timedelta(seconds=now))
    assert wait == (timedelta(seconds=inside[-5] + 300 - now) if len(inside) >= 5 else timedelta(0))


def test_an_undone_failure_does_not_count() -> None:
    window = LocalWindow(1)
    window.add("a", NOON)
    assert window.wait("a", NOON) == timedelta(minutes=5)
    window.undo("a", NOON)
    window.undo("a", NOON)
    window.undo("nobody", NOON)
    assert window.wait("a", NOON) == timedelta(0)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_SUBJECTS", 3)
    window = LocalWindow(1)
    for subject in "abcd":
        window.add(subject, NOON)
    assert [bool(window.wait(subject, NOON)) for subject in "abcd"] == [False, True, True, True]
    assert len(window._failures) == 3


def test_subjects_of_addresses_and_names() -> None:
    assert by_address("login", "2001:db8::1") == by_address("login", "2001:db8::ffff:1")
    assert by_address("login", "2001:db8::1") != by_address("login", "2001:db8:0:1::1")
    assert by_address("login", "192.0.2.1") != by_address("login", "192.0.2.2")
    assert by_address("login", "192.0.2.1") != by_address("setup", "192.0.2.1")
    assert by_address("login", "") != by_address("login", "192.0.2.1")
    assert by_name("login", "Ada") == by_name("login", "ada")
    assert "ada" not in by_name("login", "ada")

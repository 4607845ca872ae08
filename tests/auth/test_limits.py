"""The sliding window in memory, and the subjects that failures are counted by."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth import limits
from app.auth.limits import LocalWindow, Subject, by_address, by_name, by_name_and_address

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@given(st.lists(st.integers(0, 900), max_size=30).map(sorted), st.integers(0, 1300))
def test_the_window_is_what_a_naive_count_says(seconds: list[int], now: int) -> None:
    window, subject = LocalWindow(), Subject("a", limit=5)
    counted: list[int] = []
    for second in seconds:
        at = NOON + timedelta(seconds=second)
        if not window.wait(subject, at):
            window.add(subject, at)
            counted.append(second)
        assert sum(second - 300 < failed_at <= second for failed_at in counted) <= 5
    now = max(now, *seconds, 0) if seconds else now
    inside = [second for second in counted if second > now - 300]
    wait = window.wait(subject, NOON + timedelta(seconds=now))
    assert wait == (timedelta(seconds=inside[-5] + 300 - now) if len(inside) >= 5 else timedelta(0))


def test_an_undone_failure_does_not_count() -> None:
    window, subject = LocalWindow(), Subject("a", limit=1)
    window.add(subject, NOON)
    assert window.wait(subject, NOON) == timedelta(minutes=5)
    window.undo(subject, NOON)
    window.undo(subject, NOON)
    window.undo(Subject("nobody"), NOON)
    assert window.wait(subject, NOON) == timedelta(0)


def test_with_a_pace_the_limit_slows_down_instead_of_keeping_out() -> None:
    window, subject = LocalWindow(), Subject("a", limit=2, pace=timedelta(seconds=10))
    for _ in range(3):
        window.add(subject, NOON)
    assert window.wait(subject, NOON + timedelta(seconds=4)) == timedelta(seconds=6)
    assert window.wait(subject, NOON + timedelta(seconds=10)) == timedelta(0)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_SUBJECTS", 3)
    window = LocalWindow()
    subjects = [Subject(key, limit=1) for key in "abcd"]
    for subject in subjects:
        window.add(subject, NOON)
    assert [bool(window.wait(subject, NOON)) for subject in subjects] == [False, True, True, True]
    assert len(window._failures) == 3


def test_subjects_of_addresses_and_names() -> None:
    assert by_address("login", "2001:db8::1") == by_address("login", "2001:db8::ffff:1")
    assert by_address("login", "2001:db8::1") != by_address("login", "2001:db8:0:1::1")
    assert by_address("login", "192.0.2.1") != by_address("login", "192.0.2.2")
    assert by_address("login", "192.0.2.1") != by_address("setup", "192.0.2.1")
    assert by_address("login", "") != by_address("login", "192.0.2.1")
    assert by_address("login", "::ffff:192.0.2.1") == by_address("login", "192.0.2.1")
    assert "ada" not in by_name("login", "ada").key
    here = by_name_and_address("login", "ada", "192.0.2.1")
    assert here not in (by_name("login", "ada"), by_address("login", "192.0.2.1"))
    assert here != by_name_and_address("login", "ada", "192.0.2.2")


@pytest.mark.parametrize(
    "spelling", ["Ada", " ada", "ADA\u3000", "\u00a0ada\u2009", "\u2003ada\t", "\uff21da", "ada\x1f"]
)
def test_one_name_in_all_its_spellings(spelling: str) -> None:
    assert by_name("login", spelling) == by_name("login", "ada")
    assert by_name_and_address("login", spelling, "::1") == by_name_and_address("login", "ada", "::1")

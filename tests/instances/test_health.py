"""How answers and failures of an app change the state of its instance."""

from datetime import timedelta

import pytest

from app.arr.errors import ArrError, ErrorCode
from app.arr.models import AppDatabase, AppStatus
from app.instances import health
from app.instances.models import InstanceState
from tests.support.rig import START

STATUS = AppStatus("Sonarr", "4.0.0.0", AppDatabase.POSTGRESQL, "")
MINUTE = timedelta(minutes=1)


def failure(**options: timedelta) -> ArrError:
    return ArrError(ErrorCode.UNREACHABLE, "Nobody answers.", may_have_reached=False, **options)  # type: ignore[arg-type] # only retry_after


def test_an_offline_app_is_asked_less_and_less_often() -> None:
    state = InstanceState(instance_id=1)
    rests, news = [], []
    for _ in range(7):
        news.append(health.seen_offline(state, failure(), START))
        assert state.rest_until is not None
        rests.append((state.rest_until - START) / MINUTE)
    assert rests == [1, 2, 5, 10, 15, 15, 15]
    assert news == [True] + [False] * 6
    assert (state.online, state.error, state.error_code) == (False, "Nobody answers.", "unreachable")


def test_the_rest_ends_when_the_app_is_back() -> None:
    state = InstanceState(instance_id=1)
    health.seen_offline(state, failure(), START)
    assert health.seen_online(state, STATUS, START) is True
    assert (state.online, state.error, state.failures, state.rest_until) == (True, None, 0, None)
    assert (state.version, state.database, state.checked_at) == ("4.0.0.0", "postgresql", START)
    assert health.seen_online(state, STATUS, START) is False


@pytest.mark.parametrize(("asked", "minutes"), [(None, [1, 5, 15, 60, 60]), (timedelta(minutes=7), [7] * 5)])
def test_an_instance_rests_when_its_app_refuses_searches(asked: timedelta | None, minutes: list[float]) -> None:
    state = InstanceState(instance_id=1, online=True)
    refused = failure(retry_after=asked) if asked else failure()
    rests = []
    for _ in range(5):
        health.seen_trouble(state, refused, START)
        assert state.rest_until is not None
        rests.append((state.rest_until - START) / MINUTE)
    assert rests == minutes
    assert state.online is True
    assert health.seen_online(state, STATUS, START) is False
    assert state.rest_until is not None  # that it answers does not end the rest it asked for
    health.seen_working(state)
    assert (state.failures, state.error) == (0, None)
    assert not state.rest_until


def test_a_status_is_fresh_for_ten_minutes() -> None:
    state = InstanceState(instance_id=1)
    assert not health.is_fresh(state, START)
    health.seen_online(state, STATUS, START)
    assert health.is_fresh(state, START + 9 * MINUTE)
    assert not health.is_fresh(state, START + 10 * MINUTE)
    health.seen_offline(state, failure(), START)
    assert not health.is_fresh(state, START)

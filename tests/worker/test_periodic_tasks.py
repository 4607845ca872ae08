"""The clock of the periodic tasks, and the bell that tells workers of new jobs."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.container import Container
from tests.support.rig import Rig
from worker.ticks import TICKS, PeriodicTasks, Task, Tick

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


async def nothing(_container: Container) -> None: ...


@given(
    st.sets(st.integers(0, 59), min_size=1),
    st.none() | st.sets(st.integers(0, 59), min_size=1),
    st.timedeltas(timedelta(0), timedelta(days=1)),
)
def test_the_next_time_is_the_first_that_fits(seconds: set[int], minutes: set[int] | None, after: timedelta) -> None:
    now = NOON + after
    found = Tick(nothing, seconds, minutes).next_after(now)
    second = now.replace(microsecond=0) + timedelta(seconds=1)
    while second.second not in seconds or (minutes is not None and second.minute not in minutes):
        second += timedelta(seconds=1)
    assert found == second


class Diary:
    """When which task ran, by the clock of the rig."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.entries: list[tuple[str, datetime]] = []
        self.unread = asyncio.Queue[datetime]()

    def task(self, name: str, *, lasts: asyncio.Event | None = None, fails: bool = False) -> Task:
        async def run(_container: Container) -> None:
            self.entries.append((name, self._rig.clock.now))
            self.unread.put_nowait(self._rig.clock.now)
            if fails:
                raise ValueError("a mistake of ours")
            if lasts is not None:
                await lasts.wait()

        return run

    def seconds_of(self, name: str) -> list[int]:
        return [round((at - NOON).total_seconds()) for each, at in self.entries if each == name]


class Sleep:
    """Moves the clock of the rig, until the time that a test gives is over; then it is cancelled."""

    def __init__(self, rig: Rig, seconds: float) -> None:
        self._rig = rig
        self._end = rig.clock.now + timedelta(seconds=seconds)

    async def __call__(self, seconds: float) -> None:
        for _ in range(9):  # what was started ends
            await asyncio.sleep(0)
        self._rig.clock.forward(seconds=seconds)
        if self._rig.clock.now >= self._end:
            raise asyncio.CancelledError


async def ticked(rig: Rig, ticks: list[Tick], seconds: float) -> None:
    with pytest.raises(asyncio.CancelledError):
        await PeriodicTasks(rig.container, ticks=ticks, clock=rig.clock, sleep=Sleep(rig, seconds)).run()


@pytest.mark.asyncio
async def test_each_task_runs_at_its_times_and_a_broken_one_at_its_next(rig: Rig) -> None:
    rig.clock.now, diary = NOON, Diary(rig)
    often, rarely = diary.task("often"), diary.task("rarely", fails=True)
    await ticked(rig, [Tick(often, range(0, 60, 20)), Tick(rarely, {30}, {1, 2})], 181)
    assert diary.seconds_of("often") == [20, 40, 60, 80, 100, 120, 140, 160, 180]
    assert diary.seconds_of("rarely") == [90, 150]


@pytest.mark.asyncio
async def test_a_task_that_goes_on_is_not_started_again(rig: Rig) -> None:
    rig.clock.now, diary, over = NOON, Diary(rig), asyncio.Event()
    await ticked(rig, [Tick(diary.task("slow", lasts=over), {10}), Tick(diary.task("other"), {10})], 200)
    assert diary.seconds_of("slow") == [10]
    assert diary.seconds_of("other") == [10, 70, 130, 190]


@pytest.mark.asyncio
async def test_a_clock_that_is_set_back_or_forward_stops_nothing(rig: Rig) -> None:
    rig.clock.now, diary = NOON, Diary(rig)
    ticks = [Tick(diary.task("often"), range(0, 60, 5))]
    periodic = asyncio.create_task(
        PeriodicTasks(rig.container, ticks=ticks, clock=rig.clock, sleep=Sleep(rig, 10_000_000)).run()
    )
    for hours in (0, -24, 48, -24):
        rig.clock.forward(hours=hours)
        while not diary.unread.empty():
            diary.unread.get_nowait()
        times = [await diary.unread.get() for _ in range(6)]
        assert {later - earlier for earlier, later in pairwise(times[1:])} == {timedelta(seconds=5)}, hours
    periodic.cancel()
    await asyncio.gather(periodic, return_exceptions=True)


@pytest.mark.asyncio
async def test_one_worker_ticks_and_another_goes_on_when_it_ends(rig: Rig) -> None:
    rig.clock.now, diary = NOON, Diary(rig)
    ticks = [Tick(diary.task("once"), {0}), Tick(diary.task("each"), {0}, in_every_worker=True)]
    leader = PeriodicTasks(rig.container, ticks=ticks, clock=rig.clock, sleep=Sleep(rig, 10_000_000))
    first = asyncio.create_task(leader.run())
    await diary.unread.get()
    diary.entries.clear()
    await ticked(rig, ticks, 121)  # both move the clock: one of the two times is seen by both
    names = [name for name, _ in diary.entries]
    assert names.count("each") > names.count("once")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    diary.entries.clear()
    await ticked(rig, ticks, 121)
    names = [name for name, _ in diary.entries]
    assert names.count("once") == names.count("each") == 2


@pytest.mark.asyncio
async def test_every_task_of_the_service_runs_in_an_hour(rig: Rig) -> None:
    due = {tick.task.__name__: tick.next_after(NOON) for tick in TICKS}
    assert len(due) == len(TICKS)
    assert max(due.values()) - NOON <= timedelta(hours=1)

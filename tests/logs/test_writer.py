"""The background writer on real databases: lines are stored, and failures affect nothing else."""

import asyncio
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from app.core.config import LogLevel
from app.core.errors import Unavailable
from app.core.logging import set_level
from app.logs.buffer import Buffer
from app.logs.filters import LogFilter
from app.logs.lines import Entry, EntryKind
from app.logs.schemas import LogEntryOut
from app.logs.store import LogStore
from app.logs.writer import LogWriter
from tests.api.replies import eventually
from tests.logs.entries import check_counts, stored
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

log = structlog.get_logger("app.tests")
NEVER = 3600.0


@pytest.fixture(autouse=True)
def loud(rig: Rig, chain: None) -> None:
    """After the container, which sets the level that its settings say."""
    set_level(LogLevel.DEBUG)


class Shutter(LogStore):
    """The real store behind a door: closed, the database is away; stuck, it does not even answer."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.container.infra.db, rig.container.settings, rig.clock)
        self.is_closed = False
        self.is_stuck = False
        self.poison: str | None = None
        self.tried = asyncio.Event()

    async def add(self, entries: Sequence[Entry], dropped: Mapping[EntryKind, int]) -> list[LogEntryOut]:
        self.tried.set()
        if self.is_stuck:
            await asyncio.Event().wait()
        if self.is_closed:
            raise Unavailable("The database is away.")
        if any(entry.message == self.poison for entry in entries):
            raise ValueError("no database takes this")
        return await super().add(entries, dropped)


def writer(store: LogStore, **given: Any) -> LogWriter:
    return LogWriter(store, **{"gather_seconds": 0.01, "first_wait_seconds": 0.01, **given})


async def messages(rig: Rig) -> list[str]:
    return [row.message for row in await stored(rig.container.infra.db)]


async def wait_for(rig: Rig, *wanted: str) -> list[str]:
    return list(await eventually(lambda: messages(rig), lambda found: set(wanted) <= set(found)))


@pytest.mark.storage
async def test_lines_are_stored_with_their_ids_and_without_secrets(rig: Rig) -> None:
    async with writer(rig.container.logs.store).running():
        with structlog.contextvars.bound_contextvars(hunt_id=7, instance_id=3, request_id="abc"):
            log.info("search sent", app_type="sonarr", unit="season", api_key="c0ffee", url="http://x/?apikey=c0ffee")
        logging.getLogger("some.library").warning("from a library, token=c0ffee")
        await asyncio.to_thread(log.error, "from a thread")
    ours, library, thread = await stored(rig.container.infra.db)
    assert (ours.app_type, ours.instance_id, ours.hunt_id, ours.request_id) == ("sonarr", 3, 7, "abc")
    assert (ours.message, ours.logger, ours.level) == ("search sent", "app.tests", 20)
    assert json.loads(ours.context) == {"unit": "season", "api_key": "********", "url": "http://x/?apikey=********"}
    assert (library.logger, library.message, library.level) == ("some.library", "from a library, token=********", 30)
    assert (library.app_type, library.instance_id, library.request_id) == ("system", None, None)
    assert (thread.message, thread.level) == ("from a thread", 40)
    await check_counts(rig.container.infra.db)


async def test_two_hundred_lines_are_stored_at_once(rig: Rig) -> None:
    async with writer(rig.container.logs.store, gather_seconds=NEVER).running():
        for number in range(200):
            log.info("line %s", number)
        assert len(await wait_for(rig, "line 199")) == 200


async def test_a_single_line_is_stored_soon(rig: Rig) -> None:
    async with writer(rig.container.logs.store).running():
        log.info("alone")
        assert await wait_for(rig, "alone") == ["alone"]


async def test_at_the_end_everything_is_stored(rig: Rig) -> None:
    async with writer(rig.container.logs.store, gather_seconds=NEVER).running():
        for number in range(1050):
            log.info("line", number=number)
    assert len(await stored(rig.container.infra.db)) == 1050
    log.info("after the end")
    assert "after the end" not in await messages(rig)


@pytest.mark.storage
async def test_while_the_database_is_unavailable_important_lines_wait(rig: Rig) -> None:
    store = Shutter(rig)
    store.is_closed = True
    async with writer(store, buffer=Buffer(max_lines=10)).running():
        log.info("first")
        await store.tried.wait()  # it is held by the writer from now on
        for number in range(20):
            log.debug("debug %s", number)
            log.info("info %s", number)
        for number in range(8):
            log.error("error %s", number, app_type="sonarr")
        store.is_closed = False
        await wait_for(rig, "log lines are stored again")
    found = await stored(rig.container.infra.db)
    assert [row.message for row in found] == [
        "first",
        "info 18",
        "info 19",
        *(f"error {number}" for number in range(8)),
        "log lines are stored again",
    ]
    told = found[-1]
    assert (told.level, told.logger) == (30, "app.logs.writer")
    assert json.loads(told.context)["dropped"] == {"DEBUG": 20, "INFO": 18}
    stats = await rig.container.logs.store.stats()
    assert stats.dropped == {"DEBUG": 20, "INFO": 18, "WARNING": 0, "ERROR": 0}
    await check_counts(rig.container.infra.db)


async def test_lines_of_the_database_library_are_stored_too(rig: Rig) -> None:
    """No door here: the table is really gone for a while."""
    [engine, _] = rig.container.infra.db.engines

    async def rename(old: str, new: str) -> None:
        async with engine.begin() as connection:
            await connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    store = Shutter(rig)
    await rename("logs", "elsewhere")
    async with writer(store).running():
        log.warning("said while there was no table")
        await store.tried.wait()
        await rename("elsewhere", "logs")  # the writer stood in line for the connection before us
        await wait_for(rig, "log lines are stored again")
    assert await messages(rig) == ["said while there was no table", "log lines are stored again"]


async def test_a_flood_is_reported_when_it_is_over(rig: Rig) -> None:
    async with writer(rig.container.logs.store, buffer=Buffer(max_lines=100)).running():
        for number in range(150):  # the writer has no turn in between
            log.debug("line %s", number)
        await wait_for(rig, "log lines came faster than they could be stored")
    found = await messages(rig)
    assert found[:-1] == [f"line {number}" for number in range(50, 150)]
    assert (await rig.container.logs.store.stats()).dropped["DEBUG"] == 50  # type: ignore[index] # the words are the keys


async def test_logging_does_not_wait(rig: Rig) -> None:
    store = Shutter(rig)
    store.is_stuck = True
    async with writer(store, flush_seconds=0.05).running():
        for number in range(500):
            log.info("line", number=number)
            if number == 250:
                await store.tried.wait()
    assert await messages(rig) == []  # the end did not wait for it either


async def test_the_end_does_not_wait_for_an_unavailable_database(rig: Rig) -> None:
    store = Shutter(rig)
    store.is_closed = True
    async with writer(store, flush_seconds=5, first_wait_seconds=NEVER).running():
        log.info("one")
        await store.tried.wait()
        log.info("two")
    assert await messages(rig) == []


async def test_a_line_that_the_database_refuses_does_not_stop_the_others(rig: Rig) -> None:
    store = Shutter(rig)
    store.poison = "poison"
    async with writer(store).running():
        log.error("poison")
        await store.tried.wait()
        log.info("later")
        found = await wait_for(rig, "later", "log lines are stored again")
    assert found == ["later", "log lines are stored again"]
    assert (await rig.container.logs.store.stats()).dropped["ERROR"] == 1  # type: ignore[index] # the words are the keys


@pytest.mark.storage
async def test_the_writers_own_work_makes_no_new_lines(rig: Rig) -> None:
    done = [asyncio.Event(), asyncio.Event()]

    async def publish(entries: Sequence[LogEntryOut]) -> None:
        next(event for event in done if not event.is_set()).set()

    engine_log = logging.getLogger("sqlalchemy.engine")
    engine_log.setLevel(logging.INFO)
    for engine in rig.container.infra.db.engines:  # each statement is a line from now on
        engine.sync_engine.echo = True
    try:
        async with writer(rig.container.logs.store, publish=publish).running():
            for number, event in enumerate(done):
                log.info("line %s", number)
                await event.wait()
    finally:
        for engine in rig.container.infra.db.engines:
            engine.sync_engine.echo = False
        engine_log.setLevel(logging.NOTSET)
    assert await messages(rig) == ["line 0", "line 1"]


@pytest.mark.storage
async def test_stored_entries_are_published(rig: Rig) -> None:
    heard: list[LogEntryOut] = []

    async def publish(entries: Sequence[LogEntryOut]) -> None:
        heard.extend(entries)

    async with writer(rig.container.logs.store, publish=publish).running():
        log.info("one", app_type="radarr", number=1)
        log.debug("two")
    page = await rig.container.logs.store.page(LogFilter(), limit=10, before_id=None)
    assert heard == page.entries[::-1]
    assert [(entry.message, entry.app_type, entry.context) for entry in heard] == [
        ("one", "radarr", {"number": 1}),
        ("two", "system", {}),
    ]


@pytest.mark.parametrize("fault", [ConnectionError("redis is away"), KeyError("a mistake")])
async def test_a_publisher_that_fails_changes_nothing(rig: Rig, fault: Exception) -> None:
    async def publish(entries: Sequence[LogEntryOut]) -> None:
        log.warning("said by the publisher")  # in the writer's task: not stored, or it would go round
        raise fault

    async with writer(rig.container.logs.store, publish=publish).running():
        log.info("one")
        await wait_for(rig, "one")
        log.info("two")
    assert await messages(rig) == ["one", "two"]


async def test_lines_from_many_threads_all_arrive(rig: Rig) -> None:
    def talk(name: int) -> None:
        for number in range(100):
            log.info("line", name=name, number=number)

    async with writer(rig.container.logs.store).running():
        threads = [threading.Thread(target=talk, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
    found = [json.loads(row.context) for row in await stored(rig.container.infra.db)]
    assert {(context["name"], context["number"]) for context in found} == {(a, b) for a in range(4) for b in range(100)}
    assert len(found) == 400

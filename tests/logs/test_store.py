"""The log store: every filter compared with a plain list, order, pages, totals, retention, export."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app.core.config import LogLevel
from app.logs import store as store_module
from app.logs.filters import LogFilter
from app.logs.lines import Entry, EntryKind
from app.logs.models import LEVEL_NUMBERS, SOURCES, time_of
from app.logs.schemas import LogCleanupIn, LogEntryOut
from app.logs.store import LogStore
from app.settings.general import GeneralIn
from tests.logs.entries import FIRST, check_counts, entry, stored
from tests.support.rig import START, Rig
from worker import ticks

pytestmark = [pytest.mark.asyncio, pytest.mark.storage]


def some_entries(count: int, seed: int = 1) -> list[Entry]:
    """Of all kinds, in no order."""
    chosen = random.Random(seed)
    made = []
    for number in range(count):
        app_type = chosen.choice(["system", "sonarr", "radarr"])
        instance = {"system": None, "sonarr": 1, "radarr": chosen.choice([2, 3])}[app_type]
        title = chosen.choice(["Severance", "Pokémon", "100% \\ Wolf_", "Andor"])
        made.append(
            entry(
                number,
                level=chosen.choice([10, 10, 10, 20, 20, 30, 40]),
                app_type=app_type,
                instance_id=instance,
                hunt_id=chosen.randint(1, 9) if instance else None,
                request_id=None if instance else f"r{chosen.randint(1, 5)}",
                context=json.dumps({"title": title}, ensure_ascii=False),
                message=f"line {number % 10}",
            )
        )
    chosen.shuffle(made)
    return made


def fits(row: Entry, wanted: LogFilter) -> bool:
    """What the filter means, once more and plainly."""
    text = f"{row.message}\n{row.context}".lower()
    return (
        wanted.app_type in (None, row.app_type)
        and (wanted.level is None or row.level >= LEVEL_NUMBERS[wanted.level])
        and wanted.instance_id in (None, row.instance_id)
        and wanted.hunt_id in (None, row.hunt_id)
        and wanted.request_id in (None, row.request_id)
        and (wanted.search is None or wanted.search.lower() in text)
        and (wanted.since is None or time_of(row.id) >= wanted.since)
        and (wanted.until is None or time_of(row.id) < wanted.until)
    )


WANTED = [
    LogFilter(),
    LogFilter("sonarr"),
    LogFilter(level=LogLevel.DEBUG),
    LogFilter(level=LogLevel.WARNING),
    LogFilter("radarr", LogLevel.ERROR),
    LogFilter("system", LogLevel.INFO),
    LogFilter(instance_id=2),
    LogFilter("radarr", LogLevel.INFO, instance_id=3),
    LogFilter("sonarr", instance_id=3),
    LogFilter(hunt_id=4),
    LogFilter(level=LogLevel.WARNING, hunt_id=4),
    LogFilter(request_id="r2"),
    LogFilter(search="LINE 7"),
    LogFilter("sonarr", search="pokémon"),
    LogFilter(search="100% \\"),
    LogFilter(search="%"),
    LogFilter(search="wolf_"),
    LogFilter(search="nowhere"),
    LogFilter(since=START + timedelta(milliseconds=100)),
    LogFilter(until=START + timedelta(milliseconds=100)),
    LogFilter("radarr", LogLevel.INFO, since=START + timedelta(milliseconds=50), until=START + timedelta(seconds=0.2)),
    LogFilter(search="line 3", level=LogLevel.INFO, until=START + timedelta(seconds=0.2)),
    LogFilter(since=START + timedelta(days=1)),
]


async def all_pages(store: LogStore, wanted: LogFilter, limit: int) -> list[LogEntryOut]:
    found: list[LogEntryOut] = []
    before: int | None = None
    while True:
        page = await store.page(wanted, limit=limit, before_id=before)
        assert len(page.entries) <= limit
        found += page.entries
        if page.next_before_id is None:
            return found
        assert before is None or page.next_before_id < before
        before = page.next_before_id


async def exported(store: LogStore, wanted: LogFilter) -> list[LogEntryOut]:
    return [row async for part in await store.export(wanted) for row in part]


async def fill(rig: Rig, entries: Sequence[Entry]) -> LogStore:
    for start in range(0, len(entries), 200):
        await rig.container.logs.store.add(entries[start : start + 200], {})
    return rig.container.logs.store


async def test_every_filter_finds_what_it_says(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = some_entries(300)
    store = await fill(rig, entries)
    entries.sort(key=lambda row: -row.id)
    for wanted in WANTED:
        expected = [row.id for row in entries if fits(row, wanted)]
        first = await store.page(wanted, limit=1000, before_id=None)
        assert [row.id for row in first.entries] == expected, wanted
        assert (first.total, first.total_is_exact, first.next_before_id) == (len(expected), True, None), wanted
        page = await store.page(wanted, limit=7, before_id=None)
        assert page.total == len(expected), wanted
        assert [row.id for row in await all_pages(store, wanted, 7)] == expected, wanted
        assert [row.id for row in await exported(store, wanted)] == expected[::-1], wanted
    await check_counts(rig.container.infra.db)


async def test_long_lists_are_read_in_bounded_parts(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers when a page looks through 40 entries, an export reads 30 and counting ends at 50."""
    for name, number in (("MAX_SEARCHED", 40), ("EXPORT_BATCH_ROWS", 30), ("MAX_COUNTED", 50)):
        monkeypatch.setattr(store_module, name, number)
    entries = some_entries(300, seed=2)
    store = await fill(rig, entries)
    entries.sort(key=lambda row: -row.id)
    for wanted in WANTED:
        expected = [row.id for row in entries if fits(row, wanted)]
        assert [row.id for row in await all_pages(store, wanted, 7)] == expected, wanted
        assert [row.id for row in await exported(store, wanted)] == expected[::-1], wanted
        page = await store.page(wanted, limit=5, before_id=None)
        assert page.total <= len(expected)
        assert page.total == len(expected) or not page.total_is_exact, wanted


async def test_a_search_without_a_match_says_where_to_continue(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAX_SEARCHED", 10)
    await fill(rig, [entry(0, message="needle"), *(entry(number) for number in range(1, 25))])
    store, wanted = rig.container.logs.store, LogFilter(search="needle")
    page = await store.page(wanted, limit=5, before_id=None)
    assert (page.entries, page.total, page.total_is_exact) == ([], 0, False)
    assert page.next_before_id == FIRST + 15_000
    assert [row.message for row in await all_pages(store, wanted, 5)] == ["needle"]


async def test_lines_of_the_same_moment_are_all_kept(rig: Rig) -> None:
    """Within a batch, and between processes that know nothing of each other."""
    store = rig.container.logs.store
    other = LogStore(rig.container.infra.db, rig.container.settings, rig.clock)
    await store.add([entry(0, message=f"a{number}") for number in range(5)], {})
    batches = [[entry(0, message=f"{name}{number}") for number in range(5)] for name in "bcdefgh"]
    await asyncio.gather(*((store, other)[number % 2].add(batch, {}) for number, batch in enumerate(batches)))
    found = await stored(rig.container.infra.db)
    assert {row.message for row in found} == {f"{name}{number}" for name in "abcdefgh" for number in range(5)}
    assert [row.id for row in found] == list(range(FIRST, FIRST + 40))
    await check_counts(rig.container.infra.db)


async def test_late_lines_are_in_the_order_of_time(rig: Rig) -> None:
    store = rig.container.logs.store
    await store.add([entry(10), entry(30)], {})
    await store.add([entry(20), entry(0)], {})
    page = await store.page(LogFilter(), limit=10, before_id=None)
    assert [row.message for row in page.entries] == ["line 30", "line 20", "line 10", "line 0"]
    assert page.entries[-1].timestamp == START


async def test_a_page_position_outlives_its_entry(rig: Rig) -> None:
    store = await fill(rig, [entry(number) for number in range(30)])
    page = await store.page(LogFilter(), limit=10, before_id=None)
    await store.clean_up(LogCleanupIn(max_entries_per_app=10))
    await store.add([entry(5, message="written late")], {})
    following = await store.page(LogFilter(), limit=10, before_id=page.next_before_id)
    assert [row.message for row in following.entries] == ["written late"]


async def test_statistics_are_read_from_the_counts(rig: Rig) -> None:
    entries = some_entries(250)
    await fill(rig, entries)
    await rig.container.logs.store.add([entry(900)], {EntryKind("sonarr", 1, 10): 3, EntryKind("system", 0, 20): 1})
    statements: list[str] = []
    for engine in rig.container.infra.db.engines:
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    stats = await rig.container.logs.store.stats()
    read = [statement for statement in statements if "BEGIN" not in statement.upper()[:6]]
    assert len(read) == 2
    assert not any("count(" in statement.lower() for statement in read)
    assert stats.total == 251
    assert stats.by_app == {app: sum(row.app_type == app for row in entries) + (app == "system") for app in SOURCES}
    assert stats.by_level[LogLevel.ERROR] == sum(row.level == 40 for row in entries)
    assert (stats.oldest, stats.newest) == (START, START + timedelta(milliseconds=900))
    assert stats.size_bytes == 2510
    assert stats.dropped == {"DEBUG": 3, "INFO": 1, "WARNING": 0, "ERROR": 0}


async def test_an_empty_log_has_statistics_too(rig: Rig) -> None:
    stats = await rig.container.logs.store.stats()
    assert (stats.total, stats.oldest, stats.newest, stats.size_bytes) == (0, None, None, 0)
    assert set(stats.by_app) == set(SOURCES)


async def test_the_retention_is_by_age_and_by_number(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "DELETE_BATCH_ROWS", 50)  # so that there are many batches
    store = rig.container.logs.store
    old = [entry(number, id=FIRST - (31 * 86_400_000 + number) * 1000) for number in range(120)]
    many = [entry(number, app_type="sonarr", level=(10, 40)[number % 2]) for number in range(230)]
    await fill(rig, [*old, *many, *(entry(number) for number in range(90))])
    await rig.container.settings.update_general(GeneralIn.model_validate({"log_max_entries_per_app": 100}))
    await ticks.delete_old_log_entries(rig.container)
    found = await stored(rig.container.infra.db)
    assert [row.message for row in found if row.app_type == "sonarr"] == [f"line {n}" for n in range(130, 230)]
    assert sum(row.app_type == "system" for row in found) == 90
    assert (await store.stats()).total == 190
    await check_counts(rig.container.infra.db)
    assert await store.clean_up(LogCleanupIn()) == 0


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"days_to_keep": 1}, 20),
        ({"days_to_keep": 3}, 40),
        ({"max_entries_per_app": 15}, 15),
        ({"max_entries_per_app": 0}, 0),
        ({"days_to_keep": 1, "max_entries_per_app": 30}, 20),
        ({}, 40),
    ],
)
async def test_a_clean_up_does_what_it_is_asked(rig: Rig, given: dict[str, Any], left: int) -> None:
    yesterday = [entry(number, id=FIRST - (86_400_000 + number + 1) * 1000) for number in range(20)]
    await fill(rig, [*yesterday, *(entry(number) for number in range(20))])
    assert await rig.container.logs.store.clean_up(LogCleanupIn.model_validate(given)) == 40 - left
    assert len(await stored(rig.container.infra.db)) == left
    await check_counts(rig.container.infra.db)


async def test_clearing_deletes_one_source_or_all_and_resets_dropped_counts(rig: Rig) -> None:
    entries = some_entries(200)
    store = await fill(rig, entries)
    await store.add([entry(900)], {EntryKind("sonarr", 1, 10): 3, EntryKind("system", 0, 20): 1})
    sonarr = sum(row.app_type == "sonarr" for row in entries)
    assert await store.clear("sonarr") == sonarr
    stats = await store.stats()
    assert (stats.total, stats.by_app["sonarr"]) == (201 - sonarr, 0)
    assert stats.dropped == {"DEBUG": 0, "INFO": 1, "WARNING": 0, "ERROR": 0}
    await check_counts(rig.container.infra.db)
    assert await store.clear(None) == 201 - sonarr
    assert (await store.stats()).dropped == {"DEBUG": 0, "INFO": 0, "WARNING": 0, "ERROR": 0}
    await check_counts(rig.container.infra.db)


async def test_clean_ups_and_writers_at_once_keep_the_totals_right(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "DELETE_BATCH_ROWS", 20)
    store = await fill(rig, some_entries(300))
    later = [[entry(1000 + 10 * a + b, app_type="radarr", instance_id=2) for b in range(10)] for a in range(10)]
    await asyncio.gather(
        store.clear("sonarr"),
        store.clean_up(LogCleanupIn(max_entries_per_app=20)),
        *(store.add(batch, {}) for batch in later),
    )
    await check_counts(rig.container.infra.db)


async def test_an_export_ends_although_lines_keep_coming(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "EXPORT_BATCH_ROWS", 10)
    store = await fill(rig, [entry(number) for number in range(35)])
    found = []
    for number, part in enumerate([part async for part in _noisy(store)]):
        assert len(part) <= 10, number
        found += part
    assert [row.message for row in found] == [f"line {number}" for number in range(35)]


async def _noisy(store: LogStore) -> Any:
    number = 1000
    async for part in await store.export(LogFilter()):
        await store.add([entry(number + offset) for offset in range(20)], {})
        number += 20
        yield part

"""Counts behind the metrics: nothing is lost without Redis, and nothing is counted that did not happen."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import text

from app.core.db import Database
from app.core.redis import make_redis, redis_settings
from app.core.upgrades import alembic_config
from app.http.messages import Exchange
from app.metrics.histogram import Histogram
from app.metrics.traffic import MAX_ADDRESSES, AppTraffic
from tests.simulator import LibrarySpec
from tests.support.rig import Rig


def test_a_value_counts_for_every_bound_that_it_does_not_exceed() -> None:
    histogram = Histogram((1.0, 5.0))
    for value in (0.5, 1.0, 1.1, 5.0, 9.0):
        histogram.observe(value)
    assert histogram.cumulative() == [2, 4, 5]
    assert histogram.total == pytest.approx(16.6)


@pytest.mark.asyncio
async def test_counts_are_kept_until_redis_is_back(rig: Rig, tmp_path: Path) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    nowhere = rig.config.model_copy(update={"redis_url": SecretStr(f"unix://{tmp_path / 'nobody.sock'}")})
    away = make_redis(redis_settings(nowhere))
    traffic = AppTraffic(rig.container.infra.db, away)
    traffic.observe(Exchange(made.url or "", "GET", "/", 200, 0.2, 10))
    await traffic.flush()
    traffic.observe(Exchange(made.url or "", "GET", "/", None, 70.0, 0))
    traffic.observe(Exchange(made.url or "", "GET", "/", 200, 0.4, 10))
    await traffic.flush()
    back = AppTraffic(rig.container.infra.db, rig.container.infra.redis)
    back._seen = traffic._seen
    await back.flush()
    await back.flush()
    found = await back.read([made.id])
    assert found.requests == {(made.id, "2xx"): 2, (made.id, "no_answer"): 1}
    assert found.last == {made.id: 0.4}
    assert found.answers["sonarr"].cumulative()[-2:] == [2, 3]
    assert found.answers["sonarr"].total == pytest.approx(70.6)
    await away.aclose()


@pytest.mark.asyncio
async def test_addresses_of_no_instance_use_little_memory_and_no_label(rig: Rig) -> None:
    traffic = AppTraffic(rig.container.infra.db, rig.container.infra.redis)
    for number in range(MAX_ADDRESSES + 50):
        traffic.observe(Exchange(f"http://10.0.0.1:{number}", "GET", "/", 200, 0.2, 10))
    assert len(traffic._seen) == MAX_ADDRESSES
    await traffic.flush()
    found = await traffic.read([])
    assert (found.requests, found.answers, found.last) == ({}, {}, {})


@pytest.mark.storage
def test_counters_begin_with_the_sums_of_the_timeline(database_url: str) -> None:
    """In a database that is older than the metrics."""
    config = alembic_config(database_url)
    [ours] = [step for step in ScriptDirectory.from_config(config).walk_revisions() if "Prometheus" in (step.doc or "")]
    command.downgrade(config, str(ours.down_revision))
    days = [("2026-11-22", "missing", 5, 2, 1), ("2026-11-23", "missing", 4, 1, 1), ("2026-11-23", "cutoff", 1, 0, 0)]
    values = ", ".join(f"('{day}', 'sonarr', 7, '{name}', {a}, {b}, {c})" for day, name, a, b, c in days)
    asyncio.run(_run(database_url, f"INSERT INTO stat_passes VALUES {values}"))  # noqa: S608 - ours
    command.upgrade(config, "head")
    found = asyncio.run(_run(database_url, "SELECT * FROM stat_pass_totals ORDER BY hunt_pass"))
    assert found == [("sonarr", 7, "cutoff", 1, 0, 0, 0), ("sonarr", 7, "missing", 9, 0, 3, 2)]


async def _run(url: str, statement: str) -> list[tuple[object, ...]]:
    db = Database(url)
    async with db.session() as session:
        result = await (await session.connection()).execute(text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    await db.close()
    return rows

"""Settings over HTTP: subsets, all or nothing, and the effects of changes."""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from app.arr.registry import hunting_apps
from app.settings.general import GeneralSettings
from app.settings.hunting import HuntingSettings
from tests.api.replies import data, error, field
from tests.simulator import LibrarySpec
from tests.support.rig import START, Rig, open_rig

pytestmark = pytest.mark.asyncio

GENERAL = "/api/settings/general"


async def test_the_defaults_of_every_section(api: AsyncClient) -> None:
    found = data(await api.get("/api/settings"))
    assert set(found) == {"general", "mqtt", *hunting_apps()}
    assert found["general"] == GeneralSettings().model_dump(mode="json")
    assert all(found[app_type] == HuntingSettings().model_dump(mode="json") for app_type in hunting_apps())
    for section, value in found.items():
        assert data(await api.get(f"/api/settings/{section}")) == value


@pytest.mark.storage
async def test_any_subset_is_merged_and_only_its_section_is_returned(api: AsyncClient) -> None:
    assert data(await api.post(GENERAL, json={"timezone": "Europe/Berlin"}))["timezone"] == "Europe/Berlin"
    found = data(await api.post(GENERAL, json={"api_timeout_seconds": 60, "verify_tls": False}))
    assert found == GeneralSettings(timezone="Europe/Berlin", api_timeout_seconds=60, verify_tls=False).model_dump(
        mode="json"
    )
    assert data(await api.post(GENERAL, json={})) == found
    assert data(await api.get(GENERAL)) == found
    assert data(await api.post(GENERAL, json={"api_timeout_seconds": None}))["api_timeout_seconds"] == 30


@pytest.mark.parametrize(
    ("section", "body", "wrong"),
    [
        ("general", {"timezone": "Mars/Base"}, "timezone"),
        ("general", {"timezone": "../../etc/passwd"}, "timezone"),
        ("general", {"timezone": "x" * 5000}, "timezone"),
        ("general", {"api_timeout_seconds": 0}, "api_timeout_seconds"),
        ("general", {"api_timeout_seconds": 301}, "api_timeout_seconds"),
        ("general", {"log_level": "LOUD"}, "log_level"),
        ("general", {"history_retention_days": -1}, "history_retention_days"),
        ("general", {"history_retention_days": 10**40}, "history_retention_days"),
        ("general", {"backup_retention": 0}, "backup_retention"),
        ("general", {"backup_retention": 101}, "backup_retention"),
        ("general", {"backup_cron": "every day"}, "backup_cron"),
        ("general", {"backup_cron": "0 0 31 2 *"}, "backup_cron"),
        ("general", {"backup_cron": "* " * 5000}, "backup_cron"),
        ("general", {"tmdb_api_key": ""}, "tmdb_api_key"),
        ("sonarr", {"interval_minutes": 4}, "interval_minutes"),
        ("sonarr", {"hourly_cap": 0}, "hourly_cap"),
        ("sonarr", {"hourly_cap": 401}, "hourly_cap"),
        ("sonarr", {"season_threshold": 0.05}, "season_threshold"),
        ("sonarr", {"missing_mode": "movie"}, "missing_mode"),
        ("radarr", {"cutoff_mode": "season"}, "cutoff_mode"),
        ("sonarr", {"order": "alphabetical"}, "order"),
        ("sonarr", {"include_tags": ["  "]}, "include_tags"),
        ("sonarr", {"upgrade_batch": -1}, "upgrade_batch"),
        ("sonarr", {"windows": "always"}, "windows"),
    ],
)
async def test_a_wrong_value_changes_nothing(api: AsyncClient, section: str, body: dict[str, Any], wrong: str) -> None:
    before = data(await api.get("/api/settings"))
    right = {"api_timeout_seconds": 99} if section == "general" and "api_timeout_seconds" not in body else {}
    assert field(await api.post(f"/api/settings/{section}", json={**right, **body})) == f"body.{wrong}"
    assert data(await api.get("/api/settings")) == before


async def test_another_section_is_404(api: AsyncClient) -> None:
    assert "sonarr, radarr" in error(await api.get("/api/settings/plex"), 404)
    assert "sonarr, radarr" in error(await api.post("/api/settings/plex", json={"nonsense": 1}), 404)


@pytest.mark.storage
async def test_changes_at_once_are_all_kept(api: AsyncClient) -> None:
    names = ["missing_batch", "cutoff_batch", "daily_cap", "min_gap_seconds", "max_queue"]
    for reply in await asyncio.gather(*(api.post("/api/settings/sonarr", json={name: 4}) for name in names)):
        data(reply)
    found = data(await api.get("/api/settings/sonarr"))
    assert [found[name] for name in names] == [4] * 5


async def test_settings_survive_a_restart(rig: Rig, api: AsyncClient, redis_url: str) -> None:
    data(await api.post(GENERAL, json={"timezone": "Asia/Tokyo"}))
    data(await api.post("/api/settings/radarr", json={"daily_cap": 5, "exclude_tags": ["Anime", " keep "]}))
    before = data(await api.get("/api/settings"))
    folder = rig.config.data_dir
    async with open_rig(rig.config.database, redis_url, folder) as again, again.gateway() as client:
        assert data(await client.get("/api/settings")) == before
    assert before["radarr"]["exclude_tags"] == ["Anime", "keep"]


async def test_the_time_zone_of_the_process_is_the_default(
    monkeypatch: pytest.MonkeyPatch, rig: Rig, redis_url: str
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    folder = rig.config.data_dir
    async with open_rig(rig.config.database, redis_url, folder) as again, again.gateway() as client:
        assert data(await client.get(GENERAL))["timezone"] == "America/New_York"


async def test_a_new_log_level_applies_at_once(api: AsyncClient) -> None:
    data(await api.post(GENERAL, json={"log_level": "ERROR"}))
    assert logging.getLogger().level == logging.ERROR
    data(await api.post(GENERAL, json={"log_level": None}))
    assert logging.getLogger().level == logging.INFO


async def test_an_unchanged_reply_is_304(api: AsyncClient) -> None:
    for path in ("/api/settings", GENERAL, "/api/settings/sonarr"):
        tag = (await api.get(path)).headers["ETag"]
        assert (await api.get(path, headers={"If-None-Match": tag})).status_code == 304


async def next_hunt_at(api: AsyncClient, instance_id: int) -> datetime:
    plan = data(await api.get("/api/hunts/plan", params={"instance_id": instance_id}))
    return datetime.fromisoformat(plan["next_hunt_at"])


def is_about(moment: datetime, minutes: float) -> bool:
    """±10 % of jitter on the interval, counted from the start of the test."""
    return timedelta(minutes=minutes * 0.9) <= moment - START <= timedelta(minutes=minutes * 1.1)


@pytest.mark.storage
async def test_a_changed_interval_moves_the_next_hunt(rig: Rig, api: AsyncClient) -> None:
    own = await rig.add(rig.sonarr(LibrarySpec(series=1)), interval_minutes=500)
    plain = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    assert is_about(await next_hunt_at(api, plain.id), 30)
    assert is_about(await next_hunt_at(api, own.id), 500)
    data(await api.post("/api/settings/sonarr", json={"interval_minutes": 200}))
    assert is_about(await next_hunt_at(api, plain.id), 200)
    assert is_about(await next_hunt_at(api, own.id), 500)
    before = await next_hunt_at(api, plain.id)
    data(await api.post("/api/settings/sonarr", json={"missing_batch": 7}))
    assert await next_hunt_at(api, plain.id) == before
    data(await api.patch(f"/api/instances/sonarr/{own.id}", json={"hunting": {"interval_minutes": None}}))
    assert is_about(await next_hunt_at(api, own.id), 200)
    rig.clock.forward(hours=30)
    data(await api.patch(f"/api/instances/sonarr/{own.id}", json={"hunting": {"interval_minutes": 5}}))
    await rig.container.hunting.dispatcher.start_due()
    rig.clock.forward(minutes=6)
    assert await rig.container.hunting.dispatcher.start_due() == 1


async def test_a_disabled_instance_has_no_next_hunt_until_it_is_enabled(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    path = f"/api/instances/sonarr/{made.id}"
    data(await api.patch(path, json={"enabled": False}))
    assert data(await api.get("/api/hunts/plan", params={"instance_id": made.id}))["next_hunt_at"] is None
    rig.clock.forward(days=3)
    assert await rig.container.hunting.dispatcher.start_due() == 0
    data(await api.patch(path, json={"enabled": True}))
    assert await next_hunt_at(api, made.id) >= rig.clock.now
    rig.clock.forward(minutes=34)
    assert await rig.container.hunting.dispatcher.start_due() == 1

"""Schedules over HTTP: create, read, replace, delete, run now, and what came of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from sqlmodel import select

from app.auth.models import Audit
from tests.api.replies import data, error, field
from tests.simulator import LibrarySpec
from tests.support.rig import Rig, open_rig

pytestmark = pytest.mark.asyncio

SCHEDULES = "/api/schedules"
NIGHTLY = {"name": "Nightly", "action": "hunt", "cron": "0 3 * * *"}


async def made(api: AsyncClient, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = data(await api.post(SCHEDULES, json={**NIGHTLY, **changes}), 201)
    return found


@pytest.mark.storage
async def test_a_schedule_is_created_read_replaced_and_deleted(rig: Rig, api: AsyncClient) -> None:
    assert data(await api.get(SCHEDULES)) == []
    one = await made(api)
    assert one == {
        "id": 1,
        "name": "Nightly",
        "enabled": True,
        "action": "hunt",
        "app_type": "all",
        "instance_id": None,
        "params": {},
        "cron": "0 3 * * *",
        "time": None,
        "days": None,
        "interval_minutes": None,
        "timezone": None,
        "next_run_at": "2026-11-24T03:00:00.000Z",
        "last_run": None,
        "created_at": "2026-11-23T12:00:00.000Z",
        "updated_at": "2026-11-23T12:00:00.000Z",
    }
    assert data(await api.get(f"{SCHEDULES}/1")) == one
    assert data(await api.get(SCHEDULES)) == [one]
    rig.clock.forward(minutes=1)
    body = {
        "name": "Mornings",
        "action": "set_hourly_cap",
        "app_type": "sonarr",
        "params": {"hourly_cap": 5},
        "time": "07:30",
        "days": ["sun", "mon", "mon"],
        "timezone": "Europe/Berlin",
    }
    changed = data(await api.put(f"{SCHEDULES}/1", json=body))
    assert changed == {
        **one,
        **body,
        "cron": None,
        "days": ["mon", "sun"],
        "next_run_at": "2026-11-29T06:30:00.000Z",
        "updated_at": "2026-11-23T12:01:00.000Z",
    }
    assert data(await api.delete(f"{SCHEDULES}/1")) is None
    assert data(await api.get(SCHEDULES)) == []
    assert (await made(api))["id"] == 2, "an id does not come back"


async def test_unknown_schedules_are_404(api: AsyncClient) -> None:
    sentence = "There is no schedule with the id 7."
    for reply in (
        await api.get(f"{SCHEDULES}/7"),
        await api.put(f"{SCHEDULES}/7", json=NIGHTLY),
        await api.delete(f"{SCHEDULES}/7"),
        await api.post(f"{SCHEDULES}/7/run"),
        await api.get(f"{SCHEDULES}/7/runs"),
    ):
        assert error(reply, 404) == sentence
    assert field(await api.get(f"{SCHEDULES}/0")) == "path.schedule_id"


@pytest.mark.parametrize(
    ("changes", "wrong", "sentence"),
    [
        ({"cron": None}, "body", "give exactly one of cron, time and interval_minutes"),
        ({"time": "03:00"}, "body", "give exactly one of cron, time and interval_minutes"),
        ({"interval_minutes": 5}, "body", "give exactly one of cron, time and interval_minutes"),
        ({"days": ["mon"]}, "body", "days go with time"),
        ({"cron": "0 0 30 2 *"}, "body.cron", "never matches: there is no day 30 in month 2"),
        ({"cron": "every day"}, "body.cron", "must have five fields"),
        ({"cron": "0 25 * * *"}, "body.cron", "has a bad hour"),
        ({"cron": None, "time": "3:00"}, "body.time", "pattern"),
        ({"cron": None, "time": "24:00"}, "body.time", "pattern"),
        ({"cron": None, "time": "03:00", "days": []}, "body.days", "at least 1"),
        ({"cron": None, "time": "03:00", "days": ["monday"]}, "body.days.0", "'mon'"),
        ({"cron": None, "interval_minutes": 0}, "body.interval_minutes", "greater than or equal to 1"),
        ({"cron": None, "interval_minutes": 10**30}, "body.interval_minutes", "less than or equal to 525600"),
        ({"timezone": "Berlin"}, "body.timezone", "IANA"),
        ({"name": " "}, "body.name", "at least 1"),
        ({"name": "a\nb"}, "body.name", "one line"),
        ({"app_type": "plex"}, "body.app_type", "must be one of: all, sonarr, radarr"),
        ({"instance_id": 99}, "body.instance_id", "There is no instance with the id 99."),
        ({"instance_id": 2**31}, "body.instance_id", "less than"),
        ({"corn": "0 3 * * *"}, "body.corn", "not permitted"),
        ({"params": {"limit": 0}}, "body.params.limit", "greater than or equal to 1"),
        ({"params": {"limits": 1}}, "body.params.limits", "not permitted"),
        ({"params": {"passes": ["all"]}}, "body.params.passes.0", "'missing'"),
        ({"action": "set_hourly_cap"}, "body.params.hourly_cap", "required"),
        ({"action": "set_hourly_cap", "params": {"hourly_cap": 401}}, "body.params.hourly_cap", "400"),
        ({"action": "pause", "params": {"minutes": 0}}, "body.params.minutes", "greater than or equal to 1"),
        ({"action": "resume", "params": {"minutes": 1}}, "body.params.minutes", "not permitted"),
        ({"action": "pause", "app_type": "sonarr"}, "body", "pause is about all hunting"),
        ({"action": "resume", "instance_id": 1}, "body", "resume is about all hunting"),
    ],
)
async def test_a_wrong_field_is_named(api: AsyncClient, changes: dict[str, Any], wrong: str, sentence: str) -> None:
    one = await made(api)
    for reply in (
        await api.post(SCHEDULES, json={**NIGHTLY, **changes}),
        await api.put(f"{SCHEDULES}/1", json={**NIGHTLY, **changes}),
    ):
        assert field(reply) == wrong
        assert sentence in reply.json()["error"]
    assert data(await api.get(SCHEDULES)) == [one]


@pytest.mark.parametrize("action", ["swaparrs", "backups", "movie_hunt", "", "Hunt"])
async def test_an_unknown_action_is_refused_with_a_list_of_the_known(api: AsyncClient, action: str) -> None:
    reply = await api.post(SCHEDULES, json={**NIGHTLY, "action": action})
    assert field(reply) == "body.action"
    assert reply.json()["error"].endswith(
        "must be one of: hunt, enable, disable, pause, resume, set_hourly_cap, swaparr, backup, movie_hunt_search"
    )


@pytest.mark.storage
async def test_a_target_is_checked_and_goes_with_its_instance(rig: Rig, api: AsyncClient) -> None:
    films = await rig.add(rig.radarr(LibrarySpec(movies=3)))
    assert (await made(api, instance_id=films.id))["app_type"] == "all"
    assert (await made(api, instance_id=films.id, app_type="radarr"))["instance_id"] == films.id
    wrong = await api.post(SCHEDULES, json={**NIGHTLY, "instance_id": films.id, "app_type": "sonarr"})
    assert field(wrong) == "body.app_type"
    assert error(wrong, 422) == f"The instance {films.id} is a radarr: say that or all."
    await made(api, app_type="radarr")
    data(await api.delete(f"/api/instances/radarr/{films.id}"))
    assert [(item["id"], item["instance_id"]) for item in data(await api.get(SCHEDULES))] == [(3, None)]


async def test_only_a_change_of_times_moves_the_next_run(rig: Rig, api: AsyncClient) -> None:
    every = {"name": "A", "action": "resume", "interval_minutes": 60}
    data(await api.post(SCHEDULES, json=every), 201)
    rig.clock.forward(minutes=59)
    renamed = data(await api.put(f"{SCHEDULES}/1", json={**every, "name": "B"}))
    assert (renamed["name"], renamed["next_run_at"]) == ("B", "2026-11-23T13:00:00.000Z")
    off = data(await api.put(f"{SCHEDULES}/1", json={**every, "enabled": False}))
    assert (off["enabled"], off["next_run_at"]) == (False, None)
    rig.clock.forward(days=3)
    assert await rig.container.schedules.runner.fire_due() == 0
    on = data(await api.put(f"{SCHEDULES}/1", json=every))
    assert on["next_run_at"] == "2026-11-26T13:59:00.000Z"
    assert data(await api.get(f"{SCHEDULES}/1/runs"))["items"] == []


@pytest.mark.storage
async def test_a_run_by_hand_and_its_history(rig: Rig, api: AsyncClient) -> None:
    await rig.add(rig.radarr(LibrarySpec(movies=3)))
    one = await made(api, enabled=False)
    queued = data(await api.post(f"{SCHEDULES}/1/run"), 202)
    assert queued == {
        "id": 1,
        "schedule_id": 1,
        "trigger": "manual",
        "status": "queued",
        "message": None,
        "due_at": None,
        "at": "2026-11-23T12:00:00.000Z",
        "started_at": None,
        "ended_at": None,
        "hunt_ids": [],
    }
    assert data(await api.get(f"{SCHEDULES}/1"))["last_run"] == {
        "at": "2026-11-23T12:00:00.000Z",
        "status": "queued",
        "message": None,
    }
    await rig.container.schedules.runner.run(1)
    found = data(await api.get(f"{SCHEDULES}/1/runs"))
    assert (found["total"], found["page"], found["page_size"]) == (1, 1, 50)
    [run] = found["items"]
    assert (run["status"], run["message"], run["hunt_ids"]) == ("completed", "1 hunt queued.", [1])
    assert run["ended_at"] == run["started_at"] == "2026-11-23T12:00:00.000Z"
    assert data(await api.get("/api/hunts/1"))["trigger"] == "schedule"
    again = data(await api.get(f"{SCHEDULES}/1"))
    assert again == {**one, "last_run": {"at": queued["at"], "status": "completed", "message": "1 hunt queued."}}


@pytest.mark.storage
async def test_runs_are_newest_first_and_paged(rig: Rig, api: AsyncClient) -> None:
    await made(api, action="resume", cron="*/10 * * * *")
    await made(api, action="resume", cron="0 * * * *")
    for _ in range(6):
        rig.clock.forward(minutes=10)
        await rig.container.schedules.runner.fire_due()

    async def hours(**params: int) -> list[str]:
        page = data(await api.get(f"{SCHEDULES}/1/runs", params=params))
        assert page["total"] == 6
        return [run["due_at"][11:16] for run in page["items"]]

    assert await hours() == ["13:00", "12:50", "12:40", "12:30", "12:20", "12:10"]
    assert await hours(page=2, page_size=4) == ["12:20", "12:10"]
    assert await hours(page=9) == []
    assert data(await api.get(f"{SCHEDULES}/2/runs"))["total"] == 1
    assert field(await api.get(f"{SCHEDULES}/1/runs", params={"page_size": 501})) == "query.page_size"


async def test_hunts_of_a_schedule_keep_to_windows(rig: Rig, api: AsyncClient) -> None:
    night = [{"days": ["mon"], "start": "23:00", "end": "23:30"}]
    films = await rig.add(rig.radarr(LibrarySpec(movies=3)), windows=night)
    await made(api, instance_id=films.id)
    data(await api.post(f"{SCHEDULES}/1/run"), 202)
    await rig.work()
    found = data(await api.get("/api/hunts/1"))
    assert (found["status"], found["reason"]) == ("skipped", "outside_window")


async def test_a_change_of_the_general_time_zone_shows_at_once(rig: Rig, api: AsyncClient) -> None:
    await made(api)
    await made(api, timezone="Asia/Tokyo")
    data(await api.post("/api/settings/general", json={"timezone": "America/New_York"}))
    shown = [item["next_run_at"] for item in data(await api.get(SCHEDULES))]
    assert shown == ["2026-11-24T08:00:00.000Z", "2026-11-23T18:00:00.000Z"]
    assert await rig.container.schedules.runner.fire_due() == 0
    assert [item["next_run_at"] for item in data(await api.get(SCHEDULES))] == shown


async def test_without_redis_everything_works_but_a_run_by_hand(tmp_path: Path, database_url: str) -> None:
    nowhere = f"unix://{tmp_path / 'nobody.sock'}"
    async with open_rig(database_url, nowhere, tmp_path) as rig, rig.gateway() as api:
        one = await made(api)
        assert "Redis is not available" in error(await api.post(f"{SCHEDULES}/1/run"), 503)
        assert data(await api.get(f"{SCHEDULES}/1/runs"))["total"] == 0
        assert data(await api.put(f"{SCHEDULES}/1", json=NIGHTLY)) == one
        data(await api.delete(f"{SCHEDULES}/1"))


async def test_repeated_posts_are_one_and_the_audit_names_the_caller(rig: Rig, api: AsyncClient) -> None:
    for _ in range(2):
        one = data(await api.post(SCHEDULES, json=NIGHTLY, headers={"Idempotency-Key": "a"}), 201)
        run = data(await api.post(f"{SCHEDULES}/{one['id']}/run", headers={"Idempotency-Key": "b"}), 202)
    assert (one["id"], run["id"]) == (1, 1)
    assert data(await api.get(f"{SCHEDULES}/1/runs"))["total"] == 1
    other = await api.post(SCHEDULES, json={**NIGHTLY, "name": "B"}, headers={"Idempotency-Key": "a"})
    assert "used for another request" in error(other, 409)
    data(await api.put(f"{SCHEDULES}/1", json=NIGHTLY))
    data(await api.delete(f"{SCHEDULES}/1"))
    async with rig.container.infra.db.reading() as session:
        deeds = (await session.exec(select(Audit).order_by(Audit.id))).all()  # type: ignore[arg-type] # a column
    assert [(deed.action, deed.target) for deed in deeds] == [
        ("create_schedule", {"id": "1"}),
        ("run_schedule", {"schedule_id": "1"}),
        ("replace_schedule", {"schedule_id": "1"}),
        ("delete_schedule", {"schedule_id": "1"}),
    ]


async def test_deleting_a_schedule_stops_a_run_that_is_queued(rig: Rig, api: AsyncClient) -> None:
    data(await api.post("/api/hunting/pause"))
    await made(api, action="resume")
    data(await api.post(f"{SCHEDULES}/1/run"), 202)
    data(await api.delete(f"{SCHEDULES}/1"))
    rig.clock.now += timedelta(minutes=1)
    await rig.work()
    assert data(await api.get("/api/settings/general"))["hunting_paused"] is True

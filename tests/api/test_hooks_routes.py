"""The user's hooks over HTTP: created, called with their token, each for its one action."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from sqlmodel import select

from app.arr.models import AppType
from app.auth.models import Audit
from app.webhooks.models import Hook
from tests.api.replies import data, error, field
from tests.simulator import LibrarySpec
from tests.support.rig import Rig, open_rig

pytestmark = pytest.mark.asyncio

HOOKS = "/api/webhooks/hooks"
WRONG = "The token is not valid."


@pytest_asyncio.fixture
async def button(rig: Rig) -> AsyncIterator[AsyncClient]:
    """A caller that cannot send headers."""
    async with rig.gateway(key=None) as client:
        yield client


async def made(api: AsyncClient, action: str = "hunt", **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = data(await api.post(HOOKS, json={"name": "H", "action": action, **given}), 201)
    return found


async def films(rig: Rig, **given: Any) -> int:
    library = LibrarySpec.with_missing(3)
    return (await rig.add(rig.radarr(library, url_base=f"/{len(rig.apps)}"), **given)).id


@pytest.mark.storage
async def test_a_hook_is_created_shown_called_and_deleted(rig: Rig, api: AsyncClient, button: AsyncClient) -> None:
    target = await films(rig)
    one = await made(api, app_type="radarr", params={"passes": ["missing"], "limit": 2})
    token, url = one.pop("token"), one.pop("url")
    assert one == {
        "id": 1,
        "name": "H",
        "action": "hunt",
        "app_type": "radarr",
        "instance_id": None,
        "params": {"passes": ["missing"], "limit": 2},
        "allow_get": False,
        "created_at": "2026-11-23T12:00:00.000Z",
        "last_called_at": None,
        "calls": 0,
    }
    assert url == f"http://huntarr{HOOKS}/{token}"
    assert data(await api.get(HOOKS)) == [one]
    rig.clock.forward(minutes=1)
    done = data(await button.post(url), 202)
    assert (done["hook_id"], done["action"], done["result"]) == (1, "hunt", "1 hunt queued.")
    [hunt] = done["hunts"]
    assert (hunt["instance_id"], hunt["trigger"], hunt["limit"]) == (target, "manual", 2)
    assert hunt["passes"] == ["missing"]
    assert data(await api.get(HOOKS)) == [{**one, "last_called_at": "2026-11-23T12:01:00.000Z", "calls": 1}]
    assert data(await api.delete(f"{HOOKS}/1")) is None
    assert error(await button.post(url), 401) == WRONG
    assert error(await api.delete(f"{HOOKS}/1"), 404) == "There is no hook with the id 1."
    assert (await made(api))["id"] == 2, "an id does not come back"


@pytest.mark.storage
async def test_only_a_hash_of_the_token_is_stored(rig: Rig, api: AsyncClient) -> None:
    token = (await made(api))["token"]
    assert token.startswith("huntarr_hook_")
    assert len(token) == len("huntarr_hook_") + 43
    async with rig.container.infra.db.reading() as session:
        [row] = (await session.exec(select(Hook))).all()
    assert token not in row.model_dump_json()


async def test_every_action_of_schedules(rig: Rig, api: AsyncClient, button: AsyncClient) -> None:
    target = await films(rig)
    for action, given, result in (
        ("disable", {"instance_id": target}, "1 instance disabled."),
        ("enable", {"app_type": "radarr"}, "1 instance enabled."),
        ("set_hourly_cap", {"params": {"hourly_cap": 7}}, "Hourly cap of 1 instance set to 7."),
        ("pause", {"params": {"minutes": 90}}, "Hunting paused until 2026-11-23 13:30 UTC."),
        ("resume", {}, "Hunting resumed."),
    ):
        done = data(await button.post((await made(api, action, **given))["url"]), 202)
        assert (done["result"], done["hunts"]) == (result, [])
    assert (await rig.container.settings.hunting(AppType.RADARR)).hourly_cap == 7
    assert not (await rig.container.settings.general()).hunting_paused


@pytest.mark.parametrize(
    ("changes", "wrong", "sentence"),
    [
        ({"action": "reboot"}, "body.action", "must be one of: hunt, enable"),
        ({"params": {"limit": 0}}, "body.params.limit", "greater than or equal to 1"),
        ({"params": {"instance_id": 1}}, "body.params.instance_id", "not permitted"),
        ({"action": "pause", "app_type": "sonarr"}, "body", "pause is about all hunting"),
        ({"instance_id": 99}, "body.instance_id", "There is no instance with the id 99."),
        ({"app_type": "plex"}, "body.app_type", "must be one of: all, sonarr"),
        ({"name": ""}, "body.name", "at least 1"),
        ({"cron": "0 3 * * *"}, "body.cron", "not permitted"),
        ({"allow_get": "maybe"}, "body.allow_get", "boolean"),
    ],
)
async def test_a_wrong_field_is_named(api: AsyncClient, changes: dict[str, Any], wrong: str, sentence: str) -> None:
    reply = await api.post(HOOKS, json={"name": "H", "action": "hunt", **changes})
    assert field(reply) == wrong
    assert sentence in reply.json()["error"]
    assert data(await api.get(HOOKS)) == []


async def test_get_runs_a_hook_only_with_allow_get(rig: Rig, api: AsyncClient, button: AsyncClient) -> None:
    data(await api.post("/api/hunting/pause"))
    strict, easy = await made(api, "resume"), await made(api, "resume", allow_get=True)
    assert error(await button.get(strict["url"]), 403).startswith("This hook takes POST only")
    for path in (strict["url"], easy["url"]):
        assert (await button.head(path)).status_code == 401, "whoever looks a link up presses no button"
        assert (await api.head(path)).status_code == 405
        assert (await button.put(path)).status_code == 401
    assert [hook["calls"] for hook in data(await api.get(HOOKS))] == [0, 0]
    assert (await rig.container.settings.general()).hunting_paused
    assert data(await button.get(easy["url"]), 202)["result"] == "Hunting resumed."
    rig.clock.forward(seconds=1)
    assert data(await button.post(easy["url"]), 202)


@pytest.mark.storage
async def test_once_a_second_for_each_hook_in_all_processes(rig: Rig, api: AsyncClient, button: AsyncClient) -> None:
    one, other = await made(api, "resume"), await made(api, "resume")
    async with rig.gateway(key=None) as second:
        replies = await asyncio.gather(*(each.post(one["url"]) for each in (button, second) * 4))
    assert sorted(reply.status_code for reply in replies) == [202] + [429] * 7
    late = next(reply for reply in replies if reply.status_code == 429)
    assert error(late, 429) == "A hook can be called once a second."
    assert late.headers["Retry-After"] == "1"
    assert data(await button.post(other["url"]), 202)
    rig.clock.forward(seconds=1)
    assert data(await button.post(one["url"]), 202)
    rig.clock.forward(days=-1)
    assert data(await button.post(one["url"]), 202), "a clock that was set back locks nobody out"
    assert [hook["calls"] for hook in data(await api.get(HOOKS))] == [3, 1]


@pytest.mark.storage
async def test_a_hook_of_an_instance_goes_with_it_and_never_becomes_one_of_all(
    rig: Rig, api: AsyncClient, button: AsyncClient
) -> None:
    first, second = await films(rig), await films(rig)
    one, typed = await made(api, instance_id=first), await made(api, app_type="radarr")
    data(await api.delete(f"/api/instances/radarr/{first}"))
    assert error(await button.post(one["url"]), 401) == WRONG
    assert [hook["id"] for hook in data(await api.get(HOOKS))] == [typed["id"]]
    assert data(await api.get("/api/hunts"))["total"] == 0
    [hunt] = data(await button.post(typed["url"]), 202)["hunts"]
    assert hunt["instance_id"] == second


async def test_nothing_to_do_is_said(rig: Rig, api: AsyncClient, button: AsyncClient) -> None:
    typed = await made(api, app_type="sonarr")
    assert error(await button.post(typed["url"]), 404) == "There is no sonarr."
    target = await films(rig, enabled=False)
    one = await made(api, instance_id=target)
    assert error(await button.post(one["url"]), 409) == "The instance is disabled: enable one to hunt."


async def test_what_another_version_stored_is_refused(rig: Rig, api: AsyncClient, button: AsyncClient) -> None:
    one = await made(api, "resume")
    changes: list[dict[str, Any]] = [{"action": "reboot"}, {"action": "pause", "params": {"hours": 1}}]
    for number, change in enumerate(changes):
        async with rig.container.infra.db.session() as session:
            row = await session.get_one(Hook, one["id"])
            row.sqlmodel_update(change)
            session.add(row)
        rig.clock.forward(seconds=number + 1)
        assert "create it again" in error(await button.post(one["url"]), 409)
    assert not (await rig.container.settings.general()).hunting_paused


async def test_a_call_opens_nothing_but_the_hook(api: AsyncClient, button: AsyncClient) -> None:
    one = await made(api, "resume")
    for path in ("/api/stats", HOOKS):
        assert (await button.get(path, headers={"X-Api-Key": one["token"]})).status_code == 401
        assert (await button.get(path, params={"apikey": one["token"], "token": one["token"]})).status_code == 401
    assert (await button.delete(f"{HOOKS}/{one['id']}", headers={"X-Api-Key": one["token"]})).status_code == 401
    assert (await button.delete(f"{HOOKS}/{one['token']}")).status_code == 401
    assert field(await api.delete(f"{HOOKS}/{one['token']}")) == "path.hook"
    for wrong in ("1", "huntarr_hook_" + "x" * 43, one["token"].upper(), one["token"] + "x", "%00", "a" * 5000):
        assert error(await button.post(f"{HOOKS}/{wrong}"), 401) == WRONG
        assert error(await api.post(f"{HOOKS}/{wrong}"), 401) == WRONG, "an API key is no token"


async def test_the_audit_trail_names_the_called_hook(rig: Rig, api: AsyncClient, button: AsyncClient) -> None:
    one = await made(api, "resume", allow_get=True)
    await button.post(one["url"])
    rig.clock.forward(seconds=1)
    await button.get(one["url"])
    await api.delete(f"{HOOKS}/{one['id']}")
    async with rig.container.infra.db.reading() as session:
        deeds = (await session.exec(select(Audit).order_by(Audit.id))).all()  # type: ignore[arg-type] # a column
    assert [(deed.action, deed.auth, deed.actor, deed.target) for deed in deeds] == [
        ("create_hook", "api_key", "HUNTARR_API_KEY", {"id": "1"}),
        ("call_hook", "webhook", "H", {"hook": "1"}),
        ("call_hook_by_get", "webhook", "H", {"hook": "1"}),
        ("delete_hook", "api_key", "HUNTARR_API_KEY", {"hook": "1"}),
    ]
    shown = data(await api.get("/api/audit", params={"action": "call_hook"}))["items"]
    assert shown[0]["auth"] == "webhook"


async def test_repeated_posts_are_one(rig: Rig, api: AsyncClient, button: AsyncClient) -> None:
    await films(rig)
    again = {"Idempotency-Key": "k"}
    one, same = [data(await api.post(HOOKS, json={"name": "H", "action": "hunt"}, headers=again), 201) for _ in "ab"]
    assert one == same
    first, second = [data(await button.post(one["url"], headers=again), 202) for _ in "ab"]
    assert first == second
    assert data(await api.get(HOOKS))[0]["calls"] == 1


async def test_without_redis_what_needs_none_still_works(tmp_path: Path, database_url: str) -> None:
    nowhere = f"unix://{tmp_path / 'nobody.sock'}"
    async with open_rig(database_url, nowhere, tmp_path) as rig, rig.gateway() as api:
        pause, hunt = await made(api, "pause"), await made(api)
        assert data(await api.post(pause["url"]), 202)["result"] == "Hunting paused."
        assert error(await api.post(pause["url"]), 429), "the gap is kept without Redis too"
        assert "Redis is not available" in error(await api.post(hunt["url"]), 503)

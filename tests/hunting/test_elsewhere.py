"""Something else than the app answers at its address: trial 90."""

from typing import Any

import pytest
from sqlmodel import select

from app.arr.errors import ErrorCode
from app.events.models import Event
from app.hunting.store.models import HuntStatus
from app.instances.schemas import InstanceOut
from tests.hunting.app_types import add, every_app
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


async def known(rig: Rig, kind: AppKind) -> tuple[SimApp, InstanceOut]:
    """An instance whose app answered a moment ago."""
    app = rig.simulated(kind)
    for _ in range(3):
        add(app)
    instance = await rig.add(app, cutoff_batch=0)
    await rig.container.instances.probe(instance.id)
    return app, instance


async def shown(rig: Rig, instance: InstanceOut) -> InstanceOut:
    return await rig.container.instances.get(instance.app_type, instance.id)


async def events(rig: Rig) -> list[str]:
    async with rig.container.infra.db.reading() as session:
        return [event.name for event in (await session.exec(select(Event))).all() if event.name.startswith("instance")]


@every_app
@pytest.mark.process
async def test_an_app_that_got_a_base_is_offline_until_its_url_is_mended(rig: Rig, kind: AppKind) -> None:
    app, instance = await known(rig, kind)
    app.url_base = "/base"
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.reason) == (HuntStatus.SKIPPED, "offline")
    found = await shown(rig, instance)
    assert (found.online, found.error_code) == (False, ErrorCode.WRONG_BASE_URL)
    assert "/base" in (found.error or "")
    await rig.hunt(instance)
    assert await events(rig) == ["instance.offline"], "told once"
    app.url_base = ""
    rig.clock.forward(minutes=3)
    assert (await rig.hunt(instance)).searched >= 1
    assert (await shown(rig, instance)).online is True
    assert await events(rig) == ["instance.offline", "instance.online"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "html"}, ErrorCode.NOT_AN_ARR),
        ({"kind": "status", "status": 401}, ErrorCode.UNAUTHORIZED),
    ],
)
@pytest.mark.parametrize("path", ["health", "queue", "wanted/missing"])
async def test_another_program_at_the_address_is_noticed_at_any_request(
    rig: Rig, path: str, fault: dict[str, Any], code: ErrorCode
) -> None:
    app, instance = await known(rig, "sonarr")
    app.faults.add(path=path, **fault)
    hunt = await rig.hunt(instance)
    found = await shown(rig, instance)
    assert hunt.searched == 0
    assert (hunt.reason, found.online, found.error_code) == ("offline", False, code)
    assert await events(rig) == ["instance.offline"]


async def test_a_history_that_another_program_answers_takes_the_instance_offline(rig: Rig) -> None:
    app, instance = await known(rig, "radarr")
    app.settings.download_seconds = 10**6
    app.searcher.force(1, "grab")
    await rig.hunt(instance)
    app.url_base = "/moved"
    rig.clock.forward(minutes=6)
    await rig.container.hunting.follow_up.run(instance.id)
    found = await shown(rig, instance)
    assert (found.online, found.error_code) == (False, ErrorCode.WRONG_BASE_URL)

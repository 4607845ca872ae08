"""The publisher with real brokers: retained messages, events, commands and failures."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.arr.models import AppType
from app.events.relay import EventRelay
from app.home_assistant.publisher import LEASE
from app.home_assistant.session import PublishTiming
from app.home_assistant.settings import MqttIn
from app.hunting.filters import HuntFilter
from app.hunting.store.models import HuntStatus
from tests.events.samples import instance_offline, record_events
from tests.home_assistant.brokers import BrokerProcess, Home, home_of
from tests.home_assistant.publishing import publishing, set_up
from tests.simulator import LibrarySpec
from tests.support.huntarr_process import FastClock, HuntarrProcess, Stores
from tests.support.rig import START, Rig
from tests.support.serving import free_port

pytestmark = [pytest.mark.process, pytest.mark.asyncio]

COMMANDS = (
    "huntarr/command",
    "huntarr/paused/set",
    "huntarr/pause_minutes/set",
    "huntarr/instances/1/command",
    "huntarr/instances/1/enabled/set",
)


async def logged(lines: Sequence[Any], event: str, times: int) -> None:
    """Wait until `event` was logged so often."""
    async with asyncio.timeout(20):
        while sum(line["event"] == event for line in lines) < times:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.02)


def is_up(home: Home) -> bool:
    return home.kept.get("huntarr/status") == b"online"


async def test_devices_and_states_are_retained(rig: Rig, broker: BrokerProcess) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=2)), name="TV")
    await rig.hunt(made)
    await set_up(rig, broker)
    async with publishing(rig), home_of(broker.port) as home:
        await home.until(lambda: f"huntarr/instances/{made.id}/state" in home.kept)
        found = home.json(f"huntarr/instances/{made.id}/state")
        shown = (await rig.container.stats.read()).apps[AppType.SONARR].instances[0]
        assert (found["missing"], found["cutoff"], found["queue"]) == (
            shown.missing_total,
            shown.cutoff_total,
            shown.queue_total,
        )
        assert found["last_hunt"].startswith("2026-11-23T12:0")
        assert found["online"] == "ON"
        assert found["searches_this_hour"] == shown.searches_this_hour > 0
        assert home.json("huntarr/state")["totals"]["hunted"] == (await rig.container.stats.read()).totals.hunted
        assert home.json("huntarr/state")["paused"] == "OFF"
        assert set(home.configs()) == {
            "homeassistant/device/huntarr/config",
            f"homeassistant/device/huntarr_instance_{made.id}/config",
        }
    async with home_of(broker.port) as later:
        await later.until(lambda: later.kept.get("huntarr/status") == b"offline")
        await later.until(lambda: len(later.configs()) == 2)


async def test_only_changed_states_are_published_again(rig: Rig, broker: BrokerProcess) -> None:
    await rig.add(rig.sonarr(LibrarySpec(series=1)))
    await set_up(rig, broker)
    async with publishing(rig), home_of(broker.port) as home:
        await home.until(lambda: "huntarr/instances/1/state" in home.kept)
        await rig.container.settings.pause(None)
        await home.until(lambda: home.json("huntarr/state")["paused"] == "ON")
        await rig.container.settings.resume()
        await home.until(lambda: home.json("huntarr/state")["paused"] == "OFF")
        assert len(home.of("huntarr/state")) == 3
        assert len(home.of("huntarr/instances/1/state")) == 1
        assert len(home.of("homeassistant/device/huntarr/config")) == 1
        await home.send("homeassistant/status", "online")
        await home.until(lambda: len(home.of("homeassistant/device/huntarr/config")) == 2)


async def test_buttons_and_the_switch_do_what_the_api_does(rig: Rig, broker: BrokerProcess) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    await set_up(rig, broker)
    async with publishing(rig), home_of(broker.port) as home:
        await home.until(lambda: "huntarr/state" in home.kept and is_up(home))
        for topic, payload, paused in [
            ("huntarr/paused/set", "ON", "ON"),
            ("huntarr/paused/set", "OFF", "OFF"),
            ("huntarr/command", "pause", "ON"),
            ("huntarr/command", "resume", "OFF"),
            ("huntarr/pause_minutes/set", "90", "ON"),
            ("huntarr/pause_minutes/set", "0", "OFF"),
        ]:
            await home.send(topic, payload)
            await home.until(lambda paused=paused: home.json("huntarr/state")["paused"] == paused)  # type: ignore[misc]
            if payload == "90":
                assert home.json("huntarr/state")["pause_minutes"] == 90
                assert home.json("huntarr/state")["paused_until"] == "2026-11-23T13:30:00.000Z"
        await home.send(f"huntarr/instances/{made.id}/command", "hunt")
        await home.until(lambda: home.json("huntarr/state")["queued"] == 1)
    hunts = await rig.container.hunting.service.page(HuntFilter(), page=1, page_size=10)
    assert [(hunt.instance_id, hunt.trigger, hunt.status) for hunt in hunts.items] == [
        (made.id, "manual", HuntStatus.QUEUED)
    ]
    told = await rig.container.auth.audit.page(action=None, page=1, page_size=10)
    assert [(row.action, row.address) for row in reversed(told.items)] == [
        ("pause_hunting", "mqtt"),
        ("resume_hunting", "mqtt"),
        ("pause_hunting", "mqtt"),
        ("resume_hunting", "mqtt"),
        ("pause_hunting", "mqtt"),
        ("resume_hunting", "mqtt"),
        ("create_hunt", "mqtt"),
    ]


async def test_the_switch_enables_and_disables_an_instance(rig: Rig, broker: BrokerProcess) -> None:
    tv = await rig.add(rig.sonarr(LibrarySpec(series=1)), name="TV")
    films = await rig.add(rig.radarr(LibrarySpec(movies=1)), name="Films")
    state = f"huntarr/instances/{tv.id}/state"
    await set_up(rig, broker)
    async with publishing(rig), home_of(broker.port) as home:
        await home.until(lambda: state in home.kept and is_up(home))
        await home.send(f"huntarr/instances/{tv.id}/enabled/set", "OFF")
        await home.until(lambda: home.json(state)["enabled"] is False)
        assert home.json(state)["next_hunt"] is None
        await home.send("huntarr/command", "hunt")
        await home.until(lambda: home.json("huntarr/state")["queued"] == 1)
        await home.send(f"huntarr/instances/{tv.id}/enabled/set", "ON")
        await home.until(lambda: home.json(state)["enabled"] is True)
        async with rig.gateway() as api:
            shown = (await api.get(f"/api/instances/sonarr/{tv.id}")).json()["data"]
            assert (shown["enabled"], shown["name"]) == (True, "TV")
            assert (await api.patch(f"/api/instances/sonarr/{tv.id}", json={"enabled": False})).status_code == 200
        await home.until(lambda: home.json(state)["enabled"] is False)
    hunts = await rig.container.hunting.service.page(HuntFilter(), page=1, page_size=10)
    assert [hunt.instance_id for hunt in hunts.items] == [films.id], "Hunt all leaves out what is disabled"
    told = await rig.container.auth.audit.page(action="update_instance", page=1, page_size=10)
    assert [(row.address, row.target, row.fields) for row in told.items if row.address == "mqtt"] == [
        ("mqtt", {"app_type": "sonarr", "instance_id": str(tv.id)}, ["enabled"])
    ] * 2


async def test_unknown_messages_are_ignored(rig: Rig, broker: BrokerProcess) -> None:
    await rig.add(rig.sonarr(LibrarySpec(series=1)))
    await set_up(rig, broker)
    async with home_of(broker.port) as home:
        await home.send("huntarr/instances/1/command", "hunt", retain=True)  # it would come at every connection
        with capture_logs() as lines:
            async with publishing(rig):
                await home.until(lambda: "huntarr/state" in home.kept and is_up(home))
                for topic in COMMANDS:
                    for payload in (b"", b"nonsense", b"\xff\xfe", b"x" * 100_000, b"HUNT", b"[]"):
                        await home.send(topic, payload)
                await home.send("huntarr/instances/999/command", "hunt")
                await home.send("huntarr/instances/999/enabled/set", "ON")
                await home.send("huntarr/instances/01/command", "hunt")
                await home.send("huntarr/command", "pause")
                await home.until(lambda: home.json("huntarr/state")["paused"] == "ON")
    assert (await rig.container.hunting.service.page(HuntFilter(), page=1, page_size=10)).total == 0
    ignored = [line for line in lines if line["event"] == "mqtt command ignored"]
    assert len({(line["topic"], line["payload"]) for line in ignored}) == 1 + len(COMMANDS) * 6 + 1
    assert [line["reason"] for line in lines if line["event"] == "mqtt command failed"] == [
        "There is no instance with the id 999."
    ] * 2
    assert max(len(line["payload"]) for line in ignored) <= 40


async def test_events_are_published_at_once(rig: Rig, broker: BrokerProcess) -> None:
    await set_up(rig, broker)
    inside = rig.container
    relay = EventRelay(inside.infra.db, inside.infra.redis, inside.events.bus, inside.infra.clock)
    await record_events(rig, instance_offline("of before"))
    await relay.relay_waiting()
    async with publishing(rig, PublishTiming(poll=0.05, states=60, gap=0.05)), home_of(broker.port) as home:
        await home.until(lambda: "huntarr/state" in home.kept and is_up(home))
        async with asyncio.timeout(20):
            while not home.of("huntarr/instances/7/event"):
                await record_events(rig, instance_offline("of now"))
                await relay.relay_waiting()
                await asyncio.sleep(0.05)
        first = json.loads(home.of("huntarr/instances/7/event")[0])
    assert (first["event_type"], first["error"]) == ("instance.offline", "of now")
    config = home.configs()["homeassistant/device/huntarr/config"]
    assert "backup.failed" in config["components"]["huntarr_event"]["event_types"]
    assert "huntarr/instances/7/event" in home.kept  # received, and not retained:
    async with home_of(broker.port) as later:
        await later.until(lambda: "huntarr/state" in later.kept)
        assert "huntarr/instances/7/event" not in later.kept


async def test_a_deleted_instance_is_cleared(rig: Rig, broker: BrokerProcess) -> None:
    first, second, third = [
        await rig.add(rig.sonarr(LibrarySpec(series=1)), name=f"TV {number}") for number in range(3)
    ]
    await set_up(rig, broker)
    async with home_of(broker.port) as home:
        async with publishing(rig):
            await home.until(lambda: len(home.configs()) == 4)
            async with rig.gateway() as api:
                assert (await api.delete(f"/api/instances/sonarr/{first.id}")).status_code == 200
            await home.until(lambda: len(home.configs()) == 3)
            await home.until(lambda: f"huntarr/instances/{first.id}/state" not in home.kept)
        async with rig.gateway() as api:
            assert (await api.delete(f"/api/instances/sonarr/{second.id}")).status_code == 200
        assert len(home.configs()) == 3
        async with publishing(rig):
            await home.until(lambda: len(home.configs()) == 2)
            await home.until(lambda: f"huntarr/instances/{second.id}/state" not in home.kept)
        assert f"huntarr/instances/{third.id}/state" in home.kept


async def test_switching_off_clears_discovery_and_says_offline(rig: Rig, broker: BrokerProcess) -> None:
    await rig.add(rig.sonarr(LibrarySpec(series=1)))
    await set_up(rig, broker)
    async with publishing(rig), home_of(broker.port) as home:
        await home.until(lambda: len(home.configs()) == 2)
        await rig.container.home_assistant.settings.update(MqttIn.model_validate({"enabled": False}))
        await home.until(lambda: home.kept == {"huntarr/status": b"offline"})
        await rig.container.home_assistant.settings.update(MqttIn.model_validate({"enabled": True}))
        await home.until(lambda: len(home.configs()) == 2 and is_up(home))


async def test_switched_off_while_no_worker_ran(rig: Rig, broker: BrokerProcess) -> None:
    await set_up(rig, broker)
    async with home_of(broker.port) as home:
        async with publishing(rig):
            await home.until(lambda: "huntarr/state" in home.kept)
        await rig.container.home_assistant.settings.update(MqttIn.model_validate({"enabled": False}))
        assert home.configs()
        async with publishing(rig):
            await home.until(lambda: home.kept == {"huntarr/status": b"offline"})


async def test_changed_prefixes_move_everything(rig: Rig, broker: BrokerProcess) -> None:
    await set_up(rig, broker)
    async with publishing(rig), home_of(broker.port) as home:
        await home.until(lambda: "huntarr/state" in home.kept)
        await rig.container.home_assistant.settings.update(
            MqttIn.model_validate({"topic_prefix": "cinema/huntarr", "discovery_prefix": "ha"})
        )
        await home.until(lambda: "cinema/huntarr/state" in home.kept)
        assert home.kept["huntarr/status"] == b"offline"
        assert set(home.configs()) == {"ha/device/cinema_huntarr/config"}
        assert "huntarr/state" not in home.kept


async def test_a_broker_that_comes_back_gets_everything_again(rig: Rig, broker: BrokerProcess) -> None:
    await set_up(rig, broker)
    async with publishing(rig) as task:
        async with home_of(broker.port) as home:
            await home.until(lambda: "huntarr/state" in home.kept)
        await broker.stop()
        with capture_logs() as lines:
            await logged(lines, "nothing is published over mqtt", 3)
        assert not task.done()
        await broker.start()
        async with home_of(broker.port) as home:
            await home.until(lambda: "huntarr/state" in home.kept and is_up(home))


async def test_changed_settings_are_tried_at_once(rig: Rig, broker: BrokerProcess) -> None:
    gone = f"mqtt://127.0.0.1:{free_port()}"
    await rig.container.home_assistant.settings.update(MqttIn.model_validate({"enabled": True, "broker_url": gone}))
    with capture_logs() as lines:
        async with publishing(rig, PublishTiming(poll=0.05, states=0.3, gap=0.05, first_rest=3600, longest_rest=3600)):
            await logged(lines, "nothing is published over mqtt", 1)
            await set_up(rig, broker)
            async with home_of(broker.port) as home:
                await home.until(lambda: "huntarr/state" in home.kept)


async def test_a_late_last_will_is_corrected(rig: Rig, broker: BrokerProcess) -> None:
    await set_up(rig, broker)
    async with publishing(rig), home_of(broker.port) as home:
        await home.until(lambda: is_up(home))
        await home.send("huntarr/status", "offline", retain=True)
        await home.until(lambda: len(home.of("huntarr/status")) >= 3 and is_up(home))


async def test_one_worker_publishes_and_another_takes_over(rig: Rig, broker: BrokerProcess) -> None:
    await set_up(rig, broker)
    async with home_of(broker.port) as home, publishing(rig):
        await home.until(lambda: "huntarr/state" in home.kept and is_up(home))
        async with publishing(rig):
            await rig.container.settings.pause(None)
            await home.until(lambda: home.json("huntarr/state")["paused"] == "ON")
            assert home.of("huntarr/status") == [b"online"]
            assert len(home.of("huntarr/state")) == 2, "each change is published once"
            await rig.container.infra.redis.set(LEASE, "somebody else's", px=400)
            await home.until(lambda: home.of("huntarr/status").count(b"online") == 2)
            assert is_up(home), "a worker that is no longer leader does not say offline"


async def test_a_killed_worker_is_shown_as_offline(
    rig: Rig, broker: BrokerProcess, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    await set_up(rig, broker)
    worker = HuntarrProcess("worker", Stores(database_url, redis_url, tmp_path), FastClock(START.timestamp(), 1))
    async with home_of(broker.port) as home:
        worker.start()
        try:
            await home.until(lambda: "huntarr/state" in home.kept and is_up(home))
            worker.kill()
            await home.until(lambda: home.kept["huntarr/status"] == b"offline")
            assert home.configs(), "its entities stay, as unavailable"
            worker.start()
            await rig.container.infra.redis.delete(LEASE)
            await home.until(lambda: is_up(home))
            assert await worker.stop() == 0
            await home.until(lambda: home.kept["huntarr/status"] == b"offline")
        finally:
            worker.kill()

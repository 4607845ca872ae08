"""Deliveries: in order, retried until their final status, despite failures and crashes, with a valid signature."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, update
from standardwebhooks.webhooks import Webhook as StandardWebhook
from structlog.testing import capture_logs

from app.arr.models import AppType
from app.events.payloads import InstanceOffline
from app.notifications.apprise_client import AppriseClient
from app.notifications.clients import NotificationClients
from app.notifications.delivery import CLAIM, MAX_ATTEMPTS, MAX_CONNECTIONS
from app.notifications.messages import DeliveryResult
from app.notifications.models import NotificationConnection
from app.notifications.retention import MAX_WAIT, RETENTION, purge
from app.notifications.schemas import ConnectionIn, ConnectionTestIn
from app.notifications.webhook_client import WebhookClient
from tests.events.samples import hunt_completed, instance_offline, search_sent
from tests.hunting.crashes import Killed
from tests.notifications.connections import add_connection, another_worker, deliveries, emit, send_due, statuses
from tests.notifications.receivers import Call, receiver
from tests.simulator import LibrarySpec
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


def assert_signed(call: Call, secret: str, rig: Rig) -> None:
    """Checked by an independent implementation, at the time of this attempt."""
    expected = StandardWebhook(secret).sign(call.headers["webhook-id"], rig.clock.now, call.body.decode())
    assert call.headers["webhook-signature"] == expected
    assert call.headers["webhook-timestamp"] == str(int(rig.clock.now.timestamp()))


@pytest.mark.storage
async def test_an_event_arrives_complete_and_signed(rig: Rig) -> None:
    with receiver() as there:
        made = await add_connection(rig, there, settings={"url": there.url, "headers": {"Authorization": "Bearer abc"}})
        await emit(rig, search_sent(4))
        await send_due(rig)
        [call] = there.accepted
    assert call.json == {
        "type": "search.sent",
        "level": "info",
        "timestamp": "2026-11-23T12:00:00.000Z",
        "data": {
            "app_type": "sonarr",
            "instance_id": 7,
            "instance_name": "TV",
            "hunt_id": 3,
            "search_id": 4,
            "pass": "missing",
            "media_key": "episode:4",
            "unit": "episode",
            "title": "Episode 4",
            "picked": "",
            "command_id": None,
        },
    }
    assert call.path == "/hook"
    assert call.headers["authorization"] == "Bearer abc"
    assert call.headers["content-type"] == "application/json"
    assert made.secret is not None
    assert_signed(call, made.secret, rig)
    [row] = await deliveries(rig)
    assert (row.status, row.attempts, row.message_id) == ("delivered", 1, call.headers["webhook-id"])
    assert (row.title, row.body, row.answer) == ("TV: searching for Episode 4", "Missing (episode).", "ok")


async def test_a_changed_message_does_not_fit_its_signature(rig: Rig) -> None:
    rig.clock.now = rig.clock.now.now(rig.clock.now.tzinfo)  # they compare with the real time
    with receiver() as there:
        made = await add_connection(rig, there)
        await emit(rig, search_sent())
        await send_due(rig)
    [call] = there.accepted
    checker = StandardWebhook(made.secret or "")
    checker.verify(call.body, call.headers)
    with pytest.raises(Exception, match="signature"):
        checker.verify(call.body + b" ", call.headers)


@pytest.mark.storage
async def test_a_receiver_that_is_down_for_half_an_hour_gets_everything_in_order(rig: Rig) -> None:
    with receiver(status=503) as there:
        made = await add_connection(rig, there)
        end = rig.clock.now + timedelta(minutes=30)
        number = 0
        while rig.clock.now < end:
            await emit(rig, search_sent(number := number + 1))
            await send_due(rig)
            rig.clock.forward(seconds=100)
        assert there.accepted == []
        assert {call.headers["webhook-id"] for call in there.calls} == {there.calls[0].headers["webhook-id"]}
        there.status = 200
        rig.clock.forward(hours=1)  # the fifth try is an hour after the first
        await send_due(rig)
        assert [call.json["data"]["search_id"] for call in there.accepted] == list(range(1, number + 1))
        assert len(set(there.ids)) == number
        for call in there.accepted:
            assert_signed(call, made.secret or "", rig)
    assert there.accepted[0].headers["webhook-id"] == there.calls[0].headers["webhook-id"]


@pytest.mark.storage
async def test_a_delivery_fails_after_five_attempts_within_an_hour(rig: Rig) -> None:
    with receiver(status=500, response=b"no, \x00 not now") as there, capture_logs() as lines:
        await add_connection(rig, there)
        await emit(rig, search_sent(1), search_sent(2))
        begun, tries = rig.clock.now, list[timedelta]()
        for _ in range(61 * 60 // 5):
            await send_due(rig)
            tries += [rig.clock.now - begun] * (len(there.calls) - len(tries))
            rig.clock.forward(seconds=5)
        assert [moment.total_seconds() for moment in tries[:MAX_ATTEMPTS]] == [0, 5, 35, 600, 3600]
        first, second = await deliveries(rig)
        assert (first.status, first.attempts, first.answer) == ("failed", 5, "no, not now")
        assert first.error == "The receiver refused it (500)."
        assert second.status == "queued", "the next delivery has its own attempts"
        assert second.attempts > 0
    [failed] = [line for line in lines if line["event"] == "notification failed"]
    assert failed["log_level"] == "error"
    assert failed["delivery_id"] == first.id


async def test_retry_after_is_obeyed(rig: Rig) -> None:
    with receiver(status=429, reply_headers={"Retry-After": "90"}) as there:
        await add_connection(rig, there)
        await emit(rig, search_sent())
        await send_due(rig)
        rig.clock.forward(seconds=89)
        await send_due(rig)
        assert len(there.calls) == 1
        rig.clock.forward(seconds=1)
        await send_due(rig)
        assert len(there.calls) == 2


@pytest.mark.storage
async def test_a_receiver_that_hangs_delays_no_other(rig: Rig) -> None:
    with receiver() as hanging, receiver() as well:
        hanging.gate.clear()
        await add_connection(rig, hanging, name="hangs")
        await add_connection(rig, well, name="well")
        await emit(rig, search_sent(1), search_sent(2))
        deliverer = rig.container.notifications.deliverer
        running = asyncio.create_task(deliverer.run())
        async with asyncio.timeout(10):
            while len(well.accepted) < 2:  # noqa: ASYNC110 - a thread counts
                await asyncio.sleep(0.02)
        assert len(hanging.calls) == 1, "one at a time"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_number_of_concurrent_deliveries_is_limited(rig: Rig) -> None:
    full, may_end = asyncio.Event(), asyncio.Event()

    class Counting(WebhookClient):
        now = most = 0

        async def post(self, *_given: Any, **_options: Any) -> DeliveryResult:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == MAX_CONNECTIONS:
                full.set()
            await may_end.wait()
            self.now -= 1
            return DeliveryResult(True, "Taken.")

    web = Counting("1", rig.clock)
    with receiver() as there:
        for number in range(MAX_CONNECTIONS + 5):
            await add_connection(rig, there, name=f"n{number}")
    await emit(rig, search_sent())
    deliverer = another_worker(rig, NotificationClients(web, AppriseClient()))
    first = asyncio.create_task(deliverer.deliver_due())
    async with asyncio.timeout(20):
        await full.wait()
    second = asyncio.create_task(deliverer.deliver_due())
    may_end.set()
    assert (await first, await second) == (MAX_CONNECTIONS, 0)
    await send_due(rig, deliverer)
    assert web.most == MAX_CONNECTIONS
    assert await statuses(rig) == ["delivered"] * (MAX_CONNECTIONS + 5)


@pytest.mark.storage
@pytest.mark.process
async def test_several_workers_send_nothing_twice(rig: Rig) -> None:
    with receiver() as there, receiver() as other:
        await add_connection(rig, there)
        await add_connection(rig, other)
        await emit(rig, *(search_sent(number) for number in range(12)))
        clients = [WebhookClient("1", rig.clock) for _ in range(3)]
        workers = [another_worker(rig, NotificationClients(client, AppriseClient())) for client in clients]
        await asyncio.gather(*(send_due(rig, worker) for worker in workers))
        await send_due(rig)
        await asyncio.gather(*(client.aclose() for client in clients))
        for receiving in (there, other):
            assert [call.json["data"]["search_id"] for call in receiving.calls] == list(range(12))


@pytest.mark.storage
async def test_a_message_is_sent_again_with_the_same_id_after_its_worker_died(rig: Rig) -> None:
    class Dying(WebhookClient):
        async def post(self, *given: Any, **options: Any) -> DeliveryResult:
            await super().post(*given, **options)
            raise Killed

    with receiver() as there:
        await add_connection(rig, there)
        await emit(rig, search_sent(1), search_sent(2))
        doomed = Dying("1", rig.clock)
        with pytest.raises(Killed):
            await send_due(rig, another_worker(rig, NotificationClients(doomed, AppriseClient())))
        await doomed.aclose()
        rig.clock.forward(seconds=CLAIM.total_seconds() - 1)
        await send_due(rig)
        assert len(there.calls) == 1, "the claim still holds"
        rig.clock.forward(seconds=1)
        await send_due(rig)
        assert [call.json["data"]["search_id"] for call in there.calls] == [1, 1, 2]
        assert there.calls[0].headers["webhook-id"] == there.calls[1].headers["webhook-id"]
    assert await statuses(rig) == ["delivered"] * 2


@pytest.mark.storage
async def test_a_clock_that_is_set_back_delays_nothing(rig: Rig) -> None:
    with receiver(status=500) as there:
        await add_connection(rig, there)
        await emit(rig, search_sent())
        await send_due(rig)
        there.status = 200
        rig.clock.forward(days=-3)
        await send_due(rig)
        assert len(there.accepted) == 1


@pytest.mark.storage
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"events": ["*"]}, {"search.sent", "hunt.completed", "instance.offline"}),
        ({"events": ["hunt.*"]}, {"hunt.completed"}),
        ({"events": ["search.sent", "backup.*"]}, {"search.sent"}),
        ({"min_level": "warning"}, {"instance.offline"}),
        ({"min_level": "error"}, set()),
        ({"app_type": "radarr"}, {"instance.offline"}),
        ({"app_type": "sonarr"}, {"search.sent", "hunt.completed"}),
        ({"enabled": False}, set()),
    ],
)
@pytest.mark.process
async def test_only_wanted_events_are_sent(rig: Rig, given: dict[str, Any], wanted: set[str]) -> None:
    radarr = {"app_type": AppType.RADARR, "instance_id": 8, "instance_name": "Films"}
    gone = InstanceOffline(**radarr, error_code="unreachable", error="Gone.")
    with receiver() as there:
        await add_connection(rig, there, **given)
        await emit(rig, search_sent(), hunt_completed(), gone)
        await send_due(rig)
        assert {call.json["type"] for call in there.calls} == wanted


@pytest.mark.storage
async def test_a_connection_of_an_instance_gets_its_events_only_and_is_deleted_with_it(rig: Rig) -> None:
    films = await rig.add(rig.radarr(LibrarySpec(movies=1)))
    offline = {"app_type": AppType.RADARR, "instance_name": "Films", "error_code": "x", "error": "y"}
    with receiver() as there:
        await add_connection(rig, there, instance_id=films.id)
        await emit(rig, *(InstanceOffline(**offline, instance_id=number) for number in (films.id, films.id + 1)))
        await send_due(rig)
        assert [call.json["data"]["instance_id"] for call in there.calls] == [films.id]
    await rig.container.instances.delete(AppType.RADARR, films.id)
    assert await rig.container.notifications.service.all() == []
    assert await deliveries(rig) == []


async def test_deliveries_wait_while_their_connection_is_disabled(rig: Rig) -> None:
    with receiver(status=500) as there:
        made = await add_connection(rig, there)
        await emit(rig, search_sent())
        await send_due(rig)
        body = {"name": "Phone", "provider": "webhook", "settings": {}, "events": ["*"]}
        off, on = (ConnectionIn.model_validate({**body, "enabled": enabled}) for enabled in (False, True))
        await rig.container.notifications.service.replace(made.id, off)
        there.status = 200
        rig.clock.forward(hours=2)
        await send_due(rig)
        assert there.accepted == []
        await rig.container.notifications.service.replace(made.id, on)
        await send_due(rig)
        assert len(there.accepted) == 1


async def test_waiting_deliveries_follow_a_successful_test_at_once(rig: Rig) -> None:
    with receiver(status=500) as there:
        made = await add_connection(rig, there)
        await emit(rig, search_sent())
        await send_due(rig)
        there.status = 200
        await rig.container.notifications.service.test(ConnectionTestIn(connection_id=made.id))
        await send_due(rig)
        assert [call.json["type"] for call in there.accepted] == ["test", "search.sent"]


@pytest.mark.storage
async def test_unreadable_settings_block_no_other_connection(rig: Rig) -> None:
    with receiver() as there:
        broken, well = await add_connection(rig, there), await add_connection(rig, there)
        async with rig.container.infra.db.session() as session:
            await session.exec(
                update(NotificationConnection).where(col(NotificationConnection.id) == broken.id).values(settings="x")
            )
        await emit(rig, search_sent())
        await send_due(rig)
        assert len(there.accepted) == 1
    first, second = await deliveries(rig)
    assert (first.status, second.status, second.connection_id) == ("queued", "delivered", well.id)
    assert first.error == "The stored settings of this connection cannot be read: give all of them again."


@pytest.mark.storage
async def test_a_digest_contains_all_collected_events(rig: Rig) -> None:
    with receiver() as there:
        made = await add_connection(rig, there, digest_minutes=30)
        await emit(rig, search_sent(1), search_sent(2))
        rig.clock.forward(minutes=29)
        await emit(rig, instance_offline())
        await send_due(rig)
        assert there.calls == []
        rig.clock.forward(minutes=1)
        await send_due(rig)
        [call] = there.accepted
        assert_signed(call, made.secret or "", rig)
        await emit(rig, hunt_completed())
        await send_due(rig)
        assert len(there.calls) == 1, "the next digest starts from the next event"
    body = call.json
    assert (body["type"], body["level"], body["timestamp"]) == ("digest", "warning", "2026-11-23T12:30:00.000Z")
    events = body["data"].pop("events")
    assert body["data"] == {
        "from": "2026-11-23T12:00:00.000Z",
        "to": "2026-11-23T12:29:00.000Z",
        "total": 3,
        "left_out": 0,
        "counts": {"search.sent": 2, "instance.offline": 1},
        "lines": [
            "TV: searching for Episode 1: Missing (episode).",
            "TV: searching for Episode 2: Missing (episode).",
            "TV is offline: Nothing listens there.",
        ],
    }
    assert [(event["type"], event["event_id"]) for event in events] == [
        ("search.sent", 1),
        ("search.sent", 2),
        ("instance.offline", 3),
    ]
    *parts, digest, _ = await deliveries(rig)
    assert (digest.event, digest.level, digest.title) == ("digest", "warning", "Huntarr: 3 events")
    assert [(part.status, part.digest_id) for part in parts] == [("digested", digest.id)] * 3


@pytest.mark.storage
async def test_the_size_of_a_digest_is_limited(rig: Rig) -> None:
    with receiver() as there:
        await add_connection(rig, there, digest_minutes=1)
        await emit(rig, *(search_sent(number, title="x" * 190) for number in range(620)))
        rig.clock.forward(minutes=1)
        await send_due(rig)
        assert [call.json["data"]["total"] for call in there.accepted] == [500, 120]
        assert [call.json["data"]["left_out"] for call in there.accepted] == [400, 20]
    digests = [row for row in await deliveries(rig) if row.event == "digest"]
    assert all(len(row.body) < 4000 and row.body.endswith("more.") for row in digests)


@pytest.mark.storage
async def test_deliveries_are_kept_for_a_month_and_wait_for_three_days_at_most(rig: Rig) -> None:
    with receiver() as there, receiver(status=500) as down:
        await add_connection(rig, there)
        await add_connection(rig, down, name="down")
        await emit(rig, search_sent())
        await send_due(rig)
        await purge(rig.container.infra.db, rig.clock.now + MAX_WAIT)
        assert await statuses(rig) == ["delivered", "queued"]
        await purge(rig.container.infra.db, rig.clock.now + MAX_WAIT + timedelta(seconds=1))
        assert await statuses(rig) == ["delivered", "failed"]
        await send_due(rig)
        await purge(rig.container.infra.db, rig.clock.now + RETENTION + timedelta(seconds=1))
        assert await deliveries(rig) == []

"""Deliveries: in order, each to its end, whoever is down or dies, signed so that others can check it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, update
from standardwebhooks.webhooks import Webhook as Independent
from structlog.testing import capture_logs

from app.arr.models import AppType
from app.events.payloads import InstanceOffline
from app.notifications.apprise_client import AppriseClient
from app.notifications.clients import NotificationClients
from app.notifications.delivery import AT_ONCE, CLAIM, TRIES
from app.notifications.messages import DeliveryResult
from app.notifications.models import NotificationConnection
from app.notifications.retention import KEPT_FOR, MAX_WAIT, purge
from app.notifications.schemas import ConnectionIn, ConnectionTestIn
from app.notifications.webhook_client import WebhookClient
from tests.events.samples import hunt_completed, instance_offline, search_sent
from tests.hunting.crashes import Killed
from tests.notifications.connections import another_worker, connected, deliveries, sent, statuses, told
from tests.notifications.receivers import Call, receiver
from tests.simulator import LibrarySpec
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


def assert_signed(call: Call, secret: str, rig: Rig) -> None:
    """By an implementation that is not ours, at the moment of this attempt."""
    expected = Independent(secret).sign(call.headers["webhook-id"], rig.clock.now, call.body.decode())
    assert call.headers["webhook-signature"] == expected
    assert call.headers["webhook-timestamp"] == str(int(rig.clock.now.timestamp()))


@pytest.mark.storage
async def test_an_event_arrives_signed_and_whole(rig: Rig) -> None:
    with receiver() as there:
        made = await connected(rig, there, settings={"url": there.url, "headers": {"Authorization": "Bearer abc"}})
        await told(rig, search_sent(4))
        await sent(rig)
        [call] = there.accepted
    assert call.json == {
        "type": "search.sent",
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


async def test_a_signature_is_refused_by_others_when_anything_is_changed(rig: Rig) -> None:
    rig.clock.now = rig.clock.now.now(rig.clock.now.tzinfo)  # they compare with the real time
    with receiver() as there:
        made = await connected(rig, there)
        await told(rig, search_sent())
        await sent(rig)
    [call] = there.accepted
    checker = Independent(made.secret or "")
    checker.verify(call.body, call.headers)
    with pytest.raises(Exception, match="signature"):
        checker.verify(call.body + b" ", call.headers)


@pytest.mark.storage
async def test_a_receiver_that_is_down_for_half_an_hour_gets_everything_in_order(rig: Rig) -> None:
    with receiver(status=503) as there:
        made = await connected(rig, there)
        end = rig.clock.now + timedelta(minutes=30)
        number = 0
        while rig.clock.now < end:
            await told(rig, search_sent(number := number + 1))
            await sent(rig)
            rig.clock.forward(seconds=100)
        assert there.accepted == []
        assert {call.headers["webhook-id"] for call in there.calls} == {there.calls[0].headers["webhook-id"]}
        there.status = 200
        rig.clock.forward(hours=1)  # the fifth try is an hour after the first
        await sent(rig)
        assert [call.json["data"]["search_id"] for call in there.accepted] == list(range(1, number + 1))
        assert len(set(there.ids)) == number
        for call in there.accepted:
            assert_signed(call, made.secret or "", rig)
    assert there.accepted[0].headers["webhook-id"] == there.calls[0].headers["webhook-id"]


@pytest.mark.storage
async def test_five_tries_over_an_hour_then_it_is_given_up(rig: Rig) -> None:
    with receiver(status=500, said=b"no, \x00 not now") as there, capture_logs() as lines:
        await connected(rig, there)
        await told(rig, search_sent(1), search_sent(2))
        begun, tries = rig.clock.now, list[timedelta]()
        for _ in range(61 * 60 // 5):
            await sent(rig)
            tries += [rig.clock.now - begun] * (len(there.calls) - len(tries))
            rig.clock.forward(seconds=5)
        assert [moment.total_seconds() for moment in tries[:TRIES]] == [0, 5, 35, 600, 3600]
        first, second = await deliveries(rig)
        assert (first.status, first.attempts, first.answer) == ("failed", 5, "no, not now")
        assert first.error == "The receiver refused it (500)."
        assert second.status == "queued", "the one behind it has tries of its own"
        assert second.attempts > 0
    [given_up] = [line for line in lines if line["event"] == "notification given up"]
    assert given_up["log_level"] == "error"
    assert given_up["delivery_id"] == first.id


async def test_a_receiver_that_asks_for_time_gets_it(rig: Rig) -> None:
    with receiver(status=429, reply_headers={"Retry-After": "90"}) as there:
        await connected(rig, there)
        await told(rig, search_sent())
        await sent(rig)
        rig.clock.forward(seconds=89)
        await sent(rig)
        assert len(there.calls) == 1
        rig.clock.forward(seconds=1)
        await sent(rig)
        assert len(there.calls) == 2


@pytest.mark.storage
async def test_a_connection_that_hangs_delays_no_other(rig: Rig) -> None:
    with receiver() as hanging, receiver() as well:
        hanging.gate.clear()
        await connected(rig, hanging, name="hangs")
        await connected(rig, well, name="well")
        await told(rig, search_sent(1), search_sent(2))
        deliverer = rig.container.deliverer
        running = asyncio.create_task(deliverer.run())
        async with asyncio.timeout(10):
            while len(well.accepted) < 2:  # noqa: ASYNC110 - a thread counts
                await asyncio.sleep(0.02)
        assert len(hanging.calls) == 1, "one at a time"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_so_many_at_once_and_no_more(rig: Rig) -> None:
    full, may_end = asyncio.Event(), asyncio.Event()

    class Counting(WebhookClient):
        now = most = 0

        async def post(self, *_given: Any, **_options: Any) -> DeliveryResult:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == AT_ONCE:
                full.set()
            await may_end.wait()
            self.now -= 1
            return DeliveryResult(True, "Taken.")

    web = Counting("1", rig.clock)
    with receiver() as there:
        for number in range(AT_ONCE + 5):
            await connected(rig, there, name=f"n{number}")
    await told(rig, search_sent())
    deliverer = another_worker(rig, NotificationClients(web, AppriseClient()))
    first = asyncio.create_task(deliverer.deliver_due())
    async with asyncio.timeout(20):
        await full.wait()
    second = asyncio.create_task(deliverer.deliver_due())
    may_end.set()
    assert (await first, await second) == (AT_ONCE, 0)
    await sent(rig, deliverer)
    assert web.most == AT_ONCE
    assert await statuses(rig) == ["delivered"] * (AT_ONCE + 5)


@pytest.mark.storage
async def test_two_workers_send_nothing_twice(rig: Rig) -> None:
    with receiver() as there, receiver() as other:
        await connected(rig, there)
        await connected(rig, other)
        await told(rig, *(search_sent(number) for number in range(12)))
        doors = [WebhookClient("1", rig.clock) for _ in range(3)]
        workers = [another_worker(rig, NotificationClients(door, AppriseClient())) for door in doors]
        await asyncio.gather(*(sent(rig, worker) for worker in workers))
        await sent(rig)
        await asyncio.gather(*(door.aclose() for door in doors))
        for one in (there, other):
            assert [call.json["data"]["search_id"] for call in one.calls] == list(range(12))


@pytest.mark.storage
async def test_a_worker_that_dies_with_it_is_followed_by_another_with_the_same_id(rig: Rig) -> None:
    class Dying(WebhookClient):
        async def post(self, *given: Any, **options: Any) -> DeliveryResult:
            await super().post(*given, **options)
            raise Killed

    with receiver() as there:
        await connected(rig, there)
        await told(rig, search_sent(1), search_sent(2))
        doomed = Dying("1", rig.clock)
        with pytest.raises(Killed):
            await sent(rig, another_worker(rig, NotificationClients(doomed, AppriseClient())))
        await doomed.aclose()
        rig.clock.forward(seconds=CLAIM.total_seconds() - 1)
        await sent(rig)
        assert len(there.calls) == 1, "the claim still holds"
        rig.clock.forward(seconds=1)
        await sent(rig)
        assert [call.json["data"]["search_id"] for call in there.calls] == [1, 1, 2]
        assert there.calls[0].headers["webhook-id"] == there.calls[1].headers["webhook-id"]
    assert await statuses(rig) == ["delivered"] * 2


@pytest.mark.storage
async def test_a_clock_that_is_set_back_holds_nothing_up(rig: Rig) -> None:
    with receiver(status=500) as there:
        await connected(rig, there)
        await told(rig, search_sent())
        await sent(rig)
        there.status = 200
        rig.clock.forward(days=-3)
        await sent(rig)
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
async def test_only_what_is_asked_for_is_told(rig: Rig, given: dict[str, Any], wanted: set[str]) -> None:
    radarr = {"app_type": AppType.RADARR, "instance_id": 8, "instance_name": "Films"}
    gone = InstanceOffline(**radarr, error_code="unreachable", error="Gone.")
    with receiver() as there:
        await connected(rig, there, **given)
        await told(rig, search_sent(), hunt_completed(), gone)
        await sent(rig)
        assert {call.json["type"] for call in there.calls} == wanted


@pytest.mark.storage
async def test_a_connection_of_an_instance_hears_of_it_alone_and_goes_with_it(rig: Rig) -> None:
    films = await rig.add(rig.radarr(LibrarySpec(movies=1)))
    offline = {"app_type": AppType.RADARR, "instance_name": "Films", "error_code": "x", "error": "y"}
    with receiver() as there:
        await connected(rig, there, instance_id=films.id)
        await told(rig, *(InstanceOffline(**offline, instance_id=number) for number in (films.id, films.id + 1)))
        await sent(rig)
        assert [call.json["data"]["instance_id"] for call in there.calls] == [films.id]
    await rig.container.records.delete_instance(AppType.RADARR, films.id)
    assert await rig.container.notifications.all() == []
    assert await deliveries(rig) == []


async def test_what_waits_stays_while_its_connection_is_disabled(rig: Rig) -> None:
    with receiver(status=500) as there:
        made = await connected(rig, there)
        await told(rig, search_sent())
        await sent(rig)
        body = {"name": "Phone", "provider": "webhook", "settings": {}, "events": ["*"]}
        off, on = (ConnectionIn.model_validate({**body, "enabled": enabled}) for enabled in (False, True))
        await rig.container.notifications.replace(made.id, off)
        there.status = 200
        rig.clock.forward(hours=2)
        await sent(rig)
        assert there.accepted == []
        await rig.container.notifications.replace(made.id, on)
        await sent(rig)
        assert len(there.accepted) == 1


async def test_a_test_that_arrives_lets_what_waits_follow_at_once(rig: Rig) -> None:
    with receiver(status=500) as there:
        made = await connected(rig, there)
        await told(rig, search_sent())
        await sent(rig)
        there.status = 200
        await rig.container.notifications.test(ConnectionTestIn(connection_id=made.id))
        await sent(rig)
        assert [call.json["type"] for call in there.accepted] == ["test", "search.sent"]


@pytest.mark.storage
async def test_settings_that_cannot_be_read_hold_up_nobody_else(rig: Rig) -> None:
    with receiver() as there:
        broken, well = await connected(rig, there), await connected(rig, there)
        async with rig.container.db.session() as session:
            await session.exec(
                update(NotificationConnection).where(col(NotificationConnection.id) == broken.id).values(settings="x")
            )
        await told(rig, search_sent())
        await sent(rig)
        assert len(there.accepted) == 1
    first, second = await deliveries(rig)
    assert (first.status, second.status, second.connection_id) == ("queued", "delivered", well.id)
    assert first.error == "The stored settings of this connection cannot be read: give all of them anew."


@pytest.mark.storage
async def test_a_digest_tells_of_all_at_once(rig: Rig) -> None:
    with receiver() as there:
        made = await connected(rig, there, digest_minutes=30)
        await told(rig, search_sent(1), search_sent(2))
        rig.clock.forward(minutes=29)
        await told(rig, instance_offline())
        await sent(rig)
        assert there.calls == []
        rig.clock.forward(minutes=1)
        await sent(rig)
        [call] = there.accepted
        assert_signed(call, made.secret or "", rig)
        await told(rig, hunt_completed())
        await sent(rig)
        assert len(there.calls) == 1, "the next one begins anew"
    body = call.json
    assert (body["type"], body["timestamp"]) == ("digest", "2026-11-23T12:30:00.000Z")
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
    assert [(one["type"], one["event_id"]) for one in events] == [
        ("search.sent", 1),
        ("search.sent", 2),
        ("instance.offline", 3),
    ]
    *parts, digest, _ = await deliveries(rig)
    assert (digest.event, digest.level, digest.title) == ("digest", "warning", "Huntarr: 3 events")
    assert [(part.status, part.digest_id) for part in parts] == [("digested", digest.id)] * 3


@pytest.mark.storage
async def test_a_digest_has_bounds(rig: Rig) -> None:
    with receiver() as there:
        await connected(rig, there, digest_minutes=1)
        await told(rig, *(search_sent(number, title="x" * 190) for number in range(620)))
        rig.clock.forward(minutes=1)
        await sent(rig)
        assert [call.json["data"]["total"] for call in there.accepted] == [500, 120]
        assert [call.json["data"]["left_out"] for call in there.accepted] == [400, 20]
    digests = [row for row in await deliveries(rig) if row.event == "digest"]
    assert all(len(row.body) < 4000 and row.body.endswith("more.") for row in digests)


@pytest.mark.storage
async def test_deliveries_are_kept_for_a_month_and_wait_for_three_days(rig: Rig) -> None:
    with receiver() as there, receiver(status=500) as down:
        await connected(rig, there)
        await connected(rig, down, name="down")
        await told(rig, search_sent())
        await sent(rig)
        await purge(rig.container.db, rig.clock.now + MAX_WAIT)
        assert await statuses(rig) == ["delivered", "queued"]
        await purge(rig.container.db, rig.clock.now + MAX_WAIT + timedelta(seconds=1))
        assert await statuses(rig) == ["delivered", "failed"]
        await sent(rig)
        await purge(rig.container.db, rig.clock.now + KEPT_FOR + timedelta(seconds=1))
        assert await deliveries(rig) == []

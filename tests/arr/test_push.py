"""The push channel: what it tells, when it is given up, and that nothing which comes over it does harm."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.arr import push as module
from app.arr.http import ArrHttp
from app.arr.models import AppType, Command, CommandStatus, Connection
from app.arr.push import AFTER_REFUSAL, END, HELLO, PushChannel, PushRests
from app.arr.registry import make_client
from tests.arr.simulated import CASES, SimulatedApp, simulated_app
from tests.simulator.faults import Fault
from tests.simulator.push import PATH

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def simulated(http: ArrHttp) -> AsyncIterator[SimulatedApp]:
    async with simulated_app(CASES[1], http) as made:
        yield made


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def listening(simulated: SimulatedApp, rests: PushRests | None = None) -> AsyncIterator[PushChannel]:
    channel = PushChannel(simulated.client, rests or PushRests())
    await channel.open()
    try:
        yield channel
    finally:
        await channel.close()


async def told(channel: PushChannel, command_id: int) -> Command:
    while (command := channel.ended(command_id)) is None:
        assert await channel.wait(10)
    return command


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0.01)


async def test_every_app_tells_of_the_end_of_a_search(sim: SimulatedApp) -> None:
    async with listening(sim) as channel:
        assert channel.is_open
        sent = await sim.client.search(sim.target())
        sim.app.advance(3)
        command = await told(channel, sent.command_id)
        assert command.status is CommandStatus.COMPLETED
        assert command.target == sim.target()
        assert command == await sim.client.command(sent.command_id)
        assert channel.ended(sent.command_id) is None, "it is told once"
    await until(lambda: sim.app.push.connections == 0)
    assert sim.app.log.counts[f"GET {PATH.strip('/')}"] == 1


async def test_the_end_may_come_before_the_answer_to_the_search(simulated: SimulatedApp) -> None:
    simulated.app.faults.add(Fault(kind="slow_drip", method="POST", seconds=0.01))
    simulated.app.settings.command_seconds = 0
    async with listening(simulated) as channel:
        sending = asyncio.create_task(simulated.client.search(simulated.target()))
        assert await channel.wait(10)
        assert not sending.done()
        assert channel.ended((await sending).command_id) is not None


@pytest.mark.parametrize("mode", ["off", "no_upgrade"])
async def test_where_there_is_none_it_is_asked_for_ever_more_rarely(simulated: SimulatedApp, mode: str) -> None:
    simulated.app.push.mode = mode  # type: ignore[assignment]
    time = Time()
    rests = PushRests(time)
    async with listening(simulated, rests) as channel:
        assert not channel.is_open
        for seconds in AFTER_REFUSAL:
            await channel.open()
            time.now += seconds - 1
            await channel.open()
            asked = simulated.app.log.counts[f"GET {PATH.strip('/')}"]
            time.now += 0.2 * seconds + 2
            await channel.open()
            assert simulated.app.log.counts[f"GET {PATH.strip('/')}"] == asked + 1
        simulated.app.push.mode = "on"
        time.now += 2 * AFTER_REFUSAL[-1]
        await channel.open()
        assert channel.is_open


async def test_a_wrong_key_is_not_tried_again_and_again(simulated: SimulatedApp) -> None:
    simulated.app.settings.api_key = "f" * 32
    async with listening(simulated) as channel:
        await channel.open()
        assert not channel.is_open
    assert simulated.app.log.counts[f"GET {PATH.strip('/')}"] == 1


async def test_a_channel_that_is_lost_wakes_who_waits_and_is_opened_again_a_moment_later(
    simulated: SimulatedApp,
) -> None:
    time = Time()
    async with listening(simulated, PushRests(time)) as channel:
        await until(lambda: simulated.app.push.connections == 1)
        simulated.app.restart()
        assert await channel.wait(10)
        assert not channel.is_open
        await channel.open()
        assert not channel.is_open
        time.now += 2
        await channel.open()
        assert channel.is_open


async def test_silence_ends_it(simulated: SimulatedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.2)
    simulated.app.push.ping_seconds = 0.02
    async with listening(simulated) as channel:
        await until(lambda: simulated.app.push.frames > 20)
        assert channel.is_open, "its pings are a sign of life"
        simulated.app.push.is_silent = True
        assert await channel.wait(10)
        assert not channel.is_open


async def test_what_others_command_is_told_too_and_not_kept_for_ever(
    simulated: SimulatedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 3)
    simulated.app.settings.command_seconds = 0
    async with listening(simulated) as channel:
        await until(lambda: simulated.app.push.connections == 1)
        ids = [simulated.app.post_command("RssSync").id for _ in range(1)]
        for _ in range(5):
            simulated.app.settle()
            ids.append(simulated.app.post_command("RssSync").id)
        simulated.app.settle()
        last = await told(channel, ids[-1])
        assert last.target is None
        assert sum(channel.ended(number) is not None for number in ids[:-1]) <= 2


# --- what an app would not send ------------------------------------------------------------------------------------


@asynccontextmanager
async def fed(http: ArrHttp, *frames: str | bytes, greeting: str = "{}" + END) -> AsyncIterator[PushChannel]:
    """A channel to a server that sends these frames and then waits."""

    async def serve_one(connection: ServerConnection) -> None:
        assert await connection.recv() == HELLO
        await connection.send(greeting)
        for frame in frames:
            await connection.send(frame)
        await connection.wait_closed()

    async with serve(serve_one, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client = make_client(AppType.SONARR, http, Connection(f"http://127.0.0.1:{port}/tv", "k" * 32), None)
        channel = PushChannel(client, PushRests())
        await channel.open()
        try:
            yield channel
        finally:
            await channel.close()


def about(resource: object) -> str:
    argument = {"body": {"resource": resource}, "name": "command"}
    message = {"type": 1, "target": "receiveMessage", "arguments": [argument]}
    return json.dumps(message, separators=(",", ":")) + END


ENDED = {"id": 7, "name": "EpisodeSearch", "status": "completed"}


async def test_messages_share_a_frame_or_are_cut_anywhere(http: ArrHttp) -> None:
    text = '{"type":6}' + END + about({**ENDED, "id": 6}) + about(ENDED)
    async with fed(http, text[:40], text[40:90], text[90:].encode()) as channel:
        await told(channel, 7)
        assert channel.ended(6) is not None


async def test_what_comes_with_the_greeting_is_read(http: ArrHttp) -> None:
    async with fed(http, greeting="{}" + END + about(ENDED)) as channel:
        await told(channel, 7)


async def test_it_tells_whether_a_search_asks_an_indexer(http: ArrHttp) -> None:
    said = "Searching indexers for [Fake Movie One]. {} active indexers"
    working = {"name": "MoviesSearch", "status": "started"}
    none, some = ({**working, "id": 10 + count, "message": said.format(count)} for count in (0, 12))
    async with fed(http, about(none) + about(some) + about(ENDED)) as channel:
        await told(channel, 7)
        assert (channel.asked_indexers(10), channel.asked_indexers(22)) == (False, True)


@pytest.mark.parametrize("resource", [None, {}, {"id": "x"}, {"id": 3}, {"id": 3, "name": "A", "status": "queued"}])
async def test_commands_that_cannot_be_read_or_go_on_are_passed_over(http: ArrHttp, resource: object) -> None:
    async with fed(http, about(resource), about(ENDED)) as channel:
        await told(channel, 7)
        assert channel.ended(3) is None


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":7,"error":"gone"}' + END,
        "nonsense" + END,
        '[1,"name":"command"}]}' + END,
        '{"arguments":7,"name":"command"}]}' + END,
        b"\xff\xfe",
        "x" * 3_000_000,
        "y" * 5_000_000,
    ],
    ids=["closing", "nonsense", "broken", "misshapen", "no text", "endless", "too long"],
)
async def test_the_rest_ends_it(http: ArrHttp, frame: str | bytes) -> None:
    async with fed(http, *2 * [frame]) as channel:
        async with asyncio.timeout(10):
            while channel.is_open:
                await channel.wait(10)


@pytest.mark.parametrize("greeting", ['{"error":"no"}' + END, "hello" + END, ""])
async def test_another_greeting_is_a_refusal(http: ArrHttp, greeting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 1)
    async with fed(http, greeting=greeting) as channel:
        assert not channel.is_open


async def test_a_server_of_something_else_is_a_refusal(http: ArrHttp) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connection = Connection(f"http://127.0.0.1:{port}", "k" * 32)
        channel = PushChannel(make_client(AppType.RADARR, http, connection, None), PushRests())
        await channel.open()
        assert not channel.is_open


async def test_metadata_addresses_are_not_asked(http: ArrHttp) -> None:
    connection = Connection("http://169.254.169.254", "k" * 32)
    channel = PushChannel(make_client(AppType.RADARR, http, connection, None), PushRests())
    await channel.open()
    assert not channel.is_open


# --- the simulator itself, as the living apps are --------------------------------------------------------------------


async def test_the_simulator_refuses_as_the_apps_do(simulated: SimulatedApp) -> None:
    address = simulated.connection.url.replace("http", "ws", 1) + PATH
    key = simulated.app.settings.api_key
    for headers, query in (({"X-Api-Key": "no"}, ""), ({}, f"?apikey={key}"), ({}, "")):
        with pytest.raises(InvalidStatus) as refused:
            await connect(address + query, additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == 401
    if simulated.app.url_base:
        with pytest.raises(InvalidStatus) as refused:
            await connect(simulated.url.replace("http", "ws", 1) + PATH, proxy=None, process_exception=_raised)
        assert refused.value.response.status_code in (307, 401)
    for headers, query in (({"Authorization": f"Bearer {key}"}, ""), ({}, f"?access_token={key}")):
        async with connect(address + query, additional_headers=headers, proxy=None) as socket:
            await socket.send('{"protocol":"messagepack","version":1}' + END)
            assert await socket.recv() == '{"error": "The protocol \'messagepack\' is not supported."}' + END
            with pytest.raises(ConnectionClosed):
                await socket.recv()
    reply = await simulated.http._clients.get(verify_tls=True)
    answer = await reply.get(simulated.connection.url + PATH)
    assert (answer.status_code, answer.text) == (400, "Connection ID required")


def _raised(failure: Exception) -> Exception:
    return failure

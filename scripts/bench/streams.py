"""Event streams: many clients of one gateway, half of which read nothing, while events are published."""

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import uvloop
from arq.connections import RedisSettings

from app.core.clock import utc_now
from app.core.redis import make_redis, socket_path
from app.events.bus import EventBus
from app.events.payloads import Level, LogLine
from scripts.bench.figures import Figure, Sizes, spread
from scripts.processes import ChildProcesses, Service

BATCH = 20
MAX_GROWTH_BYTES = 60 * 1024 * 1024
EVENT_LINE = b"\nevent: log\n"


def many_listeners(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """Every client that reads must get every event; the others must cost little."""
    with tempfile.TemporaryDirectory(prefix="huntarr-bench-") as folder:
        service = processes.service(Path(folder), has_worker=False)
        process = psutil.Process(service.process.pid)
        before = process.memory_info().rss
        counts, latencies = uvloop.run(_measure(service, sizes.listeners, sizes.events))
        growth = process.memory_info().rss - before
        started = time.monotonic()
        processes.end(service.process)
        seconds = time.monotonic() - started
    missed = sum(sizes.events - count for count in counts)
    what = f"{sizes.listeners} clients, half of them stalled, {sizes.events:,} events of 1 KB"
    return [
        Figure(f"{what}: missed by those that read", str(missed), "0", missed == 0),
        Figure("the same: from publishing to a client, p50/p95/p99", spread(latencies), "-", True),
        Figure("the same: memory grown by", f"{growth / 2**20:.0f} MB", "< 60 MB", growth < MAX_GROWTH_BYTES),
        Figure("the same: SIGTERM to the end", f"{seconds:.1f} s", "< 5 s", seconds < 5),
    ]


async def _measure(service: Service, listeners: int, events: int) -> tuple[list[int], list[float]]:
    redis = make_redis(RedisSettings(unix_socket_path=str(socket_path(service.data_dir))))
    lines = [await _connect(service) for _ in range(listeners)]
    arrivals: list[float] = []
    live = lines[: listeners // 2]
    reading = [
        asyncio.create_task(_read(*line, events, arrivals if number == 0 else None)) for number, line in enumerate(live)
    ]
    sent: list[float] = []
    bus = EventBus(redis, utc_now)
    for _ in range(events // BATCH):
        sent += [time.perf_counter()] * BATCH
        await bus.publish(*(_event() for _ in range(BATCH)))
        await asyncio.sleep(0.05)
    counts = list(await asyncio.gather(*reading))
    for _, writer in lines:
        writer.transport.abort()
    await redis.aclose()
    return counts, [there - here for here, there in zip(sent, arrivals, strict=False)]


async def _connect(service: Service) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has read up to the message `stream.ready`."""
    address = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=4096)
    head = f"GET /api/events?types=log HTTP/1.1\r\nHost: {address.netloc}\r\nX-Api-Key: {service.api_key}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"stream.ready")
    return reader, writer


async def _read(
    reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, events: int, arrivals: list[float] | None
) -> int:
    """The number of events received until all have come, or none for 10 seconds."""
    count, rest = 0, b""
    while count < events:
        try:
            async with asyncio.timeout(10):
                chunk = await reader.read(65536)
        except TimeoutError:
            break
        if not chunk:
            break
        found = (rest + chunk).count(EVENT_LINE)
        rest = b"" if chunk.endswith(EVENT_LINE) else (rest + chunk)[-len(EVENT_LINE) + 1 :]
        count += found
        if arrivals is not None:
            arrivals += [time.perf_counter()] * found
    return count


def _event() -> LogLine:
    now = datetime.now(UTC)
    return LogLine(timestamp=now, level=Level.INFO, app_type="system", logger="bench", message="x" * 900)

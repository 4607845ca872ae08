"""A small HTTP client to measure with: kept-alive connections, sequential requests on each, no parsing."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvloop

from scripts.processes import Service


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds of each reply, and of the whole."""

    latencies: list[float]
    seconds: float

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def sequential(service: Service, path: str, count: int, *, pause: float = 0.0) -> list[float]:
    """Latencies of `count` sequential requests; the first one, which opens the connection, is left out."""
    return uvloop.run(_requests(service, path, count=count + 1, pause=pause))[1:]


def concurrent(service: Service, path: str, *, connections: int, seconds: float) -> Load:
    """As many requests as are answered within `seconds` over `connections` connections."""

    async def run() -> Load:
        started = time.perf_counter()
        ends = started + seconds
        found = await asyncio.gather(*(_requests(service, path, ends=ends) for _ in range(connections)))
        return Load([latency for latencies in found for latency in latencies], time.perf_counter() - started)

    return uvloop.run(run())


async def _requests(
    service: Service, path: str, *, count: int | None = None, ends: float = float("inf"), pause: float = 0.0
) -> list[float]:
    address = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    asked = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nX-Api-Key: {service.api_key}\r\n\r\n".encode()
    latencies: list[float] = []
    try:
        while (count is None or len(latencies) < count) and time.perf_counter() < ends:
            started = time.perf_counter()
            writer.write(asked)
            await _answer(reader)
            latencies.append(time.perf_counter() - started)
            await asyncio.sleep(pause)
    finally:
        writer.close()
    return latencies


async def _answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"not an answer to measure: {head[:60]!r}")
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    await reader.readexactly(length)

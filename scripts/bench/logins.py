"""What password guessing costs other callers: the health check is timed while 32 clients log in wrongly."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from scripts.bench.figures import Figure, Sizes, percentile, spread
from scripts.processes import ChildProcesses, Service

GUESSERS = 32
PASSWORD = "owners-of-benchmarks-have-long-passwords"  # noqa: S105 - of a service that lives for a minute


def wrong_logins(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """The first guesses are hashed, two at a time; the rest are refused by the limits."""
    with tempfile.TemporaryDirectory(prefix="huntarr-bench-") as folder:
        service = processes.service(Path(folder), admin_username="owner", admin_password=PASSWORD)
        latencies, answers = uvloop.run(_measure(service, sizes.load_seconds))
        processes.end(service.process)
    p95 = percentile(latencies, 0.95)
    what = f"GET /api/health while {GUESSERS} guess ({answers:,} wrong logins), p50/p95/p99"
    return [Figure(what, spread(latencies), "p95 < 50 ms", p95 < 0.05)]


async def _measure(service: Service, seconds: float) -> tuple[list[float], int]:
    ends = time.perf_counter() + seconds
    guesses = [asyncio.create_task(_guess(service, number, ends)) for number in range(GUESSERS)]
    latencies: list[float] = []
    while time.perf_counter() < ends:
        started = time.perf_counter()
        await _ask(service, b"GET /api/health HTTP/1.1\r\n", b"")
        latencies.append(time.perf_counter() - started)
        await asyncio.sleep(0.01)
    return latencies, sum(await asyncio.gather(*guesses))


async def _guess(service: Service, number: int, ends: float) -> int:
    """A new user name for each guess, so that the limit per user refuses none before it is hashed."""
    answers = 0
    while time.perf_counter() < ends:
        guess = {"username": f"user-{number}-{answers}", "password": f"wrong guess {answers}"}
        body = json.dumps(guess).encode()
        await _ask(service, b"POST /api/auth/login HTTP/1.1\r\nContent-Type: application/json\r\n", body)
        answers += 1
    return answers


async def _ask(service: Service, head: bytes, body: bytes) -> None:
    address = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(head + f"Host: {address.netloc}\r\nContent-Length: {len(body)}\r\n".encode())
        writer.write(b"Connection: close\r\n\r\n" + body)
        await reader.read()
    finally:
        writer.close()

"""Records the waits and the requests of a client; nothing is slept."""

from dataclasses import dataclass, field

from app.http.messages import Exchange


@dataclass
class Recorder:
    waits: list[float] = field(default_factory=list)
    requests: list[tuple[str, str, int | None, int]] = field(default_factory=list)
    """Method, path, status and bytes received."""

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def observe(self, exchange: Exchange) -> None:
        self.requests.append((exchange.method, exchange.path, exchange.status, exchange.received_bytes))

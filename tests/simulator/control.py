"""The request log, and the `/__sim/*` calls that show and change what a simulated app does."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulator.commands import command_json
from tests.simulator.faults import Fault
from tests.simulator.messages import Json, Reply, Request, json_reply, load, stamp

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

PREFIX = "/__sim/"


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as it was answered; status 0 = the connection was cut before an answer."""

    at: float
    method: str
    path: str
    query: str
    status: int
    bytes_sent: int
    fault: str | None
    user_agent: str

    def as_json(self) -> Json:
        return {
            "time": stamp(self.at),
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "bytesSent": self.bytes_sent,
            "fault": self.fault,
            "userAgent": self.user_agent,
        }


class RequestLog:
    """The newest `limit` requests, and counters per method and route."""

    def __init__(self, limit: int) -> None:
        self.records: deque[RequestRecord] = deque(maxlen=limit)
        self.counts: Counter[str] = Counter()
        self.total = 0
        self.bytes_sent = 0

    def add(self, record: RequestRecord, route: str) -> None:
        self.records.append(record)
        self.counts[f"{record.method} {route}"] += 1
        self.total += 1
        self.bytes_sent += record.bytes_sent

    def reset(self) -> None:
        self.records.clear()
        self.counts.clear()
        self.total = self.bytes_sent = 0

    def as_json(self) -> Json:
        return {
            "total": self.total,
            "bytesSent": self.bytes_sent,
            "counts": dict(self.counts),
            "requests": [record.as_json() for record in self.records],
        }


def control(app: "SimApp", request: Request) -> Reply:
    """Answer `/__sim/...`: no key, no faults, no latency."""
    name = request.path.removeprefix(PREFIX).strip("/")
    with app.db.lock:
        app.settle()
        value = _READS[name](app) if request.method == "GET" and name in _READS else _change(app, request, name)
    return Reply(404) if value is None else json_reply(value)


def _searches(app: "SimApp") -> Json:
    return {"searches": [record.as_json() for record in app.searcher.records]}


def _commands(app: "SimApp") -> Json:
    shown = [
        {**command_json(c, app.definition), "posts": c.posts, "cancelled": c.cancelled} for c in app.commands.every
    ]
    return {"commands": shown}


_READS: dict[str, Any] = {
    "requests": lambda app: app.log.as_json(),
    "counts": lambda app: {k: v for k, v in app.log.as_json().items() if k != "requests"},
    "searches": _searches,
    "commands": _commands,
    "state": lambda app: app.state(),
    "faults": lambda app: {"faults": [fault.as_json() for fault in app.faults.active()]},
}


def _change(app: "SimApp", request: Request, name: str) -> Json | None:
    body = load(request.body) if request.body else {}
    match request.method, name:
        case "POST", "faults":
            faults = [app.faults.add(Fault.from_json(entry)) for entry in (body if isinstance(body, list) else [body])]
            return {"faults": [fault.as_json() for fault in faults]}
        case "DELETE", "faults":
            app.faults.clear()
            return {"faults": []}
        case "POST", "reset-log":
            app.log.reset()
            return {}
        case "POST", "clock":
            app.advance(float(body["advance_seconds"]))
            return {"now": app.clock().isoformat()}
        case "POST", "restart":
            app.restart(starting_seconds=float(body.get("starting_seconds", 0)))
            return {}
    return None

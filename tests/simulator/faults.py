"""Faults between a client and an app, seeded and counted."""

import random
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from tests.simulator.messages import Json

FaultKind = Literal[
    "latency",
    "status",
    "starting",
    "cut_before_headers",
    "cut_in_body",
    "drop_reply",
    "html",
    "broken_json",
    "wrong_type",
    "empty_body",
    "huge_body",
    "slow_drip",
    "redirect_loop",
    "gzip_bomb",
]
# These let the app do its work and spoil only the answer; all others answer in the app's place.
EXECUTING = frozenset({"latency", "drop_reply", "cut_in_body", "broken_json", "wrong_type", "empty_body", "slow_drip"})


@dataclass(slots=True)
class Fault:
    """One fault; `path` is a pattern, relative to the API prefix unless it begins with a slash."""

    kind: FaultKind
    path: str = "*"
    method: str | None = None
    share: float = 1.0
    times: int | None = None  # the next n matching requests; None = until cleared
    skip: int = 0  # let this many matching requests pass first
    seconds: float = 1.0  # latency; slow_drip: pause between two bytes
    status: int = 500
    retry_after: int | None = None
    execute: bool = False  # `status`, `html`: carry the request out although the answer is an error
    megabytes: int = 100
    body: str | None = None  # instead of the usual text of `status`, `html`, `broken_json`, `wrong_type`
    hits: int = 0

    @classmethod
    def from_json(cls, body: Json) -> "Fault":
        known = {entry.name for entry in fields(cls)} - {"hits"}
        unknown = set(body) - known
        if unknown or body.get("kind") not in get_args(FaultKind):
            raise ValueError(f"not a fault: {body}; fields {sorted(known)}; kinds {get_args(FaultKind)}")
        return cls(**body)

    def as_json(self) -> Json:
        return asdict(self)

    @property
    def executes(self) -> bool:
        return self.execute or self.kind in EXECUTING

    def matches(self, method: str, path: str, below_prefix: str) -> bool:
        if self.method is not None and self.method.upper() != method:
            return False
        pattern = self.path.lower()
        return fnmatchcase(path if pattern.startswith("/") else below_prefix, pattern)


class Faults:
    """The faults of one app; of those that match a request, latencies add up and the first other fault applies."""

    def __init__(self, seed: int) -> None:
        self._faults: list[Fault] = []
        self._rng = random.Random(f"faults/{seed}")

    def add(self, fault: Fault | None = None, /, kind: FaultKind | None = None, **options: Any) -> Fault:
        """`faults.add(Fault("html"))` or `faults.add(kind="status", status=503, path="wanted/*", times=2)`."""
        made = fault if fault is not None else Fault(kind or "status", **options)
        self._faults.append(made)
        return made

    def clear(self) -> None:
        self._faults.clear()

    def active(self) -> list[Fault]:
        return [fault for fault in self._faults if fault.times is None or fault.times > 0]

    def choose(self, method: str, path: str, below_prefix: str) -> tuple[float, Fault | None]:
        """Seconds to wait, and the fault of the reply."""
        if not self._faults:
            return 0.0, None
        seconds, chosen = 0.0, None
        for fault in self.active():
            if (chosen is not None and fault.kind != "latency") or not fault.matches(method, path, below_prefix):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.share < 1 and self._rng.random() >= fault.share:
                continue
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
            if fault.kind == "latency":
                seconds += fault.seconds
            else:
                chosen = fault
        return seconds, chosen

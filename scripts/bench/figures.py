"""Measured figures with their targets, and the table of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.installations import BOTH


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    measured: str
    target: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured, and the databases of the parts that measure both."""

    databases: tuple[str, ...] = BOTH
    libraries: tuple[int, int] = (1_000, 100_000)
    instances: int = 1_000
    searches: int = 20
    refreshes: int = 3
    rows: int = 1_000_000
    history: int = 10_000_000
    slow_requests: int = 5
    hunts: int = 10_000
    requests: int = 1_000
    rebuilds: int = 20
    load_seconds: float = 10.0
    idle_seconds: int = 300
    starts: int = 3
    listeners: int = 200
    events: int = 4_000


QUICK = Sizes(
    libraries=(200, 2_000),
    instances=40,
    searches=6,
    refreshes=1,
    rows=20_000,
    history=50_000,
    slow_requests=2,
    hunts=200,
    requests=100,
    rebuilds=3,
    load_seconds=1.0,
    idle_seconds=10,
    starts=1,
    listeners=40,
    events=600,
)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(seconds: Sequence[float]) -> str:
    """p50 / p95 / p99 in milliseconds."""
    return " / ".join(f"{percentile(seconds, share) * 1000:.1f}" for share in (0.5, 0.95, 0.99)) + " ms"


def table(figures: Sequence[Figure]) -> str:
    rows = [("figure", "measured", "target", "")]
    rows += [(figure.what, figure.measured, figure.target, "ok" if figure.holds else "MISSED") for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])

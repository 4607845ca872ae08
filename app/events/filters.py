"""Choosing events by name, by a prefix such as `hunt.*`, or all of them by `*`."""

from collections.abc import Iterable
from typing import Final

from app.core.errors import Invalid
from app.events.catalogue import EVENTS, EventName
from app.events.payloads import Control

FIELD: Final = "query.types"
STREAMED: Final = tuple(name for name, event_type in EVENTS.items() if not issubclass(event_type.payload, Control))


def matching(pattern: str, among: Iterable[EventName]) -> frozenset[EventName]:
    """The events that `pattern` stands for."""
    if pattern == "*":
        return frozenset(among)
    prefix = pattern.removesuffix("*") if pattern.endswith(".*") else None
    return frozenset(name for name in among if (name.startswith(prefix) if prefix else name == pattern))


def wanted_names(types: str | None) -> frozenset[EventName] | None:
    """The events that the comma-separated `types` stand for; None for all. `Invalid` for a part that matches none."""
    patterns = [part.strip() for part in (types or "").split(",") if part.strip()]
    if not patterns or "*" in patterns:
        return None
    wanted: set[EventName] = set()
    for pattern in patterns:
        names = matching(pattern, STREAMED)
        if not names:
            raise Invalid(
                f"Types are names of events, or prefixes such as hunt.*; there are: {', '.join(STREAMED)}.",
                field=FIELD,
            )
        wanted |= names
    return frozenset(wanted)

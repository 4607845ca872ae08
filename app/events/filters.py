"""Which events a listener asks for: names, or beginnings such as `hunt.*`."""

from app.core.errors import Invalid
from app.events.catalogue import EVENTS, Control, EventName

FIELD = "query.types"
CHOICE = tuple(name for name, kind in EVENTS.items() if not issubclass(kind.payload, Control))


def wanted_names(types: str | None) -> frozenset[EventName] | None:
    """The names that the comma-separated `types` stand for; None for all. `Invalid` for one that stands for none."""
    asked = [part.strip() for part in (types or "").split(",") if part.strip()]
    if not asked or "*" in asked:
        return None
    found: set[EventName] = set()
    for part in asked:
        start = part.removesuffix("*") if part.endswith(".*") else None
        names = {name for name in CHOICE if (name.startswith(start) if start else name == part)}
        if not names:
            raise Invalid(
                f"Types are names of events, or beginnings such as hunt.*; there are: {', '.join(CHOICE)}.",
                field=FIELD,
            )
        found |= names
    return frozenset(found)

"""Reads the history of an app back to a moment: page by page, newest first, over several ticks where it is long."""

from dataclasses import dataclass, field
from datetime import datetime

from app.arr.base import ArrClient
from app.arr.models import HistoryEvent

MAX_PAGES = 20
"""In one tick; an app takes up to 90 ms for each."""


@dataclass(slots=True)
class Walk:
    """What was read so far: the first `pages` pages of the history, as it was when its newest event was `top_at`."""

    pages: int = 0
    top_at: datetime | None = None
    events: dict[HistoryEvent, None] = field(default_factory=dict)


class HistoryReader:
    """One for each worker process. A walk that a failure or the limit interrupted goes on where it was: what is new
    since then moves the old events to later pages, never to earlier ones."""

    def __init__(self) -> None:
        self._walks: dict[int, Walk] = {}

    async def read(self, instance_id: int, client: ArrClient, since: datetime) -> list[HistoryEvent] | None:
        """All events since then; `None` when the rest is left to the next call, as it is after an `ArrError`."""
        walk = self._walks.setdefault(instance_id, Walk())
        if not await _go_on(walk, client, since):
            return None
        del self._walks[instance_id]
        return [event for event in walk.events if event.at >= since]


async def _go_on(walk: Walk, client: ArrClient, since: datetime) -> bool:
    """Read what is new, then what an earlier call had not reached; whether all was read."""
    number, top_at, joined = 1, None, walk.top_at is None
    new: dict[HistoryEvent, None] = {}
    for _ in range(MAX_PAGES):
        page = await client.history_page(number)
        new.update(dict.fromkeys(page.events))
        top_at = top_at or max((event.at for event in page.events), default=page.oldest_at)
        is_end = page.is_last or page.oldest_at is None or page.oldest_at < since
        if not joined and walk.top_at is not None and page.oldest_at is not None and page.oldest_at <= walk.top_at:
            joined, number = True, walk.pages + number - 1
        elif not is_end:
            number += 1
        if joined or is_end:
            walk.events.update(new)
            walk.pages, walk.top_at = number - 1, top_at
        if is_end:
            return True
    return False

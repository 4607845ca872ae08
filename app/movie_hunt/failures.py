"""The end of a grab that failed: its row, the history, the blocklist and the event, in one transaction."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from app.events.outbox import record_event
from app.events.payloads import MovieFailed
from app.movie_hunt.events import movie_event
from app.movie_hunt.history import record_history
from app.movie_hunt.models import BlocklistEntry, Grab, GrabState, Movie, MovieEvent
from app.movie_hunt.release_facts import ReleaseFacts


async def fail_grab(
    session: AsyncSession,
    grab: Grab,
    reason: str,
    now: datetime,
    *,
    is_blocked: bool,
    event: MovieEvent = MovieEvent.DOWNLOAD_FAILED,
) -> None:
    """End a grab as failed, in the caller's transaction; `is_blocked`: the release is not taken again."""
    grab.state, grab.message, grab.ended_at = GrabState.FAILED, reason, now
    movie = await session.get(Movie, grab.movie_id)
    if movie is None:
        return
    if is_blocked:
        session.add(blocklist_entry(grab, reason, now))
    record_history(session, movie, event, now, grab=grab, reason=reason)
    await record_event(session, movie_event(MovieFailed, movie, grab, message=reason), now)


def blocklist_entry(grab: Grab, reason: str, now: datetime) -> BlocklistEntry:
    facts = ReleaseFacts.model_validate(grab.facts)
    return BlocklistEntry(
        movie_id=grab.movie_id,
        title=grab.title,
        protocol=grab.protocol,
        indexer_id=grab.indexer_id,
        info_hash=facts.info_hash,
        size=grab.size,
        published_at=facts.published_at,
        reason=reason,
        at=now,
    )

"""The event stream, as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Final

from fastapi import Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.auth import Authenticator
from app.api.context import context_of
from app.api.deps import container_of
from app.api.openapi import EVENT_STREAM
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.services import Events
from app.api.tags import Tag
from app.core.errors import Invalid, NotAuthenticated, TooManyRequests, Unavailable
from app.events.bus import StreamId, parse_stream_id
from app.events.catalogue import EventName
from app.events.filters import wanted_names
from app.events.hub import EventHub, Listener

LAST_EVENT_ID: Final = "Last-Event-ID"
# No blank line behind it: some clients take one for the end of an empty message.
HEARTBEAT: Final = b": heartbeat\n"

router = ApiRouter(tag=Tag.EVENTS, prefix="/api/events")


class EventStream(StreamingResponse):
    """Becomes a listener only when it is sent, so that a reply that is never sent holds no place."""

    def __init__(
        self,
        hub: EventHub,
        wanted: frozenset[EventName] | None,
        last_seen: StreamId | None,
        is_authorised: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__((), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._hub = hub
        self._wanted = wanted
        self._last_seen = last_seen
        self._is_authorised = is_authorised

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = context_of(scope).caller
        whose = caller.identity if caller is not None else ""
        with self._hub.listening(self._wanted, self._last_seen, caller=whose) as listener:
            self.body_iterator = self._frames(listener)
            await super().__call__(scope, receive, send)

    async def _frames(self, listener: Listener) -> AsyncIterator[bytes]:
        """Events as they come, and regular heartbeats. Before each heartbeat the credentials are checked again."""
        now = asyncio.get_running_loop().time
        every = self._hub.heartbeat_seconds
        beat_at = now() + every
        while not listener.is_over:
            if chunk := await listener.next(beat_at - now()):
                yield chunk
            if now() >= beat_at:
                if not await self._is_authorised():
                    return
                yield HEARTBEAT
                beat_at = now() + every


@router.get("", summary="Event stream", response_class=Response, responses=EVENT_STREAM)
@RoutePolicy(Access.READ)
async def stream_events(
    request: Request,
    events: Events,
    types: Annotated[
        str | None,
        Query(max_length=1000, description="Names or prefixes such as `hunt.*`, comma-separated; else all."),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Query(max_length=50, description="Like the header, for clients that cannot set one."),
    ] = None,
    last_event_id_header: Annotated[
        str | None,
        Header(
            alias=LAST_EVENT_ID,
            max_length=50,
            description="The last `id:` that was received.",
        ),
    ] = None,
) -> Response:
    """Server-Sent Events from now on, or from a last id on, which reaches back 1,000 events."""
    last_seen = _stream_position(last_event_id_header or last_event_id)
    return EventStream(events, wanted_names(types), last_seen, partial(_is_authorised, request))


def _stream_position(text: str | None) -> StreamId | None:
    if not text:
        return None
    found = parse_stream_id(text)
    if found is None:
        raise Invalid("This is not an event id of this stream.", field=f"header.{LAST_EVENT_ID}")
    return found


async def _is_authorised(request: Request) -> bool:
    """Whether the credentials are still valid; when that cannot be checked, the next heartbeat checks again."""
    try:
        await Authenticator(container_of(request).auth.credentials).caller(request)
    except (NotAuthenticated, TooManyRequests):
        return False
    except Unavailable:
        return True
    return True

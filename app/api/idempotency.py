"""`Idempotency-Key` on POST: the endpoint runs once, later requests get its stored reply."""

import hashlib
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import API_KEY_QUERY
from app.api.body import BoundedRequest, Handler
from app.api.context import context_of, current_caller
from app.api.deps import container_of
from app.api.errors import EXPECTED, reply_to
from app.core.errors import HuntarrError, Invalid
from app.idempotency.service import MAX_BODY_BYTES, IdempotencyService, Reservation, StoredResponse

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
REPLAY_HEADER = "Idempotent-Replay"
MAX_KEY_LENGTH = 255
NEVER_STORED = frozenset({401, 403, 429})  # the same request may be right a moment later


def idempotent(inner: Handler) -> Handler:
    """`inner`, or the reply that is stored for the key; without the header just `inner`."""

    async def handle(request: BoundedRequest) -> Response:
        keys = request.headers.getlist(HEADER)
        if not keys:
            return await inner(request)
        service = container_of(request).idempotency
        caller, digest = current_caller(request).identity, fingerprint(request, await request.read())
        found = await service.begin(caller, _checked(keys), digest)
        if isinstance(found, StoredResponse):
            return Response(found.body, found.status, {REPLAY_HEADER: "true"}, found.media_type)
        is_stored = False
        try:
            response = await _reply(request, inner)
            is_stored = await _store(service, found, response)
            return response
        finally:
            if not is_stored:
                await service.release(found)

    return handle


def fingerprint(request: Request, body: bytes) -> str:
    """What makes two requests the same: method, path, query (but for the caller's key) and body."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = [pair for pair in pairs if pair[0] != API_KEY_QUERY]
    head = repr((request.method, request.scope["path"], query)).encode("utf-8", "backslashreplace")
    return hashlib.sha256(hashlib.sha256(head).digest() + body).hexdigest()


def _checked(keys: list[str]) -> str:
    key = keys[0]
    if len(keys) != 1 or not 1 <= len(key) <= MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise Invalid(
            f"The header must be given once and have 1 to {MAX_KEY_LENGTH} printable ASCII characters.",
            field=f"header.{HEADER}",
        )
    return key


async def _reply(request: BoundedRequest, inner: Handler) -> Response:
    """A refusal is a reply too, and stored like one."""
    try:
        return await inner(request)
    except EXPECTED as refusal:
        return reply_to(refusal, context_of(request.scope).request_id)


async def _store(service: IdempotencyService, reservation: Reservation, response: Response) -> bool:
    """False for a reply that must not be repeated. The work is done: a failure to store it is not worth a 503."""
    body = getattr(response, "body", None)  # streams and files have none
    is_final = response.status_code < 500 and response.status_code not in NEVER_STORED
    if not is_final or not isinstance(body, bytes) or len(body) > MAX_BODY_BYTES:
        return False
    try:
        reply = StoredResponse(response.status_code, body, response.headers.get("content-type"))
        await service.store(reservation, reply)
    except HuntarrError as failure:
        log.warning("reply not stored for its idempotency key", reason=failure.message)
    return True

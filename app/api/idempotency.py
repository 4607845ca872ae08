"""`Idempotency-Key` on POST: the handler runs once, its reply is given again."""

import hashlib
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import API_KEY_QUERY
from app.api.body import BoundedRequest
from app.api.context import Handler, context_of, current_caller
from app.api.errors import EXPECTED, reply_to
from app.core.errors import HuntarrError, Invalid
from app.idempotency.service import MAX_BODY_BYTES, IdempotencyService, Reservation, StoredResponse

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
REPLAY_HEADER = "Idempotent-Replay"
MAX_KEY_LENGTH = 255
NEVER_KEPT = frozenset({401, 403, 429})  # the same request may be right a moment later


async def answer_once(request: BoundedRequest, replays: IdempotencyService, handler: Handler) -> Response:
    """The handler's reply, or the one that was kept; without the header just the handler's."""
    keys = request.headers.getlist(HEADER)
    if not keys:
        return await handler(request)
    key = _checked(keys)
    begun = await replays.begin(current_caller(request).identity, key, fingerprint(request, await request.read()))
    if isinstance(begun, StoredResponse):
        return Response(begun.body, begun.status, {REPLAY_HEADER: "true"}, begun.media_type)
    is_kept = False
    try:
        response = await _answered(request, handler)
        is_kept = await _keep(replays, begun, response)
        return response
    finally:
        if not is_kept:
            await replays.release(begun)


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


async def _answered(request: BoundedRequest, handler: Handler) -> Response:
    """A refusal is an answer too, and kept like one."""
    try:
        return await handler(request)
    except EXPECTED as refusal:
        return reply_to(refusal, context_of(request.scope).request_id)


async def _keep(replays: IdempotencyService, reservation: Reservation, response: Response) -> bool:
    """False when this reply must not stand for the next one. The work is done: a lost record is not worth a 503."""
    body = getattr(response, "body", None)  # streams and files have none
    is_final = response.status_code < 500 and response.status_code not in NEVER_KEPT
    if not is_final or not isinstance(body, bytes) or len(body) > MAX_BODY_BYTES:
        return False
    try:
        await replays.store(
            reservation, StoredResponse(response.status_code, body, response.headers.get("content-type"))
        )
    except HuntarrError as failure:
        log.warning("reply not kept for its idempotency key", reason=failure.message)
    return True

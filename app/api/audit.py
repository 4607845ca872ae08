"""The audit trail of all changes: written around the handler of every route that changes something, by no handler.

What is written are the operation, who called, the ids and filters of the address, ids in the body, and the names of
the body's fields. Values of fields are not: some of them are secrets, and a new field could be one.
"""

import structlog
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.body import BoundedRequest
from app.api.context import Handler, client_address, current_caller
from app.api.deps import container_of
from app.auth.audit import audit_entry
from app.core.errors import HuntarrError

log = structlog.get_logger(__name__)

MAX_VALUE_LENGTH = 100
MAX_FIELDS = 50


def told(inner: Handler, operation: str, filters: frozenset[str]) -> Handler:
    """`inner`, with a row in the trail when it succeeded; `filters` are the query parameters that the route reads."""

    async def answer(request: Request) -> Response:
        response = await inner(request)
        if response.status_code < 400:
            deed = audit_entry(
                current_caller(request),
                operation,
                client_address(request),
                target=_target(request, response, filters),
                fields=sorted(_document(request))[:MAX_FIELDS],
            )
            try:
                await container_of(request).auth.audit.record(deed)
            except HuntarrError as failure:  # the work is done: a lost row is not worth a 503
                log.warning("deed not recorded", operation=operation, reason=failure.message)
        return response

    return answer


def _target(request: Request, response: Response, filters: frozenset[str]) -> dict[str, str]:
    found = {name: value for name, value in request.query_params.items() if name in filters}
    found |= {
        name: str(value)
        for name, value in _document(request).items()
        if name.endswith("_id") and isinstance(value, int) and not isinstance(value, bool)
    }
    hook_id = current_caller(request).hook_id
    # The path of a hook's call holds its token.
    found |= {name: str(value) for name, value in request.path_params.items()} if hook_id is None else {}
    found |= {"hook": str(hook_id)} if hook_id is not None else {}
    if response.status_code == 201 and (made := _made_id(response)) is not None:
        found["id"] = str(made)
    return {name: value[:MAX_VALUE_LENGTH] for name, value in found.items()}


def _document(request: Request) -> dict[str, object]:
    """The body, if it was a JSON object; its fields are the ones that the handler's schema knows."""
    document = request.document if isinstance(request, BoundedRequest) else None
    return document if isinstance(document, dict) else {}


def _made_id(response: Response) -> int | None:
    """The id of what was created, as the envelope shows it."""
    body = getattr(response, "body", b"")
    try:
        data = from_json(bytes(body)).get("data")
    except (ValueError, AttributeError):
        return None
    made = data.get("id") if isinstance(data, dict) else None
    return made if isinstance(made, int) else None

"""The audit of all changes: a wrapper around every route that changes something, so that no endpoint writes it.

An entry has the operation, who called, the ids and filters of the address, ids in the body, and the names of the
body's fields. It has no values of fields: some of them are secrets, and a new field could be one.
"""

import structlog
from pydantic_core import from_json
from starlette.responses import Response

from app.api.body import BoundedRequest, Handler
from app.api.context import client_address, current_caller
from app.api.deps import container_of
from app.auth.audit import audit_entry
from app.core.errors import HuntarrError

log = structlog.get_logger(__name__)

MAX_VALUE_LENGTH = 100
MAX_FIELDS = 50


def audit(inner: Handler, operation: str, filters: frozenset[str]) -> Handler:
    """`inner`, with a row in the audit trail when it succeeds; `filters` are the query parameters of the route."""

    async def handle(request: BoundedRequest) -> Response:
        response = await inner(request)
        if response.status_code < 400:
            entry = audit_entry(
                current_caller(request),
                operation,
                client_address(request),
                target=_target(request, response, filters),
                fields=sorted(_document(request))[:MAX_FIELDS],
            )
            try:
                await container_of(request).auth.audit.record(entry)
            except HuntarrError as failure:  # the work is done: a lost row is not worth a 503
                log.warning("audit entry not written", operation=operation, reason=failure.message)
        return response

    return handle


def _target(request: BoundedRequest, response: Response, filters: frozenset[str]) -> dict[str, str]:
    found = {name: value for name, value in request.query_params.items() if name in filters}
    found |= {
        name: str(value)
        for name, value in _document(request).items()
        if name.endswith("_id") and isinstance(value, int) and not isinstance(value, bool)
    }
    hook_id = current_caller(request).hook_id
    if hook_id is not None:
        found["hook"] = str(hook_id)  # instead of the path, which holds the hook's token
    else:
        found |= {name: str(value) for name, value in request.path_params.items()}
    if response.status_code == 201 and (created := _created_id(response)) is not None:
        found["id"] = str(created)
    return {name: value[:MAX_VALUE_LENGTH] for name, value in found.items()}


def _document(request: BoundedRequest) -> dict[str, object]:
    """The body, if it was a JSON object; its fields are the ones that the handler's schema knows."""
    return request.document if isinstance(request.document, dict) else {}


def _created_id(response: Response) -> int | None:
    """The id of what was created, as the envelope shows it."""
    body = getattr(response, "body", b"")
    try:
        data = from_json(bytes(body)).get("data")
    except (ValueError, AttributeError):
        return None
    created = data.get("id") if isinstance(data, dict) else None
    return created if isinstance(created, int) else None

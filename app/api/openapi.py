"""The OpenAPI document: built from the routes, with names and error replies that suit generated clients."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from app.api.auth import API_KEY_HEADER, API_KEY_QUERY, SESSION_COOKIE
from app.api.idempotency import HEADER as IDEMPOTENCY_HEADER
from app.api.idempotency import MAX_KEY_LENGTH
from app.api.policy import Access
from app.api.routing import ApiRoute
from app.api.tags import DESCRIPTIONS, Tag
from app.api.webhook_tokens import TOKEN_HEADER, TOKEN_QUERY
from app.core.schemas import ErrorReply
from app.events.catalogue import any_message

Json = dict[str, Any]
Responses = dict[int | str, Json]

VERSION: Final = "3.1.0"
COMPONENTS: Final = "#/components/schemas/"

SECURITY_SCHEMES: Final[Json] = {
    "ApiKeyHeader": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER, "description": "An API key."},
    "ApiKeyBearer": {"type": "http", "scheme": "bearer", "description": "The same API key as a bearer token."},
    "ApiKeyQuery": {
        "type": "apiKey",
        "in": "query",
        "name": API_KEY_QUERY,
        "description": "An API key, for callers that cannot set a header.",
    },
    "SessionCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "A session; changes need the header X-CSRF-Token too.",
    },
}
ANY_SCHEME: Final[list[Json]] = [{name: []} for name in SECURITY_SCHEMES]
TOKEN_SCHEMES: Final[Json] = {
    "AppTokenQuery": {
        "type": "apiKey",
        "in": "query",
        "name": TOKEN_QUERY,
        "description": "The token of an instance, for the calls of its app.",
    },
    "AppTokenHeader": {
        "type": "apiKey",
        "in": "header",
        "name": TOKEN_HEADER,
        "description": "The same as a header.",
    },
    "AppTokenPassword": {
        "type": "http",
        "scheme": "basic",
        "description": "The same as a password, for any user name.",
    },
}
SCHEMES_OF: Final[dict[Access, list[Json]]] = {
    Access.PUBLIC: [],
    Access.READ: ANY_SCHEME,
    Access.FULL: ANY_SCHEME,
    Access.SESSION_ONLY: [{"SessionCookie": []}],
    Access.APP_TOKEN: [*({name: []} for name in TOKEN_SCHEMES), *ANY_SCHEME],
    Access.HOOK_TOKEN: [],  # the token is part of the path, which OpenAPI has no scheme for
}

EXAMPLES: Final[dict[int, Json]] = {
    400: {"success": False, "error": "The request cannot be read."},
    401: {"success": False, "error": "The API key or session is not valid."},
    403: {"success": False, "error": "This API key may only read."},
    404: {"success": False, "error": "There is no such instance."},
    409: {"success": False, "error": "There is an instance with this address already."},
    413: {"success": False, "error": "The body is larger than 1048576 bytes."},
    415: {"success": False, "error": "The body must be JSON, sent as application/json and not compressed."},
    422: {
        "success": False,
        "error": "body.url: Field required",
        "details": [{"field": "body.url", "message": "Field required"}],
    },
    429: {"success": False, "error": "Too many attempts: try again in a minute."},
    500: {
        "success": False,
        "error": "Something went wrong inside Huntarr; the log has the details under this request id.",
        "request_id": "f3b0c44298fc1c14",
    },
    502: {"success": False, "error": "Sonarr answered something that is not its API."},
    503: {
        "success": False,
        "error": "The database is not available: it is locked, full or unreachable.",
        "request_id": "f3b0c44298fc1c14",
    },
    504: {"success": False, "error": "Sonarr did not answer within 30 seconds."},
}

IDEMPOTENCY_PARAMETER: Final[Json] = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "required": False,
    "description": "Within 24 h the same key with the same request gets the first reply again, and nothing twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
}
ETAG_PARAMETER: Final[Json] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of the last reply: 304 when nothing has changed since.",
    "schema": {"type": "string"},
}


EVENT_STREAM: Final[Responses] = {
    200: {
        "description": "Each `data:` is one of these as a line of JSON; `event:` is its `type`, `id:` its place.",
        "content": {"text/event-stream": {"schema": {"$ref": f"{COMPONENTS}StreamEvent"}}},
    }
}


def errors(*statuses: int) -> Responses:
    """`responses=` of a route: the error statuses of its own. Those of every route are added by `document`."""
    return {status: _error(status) for status in statuses}


def document(app: FastAPI, *, base_url: str = "") -> Json:
    """The whole document; it has `servers` only under a sub-path."""
    built = get_openapi(
        title=app.title,
        summary=app.summary,
        version=app.version,
        openapi_version=VERSION,
        routes=app.routes,
        servers=[{"url": base_url}] if base_url else None,
    )
    used = set()
    for route, path, method in _operations(app):
        operation = built["paths"][path][method]
        _complete(operation, route)
        used |= set(operation["tags"])
    built["tags"] = [
        {"name": tag.value, "description": text} for tag, text in DESCRIPTIONS.items() if tag.value in used
    ]
    components = built.setdefault("components", {})
    components["securitySchemes"] = SECURITY_SCHEMES | TOKEN_SCHEMES
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _add_error_reply(schemas)
    if Tag.EVENTS in used:
        _add_events(schemas)
    marked: Json = _mark_files(_named(built))
    return marked


def render(built: Json) -> str:
    """The text of the committed file: the same document is the same bytes."""
    return json.dumps(built, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _operations(app: FastAPI) -> Iterator[tuple[ApiRoute, str, str]]:
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, ApiRoute) and route.include_in_schema:
            for method in sorted(context.methods or ()):
                yield route, str(context.path_format), method.lower()


def _complete(operation: Json, route: ApiRoute) -> None:
    """Add what follows from the route's policy: security, headers and error replies."""
    parameters = operation.setdefault("parameters", [])
    responses = operation["responses"]
    operation["security"] = SCHEMES_OF[route.policy.access]
    statuses = {500} if route.policy.is_public else {401, 429, 500, 503}
    if not route.policy.is_public and (route.policy.access is not Access.READ or route.is_change):
        statuses.add(403)
    if "requestBody" in operation:
        statuses |= {413, 415}
    if route.is_idempotent:
        parameters.append(IDEMPOTENCY_PARAMETER)
        statuses.add(409)
    statuses.add(400)  # a head that is too large, or an invalid address
    if parameters or "requestBody" in operation:
        statuses.add(422)
        responses.pop("422", None)
    if route.policy.etag:
        parameters.append(ETAG_PARAMETER)
        responses["304"] = {"description": "Not Modified"}
    if not parameters:
        del operation["parameters"]
    for status in sorted(statuses):
        responses.setdefault(str(status), _error(status))


def _error(status: int) -> Json:
    content = {"schema": {"$ref": f"{COMPONENTS}ErrorReply"}, "example": EXAMPLES[status]}
    return {"description": HTTPStatus(status).phrase, "content": {"application/json": content}}


def _add_error_reply(schemas: Json) -> None:
    schema = ErrorReply.model_json_schema(mode="serialization", ref_template=COMPONENTS + "{model}")
    schemas |= schema.pop("$defs", {})
    schemas["ErrorReply"] = schema


def _add_events(schemas: Json) -> None:
    """The messages of the stream: no route returns them as a model, so FastAPI does not know them."""
    schema = any_message().json_schema(mode="serialization", ref_template=COMPONENTS + "{model}")
    parts = schema.pop("$defs")
    if twice := sorted(name for name in parts if schemas.get(name, parts[name]) != parts[name]):
        raise RuntimeError(f"two schemas have the same name: {', '.join(twice)}")
    schemas |= parts
    schemas["StreamEvent"] = schema | {"title": "StreamEvent", "description": "A message of the stream, by its `type`."}


def _named(built: Json) -> Json:
    """Rename components to their titles: Pydantic's own keys for generics are hard to read."""
    schemas: Json = built["components"]["schemas"]
    names = {key: schema["title"] for key, schema in schemas.items() if schema.get("title", "").isidentifier()}
    wanted = [names.get(key, key) for key in schemas]
    if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
        raise RuntimeError(f"two schemas have the same name: {', '.join(twice)}")
    built["components"]["schemas"] = {names.get(key, key): schema for key, schema in schemas.items()}
    references = {COMPONENTS + key: COMPONENTS + name for key, name in names.items()}
    renamed: Json = _replaced(built, references)
    return renamed


def _replaced(part: Any, references: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        replaced = {key: _replaced(value, references) for key, value in part.items()}
        target = replaced.get("$ref")
        return replaced | {"$ref": references.get(target, target)} if isinstance(target, str) else replaced
    if isinstance(part, list):
        return [_replaced(value, references) for value in part]
    return part


def _mark_files(part: Any) -> Any:
    """FastAPI writes uploads as 3.1 does; most generators still look for `format: binary`."""
    if isinstance(part, dict):
        marked = {key: _mark_files(value) for key, value in part.items()}
        is_file = part.get("contentMediaType") == "application/octet-stream"
        return marked | {"format": "binary"} if is_file else marked
    return [_mark_files(value) for value in part] if isinstance(part, list) else part

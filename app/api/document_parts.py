"""The parts of the OpenAPI document that belong to no route: introduction, security schemes, headers, parameters."""

from typing import Any, Final

from app.api.auth import API_KEY_HEADER, API_KEY_QUERY, SESSION_COOKIE
from app.api.idempotency import HEADER as IDEMPOTENCY_HEADER
from app.api.idempotency import MAX_KEY_LENGTH, REPLAY_HEADER
from app.api.policy import Access
from app.api.refusals import CHALLENGE_HEADER, REQUEST_ID_HEADER, RETRY_AFTER_HEADER
from app.api.webhook_tokens import TOKEN_HEADER, TOKEN_QUERY

Json = dict[str, Any]

INTRODUCTION: Final = f"""\
**Authentication.** Send an API key as the header `{API_KEY_HEADER}`, or as `Authorization: Bearer KEY`. Callers that
cannot set a header may put it into the address as `?{API_KEY_QUERY}=KEY`; it is never logged. A session is the cookie
`{SESSION_COOKIE}`, which `POST /api/auth/login` sets; with it every change needs the header `X-CSRF-Token` too.

**Envelope.** A success is `{{"success": true, "data": …, "message": "…"}}`, an error
`{{"success": false, "error": "one sentence"}}`. Invalid input has `details` with the field, 500 and 503 have
`request_id`, which is in the log too. Downloads, metrics and the event stream have no envelope.

**Values.** Times are RFC 3339 in UTC. Names carry their unit, such as `size_bytes`. Stored secrets read as
`"********"`; sending that back, or nothing, keeps them. Unknown fields of a body are refused.
"""
LICENCE: Final[Json] = {"name": "MIT", "identifier": "MIT"}

SECURITY_SCHEMES: Final[Json] = {
    "ApiKeyHeader": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER, "description": "An API key."},
    "ApiKeyBearer": {"type": "http", "scheme": "bearer", "description": "The same API key as a bearer token."},
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

ETAG_HEADER: Final = "ETag"
DISPOSITION_HEADER: Final = "Content-Disposition"
HEADERS: Final[Json] = {
    REQUEST_ID_HEADER: {
        "description": "The id of the request, as sent or a new one; its lines in the log have it too.",
        "schema": {"type": "string"},
    },
    RETRY_AFTER_HEADER: {"description": "Seconds to wait before the next try.", "schema": {"type": "integer"}},
    CHALLENGE_HEADER: {"description": "How to authenticate.", "schema": {"type": "string"}},
    ETAG_HEADER: {
        "description": "Stands for this reply: sent back as `If-None-Match` it gets 304 while nothing changes.",
        "schema": {"type": "string"},
    },
    REPLAY_HEADER: {
        "description": "`true` when this is the stored reply to an earlier request with the same key.",
        "schema": {"type": "string"},
    },
    DISPOSITION_HEADER: {"description": "The name of the file.", "schema": {"type": "string"}},
}

IDEMPOTENCY, IF_NONE_MATCH, CSRF = "IdempotencyKey", "IfNoneMatch", "CsrfToken"
PARAMETERS: Final[dict[str, Json]] = {
    IDEMPOTENCY: {
        "name": IDEMPOTENCY_HEADER,
        "in": "header",
        "required": False,
        "description": "Within 24 h the same key with the same request gets the first reply again, and nothing twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    },
    IF_NONE_MATCH: {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag of the last reply: 304 when nothing has changed since.",
        "schema": {"type": "string"},
    },
    CSRF: {
        "name": "X-CSRF-Token",
        "in": "header",
        "required": False,
        "description": "Only with a session: the token that the log-in, or `GET /api/auth/me`, returned.",
        "schema": {"type": "string"},
    },
}


def parameter_reference(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}

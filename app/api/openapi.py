"""The OpenAPI document: built from the routes, with names and error replies that suit generated clients."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from app.api import document_parts as parts
from app.api import refusals
from app.api.action_schemas import tell_actions_apart
from app.api.idempotency import REPLAY_HEADER
from app.api.policy import Access
from app.api.refusals import REFERENCE, Refusal, Responses, header_references
from app.api.routing import ApiRoute
from app.api.schema_shapes import COMPONENTS, shaped
from app.api.tags import DESCRIPTIONS, Tag
from app.core.schemas import ErrorReply
from app.events.catalogue import any_message

Json = dict[str, Any]

VERSION: Final = "3.1.0"
NO_DESCRIPTION: Final = "Successful Response"
NO_DATA: Final = "Done. `data` is null."
JSON: Final = "application/json"

EVENT_STREAM: Final[Responses] = {
    200: {
        "description": "Each `data:` is one of these as a line of JSON; `event:` is its `type`, `id:` its place.",
        "content": {"text/event-stream": {"schema": {"$ref": f"{COMPONENTS}StreamEvent"}}},
    }
}


def document(app: FastAPI, *, base_url: str = "") -> Json:
    """The whole document; `base_url` is the sub-path that the application is served under."""
    built = get_openapi(
        title=app.title,
        summary=app.summary,
        description=parts.INTRODUCTION,
        version=app.version,
        openapi_version=VERSION,
        routes=app.routes,
        license_info=parts.LICENCE,
        servers=[{"url": base_url or "/", "description": "Where this document comes from."}],
    )
    components = built.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    used = {tag for route, path, method in _operations(app) for tag in _complete(built, route, path, method)}
    built["tags"] = [
        {"name": tag.value, "description": text} for tag, text in DESCRIPTIONS.items() if tag.value in used
    ]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _add_error_reply(schemas)
    if Tag.EVENTS in used:
        _add_events(schemas)
    tell_actions_apart(schemas)
    components |= {
        "securitySchemes": parts.SECURITY_SCHEMES | parts.TOKEN_SCHEMES,
        "headers": parts.HEADERS,
        "parameters": parts.PARAMETERS,
        "responses": refusals.components(_refusals_in(built), {"$ref": f"{COMPONENTS}ErrorReply"}),
    }
    return shaped(built)


def render(built: Json) -> str:
    """The text of the committed file: the same document is the same bytes."""
    return json.dumps(built, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _operations(app: FastAPI) -> Iterator[tuple[ApiRoute, str, str]]:
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, ApiRoute) and route.include_in_schema:
            for method in sorted(context.methods or ()):
                yield route, str(context.path_format), method.lower()


def _complete(built: Json, route: ApiRoute, path: str, method: str) -> list[str]:
    """Add to an operation what follows from its route; its tags."""
    operation = built["paths"][path][method]
    schemas = built["components"]["schemas"]
    operation["security"] = parts.SCHEMES_OF[route.policy.access]
    _add_refusals(operation, route)
    _add_parameters(operation, route, path)
    for status, reply in operation["responses"].items():
        if status.startswith("2"):
            _describe(reply, operation, schemas, is_read=method == "get" and not route.is_change)
            reply["headers"] = header_references(_reply_headers(reply, route)) | reply.get("headers", {})
    _add_example(operation, schemas)
    tags: list[str] = operation["tags"]
    return tags


def _add_refusals(operation: Json, route: ApiRoute) -> None:
    responses, body = operation["responses"], operation.get("requestBody")
    query = {given["name"] for given in operation.get("parameters", ()) if given["in"] == "query"}
    takes_input = body is not None or "parameters" in operation or route.is_idempotent
    if takes_input:
        responses.pop("422", None)
    found = [*_refusals_of_policy(route), refusals.UNREADABLE_HEAD if body is None else refusals.UNREADABLE]
    if body is not None:
        found += [refusals.TOO_LARGE, refusals.NOT_A_FORM if route.policy.upload_bytes else refusals.NOT_JSON]
    if takes_input:
        found.append(refusals.of_input(query, body))
    for refusal in found:
        responses.setdefault(str(refusal.status), {"$ref": REFERENCE + refusal.name})
    for status, reply in responses.items():
        if "$ref" in reply:
            responses[status] = {"$ref": reply["$ref"]}  # FastAPI adds a description to it
    operation["responses"] = dict(sorted(responses.items()))


def _refusals_of_policy(route: ApiRoute) -> list[Refusal]:
    access = route.policy.access
    if access is Access.PUBLIC:
        return [refusals.BROKEN]
    found = [refusals.BROKEN, refusals.UNAVAILABLE]
    if access is Access.HOOK_TOKEN:
        found += [refusals.WRONG_TOKEN, refusals.TOO_MANY_CALLS, refusals.POST_ONLY]
    elif access is Access.SESSION_ONLY:
        found += [refusals.NO_CREDENTIALS, refusals.TOO_MANY_KEYS, refusals.SESSION_NEEDED]
    else:
        found += [refusals.NO_CREDENTIALS, refusals.TOO_MANY_KEYS]
        if access is not Access.READ or route.is_change:
            found.append(refusals.READ_ONLY)
    return [*found, refusals.KEY_REUSED] if route.is_idempotent else found


def _add_parameters(operation: Json, route: ApiRoute, path: str) -> None:
    """Those of the path in its order, then the others, then what the policy adds."""
    names = re.findall(r"{(\w+)}", path)
    own = operation.pop("parameters", [])
    for given in own:
        given["schema"].pop("description", None)  # the parameter itself has it
    own.sort(key=lambda given: names.index(given["name"]) if given["in"] == "path" else len(names))
    by_session = route.is_change and route.policy.access not in (Access.PUBLIC, Access.HOOK_TOKEN)
    added = [
        *([parts.IDEMPOTENCY] if route.is_idempotent else []),
        *([parts.CSRF] if by_session else []),
        *([parts.IF_NONE_MATCH] if route.policy.etag else []),
    ]
    if route.policy.etag:
        operation["responses"]["304"] = {"description": "Nothing has changed."}
    if own or added:
        operation["parameters"] = own + [parts.parameter_reference(name) for name in added]


def _reply_headers(reply: Json, route: ApiRoute) -> list[str]:
    names = [refusals.REQUEST_ID_HEADER]
    if route.policy.etag:
        names.append(parts.ETAG_HEADER)
    if route.is_idempotent:
        names.append(REPLAY_HEADER)
    if any("binary" in str(media) for media in reply.get("content", {}).values()):
        names.append(parts.DISPOSITION_HEADER)
    return names


def _describe(reply: Json, operation: Json, schemas: Json, *, is_read: bool) -> None:
    """In place of FastAPI's own words: what is read, or what the data of the reply is."""
    if reply["description"] != NO_DESCRIPTION:
        return
    data = _schema_of(reply, schemas).get("properties", {}).get("data", {})
    text = _followed(data, schemas).get("description")
    reply["description"] = f"{operation['summary']}." if is_read else text or NO_DATA


def _add_example(operation: Json, schemas: Json) -> None:
    """The example of a body's model, where every tool looks for it."""
    media = operation.get("requestBody", {}).get("content", {}).get(JSON)
    if media is not None:
        schema = media["schema"]
        named = schema if "$ref" in schema else schema.get("anyOf", [{}])[0]
        if examples := _followed(named, schemas).get("examples"):
            media["example"] = examples[0]


def _schema_of(reply: Json, schemas: Json) -> Json:
    return _followed(reply.get("content", {}).get(JSON, {}).get("schema", {}), schemas)


def _followed(schema: Json, schemas: Json) -> Json:
    reference = schema.get("$ref")
    found: Json = schema if reference is None else schemas.get(reference.removeprefix(COMPONENTS), {})
    return found


def _refusals_in(built: Json) -> set[str]:
    replies = (
        reply for path in built["paths"].values() for made in path.values() for reply in made["responses"].values()
    )
    return {reply["$ref"].removeprefix(REFERENCE) for reply in replies if "$ref" in reply}


def _add_error_reply(schemas: Json) -> None:
    schema = ErrorReply.model_json_schema(mode="serialization", ref_template=COMPONENTS + "{model}")
    schemas |= schema.pop("$defs", {})
    schemas["ErrorReply"] = schema


def _add_events(schemas: Json) -> None:
    """The messages of the stream: no route returns them as a model, so FastAPI does not know them."""
    schema = any_message().json_schema(mode="serialization", ref_template=COMPONENTS + "{model}")
    found = schema.pop("$defs")
    if twice := sorted(name for name in found if schemas.get(name, found[name]) != found[name]):
        raise RuntimeError(f"two schemas have the same name: {', '.join(twice)}")
    schemas |= found
    schemas["StreamEvent"] = schema | {"title": "StreamEvent", "description": "A message of the stream, by its `type`."}

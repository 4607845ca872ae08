"""The apps' middleware in their order, then the routes."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.simulator import errors
from tests.simulator.definition import AppDefinition, Handler
from tests.simulator.messages import Json, Reply, Request, json_reply

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_CACHE = [("Cache-Control", "no-cache, no-store"), ("Expires", "-1"), ("Pragma", "no-cache")]
_PING_CACHE = [("Cache-Control", "max-age=31536000, public")]
_ERROR_CACHE = [("Cache-Control", "no-cache,no-store"), ("Pragma", "no-cache"), ("Expires", "-1")]
_PAGE = b"<!doctype html><html><head><title>%s</title></head><body><div id='root'></div></body></html>"
_ACCEPTED = ("application/json", "*/*", "application/*")


def answer(app: "SimApp", request: Request) -> Reply:
    """Run one request through middleware and routes, and add the headers that the app adds."""
    is_api = request.path.lower() == "/api" or request.path.lower().startswith("/api/")
    try:
        reply = _pass(app, request, is_api)
    except errors.ApiFault as fault:
        reply = fault.reply
        if reply.status == 400 and not reply.by_error_handler:
            reply.media = app.definition.binding_media
    if reply.status == 401:
        return reply
    origin = [("Access-Control-Allow-Origin", "*")] if is_api and "origin" in request.headers else []
    version = [("X-Application-Version", app.version)] if is_api and not reply.by_error_handler else []
    cache = [] if reply.bare else _ERROR_CACHE if reply.by_error_handler else _CACHE
    if request.path.lower().rstrip("/") == "/ping" and not reply.bare:
        cache = _PING_CACHE
    reply.headers = [*reply.headers, *origin, *version, *cache]
    return reply


def _pass(app: "SimApp", request: Request, is_api: bool) -> Reply:
    if is_api and request.method == "OPTIONS" and "access-control-request-method" in request.headers:
        return _preflight(request)
    if is_api and _key_of(request) != app.settings.api_key:
        return Reply(401, bare=True)  # before the url base redirect and before the 503
    if app.url_base and not request.has_base:
        query = f"?{request.query_text}" if request.query_text else ""
        location = f"{app.url_base}{request.raw_path or request.path}{query}"
        return Reply(app.definition.base_redirect, headers=[("Location", location)], bare=True)
    if app.clock.timestamp() < app.starting_until:
        return starting(app.definition, is_api)
    if request.path.lower().rstrip("/") == "/ping":
        return _ping(app.definition, request)
    return _api(app, request) if is_api else _static(app, request)


def starting(definition: AppDefinition, is_api: bool) -> Reply:
    text = f"{definition.app_name} is starting up, please try again later"
    if is_api:
        reply = json_reply({"errorMessage": text}, 503)
        reply.bare = True
        return reply
    return Reply(503, text.encode(), "text/plain", bare=True)


def _key_of(request: Request) -> str | None:
    """The key of the request: the first place that has one decides, even if that key is wrong."""
    if (key := request.first("apikey")) is not None:
        return key
    if (key := request.headers.get("x-api-key")) is not None:
        return key
    header = request.headers.get("authorization")
    return None if header is None else header.replace("Bearer ", "")


def _preflight(request: Request) -> Reply:
    headers = [("Access-Control-Allow-Methods", request.headers["access-control-request-method"])]
    if "access-control-request-headers" in request.headers:
        headers.append(("Access-Control-Allow-Headers", request.headers["access-control-request-headers"]))
    return Reply(204, headers=headers, bare=True)


def _ping(definition: AppDefinition, request: Request) -> Reply:
    if request.method == "HEAD" and definition.head_ping:
        return Reply(200, media="application/json; charset=utf-8")
    if request.method != "GET":
        return _wrong_method(["GET", "HEAD"] if definition.head_ping else ["GET"])
    return json_reply({"status": "OK"})


def _api(app: "SimApp", request: Request) -> Reply:
    path = request.path.strip("/").lower()
    if path == "api":
        request.route = "api"
        return json_reply(dict(app.definition.api_index)) if request.method == "GET" else _wrong_method(["GET"])
    prefix = app.definition.prefix + "/"
    if not path.startswith(prefix):
        return Reply(404)
    methods = _find(app.definition, request, path.removeprefix(prefix))
    if methods is None:
        return Reply(404)
    handler = methods.get(request.method)
    if handler is None:
        return _wrong_method(list(methods))
    if _reads_body(request) and _media(request) != "application/json":
        raise errors.problem(415)
    if not _accepts(request.headers.get("accept", "")):
        return Reply(406)
    return handler(app, request)


def _reads_body(request: Request) -> bool:
    """Actions on one id (queue/grab/5, history/failed/5) take no body."""
    return bool(request.body) or request.method == "PUT" or (request.method == "POST" and not request.path_id)


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _wrong_method(allowed: list[str]) -> Reply:
    return Reply(405, headers=[("Allow", ", ".join(sorted(allowed)))])


def _find(definition: AppDefinition, request: Request, path: str) -> dict[str, Handler] | None:
    """Exact routes first, then those that end in a whole number; anything else is unknown."""
    table = definition.route_table
    request.route = path
    if path in table:
        return table[path]
    head, _, tail = path.rpartition("/")
    if tail.lstrip("-").isdigit() and f"{head}/{{id}}" in table:
        request.path_id = int(tail)
        request.route = f"{head}/{{id}}"
        return table[request.route]
    return None


def _accepts(header: str) -> bool:
    """Whether the header allows JSON; else the reply is 406."""
    if not header:
        return True
    return any(part.split(";")[0].strip().lower() in _ACCEPTED for part in header.split(","))


def _static(app: "SimApp", request: Request) -> Reply:
    """The web interface: every path outside the API is the page or the login."""
    path = request.path.lower()
    if "%5c" in request.raw_path.lower() or "%2f" in request.raw_path.lower():
        return Reply(404)
    if request.method not in ("GET", "HEAD"):
        return Reply(404)
    if path == "/content/styles.css":
        return Reply(200, b"body{}", "text/css")
    page = Reply(200, _PAGE % app.definition.app_name.encode(), "text/html; charset=utf-8")
    if path == "/login":
        return page
    if app.settings.authentication == "forms":
        # A script is told by the status; on .NET 10 a page of eros is, too.
        asks = "x-requested-with" in request.headers
        origin = f"http://{request.headers.get('host', 'localhost')}{app.url_base}"
        location = f"{origin}/login?returnUrl={quote(request.path, safe='')}"
        return Reply(401 if asks else app.definition.login_status, headers=[("Location", location)], bare=True)
    if app.settings.authentication == "basic":
        challenge = ("WWW-Authenticate", f'Basic realm="{app.definition.app_name}"')
        return Reply(401, headers=[challenge], bare=True)
    if path == "/initialize.json":
        return json_reply(_initialize(app))
    return Reply(404) if "." in path.rpartition("/")[2] or path.startswith("/feed/") else page


def _initialize(app: "SimApp") -> Json:
    """The start data of the web interface, with the key when there is no login."""
    return {
        "apiRoot": f"{app.url_base}/{app.definition.prefix}",
        "apiKey": app.settings.api_key,
        "release": f"{app.version}-main",
        "version": app.version,
        "instanceName": app.settings.instance_name or app.definition.app_name,
        "theme": "auto",
        "branch": "main",
        "analytics": False,
        "userHash": "0",
        "urlBase": app.url_base,
        "isProduction": True,
    }

"""Test of a connection: whether the right app answers at a URL, and if not, what to do about it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp
from app.arr.identify import variant_of
from app.arr.models import AppDatabase, AppStatus, AppType, Connection, Variant
from app.arr.registry import REGISTRY
from app.arr.resources import read_status
from app.http.bodies import MAX_SMALL_BYTES
from app.http.messages import origin_of

PREFIXES = ("/api/v3", "/api/v1")  # of all *arr apps
ARR_NAMES = frozenset({"Sonarr", "Radarr", "Lidarr", "Readarr", "Whisparr", "Prowlarr"})

_PROBE_CODES = {
    ErrorCode.REFUSED: ErrorCode.BAD_RESPONSE,
    ErrorCode.RATE_LIMITED: ErrorCode.BAD_RESPONSE,
    ErrorCode.SERVER_ERROR: ErrorCode.BAD_RESPONSE,
    ErrorCode.CONFLICT: ErrorCode.BAD_RESPONSE,
    ErrorCode.NOT_FOUND: ErrorCode.NOT_AN_ARR,
}


@dataclass(frozen=True, slots=True)
class Probe:
    """Result of a test. `error_code` is one of those down to `blocked_address`, `error` is a sentence."""

    ok: bool
    app_name: str | None = None
    version: str | None = None
    database: AppDatabase | None = None
    latency_ms: int | None = None
    error_code: ErrorCode | None = None
    error: str | None = None
    variant: Variant | None = None


async def probe(
    http: ArrHttp, app_type: AppType, connection: Connection, *, timer: Callable[[], float] = time.monotonic
) -> Probe:
    """Ask for the status and the variant, each once; never raises `ArrError`."""
    prefix = REGISTRY[app_type].prefix
    started = timer()
    try:
        status = await _status(http, connection, prefix)
    except ArrError as failure:
        return await _failed(http, app_type, connection, failure)
    found = replace(_judge(app_type, status), latency_ms=round((timer() - started) * 1000))
    if not found.ok:
        return found
    try:
        return replace(found, variant=await variant_of(http, app_type, connection, status.version, tries=1))
    except ArrError as failure:
        return _reported(app_type, connection, failure)


async def _status(http: ArrHttp, connection: Connection, prefix: str) -> AppStatus:
    reply = await http.send(connection, "GET", f"{prefix}/system/status", tries=1, limit=MAX_SMALL_BYTES)
    try:
        return read_status(reply)
    except ArrError as failure:
        sentence = f"What answers at {origin_of(connection.url)} does not say which app it is: check host and port."
        raise ArrError(ErrorCode.NOT_AN_ARR, sentence, may_have_reached=True) from failure


def _judge(app_type: AppType, status: AppStatus) -> Probe:
    wanted = REGISTRY[app_type].label
    found = Probe(ok=True, app_name=status.app_name, version=status.version, database=status.database)
    if status.app_name == wanted:
        return found
    if status.app_name not in ARR_NAMES:
        sentence = f"This calls itself {status.app_name[:60]}, which is not {wanted}: check the URL."
        return replace(found, ok=False, error_code=ErrorCode.NOT_AN_ARR, error=sentence)
    instead = next(
        (f" or add it as {spec.app_type}" for spec in REGISTRY.values() if spec.label == status.app_name), ""
    )
    sentence = f"This is {status.app_name}, not {wanted}: check the URL{instead}."
    return replace(found, ok=False, error_code=ErrorCode.WRONG_APP, error=sentence)


async def _failed(http: ArrHttp, app_type: AppType, connection: Connection, failure: ArrError) -> Probe:
    """The failure's own sentence, or a better one after a second request."""
    better: Probe | None = None
    if failure.code is ErrorCode.NOT_FOUND:
        better = await _under_another_prefix(http, app_type, connection)
    elif failure.code is ErrorCode.UNREACHABLE and failure.may_have_reached:
        better = await _behind_tls(http, connection)
    return better or _reported(app_type, connection, failure)


def _reported(app_type: AppType, connection: Connection, failure: ArrError) -> Probe:
    code, sentence = _PROBE_CODES.get(failure.code, failure.code), failure.message
    wanted = REGISTRY[app_type].label
    base = urlsplit(connection.url).path
    if failure.code is ErrorCode.NOT_FOUND and base:
        code = ErrorCode.WRONG_BASE_URL
        sentence = f"{wanted} has no API under the URL base {base[:120]}: check the end of the URL."
    elif failure.code is ErrorCode.NOT_FOUND:
        sentence = f"What answers at {origin_of(connection.url)} has no API of {wanted}: check host and port."
    return Probe(ok=False, error_code=code, error=sentence)


async def _under_another_prefix(http: ArrHttp, app_type: AppType, connection: Connection) -> Probe | None:
    """A 404 may come from another *arr app, whose API has another version."""
    for prefix in PREFIXES:
        if prefix == REGISTRY[app_type].prefix:
            continue
        try:
            return _judge(app_type, await _status(http, connection, prefix))
        except ArrError:
            continue
    return None


async def _behind_tls(http: ArrHttp, connection: Connection) -> Probe | None:
    """Try TLS: a server that speaks it may cut a plain request off without a reply."""
    if not connection.url.startswith("http://"):
        return None
    # The certificate does not matter: the key was just sent to the same port unencrypted.
    over_tls = replace(connection, url="https://" + connection.url.removeprefix("http://"), verify_tls=False)
    try:
        await http.send(over_tls, "GET", f"{PREFIXES[0]}/system/status", tries=1)
    except ArrError as failure:
        if failure.http_status is None:
            return None
    sentence = f"The port of {origin_of(connection.url)} speaks TLS: write https:// in the URL."
    return Probe(ok=False, error_code=ErrorCode.TLS, error=sentence)

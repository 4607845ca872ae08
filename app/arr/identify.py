"""Which app and variant answers at a URL: by the name in its status, and by the paths that it has."""

import logging
from dataclasses import dataclass, replace

from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp
from app.arr.models import AppStatus, AppType, Connection, Variant
from app.arr.registry import REGISTRY
from app.arr.resources import read_status
from app.http.bodies import MAX_SMALL_BYTES
from app.http.client import TRIES

log = logging.getLogger(__name__)

ONE_ROW = {"page": 1, "pageSize": 1}  # paths that do not page ignore it


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered at an address when it was last asked."""

    version: str
    variant: Variant | None


async def identify(http: ArrHttp, app_type: AppType, connection: Connection, last: Identity | None = None) -> AppStatus:
    """`system/status` with the variant; raises `WRONG_APP` when another app answers.

    An app of the version that it had when it was `last` asked is of the same variant.
    """
    spec = REGISTRY[app_type]
    status = read_status(await http.send(connection, "GET", f"{spec.prefix}/system/status", limit=MAX_SMALL_BYTES))
    if status.app_name != spec.label:
        sentence = f"This is {status.app_name}, not {spec.label}: check the URL."
        raise ArrError(ErrorCode.WRONG_APP, sentence, may_have_reached=False)
    if last is not None and last.version == status.version:
        return replace(status, variant=last.variant)
    return replace(status, variant=await variant_of(http, app_type, connection, status.version))


async def variant_of(
    http: ArrHttp, app_type: AppType, connection: Connection, version: str, *, tries: int = TRIES
) -> Variant | None:
    """The variant, `None` for apps without variants. Versions do not decide, as there are private builds."""
    spec = REGISTRY[app_type]
    if not spec.variants:
        return None
    seen: dict[str, bool] = {}
    for variant, client in spec.clients.items():
        for path, expected in client.variant_paths.items():
            if path not in seen:
                seen[path] = await _has(http, connection, f"{spec.prefix}/{path}", tries)
            if seen[path] is not expected:
                break
        else:
            if variant is not None and version.split(".")[0] not in (variant.label[1:], "10"):
                log.warning("version and variant differ", extra={"version": version, "variant": str(variant)})
            return variant
    sentence = f"This is no {spec.label} that Huntarr knows: check its version."
    raise ArrError(ErrorCode.WRONG_APP, sentence, may_have_reached=False)


async def _has(http: ArrHttp, connection: Connection, path: str, tries: int) -> bool:
    """Whether the app has `path`; a 400 comes from one that it has."""
    try:
        await http.send(connection, "GET", path, params=ONE_ROW, tries=tries, limit=MAX_SMALL_BYTES)
    except ArrError as failure:
        if failure.http_status == 400:
            return True
        if failure.code is ErrorCode.NOT_FOUND:
            return False
        raise
    return True

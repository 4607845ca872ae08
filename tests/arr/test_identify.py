"""Identification of an app by its name, and of its variant by its paths."""

from typing import Any

import httpx
import pytest

from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp
from app.arr.identify import Identity, identify
from app.arr.models import AppDatabase, AppStatus, AppType, Connection, Variant
from app.arr.probe import probe
from tests.arr.scripted_app import JSON, ScriptedApp, path_of

pytestmark = pytest.mark.asyncio

CONNECTION = Connection("http://app.test", "key")
V2, V3, LISTLESS = Variant.V2, Variant.V3, Variant.V3_LISTLESS
HAS = {V2: {"episode": 400, "wanted/missing": 200}, V3: {"wanted/missing": 200}, LISTLESS: {"movie": 200}}


def plays(app: ScriptedApp, name: str, version: str, statuses: dict[str, int]) -> None:
    status: dict[str, Any] = {"appName": name, "version": version, "databaseType": "sqLite"}

    def answer(request: httpx.Request) -> httpx.Response:
        if path_of(request) == "system/status":
            return httpx.Response(200, json=status, headers=JSON)
        found = statuses.get(path_of(request), 404)
        return httpx.Response(found, json={}, headers=JSON) if found == 200 else httpx.Response(found)

    app.answer = answer


@pytest.mark.parametrize(
    ("version", "variant", "requests"),
    [
        ("2.0.0.548", V2, 2),
        ("3.2.0.45", V3, 3),
        ("3.0.0.695", LISTLESS, 3),
        ("10.0.0.1", V2, 2),  # somebody's own build
        ("10.0.0.1", V3, 3),
        ("10.0.0.1", LISTLESS, 3),
        ("2.0.0.548", V3, 3),  # the proof wins
        ("3.0.0.695", V2, 2),
        ("odd", LISTLESS, 3),
    ],
)
async def test_the_variants(app: ScriptedApp, app_http: ArrHttp, version: str, variant: Variant, requests: int) -> None:
    plays(app, "Whisparr", version, HAS[variant])
    status = await identify(app_http, AppType.WHISPARR, CONNECTION)
    assert status == AppStatus("Whisparr", version, AppDatabase.SQLITE, "", variant)
    assert len(app.requests) == requests
    found = await probe(app_http, AppType.WHISPARR, CONNECTION)
    assert (found.ok, found.variant, found.version) == (True, variant, version)


async def test_the_variant_is_looked_for_again_when_the_version_changed(app: ScriptedApp, app_http: ArrHttp) -> None:
    plays(app, "Whisparr", "3.2.0.45", HAS[V3])
    same = await identify(app_http, AppType.WHISPARR, CONNECTION, Identity("3.2.0.45", V3))
    assert (same.variant, app.paths) == (V3, ["system/status"])
    other = await identify(app_http, AppType.WHISPARR, CONNECTION, Identity("2.0.0.548", V2))
    assert (other.variant, len(app.requests)) == (V3, 4)


async def test_an_app_without_variants_is_asked_once(app: ScriptedApp, app_http: ArrHttp) -> None:
    plays(app, "Sonarr", "4.0.0.1", {})
    assert (await identify(app_http, AppType.SONARR, CONNECTION)).variant is None
    assert (await probe(app_http, AppType.SONARR, CONNECTION)).variant is None
    assert app.paths == ["system/status"] * 2


async def test_another_app(app: ScriptedApp, app_http: ArrHttp) -> None:
    plays(app, "Sonarr", "4.0.0.1", {})
    with pytest.raises(ArrError) as caught:
        await identify(app_http, AppType.WHISPARR, CONNECTION)
    assert (caught.value.code, caught.value.message) == (
        ErrorCode.WRONG_APP,
        "This is Sonarr, not Whisparr: check the URL.",
    )
    assert app.paths == ["system/status"]


@pytest.mark.parametrize(
    ("failing", "status", "code"),
    [
        ("episode", 401, ErrorCode.UNAUTHORIZED),
        ("episode", 500, ErrorCode.SERVER_ERROR),
        ("episode", 405, ErrorCode.REFUSED),
        ("wanted/missing", 502, ErrorCode.SERVER_ERROR),
    ],
)
async def test_a_path_that_cannot_be_checked_identifies_no_variant(
    app: ScriptedApp, app_http: ArrHttp, failing: str, status: int, code: ErrorCode
) -> None:
    plays(app, "Whisparr", "3.0.0.1", {failing: status})
    with pytest.raises(ArrError) as caught:
        await identify(app_http, AppType.WHISPARR, CONNECTION)
    assert caught.value.code is code
    found = await probe(app_http, AppType.WHISPARR, CONNECTION)
    assert (found.ok, found.variant) == (False, None)
    assert found.error_code in (ErrorCode.UNAUTHORIZED, ErrorCode.BAD_RESPONSE)

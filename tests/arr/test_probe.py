"""The connection test over real sockets: every reason why a URL is not the app."""

from pathlib import Path

import pytest

from app.arr.errors import ErrorCode
from app.arr.http import ArrHttp
from app.arr.models import AppDatabase, AppType, Connection
from app.arr.probe import Probe, probe
from tests.arr.conftest import KEY, at
from tests.http.recorder import Recorder
from tests.http.servers import Answer, answer, never_answer, replying, self_signed, serve

pytestmark = pytest.mark.asyncio

WORDS = {
    *("unreachable", "timeout", "tls", "unauthorized", "wrong_app", "wrong_base_url", "not_an_arr"),
    *("login_in_front", "starting", "bad_response", "blocked_address"),
}


def status_of(name: str) -> bytes:
    return answer(f'{{"appName":"{name}","version":"4.0.1.2","databaseType":"sqLite"}}'.encode())


async def probed(http: ArrHttp, server: Answer, base: str = "") -> Probe:
    async with serve(server) as port:
        return await probe(
            http, AppType.SONARR, at(port, base, timeout_seconds=0.3), timer=iter([1.0, 1.0421]).__next__
        )


async def test_the_right_app(http: ArrHttp, recorder: Recorder) -> None:
    found = await probed(http, replying(status_of("Sonarr")), "/tv")
    assert found == Probe(True, "Sonarr", "4.0.1.2", AppDatabase.SQLITE, latency_ms=42)
    assert [request[1] for request in recorder.requests] == ["/api/v3/system/status"]


HTML = answer(b"<html>", kind="text/html")
REDIRECT = answer(b"", status="307 Temporary Redirect", extra="Location: /sonarr/api/v3/system/status\r\n")
LOGIN = answer(b"", status="302 Found", extra="Location: /login?returnUrl=/\r\n")
STARTING = answer(b'{"errorMessage":"Sonarr is starting up, please try again later"}', status="503 Unavailable")
FAILED = answer(b'{"message":"database disk image is malformed","description":"at System.X"}', status="500 Error")


@pytest.mark.parametrize(
    ("server", "base", "code", "sentence"),
    [
        (
            replying(status_of("Radarr")),
            "",
            "wrong_app",
            "This is Radarr, not Sonarr: check the URL or add it as radarr.",
        ),
        (
            replying(status_of("Prowlarr")),
            "",
            "wrong_app",
            "This is Prowlarr, not Sonarr: check the URL or add it as prowlarr.",
        ),
        (replying(status_of("Jellyfin")), "", "not_an_arr", "calls itself Jellyfin"),
        (replying(answer(b'{"status":"ok"}')), "", "not_an_arr", "does not say which app it is"),
        (replying(answer(b"[]")), "", "not_an_arr", "does not say which app it is"),
        (replying(HTML), "", "not_an_arr", "answers with a web page"),
        (replying(HTML), "/tv", "wrong_base_url", "under the URL base /tv"),
        (replying(LOGIN), "", "login_in_front", "redirects to /login"),
        (replying(LOGIN), "/tv", "wrong_base_url", "under the URL base /tv, so its API is not there"),
        (replying(REDIRECT), "", "wrong_base_url", "The app uses the URL base /sonarr: add it to the URL."),
        (replying(answer(b"", status="404 Not Found")), "", "not_an_arr", "has no API of Sonarr"),
        (replying(answer(b"", status="404 Not Found")), "/tv", "wrong_base_url", "no API under the URL base /tv"),
        (replying(answer(b"", status="401 Unauthorized")), "", "unauthorized", "refused the API key"),
        (replying(answer(b"", status="403 Forbidden")), "", "unauthorized", "refused the API key"),
        (replying(STARTING), "", "starting", "starting up"),
        (replying(FAILED), "", "bad_response", "database disk image is malformed"),
        (replying(answer(b"", status="429 Too Many")), "", "bad_response", "fewer requests"),
        (replying(answer(b"", status="502 Bad Gateway")), "", "bad_response", "failed (502)"),
        (replying(answer(b"{")), "", "bad_response", "no valid JSON"),
        (replying(b"SSH-2.0\r\n\r\n"), "", "bad_response", "does not speak HTTP"),
        (never_answer, "", "timeout", "did not answer within 0.3 s"),
    ],
)
async def test_what_is_wrong_and_what_to_do(http: ArrHttp, server: Answer, base: str, code: str, sentence: str) -> None:
    found = await probed(http, server, base)
    assert not found.ok
    assert found.error_code == code
    assert code in WORDS
    assert sentence in (found.error or "")
    assert KEY not in (found.error or "")


async def test_an_app_with_another_api_number_is_named(http: ArrHttp) -> None:
    found = await probed(http, replying(answer(b"", status="404 Not Found"), status_of("Lidarr")))
    assert (found.error_code, found.app_name) == (ErrorCode.WRONG_APP, "Lidarr")


async def test_nothing_listens(http: ArrHttp) -> None:
    async with serve(never_answer) as port:
        pass
    found = await probe(http, AppType.RADARR, at(port))
    assert found.error_code is ErrorCode.UNREACHABLE
    assert "Nothing listens" in (found.error or "")


async def test_the_address_is_blocked(http: ArrHttp) -> None:
    found = await probe(http, AppType.RADARR, Connection("http://[::ffff:169.254.169.254]", KEY))
    assert found.error_code is ErrorCode.BLOCKED_ADDRESS


@pytest.mark.parametrize(("scheme", "sentence"), [("https", "turn off verification"), ("http", "write https://")])
async def test_tls_that_does_not_fit(http: ArrHttp, tmp_path: Path, scheme: str, sentence: str) -> None:
    """A TLS port cuts plain HTTP off without a reply; the probe tries again with TLS."""
    server, _ = self_signed(tmp_path, "127.0.0.1")
    async with serve(replying(status_of("Sonarr")), tls=server) as port, ArrHttp("1") as app_http:
        found = await probe(app_http, AppType.SONARR, at(port, scheme=scheme))
    assert found.error_code is ErrorCode.TLS
    assert sentence in (found.error or "")

"""Requests to the apps: what is sent, what is tried again, and whether a failed request may have arrived."""

import asyncio
import gzip
from datetime import timedelta

import httpx
import pytest
import respx

from app.arr.errors import ArrError, ArrTimeout, BadReply, ErrorCode, WrongBaseUrl
from app.arr.http import ArrHttp
from app.arr.models import Connection
from app.http.messages import Method
from tests.arr.conftest import KEY
from tests.http.recorder import Recorder

pytestmark = pytest.mark.asyncio

APP = Connection(url="http://sonarr.test:8989/tv", api_key=KEY)
URL = "http://sonarr.test:8989/tv/api/v3/queue"
WRITES: list[Method] = ["POST", "PUT", "DELETE"]
STACK = "System.InvalidOperationException: at NzbDrone.Core.Secret()"


async def failing(http: ArrHttp, method: Method = "GET", connection: Connection = APP) -> ArrError:
    with pytest.raises(ArrError) as caught:
        await http.send(connection, method, "/api/v3/queue")
    assert KEY not in str(caught.value)
    assert "NzbDrone" not in str(caught.value)
    assert len(caught.value.message) < 480
    assert caught.value.message.endswith(".")
    return caught.value


@respx.mock
async def test_headers_and_query_of_a_request(http: ArrHttp, recorder: Recorder) -> None:
    route = respx.get(URL).respond(json={"ok": [1, None, True]})
    reply = await http.send(APP, "GET", "/api/v3/queue", params={"page": 1, "ids": [3, 4], "flag": True})
    assert reply == {"ok": [1, None, True]}
    sent = route.calls.last.request
    assert sent.url.query == b"page=1&ids=3&ids=4&flag=true"
    assert sent.headers["x-api-key"] == KEY
    assert sent.headers["user-agent"] == "Huntarr/1.2.3"
    assert sent.headers["accept"] == "application/json"
    assert sent.headers["accept-encoding"] == "gzip"  # trial 94: what the apps make of brotli is larger
    assert recorder.requests == [("GET", "/api/v3/queue", 200, len(b'{"ok":[1,null,true]}'))]


@respx.mock
async def test_a_write_carries_json_and_may_be_answered_with_nothing(http: ArrHttp) -> None:
    route = respx.post(URL).respond(201, json={"id": 1})
    assert await http.send(APP, "POST", "/api/v3/queue", json={"name": "X"}) == {"id": 1}
    assert route.calls.last.request.headers["content-type"] == "application/json"
    assert route.calls.last.request.content == b'{"name":"X"}'
    respx.delete(URL).mock(side_effect=[httpx.Response(200), httpx.Response(204), httpx.Response(200, json={})])
    assert [await http.send(APP, "DELETE", "/api/v3/queue") for _ in range(3)] == [None, None, {}]


TRANSIENT = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("busy"),
    httpx.ReadError("cut"),
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("Server disconnected without sending a response."),
    httpx.Response(500),
    httpx.Response(502, html="<h1>Bad gateway</h1>"),
    httpx.Response(503),
    httpx.Response(504),
]


@respx.mock
@pytest.mark.parametrize("trouble", TRANSIENT, ids=repr)
async def test_a_read_is_tried_three_times_after_transient_failures(
    http: ArrHttp, recorder: Recorder, trouble: Exception | httpx.Response
) -> None:
    route = respx.get(URL).mock(side_effect=[trouble, trouble, httpx.Response(200, json=[])])
    assert await http.send(APP, "GET", "/api/v3/queue") == []
    assert recorder.waits == [0.5, 1.0]
    route.mock(side_effect=[trouble] * 3)
    failure = await failing(http)
    assert failure.transient
    assert route.call_count == 3 + 3


LASTING = [
    (httpx.Response(400, json=[{"errorMessage": "No."}]), ErrorCode.REFUSED),
    (httpx.Response(401), ErrorCode.UNAUTHORIZED),
    (httpx.Response(403), ErrorCode.UNAUTHORIZED),
    (httpx.Response(404), ErrorCode.NOT_FOUND),
    (httpx.Response(409, json={"message": "Unable to cancel task"}), ErrorCode.CONFLICT),
    (httpx.Response(429), ErrorCode.RATE_LIMITED),
    (httpx.Response(503, json={"errorMessage": "Sonarr is starting up, please try again later"}), ErrorCode.STARTING),
    (httpx.Response(505), ErrorCode.SERVER_ERROR),
    (httpx.Response(200, html="<html>"), ErrorCode.WRONG_BASE_URL),
    (httpx.Response(200, text="{", headers={"content-type": "application/json"}), ErrorCode.BAD_RESPONSE),
    (httpx.Response(200, text="", headers={"content-type": "application/json"}), ErrorCode.BAD_RESPONSE),
    (httpx.Response(200), ErrorCode.WRONG_BASE_URL),
]


@respx.mock
@pytest.mark.parametrize(("answer", "code"), LASTING)
async def test_a_lasting_failure_is_not_tried_again(http: ArrHttp, answer: httpx.Response, code: ErrorCode) -> None:
    route = respx.get(URL).mock(return_value=answer)
    failure = await failing(http)
    assert (failure.code, failure.http_status, failure.transient) == (code, answer.status_code, False)
    assert route.call_count == 1


@respx.mock
@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("trouble", TRANSIENT[:3], ids=repr)
async def test_a_write_is_tried_again_only_before_a_byte_left(
    http: ArrHttp, recorder: Recorder, method: Method, trouble: Exception
) -> None:
    route = respx.route(method=method, url=URL).mock(side_effect=[trouble, httpx.Response(200, json={})])
    assert await http.send(APP, method, "/api/v3/queue") == {}
    assert route.call_count == 2
    route.mock(side_effect=[trouble] * 9)
    assert (await failing(http, method)).may_have_reached is False


@respx.mock
@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(
    ("trouble", "reached"),
    [
        (httpx.ReadError("cut"), True),
        (httpx.ReadTimeout("slow"), True),
        (httpx.WriteError("cut"), True),
        (httpx.WriteTimeout("slow"), True),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), True),
        (httpx.RemoteProtocolError("illegal status line"), True),
        (httpx.Response(500), True),
        (httpx.Response(500, html="<h1>no app said this</h1>"), True),
        (httpx.Response(500, json={"message": "database is locked", "description": STACK}), False),
        (httpx.Response(502), True),
        (httpx.Response(503), True),
        (httpx.Response(504), True),
        (httpx.Response(503, json={"errorMessage": "Sonarr is starting up"}), False),
        (httpx.Response(400, json={"message": "BadRequest"}), False),
        (httpx.Response(401), False),
        (httpx.Response(404), False),
        (httpx.Response(429), False),
        (httpx.Response(307, headers={"location": "/other/tv/api/v3/queue"}), False),
        (httpx.Response(201, html="<html>"), True),
        (httpx.Response(201, text="{", headers={"content-type": "application/json"}), True),
    ],
)
async def test_a_write_is_never_repeated_once_it_left_and_says_whether_it_may_have_arrived(
    http: ArrHttp, recorder: Recorder, method: Method, trouble: Exception | httpx.Response, *, reached: bool
) -> None:
    route = respx.route(method=method, url=URL).mock(side_effect=[trouble] * 3)
    assert (await failing(http, method)).may_have_reached is reached
    assert route.call_count == 1
    assert recorder.waits == []


@respx.mock
@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        ("999999999999999999999", timedelta(hours=24)),
        ("9" * 5000, timedelta(hours=24)),
        ("Mon, 23 Nov 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Mon, 23 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=24)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
async def test_retry_after_is_read_and_bounded(http: ArrHttp, value: str, wait: timedelta | None) -> None:
    respx.get(URL).respond(429, headers={"retry-after": value})
    assert (await failing(http)).retry_after == wait


@respx.mock
@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            [{"errorMessage": "Name is empty.", "attemptedValue": STACK}, {"errorMessage": "Bad id."}],
            "Name is empty. Bad id.",
        ),
        ({"message": "BadRequest: no ids", "description": STACK}, "BadRequest: no ids"),
        ({"type": "x", "title": "Validation failed", "status": 400, "traceId": "t"}, "Validation failed"),
        ({"message": f"key {KEY} refused"}, "key … refused"),
        ({"message": "two\nlines\x00\x1b[31m"}, "two lines [31m"),
        ({"message": 5, "description": STACK}, "(400)."),
        ([1, None], "(400)."),
        ("text", "(400)."),
    ],
)
async def test_an_error_shows_the_apps_own_sentence_and_nothing_else(http: ArrHttp, body: object, shown: str) -> None:
    respx.get(URL).respond(400, json=body)
    with pytest.raises(ArrError) as caught:
        await http.send(APP, "GET", "/api/v3/queue")
    assert shown in caught.value.message
    assert "NzbDrone" not in caught.value.message
    assert KEY not in caught.value.message


@respx.mock
async def test_a_long_error_is_cut(http: ArrHttp) -> None:
    respx.get(URL).respond(400, json={"message": "x" * 100_000})
    with pytest.raises(ArrError) as caught:
        await http.send(APP, "GET", "/api/v3/queue")
    assert len(caught.value.message) < 400


@respx.mock
@pytest.mark.parametrize(
    ("location", "base", "sentence"),
    [
        ("/shows/tv/api/v3/queue?page=1", "/shows", "add it to the URL instead of /tv"),
        ("http://sonarr.test:8989/shows/tv/api/v3/queue", "/shows", "add it to the URL instead of /tv"),
        ("https://sonarr.test/tv/api/v3/queue", "", "redirects to https://sonarr.test/tv"),
        ("//evil.test/tv/api/v3/queue", "", "redirects to http://evil.test/tv"),
    ],
)
async def test_a_redirect_is_never_followed_but_names_the_right_url(
    http: ArrHttp, location: str, base: str, sentence: str
) -> None:
    respx.get(URL).respond(307, headers={"location": location})
    failure = await failing(http)
    assert isinstance(failure, WrongBaseUrl)
    assert (failure.base, failure.may_have_reached) == (base, False)
    assert sentence in failure.message
    assert len(respx.calls) == 1


@respx.mock
@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("/tv/login?returnUrl=x", ErrorCode.LOGIN_IN_FRONT),
        ("/login?returnUrl=x", ErrorCode.WRONG_BASE_URL),
        ("/shows/login?returnUrl=%2Ftv", ErrorCode.WRONG_BASE_URL),
        ("/tv/", ErrorCode.WRONG_BASE_URL),
        ("https://login.example/?rd=http%3A%2F%2Fsonarr.test%2Ftv%2Fapi%2Fv3%2Fqueue", ErrorCode.LOGIN_IN_FRONT),
        ("/oauth2/start?rd=%2Ftv", ErrorCode.LOGIN_IN_FRONT),
        ("", ErrorCode.WRONG_BASE_URL),
        ("/tv/api/v3/queue", ErrorCode.BAD_RESPONSE),
    ],
)
async def test_other_redirects_end_there_too(http: ArrHttp, location: str, code: ErrorCode) -> None:
    respx.get(URL).respond(302, headers={"location": location})
    assert (await failing(http)).code is code
    assert len(respx.calls) == 1


@respx.mock
@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (httpx.Response(401, headers={"www-authenticate": 'Basic realm="Restricted"'}), "answers 401"),
        (httpx.Response(401, html="<h1>Log in</h1>"), "answers 401"),
        (httpx.Response(403, html="<h1>Just a moment...</h1>", headers={"server": "cloudflare"}), "answers 403"),
        (httpx.Response(403, headers={"cf-mitigated": "challenge"}), "challenge of Cloudflare"),
        (httpx.Response(503, html="<h1>One moment</h1>", headers={"cf-mitigated": "challenge"}), "of Cloudflare"),
        (httpx.Response(407, headers={"proxy-authenticate": "Basic"}, text="no"), "answers 407"),
        (httpx.Response(302, headers={"location": "https://auth.test/?rd=https%3A%2F%2Fsonarr.test"}), "to auth.test"),
        (httpx.Response(302, headers={"location": "/outpost.goauthentik.io/start"}), "/outpost.goauthentik.io/start"),
    ],
    ids=repr,
)
async def test_a_log_in_in_front_of_the_app_is_named(http: ArrHttp, reply: httpx.Response, sentence: str) -> None:
    """Trial 40."""
    for method in ("GET", "POST"):
        respx.route(method=method, url=URL).mock(return_value=reply)
    failure = await failing(http)
    assert failure.code is ErrorCode.LOGIN_IN_FRONT
    assert sentence in failure.message
    assert "headers of the instance" in failure.message
    assert not (await failing(http, "POST")).may_have_reached


@respx.mock
@pytest.mark.parametrize(
    ("reply", "base"),
    [
        (httpx.Response(401, headers={"location": "http://sonarr.test:8989/login?returnUrl=%2Ftv%2Fapi"}), ""),
        (httpx.Response(401, headers={"location": "http://10.0.0.9/shows/login?ReturnUrl=%2Ftv"}), "/shows"),
        (httpx.Response(302, headers={"location": "http://sonarr.test:8989/login?returnUrl=/tv"}), ""),
        (httpx.Response(401, headers={"www-authenticate": 'Basic realm="Sonarr"'}), ""),
    ],
    ids=repr,
)
async def test_a_log_in_of_the_app_itself_means_another_base(http: ArrHttp, reply: httpx.Response, base: str) -> None:
    """Trial 97: an API of an app answers a wrong key with 401 and nothing else."""
    respx.get(URL).mock(return_value=reply)
    failure = await failing(http)
    assert isinstance(failure, WrongBaseUrl)
    assert failure.base == base
    assert "/tv" in failure.message


@respx.mock
@pytest.mark.parametrize(
    "reply",
    [httpx.Response(401), httpx.Response(401, json={"error": "Unauthorized"}), httpx.Response(403)],
    ids=repr,
)
async def test_a_bare_refusal_is_about_the_key(http: ArrHttp, reply: httpx.Response) -> None:
    respx.get(URL).mock(return_value=reply)
    assert (await failing(http)).code is ErrorCode.UNAUTHORIZED


@respx.mock
@pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=utf-8", "application/octet-stream", None])
@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
async def test_json_in_another_dress_is_read(http: ArrHttp, kind: str | None, prefix: bytes) -> None:
    """Trial 39."""
    headers = {} if kind is None else {"content-type": kind}
    packed = gzip.compress(prefix + b'{"a"') + gzip.compress(b": [1]}")
    for content, more in ((prefix + b'{"a": [1]}', {}), (packed, {"content-encoding": "gzip"})):
        respx.get(URL).mock(return_value=httpx.Response(200, content=content, headers=headers | more))
        assert await http.send(APP, "GET", "/api/v3/queue") == {"a": [1]}


@respx.mock
@pytest.mark.parametrize(
    ("kind", "seen"),
    [("text/html", "a web page"), ("text/plain", "text/plain instead of JSON"), (None, "no JSON")],
)
async def test_what_came_instead_of_json_is_said(http: ArrHttp, kind: str | None, seen: str) -> None:
    for connection in (APP, Connection("http://sonarr.test:8989", KEY)):
        headers = {} if kind is None else {"content-type": kind}
        respx.get(connection.url + "/api/v3/queue").mock(
            return_value=httpx.Response(200, content=b"Hello", headers=headers)
        )
        assert seen in (await failing(http, connection=connection)).message


@pytest.mark.parametrize("key", ["clé", "a\nb", "a\x00", "\u0661"])
async def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent(http: ArrHttp, key: str) -> None:
    failure = await failing(http, "POST", Connection(url="http://127.0.0.1:9", api_key=key))
    assert (failure.code, failure.may_have_reached) == (ErrorCode.UNAUTHORIZED, False)


async def test_a_blocked_address_is_not_asked(http: ArrHttp) -> None:
    failure = await failing(http, "POST", Connection(url="http://169.254.169.254", api_key=KEY))
    assert (failure.code, failure.may_have_reached, failure.transient) == (ErrorCode.BLOCKED_ADDRESS, False, False)


@pytest.mark.parametrize(("asked", "width"), [(1, 1), (3, 3), (0, 1), (99, 4)])
async def test_requests_to_one_app_wait_for_their_turn(asked: int, width: int) -> None:
    under_way: list[str] = []
    most = 0
    go = asyncio.Event()

    async def app(request: httpx.Request) -> httpx.Response:
        nonlocal most
        under_way.append(request.url.host)
        most = max(most, under_way.count(request.url.host))
        if len(under_way) == 2 * width:
            go.set()
        await go.wait()
        under_way.remove(request.url.host)
        return httpx.Response(200, json=[])

    async with ArrHttp("1", transport=httpx.MockTransport(app)) as http:
        apps = [Connection(f"http://{name}.test", KEY, request_concurrency=asked) for name in ("a", "b")]
        await asyncio.gather(*(http.send(to, "GET", "/x") for to in apps for _ in range(8)))
    assert most == width  # and the other app was not held up: else `go` would never have been set


async def test_cancelling_passes_through() -> None:
    entered = asyncio.Event()

    async def app(_request: httpx.Request) -> httpx.Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with ArrHttp("1", transport=httpx.MockTransport(app)) as http:
        task = asyncio.create_task(http.send(APP, "GET", "/x"))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_tree_carries_the_statuses_of_the_api() -> None:
    assert ArrTimeout("x.", may_have_reached=True, transient=True).status == 504
    assert BadReply("x.").status == 502
    assert WrongBaseUrl("x.", base="/b", http_status=307).status == 502

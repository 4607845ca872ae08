"""Who answers first, and with which headers."""

import pytest

from tests.simulator import SimApp, SimClock, SimSettings
from tests.simulator.definitions import AppKind
from tests.simulator_tests.caller import Caller
from tests.simulator_tests.conftest import KINDS

STATUS = "/api/v3/system/status"


@pytest.mark.parametrize("path", [STATUS, "/api", "/api/v3/nothing/here", "/api/v9/x"])
def test_without_the_key_every_api_path_is_an_empty_401(any_app: Caller, path: str) -> None:
    answer = any_app.send("GET", path, key=False)
    assert (answer.status, answer.reply.body, answer.reply.media, answer.reply.headers) == (401, b"", None, [])


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({"apikey": "right"}, {}, 200),
        ({"ApiKey": "right"}, {}, 200),
        ({}, {"x-api-key": "right"}, 200),
        ({}, {"authorization": "Bearer right"}, 200),
        ({}, {"authorization": "right"}, 200),
        ({"apikey": "wrong"}, {"x-api-key": "right"}, 401),
        ({}, {"x-api-key": "wrong", "authorization": "right"}, 401),
        ({}, {"x-api-key": "RIGHT"}, 401),
    ],
)
def test_the_first_place_that_has_a_key_decides(query: dict[str, str], headers: dict[str, str], status: int) -> None:
    call = Caller(SimApp("sonarr", SimSettings(api_key="right")))
    assert call.send("GET", STATUS, key=False, query=query, headers=headers).status == status


def test_status_tells_app_version_and_database() -> None:
    call = Caller(SimApp("radarr", SimSettings(database="postgreSQL", url_base="movies/", version="5.1.2.3")))
    status = call.get("system/status").json
    assert (status["appName"], status["version"]) == ("Radarr", "5.1.2.3")
    assert (status["databaseType"], status["urlBase"]) == ("postgreSQL", "/movies")


def test_every_app_says_who_it_is(any_app: Caller) -> None:
    definition = any_app.app.definition
    status = any_app.get("system/status").json
    assert status["appName"].lower() == definition.app_type
    assert status["version"] == definition.version
    majors = {"whisparr2": "2.", "whisparr3old": "3.0.", "whisparr3": "3.2.", "readarr": "0.4.", "lidarr": "2."}
    assert status["version"].startswith(majors.get(definition.kind, ""))
    assert any_app.get("series").status == (200 if definition.seasons else 404)
    assert any_app.get("movie").status == (200 if definition.movie_like else 404)


def test_get_api_tells_the_v5_tree_from_v4(any_app: Caller) -> None:
    current = any_app.app.definition.prefix.removeprefix("api/")
    expected = {"current": current, "deprecated": []}
    if any_app.app.definition.kind == "sonarr5":
        expected = {"current": "v5", "deprecated": ["v3"]}
    assert any_app.get("/api").json == expected


@pytest.mark.parametrize("path", ["/ping", STATUS, "/"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_url_base_is_redirected_relatively_with_307_or_302(kind: AppKind, path: str) -> None:
    call = Caller(SimApp(kind, SimSettings(url_base="/tv")))
    answer = call.send("GET", path, query={"a": "1"}, has_base=False)
    status = 302 if kind in ("readarr", "whisparr2", "whisparr3old") else 307
    assert (answer.status, answer.headers["location"]) == (status, f"/tv{path}?a=1")


def test_the_key_is_checked_before_the_redirect_and_before_starting_up() -> None:
    call = Caller(SimApp("sonarr", SimSettings(url_base="/tv")))
    call.app.restart(starting_seconds=3600)
    assert call.send("GET", STATUS, key=False, has_base=False).status == 401
    assert call.send("GET", STATUS, has_base=False).status == 307
    assert call.send("GET", STATUS).status == 503


def test_starting_up_is_503_with_its_own_key_and_text_outside_the_api(any_app: Caller) -> None:
    any_app.app.restart(starting_seconds=10)
    name = any_app.app.definition.app_name
    text = f"{name} is starting up, please try again later"
    assert any_app.get("system/status").json == {"errorMessage": text}
    outside = any_app.get("/ping")
    assert (outside.status, outside.reply.media, outside.reply.body) == (503, "text/plain", text.encode())
    any_app.app.advance(10)
    assert any_app.get("system/status").status == 200


def test_ping_needs_no_key_and_knows_head(any_app: Caller) -> None:
    answer = any_app.send("GET", "/ping", key=False)
    assert (answer.status, answer.json) == (200, {"status": "OK"})
    head = any_app.send("HEAD", "/ping", key=False)
    older = any_app.app.definition.kind in ("whisparr2", "whisparr3old")
    assert (head.status, head.reply.body) == (405 if older else 200, b"")


@pytest.mark.parametrize("path", ["/", "/series", "/sonarr/api/v3/system/status", "/settings/general"])
def test_any_other_get_is_the_page_of_the_web_interface(sonarr: Caller, path: str) -> None:
    answer = sonarr.send("GET", path, key=False)
    assert (answer.status, answer.reply.media) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache, no-store"


def test_with_forms_the_page_is_a_redirect_to_the_login() -> None:
    call = Caller(SimApp("sonarr", SimSettings(authentication="forms")))
    answer = call.send("GET", "/sonarr/api/v3/system/status", key=False)
    location = "http://localhost/login?returnUrl=%2Fsonarr%2Fapi%2Fv3%2Fsystem%2Fstatus"
    assert (answer.status, answer.headers["location"]) == (302, location)
    assert call.send("GET", "/login", key=False).reply.media == "text/html; charset=utf-8"
    eros = Caller(SimApp("whisparr3", SimSettings(authentication="forms")))
    refused = eros.send("GET", "/eros/api/v3/system/status", key=False)
    assert (refused.status, "login?returnUrl=" in refused.headers["location"]) == (401, True)


@pytest.mark.parametrize(("name", "status"), [("..%5cindex.html", 404), ("..%2findex.html", 404), ("styles.css", 200)])
def test_content_is_not_a_way_out_of_its_folder(sonarr: Caller, name: str, status: int) -> None:
    assert sonarr.send("GET", f"/Content/{name}", key=False).status == status


def test_unknown_routes_are_empty_404_and_wrong_methods_405(any_app: Caller) -> None:
    unknown = any_app.get("nothing/here")
    assert (unknown.status, unknown.reply.body) == (404, b"")
    wrong = any_app.post("queue", {})
    assert (wrong.status, wrong.reply.body, wrong.headers["allow"]) == (405, b"", "GET")
    assert any_app.delete("command").headers["allow"] == "GET, POST"


def test_paths_are_matched_without_case_and_with_a_trailing_slash(any_app: Caller) -> None:
    prefix = any_app.app.definition.prefix.upper()
    assert any_app.send("GET", f"/{prefix}/System/Status/").status == 200


ACCEPTED = ["application/json", "text/html, application/json", "application/xml, application/json", "text/html, */*"]


@pytest.mark.parametrize("accept", [*ACCEPTED, "*/*", ""])
def test_accept_lists_that_allow_json_get_it(any_app: Caller, accept: str) -> None:
    answer = any_app.send("GET", "system/status", headers={"accept": accept})
    assert (answer.status, answer.reply.media) == (200, "application/json; charset=utf-8")


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "application/junk"])
def test_accept_without_json_is_406(any_app: Caller, accept: str) -> None:
    answer = any_app.send("GET", "system/status", headers={"accept": accept})
    assert (answer.status, answer.reply.body) == (406, b"")


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_called_json_is_415(any_app: Caller, media: str) -> None:
    answer = any_app.send("POST", "command", body={"name": "RssSync"}, headers={"content-type": media})
    assert answer.status == 415
    assert set(answer.json) == {"type", "title", "status", "traceId"}


def test_cors_preflight_and_plain_requests(sonarr: Caller) -> None:
    asked = {"origin": "http://a.test", "access-control-request-method": "POST"}
    preflight = sonarr.send("OPTIONS", "command", key=False, headers=asked).headers
    assert preflight["access-control-allow-origin"] == "*"
    assert "access-control-allow-methods" in preflight
    assert "access-control-allow-headers" not in preflight
    more = sonarr.send("OPTIONS", "command", key=False, headers=asked | {"access-control-request-headers": "x"})
    assert "access-control-allow-headers" in more.headers
    plain = sonarr.send("GET", STATUS, headers={"origin": "http://a.test"}).headers
    assert plain["access-control-allow-origin"] == "*"
    assert "access-control-allow-methods" not in plain
    assert "access-control-allow-origin" not in sonarr.send("GET", "/", headers={"origin": "http://a.test"}).headers


def test_every_api_answer_forbids_caching_and_tells_the_version(any_app: Caller) -> None:
    for path in ("system/status", "queue", "nothing", "wanted/missing?page=x"):
        headers = any_app.get(path).headers
        assert headers["cache-control"] == "no-cache, no-store"
        assert (headers["expires"], headers["pragma"]) == ("-1", "no-cache")
        assert headers["x-application-version"] == any_app.app.version


def test_replies_of_the_error_handler_lack_the_version(any_app: Caller) -> None:
    headers = any_app.delete("queue/1").headers
    assert "x-application-version" not in headers
    assert headers["cache-control"] == "no-cache,no-store"


@pytest.mark.parametrize(
    ("name", "value"),
    [("page", "abc"), ("pageSize", "1.5"), ("sortDirection", "desc"), ("sortDirection", "asc"), ("monitored", "")],
)
def test_a_query_value_that_does_not_bind_is_a_problem_object(wanting: Caller, name: str, value: str) -> None:
    answer = wanting.get("wanted/missing", **{name: value})
    assert answer.status == 400
    assert answer.json["title"] == "One or more validation errors occurred."
    assert set(answer.json["errors"]) == {name}


def test_a_list_as_csv_is_400(sonarr: Caller, radarr: Caller) -> None:
    assert sonarr.get("episode", episodeIds="1,2").status == 400
    assert radarr.get("moviefile", movieId="1,2").status == 400


def test_broken_json_in_a_body_is_400_but_a_trailing_comma_is_fine(any_app: Caller) -> None:
    assert any_app.send("POST", "command", body=b'{"name":').status == 400
    assert any_app.send("POST", "command", body=b'{"NAME":"RssSync",}').status == 201


def test_unknown_ids_answer_as_each_app_does(any_app: Caller) -> None:
    definition = any_app.app.definition
    for path in (definition.item, "command", "qualityprofile", "tag"):
        answer = any_app.get(f"{path}/99")
        assert answer.status == 404
        if definition.kind == "sonarr5":
            assert answer.reply.body == b""
        elif definition.kind == "lidarr":
            assert set(answer.json) == {"message", "description"}
        else:
            assert answer.json["title"] == "Not Found"


def test_the_v5_tree_has_a_body_for_a_series_that_is_not_there(sonarr5: Caller) -> None:
    assert sonarr5.get("series/99").json["title"] == "Not Found"


def test_the_encoder_escapes_what_net_escapes(sonarr: Caller) -> None:
    sonarr.app.library.add_series(title="Café & <Söhne> 'n' +1")
    answer = sonarr.get("series")
    assert not {b"&", b"<", b">", b"'", b"+"} & {bytes([byte]) for byte in answer.reply.body}
    assert answer.reply.body.isascii()
    assert answer.json[0]["title"] == "Café & <Söhne> 'n' +1"


def test_initialize_json_is_for_those_without_login_only(sonarr: Caller) -> None:
    assert sonarr.send("GET", "/initialize.json", key=False).json["apiRoot"] == "/api/v3"
    call = Caller(SimApp("sonarr", SimSettings(authentication="forms"), clock=SimClock.frozen()))
    assert call.send("GET", "/initialize.json", key=False).status == 302

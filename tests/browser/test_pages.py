"""Setup, login and the documentation as a person at a browser meets them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyotp
import pytest
from httpx import Client

from tests.browser.conftest import BASE, Visit
from tests.support.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

NAME, PASSWORD = "owner", "correct horse battery"
PHONE = {"viewport": {"width": 320, "height": 568}, "is_mobile": True, "has_touch": True, "color_scheme": "dark"}


def path_of(page: "Page") -> str:
    return urlsplit(page.url).path


def problem(page: "Page") -> str:
    """What the page says went wrong, once it says so."""
    page.locator("#problem:not(:empty)").wait_for()
    return page.inner_text("#problem")


def focused(page: "Page") -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.tagName"))


def make_owner(service: Service) -> None:
    with Client(base_url=service.url) as client:
        given = {"username": NAME, "password": PASSWORD, "setup_token": service.setup_token}
        assert client.post("/api/setup", json=given).status_code == 201


def log_in(page: "Page", password: str = PASSWORD) -> None:
    page.fill("#username", NAME)
    page.fill("#password", password)
    page.click("button")


@contextmanager
def logged_in(service: Service) -> Iterator[Client]:
    with Client(base_url=service.url) as client:
        said = client.post("/api/auth/login", json={"username": NAME, "password": PASSWORD}).json()
        client.headers["X-CSRF-Token"] = said["data"]["csrf_token"]
        yield client


def make_two_factor(service: Service) -> tuple[str, list[str]]:
    """Turn it on through the API; the secret and the recovery codes."""
    with logged_in(service) as client:
        secret = client.post("/api/auth/2fa/setup", json={"password": PASSWORD}).json()["data"]["secret"]
        codes = client.post("/api/auth/2fa/enable", json={"code": pyotp.TOTP(secret).now()}).json()["data"]
    return secret, codes["recovery_codes"]


def test_from_setup_over_login_to_a_change_in_the_documentation(service: Service, visit: Visit) -> None:
    page = visit(service.url + "/docs")
    page.wait_for_url("**/setup")  # led to /login, and from there on
    page.fill("#setup_token", service.setup_token)
    page.fill("#username", NAME)
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button")
    page.wait_for_url("**/login")
    assert "owner is created" in page.inner_text("#note")
    log_in(page)
    page.wait_for_url("**/docs")
    page.wait_for_selector(".opblock")
    assert path_of(page) == f"{BASE}/docs"
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["huntarr_session"]["httpOnly"]
    assert cookies["huntarr_session"]["path"] == BASE
    # "Try it out" of a change, with nothing but the cookie: it needs the CSRF token.
    assert try_out(page, "pause_hunting") == 200


def test_the_key_of_authorize_is_used(service: Service, visit: Visit) -> None:
    make_owner(service)
    with logged_in(service) as client:
        made = client.post("/api/auth/api-keys", json={"name": "reader", "scope": "read"})
    page = visit(service.url + "/login", expected=(401, 403))
    log_in(page)
    page.wait_for_selector(".opblock")
    assert try_out(page, "pause_hunting") == 200
    authorize(page, made.json()["data"]["key"])
    assert try_out(page, "list_instances") == 200
    assert try_out(page, "pause_hunting") == 403  # the key may only read, and it comes before the session
    page.click(".btn.authorize")
    page.locator(".auth-container", has_text="X-Api-Key").locator("button", has_text="Logout").click()
    page.click(".btn-done")
    authorize(page, "wrong-key")
    assert try_out(page, "list_instances") == 401


def authorize(page: "Page", key: str) -> None:
    page.click(".btn.authorize")
    scheme = page.locator(".auth-container", has_text="X-Api-Key")
    scheme.locator("input").fill(key)
    scheme.locator("button", has_text="Authorize").click()
    page.click(".btn-done")


def try_out(page: "Page", operation: str) -> int:
    """Open the operation, send it as Swagger UI fills it in, and read the status it shows."""
    block = page.locator(f".opblock[id$='-{operation}']")
    if "is-open" not in (block.get_attribute("class") or ""):
        block.locator(".opblock-summary-control").click()
    if block.locator(".try-out__btn").inner_text() == "Try it out":
        block.locator(".try-out__btn").click()
    with page.expect_response(lambda reply: "/api/" in reply.url and "/auth/me" not in reply.url) as answered:
        block.locator(".execute").click()
    shown = block.locator(".live-responses-table tbody .response-col_status").first
    shown.wait_for()
    assert int(re.match(r"\d+", shown.inner_text())[0]) == answered.value.status  # type: ignore[index]
    return int(answered.value.status)


def test_a_wrong_password_is_told(service: Service, visit: Visit) -> None:
    make_owner(service)
    page = visit(service.url + "/login", expected=(401, 429))
    log_in(page, "wrong password")
    assert problem(page) == "The user name, the password or the code is not right."
    assert focused(page) == "password"
    assert page.input_value("#password") == ""
    assert page.get_attribute("#problem", "aria-live") == "assertive"
    for _ in range(4):
        page.fill("#password", "wrong password")
        with page.expect_response("**/login"):
            page.click("button")
        page.wait_for_selector("button:not([aria-disabled])")
    log_in(page)
    page.locator("#problem", has_text="Wait").wait_for()
    assert re.fullmatch(r"Too many wrong attempts: try again later\. Wait \d+ (minutes|seconds)\.", problem(page))
    assert path_of(page) == f"{BASE}/login"


def test_the_second_factor_is_asked_for(service: Service, visit: Visit) -> None:
    make_owner(service)
    secret, recovery = make_two_factor(service)
    page = visit(service.url + "/login", expected=(401,))
    assert not page.is_visible("#totp_code")
    log_in(page)
    page.wait_for_selector("#totp_code", state="visible")
    assert page.inner_text("#note") == "One more step: enter your two-factor code."
    assert page.inner_text("#problem") == ""
    assert focused(page) == "totp_code"
    assert page.get_attribute("#totp_code", "autocomplete") == "one-time-code"
    page.fill("#totp_code", "000000" if pyotp.TOTP(secret).now() != "000000" else "111111")
    page.keyboard.press("Enter")
    page.locator("#problem", has_text="not right").wait_for()
    assert focused(page) == "totp_code"
    page.fill("#totp_code", recovery[0])
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs")


def test_everything_can_be_done_by_keyboard(service: Service, visit: Visit) -> None:
    page = visit(f"{service.url}/setup#token={service.setup_token}")
    page.wait_for_load_state("networkidle")
    assert focused(page) == "username"
    for text in (NAME, PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    assert focused(page) == "BUTTON"
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")
    page.wait_for_load_state("networkidle")
    assert focused(page) == "username"
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs")


@pytest.mark.parametrize(
    ("given", "sentence", "at"),
    [
        (("", PASSWORD, PASSWORD), "Please fill in: user name.", "username"),
        (("", "", ""), "Please fill in: user name, password, password again.", "username"),
        ((NAME, "short", "short"), "The password is too short: at least 10 characters.", "password"),
        ((NAME, PASSWORD, "something else"), "The two passwords are not the same.", "again"),
        (("   ", PASSWORD, PASSWORD), "User name: String should have at least 1 character", "username"),
    ],
)
def test_setup_says_what_is_wrong(
    service: Service, visit: Visit, given: tuple[str, ...], sentence: str, at: str
) -> None:
    page = visit(f"{service.url}/setup#token={service.setup_token}", expected=(422,))
    for field, text in zip(("username", "password", "again"), given, strict=True):
        page.fill(f"#{field}", text)
    page.click("button")
    assert problem(page) == sentence
    assert focused(page) == at
    assert page.get_attribute(f"#{at}", "aria-invalid") == "true"


def test_a_wrong_token_is_asked_for_again(service: Service, visit: Visit) -> None:
    page = visit(service.url + "/setup", expected=(403,))
    for field, text in (("username", NAME), ("password", PASSWORD), ("again", PASSWORD), ("setup_token", "no")):
        page.fill(f"#{field}", text)
    page.click("button")
    assert "setup_token" in problem(page)
    page.fill("#setup_token", service.setup_token)
    page.click("button")
    page.wait_for_url("**/login")


def test_the_printed_link_brings_the_token_along(service: Service, visit: Visit) -> None:
    page = visit(f"{service.url}/setup#token={service.setup_token}")
    page.wait_for_url("**/setup")
    assert not page.is_visible("#setup_token")
    for field, text in (("username", NAME), ("password", PASSWORD), ("again", PASSWORD)):
        page.fill(f"#{field}", text)
    page.click("button")
    page.wait_for_url("**/login#created")
    old = visit(f"{service.url}/setup#token={service.setup_token}")
    old.wait_for_url("**/login")
    assert "token" not in old.url


def test_a_wrong_link_shows_the_field(service: Service, visit: Visit) -> None:
    page = visit(f"{service.url}/setup#token=old", expected=(403,))
    for field, text in (("username", NAME), ("password", PASSWORD), ("again", PASSWORD)):
        page.fill(f"#{field}", text)
    page.click("button")
    assert "setup_token" in problem(page)
    assert page.is_visible("#setup_token")


def test_setup_is_over_once_there_is_an_owner(service: Service, visit: Visit) -> None:
    early = visit(f"{service.url}/setup#token={service.setup_token}", expected=(409,))
    make_owner(service)
    for field, text in (("username", "thief"), ("password", PASSWORD), ("again", PASSWORD)):
        early.fill(f"#{field}", text)
    early.click("button")
    early.wait_for_url("**/login")
    assert path_of(visit(service.url + "/setup")) == f"{BASE}/login"


def test_narrow_phones(service: Service, visit: Visit, tmp_path: Path) -> None:
    page = visit(f"{service.url}/setup#token={service.setup_token}", **PHONE)
    for name in ("setup", "login"):
        if name == "login":
            make_owner(service)
            page = visit(service.url + "/login", **PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        for box in (one.bounding_box() for one in page.locator("input:visible, button:visible").all()):
            assert box is not None
            assert box["height"] >= 44
            assert box["width"] >= 200
        assert page.locator("button").bounding_box()["y"] < 568  # type: ignore[index]
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)


def test_a_form_without_its_script_keeps_the_password_out_of_the_address(service: Service, visit: Visit) -> None:
    make_owner(service)
    page = visit(service.url + "/login", java_script_enabled=False, expected=(401,))
    assert "needs JavaScript" in page.inner_text("noscript")
    page.fill("#username", NAME)
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_load_state()
    assert PASSWORD not in page.url
    assert urlsplit(page.url).query == ""
    assert PASSWORD not in service.output


def test_the_policy_forbids_foreign_and_inline_code(service: Service, visit: Visit) -> None:
    make_owner(service)
    page = visit(service.url + "/login")
    policy = page.evaluate("fetch('login').then(reply => reply.headers.get('content-security-policy'))")
    assert "unsafe" not in policy
    assert "'none'" in policy
    source = page.content()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=", source)

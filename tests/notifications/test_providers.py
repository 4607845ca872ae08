"""Providers: Apprise against real servers on loopback, which settings are refused, and that no secret is shown."""

import email
import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Invalid
from app.notifications.apprise_client import AppriseClient
from app.notifications.messages import DeliveryResult, Message, redacted
from app.notifications.providers import PROVIDERS, describe_providers
from app.notifications.schemas import ConnectionIn, ConnectionTestIn
from app.notifications.settings import is_secret
from app.notifications.shortcuts import AppriseSettings
from tests.events.samples import hunt_completed, search_sent
from tests.home_assistant.brokers import PythonBroker, home_of
from tests.notifications.connections import add_connection, deliveries, emit, send_due
from tests.notifications.receivers import Receiver, receiver, smtp_server
from tests.support.rig import Rig
from tests.test_house_rules import ROOT, table_of

pytestmark = pytest.mark.process

SETTINGS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://example.com/hook?token=abc"},
    "apprise": {"urls": ["tgram://12345678:abcdefghijklmnopqrstuvwxyz/9"]},
    "discord": {
        "webhook_url": "https://discord.com/api/webhooks/12345678901/" + "a" * 60,
        "username": "Hunt & Co",
        "thread_id": "12345678901",
    },
    "telegram": {"bot_token": "12345678:abcdefghijklmnopqrstuvwxyz", "chat_id": "-100123", "topic_id": 4},
    "slack": {"webhook_url": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"},
    "email": {
        "host": "mail.example.com",
        "username": "me@example.com",
        "password": "p/@:?#%",
        "from_address": "me@example.com",
        "to_addresses": ["you@example.com", "them@example.org"],
    },
    "pushover": {"user_key": "u" * 30, "api_token": "a" * 30, "devices": ["phone"], "sound": "bike"},
    "pushbullet": {"access_token": "o.abcdefghijklmnop", "target": "#channel"},
    "gotify": {"url": "https://gotify.example.com:8443/base", "app_token": "AbCdEfGhIjKlMnO"},
    "ntfy": {"topic": "huntarr-secret", "access_token": "tk_0123456789abcdef"},
    "notifiarr": {"api_key": "abcdef01-2345-6789", "channel_id": "12345678901"},
    "mqtt": {"host": "broker.example.com", "topic": "home/huntarr", "username": "h", "password": "geheim/1"},
}
"""Example settings of every provider."""


def at(there: Receiver, scheme: str) -> str:
    return there.url.replace("http://", f"{scheme}://")


def test_every_provider_is_tested_described_and_documented() -> None:
    described = {provider.name: provider for provider in describe_providers()}
    assert set(SETTINGS) == set(PROVIDERS) == set(described)
    assert table_of("docs/notifications.md", "## Providers") == [
        [f"`{key}`", provider.summary, ", ".join(f"`{name}`" for name in provider.model_fields)]
        for key, provider in PROVIDERS.items()
    ]


@pytest.mark.parametrize("key", sorted(SETTINGS))
def test_secrets_are_never_shown_and_need_not_be_given_again(key: str) -> None:
    provider = PROVIDERS[key]
    made = provider.read(SETTINGS[key], None)
    shown = json.dumps(made.masked())
    for secret in made.secret_texts:
        assert secret not in shown
    assert provider.read(made.masked(), made) == made, "stars stand for the stored secret"
    open_fields = {name: value for name, value in SETTINGS[key].items() if not is_secret(provider.model_fields[name])}
    assert provider.read(open_fields, made) == made, "a secret that is left out keeps its value"
    result = redacted(DeliveryResult(False, "No.", f"bad {' '.join(made.secret_texts)}"), made.secret_texts)
    assert not [secret for secret in made.secret_texts if secret in (result.response_text or "")]


@pytest.mark.asyncio
async def test_apprise_can_read_the_addresses_of_every_provider() -> None:
    made = [PROVIDERS[key].read(given, None) for key, given in sorted(SETTINGS.items())]
    urls = [url for settings in made if isinstance(settings, AppriseSettings) for url in settings.addresses()]
    assert len(urls) == len(SETTINGS) - 1
    assert await AppriseClient().unreadable([*urls, "nothing://here"]) == [len(urls)]


@pytest.mark.parametrize(
    ("key", "changed", "wanted"),
    [
        ("email", {"host": "evil.example.com"}, "The destination has changed: give settings.password again."),
        ("gotify", {"url": "https://evil.example.com"}, "The destination has changed: give settings.app_token"),
        ("email", {"password": None, "username": None, "from_address": "x"}, "body.settings.from_address: "),
        ("discord", {"webhook_url": "https://evil.example.com/"}, "must be a webhook URL as Discord shows it"),
        ("apprise", {"urls": ["exec://rm"]}, "acts on the machine"),
        ("apprise", {"urls": ["syslog://"]}, "acts on the machine"),
        ("apprise", {"urls": ["json://169.254.169.254/latest"]}, "link-local, metadata"),
        ("apprise", {"urls": ["json://example.com/?attach=/etc/passwd"]}, "must not name a file"),
        ("webhook", {"url": "http://169.254.169.254/"}, "link-local"),
        ("webhook", {"url": "ftp://example.com/"}, "http"),
        ("webhook", {"secret": "whsec_short"}, "base64 of 24 to 64 bytes"),
        ("webhook", {"headers": {"Host": "x"}}, "must not contain Host"),
        ("webhook", {"headers": {"X-A": "a\r\nb"}}, "not printable ASCII"),
        ("mqtt", {"topic": "home/#"}, "pattern"),
        ("email", {"to_addresses": ["you@example.com", "Them <them@example.org>"]}, "must be one address"),
        ("email", {"to_addresses": ["you@example.com", "jürgen@example.org"]}, "in ASCII"),
        ("pushbullet", {"target": "my phone,tablet"}, "pattern"),
        ("ntfy", {"username": "me"}, "give an access_token, or username and password"),
        ("telegram", {"surprise": 1}, "body.settings.surprise: "),
    ],
)
def test_invalid_settings_are_refused_with_a_sentence(key: str, changed: dict[str, Any], wanted: str) -> None:
    provider = PROVIDERS[key]
    stored = provider.read(SETTINGS[key], None)
    given = {**stored.masked(), **changed}
    with pytest.raises(Invalid) as refused:
        provider.read({name: value for name, value in given.items() if value is not None}, stored)
    assert wanted in refused.value.message
    assert not [secret for secret in stored.secret_texts if secret in refused.value.message]


@pytest.mark.asyncio
async def test_apprise_delivers_events(rig: Rig) -> None:
    with receiver() as there:
        await add_connection(rig, provider="apprise", settings={"urls": [at(there, "json")]})
        await emit(rig, hunt_completed(), search_sent(4))
        await send_due(rig)
    first, second = (call.json for call in there.accepted)
    assert (second["title"], second["message"], second["type"]) == (
        "TV: searching for Episode 4",
        "Missing (episode).",
        "info",
    )
    assert first["title"].startswith("TV: hunt")
    assert [row.status for row in await deliveries(rig)] == ["delivered"] * 2


@pytest.mark.asyncio
async def test_the_response_of_a_provider_is_shown_without_its_secret(rig: Rig) -> None:
    with receiver(status=401, response=b"bad token s3cr3t-t0ken-of-mine") as there:
        url = there.url.replace("http://", "json://user:s3cr3t-t0ken-of-mine@")
        made = ConnectionTestIn.model_validate({"provider": "apprise", "settings": {"urls": [url]}})
        result = await rig.container.notifications.service.test(made)
    assert not result.ok
    assert result.message == "The provider refused it or could not be reached."
    assert "bad token" in (result.answer or "")
    assert "s3cr3t-t0ken" not in result.model_dump_json()


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::UserWarning:aiosmtpd")  # a password without TLS, which is loopback here
async def test_mail_arrives_at_all_addresses_as_they_are_written(rig: Rig) -> None:
    wanted = ["you@example.com", "them@example.org", "o'neil@example.com", "a.b+huntarr@example.co.uk", "root@nas"]
    account = {"username": "me@example.com", "password": "p/@:?#%"}
    async with smtp_server(account["username"], account["password"]) as box:
        settings = SETTINGS["email"] | account | {"host": "127.0.0.1", "port": box.port, "security": "none"}
        addresses = {"from_address": "d'arcy@example.com", "to_addresses": wanted}
        await add_connection(rig, provider="email", settings=settings | addresses)
        await emit(rig, search_sent(4))
        await send_due(rig)
        assert [row.status for row in await deliveries(rig)] == ["delivered"]
    assert {to for mail in box.mails for to in mail.rcpt_tos} == set(wanted)
    assert {mail.mail_from for mail in box.mails} == {"d'arcy@example.com"}
    content = box.mails[0].content
    read = email.message_from_bytes(content if isinstance(content, bytes) else b"")
    assert "searching for Episode 4" in str(read["Subject"])


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::UserWarning:aiosmtpd")
async def test_a_recipient_that_the_server_refuses_is_a_failure(rig: Rig) -> None:
    account = {"username": "me@example.com", "password": "secret"}
    async with smtp_server(account["username"], account["password"], refused="them@example.org") as box:
        given = SETTINGS["email"] | account | {"host": "127.0.0.1", "port": box.port, "security": "none"}
        made = ConnectionTestIn.model_validate({"provider": "email", "settings": given})
        result = await rig.container.notifications.service.test(made)
    assert not result.ok
    assert [mail.rcpt_tos for mail in box.mails] == [["you@example.com"]]


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::UserWarning:aiosmtpd")
@pytest.mark.parametrize(
    "recipients",
    ["o'neil@example.com", "you@example.com,nobody", "you@example.com,b@example.cöm", "you@example.com&bcc=nowhere"],
)
async def test_an_address_of_which_apprise_would_lose_a_recipient_is_refused(rig: Rig, recipients: str) -> None:
    async with smtp_server("me", "secret") as box:
        url = f"mailto://me:secret@127.0.0.1:{box.port}/?smtp=127.0.0.1&from=me@example.com&mode=insecure&to="
        settings = {"urls": [url + recipients]}
        result = await rig.container.notifications.service.test(
            ConnectionTestIn.model_validate({"provider": "apprise", "settings": settings})
        )
        assert (result.ok, box.mails) == (False, [])
        assert result.message == "Nothing was sent: Apprise cannot read an address, or leaves out a part of it."
        with pytest.raises(Invalid, match="address number 1"):
            await add_connection(rig, provider="apprise", settings=settings)
        good = {"urls": [url + "you@example.com,Them%20%3Cthem@example.org%3E&cc=c@example.com"]}
        await add_connection(rig, provider="apprise", settings=good)


@pytest.mark.asyncio
async def test_a_path_of_an_ntfy_server_is_refused_in_a_call(rig: Rig) -> None:
    with receiver() as there:
        base = there.url.removesuffix("/hook")
        body = {"name": "Phone", "events": ["*"], "provider": "ntfy"}
        async with rig.gateway() as api:
            for url, status in ((f"{base}/private/base", 422), (f"{base}/", 201)):
                settings = {"url": url, "topic": "huntarr-secret"}
                reply = await api.post("/api/notifications/connections", json={**body, "settings": settings})
                assert reply.status_code == status, reply.text
                if status == 422:
                    assert "a server without a path" in reply.json()["error"]
        await emit(rig, search_sent(4))
        await send_due(rig)
    assert [(call.path, call.json["topic"]) for call in there.accepted] == [("/", "huntarr-secret")]


@pytest.mark.asyncio
async def test_the_examples_of_the_page_can_be_stored() -> None:
    text = (ROOT / "docs/notifications.md").read_text()
    bodies = [json.loads(body) for body in re.findall(r"-d '(\{.*?\})'", text, re.DOTALL)]
    assert [body["provider"] for body in bodies] == ["telegram", "apprise"]
    for body in bodies:
        given = json.loads(json.dumps(body).replace("\\u2026", "a" * 30))
        made = PROVIDERS[body["provider"]].read(ConnectionIn.model_validate(given).settings, None)
        assert isinstance(made, AppriseSettings)
        assert await AppriseClient().unreadable(made.addresses()) == []


@pytest.mark.asyncio
async def test_apprise_never_connects_to_a_metadata_address(rig: Rig) -> None:
    """Neither through a redirect, nor by a spelling that only the connection reveals."""
    message = Message(
        id="msg_1",
        type="test",
        level="info",
        timestamp=rig.clock.now,
        data={},
        title="T",
        body="B",
        sent_at=rig.clock.now,
    )
    with receiver(status=307, reply_headers={"Location": "http://169.254.169.254/"}) as there:
        assert not (await AppriseClient().send([at(there, "json")], message)).ok
        assert len(there.calls) == 1
    result = await AppriseClient().send(["json://0xa9fea9fe/"], message)
    assert result.sentence == "It points to a link-local, metadata, multicast or unspecified address."


@pytest.mark.asyncio
async def test_mqtt_publishes_under_the_topic(rig: Rig, tmp_path: Path) -> None:
    broker = PythonBroker(tmp_path)
    await broker.start()
    try:
        async with home_of(broker.port) as home:
            settings = {"host": "127.0.0.1", "port": broker.port, "topic": "home/huntarr"}
            await add_connection(rig, provider="mqtt", settings=settings)
            await emit(rig, search_sent(4))
            await send_due(rig)
            assert [row.status for row in await deliveries(rig)] == ["delivered"]
            await home.until(lambda: bool(home.of("home/huntarr")))
            [payload] = home.of("home/huntarr")
    finally:
        await broker.stop()
    assert "searching for Episode 4" in payload.decode()

"""Providers: Apprise against real servers on loopback, what is refused of it, and that no secret comes back."""

import email
import json
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Invalid
from app.notifications.apprise_client import AppriseClient
from app.notifications.messages import DeliveryResult, Message, discreet
from app.notifications.providers import PROVIDERS, described
from app.notifications.schemas import ConnectionTestIn
from app.notifications.settings import is_secret
from app.notifications.shortcuts import AppriseSettings
from tests.events.samples import hunt_completed, search_sent
from tests.home_assistant.brokers import PythonBroker, home_of
from tests.notifications.connections import connected, deliveries, sent, told
from tests.notifications.receivers import Receiver, receiver, smtp_server
from tests.support.rig import Rig

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
"""Every provider, as a user would fill it in."""


def at(there: Receiver, scheme: str) -> str:
    return there.url.replace("http://", f"{scheme}://")


def test_every_provider_is_tried_here() -> None:
    assert set(SETTINGS) == set(PROVIDERS) == {one.name for one in described()}


@pytest.mark.parametrize("word", sorted(SETTINGS))
def test_what_is_secret_is_never_read_and_need_not_be_given_again(word: str) -> None:
    kind = PROVIDERS[word]
    made = kind.read(SETTINGS[word], None)
    shown = json.dumps(made.masked())
    for secret in made.secret_texts:
        assert secret not in shown
    assert kind.read(made.masked(), made) == made, "stars stand for what is stored"
    open_fields = {name: value for name, value in SETTINGS[word].items() if not is_secret(kind.model_fields[name])}
    assert kind.read(open_fields, made) == made, "and so does a secret that is left out"
    said = discreet(DeliveryResult(False, "No.", f"bad {' '.join(made.secret_texts)}"), made.secret_texts).said or ""
    assert not [secret for secret in made.secret_texts if secret in said]


@pytest.mark.asyncio
async def test_apprise_reads_the_address_of_every_short_cut() -> None:
    made = [PROVIDERS[word].read(given, None) for word, given in sorted(SETTINGS.items())]
    urls = [url for one in made if isinstance(one, AppriseSettings) for url in one.addresses()]
    assert len(urls) == len(SETTINGS) - 1
    assert await AppriseClient().unknown([*urls, "nothing://here"]) == [len(urls)]


@pytest.mark.parametrize(
    ("word", "changed", "wanted"),
    [
        ("email", {"host": "evil.example.com"}, "It goes to another place now: give settings.password with it."),
        ("gotify", {"url": "https://evil.example.com"}, "It goes to another place now: give settings.app_token"),
        ("email", {"password": None, "username": None, "from_address": "x"}, "body.settings.from_address: "),
        ("discord", {"webhook_url": "https://evil.example.com/"}, "must be a webhook URL as Discord shows it"),
        ("apprise", {"urls": ["exec://rm"]}, "acts on the machine"),
        ("apprise", {"urls": ["syslog://"]}, "acts on the machine"),
        ("apprise", {"urls": ["json://169.254.169.254/latest"]}, "link-local, metadata"),
        ("apprise", {"urls": ["json://example.com/?attach=/etc/passwd"]}, "must not name a file"),
        ("webhook", {"url": "http://169.254.169.254/"}, "link-local"),
        ("webhook", {"url": "ftp://example.com/"}, "http"),
        ("webhook", {"secret": "whsec_short"}, "base64 of 24 to 64 bytes"),
        ("webhook", {"headers": {"Host": "x"}}, "must not hold Host"),
        ("webhook", {"headers": {"X-A": "a\r\nb"}}, "not printable ASCII"),
        ("mqtt", {"topic": "home/#"}, "pattern"),
        ("ntfy", {"username": "me"}, "give an access_token, or username and password"),
        ("telegram", {"surprise": 1}, "body.settings.surprise: "),
    ],
)
def test_what_cannot_be_right_is_refused_with_a_sentence(word: str, changed: dict[str, Any], wanted: str) -> None:
    kind = PROVIDERS[word]
    stored = kind.read(SETTINGS[word], None)
    given = {**stored.masked(), **changed}
    with pytest.raises(Invalid) as refused:
        kind.read({name: value for name, value in given.items() if value is not None}, stored)
    assert wanted in refused.value.message
    assert not [secret for secret in stored.secret_texts if secret in refused.value.message]


@pytest.mark.asyncio
async def test_apprise_delivers_what_happened(rig: Rig) -> None:
    with receiver() as there:
        await connected(rig, provider="apprise", settings={"urls": [at(there, "json")]})
        await told(rig, hunt_completed(), search_sent(4))
        await sent(rig)
    first, second = (call.json for call in there.accepted)
    assert (second["title"], second["message"], second["type"]) == (
        "TV: searching for Episode 4",
        "Missing (episode).",
        "info",
    )
    assert first["title"].startswith("TV: hunt")
    assert [row.status for row in await deliveries(rig)] == ["delivered"] * 2


@pytest.mark.asyncio
async def test_what_a_provider_refuses_is_told_without_its_secret(rig: Rig) -> None:
    with receiver(status=401, said=b"bad token s3cr3t-t0ken-of-mine") as there:
        url = there.url.replace("http://", "json://user:s3cr3t-t0ken-of-mine@")
        made = ConnectionTestIn.model_validate({"provider": "apprise", "settings": {"urls": [url]}})
        told_back = await rig.container.notifications.test(made)
    assert not told_back.ok
    assert told_back.message == "The provider refused it or could not be reached."
    assert "bad token" in (told_back.answer or "")
    assert "s3cr3t-t0ken" not in told_back.model_dump_json()


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::UserWarning:aiosmtpd")  # a password without TLS, which is loopback here
async def test_mail_arrives_at_all_addresses(rig: Rig) -> None:
    account = {"username": "me@example.com", "password": "p/@:?#%"}
    async with smtp_server(account["username"], account["password"]) as box:
        settings = SETTINGS["email"] | account | {"host": "127.0.0.1", "port": box.port, "security": "none"}
        await connected(rig, provider="email", settings=settings)
        await told(rig, search_sent(4))
        await sent(rig)
        assert [row.status for row in await deliveries(rig)] == ["delivered"]
    assert {to for mail in box.mails for to in mail.rcpt_tos} == {"you@example.com", "them@example.org"}
    content = box.mails[0].content
    read = email.message_from_bytes(content if isinstance(content, bytes) else b"")
    assert "searching for Episode 4" in str(read["Subject"])


@pytest.mark.asyncio
async def test_no_way_leads_apprise_to_a_metadata_address(rig: Rig) -> None:
    """Behind a redirect, or in a spelling that only the connection itself shows."""
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
    answer = await AppriseClient().send(["json://0xa9fea9fe/"], message)
    assert answer.sentence == "It leads to a link-local, metadata, multicast or unspecified address."


@pytest.mark.asyncio
async def test_a_broker_is_told_under_the_topic(rig: Rig, tmp_path: Path) -> None:
    broker = PythonBroker(tmp_path)
    await broker.start()
    try:
        async with home_of(broker.port) as home:
            settings = {"host": "127.0.0.1", "port": broker.port, "topic": "home/huntarr"}
            await connected(rig, provider="mqtt", settings=settings)
            await told(rig, search_sent(4))
            await sent(rig)
            assert [row.status for row in await deliveries(rig)] == ["delivered"]
            await home.until(lambda: bool(home.of("home/huntarr")))
            [payload] = home.of("home/huntarr")
    finally:
        await broker.stop()
    assert "searching for Episode 4" in payload.decode()

"""Providers behind Apprise: any of its addresses, and typed settings for the most used services."""

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlencode, urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.http.addresses import checked_url
from app.notifications.apprise_client import MailAddresses
from app.notifications.apprise_rules import MAX_URL_LENGTH, check_address
from app.notifications.clients import NotificationClients
from app.notifications.messages import DeliveryResult, Message
from app.notifications.settings import BaseUrl, Host, Line, Port, ProviderSettings, secret_field

DISCORD: Final = re.compile(
    r"https://(?:(?:canary|ptb)\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/(\d{10,25})/([\w-]{40,100})/?"
)
SLACK: Final = re.compile(r"https://hooks\.slack\.com/services/([A-Z0-9]+)/([A-Z0-9]+)/([A-Za-z0-9]+)/?")
EMAIL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
NOBODY: Final = "nobody@huntarr.invalid"
"""Stands in the address of a mail, where Apprise would change some addresses; the right ones are given beside it."""


def _email(text: str) -> str:
    if not EMAIL.fullmatch(text):
        raise ValueError("must be one address, such as me@example.com, in ASCII; a name beside it is not used")
    return text


def _server(text: str) -> str:
    url = checked_url(text)
    if urlsplit(url).path.strip("/"):
        raise ValueError("must be a server without a path: ntfy would take each part of the path for a topic")
    return url


# Patterns use no counted \w or \d, which cover all of Unicode, and no counts of hundreds: compiling expands each count,
# for every field again, which took 40 MB [tried].
Token = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[!-~]+$")]
Password = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Email = Annotated[Line, AfterValidator(_email)]
AppriseUrl = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=5, max_length=MAX_URL_LENGTH),
    AfterValidator(check_address),
]


def matching(*, pattern: str) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, pattern=pattern)


def _webhook_url(pattern: re.Pattern[str], service: str, shape: str) -> AfterValidator:
    def check(url: str) -> str:
        if not pattern.fullmatch(url):
            raise ValueError(f"must be a webhook URL as {service} shows it: {shape}")
        return url

    return AfterValidator(check)


DiscordUrl = Annotated[Line, _webhook_url(DISCORD, "Discord", "https://discord.com/api/webhooks/…/…")]
SlackUrl = Annotated[Line, _webhook_url(SLACK, "Slack", "https://hooks.slack.com/services/…/…/…")]


class AppriseSettings(ProviderSettings):
    """A provider that is reached through Apprise; a subclass builds the Apprise addresses."""

    def addresses(self) -> list[str]:
        raise TypeError(f"{type(self).__name__} has no address")

    async def send(self, clients: NotificationClients, message: Message) -> DeliveryResult:
        return await clients.apprise.send(self.addresses(), message)


class Apprise(AppriseSettings, key="apprise", label="Apprise", summary="Any of Apprise's services, by its addresses."):
    urls: Annotated[list[AppriseUrl], Field(min_length=1, max_length=10)] = secret_field(
        description="Addresses as Apprise documents them, such as tgram://token/chat."
    )

    def addresses(self) -> list[str]:
        return self.urls


class Discord(AppriseSettings, key="discord", label="Discord", summary="A webhook of a Discord channel."):
    webhook_url: DiscordUrl = secret_field(description="Channel settings, Integrations.")
    username: Line | None = Field(None, description="The sender's name.")
    thread_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{10,25}$")] | None = Field(
        None, description="A thread."
    )

    def addresses(self) -> list[str]:
        found = DISCORD.fullmatch(self.webhook_url)
        name = f"{_q(self.username)}@" if self.username else ""
        return [f"discord://{name}{found[1]}/{found[2]}/" + _query(thread=self.thread_id)] if found else []


class Telegram(AppriseSettings, key="telegram", label="Telegram", summary="A bot that writes to a chat."):
    bot_token: Annotated[str, matching(pattern=r"^[0-9]{5,20}:[A-Za-z0-9_-]{20,100}$")] = secret_field(
        description="As @BotFather shows it."
    )
    chat_id: Annotated[str, matching(pattern=r"^(-?[0-9]{1,30}|@?[A-Za-z][A-Za-z0-9_]{2,50})$")] = Field(
        description="The chat's number, or a channel's name."
    )
    topic_id: Annotated[int, Field(ge=1, le=2**53)] | None = Field(None, description="A topic of a group.")
    silent: bool = Field(False, description="Without a sound.")

    def addresses(self) -> list[str]:
        query = _query(topic=self.topic_id, silent="yes" if self.silent else "no")
        return [f"tgram://{self.bot_token}/{_q(self.chat_id)}/{query}"]


class Slack(AppriseSettings, key="slack", label="Slack", summary="An incoming webhook of Slack."):
    webhook_url: SlackUrl = secret_field(description="As Slack shows it.")
    username: Line | None = Field(None, description="The sender's name.")
    channel: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^#?[\w-]+$", max_length=81)] | None = (
        Field(None, description="Another channel than the webhook's own, where Slack allows it.")
    )

    def addresses(self) -> list[str]:
        found = SLACK.fullmatch(self.webhook_url)
        name = f"{_q(self.username)}@" if self.username else ""
        channel = f"/{_q('#' + self.channel.lstrip('#'))}" if self.channel else ""
        return [f"slack://{name}{found[1]}/{found[2]}/{found[3]}{channel}/?footer=no"] if found else []


class EmailSettings(AppriseSettings, key="email", label="Email", summary="Mail through an SMTP server."):
    host: Host = Field(description="The SMTP server.")
    port: Port = Field(587, description="Its port; 465 for tls.")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection is encrypted.")
    username: Line | None = Field(None, description="The account; without one there is no login.")
    password: Password | None = secret_field(None, description="Its password.")
    from_address: Email = Field(description="The address it comes from.")
    to_addresses: Annotated[list[Email], Field(min_length=1, max_length=20)] = Field(
        description="The addresses it goes to."
    )
    verify_tls: bool = Field(True, description="Whether the certificate must be valid.")

    @model_validator(mode="after")
    def _both_or_none(self) -> "EmailSettings":
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        return self

    def destination(self) -> str:
        return f"{self.host}:{self.port} {self.security} {self.verify_tls}"

    def addresses(self) -> list[str]:
        scheme = "mailto" if self.security == "none" else "mailtos"
        mode = {"starttls": "starttls", "tls": "ssl", "none": "insecure"}[self.security]
        options = {"from": NOBODY, "to": NOBODY, "name": "Huntarr", "mode": mode}
        query = _query(smtp=self.host, verify=_yes(self.verify_tls), **options)
        return [f"{scheme}://{_login(self.username, self.password)}{self.host}:{self.port}/{query}"]

    async def send(self, clients: NotificationClients, message: Message) -> DeliveryResult:
        mail = MailAddresses(sender=self.from_address, recipients=self.to_addresses)
        return await clients.apprise.send(self.addresses(), message, mail=mail)


class Pushover(AppriseSettings, key="pushover", label="Pushover", summary="Push messages by Pushover."):
    user_key: Annotated[str, matching(pattern=r"^[A-Za-z0-9]{30}$")] = secret_field(
        description="Your user or group key."
    )
    api_token: Annotated[str, matching(pattern=r"^[A-Za-z0-9]{30}$")] = secret_field(
        description="The token of the application."
    )
    priority: int = Field(0, ge=-2, le=2, description="From -2, the lowest, to 2, an emergency.")
    sound: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,12}$")] | None = Field(None, description="Its sound.")
    devices: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,25}$")]], Field(max_length=20)
    ] = Field([], description="Only these devices.")

    def addresses(self) -> list[str]:
        devices = "".join(f"{device}/" for device in self.devices)
        query = _query(priority=self.priority, sound=self.sound)
        return [f"pover://{self.user_key}@{self.api_token}/{devices}{query}"]


class Pushbullet(AppriseSettings, key="pushbullet", label="Pushbullet", summary="Push messages by Pushbullet."):
    access_token: Annotated[str, matching(pattern=r"^[A-Za-z0-9_.-]{10,100}$")] = secret_field(
        description="Account settings, Access Tokens."
    )
    target: Annotated[Line, StringConstraints(pattern=r"^[^\s,;\[\]]+$")] | None = Field(
        None, description="A device, an email address or #channel; else all devices."
    )

    def addresses(self) -> list[str]:
        return [f"pbul://{self.access_token}/" + (f"{_q(self.target)}/" if self.target else "")]


class Gotify(AppriseSettings, key="gotify", label="Gotify", summary="A Gotify server."):
    url: BaseUrl = Field(description="The server, such as https://gotify.example.com.")
    app_token: Annotated[str, matching(pattern=r"^[A-Za-z0-9_.-]{5,100}$")] = secret_field(
        description="The token of the application."
    )
    priority: int = Field(5, ge=0, le=10, description="From 0 to 10.")
    verify_tls: bool = Field(True, description="Whether the certificate must be valid.")

    def destination(self) -> str:
        return _origin(self.url)

    def addresses(self) -> list[str]:
        query = _query(priority=self.priority, verify=_yes(self.verify_tls))
        return [f"{_address('gotify', self.url)}/{self.app_token}{query}"]


class Ntfy(AppriseSettings, key="ntfy", label="ntfy", summary="ntfy.sh, or an ntfy server of your own."):
    url: Annotated[Line, AfterValidator(_server)] = Field("https://ntfy.sh", description="The server, without a path.")
    topic: Annotated[str, matching(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = secret_field(
        description="The topic; everybody who knows it can read it."
    )
    priority: int = Field(3, ge=1, le=5, description="From 1 to 5.")
    access_token: Annotated[str, matching(pattern=r"^tk_[A-Za-z0-9_]{10,100}$")] | None = secret_field(
        None, description="An access token (`tk_…`), or username and password."
    )
    username: Line | None = Field(None, description="The account.")
    password: Password | None = secret_field(None, description="Its password.")
    verify_tls: bool = Field(True, description="Whether the certificate must be valid.")

    @model_validator(mode="after")
    def _one_login(self) -> "Ntfy":
        if (self.username is None) != (self.password is None) or (self.username and self.access_token):
            raise ValueError("give an access_token, or username and password, or neither")
        return self

    def destination(self) -> str:
        return _origin(self.url)

    def addresses(self) -> list[str]:
        login = f"{self.access_token}@" if self.access_token else _login(self.username, self.password)
        auth = "token" if self.access_token else "basic"
        query = _query(mode="private", priority=self.priority, auth=auth, image="no", verify=_yes(self.verify_tls))
        return [f"{_address('ntfy', self.url, login)}/{self.topic}{query}"]


class Notifiarr(AppriseSettings, key="notifiarr", label="Notifiarr", summary="A Discord channel through Notifiarr."):
    api_key: Token = secret_field(description="Your key, with the integration Passthrough.")
    channel_id: Annotated[str, matching(pattern=r"^[0-9]{10,25}$")] = Field(description="The channel's number.")

    def addresses(self) -> list[str]:
        return [f"notifiarr://{_q(self.api_key)}/{_q('#' + self.channel_id)}/?image=no"]


class Mqtt(AppriseSettings, key="mqtt", label="MQTT", summary="A topic of an MQTT broker."):
    host: Host = Field(description="The broker.")
    port: Port = Field(1883, description="Its port; 8883 with TLS.")
    tls: bool = Field(False, description="Whether the connection is encrypted.")
    topic: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[\w-]+(/[\w-]+)*$", max_length=200)] = (
        Field("huntarr", description="Where it is published.")
    )
    username: Line | None = Field(None, description="The account; without one there is no login.")
    password: Password | None = secret_field(None, description="Its password.")
    qos: int = Field(0, ge=0, le=2, description="Quality of service.")
    retain: bool = Field(False, description="Whether the broker keeps the last message.")
    verify_tls: bool = Field(True, description="Whether the certificate must be valid.")

    @model_validator(mode="after")
    def _both_or_none(self) -> "Mqtt":
        if self.password is not None and self.username is None:
            raise ValueError("a password needs a username")
        return self

    def destination(self) -> str:
        return f"{self.host}:{self.port} {self.tls}"

    def addresses(self) -> list[str]:
        scheme = "mqtts" if self.tls else "mqtt"
        query = _query(qos=self.qos, retain=_yes(self.retain), verify=_yes(self.verify_tls), session="no")
        return [f"{scheme}://{_login(self.username, self.password)}{self.host}:{self.port}/{self.topic}{query}"]


def _q(text: str) -> str:
    return quote(text, safe="")


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _query(**options: Any) -> str:
    given = {name: value for name, value in options.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _login(username: str | None, password: str | None) -> str:
    if username is None:
        return ""
    return f"{_q(username)}:{_q(password)}@" if password is not None else f"{_q(username)}@"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _address(scheme: str, url: str, login: str = "") -> str:
    """An http or https URL in the form of Apprise."""
    parts = urlsplit(url)
    return f"{scheme}{'s' if parts.scheme == 'https' else ''}://{login}{parts.netloc}{parts.path}"

"""The webhook: JSON, signed as Standard Webhooks say, to a receiver of the user's own."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Annotated, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, field_validator
from pydantic_core import to_json

from app.core.schemas import Out, UtcTime
from app.http.addresses import checked_url
from app.notifications.clients import NotificationClients
from app.notifications.messages import DeliveryResult, Message
from app.notifications.settings import Line, ProviderSettings, hidden

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how every secret begins, not one
KEY_BYTES: Final = (24, 64)
MAX_HEADERS: Final = 20
OURS: Final = frozenset(
    {"accept-encoding", "content-encoding", "content-length", "content-type", "expect", "host", "user-agent"}
)
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_QUERY: Final = re.compile(r"[!$-;=?-Z_a-z~\[\]]*")


def _target(text: str) -> str:
    """As any address of ours, and with a query and a last slash, which receivers may insist on."""
    base, mark, query = text.partition("?")
    if not _QUERY.fullmatch(query):
        raise ValueError("The query of the URL must be encoded, and there is no fragment (#).")
    return checked_url(base) + ("/" if base.endswith("/") else "") + mark + query


def key_of(text: str) -> bytes:
    """The key inside a `whsec_…`; `ValueError` when there is none."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(SECRET_PREFIX) or not KEY_BYTES[0] <= len(key) <= KEY_BYTES[1]:
        raise ValueError(f"must be {SECRET_PREFIX} and the base64 of {KEY_BYTES[0]} to {KEY_BYTES[1]} bytes")
    return key


def _signing_secret(text: str) -> str:
    key_of(text)
    return text


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, timestamp and body."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class WebhookBody(Out):
    """What is posted: an event, or a digest of several."""

    type: str
    timestamp: UtcTime
    data: dict[str, object]


class Webhook(ProviderSettings):
    word: ClassVar[str] = "webhook"
    title: ClassVar[str] = "Webhook"
    summary: ClassVar[str] = "Signed JSON (Standard Webhooks) to an address of your own."

    url: Annotated[Line, AfterValidator(_target)] = hidden(description="Where it is posted to, http or https.")
    secret: Annotated[str, StringConstraints(max_length=200), AfterValidator(_signing_secret)] | None = hidden(
        None, travels=False, description="`whsec_…`, to sign with; without one Huntarr makes it, and shows it once."
    )
    headers: dict[str, Annotated[str, StringConstraints(min_length=1, max_length=1000)]] = hidden(
        {}, description="Headers of your own, such as Authorization."
    )
    verify_tls: bool = Field(True, description="Whether the certificate must be valid.")

    @field_validator("headers")
    @classmethod
    def _are_own(cls, headers: dict[str, str]) -> dict[str, str]:
        if len(headers) > MAX_HEADERS:
            raise ValueError(f"must be at most {MAX_HEADERS}")
        if len({name.lower() for name in headers}) < len(headers):
            raise ValueError("must not give a header twice")
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError("has a name that is none of a header")
            if name.lower() in OURS | HOP_BY_HOP or name.lower().startswith("webhook-"):
                raise ValueError(f"must not hold {name}: Huntarr sets it, or it is about the connection")
            if not (value.isascii() and value.isprintable()) or value != value.strip():
                raise ValueError(f"has a value of {name} that is not printable ASCII")
        return headers

    def place(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def signed_with(self, text: str) -> Self:
        return self.model_copy(update={"secret": text})

    async def send(self, outlets: NotificationClients, message: Message) -> DeliveryResult:
        """The same body and id for every attempt; the timestamp, and so the signature, are of this one."""
        made = WebhookBody(type=message.type, timestamp=message.timestamp, data=message.data)
        body, now = to_json(made), int(message.sent_at.timestamp())
        headers = self.headers | {
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(key_of(self.secret or ""), message.id, now, body),
        }
        return await outlets.web.post(self.url, body, headers, verify_tls=self.verify_tls)

"""The webhook: JSON, signed according to Standard Webhooks, posted to the user's own receiver."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, field_validator
from pydantic_core import to_json

from app.core.schemas import Out, UtcTime
from app.http.addresses import checked_url
from app.http.headers import check_headers
from app.notifications.clients import NotificationClients
from app.notifications.messages import DeliveryResult, Message
from app.notifications.settings import Line, ProviderSettings, secret_field

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of every secret, not a secret
KEY_BYTES: Final = (24, 64)
RESERVED_HEADERS: Final = frozenset({"user-agent"})
_QUERY: Final = re.compile(r"[!$-;=?-Z_a-z~\[\]]*")


def _target(text: str) -> str:
    """A URL that may have a query and a trailing slash, which some receivers need."""
    base, mark, query = text.partition("?")
    if not _QUERY.fullmatch(query):
        raise ValueError("The query of the URL must be encoded, and the URL must have no fragment (#).")
    return checked_url(base) + ("/" if base.endswith("/") else "") + mark + query


def signing_key(text: str) -> bytes:
    """The key in a `whsec_…` secret; `ValueError` when it is not one."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(SECRET_PREFIX) or not KEY_BYTES[0] <= len(key) <= KEY_BYTES[1]:
        raise ValueError(f"must be {SECRET_PREFIX} and the base64 of {KEY_BYTES[0]} to {KEY_BYTES[1]} bytes")
    return key


def _signing_secret(text: str) -> str:
    signing_key(text)
    return text


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, timestamp and body."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class WebhookBody(Out):
    """The JSON body: an event, or a digest of several."""

    type: str
    level: str
    timestamp: UtcTime
    data: dict[str, object]


class Webhook(ProviderSettings, key="webhook", label="Webhook", summary="Signed JSON (Standard Webhooks) to your URL."):
    url: Annotated[Line, AfterValidator(_target)] = secret_field(description="The receiver, http or https.")
    secret: Annotated[str, StringConstraints(max_length=200), AfterValidator(_signing_secret)] | None = secret_field(
        None,
        sent_to_provider=False,
        description="`whsec_…`, to sign with; without one Huntarr creates it, and shows it once.",
    )
    headers: dict[str, Annotated[str, StringConstraints(min_length=1, max_length=1000)]] = secret_field(
        {}, description="Your own headers, such as Authorization."
    )
    verify_tls: bool = Field(True, description="Whether the certificate must be valid.")

    @field_validator("headers")
    @classmethod
    def _are_allowed(cls, headers: dict[str, str]) -> dict[str, str]:
        check_headers(headers, RESERVED_HEADERS)
        if any(name.lower().startswith("webhook-") for name in headers):
            raise ValueError("must not contain webhook-…: Huntarr sets them")
        return headers

    def destination(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def signed_with(self, text: str) -> Self:
        return self.model_copy(update={"secret": text})

    async def send(self, clients: NotificationClients, message: Message) -> DeliveryResult:
        """Body and id are the same for every attempt; timestamp and signature are of this one."""
        content = WebhookBody(type=message.type, level=message.level, timestamp=message.timestamp, data=message.data)
        body, now = to_json(content), int(message.sent_at.timestamp())
        headers = self.headers | {
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(signing_key(self.secret or ""), message.id, now, body),
        }
        return await clients.web.post(self.url, body, headers, verify_tls=self.verify_tls)

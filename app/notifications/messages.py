"""The message to a provider and the result of its delivery, the same for every provider."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, unquote

from app.core.lines import on_one_line
from app.core.logging import without_secrets
from app.core.schemas import SECRET_MASK

MAX_SENTENCE_LENGTH: Final = 300
MAX_RESPONSE_LENGTH: Final = 500
MIN_PIECE_LENGTH: Final = 6
MIN_SECRET_LENGTH: Final = 3
_PIECES: Final = re.compile(r"[/:@?&=#;,\s]+")
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Message:
    """One notification. `data` is for programs, `title` and `body` are for people. `sent_at`: time of this attempt."""

    id: str
    type: str
    level: str
    timestamp: datetime
    data: dict[str, Any]
    title: str
    body: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The outcome of one attempt: a sentence for the user, and the text of the provider's response."""

    ok: bool
    sentence: str
    response_text: str | None = None
    retry_after: timedelta | None = None


def redacted(result: DeliveryResult, secrets: Iterable[str]) -> DeliveryResult:
    """The result shortened, cleaned, and without the connection's secrets in any spelling that a response may quote."""
    hidden = sorted(_spellings(secrets), key=len, reverse=True)
    text = _cleaned(result.response_text or "", hidden, MAX_RESPONSE_LENGTH) or None
    return replace(result, sentence=_cleaned(result.sentence, hidden, MAX_SENTENCE_LENGTH), response_text=text)


def _cleaned(text: str, hidden: list[str], length: int) -> str:
    for secret in hidden:
        text = text.replace(secret, SECRET_MASK)
    return on_one_line(without_secrets(text))[:length].rstrip()


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Each secret as a whole and its parts as in a URL or header: plain, percent-encoded, decoded and as base64."""
    found: set[str] = set()
    for secret in secrets:
        pieces = {piece for piece in _PIECES.split(_SCHEME.sub("", secret)) if len(piece) >= MIN_PIECE_LENGTH}
        for text in {secret, *pieces}:
            found |= {text, quote(text, safe=""), unquote(text), base64.b64encode(text.encode()).decode()}
    return {text for text in found if len(text) >= MIN_SECRET_LENGTH}

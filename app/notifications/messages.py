"""What goes out and what comes back, the same for every provider."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, unquote

from app.core.logging import without_secrets
from app.core.schemas import SECRET_MASK

MAX_SENTENCE_LENGTH: Final = 300
MAX_ANSWER_LENGTH: Final = 500
MIN_PIECE_LENGTH: Final = 6
MIN_SECRET_LENGTH: Final = 3
_PIECES: Final = re.compile(r"[/:@?&=#;,\s]+")
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Message:
    """One notification. `data` is for programs, `title` and `body` are for people. `sent_at` is of this attempt."""

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
    """What a provider made of a message: a sentence of ours, and what it said itself."""

    ok: bool
    sentence: str
    said: str | None = None
    retry_after: timedelta | None = None


def discreet(answer: DeliveryResult, secrets: Iterable[str]) -> DeliveryResult:
    """The answer cut, cleaned and without the secrets of the connection, in whatever spelling it quotes them."""
    hidden = sorted(_spellings(secrets), key=len, reverse=True)
    said = _cleaned(answer.said or "", hidden, MAX_ANSWER_LENGTH) or None
    return replace(answer, sentence=_cleaned(answer.sentence, hidden, MAX_SENTENCE_LENGTH), said=said)


def _cleaned(text: str, hidden: list[str], length: int) -> str:
    for secret in hidden:
        text = text.replace(secret, SECRET_MASK)
    text = "".join(c if c.isprintable() else " " for c in without_secrets(text)).encode("utf-8", "replace").decode()
    return " ".join(text.split())[:length].rstrip()


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Whole, and in the pieces of a URL or header; each as it is, quoted and unquoted."""
    found: set[str] = set()
    for secret in secrets:
        pieces = {piece for piece in _PIECES.split(_SCHEME.sub("", secret)) if len(piece) >= MIN_PIECE_LENGTH}
        for text in {secret, *pieces}:
            found |= {text, quote(text, safe=""), unquote(text), base64.b64encode(text.encode()).decode()}
    return {text for text in found if len(text) >= MIN_SECRET_LENGTH}

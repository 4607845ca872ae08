"""Secrets: the box that encrypts them, and how our own keys are made, hashed and masked."""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from app.core.errors import HuntarrError
from app.core.schemas import SECRET_MASK

API_KEY_PREFIX = "huntarr_"

# How every value of `SecretBox.encrypt` begins, and its least length (from the Fernet specification).
ENCRYPTED_PREFIX: Final = "gAAAAA"
MIN_ENCRYPTED_LENGTH: Final = 100
_ENCRYPTED: Final = re.compile(
    rf"{ENCRYPTED_PREFIX}[A-Za-z0-9_-]{{{MIN_ENCRYPTED_LENGTH - len(ENCRYPTED_PREFIX) - 2},}}={{0,2}}"
)


class DecryptFailed(HuntarrError):
    """A stored secret is damaged, or was encrypted with another key than the one in force."""


class SecretBox:
    """Encrypts what is stored and must be read again (API keys of apps). Fernet: AES-128-CBC with HMAC-SHA256."""

    def __init__(self, key: str) -> None:
        digest = hashlib.sha256(b"huntarr secret box\0" + key.encode()).digest()
        self._root = digest
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))

    def encrypt(self, plain: str) -> str:
        return self._fernet.encrypt(plain.encode()).decode()

    def derive(self, purpose: str, text: str = "") -> bytes:
        """A keyed hash of `text`: 32 bytes that only this installation can compute, different for each purpose."""
        return hmac.digest(self._root, f"{purpose}\0{text}".encode(), "sha256")

    def decrypt(self, encrypted: str) -> str:
        """The plain text; `DecryptFailed` when this key did not encrypt it."""
        plain = self.try_decrypt(encrypted)
        if plain is None:
            raise DecryptFailed("A stored secret cannot be decrypted with the key in force: enter it again.")
        return plain

    def try_decrypt(self, encrypted: str) -> str | None:
        """The plain text, or `None` when this key did not encrypt it."""
        try:
            return self._fernet.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            return None


class Reencryptor:
    """Replaces every value that `old` can decrypt by the same value encrypted with `new`.

    Encrypted values are recognised by their form and not by a list of columns, so new tables take part by themselves.
    """

    def __init__(self, old: SecretBox, new: SecretBox) -> None:
        self._old = old
        self._new = new
        self.count = 0
        """How many values were replaced so far."""

    def text(self, text: str) -> str:
        """`text` with every encrypted value in it replaced."""
        return _ENCRYPTED.sub(self._replacement, text)

    def value(self, value: Any) -> Any:
        """The same for a text or for the texts inside parsed JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.value(inner) for name, inner in value.items()}
        return [self.value(inner) for inner in value] if isinstance(value, list) else value

    def _replacement(self, match: re.Match[str]) -> str:
        plain = self._old.try_decrypt(match[0])
        if plain is None:
            return match[0]
        self.count += 1
        return self._new.encrypt(plain)


def new_api_key() -> str:
    """`huntarr_` and 43 url-safe characters (256 random bits)."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def key_digest(key: str) -> bytes:
    """SHA-256, stored and compared instead of a key; the keys are random, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).digest()


def same_key(left: bytes, right: bytes) -> bool:
    """Whether both are equal, compared in constant time."""
    return hmac.compare_digest(left, right)


def masked(stored: str | None) -> str | None:
    """How a secret is shown: stars when it is set, null when not."""
    return SECRET_MASK if stored else None

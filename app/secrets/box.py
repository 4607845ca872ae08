"""Secrets: the box they are stored in, the key file, how keys are made, hashed and masked."""

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken

from app.core.config import Config
from app.core.errors import StartFailed
from app.core.schemas import SECRET_MASK
from app.secrets.keyfile import kept

KEY_FILE = "secret.key"
API_KEY_PREFIX = "huntarr_"


class SecretBox:
    """Encrypts what is stored and must be read again (API keys of apps). Fernet: AES-128-CBC with HMAC-SHA256."""

    def __init__(self, key: str) -> None:
        digest = hashlib.sha256(b"huntarr secret box\0" + key.encode()).digest()
        self._root = digest
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))

    def encrypt(self, plain: str) -> str:
        return self._fernet.encrypt(plain.encode()).decode()

    def derive(self, purpose: str, text: str = "") -> bytes:
        """32 bytes that only this installation can make: a keyed hash of `text`, another one for every purpose."""
        return hmac.digest(self._root, f"{purpose}\0{text}".encode(), "sha256")

    def decrypt(self, sealed: str) -> str:
        """The plain text; `StartFailed` when it was sealed with another key."""
        plain = self.try_decrypt(sealed)
        if plain is None:
            raise StartFailed(
                "The stored secrets were encrypted with another key: give HUNTARR_SECRET_KEY or the key file "
                "that this database was made with."
            )
        return plain

    def try_decrypt(self, sealed: str) -> str | None:
        """The plain text, or nothing when this key did not seal it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None


def secret_key(config: Config) -> str:
    """The key that secrets are encrypted with: from the environment, or a 0600 file made at the first start."""
    if config.secret_key is not None:
        return config.secret_key.get_secret_value()
    return kept(config.data_dir / KEY_FILE, secrets.token_urlsafe(32))


def new_api_key() -> str:
    """`huntarr_` and 43 url-safe characters (256 random bits)."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def key_digest(key: str) -> bytes:
    """What is compared instead of a key; the keys are random, so that a plain hash is enough."""
    return hashlib.sha256(key.encode()).digest()


def same_key(left: bytes, right: bytes) -> bool:
    return hmac.compare_digest(left, right)


def masked(stored: str | None) -> str | None:
    """How a secret reads: stars when set, null when not."""
    return SECRET_MASK if stored else None

"""Secrets: the box they are stored in, the key file, how keys are made, hashed and masked."""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from app.core.config import Settings
from app.core.errors import StartFailed
from app.core.schemas import SECRET_MASK

KEY_FILE = "secret.key"
API_KEY_FILE = "api.key"
API_KEY_PREFIX = "huntarr_"


class SecretBox:
    """Encrypts what is stored and must be read again (API keys of apps). Fernet: AES-128-CBC with HMAC-SHA256."""

    def __init__(self, key: str) -> None:
        digest = hashlib.sha256(b"huntarr secret box\0" + key.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))

    def seal(self, plain: str) -> str:
        return self._fernet.encrypt(plain.encode()).decode()

    def open(self, sealed: str) -> str:
        """The plain text; `StartFailed` when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise StartFailed(
                "The stored secrets were encrypted with another key: give HUNTARR_SECRET_KEY or the key file "
                "that this database was made with."
            ) from None


def secret_key(settings: Settings) -> str:
    """The key that secrets are encrypted with: from the environment, or a 0600 file made at the first start."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return _kept(settings.data_dir / KEY_FILE, secrets.token_urlsafe(32))


def api_key(settings: Settings) -> str:
    """The API key of full scope: from the environment, or a 0600 file made at the first start."""
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    return _kept(settings.data_dir / API_KEY_FILE, new_api_key())


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


def _kept(path: Path, fresh: str) -> str:
    """The file's text; the file is made with `fresh` when it is not there. Two processes agree on one text."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.write(fresh + "\n")
                handle.flush()
                os.fsync(handle.fileno())
            try:
                os.link(draft, path)  # atomic, and fails when another process was first
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        text = path.read_text().strip()
    except OSError as failure:
        raise StartFailed(f"The key file {path} cannot be used: {failure.strerror}.") from None
    except UnicodeError:
        text = ""
    if len(text) < 32:
        raise StartFailed(f"The key file {path} holds no key: restore it from a copy, or remove it to start anew.")
    return text

"""The secrets inside a backup: encrypted as they are stored, or with a key derived from a passphrase."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

from app.backup.manifest import Manifest, PassphraseLock
from app.core.errors import Conflict, Invalid
from app.secrets.box import Reencryptor, SecretBox

# Fixed by the format and never read from a file: a foreign archive must not choose how much work a passphrase costs.
SCRYPT_N: Final = 2**15
SCRYPT_R: Final = 8
SCRYPT_P: Final = 3
SCRYPT_MEMORY: Final = 64 * 1024 * 1024
SALT_BYTES: Final = 16
PROOF: Final = "sealed with the passphrase of this backup"
FIELD: Final = "body.passphrase"

Reencrypt = Callable[[str], str]
"""Returns a text with every encrypted value in it encrypted with another key."""


def fingerprint(box: SecretBox) -> str:
    """Identifies the key of `box` without revealing anything else about it."""
    return box.derive("backup fingerprint").hex()[:32]


def lock_with(passphrase: str) -> tuple[SecretBox, PassphraseLock]:
    """A box for the secrets of one backup, with its lock. Slow on purpose (0.1 s): call it in a thread."""
    salt = secrets.token_bytes(SALT_BYTES)
    box = _box(passphrase, salt)
    return box, PassphraseLock(salt=salt.hex(), proof=box.encrypt(PROOF))


def reencryption_of(manifest: Manifest, box: SecretBox, passphrase: str | None) -> Reencrypt | None:
    """How to encrypt the secrets of an archive with the key in force; `None` when they already are.

    `Conflict` for secrets under a foreign key, `Invalid` for a missing or wrong passphrase.
    """
    if manifest.passphrase is None:
        if manifest.key_fingerprint != fingerprint(box):
            raise Conflict(
                "The secrets in this backup were encrypted with another key: start Huntarr with the key that it was "
                "made with, or make a backup with a passphrase there."
            )
        return None
    if passphrase is None:
        raise Invalid("The secrets in this backup are under a passphrase: give it.", field=FIELD)
    foreign = _box(passphrase, bytes.fromhex(manifest.passphrase.salt))
    if foreign.try_decrypt(manifest.passphrase.proof) != PROOF:
        raise Invalid("This is not the passphrase that the backup was made with.", field=FIELD)
    return Reencryptor(foreign, box).text


def _box(passphrase: str, salt: bytes) -> SecretBox:
    key = hashlib.scrypt(
        passphrase.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=SCRYPT_MEMORY, dklen=32
    )
    return SecretBox(key.hex())

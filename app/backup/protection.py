"""The secrets inside a backup: sealed as they are stored, or under a key that is made of a passphrase."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

from app.backup.manifest import Lock, Manifest
from app.core.errors import Conflict, Invalid
from app.secrets.box import Reencryptor, SecretBox

# Fixed by the format and never read from a file: a stranger's archive must not choose what a guess costs us.
SCRYPT_N: Final = 2**15
SCRYPT_R: Final = 8
SCRYPT_P: Final = 3
SCRYPT_MEMORY: Final = 64 * 1024 * 1024
SALT_BYTES: Final = 16
PROOF: Final = "sealed with the passphrase of this backup"
FIELD: Final = "body.passphrase"

Exchange = Callable[[str], str]
"""A text with every sealed value in it sealed anew."""


def fingerprint(box: SecretBox) -> str:
    """Tells two keys apart and says nothing else of them."""
    return box.derive("backup fingerprint").hex()[:32]


def locked_with(passphrase: str) -> tuple[SecretBox, Lock]:
    """A box for the secrets of one backup. Takes a tenth of a second on purpose: call it in a thread."""
    salt = secrets.token_bytes(SALT_BYTES)
    box = _box(passphrase, salt)
    return box, Lock(salt=salt.hex(), proof=box.encrypt(PROOF))


def unlocked(manifest: Manifest, box: SecretBox, passphrase: str | None) -> Exchange | None:
    """How the secrets of an archive come under the key in force; `None` when they are under it already."""
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

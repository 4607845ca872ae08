"""Bodies and replies of the backups."""

from typing import Any

from pydantic import Field, SecretStr

from app.auth.schemas import Code, GivenPassword
from app.backup.manifest import MAX_NOTE_LENGTH, BackupKind, DatabaseKind
from app.core.config import MAX_PASSWORD, MIN_PASSWORD
from app.core.fields import Int64, Note
from app.core.schemas import In, Out, UtcTime, example

MAX_FILENAME_LENGTH = 200


def passphrase(**described: Any) -> Any:
    return Field(None, min_length=MIN_PASSWORD, max_length=MAX_PASSWORD, **described)


class BackupIn(In):
    """A backup to create."""

    model_config = example({"note": "before the move"})

    note: Note | None = Field(None, max_length=MAX_NOTE_LENGTH, description="Any text, shown in the list.")
    passphrase: SecretStr | None = passphrase(
        description="Encrypts the secrets inside with this passphrase, so that another installation can restore them."
    )


class RestoreIn(In):
    """A backup that replaces everything that is there."""

    model_config = example({"filename": "huntarr-manual-20261123T033000Z-1f2e3d4c.zip"})

    filename: str = Field(min_length=1, max_length=MAX_FILENAME_LENGTH)
    passphrase: SecretStr | None = passphrase(description="The passphrase that the backup was made with, if any.")
    password: GivenPassword | None = Field(None, description="The owner's password; a session must give it.")
    totp_code: Code | None = Field(None, description="A code or recovery code, while two-factor login is on.")


class BackupOut(Out):
    """A backup in the folder."""

    filename: str
    kind: BackupKind
    created_at: UtcTime
    size_bytes: Int64
    sha256: str = Field(description="SHA-256 of the file, in hex.")
    damaged: str | None = Field(None, description="Why the file cannot be restored, where its manifest cannot be read.")
    app_version: str | None = None
    schema_revision: str | None = None
    database: DatabaseKind | None = None
    note: str | None = None
    counts: dict[str, int] = Field(default={}, description="Number of rows in each table.")
    has_passphrase: bool = Field(False, description="Whether a restore needs its passphrase.")
    key_fits: bool = Field(
        False, description="Whether its secrets are under the key in force: it needs no passphrase here."
    )


class RestoreOut(Out):
    """The restored backup, and the backup of the state before."""

    restored: BackupOut
    before: BackupOut

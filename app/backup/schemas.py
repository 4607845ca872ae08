"""Bodies and replies of the backups."""

from typing import Any

from pydantic import Field, SecretStr

from app.backup.manifest import MAX_NOTE_LENGTH, BackupKind, DatabaseKind
from app.core.config import MAX_PASSWORD, MIN_PASSWORD
from app.core.schemas import In, Out, UtcTime

MAX_FILENAME_LENGTH = 200


def passphrase(**described: Any) -> Any:
    return Field(None, min_length=MIN_PASSWORD, max_length=MAX_PASSWORD, **described)


class BackupIn(In):
    """A backup to make."""

    note: str | None = Field(None, max_length=MAX_NOTE_LENGTH, description="What you want to remember of it.")
    passphrase: SecretStr | None = passphrase(
        description="Puts the secrets inside under this passphrase, so that another installation can restore them."
    )


class RestoreIn(In):
    """A backup to put in the place of everything that is there."""

    filename: str = Field(min_length=1, max_length=MAX_FILENAME_LENGTH)
    passphrase: SecretStr | None = passphrase(description="The one that the backup was made with, if it was.")


class BackupOut(Out):
    """One backup of the folder."""

    filename: str
    kind: BackupKind
    created_at: UtcTime
    size_bytes: int
    sha256: str = Field(description="Of the file.")
    app_version: str
    schema_revision: str
    database: DatabaseKind
    note: str | None
    counts: dict[str, int] = Field(description="Rows by table.")
    has_passphrase: bool = Field(description="Restoring it asks for the passphrase.")
    key_fits: bool = Field(description="Its secrets are under the key in force: it needs no passphrase here.")


class RestoreOut(Out):
    """What was restored, and the backup of what was there before."""

    restored: BackupOut
    before: BackupOut

"""`manifest.json`: the description that an archive carries of itself."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from app.core.errors import Invalid
from app.core.schemas import Deferred

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MAX_NOTE_LENGTH: Final = 500
YEARS: Final = range(2000, 2200)

Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


def _sane_year(moment: datetime) -> datetime:
    """The ends of the calendar cannot be converted to UTC."""
    if moment.year not in YEARS:
        raise ValueError(f"must lie between {YEARS.start} and {YEARS.stop}")
    return moment


class Damaged(Invalid):
    """The file is no backup, or was changed after it was made."""


class BackupKind(StrEnum):
    """Why a backup was made; each kind has its own retention."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    UPLOADED = "uploaded"
    PRE_RESTORE = "pre_restore"


class DatabaseKind(StrEnum):
    """The kind of database that a backup was made from; it can be restored into either."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class TableEntry(Deferred):
    """One table: rows, bytes and hash of its file, and the highest id that the table ever assigned."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    rows: Count
    size: Count
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    last_id: Count | None = None

    @property
    def member(self) -> str:
        return member_name(self.name)


class PassphraseLock(Deferred):
    """For secrets encrypted with a passphrase: the salt of its key, and a text that only that key decrypts."""

    model_config = ConfigDict(frozen=True)

    salt: Hex
    proof: str = Field(min_length=100, max_length=500)


class ManifestHead(Deferred):
    """The manifest without its tables: known before the first row is read."""

    model_config = ConfigDict(frozen=True)

    product: Literal["huntarr"] = "huntarr"
    format: int = FORMAT
    app_version: str = Field(min_length=1, max_length=40)
    schema_revision: str = Field(pattern=r"^[A-Za-z0-9_]{1,40}$")
    created_at: Annotated[AwareDatetime, AfterValidator(_sane_year)]
    kind: BackupKind
    note: str | None = Field(None, max_length=MAX_NOTE_LENGTH)
    database: DatabaseKind
    key_fingerprint: Hex
    passphrase: PassphraseLock | None = None


class Manifest(ManifestHead):
    tables: list[TableEntry] = Field(max_length=500)

    @property
    def counts(self) -> Mapping[str, int]:
        return {table.name: table.rows for table in self.tables}

    @property
    def last_ids(self) -> Mapping[str, int]:
        return {table.name: table.last_id for table in self.tables if table.last_id is not None}


def member_name(table: str) -> str:
    return f"tables/{table}.ndjson"


def parse_manifest(content: bytes) -> Manifest:
    """The manifest in `content`; `Damaged` with a sentence for anything else."""
    try:
        given = from_json(content, allow_inf_nan=False)
    except ValueError:
        raise Damaged("The manifest of the backup cannot be read.") from None
    if not isinstance(given, dict) or given.get("product") != "huntarr":
        raise Damaged("The file is no backup of Huntarr.")
    version = given.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise Damaged(f"A newer Huntarr made this backup: its format is {version}, and this one knows {FORMAT}.")
    try:
        manifest = Manifest.model_validate(given)
    except ValidationError as failure:
        wrong = ".".join(str(part) for part in failure.errors(include_input=False)[0]["loc"])
        raise Damaged(f"The manifest of the backup is not valid at {wrong or 'its start'}.") from None
    if len({table.name for table in manifest.tables}) != len(manifest.tables) or version != FORMAT:
        raise Damaged("The manifest of the backup contradicts itself.")
    return manifest


def filename_time(moment: datetime) -> str:
    """A time as file names show it, such as 20261123T160000Z."""
    return moment.strftime("%Y%m%dT%H%M%SZ")

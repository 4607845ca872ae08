"""Reading an archive that a stranger may have made: bounded in members, bytes and ratio, never by the names inside."""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from pydantic_core import from_json

from app.backup import manifest
from app.backup.manifest import MANIFEST, Damaged, Manifest, TableEntry
from app.backup.protection import Exchange

Record = dict[str, Any]

MAX_FILE: Final = 2**30
MAX_CONTENT: Final = 32 * 2**30
MAX_RATIO: Final = 250
FREE_OF_RATIO: Final = 64 * 2**20
"""Small contents may be as repetitive as they like."""
MAX_MANIFEST: Final = 2**20
MAX_DIRECTORY: Final = 2**18
MAX_LINE_LENGTH: Final = 64 * 2**20
CHUNK: Final = 2**18
END: Final = struct.Struct("<4s4H2LH")  # the end record of a zip, section 4.3.16 of its specification
END_MARK: Final = b"PK\5\6"
LARGE_MARK: Final = b"PK\6\7"

BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,
    struct.error,
    KeyError,
)
"""What Python's zip module says of a broken file. `RuntimeError` covers encryption and unknown methods."""


class Archive:
    """An open archive whose outside was checked; its tables are checked while they are read."""

    def __init__(self, opened: zipfile.ZipFile, said: Manifest) -> None:
        self._zip = opened
        self.manifest = said

    def records(self, entry: TableEntry, exchange: Exchange | None) -> Iterator[list[Record]]:
        """The rows in batches; `Damaged` at the latest after the last one, when size, count or hash are not right."""
        rows = 0
        for lines in self._lines(entry):
            rows += len(lines)
            if rows > entry.rows:
                break
            yield [_record(line, entry.name, exchange) for line in lines]
        if rows != entry.rows:
            raise Damaged(f"The table {entry.name} of the backup has not the {entry.rows} rows that it should have.")

    def _lines(self, entry: TableEntry) -> Iterator[list[bytes]]:
        """As many at a time as a chunk of the file holds: memory is bounded whatever the lines are."""
        digest, rest = hashlib.sha256(), b""
        for chunk in self._chunks(entry):
            digest.update(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE_LENGTH:
                raise Damaged(f"The table {entry.name} of the backup has a line that is too long.")
            if whole:
                yield whole
        if rest or digest.hexdigest() != entry.sha256:
            raise Damaged(f"The table {entry.name} of the backup is not what was saved: its hash differs.")

    def _chunks(self, entry: TableEntry) -> Iterator[bytes]:
        size = 0
        try:
            with self._zip.open(entry.member) as member:
                while chunk := member.read(CHUNK):
                    size += len(chunk)
                    if size > entry.size:
                        break
                    yield chunk
        except BROKEN:
            raise Damaged(f"The table {entry.name} of the backup cannot be read.") from None
        if size != entry.size:
            raise Damaged(f"The table {entry.name} of the backup has not the size that it should have.")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive; `Damaged` with a sentence when its outside is not that of a backup."""
    with path.open("rb") as handle:
        _check_end(handle)
        try:
            archive = zipfile.ZipFile(handle)
        except BROKEN:
            raise Damaged("The file is no zip, or not a whole one.") from None
        with archive:
            said = _manifest(archive)
            _check_members(archive, said)
            yield Archive(archive, said)


def manifest_of(path: Path) -> Manifest:
    with opened(path) as archive:
        return archive.manifest


def _check_end(handle: IO[bytes]) -> None:
    """Before Python's zip module reads the directory into memory: is it as short as ours are?"""
    size = handle.seek(0, 2)
    if size > MAX_FILE:
        raise Damaged(f"The file is larger than {MAX_FILE} bytes.")
    handle.seek(max(0, size - END.size - 20))
    tail = handle.read()
    if len(tail) < END.size or tail[-END.size :][:4] != END_MARK:
        raise Damaged("The file is no zip, or not a whole one.")
    *_, directory, _, comment = END.unpack(tail[-END.size :])
    if directory > MAX_DIRECTORY or comment or tail.startswith(LARGE_MARK):
        raise Damaged("The file is no backup: no backup has such a directory.")
    handle.seek(0)


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    named = [info for info in archive.infolist() if info.filename == MANIFEST]
    if len(named) != 1 or named[0].file_size > MAX_MANIFEST:
        raise Damaged("The file is no backup of Huntarr: it has no manifest.")
    try:
        with archive.open(named[0]) as member:
            content = member.read(MAX_MANIFEST + 1)
    except BROKEN:
        raise Damaged("The manifest of the backup cannot be read.") from None
    return manifest.parsed(content)


def _check_members(archive: zipfile.ZipFile, said: Manifest) -> None:
    members = archive.infolist()
    expected = {entry.member: entry.size for entry in said.tables}
    if sorted(info.filename for info in members) != sorted([*expected, MANIFEST]):
        raise Damaged("The backup does not hold exactly the files that its manifest names.")
    content = sum(info.file_size for info in members)
    packed = sum(info.compress_size for info in members)
    if content > MAX_CONTENT or (content > FREE_OF_RATIO and content > MAX_RATIO * packed):
        raise Damaged("The backup unpacks to more than any backup does.")
    for info in members:
        if info.filename != MANIFEST and info.file_size != expected[info.filename]:
            raise Damaged("The sizes in the backup contradict its manifest.")


def _record(line: bytes, table: str, exchange: Exchange | None) -> Record:
    try:
        text = line.decode()
        found = from_json(text if exchange is None else exchange(text), allow_inf_nan=False)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Damaged(f"The table {table} of the backup holds a line that is no row.")
    return found

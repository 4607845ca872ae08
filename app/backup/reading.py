"""Reads an archive that anybody may have made: members, bytes and compression ratio are bounded, and no name inside
leads to a file.
"""

import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from pydantic_core import from_json

from app.backup.manifest import MANIFEST, Damaged, Manifest, TableEntry, parse_manifest
from app.backup.protection import Reencrypt

ArchiveRow = dict[str, Any]

MAX_FILE_BYTES: Final = 2**30
MAX_CONTENT_BYTES: Final = 32 * 2**30
MAX_RATIO: Final = 250
RATIO_FREE_BYTES: Final = 2**20
"""Below this size the compression ratio does not matter."""
MAX_MANIFEST_BYTES: Final = 2**20
MAX_DIRECTORY_BYTES: Final = 2**18
MAX_LINE_BYTES: Final = 4 * 2**20
MAX_LONG_LINE_BYTES: Final = 32 * 2**20
LONG_LINES: Final = frozenset({"derived_lists"})
"""The tables that keep a whole library in one row, as bytes."""
MAX_VALUES: Final = 200
"""No table has so many columns."""
STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
CHUNK_BYTES: Final = 2**18
END_RECORD: Final = struct.Struct("<4s4H2LH")  # the end record of a zip, section 4.3.16 of its specification
END_SIGNATURE: Final = b"PK\5\6"
ZIP64_SIGNATURE: Final = b"PK\6\7"

ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,
    struct.error,
    KeyError,
)
"""What Python's zip module raises for a broken file. `RuntimeError` covers encryption and unknown methods."""


class Archive:
    """An open archive with valid members and manifest; its tables are checked while they are read."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._zip = archive
        self.manifest = manifest

    def rows(self, entry: TableEntry, reencrypt: Reencrypt | None) -> Iterator[list[ArchiveRow]]:
        """The rows in batches. `Damaged`, after the last batch at the latest, when size, count or hash do not match."""
        count = 0
        for lines in self._lines(entry):
            count += len(lines)
            if count > entry.rows:
                break
            yield [_row(line, entry.name, reencrypt) for line in lines]
        if count != entry.rows:
            raise Damaged(f"The table {entry.name} of the backup has not the {entry.rows} rows that it should have.")

    def _lines(self, entry: TableEntry) -> Iterator[list[bytes]]:
        """The lines of each chunk of the file: memory stays bounded, whatever the lines are."""
        digest, rest = hashlib.sha256(), b""
        longest = MAX_LONG_LINE_BYTES if entry.name in LONG_LINES else MAX_LINE_BYTES
        for chunk in self._chunks(entry):
            digest.update(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            if max(map(len, (rest, *whole))) > longest:
                raise Damaged(f"The table {entry.name} of the backup has a line that is too long.")
            if whole:
                yield whole
        if rest or digest.hexdigest() != entry.sha256:
            raise Damaged(f"The table {entry.name} of the backup is not what was saved: its hash differs.")

    def _chunks(self, entry: TableEntry) -> Iterator[bytes]:
        size = 0
        try:
            with self._zip.open(entry.member) as member:
                while chunk := member.read(CHUNK_BYTES):
                    size += len(chunk)
                    if size > entry.size:
                        break
                    yield chunk
        except ZIP_ERRORS:
            raise Damaged(f"The table {entry.name} of the backup cannot be read.") from None
        if size != entry.size:
            raise Damaged(f"The table {entry.name} of the backup has not the size that it should have.")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """The archive; `Damaged` with a sentence when its members or its manifest are not those of a backup."""
    with path.open("rb") as handle:
        _check_end(handle)
        try:
            archive = zipfile.ZipFile(handle)
        except ZIP_ERRORS:
            raise Damaged("The file is no zip, or not a whole one.") from None
        with archive:
            manifest = _manifest(archive)
            _check_members(archive, manifest)
            yield Archive(archive, manifest)


def read_manifest(path: Path) -> Manifest:
    with open_archive(path) as archive:
        return archive.manifest


def _check_end(handle: IO[bytes]) -> None:
    """Refuse a file whose directory is longer than ours, before Python's zip module reads it into memory."""
    size = handle.seek(0, 2)
    if size > MAX_FILE_BYTES:
        raise Damaged(f"The file is larger than {MAX_FILE_BYTES} bytes.")
    handle.seek(max(0, size - END_RECORD.size - 20))
    tail = handle.read()
    if len(tail) < END_RECORD.size or tail[-END_RECORD.size :][:4] != END_SIGNATURE:
        raise Damaged("The file is no zip, or not a whole one.")
    *_, directory, _, comment = END_RECORD.unpack(tail[-END_RECORD.size :])
    if directory > MAX_DIRECTORY_BYTES or comment or tail.startswith(ZIP64_SIGNATURE):
        raise Damaged("The file is no backup: no backup has such a directory.")
    handle.seek(0)


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    named = [info for info in archive.infolist() if info.filename == MANIFEST]
    if len(named) != 1 or named[0].file_size > MAX_MANIFEST_BYTES:
        raise Damaged("The file is no backup of Huntarr: it has no manifest.")
    try:
        with archive.open(named[0]) as member:
            content = member.read(MAX_MANIFEST_BYTES + 1)
    except ZIP_ERRORS:
        raise Damaged("The manifest of the backup cannot be read.") from None
    return parse_manifest(content)


def _check_members(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    members = archive.infolist()
    expected = {entry.member: entry.size for entry in manifest.tables}
    if sorted(info.filename for info in members) != sorted([*expected, MANIFEST]):
        raise Damaged("The backup does not hold exactly the files that its manifest names.")
    content = sum(info.file_size for info in members)
    packed = sum(info.compress_size for info in members)
    if content > MAX_CONTENT_BYTES or (content > RATIO_FREE_BYTES and content > MAX_RATIO * packed):
        raise Damaged("The backup unpacks to more than any backup does.")
    for info in members:
        if info.filename != MANIFEST and info.file_size != expected[info.filename]:
            raise Damaged("The sizes in the backup contradict its manifest.")


def _check_flat(line: bytes, table: str) -> None:
    """A row is one flat object: JSON is kept as text. Counted before anything is parsed."""
    frame = STRINGS.sub(b"", line)
    if frame.count(b"{") > 1 or b"[" in frame or frame.count(b",") > MAX_VALUES:
        raise Damaged(f"The table {table} of the backup holds a line that is no row.")


def _row(line: bytes, table: str, reencrypt: Reencrypt | None) -> ArchiveRow:
    _check_flat(line, table)
    try:
        text = line.decode()
        found = from_json(text if reencrypt is None else reencrypt(text), allow_inf_nan=False)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Damaged(f"The table {table} of the backup holds a line that is no row.")
    return found

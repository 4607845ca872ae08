"""Brings a file into the library: by hard link, else as a copy, and at every moment the old or the new one is whole.

Every step may be repeated: an import that was interrupted is finished by carrying out its plan once more.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.core.files import fsync

COPY_BYTES = 1024 * 1024
CANNOT_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})
"""Another volume, or one that knows no hard links: a copy is made instead."""


class PlacingFailed(Exception):
    """A file was not imported; the text is a sentence that says why. The library is as it was."""


@dataclass(frozen=True, slots=True)
class FileMove:
    """One file that comes into the library; the names are whole paths. `temporary` is beside `target`."""

    source: str
    target: str
    temporary: str


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import does. It is stored before the first step, so that a later start can finish or undo it."""

    video: FileMove
    subtitles: tuple[FileMove, ...]
    replaced: str | None
    """The file of the movie that the video takes the place of."""
    root: str
    download: str
    """The file or folder of the download: nothing outside of it is read."""
    keep_free: int
    """Bytes that stay free on the volume of the library."""

    @property
    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> "ImportPlan":
        moves = {**document, "video": FileMove(**document["video"])}
        moves["subtitles"] = tuple(FileMove(**each) for each in document["subtitles"])
        return cls(**moves)

    @property
    def moves(self) -> Iterator[FileMove]:
        yield self.video
        yield from self.subtitles


def move_of(source: Path, target: Path, number: int) -> FileMove:
    """`number`: of the grab; it makes the temporary name one that no other import has."""
    return FileMove(str(source), str(target), str(target.with_name(f".huntarr-{number}{target.suffix}.part")))


def carry_out(plan: ImportPlan, *, link: Callable[[str, str], None] = os.link) -> None:
    """Do all of the plan; `PlacingFailed` when it cannot be done. For a thread: copies take long."""
    _check(plan)
    try:
        for move in plan.moves:
            _place(move, plan, link)
        if plan.replaced is not None and plan.replaced != plan.video.target:
            Path(plan.replaced).unlink(missing_ok=True)
    except OSError as failure:
        undo(plan)
        raise PlacingFailed(f"The file cannot be written: {failure.strerror or failure}.") from failure


def undo(plan: ImportPlan) -> None:
    """Delete what an import left half done; whole files stay."""
    for move in plan.moves:
        with suppress(OSError):
            Path(move.temporary).unlink(missing_ok=True)


def _check(plan: ImportPlan) -> None:
    root, download = Path(plan.root), Path(plan.download)
    if not root.is_dir():
        raise PlacingFailed(f"The root folder {root} is not there: is its volume mounted?")
    for move in plan.moves:
        source, target = Path(move.source), Path(move.target)
        if not source.is_file():
            raise PlacingFailed(f"The download has no file {source.name} any more.")
        if not is_inside(source, download):
            raise PlacingFailed(f"{source.name} leads out of the folder of the download: it is not imported.")
        if not is_inside(target, root):
            raise PlacingFailed(f"{target.name} would be outside of the root folder: it is not imported.")
    target = Path(plan.video.target)
    if target.exists() and plan.replaced != plan.video.target and not _is_same(Path(plan.video.source), target):
        raise PlacingFailed(f"There is a file {target.name} already that is not of this library: move it away.")


def is_inside(path: Path, folder: Path) -> bool:
    """With every symbolic link followed."""
    return path.resolve().is_relative_to(folder.resolve())


def _is_same(source: Path, target: Path) -> bool:
    """The same file, or one of the same size: a copy that an interrupted import made."""
    return source.samefile(target) or source.stat().st_size == target.stat().st_size


def _place(move: FileMove, plan: ImportPlan, link: Callable[[str, str], None]) -> None:
    target, temporary = Path(move.target), Path(move.temporary)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.unlink(missing_ok=True)
    source = Path(move.source).resolve()
    try:
        link(str(source), str(temporary))
    except OSError as failure:
        if failure.errno not in CANNOT_LINK:
            raise
        _copy(source, temporary, plan)
    temporary.replace(target)
    # Two names of one file: POSIX leaves both when one is renamed to the other.
    temporary.unlink(missing_ok=True)
    fsync(target.parent)


def _copy(source: Path, temporary: Path, plan: ImportPlan) -> None:
    size = source.stat().st_size
    free = shutil.disk_usage(plan.root).free
    if free - size < plan.keep_free:
        raise PlacingFailed(f"There is not enough room: {size} bytes are needed, {free} are free.")
    with source.open("rb") as reading, temporary.open("wb") as writing:
        shutil.copyfileobj(reading, writing, COPY_BYTES)
        writing.flush()
        os.fsync(writing.fileno())
    if temporary.stat().st_size != size or source.stat().st_size != size:
        temporary.unlink(missing_ok=True)
        raise PlacingFailed(f"{source.name} changed while it was copied: is it still being downloaded?")


def delete_job_files(folder: Path, files: Sequence[Path]) -> None:
    """Delete exactly these files of a download, and then the folders in `folder` that are empty. Nothing else."""
    inside = [each for each in files if is_inside(each, folder)]
    for each in inside:
        with suppress(OSError):
            each.unlink(missing_ok=True)
    parents = {parent for each in inside for parent in each.parents if parent.is_relative_to(folder)}
    for parent in sorted(parents, key=lambda each: -len(each.parts)):
        with suppress(OSError):
            parent.rmdir()

"""Which files of a finished download are the movie: or why a person has to look."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from app.movie_hunt.decisions.facts import MovieFacts
from app.releases.matching import clean_title
from app.releases.models import ReleaseKind, ReleaseName

VIDEOS = frozenset(
    (
        *(".mkv", ".mk3d", ".mp4", ".m4v", ".avi", ".mov", ".wmv", ".mpg", ".mpeg", ".ts", ".m2ts", ".webm", ".flv"),
        *(".divx", ".ogm", ".ogv", ".asf", ".vob", ".iso", ".img", ".rmvb", ".3gp"),
    )
)
SUBTITLES = frozenset([".srt", ".ass", ".ssa", ".sub", ".idx", ".sup", ".vtt", ".smi"])
ARCHIVES = frozenset([".7z", ".bz2", ".gz", ".rar", ".tar", ".tbz2", ".tgz", ".zip", ".r00", ".001"])
EXECUTABLES = frozenset(
    (".exe", ".bat", ".cmd", ".sh", ".com", ".msi", ".scr", ".lnk", ".vbs", ".ps1", ".jar", ".zipx", ".arj", ".lzh")
)
_ARCHIVE_PART = re.compile(r"\.(?:r[0-9]{2}|part[0-9]{1,3}\.rar|[0-9]{3})$", re.IGNORECASE)
_SAMPLE = re.compile(r"(?<![a-z0-9])(?:sample|proof)(?![a-z0-9])", re.IGNORECASE)
_PARTS = re.compile(r"(?<![a-z0-9])(?:cd|dis[ck]|dvd|part|pt)[ ._-]?[1-9](?![0-9])", re.IGNORECASE)
_UNPACKING = re.compile(r"(?:^|/)_(?:UNPACK|FAILED)_", re.IGNORECASE)
_DISC_FOLDERS = frozenset({"video_ts", "bdmv", "hvdvd_ts"})
SAMPLE_SHARE = 0.3
"""A file called sample that is larger than this share of the largest video is none."""
MIN_BYTES_A_MINUTE = 300_000
"""A video of fewer bytes for each minute of the film is no film."""
SIMILAR_SHARE = 0.8
"""Two videos of which the smaller has this share of the larger may both be films."""


class ImportReason(StrEnum):
    """Why a download waits for a person."""

    NO_VIDEO = "no_video"
    ARCHIVES_ONLY = "archives_only"
    EXECUTABLE = "executable"
    UNPACKING = "unpacking"
    SEVERAL_PARTS = "several_parts"
    DISC_FOLDER = "disc_folder"
    SAMPLE_ONLY = "sample_only"
    OTHER_MOVIE = "other_movie"
    SEVERAL_MOVIES = "several_movies"


SENTENCES = {
    ImportReason.NO_VIDEO: "The download holds no video.",
    ImportReason.ARCHIVES_ONLY: "The download holds archives only: unpack them in the download client.",
    ImportReason.EXECUTABLE: "The download holds a program and no video: it is probably malware.",
    ImportReason.UNPACKING: "The download client is still unpacking it.",
    ImportReason.SEVERAL_PARTS: "The movie is in several files (CD1, CD2 …), which would have to be joined.",
    ImportReason.DISC_FOLDER: "The download is the folder of a disc (VIDEO_TS or BDMV), not a video file.",
    ImportReason.SAMPLE_ONLY: "The download holds only a sample.",
    ImportReason.OTHER_MOVIE: "The video's own name is that of another movie.",
    ImportReason.SEVERAL_MOVIES: "The download holds several videos that may be the movie.",
}


@dataclass(frozen=True, slots=True)
class JobFile:
    """A file of the download; `path` is relative to its folder, with `/`."""

    path: str
    size: int

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix.lower()


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    video: JobFile
    subtitles: tuple[JobFile, ...] = ()


class WaitsForPerson(Exception):
    """A person has to look; the text is the sentence for them."""

    def __init__(self, reason: ImportReason, detail: str = "") -> None:
        super().__init__(f"{SENTENCES[reason]}{f' ({detail})' if detail else ''}")
        self.reason = reason


def choose(files: Sequence[JobFile], movie: MovieFacts, read_name: Callable[[str], ReleaseName]) -> ChosenFiles:
    """The video and its subtitles; `WaitsForPerson` where that is not certain."""
    videos = _videos(files)
    largest = max(videos, key=lambda each: each.size)
    if _is_sample(largest, largest, movie):
        raise WaitsForPerson(ImportReason.SAMPLE_ONLY, largest.name)
    whole = [each for each in videos if not _is_sample(each, largest, movie)]
    if sum(_PARTS.search(PurePosixPath(each.path).stem) is not None for each in whole) > 1:
        raise WaitsForPerson(ImportReason.SEVERAL_PARTS)
    video = _the_movie(whole, movie, read_name)
    return ChosenFiles(video, tuple(_subtitles(files, video, len(whole))))


def _videos(files: Sequence[JobFile]) -> Sequence[JobFile]:
    if any(_UNPACKING.search(each.path) for each in files):
        raise WaitsForPerson(ImportReason.UNPACKING)
    for each in files:
        if _DISC_FOLDERS & {part.lower() for part in PurePosixPath(each.path).parts[:-1]}:
            raise WaitsForPerson(ImportReason.DISC_FOLDER)
    videos = [each for each in files if each.suffix in VIDEOS]
    if videos:
        return videos
    if any(each.suffix in EXECUTABLES for each in files):
        raise WaitsForPerson(ImportReason.EXECUTABLE)
    if any(each.suffix in ARCHIVES or _ARCHIVE_PART.search(each.path) for each in files):
        raise WaitsForPerson(ImportReason.ARCHIVES_ONLY)
    raise WaitsForPerson(ImportReason.NO_VIDEO)


def _is_sample(file: JobFile, largest: JobFile, movie: MovieFacts) -> bool:
    called = _SAMPLE.search(PurePosixPath(file.path).with_suffix("").as_posix()) is not None
    minutes = movie.runtime_minutes or 0
    if file is largest:
        return called and file.size < minutes * MIN_BYTES_A_MINUTE
    return file.size < largest.size * (SAMPLE_SHARE if called else 0.1)


def _the_movie(whole: Sequence[JobFile], movie: MovieFacts, read_name: Callable[[str], ReleaseName]) -> JobFile:
    """The largest video whose name does not say that it is another movie."""
    ordered = sorted(whole, key=lambda each: -each.size)
    fits = [each for each in ordered if _contradiction(each.name, movie, read_name) is None]
    if not fits:
        detail = _contradiction(ordered[0].name, movie, read_name) or ""
        raise WaitsForPerson(ImportReason.OTHER_MOVIE, detail)
    named = [each for each in fits if _is_named(read_name(each.name), movie)]
    best = (named or fits)[0]
    rivals = [each for each in fits if each is not best and each.size >= best.size * SIMILAR_SHARE]
    if not named and rivals:
        raise WaitsForPerson(ImportReason.SEVERAL_MOVIES)
    if best is not ordered[0] and not named:
        raise WaitsForPerson(ImportReason.OTHER_MOVIE, ordered[0].name)
    return best


def _is_named(read: ReleaseName, movie: MovieFacts) -> bool:
    return not movie.clean_titles.isdisjoint(map(clean_title, read.titles)) and _year_fits(read, movie)


def _contradiction(name: str, movie: MovieFacts, read_name: Callable[[str], ReleaseName]) -> str | None:
    """What the name says instead; `None` for one that says nothing or the right thing.

    A name without a year is often no name of a movie at all (`a.mkv`, a hash): only with a year it contradicts.
    """
    read = read_name(name)
    if read.kind is ReleaseKind.EPISODE:
        return name
    if not read.titles or read.year is None:
        return None
    return None if _is_named(read, movie) else name


def _year_fits(read: ReleaseName, movie: MovieFacts) -> bool:
    return read.year is None or movie.year is None or abs(read.year - movie.year) <= 1


def _subtitles(files: Sequence[JobFile], video: JobFile, videos: int) -> list[JobFile]:
    """Those with the video's name, and where it is the only video those beside it and in a folder of subtitles."""
    stem, folder = PurePosixPath(video.path).stem.lower(), PurePosixPath(video.path).parent
    found = []
    for each in files:
        path = PurePosixPath(each.path)
        if each.suffix not in SUBTITLES:
            continue
        is_near = path.parent == folder or (
            path.parent.name.lower() in ("subs", "subtitles") and path.parent.parent == folder
        )
        if each.name.lower().startswith(stem) or (videos == 1 and is_near):
            found.append(each)
    return found

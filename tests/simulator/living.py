"""Downloads that live by the clock: what a client does with one, stage after stage, and how the app shows it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.simulator.messages import Json

Doing = Literal["downloading", "stalled", "paused", "queued", "checking", "metadata", "tracker_error", "disk_error"]


@dataclass(frozen=True, slots=True)
class Stage:
    """For `seconds` the client does this; `share` of the size arrives meanwhile."""

    doing: Doing
    seconds: float = math.inf
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Halt:
    """A while, in epoch seconds, in which a download does something else and its stages stand still."""

    start: float
    end: float
    doing: Doing


@dataclass(slots=True)
class Life:
    """The stages of a download, and what becomes of it when everything has arrived.

    `ending` is `import`, `fail` (a usenet download that cannot be repaired), `wait` (complete, but the app does not
    look at it) or a word of `PROBLEMS`.
    """

    stages: tuple[Stage, ...]
    ending: str = "import"
    halts: list[Halt] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    def halted(self, start: float, moment: float) -> float:
        """Seconds between both in which it stood still."""
        return sum(max(0.0, min(halt.end, moment) - max(halt.start, start)) for halt in self.halts)

    def at(self, start: float, moment: float) -> "LifeState":
        elapsed = moment - start - self.halted(start, moment)
        halt = next((halt for halt in self.halts if halt.start <= moment < halt.end), None)
        began, done = 0.0, 0.0
        for stage in self.stages:
            passed = elapsed - began
            if passed < stage.seconds:
                gone = max(passed, 0.0) / stage.seconds if math.isfinite(stage.seconds) else 0.0
                here = done * gone if stage.doing == "checking" else done + stage.share * gone
                rests = halt is not None and (halt.doing != "stalled" or stage.doing == "downloading")
                doing = halt.doing if halt is not None and rests else stage.doing
                return LifeState(doing, min(here, 1.0), self._seconds_left(stage, elapsed))
            began += stage.seconds
            done += stage.share
        return LifeState("complete", 1.0, 0.0)

    def _seconds_left(self, stage: Stage, elapsed: float) -> float | None:
        total = self.seconds
        moves = stage.share > 0 or stage.doing == "queued"
        if math.isfinite(total):
            return total - elapsed if moves else None
        return stage.seconds / stage.share if moves and stage.share else None


@dataclass(frozen=True, slots=True)
class LifeState:
    """What the client knows of a download at a moment; `done` is a share of its size."""

    doing: Doing | Literal["complete"]
    done: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the app's queue says of a download; `size` and `left` in bytes."""

    status: str
    tracked_status: str | None
    tracked_state: str | None
    size: int
    left: int
    seconds_left: float | None
    messages: list[Json]
    error: str | None = None


def arrives(seconds: float, ending: str = "import") -> Life:
    """It comes at an even rate."""
    return Life((Stage("downloading", seconds, 1.0),), ending)


def stops_at(share: float, seconds: float = 600.0, doing: Doing = "stalled") -> Life:
    """It stops for good when so much of it has arrived, after `seconds`; 0 is from the start."""
    first = (Stage("downloading", seconds, share),) if share else ()
    return Life((*first, Stage(doing)))


def stutters(times: int, moving: float, resting: float) -> Life:
    """It moves and rests by turns, and arrives in the end."""
    turn = (Stage("downloading", moving, 1 / times), Stage("stalled", resting))
    return Life(turn * (times - 1) + (Stage("downloading", moving, 1 / times),))


DISK_TEXT = (
    'No data found! Ensure your drives are connected or use "Set Location".'
    " To re-download, remove the torrent and re-add it."
)
TRACKER_TEXT = "Unregistered torrent"
_GERMAN = {
    "The download is stalled with no connections": "Der Download ist ohne Verbindung ins Stocken geraten",
    "qBittorrent is reporting an error": "qBittorrent meldet einen Fehler",
    "qBittorrent is downloading metadata": "qBittorrent lädt Metadaten herunter",
    "Transmission is reporting an error": "Transmission meldet einen Fehler",
}
# What a client's state becomes in the queue: status and message. What is not here shows as itself.
_BY_CLIENT: Mapping[str, Mapping[str, tuple[str, str | None]]] = {
    "Transmission": {
        "stalled": ("downloading", None),
        "paused": ("downloading", None),
        "checking": ("downloading", None),
        "metadata": ("queued", None),
        "tracker_error": ("warning", TRACKER_TEXT),
        "disk_error": ("warning", DISK_TEXT),
    },
    "QBittorrent": {
        "stalled": ("warning", "The download is stalled with no connections"),
        "checking": ("queued", None),
        "metadata": ("queued", "qBittorrent is downloading metadata"),
        "tracker_error": ("warning", "The download is stalled with no connections"),
        "disk_error": ("warning", "qBittorrent is reporting an error"),
    },
    "usenet": {
        "stalled": ("downloading", None),
        "checking": ("downloading", None),
        "disk_error": ("paused", None),
    },
}
# Why a complete download is not imported: whether it is blocked, and the message as recorded.
PROBLEMS: Mapping[str, tuple[bool, str | None]] = {
    "executable": (False, "Caution: Found executable file with extension: '.exe'"),
    "dangerous": (False, "Caution: Found potentially dangerous file with extension: .lnk"),
    "archive": (False, "Found archive file, might need to be extracted"),
    "no_video": (False, "Invalid video file, unsupported extension: '.txt'"),
    "not_upgrade": (
        False,
        "Not an upgrade for existing episode file(s). Existing quality: WEBDL-720p. New Quality HDTV-720p.",
    ),
    "sample": (False, "Sample"),
    "other_item": (False, "Episode 2x02 was not found in the grabbed release: {title}"),
    "permission": (True, "Failed to import episode"),
    "root_folder": (True, "Failed to import episode, Root folder missing."),
    "disk_full": (False, "Not enough free space"),
    "data_gone": (False, "No files found are eligible for import in /downloads/{title}"),
    "title_mismatch": (
        True,
        "Series title mismatch; automatic import is not possible."
        " Check the download troubleshooting entry on the wiki for common causes.",
    ),
    "by_id": (
        True,
        "Found matching series via grab history, but release was matched to series by ID."
        " Automatic import is not possible. See the FAQ for details.",
    ),
    "unsaid": (True, None),
}
_OF_MOVIES: Mapping[str, str] = {
    "not_upgrade": "Not an upgrade for existing movie file. Existing quality: WEBDL-720p. New Quality HDTV-720p.",
    "title_mismatch": "Movie title mismatch, automatic import is not possible. Manual Import required.",
}
HEADING = "One or more episodes expected in this release were not imported or missing from the release"
_HEADED = frozenset({"permission", "root_folder", "unsaid"})


def shown(state: LifeState, kind: str, size: int, *, movie_like: bool) -> Shown:
    """A download in progress, as an app shows it that has just asked a client of this kind."""
    if state.doing == "complete":
        left = None if kind == "Transmission" else 0.0
        return Shown("completed", "ok", "importPending", size, 0, left, [])
    words = _BY_CLIENT.get(kind, _BY_CLIENT["usenet"])
    status, error = words.get(state.doing, (state.doing, None))
    if error is not None and movie_like and kind == "Transmission":
        error = f"Transmission is reporting an error: {error}"
    known = 0 if state.doing == "metadata" else size
    seconds = state.seconds_left if status in ("downloading", "queued") else None
    return Shown(status, "ok", "downloading", known, known - int(known * state.done), seconds, [], error)


def said(word: str, title: str, *, movie_like: bool) -> str | None:
    """What an app says of a problem."""
    text = _OF_MOVIES.get(word, PROBLEMS[word][1]) if movie_like else PROBLEMS[word][1]
    return None if text is None else text.format(title=title)


def problem(word: str, title: str, blocked_state: str, *, movie_like: bool) -> tuple[str, list[Json]]:
    """State and messages of a complete download that is not imported."""
    is_blocked, text = PROBLEMS[word][0], said(word, title, movie_like=movie_like)
    messages: list[Json] = [{"title": HEADING, "messages": []}] if word in _HEADED else []
    if text is not None:
        messages.append({"title": f"{title}.mkv", "messages": [text]})
    return (blocked_state if is_blocked else "importPending"), messages


def localised(error: str | None, language: str) -> str | None:
    """The client's message in the language of the app's pages; reasons of imports stay English."""
    if error is None or language != "de":
        return error
    head, colon, rest = error.partition(": ")
    return _GERMAN.get(head, head) + colon + rest

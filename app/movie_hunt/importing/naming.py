"""Names of imported files: safe on every file system that a library may be on."""

import re
import unicodedata
from pathlib import Path

from app.releases.models import Quality

MAX_PART_BYTES = 240
"""Of a name: file systems allow 255, and a temporary name of ours is longer than the final one."""
_REPLACED = str.maketrans({"/": "+", "\\": "+", "?": "!", "*": "-", "<": "", ">": "", "|": "", '"': ""})
_COLON = re.compile(r"\s*:\s+")
_RESERVED = re.compile(r"^(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?=\.|$)", re.IGNORECASE)
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
NAMELESS = "Movie"


def movie_folder(root: Path, title: str, year: int | None) -> Path:
    """`{root}/{Title} ({Year})`."""
    return root / _part(title, _year(year))


def movie_file(folder: Path, title: str, year: int | None, quality: Quality, extension: str) -> Path:
    """`{folder}/{Title} ({Year}) {Quality}.{ext}`; `extension` with its dot."""
    return folder / _part(title, f"{_year(year)} {quality.value}{safe_extension(extension)}")


def subtitle_file(video: Path, stem: str, subtitle: str) -> Path:
    """Beside the video and with its name; what the subtitle's own name has behind `stem` stays (`.en.forced.srt`)."""
    name = subtitle
    rest = name[len(stem) :] if stem and name.startswith(stem) else Path(name).suffix
    marks = [part for part in rest.split(".") if re.fullmatch(r"[A-Za-z0-9_-]{1,20}", part)]
    return video.with_name(f"{video.stem}.{'.'.join(marks) or 'srt'}")


def safe_extension(extension: str) -> str:
    return extension.lower() if _EXTENSION.match(extension) else ".mkv"


def _year(year: int | None) -> str:
    return "" if year is None else f" ({year})"


def _part(title: str, rest: str) -> str:
    """One part of a path: the title, shortened so that it fits with `rest` behind it."""
    text = unicodedata.normalize("NFC", title)
    text = "".join(" " if unicodedata.category(each) in _HIDDEN else each for each in text)
    text = _COLON.sub(" - ", text).replace(":", "-").translate(_REPLACED)
    text = " ".join(text.split()).strip(". ")
    room = MAX_PART_BYTES - len(rest.encode())
    text = text.encode()[:room].decode(errors="ignore").strip(". ") or NAMELESS
    whole = text + rest
    return f"_{whole}" if _RESERVED.match(whole) else whole

"""The text of an event for people: a title and a body, clean enough for any chat."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.core.lines import on_one_line

# Release titles come from strangers; they must not notify a whole channel.
_MENTION: Final = re.compile(r"@(?=everyone|here|channel)", re.IGNORECASE)
_DURATION_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as a person reads it."""

    title: str
    body: str

    @property
    def line(self) -> str:
        """Title and first line of the body, for a digest."""
        first = self.body.splitlines()[0]
        return self.title if first == self.title else f"{self.title}: {first}"


def rendered(title: str, *lines: str | None) -> Rendered:
    """A message of these lines; empty ones are left out, and without any the title is the body."""
    body = "\n".join(_clean(line) for line in lines if line)
    return Rendered(_clean(title), body or _clean(title))


def counted(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"


def joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def changed(before: str | int | None, after: str | int | None, label: str = "") -> str | None:
    """Such as `score 10 → 120`; None when the value afterwards is not known."""
    if after is None:
        return None
    return f"{label}{after}" if before is None or before == after else f"{label}{before} → {after}"


def duration(seconds: float) -> str:
    for size, unit in _DURATION_UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def file_size(size_bytes: int) -> str:
    size, unit = float(size_bytes), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit in ("B", "KB") else f"{size:.1f} {unit}"


def utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _clean(text: str) -> str:
    """One printable line that mentions nobody."""
    return _MENTION.sub("@\N{ZERO WIDTH SPACE}", on_one_line(text))

"""The time zone of the machine as `TZ` gives it, in any of the forms that the C library understands."""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from app.core.environment import unquoted
from app.core.fields import known_zones

DEFAULT = "UTC"
RULE = re.compile(r"(?P<name><[^>]+>|[A-Za-z]{3,})(?P<offset>[+-]?\d{1,2}(?::\d\d){0,2})(?P<rest>.*)")
HOURS = re.compile(r"[+-]?\d{1,2}(:00){0,2}")
NAMES = re.compile(r"<[^>]+>|[A-Za-z]{3,}")


@dataclass(frozen=True, slots=True)
class LocalZone:
    """The zone in force, and what `TZ` says where that was not understood."""

    name: str
    not_understood: str | None = None


def local_zone(variables: Mapping[str, str]) -> LocalZone:
    """The zone that `TZ` names; UTC where it names none."""
    text = unquoted(variables.get("TZ", "")).removeprefix(":").strip()
    if not text:
        return LocalZone(DEFAULT)
    found = _by_name(text) or _by_path(text) or _by_rule(text)
    return LocalZone(found) if found else LocalZone(DEFAULT, not_understood=text)


def _by_name(text: str) -> str | None:
    wanted = text.replace(" ", "_").casefold()
    return next((zone for zone in known_zones() if zone.casefold() == wanted), None)


def _by_path(text: str) -> str | None:
    """Such as `/usr/share/zoneinfo/Europe/Berlin`, or `/etc/localtime`, which is a link to it."""
    for path in (text, str(Path(text).resolve()) if text.startswith("/") else ""):
        _, is_zone, name = path.partition("/zoneinfo/")
        if is_zone and (found := _by_name(name.removeprefix("posix/"))):
            return found
    return None


def _by_rule(text: str) -> str | None:
    """A POSIX rule, such as `CET-1CEST,M3.5.0,M10.5.0/3`: a zone that follows the same one today."""
    found = RULE.fullmatch(text)
    if found is None:
        return None
    if not found["rest"]:
        return _fixed(found["offset"])
    wanted = _comparable(text)
    same = [zone for zone in known_zones() if _comparable(_rule_of(zone)) == wanted]
    return min(same, key=lambda zone: (not zone.startswith(("Europe/", "America/")), zone), default=None)


def _fixed(offset: str) -> str | None:
    """A zone without summer time. POSIX and the names `Etc/GMT…` both count hours west of Greenwich."""
    if not HOURS.fullmatch(offset):
        return None
    hours = int(offset.split(":", 1)[0])
    return DEFAULT if hours == 0 else _by_name(f"Etc/GMT{hours:+d}")


def _comparable(rule: str) -> str:
    """Without the names of the offsets, and without what is the default: changes at two o'clock, offsets in hours."""
    plain = re.sub(r"(\d+)(?::00)+", r"\1", NAMES.sub("_", rule))
    plain = re.sub(r"([+/_-])0+(?=\d)", r"\1", plain.replace("+", ""))
    offsets = re.match(r"_(-?\d+)_(-?\d+)", plain)
    if offsets and int(offsets[2]) == int(offsets[1]) - 1:  # an hour is the default of summer time
        plain = f"_{offsets[1]}_{plain[offsets.end() :]}"
    return re.sub(r"/2(?=,|$)", "", plain)


def _rule_of(zone: str) -> str:
    """The last line of a zone's file, which says what holds from now on."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder, zone)
        if path.is_file():
            return _last_line(path.read_bytes())
    file = resources.files("tzdata").joinpath("zoneinfo", *zone.split("/"))
    return _last_line(file.read_bytes()) if file.is_file() else ""


def _last_line(content: bytes) -> str:
    return content.rstrip(b"\n").rpartition(b"\n")[2].decode(errors="replace")

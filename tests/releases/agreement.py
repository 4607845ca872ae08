"""Compares our reading of names with Radarr's, field by field.

The names and what Radarr 6.0.3 reads in them were recorded from a running one, with made-up titles
(`data/names.jsonl`). `data/differences.jsonl` says of each difference why it is one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.releases.models import ReleaseKind, ReleaseName
from app.releases.reader import read_release_name

DATA = Path(__file__).parent / "data"
FIELDS = ("parsed", "titles", "year", "quality", "revision", "edition", "languages", "group")


@dataclass(frozen=True)
class Difference:
    name: str
    field: str
    ours: str
    radarr: str


def names() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "names.jsonl").read_text().splitlines()]


def reasons() -> dict[tuple[str, str], dict[str, str]]:
    rows = (json.loads(line) for line in (DATA / "differences.jsonl").read_text().splitlines())
    return {(row["name"], row["field"]): row for row in rows}


def differences() -> list[Difference]:
    return [each for row in names() for each in _differences(row)]


def agreement(found: list[Difference], total: int) -> dict[str, float]:
    """By field, in percent of the names."""
    count = Counter(each.field for each in found)
    return {field: 100 - 100 * count[field] / total for field in FIELDS}


def _differences(row: dict[str, Any]) -> Iterator[Difference]:
    read = read_release_name(row["name"])
    is_read = bool(read.titles) and not (read.year is None and read.kind is not ReleaseKind.MOVIE)
    if is_read is not bool(row.get("titles")):
        yield Difference(row["name"], "parsed", " / ".join(read.titles), " / ".join(row.get("titles", [])))
    elif is_read:
        ours, radarr = _ours(read), _radarr(row)
        for field, value in ours.items():
            if value != radarr[field]:
                yield Difference(row["name"], field, value, radarr[field])


def _ours(read: ReleaseName) -> dict[str, str]:
    return {
        "titles": " / ".join(read.titles),
        "year": str(read.year or 0),
        "quality": read.quality.value,
        "revision": f"{read.revision.version}{' repack' if read.revision.is_repack else ''}",
        "edition": _plain(read.edition),
        "languages": ", ".join(sorted(read.languages)),
        "group": read.group or "",
    }


def _radarr(row: dict[str, Any]) -> dict[str, str]:
    return {
        "titles": " / ".join(row["titles"]),
        "year": str(row.get("year", 0)),
        "quality": row["quality"],
        "revision": f"{row.get('version', 1)}{' repack' if row.get('repack') else ''}",
        "edition": _plain(row.get("edition")),
        "languages": ", ".join(sorted(row.get("languages", []))),
        "group": row.get("group", ""),
    }


def _plain(edition: str | None) -> str:
    """Case and punctuation make no difference."""
    return re.sub(r"[^a-z0-9&]", "", (edition or "").lower())

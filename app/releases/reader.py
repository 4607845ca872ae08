"""Reads the name of a release."""

import re

from app.releases.editions import read_edition, split_edition
from app.releases.groups import read_group, without_suffixes
from app.releases.kinds import has_episode, kind_of
from app.releases.languages import read_hardcoded_subtitles, read_languages
from app.releases.models import ReleaseKind, ReleaseName, Revision
from app.releases.sources import read_quality
from app.releases.titles import ids_of, split_name, titles_of, without_prefix

MAX_NAME_LENGTH = 1000
_PROPER = re.compile(
    r"(?<![A-Za-z0-9])(?:PROPER|(?P<repack>REPACK|RERIP)(?P<number>[2-9])?)(?![A-Za-z])", re.IGNORECASE
)
_VERSION = re.compile(r"(?<=[.\]\[])v([2-9])(?=[.\]\[-])|(?<=[0-9])v([2-9])(?=[ \].])", re.IGNORECASE)
_REAL = re.compile(r"(?<![A-Za-z0-9])REAL(?![A-Za-z0-9])")


def read_release_name(name: str) -> ReleaseName:
    """What stands in `name`, of which the first 1,000 characters are read. Never raises.

    Takes time linear in the length of the name.
    """
    text = name[:MAX_NAME_LENGTH].strip()
    bare = without_prefix(without_suffixes(text))
    parts = split_name(bare)
    if parts is None:
        return ReleaseName(name=text)
    kind = kind_of(parts.title, parts.tail)
    if parts.year is None and (kind is ReleaseKind.EPISODE or has_episode(parts.title)):
        return ReleaseName(name=text, kind=ReleaseKind.EPISODE)
    title, early_edition = split_edition(parts.title)
    imdb_id, tmdb_id = ids_of(bare)
    tail = parts.tail
    return ReleaseName(
        name=text,
        titles=titles_of(title),
        year=parts.year,
        quality=read_quality(tail, text),
        revision=read_revision(bare),
        edition=early_edition or read_edition(tail),
        languages=read_languages(tail),
        group=read_group(bare, parts.leading_group),
        hardcoded_subtitles=read_hardcoded_subtitles(tail),
        imdb_id=imdb_id,
        tmdb_id=tmdb_id,
        kind=kind,
    )


def read_revision(name: str) -> Revision:
    """PROPER, REPACK and RERIP are version 2, REPACK2 is 3, `.v3.` is 3; REAL in capitals is counted."""
    version, is_repack = 1, False
    for found in _PROPER.finditer(name):
        is_repack = is_repack or found["repack"] is not None
        version = max(version, 2 if found["number"] is None else int(found["number"]) + 1)
    marked = _VERSION.search(name)
    if marked and version == 1:
        version = int(marked[1] or marked[2])
    return Revision(version, len(_REAL.findall(name)), is_repack)

"""Compares our decisions with those of a running Radarr 6.0.3, recorded with made-up releases.

`data/scenarios.jsonl`: a movie, the rules and the releases that were offered, with what Radarr thought of each.
`data/differences.jsonl`: where we decide otherwise, and why.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.indexers.models import Protocol, ReleaseFlag
from app.movie_hunt.decisions.defaults import DEFAULT_CUTOFF, DEFAULT_GROUPS, default_size
from app.movie_hunt.decisions.facts import (
    BlockedRelease,
    GrabRules,
    HeldFile,
    JudgedOffer,
    MovieFacts,
    Offer,
    ProfileRules,
    Rejection,
    SizeBand,
)
from app.movie_hunt.decisions.judging import judge
from app.releases.models import Quality, Revision
from app.releases.reader import read_release_name

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
OTHER_MOVIE = {
    Rejection.WRONG_MOVIE,
    Rejection.WRONG_YEAR,
    Rejection.WRONG_ID,
    Rejection.NOT_A_MOVIE,
    Rejection.PACK,
    Rejection.UNREADABLE,
}
NEVER_ALLOWED = {
    *(Quality.WORKPRINT, Quality.CAM, Quality.TELESYNC, Quality.TELECINE, Quality.REGIONAL, Quality.DVDSCR),
    *(Quality.UNKNOWN, Quality.BR_DISK, Quality.RAW_HD),
}
"""What the profile of the recording did not allow where a scenario has no list of its own."""
CODES: dict[str, set[Rejection]] = {
    "unknown_movie": OTHER_MOVIE,
    "unparsable": OTHER_MOVIE,
    "restriction_required": {Rejection.WORD_REQUIRED},
    "restriction_ignored": {Rejection.WORD_FORBIDDEN},
    "min_seeders": {Rejection.TOO_FEW_SEEDERS},
    "file_cutoff_met": {Rejection.CUTOFF_MET},
    "file_quality_cutoff_met": {Rejection.CUTOFF_MET},
    "hardcoded_subs": {Rejection.HARDCODED_SUBTITLES},
    "file_quality_equal_or_better": {Rejection.FILE_SAME_OR_BETTER},
    "file_score_equal_or_higher": {Rejection.FILE_SCORE_SAME_OR_HIGHER},
    "file_score_increment_too_small": {Rejection.FILE_SCORE_SAME_OR_HIGHER},
    "repack_other_group": {Rejection.REPACK_OF_ANOTHER_GROUP},
    "repack_group_unknown": {Rejection.REPACK_OF_ANOTHER_GROUP},
    "repack_disabled": {Rejection.FILE_SCORE_SAME_OR_HIGHER},
    "queue_score_equal_or_higher": {Rejection.DOWNLOADING_SAME_OR_BETTER},
    "queue_cutoff_met": {Rejection.DOWNLOADING_SAME_OR_BETTER},
    "queue_quality_equal_or_better": {Rejection.DOWNLOADING_SAME_OR_BETTER},
}
"""Radarr's reasons in our words; those that are not here are called the same."""


@dataclass(frozen=True)
class Difference:
    scenario: str
    release: str
    """The title, or `first` for the release that is grabbed."""
    ours: str
    radarr: str


def scenarios() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "scenarios.jsonl").read_text().splitlines()]


def reasons() -> dict[tuple[str, str], dict[str, str]]:
    rows = (json.loads(line) for line in (DATA / "differences.jsonl").read_text().splitlines())
    return {(row["scenario"], row["release"]): row for row in rows}


def judged(scenario: dict[str, Any]) -> list[JudgedOffer]:
    indexers = sorted({row["ix"] for row in scenario["releases"]})
    offers = [_offer(row, number, indexers, scenario) for number, row in enumerate(scenario["releases"])]
    movie = scenario["movie"]
    facts = MovieFacts(
        **{**movie, "alternative_titles": tuple(movie.get("alternative_titles", ()))},
        file=_held(scenario["file"]) if "file" in scenario else None,
        downloading=tuple(_held(each) for each in scenario.get("downloading", ())),
    )
    return judge(offers, facts, _profile(scenario["profile"]), _rules(scenario, indexers))


def differences(scenario: dict[str, Any]) -> Iterator[Difference]:
    """Release by release, and the one that is first of those that may be grabbed."""
    found = judged(scenario)
    waiting = list(found)
    for row in scenario["expected"]:
        each = _counterpart(waiting, row, scenario)
        waiting.remove(each)
        if not _agrees(each, row):
            ours = ", ".join(reason.value for reason in each.rejections) or "approved"
            yield Difference(scenario["name"], row["title"], ours, ", ".join(row.get("reasons", [])) or "approved")
    ours = next((each.offer.name.name for each in found if each.is_approved), "none")
    radarr = next((row["title"].strip() for row in scenario["expected"] if row["approved"]), "none")
    if ours != radarr:
        yield Difference(scenario["name"], "first", ours, radarr)


def _counterpart(waiting: list[JudgedOffer], row: dict[str, Any], scenario: dict[str, Any]) -> JudgedOffer:
    """The release that Radarr's row is about; of several with the same title one on which both agree."""
    indexers = sorted({release["ix"] for release in scenario["releases"]})
    same = [
        each
        for each in waiting
        if each.offer.name.name == row["title"].strip() and indexers[each.offer.indexer_id] == row["ix"]
    ]
    return next((each for each in same if _agrees(each, row)), same[0])


def _agrees(each: JudgedOffer, row: dict[str, Any]) -> bool:
    left = set(each.rejections)
    for code in row.get("reasons", ()):
        known = CODES.get(code) or {Rejection(code)} if code in {*CODES, *Rejection} else set()
        if not known & set(each.rejections):
            return False
        left -= known
    return not left


def _offer(row: dict[str, Any], number: int, indexers: list[str], scenario: dict[str, Any]) -> Offer:
    return Offer(
        name=read_release_name(row["title"]),
        guid=str(number),
        indexer_id=indexers.index(row["ix"]),
        protocol=Protocol.USENET if row["ix"].startswith("N") else Protocol.TORRENT,
        indexer_priority=scenario.get("priorities", {}).get(row["ix"], 25),
        size=row.get("size"),
        published_at=NOW - timedelta(hours=row["age_hours"]),
        categories=frozenset(row.get("categories", ())),
        tmdb_id=row.get("tmdb_id"),
        imdb_id=row.get("imdb_id"),
        seeders=row.get("seeders"),
        peers=row.get("peers"),
        info_hash=row.get("info_hash"),
        flags=frozenset(ReleaseFlag(flag) for flag in row.get("flags", ())),
        has_password=row.get("password", False),
    )


def _held(row: dict[str, Any]) -> HeldFile:
    revision = Revision(row["version"], row["real"], row["repack"])
    return HeldFile(Quality(row["quality"]), revision, row["score"], row["group"], row["edition"])


def _profile(given: dict[str, Any]) -> ProfileRules:
    everything = set(Quality) - NEVER_ALLOWED
    order = [frozenset(map(Quality, each)) for each in given.get("order", ())]
    sizes = {quality: default_size(quality) for quality in Quality}
    sizes |= {Quality(name): SizeBand(band[0], band[1], band[2]) for name, band in given.get("sizes", {}).items()}
    numbers = ("upgrades_allowed", "min_score", "cutoff_score", "min_score_increment")
    return ProfileRules(
        groups=order or [frozenset(group) for group in DEFAULT_GROUPS],
        allowed=frozenset(map(Quality, given["allowed"])) if "allowed" in given else frozenset(everything),
        cutoff=Quality(given.get("cutoff", DEFAULT_CUTOFF)),
        sizes=sizes,
        words=given.get("words", {}),
        required_words=given.get("required_words", ()),
        forbidden_words=given.get("forbidden_words", ()),
        languages=frozenset(given.get("languages", ())),
        **{name: given[name] for name in numbers if name in given},
    )


def _rules(scenario: dict[str, Any], indexers: list[str]) -> GrabRules:
    given = dict(scenario["rules"])
    given["preferred_protocol"] = Protocol(given["preferred_protocol"])
    if "protocols" in given:
        given["protocols"] = frozenset(map(Protocol, given["protocols"]))
    return GrabRules(now=NOW, blocklist=tuple(_blocked(scenario, indexers)), **given)


def _blocked(scenario: dict[str, Any], indexers: list[str]) -> Iterator[BlockedRelease]:
    """What failed before, with what its first occurrence in the offers says of it."""
    for row in scenario.get("blocked", ()):
        offered = next(
            each for each in scenario["releases"] if each["title"] == row["title"] and each["ix"] == row["ix"]
        )
        yield BlockedRelease(
            title=row["title"],
            protocol=Protocol(row["protocol"]),
            indexer_id=indexers.index(row["ix"]),
            info_hash=offered.get("info_hash"),
            size=offered.get("size"),
            published_at=NOW - timedelta(hours=offered["age_hours"]),
        )

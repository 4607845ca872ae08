"""Simulated Whisparr v2: Sonarr's API with scenes for episodes and years for seasons."""

import dataclasses
from sqlite3 import Row
from typing import TYPE_CHECKING

from tests.simulator import catalogues
from tests.simulator.definition import SortKeys
from tests.simulator.messages import Json, stamp
from tests.simulator.shared_commands import by_name, without_priority
from tests.simulator.sonarr import SONARR_4

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_WANTED_KEYS = SortKeys(
    {
        "episodes.id": "i.id",
        "episodes.airdateutc": "i.air_at",
        "episodes.lastsearchtime": "i.last_search_at",
        "episodes.title": "i.title",
        "series.sorttitle": "p.sort_title",
    },
    "Episodes.Id",
    unknown="error",
)


def _episode(app: "SimApp", row: Row) -> Json:
    """A date without time instead of Sonarr's two."""
    return {
        "releaseDate": None if row["air_at"] is None else (stamp(row["air_at"]) or "")[:10],
        "actors": [],
        "grabbed": False,
    }


WHISPARR_2 = dataclasses.replace(
    SONARR_4,
    kind="whisparr2",
    app_type="whisparr",
    app_name="Whisparr",
    version="2.0.0.548",
    catalogue=catalogues.OLD_EPISODES,
    base_redirect=302,
    head_ping=False,
    completion_message="Completed",
    command_kinds=by_name(without_priority(SONARR_4.command_kinds.values())),
    seasons_are_years=True,
    missing_keys=_WANTED_KEYS,
    cutoff_keys=_WANTED_KEYS,
    queue=dataclasses.replace(
        SONARR_4.queue,
        keys=SortKeys({}, "timeleft", unknown="free"),
        filters=frozenset(("owners", "protocol", "quality")),
        single_quality=True,
        blocked_state="importPending",
        change_category=False,
        blocklists_pending=True,
    ),
    history=dataclasses.replace(
        SONARR_4.history,
        keys=dataclasses.replace(SONARR_4.history.keys, unknown="error"),
        single_event=True,
    ),
    root_folder="/sites",
    grabbed_data={
        **{"nzbInfoUrl": "http://indexer.invalid/details", "tvdbId": "100001", "seriesMatchType": "Title"},
    },
    lacks={
        **SONARR_4.lacks,
        "episode": frozenset(
            (
                "airDate",
                "airDateUtc",
                "episodeNumber",
                "lastSearchTime",
                "unverifiedSceneNumbering",
                "absoluteEpisodeNumber",
            )
        ),
        "history_data": frozenset(("indexerFlags",)),
        "listed_episode": frozenset(("series", "episodeFile")),
        "episodefile": frozenset(("indexerFlags", "releaseType")),
        "series": frozenset(
            (
                *("alternateTitles", "airTime", "seasonFolder", "tvRageId", "tvMazeId", "tmdbId", "imdbId"),
                *("seriesType", "lastAired", "languageProfileId", "certification"),
            )
        ),
        "queue": frozenset(("added", "downloadClientHasPostImportCategory")),
    },
    adds={"episode": _episode},
)

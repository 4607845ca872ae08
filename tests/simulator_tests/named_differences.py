"""What the simulator does otherwise than the recorded apps, and why it stays so.

Each entry: the apps it concerns, the differences as the test words them (with `*`), and the reason.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from tests.simulator.definitions import AppKind


class Named(NamedTuple):
    apps: str
    """The kinds, with blanks between them; `*` is all of them."""
    difference: str
    reason: str


NAMED = (
    Named("sonarr sonarr5", "*/languageprofile: status 200*", "Huntarr does not ask for it."),
    Named("radarr", "*/collection: status 200*", "Huntarr does not ask for it."),
    Named("radarr", "*/exclusions: status 200*", "Huntarr does not ask for it."),
    Named("lidarr readarr", "*/metadataprofile: status 200*", "Huntarr does not ask for it."),
    Named("lidarr readarr", "*/release*: status 200*", "Huntarr starts searches by commands only."),
    Named("lidarr", "*/track?*: status 200*", "Huntarr does not ask for it."),
    Named("readarr", "*/overview: status 200*", "Huntarr does not ask for it."),
    Named("*", "queue_stalled *: header *", "That recording noted the content type alone."),
    Named("*", "*system/status 200: simulator has package*", "The recorded apps were built without a package."),
    Named("*", "POST command 201 started: *", "How far a command is when its POST is answered is chance in the apps."),
    Named("*", "*queue*200: simulator has *.errorMessage: text", "No recorded download had a message of its client."),
    Named("*", "*queue*200: simulator has *.estimatedCompletionTime: date", "Recorded downloads had no peers."),
    Named("*", "*queue*200: simulator has *.timeleft: timespan", "Recorded downloads had no peers."),
    Named("whisparr3", "GET queue 200: app has *.movie.*", "Our queue begins with a scene."),
    Named("whisparr3", "GET *: simulator has *.movie.ratings.tmdb: object", "The recorded items were scenes."),
    Named("*", "GET history*: simulator has *.data.*", "Which events a recorded page holds is chance."),
    Named("*", "GET history*: app has *.data.releaseGroup: null", "Of releases whose name tells no group."),
    Named("lidarr", "GET history*: app has *.data.indexer: null", "Of downloads that the app did not grab."),
    Named("*", "*: simulator has *nextAiring: date", "Nothing was to air in the recorded libraries."),
    Named("*", "*: simulator has *episodeFile: object", "The recorded episodes had no file."),
    Named("*", "*: simulator has *movieFile: object", "The recorded movie had no file."),
    Named("*", "*: simulator has *lastSearchTime: date", "The recorded items had not been searched."),
    Named("*", "*: simulator has *.sceneName: text", "The recorded files were imported under another name."),
    Named("lidarr", "GET trackfile 200: simulator has *", "Media info and release groups are not in the recordings."),
    Named("radarr", "GET qualityprofile 200: simulator has *", "The recorded part of the profile has no groups."),
    Named("lidarr", "GET artist*: * nextAlbum*", "The recorded artist had no album to come."),
    Named("lidarr", "GET artist*: * [[][]].nextAlbum*", "Some recorded artists had no album to come."),
    Named("lidarr", "POST tag 409: simulator has description: text", "No client reads descriptions."),
    Named("readarr", "GET book/{id} 200: simulator has *", "The recorded metadata had neither texts nor editions."),
)


def unnamed(kind: AppKind, differences: Iterable[str]) -> list[str]:
    """The differences without a reason."""
    names = [named.difference for named in NAMED if kind in named.apps.split() or named.apps == "*"]
    return [found for found in differences if not any(fnmatchcase(found, name) for name in names)]


def unused(all_differences: Iterable[tuple[AppKind, str]]) -> list[str]:
    """Entries that no difference needs any more."""
    found = list(all_differences)
    return [
        named.difference
        for named in NAMED
        if not any(
            (kind in named.apps.split() or named.apps == "*") and fnmatchcase(text, named.difference)
            for kind, text in found
        )
    ]

"""What the apps send by Connect, Webhook: every event of each, in the form that it has there."""

from typing import Any

from tests.simulator.definitions import AppKind

Body = dict[str, Any]

DOWNLOAD = "0123456789ABCDEF0123456789ABCDEF01234567"
CLIENT = {"downloadClient": "qBittorrent", "downloadClientType": "qBittorrent"}
FORMATS = {"customFormatInfo": {"customFormats": [{"id": 1, "name": "HDR"}], "customFormatScore": 10}}
RELEASE = {"quality": "WEBDL-1080p", "qualityVersion": 1, "releaseTitle": "A.B-C", "indexer": "I", "size": 9999999}
GRABBED = {"releaseTitle": "A.B-C", "indexer": "I", "size": 9999999, "indexerFlags": [], "releaseType": "singleEpisode"}
FILE = {"id": 7, "relativePath": "a.mkv", "path": "/tv/a.mkv", "quality": "WEBDL-1080p", "qualityVersion": 1, "size": 1}
SAID = "No files found are eligible for import in /downloads/A.B-C"
STUCK = {"downloadStatus": "Warning", "downloadStatusMessages": [{"title": "A.B-C", "messages": [SAID]}]}
HEALTH = {"level": "warning", "message": "No indexers", "type": "IndexerSearchCheck", "wikiUrl": "https://wiki"}
UPDATE = {"message": "Updated", "previousVersion": "4.0.1", "newVersion": "4.0.2"}
COMMON = {"instanceName": "App", "applicationUrl": "http://app"}
FAMILIES = ("sonarr", "radarr", "lidarr", "readarr", "whisparr2", "whisparr3")


def family_of(kind: AppKind) -> str:
    return {"sonarr5": "sonarr", "whisparr3old": "whisparr3"}.get(kind, kind)


def sent(family: str, event: str, item: int, owner: int = 1, season: int = 1, download: str = DOWNLOAD) -> Body:
    """One event about one item."""
    make = {
        "sonarr": _series,
        "whisparr2": _series,
        "radarr": _movie,
        "whisparr3": _movie,
        "lidarr": _album,
        "readarr": _book,
    }[family]
    common = COMMON if family != "readarr" else {"instanceName": "App"}
    events = {name: {"eventType": name, **common, **body} for name, body in make(item, owner, season, download).items()}
    events["ImportComplete"] = {**events.get("ImportComplete", events["Download"]), "eventType": "Download"}
    return {**events[event]} if event in events else {"eventType": event, **common}


def all_of(family: str) -> list[Body]:
    """Each event that the app knows, once."""
    names = {
        "sonarr": ["SeriesAdd", "SeriesDelete", "EpisodeFileDelete", "ManualInteractionRequired", "ImportComplete"],
        "radarr": ["MovieAdded", "MovieDelete", "MovieFileDelete", "ManualInteractionRequired"],
        "lidarr": ["DownloadFailure", "ImportFailure", "ArtistAdd", "ArtistDelete", "AlbumDelete", "Retag"],
        "readarr": ["AuthorAdded", "AuthorDelete", "BookDelete", "BookFileDelete", "Retag"],
    }
    own = names[{"whisparr2": "sonarr", "whisparr3": "radarr"}.get(family, family)]
    common = ["Test", "Grab", "Download", "Rename", "Health", "HealthRestored", "ApplicationUpdate"]
    return [sent(family, name, 123) for name in (*common, *own)]


def _shared(test: Body) -> dict[str, Body]:
    return {"Test": test, "Health": HEALTH, "HealthRestored": HEALTH, "ApplicationUpdate": UPDATE}


def _series(item: int, owner: int, season: int, download: str) -> dict[str, Body]:
    series = {"id": owner, "title": "S", "titleSlug": "s", "path": "/tv/s", "tvdbId": 2, "type": "standard", "tags": []}
    episode = {"id": item, "episodeNumber": 1, "seasonNumber": season, "title": "E", "seriesId": owner, "tvdbId": 3}
    about = {"series": series, "episodes": [episode]}
    of_client = {**CLIENT, "downloadId": download}
    test = {
        "series": {"id": 1, "title": "Test Title", "path": "C:\\testpath", "tvdbId": 1234, "tags": ["test-tag"]},
        "episodes": [{"id": 123, "episodeNumber": 1, "seasonNumber": 1, "title": "Test title"}],
    }
    return {
        **_shared(test),
        "Grab": {**about, "release": RELEASE, **of_client, **FORMATS},
        "Download": {**about, "episodeFile": FILE, "isUpgrade": False, **of_client, **FORMATS, "release": GRABBED},
        "ImportComplete": {
            **about,
            "episodeFiles": [FILE],
            "fileCount": 1,
            "sourcePath": "/a",
            "destinationPath": "/b",
            **of_client,
        },
        "ManualInteractionRequired": {**about, "downloadInfo": RELEASE, **of_client, **STUCK, **FORMATS},
        "EpisodeFileDelete": {**about, "episodeFile": FILE, "deleteReason": "upgrade"},
        "SeriesAdd": {"series": series},
        "SeriesDelete": {"series": series, "deletedFiles": True},
        "Rename": {"series": series, "renamedEpisodeFiles": [FILE]},
    }


def _movie(item: int, _owner: int, _season: int, download: str) -> dict[str, Body]:
    movie = {"id": item, "title": "M", "year": 1970, "folderPath": "/m", "tmdbId": 4, "imdbId": "tt5", "tags": []}
    about = {"movie": movie, "remoteMovie": {"tmdbId": 4, "imdbId": "tt5", "title": "M", "year": 1970}}
    of_client = {**CLIENT, "downloadId": download}
    return {
        **_shared({"movie": {"id": 1, "title": "Test Title", "year": 1970, "folderPath": "C:\\testpath"}}),
        "Grab": {**about, "release": RELEASE, **of_client, **FORMATS},
        "Download": {**about, "movieFile": FILE, "isUpgrade": True, "deletedFiles": [FILE], **of_client, **FORMATS},
        "ManualInteractionRequired": {**about, "downloadInfo": RELEASE, **of_client, **STUCK, **FORMATS},
        "MovieAdded": {"movie": movie, "addMethod": "manual"},
        "MovieDelete": {"movie": movie, "deletedFiles": False, "movieFolderSize": 0},
        "MovieFileDelete": {"movie": movie, "movieFile": FILE, "deleteReason": "manual"},
        "Rename": {"movie": movie, "renamedMovieFiles": [FILE]},
    }


def _album(item: int, owner: int, _season: int, download: str) -> dict[str, Body]:
    artist = {"id": owner, "name": "A", "path": "/music/a", "mbId": "aaaaa-aaa-aaaa-aaaaaa", "tags": []}
    album = {"id": item, "mbId": "b", "title": "B", "albumType": "Album", "releaseDate": "2020-01-01T00:00:00Z"}
    of_client = {**CLIENT, "downloadId": download}
    imported = {"artist": artist, "album": album, "tracks": [{"id": 9}], "trackFiles": [FILE], "isUpgrade": False}
    return {
        **_shared({"artist": {"id": 1, "name": "Test Name"}, "albums": [{"id": 123, "title": "Test title"}]}),
        "Grab": {"artist": artist, "albums": [album], "release": RELEASE, **of_client},
        "Download": {**imported, **of_client},
        "ImportFailure": {**imported, **of_client},
        "DownloadFailure": {"quality": "FLAC", "qualityVersion": 1, "releaseTitle": "A.B-C", **of_client},
        "ArtistAdd": {"artist": artist},
        "ArtistDelete": {"artist": artist, "deletedFiles": True},
        "AlbumDelete": {"artist": artist, "album": album, "deletedFiles": True},
        "Rename": {"artist": artist, "renamedTrackFiles": [FILE]},
        "Retag": {"artist": artist, "trackFile": FILE},
    }


def _book(item: int, owner: int, _season: int, download: str) -> dict[str, Body]:
    author = {"id": owner, "name": "A", "path": "/books/a", "goodreadsId": "6"}
    book = {"id": item, "goodreadsId": "8", "title": "B", "edition": {"title": "B", "isbn13": "9"}}
    of_client = {**CLIENT, "downloadId": download}
    return {
        **_shared({"author": {"id": 1, "name": "Test Name"}, "books": [{"id": 123, "title": "Test title"}]}),
        "Grab": {"author": author, "books": [book], "release": RELEASE, **of_client},
        "Download": {"author": author, "book": book, "bookFiles": [FILE], "isUpgrade": False, **of_client},
        "AuthorAdded": {"author": author},
        "AuthorDelete": {"author": author, "deletedFiles": True},
        "BookDelete": {"author": author, "book": book, "deletedFiles": True},
        "BookFileDelete": {"author": author, "book": book, "bookFile": FILE},
        "Rename": {"author": author, "renamedBookFiles": [FILE]},
        "Retag": {"author": author, "bookFile": FILE},
    }

"""Lidarr: albums of artists. An album has as many files as it has tracks."""

from collections.abc import Mapping
from typing import ClassVar

from app.arr.http import Params
from app.arr.models import AppType, HistoryKind, Mode, SortKey, Unit
from app.arr.owned import OwnedClient
from app.arr.resources import OwnedResource


class LidarrClient(OwnedClient):
    """The wanted lists also hold albums of which only some tracks have files."""

    app_type: ClassVar[AppType] = AppType.LIDARR
    app_name: ClassVar[str] = "Lidarr"
    prefix: ClassVar[str] = "/api/v1"
    default_port: ClassVar[int] = 8686
    item: ClassVar[Unit] = Unit.ALBUM
    owner: ClassVar[Unit] = Unit.ARTIST
    units: ClassVar[frozenset[Unit]] = frozenset({Unit.ALBUM, Unit.ARTIST})
    modes: ClassVar[tuple[Mode, ...]] = (Mode.AUTO, Mode.ALBUM, Mode.ARTIST)
    searches: ClassVar[Mapping[Unit, str]] = {Unit.ALBUM: "AlbumSearch", Unit.ARTIST: "ArtistSearch"}
    sort_keys: ClassVar[Mapping[SortKey, str]] = {  # they are put into SQL; any other key may lead to a 500
        SortKey.LAST_SEARCH: "albums.lastSearchTime",
        SortKey.RELEASED: "albums.releaseDate",
    }
    item_resource: ClassVar[type[OwnedResource]] = OwnedResource
    file_path: ClassVar[str] = "trackfile"
    queue_params: ClassVar[Params] = {"includeUnknownArtistItems": True}
    wanted_params: ClassVar[Params] = {"includeArtist": True}
    history_kinds: ClassVar[Mapping[str, HistoryKind]] = {
        "trackfileimported": HistoryKind.IMPORTED,
        "downloadimported": HistoryKind.IMPORTED,
        "albumimportincomplete": HistoryKind.INCOMPLETE,
    }

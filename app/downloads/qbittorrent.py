"""qBittorrent by its Web API, version 2 (qBittorrent wiki, "WebUI API"), of qBittorrent 4.1 and later."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from app.downloads.models import (
    NO_GOALS,
    ClientConnection,
    ClientDownload,
    ClientInfo,
    DownloadedFile,
    MagnetLink,
    NzbFile,
    ReleasePayload,
    SeedGoals,
    TorrentFile,
)
from app.downloads.multipart import form, form_with_file
from app.downloads.qbittorrent_rows import Row, has_hash, is_waiting_for_metadata, read_download
from app.downloads.qbittorrent_session import NAME, QbittorrentSession
from app.downloads.replies import (
    client_failed,
    gone,
    held_by_other,
    is_whole,
    joined,
    minutes_of,
    not_the_client,
    path_text,
    refused_release,
    rows,
    size,
    words_of,
    wrong_kind,
)
from app.http.client import HttpClient
from app.http.errors import HttpErrorCode
from app.http.messages import Content, Param

Sleep: TypeAlias = Callable[[float], Awaitable[object]]

MAX_LOOKS: Final = 20
LOOK_SECONDS: Final = 0.5
"""qBittorrent takes a torrent first and lists it a moment later."""


class Qbittorrent:
    """Torrents of one category. It signs in when it is first asked something, and again when the session has ended."""

    def __init__(self, http: HttpClient, connection: ClientConnection, sleep: Sleep = asyncio.sleep) -> None:
        self._session = QbittorrentSession(http, connection)
        self._connection = connection
        self._sleep = sleep
        self._has_category = False

    async def test(self) -> ClientInfo:
        await self._session.sign_in()
        version = words_of(await self._session.get_text("/app/version")) or ""
        category = await self._make_category()
        settings = await self._object("/app/preferences")
        return ClientInfo(version, self._save_path(settings, category))

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        if isinstance(payload, NzbFile):
            raise wrong_kind(NAME, "torrents")
        if not self._has_category:
            await self._make_category()
        # A hybrid torrent is listed under its second hash: only the whole list shows that it is there.
        if (known := await self._find(payload.info_hash, {})) is not None:
            return await self._adopt(known)
        reply = await self._session.post("/torrents/add", _added(payload, self._fields(goals)), may_be=(409, 415))
        if reply.status == 415:
            raise refused_release(NAME, "it finds the torrent file invalid")
        if reply.status == 409 or (reply.body or b"").strip() == b"Fails.":
            # It says the same of a torrent that came in meanwhile.
            if (known := await self._find(payload.info_hash, {})) is not None:
                return await self._adopt(known)
            raise refused_release(NAME)
        return await self._wait_for(payload.info_hash)

    async def downloads(self) -> Sequence[ClientDownload]:
        return await self._listed({"category": self._connection.category})

    async def all_downloads(self) -> Sequence[ClientDownload]:
        return await self._listed({})

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        found = await self._session.get_json("/torrents/files", {"hash": download_id}, may_be=(404,))
        if found is None:
            raise gone(NAME)
        return [
            DownloadedFile(path_text(row.get("name")).replace("\\", "/"), size(row.get("size")) or 0)
            for row in rows(found)
        ]

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        fields = {"hashes": download_id, "deleteFiles": "true" if delete_files else "false"}
        await self._session.post("/torrents/delete", form(fields), may_be=(404,))

    async def _listed(self, params: Mapping[str, Param]) -> Sequence[ClientDownload]:
        found = await self._rows(params)
        has_dht = True
        if any(is_waiting_for_metadata(row) for row in found):
            has_dht = (await self._object("/app/preferences")).get("dht") is not False
        return [read_download(row, has_dht=has_dht) for row in found]

    async def _rows(self, params: Mapping[str, Param]) -> Sequence[Row]:
        found = await self._session.get_json("/torrents/info", params)
        if not isinstance(found, list):
            raise not_the_client(NAME, self._session.endpoint)
        return rows(found)

    async def _find(self, info_hash: str, params: Mapping[str, Param]) -> Row | None:
        return next((row for row in await self._rows(params) if has_hash(row, info_hash)), None)

    async def _wait_for(self, info_hash: str) -> str:
        """The id of a torrent that was just added."""
        for _ in range(MAX_LOOKS):
            row = await self._find(info_hash, {"category": self._connection.category})
            if row is not None:
                return path_text(row.get("hash")).lower()
            await self._sleep(LOOK_SECONDS)
        raise refused_release(NAME, "it accepted the torrent but does not list it")

    async def _adopt(self, row: Row) -> str:
        """The id of a torrent that was there already. One without a category gets ours."""
        download_id, category = path_text(row.get("hash")).lower(), path_text(row.get("category"))
        if not category:
            fields = {"hashes": download_id, "category": self._connection.category}
            await self._session.post("/torrents/setCategory", form(fields))
        elif category != self._connection.category:
            raise held_by_other(NAME, category)
        return download_id

    async def _make_category(self) -> Row:
        """Our category, as qBittorrent has it; it is made when it is missing."""
        found = (await self._object("/torrents/categories")).get(self._connection.category)
        if found is None:
            fields = {"category": self._connection.category, "savePath": ""}
            reply = await self._session.post("/torrents/createCategory", form(fields), may_be=(400, 409))
            # 409 is also for a category that another request has made meanwhile.
            if reply.status >= 400 and self._connection.category not in await self._object("/torrents/categories"):
                raise client_failed(HttpErrorCode.REFUSED, f"{NAME} refuses the name of the category.")
        self._has_category = True
        return found if isinstance(found, dict) else {}

    def _save_path(self, settings: Row, category: Row) -> str | None:
        default, own = path_text(settings.get("save_path")), path_text(category.get("savePath"))
        if is_whole(own):
            return own
        follows_category = settings.get("auto_tmm_enabled") or settings.get("use_category_paths_in_manual_mode")
        if follows_category and default:
            return joined(default, own or self._connection.category)
        return default or None

    def _fields(self, goals: SeedGoals) -> dict[str, str]:
        # "paused" is the name before version 5, "stopped" from then on; each version ignores the other.
        fields = {"category": self._connection.category, "paused": "false", "stopped": "false"}
        if goals.ratio is not None:
            fields["ratioLimit"] = f"{goals.ratio:g}"
        if goals.time is not None:
            fields["seedingTimeLimit"] = str(minutes_of(goals.time))
        return fields

    async def _object(self, path: str) -> Row:
        found = await self._session.get_json(path)
        if not isinstance(found, dict):
            raise not_the_client(NAME, self._session.endpoint)
        return found


def _added(payload: MagnetLink | TorrentFile, fields: Mapping[str, str]) -> Content:
    if isinstance(payload, MagnetLink):
        return form({**fields, "urls": payload.uri})
    return form_with_file(fields, "torrents", "release.torrent", payload.content, "application/x-bittorrent")

"""Transmission's RPC (https://github.com/transmission/transmission/blob/main/docs/rpc-spec.md)."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from app.downloads.models import (
    NO_GOALS,
    ClientConnection,
    ClientDownload,
    ClientInfo,
    DownloadedFile,
    DownloadState,
    MagnetLink,
    NzbFile,
    ReleasePayload,
    SeedGoals,
)
from app.downloads.replies import bad_reply, number, refused_release, rows, size, status_failed, text, wrong_kind
from app.http.bodies import Json, clean_text, parse_json
from app.http.client import HttpClient
from app.http.errors import BadBody
from app.http.messages import Endpoint, HttpReply, HttpRequest

NAME = "Transmission"
PATH = "/transmission/rpc"
SESSION_HEADER = "X-Transmission-Session-Id"
OWN_LIMIT = 1
"""`seedRatioMode` and `seedIdleMode`: the torrent's own limit."""
FIELDS = (
    *("hashString", "name", "status", "error", "errorString", "labels", "totalSize", "leftUntilDone", "downloadDir"),
    *("isFinished", "isPrivate", "metadataPercentComplete", "percentDone", "fileCount"),
)
STOPPED, CHECK_WAIT, CHECK, DOWNLOAD_WAIT, DOWNLOAD, SEED_WAIT, SEED = range(7)
STATES = {
    CHECK_WAIT: DownloadState.CHECKING,
    CHECK: DownloadState.CHECKING,
    DOWNLOAD_WAIT: DownloadState.QUEUED,
    DOWNLOAD: DownloadState.DOWNLOADING,
}
TRACKER_WARNING = 1


class Transmission:
    """Torrents with a label of ours."""

    def __init__(self, http: HttpClient, connection: ClientConnection) -> None:
        self._http = http
        self._connection = connection
        secret = f"{connection.username}:{connection.password}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(secret).decode()}"} if connection.username else {}
        self._endpoint = Endpoint(
            connection.url,
            headers,
            timeout_seconds=connection.timeout_seconds,
            verify_tls=connection.verify_tls,
            noun=NAME,
        )
        self._session = ""

    async def test(self) -> ClientInfo:
        session = await self._call("session-get", {"fields": ["version", "download-dir"]})
        return ClientInfo(clean_text(session.get("version")) or "", text(session.get("download-dir")) or None)

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        if isinstance(payload, NzbFile):
            raise wrong_kind(NAME)
        arguments: dict[str, Json] = {}
        if isinstance(payload, MagnetLink):
            arguments["filename"] = payload.uri
        else:
            arguments["metainfo"] = base64.b64encode(payload.content).decode()
        said = await self._call("torrent-add", arguments)
        added = said.get("torrent-added") or said.get("torrent-duplicate")
        if not isinstance(added, dict):
            raise refused_release(NAME)
        found = text(added.get("hashString")).lower()
        await self._set(found, goals)
        return found

    async def downloads(self) -> Sequence[ClientDownload]:
        return [each for each in await self.all_downloads() if each.category == self._connection.category]

    async def all_downloads(self) -> Sequence[ClientDownload]:
        return [_download(each, self._connection.category) for each in await self._torrents(FIELDS)]

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        found = await self._torrents(("files",), download_id)
        return [
            DownloadedFile(text(each.get("name")), size(each.get("length")) or 0)
            for torrent in found
            for each in rows(torrent.get("files"))
        ]

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        await self._call("torrent-remove", {"ids": [download_id], "delete-local-data": delete_files})

    async def _torrents(self, fields: Sequence[str], download_id: str | None = None) -> list[dict[str, Any]]:
        arguments: dict[str, Json] = {"fields": list(fields)}
        if download_id is not None:
            arguments["ids"] = [download_id]
        return rows((await self._call("torrent-get", arguments)).get("torrents"))

    async def _set(self, info_hash: str, goals: SeedGoals) -> None:
        """Our label, which version 3 does not take when a torrent is added, and the goals of the tracker."""
        arguments: dict[str, Json] = {"labels": [self._connection.category]}
        if goals.ratio is not None:
            arguments |= {"seedRatioLimit": goals.ratio, "seedRatioMode": OWN_LIMIT}
        if goals.time is not None:
            minutes = max(1, int(goals.time.total_seconds() // 60))
            arguments |= {"seedIdleLimit": min(minutes, 65535), "seedIdleMode": OWN_LIMIT}
        await self._call("torrent-set", {"ids": [info_hash], **arguments})

    async def _call(self, method: str, arguments: Mapping[str, Json]) -> dict[str, Any]:
        """The arguments of the reply. The first call, and one now and then, is answered with a new session id."""
        body: Json = {"method": method, "arguments": dict(arguments)}
        reply = await self._once(body)
        if reply.status == 409:
            self._session = reply.headers.get(SESSION_HEADER, "")
            reply = await self._once(body)
        if not 200 <= reply.status < 300:
            raise status_failed(NAME, reply.status, "user name or password")
        try:
            parsed = parse_json(reply.body or b"")
        except BadBody as broken:
            raise bad_reply(NAME) from broken
        if not isinstance(parsed, dict):
            raise bad_reply(NAME)
        if parsed.get("result") != "success":
            raise refused_release(NAME, parsed.get("result"))
        found = parsed.get("arguments")
        return found if isinstance(found, dict) else {}

    async def _once(self, body: Json) -> HttpReply:
        headers = {SESSION_HEADER: self._session} if self._session else {}
        request = HttpRequest("POST", PATH, json=body, headers=headers, sniffs_json=True)
        return await self._http.request(self._endpoint, request, lambda reply: reply)


def _download(row: Mapping[str, Any], ours: str) -> ClientDownload:
    labels = row.get("labels")
    named = [each for each in labels if isinstance(each, str)] if isinstance(labels, list) else []
    state, message = _state(row)
    folder, name = text(row.get("downloadDir")), text(row.get("name"))
    return ClientDownload(
        download_id=text(row.get("hashString")).lower(),
        name=name,
        state=state,
        category=ours if ours in named else next(iter(named), None),
        message=message,
        size=size(row.get("totalSize")),
        left=size(row.get("leftUntilDone")),
        path=f"{folder.rstrip('/')}/{name}" if folder and name else None,
        is_private=row.get("isPrivate") if isinstance(row.get("isPrivate"), bool) else None,
        may_be_removed=bool(row.get("isFinished")),
    )


def _state(row: Mapping[str, Any]) -> tuple[DownloadState, str | None]:
    error, words = number(row.get("error")) or 0, clean_text(row.get("errorString"))
    status, left = row.get("status"), size(row.get("leftUntilDone"))
    has_metadata = (number(row.get("metadataPercentComplete")) or 0) >= 1
    if error > TRACKER_WARNING:
        return DownloadState.WARNING, words
    if left == 0 and has_metadata and status in (STOPPED, SEED_WAIT, SEED):
        return DownloadState.COMPLETED, None
    if status == STOPPED:
        return DownloadState.PAUSED, None
    found = STATES.get(status, DownloadState.DOWNLOADING) if isinstance(status, int) else DownloadState.DOWNLOADING
    return found, words if error else None

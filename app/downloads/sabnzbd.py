"""SABnzbd's API (https://sabnzbd.org/wiki/advanced/api, and its source `sabnzbd/api.py`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.downloads.models import (
    NO_GOALS,
    ClientConnection,
    ClientDownload,
    ClientInfo,
    DownloadedFile,
    DownloadState,
    NzbFile,
    ReleasePayload,
    SeedGoals,
)
from app.downloads.multipart import form_with_file
from app.downloads.replies import (
    endpoint_of,
    not_the_client,
    path_text,
    read_json,
    refused_release,
    rows,
    size,
    status_failed,
    unauthorized,
    words_of,
    wrong_kind,
)
from app.http.client import HttpClient
from app.http.messages import HttpReply, HttpRequest, Param, any_type

NAME = "SABnzbd"
FILE_NAME = "release.nzb"
"""Its real name goes in a field of its own, which may hold any character."""
MAX_ROWS = 1000
MEGABYTE = 1024 * 1024
QUEUE_STATES = {
    **dict.fromkeys(("Grabbing", "Queued", "Propagating", "Idle"), DownloadState.QUEUED),
    "Checking": DownloadState.CHECKING,
    "Paused": DownloadState.PAUSED,
}
"""Any other word in the queue is a part of downloading; `Completed` there is still without its place on disk."""
DISK_FULL = ("disk full", "no space", "not enough space", "insufficient space", "disk is full")


class Sabnzbd:
    """Jobs of one category. One that left the queue is in the history, where its place on disk is known."""

    def __init__(self, http: HttpClient, connection: ClientConnection) -> None:
        self._http = http
        self._connection = connection
        self._endpoint = endpoint_of(connection, NAME)
        self._complete: str | None = None

    async def test(self) -> ClientInfo:
        config = await self._misc()
        version = (await self._ask({"mode": "version"})).get("version")
        categories = rows(config.get("categories"))
        known = {path_text(each.get("name")) for each in categories}
        warning = None
        if self._connection.category not in known:
            warning = f"{NAME} has no category {self._connection.category}: it uses the default one until you make it."
        return ClientInfo(words_of(version) or "", self._complete, warning)

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        if not isinstance(payload, NzbFile):
            raise wrong_kind(NAME, "NZBs")
        fields = {
            "mode": "addfile",
            "output": "json",
            "apikey": self._connection.api_key,
            "cat": self._connection.category,
            "nzbname": name,
        }
        content = form_with_file(fields, "name", FILE_NAME, payload.content, "application/x-nzb")
        reply = await self._send(HttpRequest("POST", "/api", content=content, sniffs_json=True, accepts=any_type))
        ids = reply.get("nzo_ids")
        if reply.get("status") is not True or not isinstance(ids, list) or not ids:
            raise refused_release(NAME, words_of(reply.get("error")))
        return path_text(ids[0])

    async def downloads(self) -> Sequence[ClientDownload]:
        return [each for each in await self.all_downloads() if each.category == self._connection.category]

    async def all_downloads(self) -> Sequence[ClientDownload]:
        if self._complete is None:
            await self._misc()
        queue = (await self._ask({"mode": "queue", "limit": MAX_ROWS})).get("queue")
        history = (await self._ask({"mode": "history", "limit": MAX_ROWS})).get("history")
        if not isinstance(queue, dict) or not isinstance(history, dict):
            raise not_the_client(NAME, self._endpoint)
        waiting = [self._queued(each) for each in rows(queue.get("slots"))]
        ended = [self._ended(each) for each in rows(history.get("slots"))]
        done = {each.download_id for each in ended}
        return [*(each for each in waiting if each.download_id not in done), *ended]

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        return []

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        for mode in ("queue", "history"):
            params: dict[str, Param] = {"mode": mode, "name": "delete", "value": download_id}
            await self._ask({**params, "del_files": int(delete_files), "archive": 0})

    async def _misc(self) -> Mapping[str, Any]:
        """The configuration; the folder of complete downloads in it is remembered."""
        config = (await self._ask({"mode": "get_config"})).get("config")
        status = (await self._ask({"mode": "fullstatus", "skip_dashboard": 1})).get("status")
        if not isinstance(config, dict):
            raise not_the_client(NAME, self._endpoint)
        if isinstance(status, dict):
            self._complete = path_text(status.get("completedir")) or None
        return config

    async def _ask(self, params: Mapping[str, Param]) -> Mapping[str, Any]:
        common: dict[str, Param] = {"output": "json", "apikey": self._connection.api_key}
        return await self._send(HttpRequest("GET", "/api", {**common, **params}, sniffs_json=True, accepts=any_type))

    async def _send(self, request: HttpRequest) -> Mapping[str, Any]:
        reply = await self._http.request(self._endpoint, request, self._read)
        if reply.get("status") is False and "api key" in path_text(reply.get("error")).lower():
            raise unauthorized(NAME, "the API key")
        return reply

    def _read(self, reply: HttpReply) -> Mapping[str, Any]:
        """The object; SABnzbd tells of a wrong key in plain text, with status 200 or 403."""
        body = reply.body or b""
        if body.lstrip()[:6].lower() == b"error:" or reply.status in (401, 403):
            raise unauthorized(NAME, "the API key")
        if not 200 <= reply.status < 300:
            raise status_failed(NAME, self._endpoint, reply, "the API key")
        parsed = read_json(NAME, self._endpoint, reply)
        if not isinstance(parsed, dict):
            raise not_the_client(NAME, self._endpoint)
        return parsed

    def _queued(self, slot: Mapping[str, Any]) -> ClientDownload:
        state = QUEUE_STATES.get(path_text(slot.get("status")), DownloadState.DOWNLOADING)
        mb, left = size(_times(slot.get("mb"))), size(_times(slot.get("mbleft")))
        return ClientDownload(
            download_id=path_text(slot.get("nzo_id")),
            name=path_text(slot.get("filename")),
            state=state,
            category=path_text(slot.get("cat")) or None,
            size=mb,
            left=left,
        )

    def _ended(self, slot: Mapping[str, Any]) -> ClientDownload:
        state, message = _history_state(slot)
        path = path_text(slot.get("storage")) or None
        return ClientDownload(
            download_id=path_text(slot.get("nzo_id")),
            name=path_text(slot.get("name")),
            state=DownloadState.DOWNLOADING if state is DownloadState.COMPLETED and path is None else state,
            category=path_text(slot.get("category")) or None,
            message=message,
            size=size(slot.get("bytes")),
            left=0 if state is DownloadState.COMPLETED else None,
            path=path,
            is_shared_path=path is not None and self._is_shared(path),
            may_be_removed=state is DownloadState.COMPLETED,
        )

    def _is_shared(self, path: str) -> bool:
        """Whether it is the folder of all complete downloads, or that of the category."""
        plain = path.rstrip("/\\")
        if self._complete is None:
            return False
        base = self._complete.rstrip("/\\")
        return plain == base or plain.replace("\\", "/") == f"{base}/{self._connection.category}".replace("\\", "/")


def _history_state(slot: Mapping[str, Any]) -> tuple[DownloadState, str | None]:
    status, message = path_text(slot.get("status")), words_of(slot.get("fail_message"))
    if status == "Completed":
        return DownloadState.COMPLETED, None
    if status != "Failed":
        return DownloadState.DOWNLOADING, None
    is_full = any(words in (message or "").lower() for words in DISK_FULL)
    return (DownloadState.WARNING if is_full else DownloadState.FAILED), message


def _times(megabytes: Any) -> float | None:
    try:
        return float(megabytes) * MEGABYTE
    except (TypeError, ValueError):
        return None

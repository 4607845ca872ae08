"""qBittorrent's Web API, version 2 (its wiki, "WebUI API"; names of states of 4.x and 5.x)."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

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
    TorrentFile,
)
from app.downloads.replies import (
    bad_reply,
    client_failed,
    number,
    refused_release,
    rows,
    size,
    status_failed,
    text,
    unauthorized,
    wrong_kind,
)
from app.http.bodies import Json, clean_text, parse_json
from app.http.client import HttpClient
from app.http.errors import BadBody, HttpErrorCode
from app.http.messages import Content, Endpoint, HttpReply, HttpRequest, Param

NAME = "qBittorrent"
FORM = "application/x-www-form-urlencoded"
MAX_LOOKS = 20
LOOK_SECONDS = 0.5
"""A torrent shows up in the list some time after it was added."""
STATES = {
    **dict.fromkeys(("queuedDL", "metaDL", "forcedMetaDL"), DownloadState.QUEUED),
    **dict.fromkeys(("checkingDL", "checkingUP", "checkingResumeData", "allocating"), DownloadState.CHECKING),
    **dict.fromkeys(("stoppedDL", "pausedDL"), DownloadState.PAUSED),
    **dict.fromkeys(("stalledDL", "missingFiles", "error"), DownloadState.WARNING),
    **dict.fromkeys(
        ("uploading", "stalledUP", "queuedUP", "forcedUP", "stoppedUP", "pausedUP"), DownloadState.COMPLETED
    ),
}
"""Any other word, of a later version too, is downloading."""
WARNINGS = {
    "stalledDL": "It is stalled: no peer has what is missing.",
    "missingFiles": "Files are missing on disk.",
    "error": "qBittorrent stopped it after an error.",
}
STOPPED = frozenset({"stoppedUP", "pausedUP"})
"""qBittorrent stops a torrent that has reached its seed goals."""


class Qbittorrent:
    """Torrents of one category. It signs in when it is asked to, and again when the session is over."""

    def __init__(
        self,
        http: HttpClient,
        connection: ClientConnection,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._connection = connection
        self._sleep = sleep
        self._cookie: str | None = None
        # It compares both headers with its own address against forged requests of web pages.
        origin = {"Referer": connection.url, "Origin": connection.url}
        self._endpoint = Endpoint(
            connection.url,
            origin,
            timeout_seconds=connection.timeout_seconds,
            verify_tls=connection.verify_tls,
            noun=NAME,
        )

    async def test(self) -> ClientInfo:
        await self._sign_in()
        version = await self._get("/app/version")
        settings = await self._json("/app/preferences")
        categories = await self._json("/torrents/categories")
        if not isinstance(settings, dict) or not isinstance(categories, dict):
            raise bad_reply(NAME)
        if self._connection.category not in categories:
            await self._post("/torrents/createCategory", {"category": self._connection.category, "savePath": ""})
        return ClientInfo(clean_text(version.decode(errors="replace")) or "", text(settings.get("save_path")) or None)

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        if isinstance(payload, NzbFile):
            raise wrong_kind(NAME)
        fields = {"category": self._connection.category, "autoTMM": "false"}
        if goals.ratio is not None:
            fields["ratioLimit"] = f"{goals.ratio:.2f}"
        if goals.time is not None:
            fields["seedingTimeLimit"] = str(max(1, int(goals.time.total_seconds() // 60)))
        if await self._find(payload.info_hash) is None:
            said = await self._send(_added(payload, fields))
            if said.strip().lower().startswith(b"fails"):
                raise refused_release(NAME)
            await self._wait_for(payload.info_hash)
        return payload.info_hash

    async def downloads(self) -> Sequence[ClientDownload]:
        return await self._listed({"category": self._connection.category})

    async def all_downloads(self) -> Sequence[ClientDownload]:
        return await self._listed({})

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        found = rows(await self._json("/torrents/files", {"hash": download_id}))
        return [
            DownloadedFile(text(each.get("name")).replace("\\", "/"), size(each.get("size")) or 0) for each in found
        ]

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        fields = {"hashes": download_id, "deleteFiles": "true" if delete_files else "false"}
        await self._post("/torrents/delete", fields)

    async def _listed(self, params: Mapping[str, Param]) -> Sequence[ClientDownload]:
        return [_download(each) for each in rows(await self._json("/torrents/info", params))]

    async def _find(self, info_hash: str) -> ClientDownload | None:
        found = await self._listed({"hashes": info_hash})
        return next((each for each in found if each.download_id == info_hash), None)

    async def _wait_for(self, info_hash: str) -> None:
        for _ in range(MAX_LOOKS):
            if await self._find(info_hash) is not None:
                return
            await self._sleep(LOOK_SECONDS)
        raise refused_release(NAME, "it does not appear in the list")

    async def _sign_in(self) -> None:
        form = urlencode({"username": self._connection.username, "password": self._connection.password})
        request = HttpRequest(
            "POST", "/api/v2/auth/login", content=Content(form.encode(), FORM), accepts=_anything, max_body_bytes=65536
        )
        reply = await self._http.request(self._endpoint, request, lambda reply: reply)
        body = (reply.body or b"").strip().lower()
        if reply.status == 403:
            sentence = "qBittorrent has locked us out after wrong passwords: wait, or unban this address there."
            raise client_failed(HttpErrorCode.UNAUTHORIZED, sentence, status=403)
        if reply.status == 401 or body.startswith(b"fails"):
            raise unauthorized(NAME, "user name or password")
        if not 200 <= reply.status < 300:
            raise status_failed(NAME, reply.status, "user name or password")
        # The name of the cookie depends on the version: whatever it sets is sent back.
        pairs = [each.partition(";")[0].strip() for each in reply.headers.get_list("set-cookie")]
        self._cookie = "; ".join(each for each in pairs if "=" in each)

    async def _send(self, request: HttpRequest) -> bytes:
        """The body; signs in first where that is needed, once."""
        if self._cookie is None:
            await self._sign_in()
        reply = await self._once(request)
        if reply.status in (401, 403):
            await self._sign_in()
            reply = await self._once(request)
        if reply.status == 415:
            raise refused_release(NAME, "it is no valid torrent")
        if not 200 <= reply.status < 300:
            raise status_failed(NAME, reply.status, "user name or password")
        return reply.body or b""

    async def _once(self, request: HttpRequest) -> HttpReply:
        headers = {"Cookie": self._cookie} if self._cookie else {}
        asked = HttpRequest(
            request.method,
            f"/api/v2{request.path}",
            request.params,
            headers=headers,
            content=request.content,
            accepts=_anything,
        )
        return await self._http.request(self._endpoint, asked, lambda reply: reply)

    async def _get(self, path: str, params: Mapping[str, Param] | None = None) -> bytes:
        return await self._send(HttpRequest("GET", path, params))

    async def _json(self, path: str, params: Mapping[str, Param] | None = None) -> Json:
        try:
            return parse_json(await self._get(path, params))
        except BadBody as broken:
            raise bad_reply(NAME) from broken

    async def _post(self, path: str, fields: Mapping[str, str]) -> None:
        await self._send(HttpRequest("POST", path, content=Content(urlencode(fields).encode(), FORM)))


def _anything(_content_type: str) -> bool:
    return True


def _added(payload: MagnetLink | TorrentFile, fields: Mapping[str, str]) -> HttpRequest:
    path = "/torrents/add"
    if isinstance(payload, MagnetLink):
        return HttpRequest("POST", path, content=Content(urlencode({**fields, "urls": payload.uri}).encode(), FORM))
    boundary = f"huntarr-{secrets.token_hex(16)}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="torrents"; filename="release.torrent"\r\n'
    head += "Content-Type: application/x-bittorrent\r\n\r\n"
    body = b"".join(parts) + head.encode() + payload.content + f"\r\n--{boundary}--\r\n".encode()
    return HttpRequest("POST", path, content=Content(body, f"multipart/form-data; boundary={boundary}"))


def _download(row: Mapping[str, Any]) -> ClientDownload:
    word = text(row.get("state"))
    state = STATES.get(word, DownloadState.DOWNLOADING)
    content, save = text(row.get("content_path")), text(row.get("save_path"))
    is_shared = bool(content) and content.rstrip("/\\") == save.rstrip("/\\")
    private = row.get("private")
    return ClientDownload(
        download_id=text(row.get("hash")).lower(),
        name=text(row.get("name")),
        state=state,
        category=text(row.get("category")) or None,
        message=WARNINGS.get(word),
        size=size(row.get("size")),
        left=size(row.get("amount_left")),
        path=content or save or None,
        is_shared_path=is_shared,
        is_private=private if isinstance(private, bool) else None,
        may_be_removed=word in STOPPED or (state is DownloadState.COMPLETED and _has_seeded_enough(row)),
    )


def _has_seeded_enough(row: Mapping[str, Any]) -> bool:
    """Its own limits, or the general ones; negative ones are no limit."""
    ratio, ratio_limit = number(row.get("ratio")) or 0, number(row.get("max_ratio"))
    seconds, minutes = number(row.get("seeding_time")) or 0, number(row.get("max_seeding_time"))
    by_ratio = ratio_limit is not None and 0 <= ratio_limit <= ratio
    by_time = minutes is not None and minutes >= 0 and seconds >= minutes * 60
    return by_ratio or by_time

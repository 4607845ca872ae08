"""Transmission by its RPC (Transmission's docs/rpc-spec.md), in the names that versions 2.40 to 4.1 share."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Final, TypeAlias

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
from app.downloads.replies import (
    basic_auth,
    client_failed,
    endpoint_of,
    flag,
    gone,
    held_by_other,
    joined,
    minutes_of,
    not_the_client,
    number,
    path_text,
    read_json,
    refused_release,
    rows,
    size,
    status_failed,
    words_of,
    wrong_kind,
)
from app.http.bodies import Json
from app.http.client import HttpClient
from app.http.errors import HttpErrorCode
from app.http.messages import HttpReply, HttpRequest, any_type

Row: TypeAlias = Mapping[str, Json]

NAME: Final = "Transmission"
CREDENTIALS: Final = "the user name or the password"
SESSION_HEADER: Final = "X-Transmission-Session-Id"
BASE: Final = "/transmission"
PAGES: Final = (f"{BASE}/web", f"{BASE}/rpc", BASE)
"""How the URL ends that a browser shows."""
FIRST_WITH_LABELS: Final = 16
"""The `rpc-version` of Transmission 3.00."""
MAX_IDLE_MINUTES: Final = 65535
OWN_LIMIT: Final = 1
"""`seedRatioMode` and `seedIdleMode`: the torrent's own limit holds."""
INFINITE_RATIO: Final = -2
"""Something was uploaded and nothing downloaded, as when the files were there before."""
FIELDS: Final = (
    *("hashString", "name", "labels", "downloadDir", "status", "error", "errorString", "isStalled", "isPrivate"),
    *("sizeWhenDone", "leftUntilDone", "metadataPercentComplete", "isFinished", "secondsSeeding"),
    *("uploadRatio", "seedRatioLimit", "seedRatioMode", "seedIdleLimit", "seedIdleMode"),
)
STOPPED, CHECK_WAIT, CHECK, DOWNLOAD_WAIT, DOWNLOAD, SEED_WAIT, SEED = range(7)
STATES: Final = {
    STOPPED: DownloadState.PAUSED,
    CHECK_WAIT: DownloadState.CHECKING,
    CHECK: DownloadState.CHECKING,
    DOWNLOAD_WAIT: DownloadState.QUEUED,
}
TRACKER_ERROR, LOCAL_ERROR = 2, 3
STALLED: Final = "It is stalled: no connected peer has what is missing."


class Transmission:
    """Torrents with one label; before Transmission 3.00, which has no labels, those in one folder."""

    def __init__(self, http: HttpClient, connection: ClientConnection) -> None:
        self._http = http
        self._connection = connection
        headers = basic_auth(connection) if connection.username or connection.password else {}
        endpoint = endpoint_of(connection, NAME, headers)
        ending = next((page for page in PAGES if endpoint.url.endswith(page)), "")
        self._endpoint = replace(endpoint, url=endpoint.url.removesuffix(ending))
        self._session_id = ""
        self._folder: str | None = None

    async def test(self) -> ClientInfo:
        settings = await self._settings()
        folder = self._folder or path_text(settings.get("download-dir")) or None
        return ClientInfo(words_of(settings.get("version")) or "", folder)

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        if isinstance(payload, NzbFile):
            raise wrong_kind(NAME, "torrents")
        await self._settings()
        arguments: dict[str, Json] = {"paused": False, "labels": [self._connection.category]}
        if self._folder is not None:
            arguments["download-dir"] = self._folder
        if isinstance(payload, MagnetLink):
            arguments["filename"] = payload.uri
        else:
            arguments["metainfo"] = base64.b64encode(payload.content).decode()
        said = await self._call("torrent-add", arguments, is_release=True)
        known, added = said.get("torrent-duplicate"), said.get("torrent-added")
        found = known if isinstance(known, dict) else added
        download_id = path_text(found.get("hashString")).lower() if isinstance(found, dict) else ""
        if not download_id:
            raise refused_release(NAME)
        if not isinstance(known, dict) or await self._is_free(download_id):
            await self._mark(download_id, goals)
        return download_id

    async def downloads(self) -> Sequence[ClientDownload]:
        return [found for found in await self.all_downloads() if found.category == self._connection.category]

    async def all_downloads(self) -> Sequence[ClientDownload]:
        return [_download(row, self._connection.category) for row in await self._rows(FIELDS)]

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        found = await self._rows(("files",), download_id)
        if not found:
            raise gone(NAME)
        return [
            DownloadedFile(path_text(file.get("name")), size(file.get("length")) or 0)
            for file in rows(found[0].get("files"))
        ]

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        await self._call("torrent-remove", {"ids": [download_id], "delete-local-data": delete_files})

    async def _settings(self) -> Row:
        """The general settings. They tell whether there are labels, or downloads of ours need a folder of their own."""
        settings = await self._call("session-get", {})
        version = number(settings.get("rpc-version"))
        if version is None:
            raise not_the_client(NAME, self._endpoint)
        if version < FIRST_WITH_LABELS:
            self._folder = joined(path_text(settings.get("download-dir")), self._connection.category)
        return settings

    async def _is_free(self, download_id: str) -> bool:
        """Whether a torrent that was there already has no labels yet; `Refused` when it has others than ours."""
        found = await self._rows(FIELDS, download_id)
        category = _category(found[0], self._connection.category) if found else None
        if category not in (None, self._connection.category):
            raise held_by_other(NAME, category)
        return category is None

    async def _mark(self, download_id: str, goals: SeedGoals) -> None:
        """Label the torrent, which 3.00 does not do while it adds one, and set its limits.

        There is no limit of the whole time: the one of the time without activity stands for it, as it is longer.
        """
        values: dict[str, Json] = {}
        if self._folder is None:
            values["labels"] = [self._connection.category]
        if goals.ratio is not None:
            values |= {"seedRatioLimit": goals.ratio, "seedRatioMode": OWN_LIMIT}
        if goals.time is not None:
            values |= {"seedIdleLimit": min(minutes_of(goals.time), MAX_IDLE_MINUTES), "seedIdleMode": OWN_LIMIT}
        if values:
            await self._call("torrent-set", {"ids": [download_id], **values})

    async def _rows(self, fields: Sequence[str], download_id: str | None = None) -> Sequence[Row]:
        arguments: dict[str, Json] = {"fields": list(fields)}
        if download_id is not None:
            arguments["ids"] = [download_id]
        return rows((await self._call("torrent-get", arguments)).get("torrents"))

    async def _call(self, method: str, arguments: Mapping[str, Json], *, is_release: bool = False) -> Row:
        """The arguments of the reply. The first call is answered with a session id, and a later one with a new id."""
        body: Json = {"method": method, "arguments": dict(arguments)}
        reply, said = await self._exchange(body)
        if reply.status == 409:
            self._session_id = reply.headers.get(SESSION_HEADER, "")
            reply, said = await self._exchange(body)
        if not 200 <= reply.status < 300:
            raise self._from_status(reply)
        if not isinstance(said, dict) or not isinstance(said.get("result"), str):
            raise not_the_client(NAME, self._endpoint)
        if said["result"] != "success":
            words = words_of(said["result"]) or "an error"
            if is_release:
                raise refused_release(NAME, words)
            raise client_failed(HttpErrorCode.REFUSED, f"{NAME} answers: {words}.")
        found = said.get("arguments")
        return found if isinstance(found, dict) else {}

    def _from_status(self, reply: HttpReply) -> Exception:
        """403 and 421 come from its white lists, 401 from its password."""
        if reply.status == 403:
            sentence = f"{NAME} does not let our address in: add it to rpc-whitelist in its settings."
            return client_failed(HttpErrorCode.UNAUTHORIZED, sentence, status=403)
        if reply.status == 421:
            sentence = f"{NAME} does not know the host in the URL: add it to rpc-host-whitelist in its settings."
            return client_failed(HttpErrorCode.REFUSED, sentence, status=421)
        return status_failed(NAME, self._endpoint, reply, CREDENTIALS)

    async def _exchange(self, body: Json) -> tuple[HttpReply, Json]:
        """The reply, with its JSON when its status is one of success."""
        # The empty cookie keeps those of other servers on this host away.
        headers = {SESSION_HEADER: self._session_id, "Cookie": ""}
        request = HttpRequest("POST", f"{BASE}/rpc", json=body, headers=headers, accepts=any_type)
        return await self._http.request(self._endpoint, request, self._read)

    def _read(self, reply: HttpReply) -> tuple[HttpReply, Json]:
        return reply, read_json(NAME, self._endpoint, reply) if 200 <= reply.status < 300 else None


def _download(row: Row, ours: str) -> ClientDownload:
    state, message = _state(row)
    total = size(row.get("sizeWhenDone")) if _has_metadata(row) else None
    return ClientDownload(
        download_id=path_text(row.get("hashString")).lower(),
        name=path_text(row.get("name")),
        state=state,
        category=_category(row, ours),
        message=message,
        size=total,
        left=None if total is None else size(row.get("leftUntilDone")),
        path=joined(path_text(row.get("downloadDir")), path_text(row.get("name"))) if _has_metadata(row) else None,
        is_private=flag(row.get("isPrivate")) if _has_metadata(row) else None,
        may_be_removed=state is DownloadState.COMPLETED and _has_seeded_enough(row),
    )


def _category(row: Row, ours: str) -> str | None:
    """Our label where it is one of several; without labels at all, the name of the folder."""
    labels = row.get("labels")
    if not isinstance(labels, list):
        return path_text(row.get("downloadDir")).rstrip("/").rpartition("/")[2] or None
    named = [label for label in labels if isinstance(label, str) and label]
    return ours if ours in named else next(iter(named), None)


def _has_metadata(row: Row) -> bool:
    return (number(row.get("metadataPercentComplete")) or 0) >= 1


def _state(row: Row) -> tuple[DownloadState, str | None]:
    """An error of the tracker does not hold up what is complete already; one of the disk does."""
    status, error, words = number(row.get("status")), number(row.get("error")), words_of(row.get("errorString"))
    is_complete = _has_metadata(row) and size(row.get("leftUntilDone")) == 0
    if error == LOCAL_ERROR:
        return DownloadState.WARNING, words
    if is_complete and status in (STOPPED, SEED_WAIT, SEED):
        return DownloadState.COMPLETED, words
    if error == TRACKER_ERROR:
        return DownloadState.WARNING, words
    if status == DOWNLOAD and row.get("isStalled") is True:
        return DownloadState.WARNING, words or STALLED
    if status == DOWNLOAD and not _has_metadata(row):
        return DownloadState.QUEUED, words
    return STATES.get(int(status or 0), DownloadState.DOWNLOADING), words


def _has_seeded_enough(row: Row) -> bool:
    """Transmission's own word, or the limits of this torrent by our count: idle time stands for seed time."""
    uploaded, max_ratio = number(row.get("uploadRatio")) or 0, number(row.get("seedRatioLimit"))
    ratio = inf if uploaded == INFINITE_RATIO else max(uploaded, 0)
    seconds, minutes = number(row.get("secondsSeeding")) or 0, number(row.get("seedIdleLimit"))
    by_ratio = row.get("seedRatioMode") == OWN_LIMIT and max_ratio is not None and ratio >= max_ratio
    by_time = row.get("seedIdleMode") == OWN_LIMIT and minutes is not None and seconds >= minutes * 60
    return row.get("isFinished") is True or by_ratio or by_time

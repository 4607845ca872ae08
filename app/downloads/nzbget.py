"""NZBGet's JSON-RPC (https://nzbget.com/documentation/api/)."""

import base64
import secrets
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
from app.downloads.replies import (
    basic_auth,
    endpoint_of,
    not_the_client,
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
from app.http.errors import HttpError, HttpErrorCode
from app.http.messages import HttpReply, HttpRequest

NAME = "NZBGet"
OUR_PARAMETER = "huntarr"
"""A post-processing parameter that holds an id of ours: NZBGet gives a job another number when it was a URL first."""
AUTO_CATEGORY_SINCE = 25
"""From this version on `append` has one more parameter."""
QUEUED = frozenset({"QUEUED", "FETCHING"})
PAUSED = "PAUSED"
CHECKING = frozenset({"LOADING_PARS", "VERIFYING_SOURCES", "VERIFYING_REPAIRED"})
FAILED_DELETES = frozenset({"HEALTH", "DUPE", "SCAN", "COPY", "BAD"})
WRITES = frozenset({"append", "editqueue"})


class Nzbget:
    """Jobs of one category."""

    def __init__(self, http: HttpClient, connection: ClientConnection) -> None:
        self._http = http
        self._connection = connection
        self._endpoint = endpoint_of(connection, NAME, basic_auth(connection) if connection.username else {})
        self._folders: tuple[str, ...] | None = None
        self._version: int | None = None

    async def test(self) -> ClientInfo:
        version = path_text(await self._call("version"))
        options = await self._options()
        named = {value for name, value in options.items() if name.startswith("category") and name.endswith(".name")}
        warning = None
        if self._connection.category not in named:
            warning = f"{NAME} has no category {self._connection.category}: downloads go to its general folder."
        return ClientInfo(version, options.get("destdir"), warning)

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        if not isinstance(payload, NzbFile):
            raise wrong_kind(NAME, "NZBs")
        if self._version is None:
            digits = path_text(await self._call("version")).partition(".")[0]
            self._version = int(digits) if digits.isdigit() else 0
        ours: list[Json] = [{OUR_PARAMETER: secrets.token_hex(8)}]
        params: list[Json] = [
            *(f"{name}.nzb", base64.b64encode(payload.content).decode()),
            *(self._connection.category, 0, False, False, "", 0, "ALL"),
        ]
        params += [False, ours] if self._version >= AUTO_CATEGORY_SINCE else [ours]
        number = await self._call("append", params)
        if not isinstance(number, int) or number <= 0:
            raise refused_release(NAME)
        return str(number)

    async def downloads(self) -> Sequence[ClientDownload]:
        return [each for each in await self.all_downloads() if each.category == self._connection.category]

    async def all_downloads(self) -> Sequence[ClientDownload]:
        if self._folders is None:
            await self._options()
        groups = rows(await self._call("listgroups", [0]))
        ended = [self._ended(each) for each in rows(await self._call("history", [False]))]
        done = {each.download_id for each in ended}
        return [*(each for each in map(self._group, groups) if each.download_id not in done), *ended]

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        return []

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        ids: list[Json] = [int(download_id)] if download_id.isdigit() else []
        # `Final` deletes what was downloaded too; for a job of the history its files.
        for command in ("GroupFinalDelete", "HistoryFinalDelete" if delete_files else "HistoryDelete"):
            await self._call("editqueue", [command, "", ids])

    async def _options(self) -> Mapping[str, str]:
        found = {
            path_text(each.get("Name")).lower(): path_text(each.get("Value"))
            for each in rows(await self._call("config"))
        }
        if "destdir" not in found:
            raise not_the_client(NAME, self._endpoint)
        folders = [found["destdir"].replace("${MainDir}", found.get("maindir", ""))]
        folders += [value for name, value in found.items() if name.startswith("category") and name.endswith(".destdir")]
        folders.append(f"{folders[0].rstrip('/')}/{self._connection.category}")
        self._folders = tuple(each.rstrip("/\\") for each in folders if each)
        return {**found, "destdir": folders[0]}

    async def _call(self, method: str, params: Sequence[Json] = ()) -> Any:
        body: Json = {"method": method, "params": list(params), "id": 1}
        request = HttpRequest("POST", "/jsonrpc", json=body, sniffs_json=True)
        try:
            return await self._http.request(self._endpoint, request, self._read)
        except HttpError as failure:
            if method in WRITES or failure.code is not HttpErrorCode.UNREACHABLE or not failure.may_have_reached:
                raise
        # It closes a kept connection now and then, while we write to it: what only reads may be asked again.
        return await self._http.request(self._endpoint, request, self._read)

    def _read(self, reply: HttpReply) -> Any:
        if not 200 <= reply.status < 300:
            raise status_failed(NAME, self._endpoint, reply, "the user name or the password")
        parsed = read_json(NAME, self._endpoint, reply)
        if not isinstance(parsed, dict) or "result" not in parsed:
            error = parsed.get("error") if isinstance(parsed, dict) else None
            if isinstance(error, dict):
                raise refused_release(NAME, words_of(error.get("message")))
            raise not_the_client(NAME, self._endpoint)
        return parsed["result"]

    def _group(self, group: Mapping[str, Any]) -> ClientDownload:
        status = path_text(group.get("Status"))
        state = DownloadState.DOWNLOADING
        if status in QUEUED:
            state = DownloadState.QUEUED
        elif status == PAUSED:
            state = DownloadState.PAUSED
        elif status in CHECKING:
            state = DownloadState.CHECKING
        return ClientDownload(
            download_id=str(group.get("NZBID")),
            name=path_text(group.get("NZBName")),
            state=state,
            category=path_text(group.get("Category")) or None,
            size=_wide(group, "FileSize"),
            left=_wide(group, "RemainingSize"),
        )

    def _ended(self, entry: Mapping[str, Any]) -> ClientDownload:
        state, message = _history_state(entry)
        path = path_text(entry.get("FinalDir")) or path_text(entry.get("DestDir")) or None
        return ClientDownload(
            download_id=str(entry.get("NZBID")),
            name=path_text(entry.get("Name")),
            state=state,
            category=path_text(entry.get("Category")) or None,
            message=message,
            size=_wide(entry, "FileSize"),
            left=0 if state is DownloadState.COMPLETED else None,
            path=path,
            is_shared_path=path is not None and path.rstrip("/\\") in (self._folders or ()),
            may_be_removed=state is DownloadState.COMPLETED,
        )


def _history_state(entry: Mapping[str, Any]) -> tuple[DownloadState, str | None]:
    status, deleted = path_text(entry.get("Status")), path_text(entry.get("DeleteStatus"))
    if deleted in FAILED_DELETES:
        return DownloadState.FAILED, f"{NAME} deleted it: {deleted.lower()}."
    if path_text(entry.get("UnpackStatus")) == "SPACE" or path_text(entry.get("MoveStatus")) == "FAILURE":
        return DownloadState.WARNING, f"{NAME} could not unpack or move it: is there room on the disk?"
    if status.startswith("SUCCESS"):
        return DownloadState.COMPLETED, None
    words = words_of(status.replace("/", ", ").lower())
    return DownloadState.FAILED, f"{NAME}: {words}."


def _wide(row: Mapping[str, Any], name: str) -> int | None:
    """A size in two halves of 32 bits."""
    high, low = size(row.get(f"{name}Hi")), size(row.get(f"{name}Lo"))
    return None if high is None or low is None else (high << 32) + low

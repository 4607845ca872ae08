"""Deluge's web interface (JSON-RPC; its documentation, and Radarr's client as a fact about the calls)."""

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
from app.http.messages import Endpoint, HttpReply, HttpRequest

NAME = "Deluge"
NOT_SIGNED_IN = 1
UNKNOWN_METHOD = 2
KEYS = (
    *("hash", "name", "state", "message", "label", "total_wanted", "total_done", "total_size", "save_path"),
    *("is_finished", "private", "ratio", "stop_at_ratio", "stop_ratio", "progress"),
)
NO_LABELS = "The plugin Label is off: downloads are told apart by Huntarr's own list only. Turn it on in Deluge."
STATES = {
    "Queued": DownloadState.QUEUED,
    "Checking": DownloadState.CHECKING,
    "Allocating": DownloadState.CHECKING,
    "Paused": DownloadState.PAUSED,
    "Error": DownloadState.WARNING,
}


class Deluge:
    """Torrents with a label of ours, or all where Deluge has no labels."""

    def __init__(self, http: HttpClient, connection: ClientConnection) -> None:
        self._http = http
        self._connection = connection
        self._endpoint = Endpoint(
            connection.url,
            timeout_seconds=connection.timeout_seconds,
            verify_tls=connection.verify_tls,
            noun=NAME,
        )
        self._cookie: str | None = None
        self._has_labels: bool | None = None

    async def test(self) -> ClientInfo:
        await self._sign_in()
        version = await self._ask("daemon.get_version", [])
        folder = await self._ask("core.get_config_value", ["download_location"])
        await self._make_label()
        return ClientInfo(clean_text(version) or "", text(folder) or None, None if self._has_labels else NO_LABELS)

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        if isinstance(payload, NzbFile):
            raise wrong_kind(NAME)
        options: dict[str, Json] = {"add_paused": False}
        if goals.ratio is not None:
            options |= {"stop_at_ratio": True, "stop_ratio": goals.ratio, "remove_at_ratio": False}
        if await self._find(payload.info_hash) is None:
            await self._add(payload, name, options)
        await self._make_label()
        if self._has_labels:
            await self._ask("label.set_torrent", [payload.info_hash, self._label])
        return payload.info_hash

    async def downloads(self) -> Sequence[ClientDownload]:
        found = await self.all_downloads()
        if self._has_labels is None:
            await self._make_label()
        return [each for each in found if each.category == self._label] if self._has_labels else found

    async def all_downloads(self) -> Sequence[ClientDownload]:
        found = await self._ask("core.get_torrents_status", [{}, list(KEYS)])
        if not isinstance(found, dict):
            raise bad_reply(NAME)
        return [_download(info_hash, each) for info_hash, each in found.items() if isinstance(each, dict)]

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        found = await self._ask("core.get_torrent_status", [download_id, ["files"]])
        listed = rows(found.get("files")) if isinstance(found, dict) else []
        return [DownloadedFile(text(each.get("path")), size(each.get("size")) or 0) for each in listed]

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        if await self._find(download_id) is not None:
            await self._ask("core.remove_torrent", [download_id, delete_files])

    @property
    def _label(self) -> str:
        """Deluge keeps labels in lower case and without blanks."""
        return self._connection.category.lower().replace(" ", "-").replace(".", "-")

    async def _add(self, payload: ReleasePayload, name: str, options: dict[str, Json]) -> None:
        if isinstance(payload, MagnetLink):
            added = await self._ask("core.add_torrent_magnet", [payload.uri, options])
        else:
            content = base64.b64encode(payload.content).decode()
            added = await self._ask("core.add_torrent_file", [f"{name}.torrent", content, options])
        if not isinstance(added, str):
            raise refused_release(NAME)

    async def _find(self, info_hash: str) -> dict[str, Any] | None:
        found = await self._ask("core.get_torrents_status", [{"id": [info_hash]}, ["name"]])
        row = found.get(info_hash) if isinstance(found, dict) else None
        return row if isinstance(row, dict) else None

    async def _make_label(self) -> None:
        """Make our label where it is not there; notes whether Deluge has labels at all."""
        plugins = await self._ask("core.get_enabled_plugins", [])
        self._has_labels = isinstance(plugins, list) and "Label" in plugins
        if self._has_labels:
            labels = await self._ask("label.get_labels", [])
            if isinstance(labels, list) and self._label not in labels:
                await self._ask("label.add", [self._label])

    async def _sign_in(self) -> None:
        reply = await self._once("auth.login", [self._connection.password])
        if _result(reply) is not True:
            raise unauthorized(NAME, "the password")
        self._cookie = "; ".join(each.partition(";")[0] for each in reply.headers.get_list("set-cookie"))
        if _result(await self._once("web.connected", [])) is not True:
            await self._connect()

    async def _connect(self) -> None:
        """The web interface is a client of the daemon itself, and may not be connected to it."""
        hosts = _result(await self._once("web.get_hosts", []))
        first = hosts[0] if isinstance(hosts, list) and hosts else None
        if not isinstance(first, list) or not first:
            raise client_failed(HttpErrorCode.REFUSED, "Deluge's web interface knows no daemon: add one there.")
        await self._once("web.connect", [first[0]])
        if _result(await self._once("web.connected", [])) is not True:
            sentence = "Deluge's web interface is not connected to its daemon: does it run?"
            raise client_failed(HttpErrorCode.REFUSED, sentence)

    async def _ask(self, method: str, params: Sequence[Json]) -> Any:
        if self._cookie is None:
            await self._sign_in()
        reply = await self._once(method, params)
        if _error_code(reply) in (NOT_SIGNED_IN, UNKNOWN_METHOD):
            await self._sign_in()
            reply = await self._once(method, params)
        return _result(reply)

    async def _once(self, method: str, params: Sequence[Json]) -> HttpReply:
        headers = {"Cookie": self._cookie} if self._cookie else {}
        body: Json = {"method": method, "params": list(params), "id": 1}
        request = HttpRequest("POST", "/json", json=body, headers=headers, accepts=_anything)
        return await self._http.request(self._endpoint, request, lambda reply: reply)


def _anything(_content_type: str) -> bool:
    return True


def _parsed(reply: HttpReply) -> dict[str, Any]:
    if not 200 <= reply.status < 300:
        raise status_failed(NAME, reply.status, "the password")
    try:
        parsed = parse_json(reply.body or b"")
    except BadBody as broken:
        raise bad_reply(NAME) from broken
    if not isinstance(parsed, dict) or "result" not in parsed:
        raise bad_reply(NAME)
    return parsed


def _error_code(reply: HttpReply) -> float | None:
    error = _parsed(reply).get("error")
    return number(error.get("code")) if isinstance(error, dict) else None


def _result(reply: HttpReply) -> Any:
    parsed = _parsed(reply)
    error = parsed.get("error")
    if isinstance(error, dict):
        # A failure of the daemon comes as Twisted prints it: the sentence stands behind the name of its class.
        words = text(error.get("message")).rpartition(">: ")[2].strip(" ]\n.")
        raise refused_release(NAME, words)
    return parsed["result"]


def _download(info_hash: str, row: Mapping[str, Any]) -> ClientDownload:
    folder, name = text(row.get("save_path")), text(row.get("name"))
    total, done = size(row.get("total_wanted")), size(row.get("total_done"))
    is_finished = row.get("is_finished") is True
    state = STATES.get(text(row.get("state")), DownloadState.DOWNLOADING)
    if is_finished and state not in (DownloadState.CHECKING, DownloadState.WARNING):
        state = DownloadState.COMPLETED
    private = row.get("private")
    return ClientDownload(
        download_id=info_hash.lower(),
        name=name,
        state=state,
        category=text(row.get("label")) or None,
        message=clean_text(row.get("message")) if state is DownloadState.WARNING else None,
        size=total or size(row.get("total_size")),
        left=None if total is None or done is None else max(0, total - done),
        path=f"{folder.rstrip('/')}/{name}" if folder and name else None,
        is_private=private if isinstance(private, bool) else None,
        may_be_removed=is_finished and _has_seeded_enough(row),
    )


def _has_seeded_enough(row: Mapping[str, Any]) -> bool:
    ratio, limit = number(row.get("ratio")) or 0, number(row.get("stop_ratio"))
    return row.get("stop_at_ratio") is True and limit is not None and ratio >= limit

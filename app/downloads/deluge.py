"""Deluge by the JSON-RPC of its web interface, which passes the calls on to the daemon (Deluge 1.3 and 2)."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from app.downloads.deluge_session import NAME, DelugeSession, DelugeSpoke
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
    flag,
    gone,
    held_by_other,
    joined,
    not_the_client,
    number,
    path_text,
    refused_release,
    rows,
    size,
    words_of,
    wrong_kind,
)
from app.http.bodies import Json
from app.http.client import HttpClient

Row: TypeAlias = Mapping[str, Json]

KEYS: Final = (
    *("name", "state", "message", "label", "save_path", "total_size", "total_wanted", "total_done", "is_finished"),
    *("private", "ratio", "stop_at_ratio", "stop_ratio"),
)
STATES: Final = {
    "Queued": DownloadState.QUEUED,
    "Checking": DownloadState.CHECKING,
    "Allocating": DownloadState.CHECKING,
    "Paused": DownloadState.PAUSED,
    "Error": DownloadState.WARNING,
    "Moving": DownloadState.DOWNLOADING,
}
FINISHED_STATES: Final = frozenset({"Queued", "Paused", "Seeding"})
"""Those of a torrent with all its files in their place."""
NO_LABELS: Final = (
    "Deluge's plugin Label is off, so our downloads cannot be told from others there: turn it on in its preferences."
)
NOT_IN_A_LABEL: Final = re.compile(r"[^a-z0-9_-]")
ALREADY: Final = re.compile(r"already (?:in session|being added) \(([0-9a-f]{40})\)")


class Deluge:
    """Torrents with one label; all of them where Deluge has no labels."""

    def __init__(self, http: HttpClient, connection: ClientConnection) -> None:
        self._session = DelugeSession(http, connection)
        # The plugin takes lower case only, and these characters (its core.py).
        self._label = NOT_IN_A_LABEL.sub("-", connection.category.lower())
        self._category = connection.category

    async def test(self) -> ClientInfo:
        await self._session.sign_in()
        version = words_of(await self._version()) or ""
        folder = path_text(await self._session.call("core.get_config_value", "download_location"))
        warning = None if await self._make_label() else NO_LABELS
        return ClientInfo(version, folder or None, warning)

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        if isinstance(payload, NzbFile):
            raise wrong_kind(NAME, "torrents")
        await self._session.check()
        has_labels = await self._make_label()
        known = (await self._rows(payload.info_hash)).get(payload.info_hash)
        download_id = payload.info_hash
        if known is None:
            download_id, known = await self._add(payload, goals)
        label = path_text(known.get("label")) if known else ""
        if label not in ("", self._label):
            raise held_by_other(NAME, label)
        if has_labels and not label:
            await self._session.call("label.set_torrent", download_id, self._label)
        return download_id

    async def downloads(self) -> Sequence[ClientDownload]:
        await self._session.check()
        found = await self._rows()
        has_labels = any("label" in row for row in found.values())
        return [
            _download(download_id, row, self._category_of(row))
            for download_id, row in found.items()
            if not has_labels or row.get("label") == self._label
        ]

    async def all_downloads(self) -> Sequence[ClientDownload]:
        await self._session.check()
        return [_download(key, row, self._category_of(row)) for key, row in (await self._rows()).items()]

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        await self._session.check()
        row = (await self._rows(download_id, ("files",))).get(download_id)
        if row is None:
            raise gone(NAME)
        return [
            DownloadedFile(path_text(file.get("path")), size(file.get("size")) or 0) for file in rows(row.get("files"))
        ]

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        await self._session.check()
        try:
            await self._session.call("core.remove_torrent", download_id, delete_files)
        except DelugeSpoke:
            if download_id in await self._rows(download_id):
                raise

    async def _add(self, payload: MagnetLink | TorrentFile, goals: SeedGoals) -> tuple[str, Row | None]:
        """The new torrent's id; with its row when it is there already, under an id that only Deluge knew."""
        # Deluge has no limit of the time. It would take the torrent out by itself where that is its own rule.
        options: dict[str, Json] = {"add_paused": False, "remove_at_ratio": False}
        if goals.ratio is not None:
            options |= {"stop_at_ratio": True, "stop_ratio": goals.ratio}
        try:
            if isinstance(payload, MagnetLink):
                added = await self._session.call("core.add_torrent_magnet", payload.uri, options)
            else:
                content = base64.b64encode(payload.content).decode()
                added = await self._session.call("core.add_torrent_file", "release.torrent", content, options)
        except DelugeSpoke as failure:
            already = ALREADY.search(failure.words)
            if already is None:
                raise refused_release(NAME, failure.words) from failure
            return already[1], (await self._rows(already[1])).get(already[1])
        # Version 1.3 gives no id for a torrent that it has already, or cannot read.
        if not isinstance(added, str) or not added:
            raise refused_release(NAME)
        return added.lower(), None

    async def _version(self) -> Json:
        try:
            return await self._session.call("daemon.get_version")
        except DelugeSpoke:  # 1.3 has the other name only
            return await self._session.call("daemon.info")

    async def _rows(self, download_id: str | None = None, keys: Sequence[str] = KEYS) -> Mapping[str, Row]:
        """By id."""
        which: dict[str, Json] = {} if download_id is None else {"id": [download_id]}
        found = await self._session.call("core.get_torrents_status", which, list(keys))
        if not isinstance(found, dict):
            raise not_the_client(NAME, self._session.endpoint)
        # A torrent that is not there may be in the reply without any values.
        return {key.lower(): row for key, row in found.items() if isinstance(row, dict) and row}

    def _category_of(self, row: Row) -> str | None:
        label = path_text(row.get("label"))
        return self._category if label == self._label else label or None

    async def _make_label(self) -> bool:
        """Make our label when it is missing. Whether Deluge has labels."""
        plugins = await self._session.call("core.get_enabled_plugins")
        if not isinstance(plugins, list) or "Label" not in plugins:
            return False
        labels = await self._session.call("label.get_labels")
        if isinstance(labels, list) and self._label not in labels:
            await self._session.call("label.add", self._label)
        return True


def _download(download_id: str, row: Row, category: str | None) -> ClientDownload:
    word, name = path_text(row.get("state")), path_text(row.get("name"))
    has_metadata = bool(size(row.get("total_size")))
    total, done = size(row.get("total_wanted")), size(row.get("total_done")) or 0
    is_complete = row.get("is_finished") is True and word in FINISHED_STATES and has_metadata
    state = DownloadState.COMPLETED if is_complete else STATES.get(word, DownloadState.DOWNLOADING)
    if state is DownloadState.DOWNLOADING and not has_metadata:
        state = DownloadState.QUEUED
    return ClientDownload(
        download_id=download_id,
        name=name,
        state=state,
        category=category,
        message=words_of(row.get("message")) if state is DownloadState.WARNING else None,
        size=total if has_metadata else None,
        left=max(0, total - done) if has_metadata and total is not None else None,
        path=joined(path_text(row.get("save_path")), name) if has_metadata else None,
        is_private=flag(row.get("private")) if has_metadata else None,
        may_be_removed=is_complete and _has_seeded_enough(row),
    )


def _has_seeded_enough(row: Row) -> bool:
    ratio, max_ratio = number(row.get("ratio")) or 0, number(row.get("stop_ratio"))
    return row.get("stop_at_ratio") is True and max_ratio is not None and ratio >= max_ratio

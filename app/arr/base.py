"""Base class of the apps' clients: what all apps do alike. The modules beside it hold the differences."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, TypeAlias

from websockets.asyncio.client import ClientConnection

from app.arr.errors import ArrError, BadReply, ErrorCode
from app.arr.history import EventPage, read_history_page
from app.arr.http import ArrHttp, Params
from app.arr.models import (
    AppStatus,
    AppType,
    Command,
    Connection,
    FileFacts,
    HistoryKind,
    HuntPass,
    IndexerLink,
    LibraryMovie,
    LibraryStep,
    Mode,
    OwnerFacts,
    QualityProfile,
    SearchTarget,
    SeasonFacts,
    SortKey,
    Unit,
    Variant,
    WantedItem,
    WantedPage,
)
from app.arr.parsing import PageResource, read_all, read_list, read_one
from app.arr.profiles import read_formats_fingerprint, read_profiles
from app.arr.queue_rows import QueueRow
from app.arr.resources import (
    CommandBody,
    CommandResource,
    CreatedResource,
    FileResource,
    HealthResource,
    IndexerResource,
    ItemResource,
    QueueResource,
    TaggedResource,
    TagResource,
    read_status,
    worst,
)
from app.http.bodies import MAX_BODY_BYTES, MAX_SMALL_BYTES, Json
from app.http.client import TRIES
from app.http.messages import Method, Param

QUEUE_PAGE_SIZE = 1000
HISTORY_PAGE_SIZE = 100  # 37 to 90 ms of the app; `history/since` of a busy week: seconds
MAX_QUEUE_PAGES = 20

KnownItems: TypeAlias = Callable[[Sequence[int]], Awaitable[Collection[int]]]
"""Given item ids, those that need not be read."""

COMMON_EVENTS: Mapping[str, HistoryKind] = {
    "grabbed": HistoryKind.GRABBED,
    "downloadfailed": HistoryKind.FAILED,
    "downloadignored": HistoryKind.IGNORED,
}


class ArrClient:
    """Client of one app. Every method raises only `ArrError` when the app cannot be asked.

    The class attributes say what is known of the app without asking it. The names of fields follow from `item` and
    `owner`: `episodeId`, `episodeIds`, `seriesId`.
    """

    app_type: ClassVar[AppType]
    variant: ClassVar[Variant | None] = None
    variant_paths: ClassVar[Mapping[str, bool]] = {}
    """What distinguishes the variant from the others: paths, and whether the app has them."""
    app_name: ClassVar[str]
    """The name in `system/status`."""
    prefix: ClassVar[str]
    """Path prefix of its API, such as `/api/v3`."""
    default_port: ClassVar[int]
    item: ClassVar[Unit]
    owner: ClassVar[Unit | None] = None
    has_seasons: ClassVar[bool] = False
    units: ClassVar[frozenset[Unit]]
    modes: ClassVar[tuple[Mode, ...]]
    searches: ClassVar[Mapping[Unit, str]]
    """The app's command that searches each unit."""
    sort_keys: ClassVar[Mapping[SortKey, str]]
    """The only keys that are sent: some apps put the key into their SQL."""
    reports_last_search: ClassVar[bool] = True
    has_wanted: ClassVar[bool] = True
    list_page_size: ClassVar[int] = 250
    """Records of a large page of a wanted list: what the app answers in less than a tenth of a second or so."""
    has_scores: ClassVar[bool] = True
    item_resource: ClassVar[type[ItemResource]]
    file_path: ClassVar[str]
    queue_params: ClassVar[Params]
    wanted_params: ClassVar[Params] = {}
    cutoff_params: ClassVar[Params] = {}
    history_params: ClassVar[Params] = {}
    history_kinds: ClassVar[Mapping[str, HistoryKind]]
    """By the app's names of its events, in lower case; `COMMON_EVENTS` are added."""

    def __init__(self, http: ArrHttp, connection: Connection) -> None:
        self._http = http
        self._connection = connection

    async def status(self) -> AppStatus:
        """`GET system/status`: name, version and database of the app."""
        return read_status(await self._ask("GET", "system/status", limit=MAX_SMALL_BYTES))

    async def queue(self) -> list[QueueRow]:
        """The whole queue, with downloads that the app cannot map to items; `BadReply` rather than a part of it."""
        rows: dict[int, QueueRow] = {}
        for page in range(1, MAX_QUEUE_PAGES + 1):
            params: dict[str, Param] = {"page": page, "pageSize": QUEUE_PAGE_SIZE, **self.queue_params}
            reply = read_one(PageResource, await self._ask("GET", "queue", params=params), "page of the queue")
            if reply.page != page or not reply.records:
                # Past its end the app repeats its last page.
                return list(rows.values())
            for record in read_all(QueueResource, reply.records, "queue")[0]:
                rows.setdefault(record.id or -len(rows) - 1, record.row())
            if page * QUEUE_PAGE_SIZE >= reply.total_records:
                return list(rows.values())
        raise BadReply(f"The app's queue has more than {MAX_QUEUE_PAGES * QUEUE_PAGE_SIZE} rows.")

    async def wanted(
        self, hunt_pass: HuntPass, *, sort: SortKey, descending: bool, page: int, page_size: int, bare: bool = False
    ) -> WantedPage:
        """One page (from 1) of what is missing or below its cutoff. The app sorts: equal keys may change pages.

        `bare` leaves owners and files out where the app can: a page of Sonarr is a sixth of the bytes then.
        """
        if not self.has_wanted:
            raise self._lacks("wanted lists")
        params: dict[str, Param] = {
            "page": page,
            "pageSize": page_size,
            "sortKey": self.sort_keys[sort],
            "sortDirection": "descending" if descending else "ascending",
            "monitored": True,
            **({} if bare else self.wanted_params),
            **(self.cutoff_params if hunt_pass is HuntPass.CUTOFF and not bare else {}),
        }
        what = f"page of wanted/{hunt_pass}"
        reply = read_one(PageResource, await self._ask("GET", f"wanted/{hunt_pass}", params=params), what)
        records, skipped = read_all(self.item_resource, reply.records, what)
        items = tuple(record.item(self.item) for record in records)
        return WantedPage(items=items, total=reply.total_records, skipped=skipped)

    async def search(self, target: SearchTarget) -> Command:
        """Start a search. The app returns an equal command that is queued or running instead of a new one.

        After an `ArrError`, `may_have_reached` tells whether the app may be searching nevertheless.
        """
        reply = await self._ask("POST", "command", json=self._search_body(target), limit=MAX_SMALL_BYTES)
        return self._command(read_one(CommandResource, reply, "command"))

    async def commands(self) -> list[Command]:
        """The app's commands; finished ones are listed for 5 to 10 minutes."""
        reply = await self._ask("GET", "command", limit=MAX_SMALL_BYTES)
        return [self._command(resource) for resource in read_list(CommandResource, reply, "commands")]

    async def command(self, command_id: int) -> Command | None:
        """One command, `None` when the app does not know it, as a day after its end.

        After a restart of the app it is here (`orphaned` when it had started) and in `commands` no longer.
        """
        try:
            reply = await self._ask("GET", f"command/{command_id}", limit=MAX_SMALL_BYTES)
        except ArrError as failure:
            if failure.code is ErrorCode.NOT_FOUND:
                return None
            raise
        return self._command(read_one(CommandResource, reply, "command"))

    @property
    def url(self) -> str:
        return self._connection.url

    def pushed_command(self, resource: object) -> Command | None:
        """A command as the push channel tells of it; `None` when it cannot be read."""
        try:
            return self._command(read_one(CommandResource, resource, "command"))
        except ArrError:
            return None

    async def push_socket(self) -> ClientConnection:
        """The WebSocket of the push channel; `HttpError` when there is none."""
        return await self._http.push_socket(self._connection)

    async def cancel(self, command_id: int) -> bool:
        """Cancel a queued command; `False` when it has started, is over or is unknown."""
        try:
            await self._ask("DELETE", f"command/{command_id}", limit=MAX_SMALL_BYTES)
        except ArrError as failure:
            if failure.code in (ErrorCode.CONFLICT, ErrorCode.NOT_FOUND):
                return False
            raise
        return True

    async def tags(self) -> dict[int, str]:
        """Labels by id, in lower case."""
        reply = await self._ask("GET", "tag", limit=MAX_SMALL_BYTES)
        return {tag.id: tag.label for tag in read_list(TagResource, reply, "tags")}

    async def tagged(self) -> dict[int, frozenset[int]]:
        """What carries each tag, by the tag's id: owners (series, artists, authors), or movies."""
        found = read_list(TaggedResource, await self._ask("GET", "tag/detail"), "tags")
        return {tag.id: tag.tagged for tag in found}

    async def has_no_indexers(self) -> bool:
        """Whether the app says that all its indexers fail, are blocked or have automatic search off."""
        found = read_list(HealthResource, await self._ask("GET", "health", limit=MAX_SMALL_BYTES), "health checks")
        return any(check.is_without_indexers for check in found)

    async def add_tag(self, label: str) -> int:
        """Create a tag, unless there is one of this label, which some apps refuse as a conflict; its id."""
        label = label.lower()
        try:
            reply = await self._ask("POST", "tag", json={"label": label}, tries=1, limit=MAX_SMALL_BYTES)
        except ArrError as failure:
            known = await self.tags() if failure.code is ErrorCode.CONFLICT else {}
            found = next((tag_id for tag_id, name in known.items() if name.lower() == label), None)
            if found is None:
                raise
            return found
        return read_one(CreatedResource, reply, "tag").id

    async def tag_owners(self, ids: Sequence[int], tag_id: int) -> None:
        """Add a tag to owners (series, artists, authors) or to movies; their other tags stay."""
        tagged = self.owner or self.item
        body: dict[str, Json] = {f"{tagged}Ids": [*ids], "tags": [tag_id], "applyTags": "add"}
        await self._ask("PUT", f"{tagged}/editor", json=body)

    async def quality_profiles(self) -> list[QualityProfile]:
        """Every quality profile."""
        return read_profiles(await self._ask("GET", "qualityprofile"), has_scores=self.has_scores)

    async def formats_fingerprint(self) -> str:
        """Fingerprint of all custom formats, which changes when any of them does; only where `has_scores`."""
        if not self.has_scores:
            raise self._lacks("custom-format scores")
        return read_formats_fingerprint(await self._ask("GET", "customformat"))

    async def indexers(self) -> list[IndexerLink]:
        """The indexers that take part in automatic searches."""
        found = read_list(IndexerResource, await self._ask("GET", "indexer"), "indexers")
        return [
            IndexerLink(indexer.id, indexer.name, indexer.base_url)
            for indexer in found
            if indexer.enable_automatic_search
        ]

    async def history_page(self, page: int) -> EventPage:
        """Page `page` (from 1) of the history of downloads, newest first, `HISTORY_PAGE_SIZE` rows each."""
        params: dict[str, Param] = {
            "page": page,
            "pageSize": HISTORY_PAGE_SIZE,
            "sortKey": "date",
            "sortDirection": "descending",
            **self.history_params,
        }
        reply = await self._ask("GET", "history", params=params)
        kinds = {**COMMON_EVENTS, **self.history_kinds}
        return read_history_page(reply, kinds, page=page, page_size=HISTORY_PAGE_SIZE, has_scores=self.has_scores)

    async def last_searches(self, item_ids: Sequence[int]) -> dict[int, datetime | None]:
        """When each of these items was last searched; only where `reports_last_search`."""
        reply = await self._ask("GET", self.item, params={f"{self.item}Ids": [*item_ids]}) if item_ids else []
        return {record.id: record.last_search_time for record in read_list(self.item_resource, reply, "items")}

    @abstractmethod
    async def wanted_of(self, hunt_pass: HuntPass, owner_id: int, *, now: datetime) -> tuple[WantedItem, ...]:
        """What is wanted of one owner, or of one movie: what `wanted` would list of it, in at most 3 requests."""

    async def owner_facts(self, owner_id: int) -> OwnerFacts:
        """Facts of a series, an artist or an author; only where there are owners."""
        raise self._lacks("owners")

    async def season(self, owner_id: int, number: int, *, now: datetime) -> SeasonFacts:
        """Facts of one season of a series; only where `has_seasons`."""
        raise self._lacks("seasons")

    async def seasons(self, owner_id: int, *, now: datetime) -> dict[int, SeasonFacts]:
        """Facts of all seasons of a series, by their numbers, in one request; only where `has_seasons`."""
        raise self._lacks("seasons")

    async def files(self, item_ids: Sequence[int]) -> dict[int, FileFacts]:
        """The files of these items, by item id; items without a file are left out."""
        return await self._files({f"{self.item}Id": [*item_ids]}) if item_ids else {}

    async def upgradable(
        self, first_id: int, *, profiles: Mapping[int, QualityProfile], budget: int, known_items: KnownItems
    ) -> LibraryStep:
        """The next items, from id `first_id` on, whose files meet their quality cutoff but not their profile's score.

        Takes at most `budget` (3 or more) requests; only where `has_scores`.
        """
        raise self._lacks("custom-format scores")

    async def library(self) -> list[LibraryMovie]:
        """Every monitored movie; only for apps without wanted lists."""
        raise ArrError(ErrorCode.REFUSED, f"{self.app_name} has wanted lists: read those.", may_have_reached=False)

    async def _ask(
        self,
        method: Method,
        path: str,
        *,
        params: Params | None = None,
        json: Json = None,
        tries: int = TRIES,
        limit: int = MAX_BODY_BYTES,
    ) -> Json:
        path = f"{self.prefix}/{path}"
        return await self._http.send(self._connection, method, path, params=params, json=json, tries=tries, limit=limit)

    async def _files(self, params: Params) -> dict[int, FileFacts]:
        """By item id; of several files of an item, `worst` of them."""
        files: dict[int, list[FileFacts]] = defaultdict(list)
        for file in read_list(FileResource, await self._ask("GET", self.file_path, params=params), "files"):
            facts = file.facts()
            if facts is not None and file.item_id is not None:
                files[file.item_id].append(facts)
        return {item_id: worst(found) for item_id, found in files.items()}

    def _lacks(self, what: str) -> ArrError:
        return ArrError(ErrorCode.REFUSED, f"{self.app_name} has no {what}.", may_have_reached=False)

    def _search_body(self, target: SearchTarget) -> dict[str, Json]:
        """Body of the command that searches `target`; `ValueError` for a unit that the app does not have."""
        body: dict[str, Json] = {"name": self.searches.get(target.unit)}
        if target.unit is self.item and target.item_id is not None:
            # One item per command: an unknown id fails the whole command.
            return {**body, f"{self.item}Ids": [target.item_id]}
        if target.unit in self.searches and target.owner_id is not None:
            body[f"{self.owner}Id"] = target.owner_id
            if target.unit is self.owner:
                return body
            if target.season is not None:
                return {**body, "seasonNumber": target.season}
        raise ValueError(f"not a search of {self.app_name}: {target}")

    def _command(self, resource: CommandResource) -> Command:
        return resource.command(self._target(resource.name.lower(), resource.body or CommandBody()))

    def _target(self, name: str, body: CommandBody) -> SearchTarget | None:
        """What a command of this lower-case name searches, if anything; the inverse of `_search_body`."""
        unit = next((unit for unit, command in self.searches.items() if command.lower() == name), None)
        if unit is self.item and len(body.item_ids) == 1:
            return SearchTarget(self.item, item_id=next(iter(body.item_ids)))
        if unit is None or unit is self.item or body.owner_id is None:
            return None
        if unit is self.owner:
            return SearchTarget(unit, owner_id=body.owner_id)
        if body.season_number is None:
            return None
        return SearchTarget(unit, owner_id=body.owner_id, season=body.season_number)

"""The client of any app: what they all do the same way; the modules beside it hold the differences."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from app.arr.bodies import Json
from app.arr.errors import ArrError, BadAnswer, ErrorCode
from app.arr.http import ArrHttp, Method, Param
from app.arr.models import (
    AppStatus,
    AppType,
    Command,
    CommandStatus,
    Connection,
    Database,
    HuntPass,
    Mode,
    QualityProfile,
    QueueRow,
    SearchTarget,
    SeasonFacts,
    SortKey,
    Unit,
    WantedItem,
    WantedPage,
)
from app.arr.readings import (
    Id,
    Ids,
    IfRecord,
    Line,
    MaybeId,
    MaybeNumber,
    Moment,
    PageReading,
    Reading,
    Text,
    read_all,
    read_list,
    read_one,
)

QUEUE_PAGE_SIZE = 1000
MAX_QUEUE_PAGES = 20


class StatusReading(Reading):
    app_name: Line
    version: Line
    database_type: Text = None
    url_base: Text = None


class QueueReading(Reading):
    """Differences between the apps end here: an app without a field leaves it out (arr contracts §5.2)."""

    id: MaybeId = None
    download_id: Text = None
    series_id: MaybeId = None
    episode_id: MaybeId = None
    movie_id: MaybeId = None
    season_number: MaybeNumber = None
    status: Text = None
    tracked_download_state: Text = None
    tracked_download_status: Text = None


class CommandBody(Reading):
    """What a command was told to do; which of the fields are there depends on its name (arr contracts §4.3)."""

    episode_ids: Ids = frozenset()
    movie_ids: Ids = frozenset()
    series_id: MaybeId = None
    season_number: MaybeNumber = None


class CommandReading(Reading):
    id: Id
    name: Line
    status: Text = None
    body: Annotated[CommandBody | None, IfRecord] = None
    queued: Moment = None
    started: Moment = None
    ended: Moment = None
    message: Text = None


class TagReading(Reading):
    id: Id
    label: Line


class ProfileReading(Reading):
    id: Id
    name: Line


class ArrClient(ABC):
    """One app of the user's. Every method raises `ArrError` and nothing else when the app cannot be asked."""

    app_type: ClassVar[AppType]
    app_name: ClassVar[str]
    """What the app calls itself in `system/status` (arr contracts §2)."""
    prefix: ClassVar[str]
    """Where its API begins, such as `/api/v3`."""
    default_port: ClassVar[int]
    units: ClassVar[frozenset[Unit]]
    modes: ClassVar[tuple[Mode, ...]]
    sort_keys: ClassVar[Mapping[SortKey, str]]
    queue_params: ClassVar[Mapping[str, Param]]
    wanted_params: ClassVar[Mapping[str, Param]]

    def __init__(self, http: ArrHttp, connection: Connection) -> None:
        self._http = http
        self._connection = connection

    async def status(self) -> AppStatus:
        """`GET system/status`: who the app is and which database it runs on."""
        return read_status(await self._ask("GET", "system/status"))

    async def queue(self) -> list[QueueRow]:
        """Every row of the app's queue, also of downloads that it cannot map; fails rather than being incomplete."""
        rows: dict[int, QueueRow] = {}
        for page in range(1, MAX_QUEUE_PAGES + 1):
            params: dict[str, Param] = {"page": page, "pageSize": QUEUE_PAGE_SIZE, **self.queue_params}
            reply = read_one(PageReading, await self._ask("GET", "queue", params=params), "page of the queue")
            if reply.page != page or not reply.records:
                # Past its end the app answers with its last page again, for ever (arr contracts §5.1).
                return list(rows.values())
            for record in read_all(QueueReading, reply.records, "queue")[0]:
                rows.setdefault(record.id or -len(rows) - 1, self._queue_row(record))
            if page * QUEUE_PAGE_SIZE >= reply.total_records:
                return list(rows.values())
        raise BadAnswer(f"The app's queue has more than {MAX_QUEUE_PAGES * QUEUE_PAGE_SIZE} rows.")

    async def wanted(
        self, hunt_pass: HuntPass, *, sort: SortKey, descending: bool, page: int, page_size: int
    ) -> WantedPage:
        """One page (from 1) of what is missing or below its cutoff, as the app sorts it: ties may swap pages."""
        params: dict[str, Param] = {
            "page": page,
            "pageSize": page_size,
            "sortKey": self.sort_keys[sort],
            "sortDirection": "descending" if descending else "ascending",
            "monitored": True,
            **self.wanted_params,
        }
        what = f"page of wanted/{hunt_pass}"
        reply = read_one(PageReading, await self._ask("GET", f"wanted/{hunt_pass}", params=params), what)
        items, skipped = self._wanted_items(reply.records)
        return WantedPage(items=items, total=reply.total_records, skipped=skipped)

    async def search(self, target: SearchTarget) -> Command:
        """Ask the app to search. An equal command that is still out comes back instead of a new one (contracts §4.2).

        On `ArrError`, `may_have_reached` tells whether the app may be searching all the same.
        """
        reply = await self._ask("POST", "command", json=self._search_body(target))
        return self._command(read_one(CommandReading, reply, "command"))

    async def commands(self) -> list[Command]:
        """The app's current commands; finished ones stay 5 to 10 minutes (arr contracts §4.2)."""
        reply = await self._ask("GET", "command")
        return [self._command(reading) for reading in read_list(CommandReading, reply, "commands")]

    async def cancel(self, command_id: int) -> bool:
        """Take a command back; `False` when it runs already, is over or is not known (arr contracts §4.2)."""
        try:
            await self._ask("DELETE", f"command/{command_id}")
        except ArrError as failure:
            if failure.code in (ErrorCode.CONFLICT, ErrorCode.NOT_FOUND):
                return False
            raise
        return True

    async def tags(self) -> dict[int, str]:
        """Labels by id; the apps keep them in lower case (arr contracts §6.3)."""
        return {tag.id: tag.label for tag in read_list(TagReading, await self._ask("GET", "tag"), "tags")}

    async def quality_profiles(self) -> list[QualityProfile]:
        """Every quality profile."""
        profiles = read_list(ProfileReading, await self._ask("GET", "qualityprofile"), "quality profiles")
        return [QualityProfile(profile_id=profile.id, name=profile.name) for profile in profiles]

    async def seasons(self, owner_id: int) -> dict[int, SeasonFacts]:
        """Facts of each season of the series `owner_id`; only where `Unit.SEASON` is in `units`."""
        raise ArrError(ErrorCode.REFUSED, f"{self.app_name} has no seasons.", may_have_reached=False)

    @abstractmethod
    def _wanted_items(self, records: Sequence[object]) -> tuple[tuple[WantedItem, ...], int]:
        """The readable records of a wanted page, and how many were not."""

    @abstractmethod
    def _queue_row(self, reading: QueueReading) -> QueueRow: ...

    @abstractmethod
    def _search_body(self, target: SearchTarget) -> dict[str, Json]:
        """The command that searches `target`; `ValueError` for a unit that the app does not have."""

    @abstractmethod
    def _target(self, name: str, body: CommandBody) -> SearchTarget | None:
        """What a command of this lower-case name searches; the inverse of `_search_body`."""

    async def _ask(
        self, method: Method, path: str, *, params: Mapping[str, Param] | None = None, json: Json = None
    ) -> Json:
        return await self._http.send(self._connection, method, f"{self.prefix}/{path}", params=params, json=json)

    def _command(self, reading: CommandReading) -> Command:
        body = reading.body or CommandBody()
        status = (reading.status or "").lower()
        known = status in CommandStatus.__members__.values()
        return Command(
            command_id=reading.id,
            name=reading.name,
            status=CommandStatus(status) if known else CommandStatus.UNKNOWN,
            target=self._target(reading.name.lower(), body),
            queued_at=reading.queued,
            started_at=reading.started,
            ended_at=reading.ended,
            message=reading.message,
            item_ids=body.episode_ids | body.movie_ids,
        )


def read_status(reply: Json) -> AppStatus:
    """`system/status` of any app; without a `databaseType` it is too old for anything but SQLite."""
    reading = read_one(StatusReading, reply, "system status")
    postgres = (reading.database_type or "").lower() == "postgresql"
    return AppStatus(
        app_name=reading.app_name,
        version=reading.version,
        database=Database.POSTGRESQL if postgres else Database.SQLITE,
        url_base=reading.url_base or "",
    )

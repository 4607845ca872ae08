"""The tables of hunting: hunts, searches (the history), skipped items, item states, caps and cursors."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from app.core.bells import BellName, ring_when_sooner
from app.core.db import UtcDateTime


class HuntStatus(StrEnum):
    """The status of a hunt; the last five are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


OPEN = (HuntStatus.QUEUED.value, HuntStatus.RUNNING.value)


class Trigger(StrEnum):
    """What started a hunt."""

    MANUAL = "manual"
    INTERVAL = "interval"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"


class Outcome(StrEnum):
    """What came of a search. `sending` and `pending` are open; `grabbed` is until the import, or for seven days."""

    SENDING = "sending"
    PENDING = "pending"
    NOTHING_FOUND = "nothing_found"
    GRABBED = "grabbed"
    IMPORTED = "imported"
    IMPORT_FAILED = "import_failed"
    LOST = "lost"
    SEARCH_FAILED = "search_failed"
    NOT_SEARCHED = "not_searched"
    UNKNOWN = "unknown"


UNSETTLED = (Outcome.SENDING.value, Outcome.PENDING.value)
FOLLOWED = "outcome IN ('sending', 'pending', 'grabbed', 'import_failed')"


class Hunt(SQLModel, table=True):
    """One run over one instance."""

    __tablename__ = "hunts"
    __table_args__ = (
        # The database itself holds an instance to one open hunt.
        Index(
            "ux_hunts_open",
            "instance_id",
            unique=True,
            sqlite_where=text("status IN ('queued', 'running')"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        Index("ix_hunts_instance", "instance_id", "id"),
        Index("ix_hunts_app_type", "app_type", "id"),
        Index("ix_hunts_status", "status", "id"),
        Index("ix_hunts_queued_at", "queued_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    instance_id: int | None = Field(default=None, foreign_key="instances.id", ondelete="SET NULL")
    instance_name: str = Field(max_length=100)
    app_type: str = Field(max_length=20)
    trigger: str = Field(max_length=20)
    status: str = Field(default=HuntStatus.QUEUED.value, max_length=20)
    reason: str | None = Field(default=None, max_length=40)
    """A `HuntReason`: which gate closed, or why it ended early."""
    message: str | None = None
    passes: list[str] = Field(default_factory=list, sa_type=JSON)
    limit: int | None = None
    dry_run: bool = False
    cancel_requested: bool = False
    fence: int = 0
    attempts: int = 0
    queued_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    searched: int = 0
    errors: int = 0
    skipped: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """How many items were passed over, by reason."""
    unseen: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    """By pass: items of the app's list that were not looked at."""
    warnings: list[str] = Field(default_factory=list, sa_type=JSON)
    """What is wrong with the settings, as sentences."""

    @property
    def took_seconds(self) -> float | None:
        """`None` before its end, and for one that never began."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.started_at).total_seconds())


class Search(SQLModel, table=True):
    """One search: committed as `sending` before the command is sent, so that no crash can double it. The history."""

    __tablename__ = "searches"
    __table_args__ = (
        Index("ix_searches_hunt", "hunt_id"),
        Index("ix_searches_instance", "instance_id", "searched_at", "id"),
        Index("ix_searches_app_type", "app_type", "searched_at", "id"),
        Index("ix_searches_outcome", "outcome", "searched_at", "id"),
        Index("ix_searches_pass", "hunt_pass", "searched_at", "id"),
        Index("ix_searches_searched_at", "searched_at", "id"),
        Index("ix_searches_file", "instance_id", "file_before"),
        Index(
            "ix_searches_open",
            "instance_id",
            sqlite_where=text(FOLLOWED),
            postgresql_where=text(FOLLOWED),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    hunt_id: int
    instance_id: int | None = Field(default=None, foreign_key="instances.id", ondelete="SET NULL")
    instance_name: str = Field(max_length=100)
    app_type: str = Field(max_length=20)
    hunt_pass: str = Field(max_length=20)
    media_key: str = Field(max_length=80)
    unit: str = Field(max_length=20)
    title: str = Field(max_length=400)
    item_id: int | None = None
    owner_id: int | None = None
    season: int | None = None
    picked: str = Field(default="", max_length=200)
    """Why this item was selected."""
    units: int = 1
    outcome: str = Field(default=Outcome.SENDING.value, max_length=20)
    message: str | None = None
    command_id: int | None = None
    searched_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    previous_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the item was searched before; restored in its state if this search never ran."""
    command_began_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """In the app's own time, like `command_ended_at`, `grabbed_at` and `imported_at`."""
    command_ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    download_ids: list[str] = Field(default_factory=list, sa_type=JSON)
    """The downloads that it led to."""
    failed_ids: list[str] = Field(default_factory=list, sa_type=JSON)
    """The downloads that failed."""
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its command was seen to be over, in our time."""
    grabbed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    imported_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    indexer: str | None = Field(default=None, max_length=300)
    release_title: str | None = Field(default=None, max_length=300)
    """The release that was grabbed first."""
    release_titles: list[str] = Field(default_factory=list, sa_type=JSON)
    """Every release that was grabbed."""
    absent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when its downloads were not seen in the app's queue, though they were not imported."""
    file_before: int | None = None
    quality_before: str | None = Field(default=None, max_length=300)
    score_before: int | None = None
    quality_after: str | None = Field(default=None, max_length=300)
    score_after: int | None = None

    @property
    def releases(self) -> list[str]:
        """The titles of all that it grabbed; older rows know the first one only."""
        return self.release_titles or ([self.release_title] if self.release_title else [])


class Skip(SQLModel, table=True):
    """An item that a hunt looked at and did not search, with its one reason."""

    __tablename__ = "hunt_skips"
    __table_args__ = (Index("ix_hunt_skips_hunt", "hunt_id"),)

    id: int | None = Field(default=None, primary_key=True)
    hunt_id: int = Field(foreign_key="hunts.id", ondelete="CASCADE")
    hunt_pass: str = Field(max_length=20)
    media_key: str = Field(max_length=80)
    unit: str = Field(max_length=20)
    title: str = Field(max_length=400)
    reason: str = Field(max_length=30)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class HuntState(SQLModel, table=True):
    """When an instance hunts, and what its hunts saw; one row for each instance that hunts, from its creation on.

    Whoever locks the `InstanceState` too locks that one first: two orders would be a deadlock on PostgreSQL.
    """

    __tablename__ = "hunt_states"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    missing_total: int | None = None
    missing_total_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the app was asked for it; imports since then are subtracted."""
    cutoff_total: int | None = None
    cutoff_total_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    queue_total: int | None = None
    last_hunt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_hunt_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    reset_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Searches before this moment are forgotten (`POST /api/state/reset`)."""
    follow_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When to look next for outcomes of searches and for changes in the app."""
    followed_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The last such look, in our time."""
    history_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The newest event of the app's history that was read, in the app's own time."""
    without_indexers: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Hunts in a row that found no indexer that searches: the next look waits longer with each."""
    fence: int = 0
    """Grows with every worker that claims the instance; a write with an older number is refused."""


class ItemState(SQLModel, table=True):
    """The state of an item in one pass: when it was last searched, and how many searches in a row failed."""

    __tablename__ = "ledger"
    __table_args__ = (
        Index("ix_ledger_group", "instance_id", "hunt_pass", "group_key"),
        Index("ix_ledger_owner", "instance_id", "hunt_pass", "owner_key"),
        Index("ix_ledger_searched", "instance_id", "hunt_pass", "last_searched_at"),
    )

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    hunt_pass: str = Field(primary_key=True, max_length=20)
    media_key: str = Field(primary_key=True, max_length=80)
    group_key: str | None = Field(default=None, max_length=80)
    """The season that it is part of."""
    owner_key: str | None = Field(default=None, max_length=80)
    """The series, artist or author that it belongs to."""
    unit: str = Field(max_length=20)
    title: str = Field(max_length=400)
    last_searched_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fruitless: int = 0
    last_outcome: str | None = Field(default=None, max_length=20)
    refused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the app last refused to search it."""
    refusals: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """In a row: it waits longer with each."""
    profile_id: int | None = None
    """Its quality profile when it was searched; a change since then makes it worth another search."""
    tag_ids: list[int] | None = Field(default=None, sa_type=JSON)
    """Its tags then, without the one of `tag_searched`."""
    reset_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CapEntry(SQLModel, table=True):
    """Search units that were spent; kept apart from the history, which a user may clear."""

    __tablename__ = "cap_entries"
    __table_args__ = (Index("ix_cap_entries_instance", "instance_id", "reserved_at"),)

    id: int | None = Field(default=None, primary_key=True)
    instance_id: int = Field(foreign_key="instances.id", ondelete="CASCADE")
    search_id: int
    units: int
    reserved_at: datetime = Field(sa_type=UtcDateTime)


class WalkCursor(SQLModel, table=True):
    """Where the next hunt goes on in a wanted list, or in the library."""

    __tablename__ = "walk_cursors"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    hunt_pass: str = Field(primary_key=True, max_length=20)
    offset: int = 0
    total: int = 0
    unused: list[list[int]] = Field(default_factory=list, sa_type=JSON)
    """Ranges of ids that the library does not use."""


class DerivedList(SQLModel, table=True):
    """What the library of an app without wanted lists lacks, as it was at `read_at`."""

    __tablename__ = "derived_lists"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    url: str = Field(max_length=500)
    """Where it was read: another address is another library."""
    read_at: datetime = Field(sa_type=UtcDateTime)
    movies: bytes
    """JSON."""


class AppSnapshot(SQLModel, table=True):
    """How an app was set up at the last probes, and when that changed, so that its items are worth another search."""

    __tablename__ = "app_marks"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    indexers: list[int] | None = Field(default=None, sa_type=JSON)
    indexers_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    links: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """Its indexers as `IndexerLink`: which of them Prowlarr set up."""
    profiles: dict[str, str] | None = Field(default=None, sa_type=JSON)
    """Profile id to the fingerprint of its contents."""
    profiles_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    formats: str | None = Field(default=None, max_length=100)
    formats_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    woken_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a new indexer or changed custom formats made every item worth another search."""
    profiles_woken: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """Profile id to the time at which a change of its contents was seen."""
    looked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The last request of these probes, or for lost commands: they are rationed."""


class SearchRequest(SQLModel, table=True):
    """A search that is asked for out of turn: the next hunts look at its item before all others."""

    __tablename__ = "search_requests"
    __table_args__ = (Index("ix_search_requests_instance", "instance_id", "requested_at"),)

    id: int | None = Field(default=None, primary_key=True)
    instance_id: int = Field(foreign_key="instances.id", ondelete="CASCADE")
    media_key: str = Field(max_length=80)
    item_id: int
    owner_id: int | None = None
    """Of a series, an artist or an author; `None` where the item has no owner."""
    group_key: str | None = Field(default=None, max_length=80)
    owner_key: str | None = Field(default=None, max_length=80)
    """Its season and its owner: a search of either meets the request."""
    title: str = ""
    requested_at: datetime = Field(sa_type=UtcDateTime)


ring_when_sooner(HuntState, "next_hunt_at", BellName.PLANS)

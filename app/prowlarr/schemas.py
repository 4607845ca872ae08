"""Replies about Prowlarr: its indexers, what was asked of them, and what is left for hunts."""

from enum import StrEnum

from pydantic import Field

from app.arr.models import AppType
from app.core.schemas import Out, UtcTime

ALLOWED = "What the reserve leaves of the limit. Null without a limit."


class LimitWindow(StrEnum):
    """What the limits of an indexer count over; both slide."""

    HOUR = "hour"
    DAY = "day"


class UseOut(Out):
    """What was asked in a period."""

    queries: int = Field(description="Searches and RSS together.")
    rss_queries: int
    grabs: int
    failed: int = Field(description="Failed queries and grabs; a refused connection is in no figure of Prowlarr.")
    success_percent: float | None = Field(description="Null when nothing was asked.")
    average_ms: float = Field(description="Average response time in milliseconds.")


class IndexerUseOut(UseOut):
    """An indexer in the statistics."""

    indexer_id: int
    name: str | None = Field(description="Null for an indexer that is not in the list any more.")


class AgentOut(Out):
    """What one program asked of all indexers."""

    user_agent: str
    queries: int
    grabs: int


class IndexerOut(UseOut):
    """An indexer of Prowlarr; its figures are of the last hour or day, as `window` says."""

    indexer_id: int
    name: str
    protocol: str = Field(examples=["torrent"])
    privacy: str = Field(examples=["private"])
    enabled: bool
    searches: bool = Field(description="False for an indexer that has only a feed.")
    query_limit: int | None
    grab_limit: int | None
    window: LimitWindow = Field(description="What its limits count over.")
    queries_left: int | None = Field(description="Until Prowlarr refuses; null without a limit.")
    grabs_left: int | None
    disabled_until: UtcTime | None = Field(description="Prowlarr does not ask it until then, after failures.")


class IndexersOut(Out):
    """The indexers of a Prowlarr as they were last read."""

    measured_at: UtcTime | None = Field(description="Null before the first reading.")
    is_fresh: bool = Field(description="Whether the figures are young enough to decide by.")
    indexers: list[IndexerOut]
    agents: list[AgentOut] = Field(description="Who asked in the last day.")


class StatisticsOut(Out):
    """What was asked of a Prowlarr since a moment, read now."""

    since: UtcTime
    indexers: list[IndexerUseOut]
    agents: list[AgentOut]


class IndexerBudgetOut(Out):
    """What is left of one indexer for hunts."""

    prowlarr_id: int = Field(description="The id of the instance of Prowlarr.")
    indexer_id: int
    name: str
    window: LimitWindow
    query_limit: int | None
    allowed: int | None = Field(description=ALLOWED)
    used: int = Field(description="Queries of the window, as Prowlarr counts them.")
    spent: int = Field(description="Queries of our hunts that Prowlarr's figures may not hold yet.")
    left: int | None = Field(description="Queries that hunts may still make; null without a limit.")
    usable: bool
    disabled_until: UtcTime | None
    free_at: UtcTime | None = Field(description="When it should be usable again, where it is not.")


class BudgetOut(Out):
    """Whether an instance may hunt, as far as its indexers are concerned."""

    is_open: bool
    opens_at: UtcTime | None = Field(description="When it should be open again, where it is closed.")
    units_left: int | None = Field(description="Search units until it closes; null without a limit.")
    indexers: list[IndexerBudgetOut]
    warnings: list[str] = Field(description="A Prowlarr whose figures are too old to decide by.")


class AppBudgetOut(Out):
    """An instance that searches through a Prowlarr."""

    instance_id: int
    name: str
    app_type: AppType
    budget: BudgetOut


class ProwlarrBudgetOut(Out):
    """What one Prowlarr leaves to the hunts of every app behind it."""

    reserve_percent: int
    enforce_budget: bool
    measured_at: UtcTime | None
    is_fresh: bool
    apps: list[AppBudgetOut]

"""Bodies and replies: hunts, plans, history, item states and caps."""

from typing import Annotated

from pydantic import AfterValidator, Field

from app.arr.models import AppType, HuntPass, Unit
from app.core.schemas import In, Out, Page, UtcTime, example
from app.hunting.selection.policy import Reason, StateStatus
from app.hunting.store.models import HuntStatus, Outcome, Trigger
from app.hunting.store.reasons import HuntReason
from app.prowlarr.schemas import BudgetOut


def _in_order(passes: list[HuntPass]) -> list[HuntPass]:
    return [hunt_pass for hunt_pass in HuntPass if hunt_pass in passes]


def _known_unit(media_key: str) -> str:
    unit = media_key.partition(":")[0]
    if unit not in Unit.__members__.values():
        raise ValueError(f"must begin with one of: {', '.join(Unit)}")
    return media_key


class HuntIn(In):
    """Which instances to hunt, and how; without a target all enabled ones."""

    model_config = example({"instance_id": 1, "passes": ["missing"], "limit": 5, "dry_run": True})

    instance_id: int | None = Field(None, ge=1, le=2**31 - 1)
    app_type: AppType | None = None
    passes: Annotated[list[HuntPass], AfterValidator(_in_order)] | None = Field(
        None, min_length=1, max_length=10, description="All by default; always in the order missing, cutoff, upgrade."
    )
    limit: int | None = Field(None, ge=1, le=100, description="Searches in all, instead of the batches' sizes.")
    dry_run: bool = Field(False, description="Decide and record, but search nothing.")


class HuntOut(Out):
    """One run over one instance."""

    id: int
    instance_id: int | None = Field(description="Null when the instance was deleted.")
    instance_name: str
    app_type: AppType
    trigger: Trigger
    status: HuntStatus
    reason: HuntReason | None = Field(description="Which gate closed, or what ended it early.")
    message: str | None = Field(description="The same as a sentence, or what went wrong.")
    passes: list[HuntPass]
    limit: int | None
    dry_run: bool
    queued_at: UtcTime
    started_at: UtcTime | None
    ended_at: UtcTime | None
    searched: int
    errors: int
    skipped: dict[str, dict[str, int]] = Field(
        description="By pass: items passed over, by reason.", examples=[{"missing": {"cooldown": 12}}]
    )
    unseen: dict[str, int] = Field(
        description="By pass: items of the app's list that this hunt did not look at.", examples=[{"missing": 20213}]
    )
    warnings: list[str] = Field(description="What is wrong with the settings, such as a tag that the app lacks.")

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None


class HuntsOut(Out):
    """The hunts that a call queued, or found open already."""

    hunts: list[HuntOut]

    @property
    def are_over(self) -> bool:
        return all(hunt.is_over for hunt in self.hunts)


class HuntItemOut(Out):
    """An item that a hunt decided on: searched, or passed over for one reason."""

    hunt_pass: HuntPass = Field(serialization_alias="pass")
    media_key: str = Field(examples=["season:12:3"])
    unit: Unit
    title: str
    decision: Reason
    until: UtcTime | None = Field(description="When the decision may change by itself, where that is known.")
    picked: str | None = Field(description="Why this item was selected.")
    search_id: int | None
    outcome: Outcome | None
    message: str | None
    command_id: int | None
    searched_at: UtcTime | None
    release_title: str | None = Field(description="The first release that was grabbed.")
    grabs: int = Field(description="Releases that were grabbed: a season search may grab several.")
    release_titles: list[str] = Field(description="Their titles.")


class HuntDetailOut(HuntOut):
    """A run with every decision and outcome, searches first."""

    items: list[HuntItemOut]


class SearchOut(Out):
    """One search: what was asked for, why, and what came of it."""

    id: int
    hunt_id: int
    instance_id: int | None
    instance_name: str
    app_type: AppType
    hunt_pass: HuntPass = Field(serialization_alias="pass")
    media_key: str
    unit: Unit
    title: str
    picked: str = Field(description="Why this item was selected.")
    units: int = Field(description="Searches that the app did for it: 1, or as many as an owner has seasons or items.")
    outcome: Outcome
    message: str | None
    command_id: int | None
    searched_at: UtcTime
    ended_at: UtcTime | None = Field(description="When the app had searched.")
    quality_before: str | None = Field(description="Of the file that was there; null for what was missing.")
    score_before: int | None
    quality_after: str | None = Field(description="Of the release that was grabbed, then of the imported file.")
    score_after: int | None
    indexer: str | None
    release_title: str | None = Field(description="The first release that was grabbed.")
    grabs: int = Field(description="Releases that were grabbed: a season search may grab several.")
    release_titles: list[str] = Field(description="Their titles.")
    seconds_to_grab: int | None = Field(description="From the begin of the search, by the app's clock.")
    seconds_to_import: int | None


class HistoryPage(Page[SearchOut]):
    """A page of the history."""

    searched_back_to: UtcTime | None = Field(
        None, description="How far back a text was searched; go on with `to` set to it. Null when that was all."
    )


class StateOut(Out):
    """The state of an item in one pass."""

    instance_id: int
    hunt_pass: HuntPass = Field(serialization_alias="pass")
    media_key: str
    unit: Unit
    title: str
    status: StateStatus
    last_searched_at: UtcTime | None
    cooldown_until: UtcTime | None
    fruitless: int = Field(description="Searches in a row that led to no import, as far as they still count.")
    last_outcome: Outcome | None


class StateResetIn(In):
    """Which searches to forget: of one item, an instance, a type, or all of them."""

    model_config = example({"instance_id": 1, "media_key": "episode:4711"})

    instance_id: int | None = Field(None, ge=1, le=2**31 - 1)
    app_type: AppType | None = None
    media_key: Annotated[str, AfterValidator(_known_unit)] | None = Field(
        None, pattern=r"^[a-z]+(:[0-9]{1,10}){1,2}$", max_length=80, examples=["episode:4711"]
    )


class StateResetOut(Out):
    """How much was forgotten: instances as a whole, or single item states."""

    instances: int
    items: int


class CapOut(Out):
    """How much of a cap is used."""

    used: int
    cap: int = Field(description="0 is no cap.")
    left: int | None = Field(description="Null without a cap.")
    resets_at: UtcTime | None = Field(description="When the first of the used units is free again.")


class InstanceCapsOut(Out):
    """The sliding caps of an instance."""

    instance_id: int
    name: str
    app_type: AppType
    hour: CapOut
    day: CapOut
    budget: BudgetOut | None = Field(description="Of the indexers, where a Prowlarr stands before them.")


class PlanItemOut(Out):
    """An item that the next hunt would decide on."""

    media_key: str
    unit: Unit
    title: str
    decision: Reason
    until: UtcTime | None
    picked: str | None
    units: int = Field(description="What the search would use of the caps.")


class PlanPassOut(Out):
    """What one pass of the next hunt would do."""

    hunt_pass: HuntPass = Field(serialization_alias="pass")
    total: int | None = Field(description="Length of the app's list.")
    unseen: int = Field(description="Items of the list that such a hunt does not look at.", examples=[20213])
    decisions: dict[str, int] = Field(description="Items by their decision.", examples=[{"search": 2, "cooldown": 18}])
    searches: int
    items: list[PlanItemOut] = Field(description="The first 500 items, and all that would be searched.")
    error: str | None = Field(description="Why the pass would not run: the app's failure, or what the app lacks.")


class PlanOut(Out):
    """What the next hunt would search, what not and why, and what it would cost. Nothing is searched."""

    instance_id: int
    would_run: bool
    reason: HuntReason | None = Field(description="The gate that is closed.")
    message: str | None
    warnings: list[str] = Field(description="What is wrong with the settings, such as a tag that the app lacks.")
    next_hunt_at: UtcTime | None
    passes: list[PlanPassOut]
    searches: int = Field(description="Searches that the next hunt would send.")
    units: int = Field(description="What they would use of the caps.")
    requests: int = Field(description="Requests to the app that such a hunt costs, without waiting for its searches.")


class PauseIn(In):
    """How long to pause; without `minutes` until somebody resumes."""

    model_config = example({"minutes": 60})

    minutes: int | None = Field(None, ge=1, le=525600)


class PauseOut(Out):
    """Whether all hunting is paused."""

    paused: bool
    until: UtcTime | None

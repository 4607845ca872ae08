"""What a schedule, or a hook, can do. An action is one entry of `ACTIONS`: parameters, target or not, its function.

A function may be called again for the same run, when the worker before died over it: what is done must stay done once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import Field

from app.arr.models import AppType, HuntPass
from app.core.errors import NotFound
from app.core.row_counts import HuntFilter
from app.core.schemas import In
from app.hunting.schemas import HuntIn, HuntOut, PauseIn
from app.hunting.service import HuntService
from app.hunting.store.models import Trigger
from app.instances.schemas import InstanceOut, InstancePatch
from app.instances.service import InstanceService
from app.schedules.models import RunStatus
from app.settings.hunting import HuntingIn
from app.settings.service import SettingsService

MAX_HUNTS = 500


class HuntParams(In):
    """As the same fields of `POST /api/hunts`."""

    passes: list[HuntPass] | None = Field(None, min_length=1, max_length=10)
    limit: int | None = Field(None, ge=1, le=100)


class CapParams(In):
    hourly_cap: int = Field(ge=1, le=400)


class NoParams(In):
    """Nothing can be said more precisely."""


@dataclass(frozen=True, slots=True)
class ActionServices:
    """The services that actions work with."""

    hunts: HuntService
    instances: InstanceService
    settings: SettingsService
    ask_for_backup: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ActionTarget:
    """Whom an action is about. `since`: when an earlier worker began with this run, if one did."""

    app_type: AppType | None
    instance_id: int | None
    since: datetime | None = None
    trigger: Trigger = Trigger.SCHEDULE


@dataclass(frozen=True, slots=True)
class ActionResult:
    """How a run ended."""

    message: str
    status: RunStatus = RunStatus.COMPLETED
    hunts: list[HuntOut] = field(default_factory=list)

    @property
    def hunt_ids(self) -> list[int]:
        return sorted(hunt.id for hunt in self.hunts)


P = TypeVar("P", bound=In)


@dataclass(frozen=True, slots=True)
class Action(Generic[P]):
    """One word of `action`."""

    params: type[P]
    run: Callable[[ActionServices, ActionTarget, P], Awaitable[ActionResult]]
    takes_target: bool = True


async def _hunt(hands: ActionServices, order: ActionTarget, params: HuntParams) -> ActionResult:
    hunts = await _hunts_since(hands, order)
    if not hunts:  # they are opened in one transaction: all of them or none
        given = HuntIn(instance_id=order.instance_id, app_type=order.app_type, passes=params.passes, limit=params.limit)
        hunts = await hands.hunts.start(given, trigger=order.trigger)
    return ActionResult(f"{_counted(len(hunts), 'hunt')} queued.", hunts=hunts)


async def _hunts_since(hands: ActionServices, order: ActionTarget) -> list[HuntOut]:
    """The hunts that the worker before opened."""
    if order.since is None:
        return []
    found = await hands.hunts.page(HuntFilter(order.instance_id, order.app_type), page=1, page_size=MAX_HUNTS)
    return [hunt for hunt in found.items if hunt.trigger is order.trigger and hunt.queued_at >= order.since]


async def _enable(hands: ActionServices, order: ActionTarget, _params: NoParams) -> ActionResult:
    return await _set_enabled(hands, order, True)


async def _disable(hands: ActionServices, order: ActionTarget, _params: NoParams) -> ActionResult:
    return await _set_enabled(hands, order, False)


async def _set_enabled(hands: ActionServices, order: ActionTarget, enabled: bool) -> ActionResult:
    word = "enabled" if enabled else "disabled"
    targets = await _targets(hands, order)
    others = [one for one in targets if one.enabled is not enabled]
    await _change(hands, others, InstancePatch(enabled=enabled))
    already = f" {len(targets) - len(others)} already {word}." if len(others) < len(targets) else ""
    return ActionResult(f"{_counted(len(others), 'instance')} {word}.{already}")


async def _pause(hands: ActionServices, _order: ActionTarget, params: PauseIn) -> ActionResult:
    pause = await hands.settings.pause(params.minutes)
    return ActionResult(
        "Hunting paused." if pause.until is None else f"Hunting paused until {pause.until:%Y-%m-%d %H:%M} UTC."
    )


async def _resume(hands: ActionServices, _order: ActionTarget, _params: NoParams) -> ActionResult:
    await hands.settings.resume()
    return ActionResult("Hunting resumed.")


async def _backup(hands: ActionServices, _order: ActionTarget, _params: NoParams) -> ActionResult:
    """It may take longer than a run: a job of its own makes it."""
    await hands.ask_for_backup()
    return ActionResult("A backup was asked for.")


async def _set_hourly_cap(hands: ActionServices, order: ActionTarget, params: CapParams) -> ActionResult:
    """Of an instance its own cap; of a type its default, and the own cap of every instance that has one."""
    targets = await _targets(hands, order)
    hunting = HuntingIn.model_validate({"hourly_cap": params.hourly_cap})
    if order.instance_id is None:
        for app_type in AppType if order.app_type is None else (order.app_type,):
            await hands.instances.update_defaults(app_type, hunting)
        own = [one for one in targets if "hourly_cap" in one.overrides]
    else:
        own = targets
    await _change(hands, own, InstancePatch(hunting=hunting))
    return ActionResult(f"Hourly cap of {_counted(len(targets), 'instance')} set to {params.hourly_cap}.")


async def _targets(hands: ActionServices, order: ActionTarget) -> list[InstanceOut]:
    found = await hands.instances.all(order.app_type)
    targets = [one for one in found if order.instance_id in (None, one.id)]
    if not targets:
        raise NotFound(f"There is no {order.app_type or 'instance'}.")
    return targets


async def _change(hands: ActionServices, targets: Sequence[InstanceOut], patch: InstancePatch) -> None:
    for one in targets:
        try:
            await hands.instances.update(one.app_type, one.id, patch)
        except NotFound:
            continue  # deleted since we looked


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


ACTIONS: dict[str, Action[Any]] = {
    "hunt": Action(HuntParams, _hunt),
    "enable": Action(NoParams, _enable),
    "disable": Action(NoParams, _disable),
    "pause": Action(PauseIn, _pause, takes_target=False),
    "resume": Action(NoParams, _resume, takes_target=False),
    "set_hourly_cap": Action(CapParams, _set_hourly_cap),
    "backup": Action(NoParams, _backup, takes_target=False),
}

"""The actions that schedules and hooks run. Each is one entry of `ACTIONS`: its parameters, its function, and whether
it takes a target.

A function may be called again for the same run, when the worker that called it first died. It must not do anything
twice.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import Field

from app.arr.models import AppType, HuntPass
from app.arr.registry import hunt_spec, hunting_apps
from app.core.errors import NotFound
from app.core.schemas import In
from app.hunting.filters import HuntFilter
from app.hunting.schemas import HuntIn, HuntOut, PauseIn
from app.hunting.service import HuntService
from app.hunting.store.models import Trigger
from app.instances.schemas import InstanceOut, InstancePatch
from app.instances.service import InstanceService
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
    """For actions without parameters."""


@dataclass(frozen=True, slots=True)
class ActionRequests:
    """What is only asked for: jobs of their own do it."""

    backup: Callable[[], Awaitable[None]]
    swaparr: Callable[[int | None], Awaitable[int]]
    """Queues the looks of Swaparr, all or those of one instance; how many."""
    movie_searches: Callable[[], Awaitable[int]]
    """Queues a search of every missing movie; how many."""


@dataclass(frozen=True, slots=True)
class ActionServices:
    """The services that actions use."""

    hunts: HuntService
    instances: InstanceService
    settings: SettingsService
    requests: ActionRequests


@dataclass(frozen=True, slots=True)
class ActionTarget:
    """The instances that an action is about, and how it was started.

    `since`: when an earlier worker began the same run, if one did.
    """

    app_type: AppType | None
    instance_id: int | None
    since: datetime | None = None
    trigger: Trigger = Trigger.SCHEDULE


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action did, as a sentence, and the hunts that it queued or found open."""

    message: str
    hunts: list[HuntOut] = field(default_factory=list)


P = TypeVar("P", bound=In)


@dataclass(frozen=True, slots=True)
class Action(Generic[P]):
    """One entry of `ACTIONS`."""

    params: type[P]
    run: Callable[[ActionServices, ActionTarget, P], Awaitable[ActionResult]]
    takes_target: bool = True


async def _hunt(services: ActionServices, target: ActionTarget, params: HuntParams) -> ActionResult:
    hunts = await _hunts_since(services, target)
    if not hunts:  # they are opened in one transaction: all of them or none
        given = HuntIn(
            instance_id=target.instance_id, app_type=target.app_type, passes=params.passes, limit=params.limit
        )
        hunts = await services.hunts.start(given, trigger=target.trigger)
    return ActionResult(f"{_counted(len(hunts), 'hunt')} queued.", hunts)


async def _hunts_since(services: ActionServices, target: ActionTarget) -> list[HuntOut]:
    """The hunts that an earlier worker opened for this run."""
    if target.since is None:
        return []
    found = await services.hunts.page(HuntFilter(target.instance_id, target.app_type), page=1, page_size=MAX_HUNTS)
    return [hunt for hunt in found.items if hunt.trigger is target.trigger and hunt.queued_at >= target.since]


async def _enable(services: ActionServices, target: ActionTarget, _params: NoParams) -> ActionResult:
    return await _set_enabled(services, target, True)


async def _disable(services: ActionServices, target: ActionTarget, _params: NoParams) -> ActionResult:
    return await _set_enabled(services, target, False)


async def _set_enabled(services: ActionServices, target: ActionTarget, enabled: bool) -> ActionResult:
    state = "enabled" if enabled else "disabled"
    instances = await _instances(services, target)
    to_change = [instance for instance in instances if instance.enabled is not enabled]
    await _change(services, to_change, InstancePatch(enabled=enabled))
    unchanged = len(instances) - len(to_change)
    already = f" {unchanged} already {state}." if unchanged else ""
    return ActionResult(f"{_counted(len(to_change), 'instance')} {state}.{already}")


async def _pause(services: ActionServices, _target: ActionTarget, params: PauseIn) -> ActionResult:
    pause = await services.settings.pause(params.minutes)
    return ActionResult(
        "Hunting paused." if pause.until is None else f"Hunting paused until {pause.until:%Y-%m-%d %H:%M} UTC."
    )


async def _resume(services: ActionServices, _target: ActionTarget, _params: NoParams) -> ActionResult:
    await services.settings.resume()
    return ActionResult("Hunting resumed.")


async def _backup(services: ActionServices, _target: ActionTarget, _params: NoParams) -> ActionResult:
    """Only requested: a backup may take longer than a run of a schedule, so a job of its own makes it."""
    await services.requests.backup()
    return ActionResult("Backup requested.")


async def _movie_hunt_search(services: ActionServices, _target: ActionTarget, _params: NoParams) -> ActionResult:
    """Every monitored movie that is available and has no file."""
    return ActionResult(f"{_counted(await services.requests.movie_searches(), 'movie')} queued for a search.")


async def _swaparr(services: ActionServices, target: ActionTarget, _params: NoParams) -> ActionResult:
    """The policies of all instances of an app type, of one instance, or a policy itself."""
    if target.app_type in (None, AppType.SWAPARR) or target.instance_id is not None:
        number = await services.requests.swaparr(target.instance_id)
    else:
        ids = [instance.id for instance in await _instances(services, target)]
        number = sum([await services.requests.swaparr(instance_id) for instance_id in ids])
    return ActionResult(f"{_counted(number, 'look')} queued.")


async def _set_hourly_cap(services: ActionServices, target: ActionTarget, params: CapParams) -> ActionResult:
    """Of one instance its own cap; of an app type its default, and the caps of instances that have their own."""
    if target.app_type is not None:
        hunt_spec(target.app_type)
    instances = [instance for instance in await _instances(services, target) if instance.hunting is not None]
    hunting = HuntingIn.model_validate({"hourly_cap": params.hourly_cap})
    if target.instance_id is None:
        for app_type in hunting_apps() if target.app_type is None else (target.app_type,):
            await services.instances.update_defaults(app_type, hunting)
        to_change = [instance for instance in instances if "hourly_cap" in instance.overrides]
    else:
        to_change = instances
    await _change(services, to_change, InstancePatch(hunting=hunting))
    return ActionResult(f"Hourly cap of {_counted(len(instances), 'instance')} set to {params.hourly_cap}.")


async def _instances(services: ActionServices, target: ActionTarget) -> list[InstanceOut]:
    of_app_type = await services.instances.all(target.app_type)
    found = [instance for instance in of_app_type if target.instance_id in (None, instance.id)]
    if not found:
        raise NotFound(f"There is no {target.app_type or 'instance'}.")
    return found


async def _change(services: ActionServices, instances: Sequence[InstanceOut], patch: InstancePatch) -> None:
    for instance in instances:
        try:
            await services.instances.update(instance.app_type, instance.id, patch)
        except NotFound:
            continue  # deleted meanwhile


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


ACTIONS: dict[str, Action[Any]] = {
    "hunt": Action(HuntParams, _hunt),
    "enable": Action(NoParams, _enable),
    "disable": Action(NoParams, _disable),
    "pause": Action(PauseIn, _pause, takes_target=False),
    "resume": Action(NoParams, _resume, takes_target=False),
    "set_hourly_cap": Action(CapParams, _set_hourly_cap),
    "swaparr": Action(NoParams, _swaparr),
    "backup": Action(NoParams, _backup, takes_target=False),
    "movie_hunt_search": Action(NoParams, _movie_hunt_search, takes_target=False),
}

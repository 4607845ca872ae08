"""Instances: create, read, change, delete and test them."""

import random
from datetime import timedelta

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.http import ArrHttp
from app.arr.models import AppType, Connection
from app.arr.probe import Probe, probe
from app.core.addresses import normalise_url
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound, Unavailable
from app.core.queue import PROBE_INSTANCE, Queue
from app.core.schemas import SECRET_MASK
from app.core.security import SecretBox, masked
from app.instances.models import Instance, InstanceState
from app.instances.schemas import InstanceIn, InstanceOut, InstancePatch, InstanceTestIn, InstanceTestOut
from app.settings.general import GeneralSettings
from app.settings.hunting import HuntingIn, HuntingSettings, effective, merged_values
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

JITTER = 0.1


class InstanceService:
    """The one owner of instance rows and of how to connect to what they stand for."""

    def __init__(
        self, db: Database, queue: Queue, http: ArrHttp, box: SecretBox, settings: SettingsService, clock: Clock
    ) -> None:
        self._db = db
        self._queue = queue
        self._http = http
        self._box = box
        self._settings = settings
        self._clock = clock

    async def all(self, app_type: AppType | None = None) -> list[InstanceOut]:
        async with self._db.reading() as session:
            query = select(Instance, InstanceState).join(InstanceState).order_by(col(Instance.id))
            if app_type is not None:
                query = query.where(Instance.app_type == app_type)
            rows = (await session.exec(query)).all()
            defaults = await self._settings.all_hunting_defaults(session)
        return [_shown(row, state, effective(defaults[AppType(row.app_type)], row.overrides)) for row, state in rows]

    async def get(self, app_type: AppType, instance_id: int) -> InstanceOut:
        async with self._db.reading() as session:
            return await self._show(session, await self.require(session, instance_id, app_type))

    async def create(self, app_type: AppType, given: InstanceIn, *, verify: bool = False) -> InstanceOut:
        key = self._new_key(given.api_key)
        url = normalise_url(given.url)
        overrides = merged_values({}, given.hunting, app_type) if given.hunting else {}
        if verify:
            await self._insist(app_type, url, key)
        now = self._clock()
        async with self._db.session() as session:
            row = Instance(
                app_type=app_type, name=given.name, enabled=given.enabled, url=url, api_key=self._box.seal(key),
                overrides=overrides, created_at=now, updated_at=now,
            )  # fmt: skip
            session.add(row)
            await _flush_unique(session, app_type, url)
            hunting = await self.hunting(session, row)
            session.add(InstanceState(instance_id=_id(row), next_hunt_at=now + interval(hunting)))
            await session.flush()
            shown = await self._show(session, row)
        await self._ring_probe(shown.id)
        return shown

    async def replace(
        self, app_type: AppType, instance_id: int, given: InstanceIn, *, verify: bool = False
    ) -> InstanceOut:
        changes = InstancePatch(
            name=given.name, enabled=given.enabled, url=given.url, api_key=given.api_key, hunting=given.hunting
        )
        return await self._change(app_type, instance_id, changes, keep_overrides=False, verify=verify)

    async def update(
        self, app_type: AppType, instance_id: int, given: InstancePatch, *, verify: bool = False
    ) -> InstanceOut:
        return await self._change(app_type, instance_id, given, keep_overrides=True, verify=verify)

    async def delete(self, app_type: AppType, instance_id: int) -> None:
        """Its state, caps and ledger go with it; the history stays, under its name."""
        async with self._db.session() as session:
            row = await self.require(session, instance_id, app_type)
            await session.exec(delete(Instance).where(col(Instance.id) == row.id))

    async def test(self, app_type: AppType, given: InstanceTestIn) -> InstanceTestOut:
        """Try an unsaved connection, or the stored one with what the body changes of it; nothing is stored."""
        url, key = given.url, given.api_key
        if given.instance_id is not None:
            async with self._db.reading() as session:
                row = await self.require(session, given.instance_id, app_type)
                url, key = url or row.url, self._key_for(row, key, normalise_url(url) if url else row.url)
        if url is None:
            raise Invalid("Give a url and an api_key, or an instance_id.", field="body.url")
        return _tested(await self._probe(app_type, normalise_url(url), self._new_key(key)))

    async def test_stored(self, app_type: AppType, instance_id: int) -> InstanceTestOut:
        """Try the stored connection and keep what was learned."""
        async with self._db.reading() as session:
            row = await self.require(session, instance_id, app_type)
        found = await self._probe(app_type, row.url, self._box.open(row.api_key))
        async with self._db.session() as session:
            state = await session.get(InstanceState, instance_id)
            if state is not None:
                self._learn(state, found)
        return _tested(found)

    async def probe(self, instance_id: int) -> None:
        """The background form of the test, for the worker; a deleted instance is no error."""
        async with self._db.reading() as session:
            row = await session.get(Instance, instance_id)
        if row is not None:
            await self.test_stored(AppType(row.app_type), instance_id)

    async def require(self, session: AsyncSession, instance_id: int, app_type: AppType | None = None) -> Instance:
        """The row; `NotFound` when it is not there, or is of another type than the path says."""
        row = await session.get(Instance, instance_id)
        if row is None or (app_type is not None and row.app_type != app_type):
            raise NotFound(f"There is no {app_type or 'instance'} with the id {instance_id}.")
        return row

    async def hunting(self, session: AsyncSession, row: Instance) -> HuntingSettings:
        """The hunting settings in force for the instance."""
        return effective(await self._settings.hunting_defaults(session, AppType(row.app_type)), row.overrides)

    async def update_defaults(self, app_type: AppType, given: HuntingIn) -> HuntingSettings:
        """Change the hunting settings of all instances of a type; the next hunts move with the interval."""
        async with self._db.session() as session:
            before, after = await self._settings.update_hunting(session, app_type, given)
            if before.interval_minutes != after.interval_minutes:
                query = select(Instance, InstanceState).join(InstanceState).where(Instance.app_type == app_type)
                for row, state in (await session.exec(query)).all():
                    if "interval_minutes" not in row.overrides:
                        self._reschedule(state, after)
        return after

    def connection(self, row: Instance, general: GeneralSettings, hunting: HuntingSettings) -> Connection:
        """How to reach the app of a stored instance."""
        return Connection(
            row.url, self._box.open(row.api_key), float(general.api_timeout_seconds), general.verify_tls,
            request_concurrency=hunting.request_concurrency,
        )  # fmt: skip

    async def _change(
        self, app_type: AppType, instance_id: int, given: InstancePatch, *, keep_overrides: bool, verify: bool
    ) -> InstanceOut:
        async with self._db.reading() as session:
            row = await self.require(session, instance_id, app_type)
        url = normalise_url(given.url) if given.url is not None else row.url
        key = self._key_for(row, given.api_key, url)
        if verify:
            await self._insist(app_type, url, key)
        async with self._db.session() as session:
            row = await self.require(session, instance_id, app_type)
            before = (await self.hunting(session, row)).interval_minutes
            moved = url != row.url or key != self._box.open(row.api_key)
            row.name = given.name if given.name is not None else row.name
            row.enabled = given.enabled if given.enabled is not None else row.enabled
            if given.hunting is not None or not keep_overrides:
                stored = row.overrides if keep_overrides else {}
                row.overrides = merged_values(stored, given.hunting or HuntingIn(), app_type)
            if moved:
                row.url, row.api_key = url, self._box.seal(key)
            row.updated_at = self._clock()
            session.add(row)
            await _flush_unique(session, app_type, url)
            hunting = await self.hunting(session, row)
            await self._adapt_state(session, row, hunting if hunting.interval_minutes != before else None, moved=moved)
            shown = await self._show(session, row)
        if moved:
            await self._ring_probe(instance_id)
        return shown

    async def _adapt_state(
        self, session: AsyncSession, row: Instance, rescheduled: HuntingSettings | None, *, moved: bool
    ) -> None:
        state = await session.get(InstanceState, row.id)
        if state is None:
            return
        if rescheduled is not None:
            self._reschedule(state, rescheduled)
        if moved:
            state.online = state.version = state.database = state.error = state.error_code = state.checked_at = None
            state.failures, state.rest_until = 0, None
        session.add(state)
        await session.flush()

    def _reschedule(self, state: InstanceState, hunting: HuntingSettings) -> None:
        """A shorter interval brings the next hunt forward, a longer one puts it off."""
        start = state.last_hunt_at or self._clock()
        state.next_hunt_at = max(self._clock(), start + interval(hunting))

    async def _show(self, session: AsyncSession, row: Instance) -> InstanceOut:
        state = await session.get(InstanceState, row.id)
        return _shown(row, state or InstanceState(instance_id=_id(row)), await self.hunting(session, row))

    def _new_key(self, given: str | None) -> str:
        if given is None or given == SECRET_MASK:
            raise Invalid("An api_key is needed: the app shows it under Settings, General.", field="body.api_key")
        return given

    def _key_for(self, row: Instance, given: str | None, url: str) -> str:
        """The key to use with `url`. A stored key only ever goes to the place that it was stored for."""
        if given is not None and given != SECRET_MASK:
            return given
        if url != row.url:
            raise Invalid("The url is another one: give the api_key with it.", field="body.api_key")
        return self._box.open(row.api_key)

    async def _insist(self, app_type: AppType, url: str, key: str) -> None:
        found = await self._probe(app_type, url, key)
        if not found.ok:
            raise Invalid(found.error or "The app did not answer as expected.", field="body.url")

    async def _probe(self, app_type: AppType, url: str, key: str) -> Probe:
        general = await self._settings.general()
        connection = Connection(url, key, float(general.api_timeout_seconds), general.verify_tls)
        return await probe(self._http, app_type, connection)

    def _learn(self, state: InstanceState, found: Probe) -> None:
        state.online, state.checked_at = found.ok, self._clock()
        state.error, state.error_code = found.error, found.error_code
        if found.ok:
            state.version, state.database = found.version, found.database
            state.failures, state.rest_until = 0, None

    async def _ring_probe(self, instance_id: int) -> None:
        try:
            await self._queue.enqueue(PROBE_INSTANCE, instance_id, job_id=f"probe:{instance_id}")
        except Unavailable:
            log.warning("instance is not tested now: no redis", instance_id=instance_id)


def interval(hunting: HuntingSettings) -> timedelta:
    """The time between two automatic hunts, with the jitter that keeps instances from hunting in step."""
    share = 1 + random.uniform(-JITTER, JITTER)  # noqa: S311 - nothing secret hangs on it
    return timedelta(minutes=hunting.interval_minutes) * share


async def _flush_unique(session: AsyncSession, app_type: AppType, url: str) -> None:
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict(f"A {app_type} with the url {url} exists already.") from None


def _id(row: Instance) -> int:
    if row.id is None:
        raise ValueError("the instance is not stored yet")
    return row.id


def _tested(found: Probe) -> InstanceTestOut:
    return InstanceTestOut.model_validate(found)


def _shown(row: Instance, state: InstanceState, hunting: HuntingSettings) -> InstanceOut:
    return InstanceOut(
        id=_id(row), app_type=AppType(row.app_type), name=row.name, enabled=row.enabled, url=row.url,
        api_key=masked(row.api_key), hunting=hunting, overrides=row.overrides, version=state.version, variant=None,
        database=state.database, online=state.online, error=state.error, checked_at=state.checked_at,
        created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip

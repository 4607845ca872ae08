"""Create, read, change, delete and test instances."""

from dataclasses import asdict, replace

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.errors import ArrError, ErrorCode
from app.arr.models import AppStatus, AppType, Connection, Variant
from app.arr.probe import Probe
from app.arr.registry import hunt_spec, hunting_apps
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.core.queue import NOW
from app.core.schemas import SECRET_MASK
from app.http.addresses import MAX_URL_LENGTH, normalise_url
from app.instances import health
from app.instances.access import AppAccess, changed_access, new_access, store_access, stored_access
from app.instances.events import record_offline, record_online
from app.instances.models import Instance, InstanceState
from app.instances.observer import InstanceObserver
from app.instances.own_settings import merged_overrides, prowlarr_settings, swaparr_settings
from app.instances.schemas import InstanceIn, InstanceOut, InstancePatch, InstanceTestIn, InstanceTestOut
from app.instances.tester import ConnectionTester
from app.secrets.box import SecretBox, masked
from app.settings.general import GeneralSettings
from app.settings.hunting import HuntingIn, HuntingSettings, effective
from app.settings.service import SettingsService

NOT_AS_EXPECTED = "The app did not answer as expected."
PROBES_AT_ONCE = 100


class InstanceService:
    """The only writer of instance rows; knows how to connect to their apps."""

    def __init__(
        self,
        db: Database,
        box: SecretBox,
        settings: SettingsService,
        tester: ConnectionTester,
        observer: InstanceObserver,
        clock: Clock,
    ) -> None:
        self._db = db
        self._box = box
        self._settings = settings
        self._tester = tester
        self._observer = observer
        self._clock = clock

    async def all(self, app_type: AppType | None = None) -> list[InstanceOut]:
        async with self._db.reading() as session:
            query = select(Instance, InstanceState).join(InstanceState).order_by(col(Instance.id))
            if app_type is not None:
                query = query.where(Instance.app_type == app_type)
            rows = (await session.exec(query)).all()
            defaults = await self._settings.all_hunting_defaults(session)
        found = []
        for row, state in rows:
            default = defaults.get(AppType(row.app_type))
            found.append(shown(row, state, None if default is None else effective(default, row.overrides)))
        return found

    async def get(self, app_type: AppType, instance_id: int) -> InstanceOut:
        async with self._db.reading() as session:
            return await self._show(session, await self.require(session, instance_id, app_type))

    async def create(self, app_type: AppType, given: InstanceIn, *, verify: bool = False) -> InstanceOut:
        url = _normalised(given.url)
        access = new_access(url, given.api_key, given.headers)
        overrides = merged_overrides({}, app_type, given.hunting, given.prowlarr)
        if verify:
            await self._require_connection(app_type, access)
        now = self._clock()
        async with self._db.session() as session:
            row = Instance(
                app_type=app_type,
                name=given.name,
                enabled=given.enabled,
                url=url,
                api_key="",
                overrides=overrides,
                created_at=now,
                updated_at=now,
            )
            store_access(row, self._box, access)
            session.add(row)
            await _flush_unique(session, app_type, url)
            state = InstanceState(instance_id=_id(row))
            session.add(state)
            hunting = await self._hunting_if_any(session, row)
            if hunting is not None:
                await self._observer.created(session, state.instance_id, hunting)
            found = shown(row, state, hunting)
        await self._tester.enqueue(found.id)
        return found

    async def replace(
        self, app_type: AppType, instance_id: int, given: InstanceIn, *, verify: bool = False
    ) -> InstanceOut:
        changes = InstancePatch(
            name=given.name,
            enabled=given.enabled,
            url=given.url,
            api_key=given.api_key,
            headers=given.headers,
            hunting=given.hunting,
            prowlarr=given.prowlarr,
        )
        return await self._change(app_type, instance_id, changes, keep_overrides=False, verify=verify)

    async def update(
        self, app_type: AppType, instance_id: int, given: InstancePatch, *, verify: bool = False
    ) -> InstanceOut:
        return await self._change(app_type, instance_id, given, keep_overrides=True, verify=verify)

    async def delete(self, app_type: AppType, instance_id: int) -> None:
        """Delete the instance with all that belongs to it; its history stays."""
        async with self._db.session() as session:
            await self.require(session, instance_id, app_type)
            await session.get_one(InstanceState, instance_id, with_for_update=True)  # as a worker: this row first
            await self._observer.deleting(session, instance_id)
            is_policy_of_it = col(Instance.target_instance_id) == instance_id
            await session.exec(delete(Instance).where((col(Instance.id) == instance_id) | is_policy_of_it))

    async def test(self, app_type: AppType, given: InstanceTestIn) -> InstanceTestOut:
        """Test an unsaved connection, or a stored one with the changes of the body; store nothing."""
        url = _normalised(given.url) if given.url else None
        access, stored = None, {}
        async with self._db.reading() as session:
            if given.instance_id is not None:
                row = await self.require(session, given.instance_id, app_type)
                access = changed_access(row, self._box, url, given.api_key, given.headers)
                stored = row.overrides
            defaults = (await self._settings.all_hunting_defaults(session)).get(app_type)
        if access is None and url is None:
            raise Invalid("Give a url and an api_key, or an instance_id.", field="body.url")
        overrides = merged_overrides(stored, app_type, given.hunting, given.prowlarr)
        hunting = None if defaults is None else effective(defaults, overrides)
        access = access or new_access(url or "", given.api_key, given.headers)
        found = await self._tester.test(app_type, access)
        return _tested(found, await self._tester.warnings(app_type, access, found, hunting))

    async def test_stored(self, app_type: AppType, instance_id: int) -> InstanceTestOut:
        """Test the stored connection and store the result in the state of the instance."""
        async with self._db.reading() as session:
            row = await self.require(session, instance_id, app_type)
            hunting = await self._hunting_if_any(session, row)
        found = await self._observe(row)
        access = stored_access(row, self._box)
        return _tested(found, await self._tester.warnings(app_type, access, found, hunting))

    async def probe(self, instance_id: int) -> bool:
        """Test the stored connection for a worker and store the result; false when it fails or is gone."""
        async with self._db.reading() as session:
            row = await session.get(Instance, instance_id)
        return row is not None and row.address != "" and (await self._observe(row)).ok

    async def enqueue_first_probes(self) -> None:
        """Enqueue the test of instances that nobody has asked yet: their job was lost, or its worker died."""
        now = self._clock()
        query = select(Instance.id, Instance.updated_at).join(InstanceState)
        query = query.where(col(InstanceState.online).is_(None), col(Instance.target_instance_id).is_(None))
        async with self._db.glance() as session:
            untested = (await session.exec(query.order_by(col(Instance.updated_at)).limit(PROBES_AT_ONCE))).all()
        for instance_id, updated_at in untested:
            if not await self._tester.enqueue(instance_id or 0, age=max(NOW, now - updated_at)):
                return

    async def require(
        self, session: AsyncSession, instance_id: int, app_type: AppType | None = None, *, lock: bool = False
    ) -> Instance:
        """The row; `NotFound` when it does not exist or is of another app type."""
        row = await session.get(Instance, instance_id, with_for_update={"key_share": True} if lock else None)
        if row is None or (app_type is not None and row.app_type != app_type):
            raise NotFound(f"There is no {app_type or 'instance'} with the id {instance_id}.")
        return row

    async def app_type_of(self, instance_id: int) -> AppType:
        async with self._db.reading() as session:
            return AppType((await self.require(session, instance_id)).app_type)

    async def require_hunting(
        self, session: AsyncSession, instance_id: int, app_type: AppType | None = None
    ) -> Instance:
        """The row as `require` gives it; `Conflict` for an instance that does not hunt."""
        row = await self.require(session, instance_id, app_type)
        hunt_spec(AppType(row.app_type))
        return row

    async def hunting(self, session: AsyncSession, row: Instance) -> HuntingSettings:
        """The hunting settings in force for an instance that hunts."""
        return effective(await self._settings.hunting_defaults(session, AppType(row.app_type)), row.overrides)

    async def update_defaults(self, app_type: AppType, given: HuntingIn) -> HuntingSettings:
        """Change the hunting defaults of an app type; another interval moves the next hunts."""
        async with self._db.session() as session:
            before, after = await self._settings.update_hunting(session, app_type, given)
            if before.interval_minutes != after.interval_minutes:
                rows = (await session.exec(select(Instance).where(Instance.app_type == app_type))).all()
                ids = [_id(row) for row in rows if "interval_minutes" not in row.overrides]
                await self._observer.interval_changed(session, ids, after)
        return after

    def connection(self, row: Instance, general: GeneralSettings, hunting: HuntingSettings | None = None) -> Connection:
        """The connection to the app of a stored instance; `hunting` says how much may be asked at once."""
        access, timeout = stored_access(row, self._box), float(general.api_timeout_seconds)
        connection = access.connection(timeout_seconds=timeout, verify_tls=general.verify_tls)
        return connection if hunting is None else replace(connection, request_concurrency=hunting.request_concurrency)

    async def _change(
        self, app_type: AppType, instance_id: int, given: InstancePatch, *, keep_overrides: bool, verify: bool
    ) -> InstanceOut:
        url = _normalised(given.url) if given.url is not None else None
        if verify:
            async with self._db.reading() as session:
                row = await self.require(session, instance_id, app_type)
            await self._require_connection(app_type, changed_access(row, self._box, url, given.api_key, given.headers))
        async with self._db.session() as session:
            row = await self.require(session, instance_id, app_type, lock=True)
            state = await session.get_one(InstanceState, instance_id, with_for_update=True)
            access = changed_access(row, self._box, url, given.api_key, given.headers) if row.address else None
            moved = access is not None and self._set_connection(row, state, access)
            await _flush_unique(session, app_type, row.address)
            if moved:
                await self._observer.address_changed(session, instance_id)
            before = await self._hunting_if_any(session, row) if row.enabled else None
            _set_fields(row, given, keep_overrides=keep_overrides)
            row.updated_at = self._clock()
            hunting = await self._hunting_if_any(session, row)
            if hunting and (before is None or before.interval_minutes != hunting.interval_minutes):
                await self._observer.interval_changed(session, [instance_id], hunting)
            found = shown(row, state, hunting)
        if moved:
            await self._tester.enqueue(instance_id)
        return found

    def _set_connection(self, row: Instance, state: InstanceState, access: AppAccess) -> bool:
        """Store another access and reset the state; false when it is the stored one."""
        if access == stored_access(row, self._box):
            return False
        store_access(row, self._box, access)
        state.online = state.version = state.variant = state.database = state.checked_at = None
        state.error = state.error_code = None
        state.failures, state.rest_until = 0, None
        return True

    async def _show(self, session: AsyncSession, row: Instance) -> InstanceOut:
        state = await session.get_one(InstanceState, _id(row))
        return shown(row, state, await self._hunting_if_any(session, row))

    async def _hunting_if_any(self, session: AsyncSession, row: Instance) -> HuntingSettings | None:
        return await self.hunting(session, row) if AppType(row.app_type) in hunting_apps() else None

    async def _require_connection(self, app_type: AppType, access: AppAccess) -> None:
        found = await self._tester.test(app_type, access)
        if not found.ok:
            raise Invalid(found.error or NOT_AS_EXPECTED, field="body.url")

    async def _observe(self, row: Instance) -> Probe:
        found = await self._tester.test(AppType(row.app_type), stored_access(row, self._box))
        async with self._db.session() as session:
            state = await session.get(InstanceState, _id(row), with_for_update=True)
            if state is not None:
                await self._note_result(session, row, state, found)
        return found

    async def _note_result(self, session: AsyncSession, row: Instance, state: InstanceState, found: Probe) -> None:
        """Update the state as a hunt does after the same answer."""
        now, app_type = self._clock(), AppType(row.app_type)
        if found.ok and found.app_name and found.version and found.database:
            status = AppStatus(found.app_name, found.version, found.database, "", found.variant)
            if health.seen_online(state, status, now):
                await record_online(session, app_type, row.name, state, now)
        else:
            failure = ArrError(
                found.error_code or ErrorCode.BAD_RESPONSE, found.error or NOT_AS_EXPECTED, may_have_reached=False
            )
            if health.seen_offline(state, failure, now):
                await record_offline(session, app_type, row.name, state, now)
            await self._observer.found_offline(session, state)


async def _flush_unique(session: AsyncSession, app_type: AppType, url: str) -> None:
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict(f"A {app_type} with the url {url} exists already.") from None


def _id(row: Instance) -> int:
    if row.id is None:
        raise ValueError("the instance is not stored yet")
    return row.id


def _normalised(url: str) -> str:
    """The normal form of the address; names in other scripts grow when encoded, so its length is checked here."""
    try:
        normal = normalise_url(url)
    except Invalid as wrong:
        raise Invalid(wrong.message, field="body.url") from None
    if len(normal) > MAX_URL_LENGTH:
        raise Invalid(f"The URL is too long: at most {MAX_URL_LENGTH} characters.", field="body.url")
    return normal


def _set_fields(row: Instance, given: InstancePatch, *, keep_overrides: bool) -> None:
    """All fields of the body but address and key."""
    row.name = given.name if given.name is not None else row.name
    row.enabled = given.enabled if given.enabled is not None else row.enabled
    stored = row.overrides if keep_overrides else {}
    row.overrides = merged_overrides(stored, AppType(row.app_type), given.hunting, given.prowlarr)


def _tested(found: Probe, warnings: list[str]) -> InstanceTestOut:
    variant = found.variant.label if found.variant is not None else None
    return InstanceTestOut.model_validate({**asdict(found), "variant": variant, "warnings": warnings})


def shown(row: Instance, state: InstanceState, hunting: HuntingSettings | None) -> InstanceOut:
    """The instance as callers read it."""
    values = {
        **state.model_dump(),
        **row.model_dump(),
        "url": row.address or None,
        "api_key": masked(row.api_key),
        "headers": dict.fromkeys(row.headers, SECRET_MASK),
        "hunting": hunting,
        "prowlarr": prowlarr_settings(AppType(row.app_type), row.overrides),
        "swaparr": swaparr_settings(AppType(row.app_type), row.overrides),
        "variant": Variant(state.variant).label if state.variant else None,
    }
    return InstanceOut.model_validate(values)

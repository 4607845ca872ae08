"""Workers that die: at any step of a hunt, as `kill -9` would, or that are held up there while another takes over."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.http import ArrHttp
from app.arr.models import Connection
from app.core.db import Database
from app.http.bodies import MAX_BODY_BYTES, Json
from app.http.client import TRIES
from app.http.messages import Method, Param
from app.hunting.running.runner import HuntRunner
from app.hunting.running.timing import Timing
from app.hunting.services import HuntingServices
from tests.support.rig import Rig


class Killed(BaseException):
    """The process is gone: nothing that handles exceptions may come to run."""


Step = Callable[[str], Awaitable[None]]


@dataclass
class Fuse:
    """Kills at the step of number `at`; `steps` tells what was passed."""

    at: int
    steps: list[str] = field(default_factory=list)
    is_blown: bool = False

    async def __call__(self, step: str) -> None:
        self.steps.append(step)
        if not self.is_blown and len(self.steps) > self.at:
            self.is_blown = True
            raise Killed(step)


class SteppingHttp(ArrHttp):
    """Takes a step before every request, and one between the app's answer and us."""

    def __init__(self, step: Step) -> None:
        super().__init__("test")
        self._step = step

    async def send(
        self,
        connection: Connection,
        method: Method,
        path: str,
        *,
        params: Mapping[str, Param] | None = None,
        json: Json = None,
        tries: int = TRIES,
        limit: int = MAX_BODY_BYTES,
    ) -> Json:
        await self._step(f"before {method} {path}")
        reply = await super().send(connection, method, path, params=params, json=json, tries=tries, limit=limit)
        await self._step(f"after {method} {path}")
        return reply


class SteppingDatabase(Database):
    """Takes a step before every unit of work, before its commit and after it."""

    def __init__(self, url: str, step: Step) -> None:
        super().__init__(url)
        self._step = step

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        await self._step("before the transaction")
        async with super().session() as session:
            yield session
            await self._step("before the commit")
        await self._step("after the commit")


@asynccontextmanager
async def stepping_runner(rig: Rig, step: Step, *, lease_seconds: float = 5) -> AsyncIterator[HuntRunner]:
    """A runner of its own, as in another process, that takes a step wherever it could die."""

    async def sleep(seconds: float) -> None:
        await step("before a wait")
        await rig.clock.sleep(seconds)
        await step("after a wait")

    own = rig.container
    db, http = SteppingDatabase(rig.config.database, step), SteppingHttp(step)
    timing = Timing(sleep=sleep, monotonic=rig.clock.monotonic, polls=(1, 2, 4), push=None)
    infra = replace(own.infra, db=db, http=http)
    hunting = HuntingServices.build(
        infra, own.settings, own.instances, own.events.bus, lease_seconds=lease_seconds, timing=timing
    )
    try:
        yield hunting.runner
    finally:
        await http.aclose()
        await db.close()

"""A simulated app that can be switched off and on again at the same address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.arr.models import AppType
from app.instances.schemas import InstanceIn, InstanceOut
from app.settings.hunting import HuntingIn
from tests.simulator import Served, SimApp, SimHost
from tests.support.rig import Rig


class Switch:
    """Off means that the port refuses connections."""

    def __init__(self, app: SimApp) -> None:
        self._app = app
        self._served: Served | None = Served(SimHost(app)).start()
        self.port = self._served.port
        self.url = f"{self._served.url}{app.url_base}"

    async def off(self) -> None:
        if self._served is not None:
            await asyncio.to_thread(self._served.stop)
            self._served = None

    async def on(self) -> None:
        if self._served is None:
            self._served = await asyncio.to_thread(Served(SimHost(self._app), port=self.port).start)


@asynccontextmanager
async def switched(rig: Rig, app: SimApp, **hunting: Any) -> AsyncIterator[tuple[InstanceOut, Switch]]:
    """An instance of the app, and its switch."""
    switch = await asyncio.to_thread(Switch, app)
    kind = AppType(app.definition.app_type)
    given = InstanceIn(
        name="switched", url=switch.url, api_key=app.settings.api_key, hunting=HuntingIn.model_validate(hunting)
    )
    try:
        yield await rig.container.instances.create(kind, given), switch
    finally:
        await switch.off()

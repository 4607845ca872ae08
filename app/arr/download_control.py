"""What Swaparr asks of an app beside its queue: its clients, their state, and the removal of a download.

Facts of Sonarr 4 and Radarr 6, tried: the queue is as old as the last `RefreshMonitoredDownloads`, which runs every
minute; removing any row of a download removes it whole; 404 says that it is gone already; 500 that its client does not
answer, and then nothing was removed. A download that is blocklisted and kept in its client never shows up again.
"""

from datetime import datetime

from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp, Params
from app.arr.models import AppType, Connection
from app.arr.parsing import Line, Moment, Resource, Text, read_list, read_one
from app.arr.registry import REGISTRY
from app.http.bodies import MAX_SMALL_BYTES, Json

REFRESH = "RefreshMonitoredDownloads"
TRANSMISSION = "transmission"


class _TaskResource(Resource):
    task_name: Line
    last_execution: Moment = None


class _HealthResource(Resource):
    source: Text = None


class _ClientResource(Resource):
    name: Line
    implementation: Text = None


class _StartResource(Resource):
    start_time: Moment = None


class DownloadControl:
    """One app that hunts; every method is one request and raises only `ArrError`."""

    def __init__(self, http: ArrHttp, app_type: AppType, connection: Connection) -> None:
        self._http = http
        self._connection = connection
        self._prefix = REGISTRY[app_type].prefix

    async def refreshed_at(self) -> datetime | None:
        """When the app last asked its download clients, by its own clock."""
        tasks = read_list(_TaskResource, await self._get("system/task"), "tasks")
        return next((task.last_execution for task in tasks if task.task_name == REFRESH), None)

    async def refresh(self) -> None:
        """Have the app ask its download clients; it takes up to a second."""
        path = f"{self._prefix}/command"
        await self._http.send(self._connection, "POST", path, json={"name": REFRESH}, tries=1, limit=MAX_SMALL_BYTES)

    async def health(self) -> frozenset[str]:
        """Names of the health checks that complain."""
        found = read_list(_HealthResource, await self._get("health"), "health checks")
        return frozenset(check.source for check in found if check.source)

    async def started_at(self) -> datetime | None:
        """When the app was started, by its own clock."""
        return read_one(_StartResource, await self._get("system/status"), "status").start_time

    async def transmissions(self) -> frozenset[str]:
        """Names of its download clients that are a Transmission."""
        found = read_list(_ClientResource, await self._get("downloadclient"), "download clients")
        return frozenset(each.name for each in found if (each.implementation or "").lower() == TRANSMISSION)

    async def remove(self, row_id: int, *, from_client: bool, blocklist: bool) -> None:
        """Remove the download of a row, whole; one that is gone already is no error. The app searches nothing then."""
        params: Params = {
            "removeFromClient": from_client,
            "blocklist": blocklist,
            "skipRedownload": True,
            "changeCategory": False,
        }
        path = f"{self._prefix}/queue/{row_id}"
        try:
            await self._http.send(self._connection, "DELETE", path, params=params, tries=1, limit=MAX_SMALL_BYTES)
        except ArrError as failure:
            if failure.code is not ErrorCode.NOT_FOUND:
                raise

    async def _get(self, path: str) -> Json:
        return await self._http.send(self._connection, "GET", f"{self._prefix}/{path}", limit=MAX_SMALL_BYTES)

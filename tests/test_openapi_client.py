"""A client that a stranger generates from openapi.json: it imports, and it talks to the running application."""

import importlib
import io
import os
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import DOCUMENT
from tests.simulator import LibrarySpec
from tests.support.rig import KEY, Rig

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
PACKAGE = "huntarr_generated"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The generated package, importable; its name."""
    folder = tmp_path_factory.mktemp("client")
    tools = str(Path(sys.executable).parent)
    generator = shutil.which("openapi-python-client", path=tools)
    assert generator
    ran = subprocess.run(  # noqa: S603 - a tool from our lock
        [generator, "generate", "--path", ROOT / DOCUMENT, "--meta", "none", "--output-path", folder / PACKAGE],
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},  # it formats what it made with ruff
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    told = (ran.stdout + ran.stderr).lower()
    assert "unsupported" not in told
    assert "warning" not in told
    sys.path.insert(0, str(folder))
    yield PACKAGE
    sys.path.remove(str(folder))


class Client:
    """The generated functions by their operation ids."""

    def __init__(self, package: str, http: Any) -> None:
        self._client = importlib.import_module(package).AuthenticatedClient(
            base_url="http://huntarr", token=KEY, prefix="", auth_header_name="X-Api-Key"
        )
        self._client.set_async_httpx_client(http)
        self.models = importlib.import_module(f"{package}.models")
        self._package = package

    async def __call__(self, place: str, *path: Any, **given: Any) -> Any:
        call = importlib.import_module(f"{self._package}.api.{place}")
        return await call.asyncio(*path, client=self._client, **given)


def test_every_part_of_the_client_imports(generated: str) -> None:
    package = importlib.import_module(generated)
    modules = [one.name for one in pkgutil.walk_packages(package.__path__, f"{generated}.")]
    assert len([name for name in modules if ".api." in name]) > 30
    for name in modules:
        importlib.import_module(name)


@pytest.mark.asyncio
async def test_the_client_hunts(generated: str, rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50), command_seconds=1)
    added = await rig.add(app, missing_batch=2, cutoff_batch=0)
    async with rig.gateway() as http:
        client = Client(generated, http)
        health = await client("system.get_health")
        assert health.data.status == "ok"

        plan = await client("hunting.get_hunt_plan", instance_id=added.id)
        assert (plan.data.would_run, plan.data.searches) == (True, 2)

        queued = await client("hunting.create_hunt", body=client.models.HuntIn(instance_id=added.id))
        [hunt] = queued.data.hunts
        await rig.work()
        ended = await client("hunting.get_hunt", hunt.id)
        assert (ended.data.status.value, ended.data.searched) == ("completed", 2)

        history = await client("hunting.list_history", page_size=1)
        assert (history.data.total, len(history.data.items)) == (2, 1)
        stats = await client("stats.get_stats")
        assert stats.data.totals.hunted == 2
        instances = await client("instances.list_all_instances")
        assert [one.name for one in instances.data] == [added.name]


@pytest.mark.asyncio
async def test_the_client_reads_refusals(generated: str, rig: Rig) -> None:
    async with rig.gateway() as http:
        client = Client(generated, http)
        lost = await client("hunting.get_hunt", 4711)
        assert isinstance(lost, client.models.ErrorReply)
        assert "4711" in lost.error
        changes = client.models.GeneralIn(timezone="Mars/Olympus")
        wrong = await client("settings.update_general_settings", body=changes)
        assert [one.field for one in wrong.details] == ["body.timezone"]


@pytest.mark.asyncio
async def test_the_client_reads_downloads_and_sends_them_back(generated: str, rig: Rig) -> None:
    async with rig.gateway() as http:
        client = Client(generated, http)
        made = await client("backup.create_backup")
        content = (await client("backup.download_backup", made.data.filename)).payload.read()
        assert content.startswith(b"PK")
        types = importlib.import_module(f"{generated}.types")
        file = types.File(io.BytesIO(content), "backup.zip", "application/zip")
        stored = await client("backup.upload_backup", body=client.models.UploadBackupBody(file=file))
        assert (stored.data.kind.value, stored.data.sha256) == ("uploaded", made.data.sha256)
        exported = await client("logs.export_logs")
        assert isinstance(exported.payload.read(), bytes)
        assert "huntarr_" in await client("system.get_metrics")


@pytest.mark.asyncio
async def test_the_client_tells_actions_apart(generated: str, rig: Rig) -> None:
    async with rig.gateway() as http:
        client = Client(generated, http)
        body = client.models.PauseHookIn(
            name="Film night",
            action=client.models.PauseHookInAction.PAUSE,
            params=client.models.PauseIn(minutes=5),
        )
        made = await client("webhooks.create_hook", body=body)
        assert made.data.params.to_dict() == {"minutes": 5}

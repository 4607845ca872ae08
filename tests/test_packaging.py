"""What is shipped: the wheel works without the checkout, the image and compose file hold what they promise."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.build import build_wheel

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
        [sys.executable, "-m", "app.cli", "migrate"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "HUNTARR_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (data / "huntarr.db").exists()


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


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 10001"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    assert lines[-2:] == ['ENTRYPOINT ["huntarr"]', 'CMD ["serve"]']

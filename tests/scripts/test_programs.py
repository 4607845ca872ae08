"""The demo and the benchmark run as a newcomer would run them, and leave nothing behind."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **environment: str) -> str:
    ran = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.timeout(120)
def test_the_demo_hunts_and_ends() -> None:
    mark = uuid.uuid4().hex
    told = run("scripts.demo", "--once", DEMO_MARK=mark)
    assert told.count("completed, 6 searched") == 2
    assert "never searched" in told
    assert "batch_full" in told
    assert "would_remove" in told
    left = [one for one in psutil.process_iter(["environ"]) if (one.info["environ"] or {}).get("DEMO_MARK") == mark]
    assert left == []


@pytest.mark.timeout(120)
def test_the_benchmark_knows_the_tables() -> None:
    told = run("scripts.bench", "--quick", "--part", "many rows", "--database", "SQLite")
    assert "GET /api/logs, 20,000 rows, SQLite" in told

"""An app type that does not hunt needs its spec and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


def test_an_app_type_that_does_not_hunt_needs_its_spec_and_nothing_else() -> None:
    """Run `app_without_hunts.py` in a process of its own: only there is the app type known before all imports."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.instances.throwaway_app",
            "tests/instances/app_without_hunts.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]

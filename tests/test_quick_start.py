"""A start imports only what every start needs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

RARELY_NEEDED = ("alembic", "apprise")


def test_a_start_does_not_import_what_is_rarely_needed() -> None:
    program = "import sys, app.cli; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert not {name.partition(".")[0] for name in ran.stdout.split()} & set(RARELY_NEEDED)

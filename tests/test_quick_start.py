"""A start imports only what every start needs."""

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[1]

RARELY_NEEDED: Final = ("alembic", "apprise")


def test_a_start_does_not_import_what_is_rarely_needed() -> None:
    imported = printed_by("import sys, app.cli; print(*sys.modules)")
    assert not {name.partition(".")[0] for name in imported} & set(RARELY_NEEDED)


def test_a_start_builds_no_validator_of_a_reply() -> None:
    """Save for the two generic envelopes, which are no replies themselves."""
    program = (
        "import app.cli; from app.core.schemas import Out\n"
        "def below(model): return [each for child in model.__subclasses__() for each in (child, *below(child))]\n"
        "print(*(model.__name__ for model in below(Out) if model.__pydantic_complete__))"
    )
    assert set(printed_by(program)) <= {"Reply", "Page"}


def printed_by(program: str) -> list[str]:
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return ran.stdout.split()

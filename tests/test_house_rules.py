"""The rules of the house that no tool checks, and the knowledge that stands in the code and in the documents."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.api.openapi import document
from app.core.config import Config
from app.core.environment import PREFIX
from app.hunting.selection.policy import Reason
from app.hunting.store.models import HuntStatus, Outcome
from app.hunting.store.reasons import HuntReason
from app.main import create_app
from app.settings.hunting import HuntingSettings
from app.settings.prowlarr import ProwlarrSettings
from app.settings.swaparr import SwaparrSettings
from app.swaparr.models import SwaparrAction
from app.swaparr.policy import Away, Standing
from app.swaparr.stuck_rules import Cause

ROOT = Path(__file__).parents[1]
MAX_DURATION = 400
MAX_TEST = 600
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
SPEAKS_HTTP = ("app/api/", "app/main.py")
OPEN_ENDS = re.compile(r"\bT[O]DO\b|\bFIX[M]E\b|\bX{3}\b|NotImplemented[E]rror")
REGISTRIES = re.compile(r"python[h]osted\.|py[p]i\.(org|python)|registry\.[n]pm|(extra-)?index-[u]rl\s*=")
OUTSIDE = re.compile(r"(^|[^a-z.])\.\./[s]hared|/work/[s]hared")

COSTLY = re.compile(r"""pattern=r?".*?(\\[wd]|\[[^\]"]*\\[wd][^\]"]*\])\{\d|pattern=r?".*?\{\d*,[2-9]\d{2,}\}""")
"""A count of all of Unicode, or into the hundreds: pydantic's engine writes it out, up to a megabyte a field."""


def tracked(pattern: str = "*") -> list[Path]:
    """Files of the project as git knows them, those that are new included."""
    listed = subprocess.run(  # noqa: S603 - a fixed command
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", pattern],  # noqa: S607 - git is needed
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts(pattern: str = "*") -> Iterator[tuple[str, str]]:
    for path in tracked(pattern):
        if path.suffix not in (".png", ".ico"):
            yield named(path), path.read_text(errors="replace")


def imported(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_files_are_small_enough_to_read() -> None:
    lengths = {name: text.count("\n") for name, text in texts("*.py")}
    too_long = {
        name: length
        for name, length in lengths.items()
        if length > (MAX_TEST if name.startswith("tests/") else MAX_DURATION)
    }
    assert too_long == {}


def test_modules_are_named_after_what_they_hold() -> None:
    parts = {(named(path), part) for path in tracked("*.py") for part in path.relative_to(ROOT).with_suffix("").parts}
    assert {name for name, part in parts if part in FORBIDDEN_NAMES} == set()


def test_only_the_api_imports_the_web_framework() -> None:
    offenders = {
        name
        for name, text in [*texts("app/*.py"), *texts("worker/*.py")]
        if not name.startswith(SPEAKS_HTTP)
        and any(module.split(".")[0] in ("fastapi", "starlette") for module in imported(text))
    }
    assert offenders == set()


def test_every_package_has_its_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = {name.strip() for layer in contracts[0]["layers"] for name in layer.split("|")}
    known = {".".join(name.split(".")[:2]) for name in layers}  # `app.stats` stands there by its modules
    packages = {".".join(Path(named(path)).with_suffix("").parts[:2]) for path in tracked("app/*.py")}
    assert packages - {"app.__init__", "app.__main__"} - known == set()  # the latter only starts `app.cli`


def test_nothing_is_left_open() -> None:
    assert {name for name, text in texts("*.py") if OPEN_ENDS.search(text)} == set()


def test_patterns_of_fields_are_cheap() -> None:
    assert [line for _, text in texts("app/*.py") for line in text.splitlines() if COSTLY.search(line)] == []


def test_no_registry_is_named() -> None:
    assert {name for name, text in texts() if REGISTRIES.search(text)} == set()


def test_the_project_stands_alone() -> None:
    assert {name for name, text in texts() if not name.startswith("tests/") and OUTSIDE.search(text)} == set()


# --- documents -------------------------------------------------------------------------------------------------------


def table_of(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table below `heading`, without its two head lines."""
    text = (ROOT / document).read_text().split(f"\n{heading}\n", 1)
    assert len(text) == 2, f"{document} has no heading {heading!r}"
    lines = text[1].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip().strip("|").split(" | ")])
    return rows


def default_of(field: FieldInfo) -> str:
    """As the documents write it: in code style, a dash where there is none."""
    default: Any = field.default
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, bool):
        default = str(default).lower()
    return "-" if default is None or default in ("", (), []) else f"`{default}`"


def rows_of(model: type[BaseModel], prefix: str = "") -> list[list[str]]:
    return [
        [f"`{prefix}{name.upper() if prefix else name}`", default_of(field), field.description or ""]
        for name, field in model.model_fields.items()
    ]


def test_the_readme_lists_every_variable() -> None:
    assert table_of("README.md", "## Configuration") == rows_of(Config, PREFIX)


def test_the_hunting_page_lists_every_setting() -> None:
    assert table_of("docs/hunting.md", "## Settings") == rows_of(HuntingSettings)


def test_the_hunting_page_names_a_test_for_every_setting_and_reason() -> None:
    rows = {name.strip("`"): test.strip("`") for name, test in table_of("docs/hunting.md", "## What holds it")}
    assert rows.keys() == {*HuntingSettings.model_fields, *(reason.value for reason in Reason)}
    for name, test in rows.items():
        path, _, function = test.partition("::")
        assert f"def {function}(" in (ROOT / path).read_text(), f"{name}: there is no {test}"


def calls() -> list[list[str]]:
    operations = document(create_app())["paths"]
    return [
        [f"`{method.upper()} {path}`", operation["summary"]]
        for path, methods in operations.items()
        for method, operation in methods.items()
    ]


def test_the_api_page_lists_every_call() -> None:
    assert table_of("docs/api.md", "## Calls") == calls()


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("## Gates", {reason.value for reason in HuntReason}),
        ("## Decisions", {reason.value for reason in Reason}),
        ("## Outcomes", {outcome.value for outcome in Outcome}),
        ("## How a hunt ends", {status.value for status in HuntStatus}),
    ],
)
def test_the_hunting_page_explains_every_word(heading: str, words: set[str]) -> None:
    assert {row[0].strip("`") for row in table_of("docs/hunting.md", heading)} == words


@pytest.mark.parametrize(
    ("page", "heading", "words"),
    [
        ("docs/swaparr.md", "## Settings", set(SwaparrSettings.model_fields)),
        ("docs/swaparr.md", "## Decisions", {action.value for action in SwaparrAction}),
        ("docs/prowlarr.md", "## Settings", set(ProwlarrSettings.model_fields)),
    ],
)
def test_the_pages_of_swaparr_and_prowlarr_explain_every_word(page: str, heading: str, words: set[str]) -> None:
    assert {row[0].strip("`") for row in table_of(page, heading)} == words


def test_the_page_of_swaparr_explains_what_counts() -> None:
    page = (ROOT / "docs/swaparr.md").read_text()
    for word in (*Standing, *Cause, *Away):
        assert f"| `{word.value}` |" in page, word

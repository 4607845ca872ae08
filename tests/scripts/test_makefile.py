"""`make` notices a .venv that cannot work any more, and the demo needs the runtime only."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHER = "3.9" if VERSION != "3.9" else "3.8"


def kept(
    folder: Path, *, version: str, made_in: Path | None, program: str = sys.executable, target: str = "run"
) -> bool:
    """Whether `make` leaves a .venv alone that says this of itself."""
    shutil.copy(ROOT / "Makefile", folder)
    scripts = folder / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "python").symlink_to(program)
    (folder / ".venv" / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}.2\n")
    if made_in is not None:
        (scripts / "huntarr").write_text(f"#!{made_in}/.venv/bin/python\n")
    ran = subprocess.run(  # noqa: S603 - a fixed command
        ["make", "--dry-run", target],  # noqa: S607 - wherever it is
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    is_kept = (folder / ".venv").exists()
    assert ("set up anew" in ran.stdout) is not is_kept
    return is_kept


def test_one_that_fits_is_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, version=VERSION, made_in=tmp_path)


def test_one_that_is_not_finished_is_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, version=VERSION, made_in=None)


def test_one_of_a_moved_checkout_is_not(tmp_path: Path) -> None:
    assert not kept(tmp_path, version=VERSION, made_in=Path("/where/it/was"))


def test_one_of_another_python_is_not(tmp_path: Path) -> None:
    assert not kept(tmp_path, version=OTHER, made_in=tmp_path)


def test_one_whose_python_is_gone_is_not(tmp_path: Path) -> None:
    assert not kept(tmp_path, version=VERSION, made_in=tmp_path, program="/no/such/python")


def test_a_path_outside_ascii_is_no_failure_in_the_locale_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python with a `.pth` that it cannot decode ends at its start."""
    monkeypatch.setenv("LC_ALL", "C")
    folder = tmp_path / "ä"
    packages = folder / ".venv" / "lib" / f"python{VERSION}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "editable.pth").write_text(f"{folder}\n")
    assert kept(folder, version=VERSION, made_in=folder)
    (folder / "Makefile").write_text((ROOT / "Makefile").read_text() + "\nshow:\n\t@$(BIN)/python -c 'print(7 * 6)'\n")
    command = ["make", "--no-print-directory", "show"]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert shown.stdout == "42\n"


def test_help_changes_nothing(tmp_path: Path) -> None:
    assert kept(tmp_path, version=OTHER, made_in=tmp_path, target="help")


ONLY_WHEN_ASKED_FOR = {"brotli"}
"""What the simulator imports for a client that accepts it, which Huntarr is not."""


def test_the_demo_needs_the_runtime_only() -> None:
    assert re.search(r"^demo: \$\(RUNTIME\) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    locked = (ROOT / "requirements/runtime.txt").read_text()
    runtime = {name.replace("-", "_") for name in re.findall(r"^([\w-]+)==", locked, re.MULTILINE)}
    seen, waiting = set(), ["scripts.demo", "tests.simulator.__main__"]
    foreign = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in imported(module):
            package = name.split(".")[0]
            if package in ("tests", "scripts"):
                waiting.append(name)
            elif package not in sys.stdlib_module_names and package != "app":
                foreign.add(package)
    assert len(seen) > 20
    assert foreign - ONLY_WHEN_ASKED_FOR <= runtime


def imported(module: str) -> set[str]:
    """The modules that `module` imports, and the packages that they are in."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.exists():
        return set()
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found

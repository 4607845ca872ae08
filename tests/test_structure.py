"""The structure that docs/architecture.md promises: sizes, names, layers and the picture of them."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.test_house_rules import ROOT, named, table_of, texts, tracked

MAX_FUNCTION_LINES = 40
MAX_CONSTRUCTOR_ARGUMENTS = 6
MAX_LAYERS = 15
MAX_GLOSSARY_WORDS = 25
CODE = ("app/*.py", "worker/*.py")
PROGRAMS = (*CODE, "scripts/*.py", "alembic/env.py")

RETIRED = re.compile(
    r"^_*(Answer|Boundary|Choice|Closed|Courier|Deed|Frame|Hands|Happening|Hold|HuntLedger|Job|Judged|Kept|Ledger|"
    r"Lexicon|Link|Looks|Measured|Outlets|Overheard|Pace|Peer|Recollection|Remembered|Rest|Shape|Stop|Survey|"
    r"Tally|Tempo|Ticker|ToldByApp|Trust|Turn|Vault|WebDoor|Words|deed_of|frame_of|is_told|recall|told|telling|untold|"
    r"(MOST|LONGEST|LARGEST|LEAST|SHORTEST)_\w+)$"
)
"""Names that had a meaning only here, before the words of the field took their place."""
KEPT = {"LONGEST_UNSEARCHED"}
"""A value that users set: it stays as they know it."""


def trees(*patterns: str) -> Iterator[tuple[str, ast.Module]]:
    for pattern in patterns:
        for path in tracked(pattern):
            yield named(path), ast.parse(path.read_text())


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_are_small_enough_to_read() -> None:
    too_long = {
        f"{name}:{function.name}": lines
        for name, tree in trees(*PROGRAMS)
        for function in functions(tree)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert too_long == {}


def test_constructors_take_few_arguments() -> None:
    too_many = {}
    for name, tree in trees(*CODE):
        for function in functions(tree):
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            if function.name == "__init__" and len(arguments) - 1 > MAX_CONSTRUCTOR_ARGUMENTS:
                too_many[f"{name}:{function.lineno}"] = len(arguments) - 1
    assert too_many == {}


def test_no_class_name_stands_twice() -> None:
    nodes = (node for _, tree in trees("app/*.py") for node in ast.walk(tree))
    count = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))
    assert {name for name, times in count.items() if times > 1} == set()


def names_in(tree: ast.Module) -> Iterator[str]:
    """What the module itself names: classes, functions, arguments and variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_no_retired_name_comes_back() -> None:
    found = {f"{name}: {word}" for name, tree in trees(*PROGRAMS) for word in names_in(tree) if RETIRED.match(word)}
    assert {entry for entry in found if entry.rpartition(" ")[2] not in KEPT} == set()


def test_variables_say_what_they_hold() -> None:
    assert {name for name, tree in trees(*PROGRAMS) if "one" in set(names_in(tree))} == set()


def test_the_formatter_decides_how_lines_break() -> None:
    assert {name for name, text in texts("*.py") if re.search(r"# fmt: (skip|off)$", text, re.MULTILINE)} == set()


# --- layers ----------------------------------------------------------------------------------------------------------


def layers() -> list[list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [sorted(name.strip() for name in layer.split("|")) for layer in contracts[0]["layers"]]


def test_layers_are_few_and_whole_packages() -> None:
    assert len(layers()) <= MAX_LAYERS
    assert [name for layer in layers() for name in layer if name.count(".") > 1] == []


def test_the_architecture_page_shows_the_layers_that_are_checked() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    picture = text.split("## Who may import whom\n\n```\n", 1)[1].split("```", 1)[0]
    shown = [sorted(name.strip() for name in line.split("(")[0].split("|")) for line in picture.splitlines()]
    assert shown == [[name.removeprefix("app.") for name in layer] for layer in layers()]


def test_the_architecture_page_lists_every_package() -> None:
    rows = table_of("docs/architecture.md", "## Where things are")
    listed = {name for row in rows for name in re.findall(r"`([a-z_/]+)`", row[1])}
    packages = {named(path.parent).removeprefix("app/") + "/" for path in tracked("app/**/__init__.py")} - {"app/"}
    modules = {path.stem for path in tracked("app/*.py") if path.parent.name == "app" and path.stem != "__init__"}
    assert listed == packages | modules | {"worker/"}


def test_the_glossary_is_short() -> None:
    assert len(table_of("docs/architecture.md", "## The words")) <= MAX_GLOSSARY_WORDS


def test_the_development_page_says_where_each_package_is_tested() -> None:
    rows = table_of("docs/development.md", "### Where a package is tested")
    listed = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row[0])}
    assert listed == {".".join(Path(named(path)).with_suffix("").parts[1:2]) for path in tracked("app/*.py")} - {
        "__init__"
    } | {"worker"}
    assert [path for row in rows for path in re.findall(r"`([\w/.]+)`", row[1]) if not (ROOT / path).exists()] == []


def test_the_ways_to_add_something_name_tests_that_are_there() -> None:
    rows = table_of("docs/architecture.md", "## Adding things")
    assert [path for row in rows for path in re.findall(r"`([\w/.]+)`", row[2]) if not (ROOT / path).exists()] == []


def test_every_trial_names_a_test_that_is_there() -> None:
    """`::test_…` alone is in the file that was named before it."""
    missing = []
    for row in table_of("docs/development.md", "## Trials"):
        path, names = "", re.findall(r"`([\w/.]*)(?:::(\w+))?`", row[2])
        for given, name in names:
            path = given or path
            if not path.startswith("tests/"):
                continue
            if not (ROOT / path).exists() or (name and f"def {name}(" not in (ROOT / path).read_text()):
                missing.append(f"{path}::{name}")
    assert missing == []

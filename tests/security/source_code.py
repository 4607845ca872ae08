"""Our own source code for tests: imports, calls with their arguments, literal texts."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "worker", "alembic", "scripts")


@dataclass(frozen=True)
class Call:
    """One call, such as `httpx.AsyncClient(timeout=5)`: where it stands, its dotted name, its keywords."""

    where: str
    name: str
    keywords: frozenset[str]
    node: ast.Call

    def value(self, keyword: str) -> str | None:
        value = next((found.value for found in self.node.keywords if found.arg == keyword), None)
        return None if value is None else ast.unparse(value)


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(paths) > 80, "the source was not found"
    return tuple((str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in paths)


@cache
def imports() -> frozenset[str]:
    """Every module and every name that is imported, dotted."""
    found = set()
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@cache
def calls() -> tuple[Call, ...]:
    return tuple(_calls())


def _calls() -> Iterator[Call]:
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                keywords = frozenset(keyword.arg or "**" for keyword in node.keywords)
                yield Call(f"{path}:{node.lineno}", ast.unparse(node.func), keywords, node)


def calls_of(*endings: str) -> list[Call]:
    """The calls whose name is one of `endings` or ends in `.` and one of them."""
    return [
        keyword
        for keyword in calls()
        if any(keyword.name == end or keyword.name.endswith(f".{end}") for end in endings)
    ]


def texts() -> Iterator[tuple[str, str]]:
    """Every literal text of the code, with its place."""
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path}:{node.lineno}", node.value

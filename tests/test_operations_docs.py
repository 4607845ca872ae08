"""docs/operations.md stays true: it knows every error and every failed start, and names nothing that is not there."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.api.errors import SENTENCES
from app.api.openapi import document, render
from app.arr.errors import ErrorCode
from app.cli import command_line
from app.core.errors import HuntarrError
from app.main import create_app
from app.metrics.families import FAMILIES
from tests.home_assistant.pages import is_served
from tests.test_house_rules import ROOT, calls, table_of, texts
from tests.test_packaging import variables

PAGE = "docs/operations.md"
TEXT = (ROOT / PAGE).read_text()
FENCES = re.findall(r"^```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^```\w+\n.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", PROSE)
CODE = [*FENCES, *SPANS]
# Words with an underscore that are another program's.
FOREIGN = {"stop_grace_period", "client_max_body_size", "handle_path", "max_connections", "process_open_fds"}
FOREIGN |= {"application_name", "connect_timeout", "statement_cache_size", "prepared_statement_cache_size"}


def column(heading: str) -> list[str]:
    return [row[0].strip("`") if row[0].count("`") == 2 else row[0] for row in table_of(PAGE, heading)]


# --- errors ----------------------------------------------------------------------------------------------------------


def statuses() -> set[int]:
    """Of every error that a caller may see, of the framework's own and of the server's."""
    known, found = [HuntarrError], {500, *SENTENCES}
    for kind in known:
        known += kind.__subclasses__()
        found.add(kind.status)
    return found | {status for status, _ in refusals()}


def refusals() -> Iterator[tuple[int, str]]:
    """What the server says before an application is asked."""
    for call in calls_in((ROOT / "app/api/server.py").read_text(), {"_refuse"}):
        status, *rest = [said(argument, {}) for argument in call.args]
        if status is not None and rest[0] is not None:
            yield int(status), rest[0]


def calls_in(source: str, names: set[str]) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and (getattr(node.func, "id", None) or getattr(node.func, "attr", "")) in names
    ]


def said(node: ast.expr, constants: dict[str, str]) -> str | None:
    """What an argument says; what only a run knows is three dots."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


def constants_of(source: str) -> dict[str, str]:
    """The texts that a module gives a name to."""
    found = {}
    for node in ast.parse(source).body:
        name: Any = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(name, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            found[name.id] = said(node.value, {}) or ""
    return found


def sentences(*kinds: str) -> set[str]:
    """All that errors of these kinds say, anywhere."""
    return {
        sentence
        for _, text in [*texts("app/*.py"), *texts("worker/*.py")]
        for call in calls_in(text, set(kinds))
        for sentence in [said(argument, constants_of(text)) for argument in call.args]
        if sentence is not None and sentence.endswith(".")
    }


def test_every_status_is_explained() -> None:
    assert sorted(map(int, column("### By status"))) == sorted(statuses())


def test_every_word_of_an_instance_is_explained() -> None:
    assert column("### Instances") == [code.value for code in ErrorCode]


def test_every_refusal_for_the_moment_is_explained() -> None:
    expected = sentences("Unavailable", "TooManyRequests") | {text for status, text in refusals() if status == 503}
    assert sorted(column("### 429 and 503 by sentence")) == sorted(expected)


def test_every_failed_start_is_explained() -> None:
    found = [row[0] for row in table_of(PAGE, "### It does not start")]
    assert sorted(found) == sorted(sentences("StartFailed", "_locked"))


# --- names -----------------------------------------------------------------------------------------------------------


def test_every_variable_exists() -> None:
    named = set(re.findall(r"HUNTARR_[A-Z_]+", TEXT))
    assert named - variables() == {"HUNTARR_NEW_SECRET_KEY"}  # of `huntarr rotate-key` alone


COMMAND = re.compile(r"\bhuntarr (api-key create --scope \w+|[a-z][a-z-]*(?: --[\w-]+)*)")


@pytest.mark.parametrize("arguments", sorted({found for code in CODE for found in COMMAND.findall(code)}))
def test_every_command_exists(arguments: str) -> None:
    assert command_line().parse_args(arguments.split()).command


def test_every_option_exists() -> None:
    [commands] = [action for action in command_line()._actions if action.dest == "==SUPPRESS=="]
    known = {option for command in dict(commands.choices or {}).values() for option in command._option_string_actions}
    assert {span for span in SPANS if re.fullmatch(r"--[\w-]+", span)} <= known


def test_every_call_exists() -> None:
    paths = {path.rstrip("/") for code in CODE for path in re.findall(r"(?<![\w.])/api/[\w{}/-]+", code)}
    paths |= {path.rstrip("/") for path in re.findall(r"\$URL(/[\w/-]+)", TEXT)}
    assert len(paths) > 10
    assert [path for path in paths if not is_served(path)] == []
    known = {call.strip("`") for call, _ in calls()}
    spoken = {found for span in SPANS for found in re.findall(r"\b(?:GET|POST|PUT|PATCH|DELETE) /[\w{}/-]+", span)}
    assert {one for one in spoken if not one.startswith("GET /api/settings/")} <= known


def test_every_word_of_ours_exists() -> None:
    words = {word for span in SPANS for word in re.findall(r"(?<![\w{])[a-z]+(?:_[a-z]+)+(?![\w}])", span)}
    schema = set(re.findall(r"\w+", render(document(create_app()))))
    assert words - schema - FOREIGN - {family.name for family in FAMILIES} - {code.value for code in ErrorCode} == set()


def test_every_file_and_heading_exists() -> None:
    files = {name for code in CODE for name in re.findall(r"(?<![\w/])(?:deploy|requirements)/[\w./@*-]+\w", code)}
    files |= {span for span in SPANS if re.fullmatch(r"[\w-]+\.ya?ml", span)}
    assert files
    assert [name for name in files if not list(ROOT.glob(name))] == []
    for name, _, heading in re.findall(r"\]\(([\w./]*)(#([\w-]+))?\)", TEXT):
        target = (ROOT / "docs" / name).resolve() if name else ROOT / PAGE
        anchors = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        assert not heading or heading in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in anchors}

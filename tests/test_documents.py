"""All documents: fences close, links lead somewhere, and a list of apps names every app."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.arr.models import AppType
from app.arr.registry import REGISTRY

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
PAGES = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]  # a change may concern some apps
WORDS = [app_type.value for app_type in AppType if REGISTRY[app_type].hunts]


def each_document() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def test_the_documents_are_there() -> None:
    names = {path.name for path in DOCUMENTS}
    assert {"README.md", "CONTRIBUTING.md", "faq.md", "containers.md", "coming-from-the-old-program.md"} <= names


@each_document()
def test_every_fence_closes(path: Path) -> None:
    """An open fence swallows the next one's language, or the rest of the page."""
    opened = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = re.match(r"\s*```(\S*)", line)
        if fence and opened is None:
            opened = number
        elif fence:
            assert fence[1] == "", f"the fence of line {opened} is open when line {number} begins one"
            opened = None
    assert opened is None


def lists_of_apps(text: str) -> Iterator[set[str]]:
    """The apps of each enumeration of three or more, or of words of the API."""
    prose = re.sub(r"^\s*```.*?^\s*```", "", text, flags=re.MULTILINE | re.DOTALL)
    names = "|".join(WORDS)
    for enumeration in re.finditer(rf"(?i)`?\b({names})\b`?(\s*(,|or|and|,\s*and)\s*`?\b({names})\b`?)+", prose):
        found = {name.lower() for name in re.findall(rf"(?i){names}", enumeration[0])}
        if len(found) > 2 or "`" in enumeration[0]:
            yield found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_list_of_apps_is_complete(path: Path) -> None:
    assert [found for found in lists_of_apps(path.read_text()) if found != set(WORDS)] == []


def test_an_incomplete_list_is_found() -> None:
    assert list(lists_of_apps("`app_type` is `sonarr` or `radarr`.")) == [{"sonarr", "radarr"}]
    assert list(lists_of_apps("Sonarr, Radarr and Lidarr")) == [{"sonarr", "radarr", "lidarr"}]


@each_document()
def test_every_link_leads_somewhere(path: Path) -> None:
    for target, _, anchor in re.findall(r"\]\((?!https?:)([\w./-]*)(#([\w-]+))?\)", path.read_text()):
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

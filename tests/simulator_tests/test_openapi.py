"""Every kind of reply against the apps' own OpenAPI documents, less their known errors (arr contracts §11)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from tests.simulator import SimApp, SimClock
from tests.simulator.flavours import AppKind
from tests.simulator_tests.caller import Caller

FOLDER = Path(__file__).parents[2].parent / "shared" / "arr-openapi"
DOCUMENTS: dict[AppKind, str] = {
    "sonarr": "sonarr_v4_main.json",
    "sonarr5": "sonarr.json",
    "radarr": "radarr.json",
}
# What the documents lack although the apps write it (arr contracts §11).
COMMAND_FIELDS = (
    *("episodeIds", "seriesId", "seasonNumber", "monitored", "movieIds", "filterKey", "filterValue", "duration"),
    *("seriesIds", "qualityProfileIds", "seriesType", "seriesTags", "quality"),
)
UNDOCUMENTED = {
    "Command": COMMAND_FIELDS,
    "SystemResource": ("isContainerized",),
    "RootFolderResource": ("totalSpace",),
    "TagDetailsResource": ("excludedReleaseProfileIds",),
    "HealthResource": ("wikiUrl",),  # an HttpUri object on paper, a string on the wire
}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no OpenAPI documents in {FOLDER}")


@cache
def document(kind: AppKind) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / DOCUMENTS[kind]).read_text())
    for name, fields in UNDOCUMENTED.items():
        schema = found["components"]["schemas"].get(name, {})
        schema.get("properties", {}).update({field: {} for field in fields})
    return _allowing_null(found)  # type: ignore[no-any-return] # still the same object of objects


def _allowing_null(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` is unknown to JSON Schema; the apps leave nulls out anyway (§1.6)."""
    if isinstance(node, dict):
        return {key: _allowing_null(value) for key, value in node.items() if key != "nullable"}
    return [_allowing_null(entry) for entry in node] if isinstance(node, list) else node


def check(kind: AppKind, path: str, body: Any, *, method: str = "get") -> None:
    """Validate a body against the document's 200 reply of that path."""
    whole = document(kind)
    content = whole["paths"][f"/api/v3/{path}"][method]["responses"]["200"]["content"]
    schema = next(entry["schema"] for media, entry in content.items() if media.startswith("application/json"))
    validator = Draft202012Validator({**schema, "components": whole["components"]})
    problems = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(body)]
    assert problems == []


def lively(kind: AppKind) -> Caller:
    """An app in which everything that can be listed exists."""
    app = SimApp(kind, clock=SimClock.frozen())
    library = app.library
    tags = ["keep"]
    if app.flavour.movie_like:
        now = app.clock.timestamp()
        ids = [
            library.add_movie(title=f"M{n}", tags=tags, in_cinemas=now, digital=now, last_search=1) for n in range(4)
        ]
        library.add_movie(has_file=True, quality_id=1, score=50)
    else:
        series_id = library.add_series(tags=tags)
        ids = [library.add_episode(series_id, 1, n, last_search=1) for n in range(1, 5)]
        library.add_episode(series_id, 1, 9, has_file=True, quality_id=1, score=50)
        library.add_episode(series_id, 2, 1, air_date=app.clock.timestamp() + 86_400)
    for item_id, outcome in zip(ids, ("import", "import_failed", "import_failed"), strict=False):
        app.searcher.force(item_id, outcome)  # type: ignore[arg-type] # words of the literal
    call = Caller(app)
    name, field = ("MoviesSearch", "movieIds") if app.flavour.movie_like else ("EpisodeSearch", "episodeIds")
    app.settings.grab_share = 0.0
    call.post("command", {"name": name, field: ids})
    call.post("command", {"name": name})
    app.advance(1)
    app.advance(3600)
    call.post("command", {"name": name, field: ids[3:]})
    app.downloads.add(ids[3:], status="warning", tracked_status="warning", error_message="stalled")
    app.downloads.add([], status="delay")
    app.downloads.add([], status="paused", protocol="usenet", seconds_left=None)
    app.downloads.add(ids[2:3], grabbed=True, download_id="X")
    app.downloads.fail(app.downloads.all["X"], app.clock.timestamp(), redownload=False)
    app.health.append({"source": "RootFolderCheck", "type": "error", "message": "gone", "wikiUrl": "https://w.test/"})
    return call


COMMON = (
    *("system/status", "system/task", "command", "qualityprofile", "tag", "tag/detail", "health", "rootfolder"),
    *("diskspace", "indexer", "customformat", "queue/status", "history/since", "blocklist", "queue/details", "queue"),
    *("history", "wanted/missing", "wanted/cutoff"),
)
OWN = {"sonarr": ("series", "calendar"), "radarr": ("movie", "calendar")}
FLAGS = (
    *("includeSeries", "includeEpisode", "includeImages", "includeEpisodeFile", "includeMovie"),
    *("includeUnknownSeriesItems", "includeUnknownMovieItems"),
)
INCLUDES: dict[str, str] = dict.fromkeys(FLAGS, "true")


@pytest.mark.parametrize("kind", list(DOCUMENTS))
@pytest.mark.parametrize("includes", [False, True])
def test_lists(kind: AppKind, includes: bool) -> None:
    call = lively(kind)
    for path in (*COMMON, *OWN["radarr" if kind == "radarr" else "sonarr"]):
        answer = call.get(path, **(INCLUDES if includes else {}), pageSize=50)
        assert answer.status == 200, path
        body = answer.json
        check(kind, path, body)
        rows = body["records"] if isinstance(body, dict) and "records" in body else body
        assert rows, f"nothing to validate in {path}"
        assert b"null" not in answer.reply.body, path


@pytest.mark.parametrize("kind", list(DOCUMENTS))
def test_single_resources(kind: AppKind) -> None:
    call = lively(kind)
    movie = kind == "radarr"
    names = ["qualityprofile", "tag", "movie" if movie else "series", "moviefile" if movie else "episodefile"]
    for name in [*names, *([] if movie else ["episode"])]:
        check(kind, f"{name}/{{id}}", call.get(f"{name}/1").json)
    for command in call.get("command").json:
        check(kind, "command/{id}", call.get(f"command/{command['id']}").json)
    if movie:
        check(kind, "moviefile", call.get("moviefile", movieId=[5]).json)
    else:
        check(kind, "episode", call.get("episode", seriesId=1, **INCLUDES).json)
        check(kind, "episodefile", call.get("episodefile", seriesId=1).json)


@pytest.mark.parametrize("kind", list(DOCUMENTS))
def test_replies_to_posts(kind: AppKind) -> None:
    call = lively(kind)
    check(kind, "tag", call.post("tag", {"label": "new"}).json, method="post")
    for name in call.app.flavour.command_kinds:
        answer = call.post("command", {"name": name})
        assert answer.status == 201
        if name in ("refreshseries", "refreshmovie", "importlistsync", "manualimport") or name.startswith("downloaded"):
            continue  # their own fields are in no document
        check(kind, "command", answer.json, method="post")

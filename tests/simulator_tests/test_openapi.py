"""Every kind of reply against the apps' own OpenAPI documents, less their known errors."""

import json
from functools import cache, reduce
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from tests.simulator import SimApp, SimClock, SimSettings
from tests.simulator.definitions import AppKind
from tests.simulator_tests.caller import Caller


def _folder() -> Path | None:
    """Beside the checkout, or further up for a worktree."""
    places = (parent / "shared" / "arr-openapi" for parent in Path(__file__).parents[2].parents)
    return next((place for place in places if place.is_dir()), None)


FOLDER = _folder()
DOCUMENTS: dict[AppKind, str] = {
    "sonarr": "sonarr_v4_main.json",
    "sonarr5": "sonarr.json",
    "radarr": "radarr.json",
    "lidarr": "lidarr.json",
    "readarr": "readarr.json",
    "whisparr2": "whisparr_v2.json",
    "whisparr3old": "whisparr_v3.json",
    "whisparr3": "whisparr_v3_eros_2026.json",
}
# What the documents lack although the apps write it.
COMMAND_FIELDS = (
    *("episodeIds", "seriesId", "seasonNumber", "monitored", "movieIds", "filterKey", "filterValue", "duration"),
    *("seriesIds", "qualityProfileIds", "seriesType", "seriesTags", "quality"),
    *("albumIds", "artistId", "bookIds", "authorId", "performerIds", "studioIds", "years"),
)
UNDOCUMENTED = {
    "Command": COMMAND_FIELDS,
    "SystemResource": ("isContainerized",),
    "RootFolderResource": ("totalSpace",),
    "TagDetailsResource": ("excludedReleaseProfileIds",),
}
SCENE_FIELDS = ("foreignId", "stashId", "studioTitle", "studioForeignId", "credits", "itemType")
UNDOCUMENTED_OF: dict[AppKind, dict[str, tuple[str, ...]]] = {
    "whisparr2": {"SeriesResource": ("monitorNewItems",)},
    "whisparr3old": {
        "MovieResource": (*SCENE_FIELDS, "releaseDate"),
        "QueueResource": ("added", "downloadClientHasPostImportCategory"),
    },
    "whisparr3": {
        "MovieResource": ("code", "tpdbId", "alternateTitles", "movieFileId", "lastSearchTime"),
        "CreditResource": ("performer",),
        "QualityProfileResource": ("minUpgradeFormatScore",),
    },
}
NULLS = {"ArtistResource": ("nextAlbum", "lastAlbum")}  # written as null too
STRINGS = ("TimeSpan", "Version", "HttpUri", "DateOnly")  # objects on paper in some documents, text on the wire

pytestmark = pytest.mark.skipif(FOLDER is None, reason="the apps' OpenAPI documents are not here")


@cache
def document(kind: AppKind) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(((FOLDER or Path()) / DOCUMENTS[kind]).read_text())
    for name in STRINGS:
        found["components"]["schemas"][name] = {"type": "string"}
    for name, fields in (*UNDOCUMENTED.items(), *UNDOCUMENTED_OF.get(kind, {}).items()):
        properties = found["components"]["schemas"].get(name, {}).get("properties", {})
        properties.update({field: {} for field in fields if field not in properties})
    for name, fields in NULLS.items():
        properties = found["components"]["schemas"].get(name, {}).get("properties", {})
        properties.update({field: {"anyOf": [properties[field], {"type": "null"}]} for field in fields if properties})
    events = found["components"]["schemas"]["HistoryResource"]["properties"]["data"]
    events["additionalProperties"] = {"type": ["string", "null"]}  # an unknown IMDb id is written as null
    states = found["components"]["schemas"]["TrackedDownloadState"]["enum"]
    if kind == "whisparr3":
        states.append("importBlocked")
    return _allowing_null(found)  # type: ignore[no-any-return] # still the same object of objects


def _allowing_null(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` is unknown to JSON Schema; the apps leave nulls out anyway."""
    if isinstance(node, dict):
        return {key: _allowing_null(value) for key, value in node.items() if key != "nullable"}
    return [_allowing_null(entry) for entry in node] if isinstance(node, list) else node


def check(call: Caller, path: str, body: Any, *, method: str = "get") -> None:
    """Validate a body against the document's 200 reply of that path."""
    definition = call.app.definition
    whole = document(definition.kind)
    content = whole["paths"][f"/{definition.prefix}/{path}"][method]["responses"]["200"]["content"]
    schema = next(entry["schema"] for media, entry in content.items() if media.startswith("application/json"))
    validator = Draft202012Validator({**schema, "components": whole["components"]})
    problems = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(body)]
    assert problems == [], path


def lively(kind: AppKind) -> Caller:
    """An app in which everything that can be listed exists."""
    app = SimApp(kind, SimSettings(authentication="forms"), clock=SimClock.frozen())
    now = app.clock.timestamp()
    words = app.definition.names
    if words.parent:
        owner = app.add_owner(tags=["keep"])
        ids = [app.add_item(owner, last_search=1) for _ in range(4)]
        app.add_item(owner, has_file=True, quality_id=1, score=50)
        app.add_item(owner, released=now + 86_400, **({"season": 2} if app.definition.seasons else {}))
    else:
        ids = [app.add_item(released=now, tags=["keep"], last_search=1) for n in range(4)]
        app.add_item(has_file=True, quality_id=1, score=50)
    for item_id, outcome in zip(ids, ("import", "import_failed", "import_failed"), strict=False):
        app.searcher.force(item_id, outcome)  # type: ignore[arg-type] # words of the literal
    call = Caller(app)
    app.settings.grab_share = 0.0
    call.post("command", {"name": words.search, words.items_field: ids})
    call.post("command", {"name": words.search})
    app.advance(1)
    app.advance(3600)
    call.post("command", {"name": words.search, words.items_field: ids[3:]})
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
    *("history", "calendar"),
)
FLAGS = (
    *("includeSeries", "includeEpisode", "includeImages", "includeEpisodeFile", "includeMovie", "includeArtist"),
    *("includeAlbum", "includeAuthor", "includeBook"),
)
INCLUDES: dict[str, str] = dict.fromkeys(FLAGS, "true")


def file_name(call: Caller) -> str:
    """The path of an app's files: episodefile, moviefile, trackfile, bookfile."""
    return "trackfile" if call.app.definition.item == "album" else f"{call.app.definition.item}file"


@pytest.mark.parametrize("kind", list(DOCUMENTS))
@pytest.mark.parametrize("includes", [False, True])
def test_lists(kind: AppKind, includes: bool) -> None:
    call = lively(kind)
    words = call.app.definition.names
    wanted = [f"wanted/{name}" for name in ("missing", "cutoff") if f"wanted/{name}" in call.app.definition.route_table]
    asked = (INCLUDES if includes else {}) | {words.unknown_flag: "true"}
    for path in (*COMMON, *wanted, words.parent or words.item):
        answer = call.get(path, **asked, pageSize=50)
        assert answer.status == 200, path
        body = answer.json
        if path.startswith("wanted/") and f"/{call.app.definition.prefix}/{path}" not in document(kind)["paths"]:
            continue  # served by new eros, but not in its document
        check(call, path, body)
        rows = body["records"] if isinstance(body, dict) and "records" in body else body
        assert rows, f"nothing to validate in {path}"
        written = (b'"nextAlbum":null', b'"lastAlbum":null', b'"imdbId":null')
        assert b"null" not in reduce(lambda text, known: text.replace(known, b""), written, answer.reply.body)


@pytest.mark.parametrize("kind", list(DOCUMENTS))
def test_single_resources(kind: AppKind) -> None:
    call = lively(kind)
    words, files = call.app.definition.names, file_name(call)
    for name in ("qualityprofile", "tag", "indexer", *((words.parent,) if words.parent else ()), words.item, files):
        check(call, f"{name}/{{id}}", call.get(f"{name}/1").json)
    for command in call.get("command").json:
        check(call, "command/{id}", call.get(f"command/{command['id']}").json)
    by_item = call.get(files, **({"seriesId": 1} if call.app.definition.seasons else {words.item_field: [5]}))
    assert by_item.json
    check(call, files, by_item.json)
    if words.parent:
        check(call, words.item, call.get(words.item, **{words.parent_field or "": 1}, **INCLUDES).json)


@pytest.mark.parametrize("kind", list(DOCUMENTS))
def test_replies_to_posts(kind: AppKind) -> None:
    call = lively(kind)
    check(call, "tag", call.post("tag", {"label": "new"}).json, method="post")
    for name in call.app.definition.command_kinds:
        answer = call.post("command", {"name": name})
        assert answer.status == 201
        if name.startswith(("refresh", "bulkrefresh", "rescanfolders", "importlistsync", "manualimport", "downloaded")):
            continue  # their own fields are in no document
        check(call, "command", answer.json, method="post")

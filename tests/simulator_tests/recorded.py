"""The recorded calls of the living apps, and the same calls of the simulator."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulator import SimApp, SimClock, SimSettings
from tests.simulator.definitions import AppKind
from tests.simulator.downloads import Download
from tests.simulator_tests.caller import Answer, Caller

FOLDER = Path(__file__).parents[1] / "recordings"
RECORDED: tuple[AppKind, ...] = ("sonarr", "sonarr5", "radarr", "lidarr", "readarr", "whisparr2", "whisparr3")
UNKNOWN_IDS = (999, 9999, 99999)
DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?")
TIMESPAN = re.compile(r"(\d+\.)?\d\d:\d\d:\d\d(\.\d+)?")


@dataclass(frozen=True)
class Recorded:
    """One call, and what the app answered."""

    name: str
    method: str
    path: str
    status: int
    headers: dict[str, str]
    answer: Any
    body: Any = None
    key: str = ""
    """`none` or `wrong` where it was not the right one."""
    sends: dict[str, str] = field(default_factory=dict)
    """More headers of the request."""

    @property
    def group(self) -> str:
        """Calls whose answers have one shape: of a route and a status, and of a command the same state."""
        path = re.sub(r"/\d+(?=/|$)", "/{id}", urlsplit(self.path).path.lower())
        state = f" {self.answer['status']}" if self.status < 400 and "/command" in path and self._is_object else ""
        return f"{self.method} {re.sub('^.*/api/v[13]/', '', path)} {self.status}{state}"

    @property
    def _is_object(self) -> bool:
        return isinstance(self.answer, dict)


@cache
def recorded(kind: AppKind) -> tuple[Recorded, ...]:
    return tuple(Recorded(**call) for call in json.loads((FOLDER / f"{kind}.json").read_text()))


def replay(kind: AppKind, call: Recorded) -> Answer:
    """The simulator's answer to the call, in the situation in which the app was."""
    split = urlsplit(call.path)
    base = f"/{kind}" if call.name.startswith("urlbase") else ""
    path = split.path
    has_base = path.lower().startswith(f"{base}/") if base else True
    path = path[len(base) :] if base and has_base else path
    forms = call.name.startswith(("wrong_base", "initialize_json"))
    caller = world(kind, base=base, empty=_is_before(call), forms=forms)
    path, body = _situated(caller, call, path)
    headers = {**call.sends, **({"x-api-key": "f" * 32} if call.key == "wrong" else {})}
    query = parse_qs(split.query, keep_blank_values=True)
    return caller.send(call.method, path, body=body, query=query, headers=headers, key=not call.key, has_base=has_base)


def world(kind: AppKind, *, base: str = "", empty: bool = False, forms: bool = False) -> Caller:
    """An app in which all is there that an answer can show; `empty`: without downloads and their history."""
    settings = SimSettings(url_base=base, authentication="forms" if forms else "external")
    app = SimApp(kind, settings, clock=SimClock.frozen())
    now = app.clock.timestamp()
    owners: list[int | None] = [None, None]
    if app.definition.owner:
        owners = [app.add_owner(tags=[tag], ended=True) for tag in ("huntme", "nohunt", "nohunt")]
    low = app.definition.catalogue.low[0]
    for owner in owners:
        _item(app, owner, has_file=True, quality_id=low, score=10, last_search=now - 86_400)
        _item(app, owner, has_file=True)
        for days in (3, 2):
            _item(app, owner, last_search=now - days * 86_400)
        for days in (400, 200):
            _item(app, owner, released=now - days * 86_400)
        _item(app, owner, released=now + 90 * 86_400)
    if app.definition.owner is None:
        for item_id, tag in ((1, "huntme"), (2, "nohunt")):
            app.library.update_item(item_id, tags=json.dumps([app.library.tag(tag)]))
    app.db.change("UPDATE files SET scene_name = 'A.Title-SIM'")
    if not empty:
        _download(app)
    return Caller(app)


def _item(app: SimApp, owner: int | None, **fields: Any) -> int:
    """With all the dates that it can have."""
    if app.definition.app_type == "radarr":
        at = fields.get("released") or app.clock.timestamp() - 90 * 86_400
        fields |= {"in_cinemas": at, "physical": at, "released": at}
    if app.definition.kind == "whisparr3":
        fields["release_date"] = fields.pop("released", None)
        scene = app.library.add_scene(performers=["A Performer"], **fields)
        if fields.get("has_file") or fields.get("last_search"):
            app.library.update_item(scene, kind="movie")
        return scene
    return app.add_item(owner, **fields)


def _download(app: SimApp) -> None:
    """Downloads in several states, and a history of all that happens to one."""
    downloads = app.downloads
    for item_id, outcome in ((1, "import"), (3, "import")):
        app.searcher.force(item_id, outcome)  # type: ignore[arg-type] # words of the literal
        app.post_command(app.definition.names.search, **{app.definition.names.items_field: [item_id]})
        app.advance(3600)
    failed = downloads.add([4], grabbed=True)
    downloads.fail(failed, app.clock.timestamp(), redownload=False)
    downloads.add([5], grabbed=True)
    downloads.add([4, 6] if app.definition.queue.row_suffix else [4], status="warning", error_message="No peers.")
    blocked = [{"title": "A Title", "messages": ["No files are eligible for import."]}]
    state = app.definition.queue.blocked_state
    downloads.add([6], status="completed", tracked_status="warning", tracked_state=state, messages=blocked, size_left=0)
    downloads.add([], status="paused", protocol="usenet", seconds_left=0.0)
    app.advance(60)


def _is_before(call: Recorded) -> bool:
    return call.name.endswith(("_empty", "_before"))


def _situated(caller: Caller, call: Recorded, path: str) -> tuple[str, Any]:
    """Path and body with ids of the simulator's, once it is in the situation of the call."""
    head, _, tail = path.rpartition("/")
    body = _known_ids(call.body)
    if head.endswith("/command") and call.status in (200, 409):
        return f"{head}/{_command(caller, call)}", body
    if head.endswith("/queue") and tail.isdigit() and call.status == 200:
        return f"{head}/{_rows(caller)[0]}", body
    if path.endswith("/queue/bulk") and call.status == 200:
        return path, {"ids": _rows(caller)}
    if call.name.endswith(("_again", "dedup_second_post")) and isinstance(body, dict) and "name" in body:
        caller.post("command", body)
    return path, body


def _rows(caller: Caller) -> list[int]:
    return caller.ids("queue", **{caller.app.definition.names.unknown_flag: "true"})


def _known_ids(body: Any) -> Any:
    """Ids that the simulator has, and still the unknown ones."""
    if isinstance(body, dict):
        return {name: _known_ids(value) for name, value in body.items()}
    if isinstance(body, list):
        return [_known_ids(value) for value in body]
    return min(body, 4) if isinstance(body, int) and body not in (*UNKNOWN_IDS, True, False) else body


def _command(caller: Caller, call: Recorded) -> int:
    """The id of a command in the state that the app told of."""
    app, state = caller.app, (call.answer or {}).get("status", "started")
    told = (call.answer or {}).get("body", {"name": "Test"})
    kind = app.definition.command_kinds[told["name"].lower()]
    fields = {
        "name": kind.name,
        **{spec.name: _known_ids(told[spec.name]) for spec in kind.fields if spec.name in told},
    }
    if state == "queued":
        for seconds in range(3):  # as many as the app runs at a time
            app.post_command("Test", duration=60_000 + seconds)
    if (call.answer or {}).get("trigger") == "unspecified":
        download = Download("X", "A Title", [4], None, None, 1, 0.0)
        app.search_again(download, app.clock.timestamp())
        command_id = app.commands.every[-1].id
    else:
        command_id = caller.post("command", fields).json["id"]
    if state == "orphaned":
        app.restart()
    elif state not in ("queued", "started"):
        app.advance(5)
        if call.name.endswith("_from_db"):
            app.advance(1200)
    return int(command_id)


def shape(value: Any, path: str = "") -> frozenset[str]:
    """Every key with the type of its value, as `records[].seriesId: number`; a list without elements has none."""
    return frozenset(_shape(value, path))


def _shape(value: Any, path: str) -> Iterable[str]:
    yield f"{path}: {_type(value)}"
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _shape(child, f"{path}.{name}" if path else name)
    if isinstance(value, list):
        for child in value:
            yield from _shape(child, f"{path}[]")


def _type(value: Any) -> str:
    if isinstance(value, str):
        return "date" if DATE.fullmatch(value) else "timespan" if TIMESPAN.fullmatch(value) else "text"
    names = {bool: "bool", int: "number", float: "number", dict: "object", list: "list"}
    return names.get(type(value), "null")


def differences(app: frozenset[str], simulator: frozenset[str]) -> list[str]:
    """What only one of two shapes has: `app has …`, `simulator has …`; nothing below what is missing as a whole."""
    found = []
    for who, own, other in (("app", app, simulator), ("simulator", simulator, app)):
        paths = {line.rpartition(": ")[0] for line in other}
        for line in sorted(own - other):
            path = line.rpartition(": ")[0]
            parent = path[:-2] if path.endswith("[]") else path.rpartition(".")[0]
            if parent and parent not in paths:
                continue
            if path.endswith("[]") and path not in paths:
                continue  # the other list is empty
            found.append(f"{who} has {line}")
    return found

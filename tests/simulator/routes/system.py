"""Status, commands, profiles, tags and the other small resources."""

import json
import re
from typing import TYPE_CHECKING, Any

from tests.simulator import errors
from tests.simulator.commands import command_json
from tests.simulator.definition import Route
from tests.simulator.messages import Json, Reply, Request, json_reply, load, named, parse_date, present, stamp

if TYPE_CHECKING:
    from tests.simulator.application import SimApp


def body_of(request: Request) -> Any:
    """The request's JSON; broken JSON is a binding error."""
    try:
        return load(request.body)
    except ValueError:
        raise errors.binding("$", "The input is not valid JSON.") from None


def fields_of(request: Request) -> Json:
    body = body_of(request)
    if not isinstance(body, dict):
        raise errors.binding("$", "The JSON value could not be converted.")
    return named(body)


def id_list(fields: Json, name: str) -> list[int]:
    """A list of ids from a request body; a wrong type is a binding error."""
    value = fields.get(name.lower()) or []
    if not isinstance(value, list) or not all(isinstance(x, int) for x in value):
        raise errors.binding(f"$.{name}", "The JSON value could not be converted to System.Int32[].")
    return list(value)


def check_new(app: "SimApp", fields: Json) -> None:
    """What a series or movie needs to be added."""
    failures: list[tuple[str, str, str]] = []
    if fields.get("qualityprofileid") not in app.library.profiles:
        failures.append(("QualityProfileId", "Quality profile does not exist", "QualityProfileExistsValidator"))
    if not (fields.get("path") or fields.get("rootfolderpath")):
        failures.append(("Path", "Invalid Path: ''", "NotEmptyValidator"))
    if failures:
        raise errors.validation(*failures)


def date_window(app: "SimApp", request: Request) -> tuple[int, int]:
    """The calendar's window; by default today and the next two days."""
    today = int(app.clock.timestamp()) // 86_400 * 86_400
    bounds = []
    for name, default in (("start", today), ("end", today + 2 * 86_400)):
        text = request.first(name)
        try:
            bounds.append(parse_date(text) if text else default)
        except ValueError:
            raise errors.bad_value(name, text or "") from None
    return bounds[0], bounds[1]


def lost(app: "SimApp", kind: str, row_id: int) -> errors.ApiFault:
    """GET of an unknown id: the apps answer in three different ways."""
    if app.definition.lost_resource == "empty":
        return errors.empty(404)
    if app.definition.lost_resource == "message":
        return errors.missing_row(kind, row_id)
    return errors.problem(404, app.definition.lost_media)


def known_owner(app: "SimApp", owner_id: int) -> None:
    """Lists of files look their owner up first: an unknown one is a 404."""
    if app.db.row("SELECT id FROM parents WHERE id = ?", (owner_id,)) is None:
        raise errors.missing_row(app.definition.names.parent_kind, owner_id)


def get_status(app: "SimApp", request: Request) -> Reply:
    del request
    database = "3.45.1" if app.settings.database == "sqLite" else "16.4"
    status = {
        "appName": app.definition.app_name,
        "instanceName": app.settings.instance_name or app.definition.app_name,
        "version": app.version,
        "buildTime": "2026-01-01T00:00:00Z",
        "isDebug": False,
        "isProduction": True,
        "isAdmin": False,
        "isUserInteractive": False,
        "startupPath": f"/app/{app.definition.app_name.lower()}/bin",
        "appData": "/config",
        "osName": "alpine",
        "osVersion": "3.22.1",
        "isNetCore": True,
        "isLinux": True,
        "isOsx": False,
        "isWindows": False,
        "isDocker": True,
        "mode": "console",
        "branch": "main",
        "authentication": app.settings.authentication,
        "migrationVersion": 217,
        "urlBase": app.url_base,
        "runtimeVersion": "6.0.36",
        "runtimeName": "netcore",
        "startTime": stamp(app.started_at),
        "packageVersion": app.version,
        "packageAuthor": "simulator",
        "packageUpdateMechanism": "docker",
        "databaseVersion": database,
        "databaseType": app.settings.database,
    }
    return json_reply({**status, **app.definition.status_fields})


def post_command(app: "SimApp", request: Request) -> Reply:
    now = app.clock.timestamp()
    command = app.commands.post(body_of(request), now)
    if app.definition.keeps_user_agent:
        command.user_agent = request.headers.get("user-agent", "")
    location = f"{app.url_base}/{app.definition.prefix}/command/{command.id}"
    reply = json_reply(command_json(command, app.definition), 201, headers=[("Location", location)])
    app.commands.start_next(now)
    return reply


def list_commands(app: "SimApp", request: Request) -> Reply:
    del request
    return json_reply([command_json(command, app.definition) for command in app.commands.listed()])


def get_command(app: "SimApp", request: Request) -> Reply:
    found = app.commands.find(request.path_id)
    if found is None:
        raise lost(app, "CommandModel", request.path_id)
    return json_reply(command_json(found[0], app.definition, in_memory=found[1]))


def delete_command(app: "SimApp", request: Request) -> Reply:
    app.commands.cancel(request.path_id)
    return json_reply({})


def list_profiles(app: "SimApp", request: Request) -> Reply:
    del request
    library, catalogue = app.library, app.definition.catalogue
    return json_reply([catalogue.profile(profile, library.formats) for profile in library.profiles.values()])


def get_profile(app: "SimApp", request: Request) -> Reply:
    profile = app.library.profiles.get(request.path_id)
    if profile is None:
        raise lost(app, "QualityProfile", request.path_id)
    return json_reply(app.definition.catalogue.profile(profile, app.library.formats))


def list_tags(app: "SimApp", request: Request) -> Reply:
    del request
    return json_reply(
        [{"label": row["label"], "id": row["id"]} for row in app.db.rows("SELECT * FROM tags ORDER BY id")]
    )


def get_tag(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM tags WHERE id = ?", (request.path_id,))
    if row is None:
        raise lost(app, "Tag", request.path_id)
    return json_reply({"label": row["label"], "id": row["id"]})


def post_tag(app: "SimApp", request: Request) -> Reply:
    """For a label that exists, most apps return the existing tag."""
    label, rules = fields_of(request).get("label"), app.definition
    if not isinstance(label, str) or not (label or rules.blank_tags):
        raise errors.validation(("Label", "'Label' must not be empty.", "NotEmptyValidator"), value=label)
    if rules.tag_pattern is not None and not re.fullmatch(rules.tag_pattern, label.lower()):
        raise errors.validation(("Label", "'Label' is not in the correct format.", "RegexValidator"), value=label)
    if rules.unique_tags and app.db.row("SELECT id FROM tags WHERE label = ?", (label.lower(),)) is not None:
        raise errors.message(409, "Tag already exists")
    tag_id = app.library.tag(label)
    location = f"{app.url_base}/{app.definition.prefix}/tag/{tag_id}"
    return json_reply({"label": label.lower(), "id": tag_id}, 201, headers=[("Location", location)])


def delete_tag(app: "SimApp", request: Request) -> Reply:
    if app.db.row("SELECT id FROM tags WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row("Tag", request.path_id)
    if _tagged(app, request.path_id):
        raise errors.message(409, "Tag is in use")
    app.db.change("DELETE FROM tags WHERE id = ?", (request.path_id,))
    return json_reply({})


def _tagged(app: "SimApp", tag_id: int) -> list[int]:
    """The owners, or the movies, that carry a tag."""
    table = "parents" if app.definition.owner else "items"
    rows = app.db.rows(f"SELECT id, tags FROM {table} WHERE tags <> '[]'")  # noqa: S608 - one of two fixed names
    return [row["id"] for row in rows if tag_id in json.loads(row["tags"])]


def list_tag_details(app: "SimApp", request: Request) -> Reply:
    del request
    key = app.definition.names.owners_field
    names = (
        *("delayProfileIds", "importListIds", "notificationIds", "restrictionIds", "releaseProfileIds"),
        *("indexerIds", "downloadClientIds", "autoTagIds"),
    )
    details = [
        app.definition.fitted(
            app,
            "tagdetail",
            {
                "label": tag["label"],
                **{name: [] for name in names},
                key: _tagged(app, tag["id"]),
                "id": tag["id"],
            },
        )
        for tag in app.db.rows("SELECT * FROM tags ORDER BY id")
    ]
    return json_reply(details)


def list_health(app: "SimApp", request: Request) -> Reply:
    """Problems only, and without ids."""
    del request
    now = app.clock.timestamp()
    problems = [*app.health, *app.clients.problems(app.downloads.polled_at(now), now)]
    if app.indexers.searching == 0 and app.indexers.told_by_health:
        wiki = f"https://wiki.servarr.com/{app.definition.app_name.lower()}/system#indexers"
        text = "No indexers available with Automatic Search enabled"
        problems.append({"source": "IndexerSearchCheck", "type": "warning", "message": text, "wikiUrl": wiki})
    return json_reply(problems)


def list_root_folders(app: "SimApp", request: Request) -> Reply:
    del request
    folder = {
        "path": app.library.root,
        "accessible": True,
        "freeSpace": 500_000_000_000,
        "totalSpace": 2_000_000_000_000,
        "unmappedFolders": [],
        "id": 1,
    }
    return json_reply([app.definition.fitted(app, "rootfolder", folder)])


def list_disks(app: "SimApp", request: Request) -> Reply:
    del request
    disk = {"path": app.library.root, "label": "", "freeSpace": 500_000_000_000, "totalSpace": 2_000_000_000_000}
    return json_reply([disk])


def list_indexers(app: "SimApp", request: Request) -> Reply:
    del request
    return json_reply([app.definition.fitted(app, "indexer", known.as_json()) for known in app.indexers.all.values()])


def get_indexer(app: "SimApp", request: Request) -> Reply:
    known = app.indexers.all.get(request.path_id)
    if known is None:
        raise lost(app, "IndexerDefinition", request.path_id)
    return json_reply(app.definition.fitted(app, "indexer", known.as_json()))


def list_custom_formats(app: "SimApp", request: Request) -> Reply:
    del request
    return json_reply([known.as_json() for known in app.library.formats.values()])


_TASKS = (
    ("Refresh Monitored Downloads", "RefreshMonitoredDownloads", 1),
    ("Messaging Cleanup", "MessagingCleanup", 5),
    ("RSS Sync", "RssSync", 15),
)


def list_download_clients(app: "SimApp", request: Request) -> Reply:
    del request
    now = app.clock.timestamp()
    return json_reply([known.as_json(now) for known in app.clients.all.values()])


def list_tasks(app: "SimApp", request: Request) -> Reply:
    del request
    now = app.clock.timestamp()
    ran = {task: now - now % (minutes * 60) for _, task, minutes in _TASKS}
    ran["RefreshMonitoredDownloads"] = app.downloads.refreshed_at(now)
    tasks = [
        present(
            {
                "name": name,
                "taskName": task,
                "interval": minutes,
                "lastExecution": stamp(ran[task]),
                "lastStartTime": stamp(ran[task]),
                "nextExecution": stamp(ran[task] + minutes * 60),
                "lastDuration": "00:00:00.1250000",
                "id": number,
            }
        )
        for number, (name, task, minutes) in enumerate(_TASKS, start=1)
    ]
    return json_reply(tasks)


ROUTES: list[Route] = [
    ("GET", "system/status", get_status),
    ("GET", "system/task", list_tasks),
    ("GET", "command", list_commands),
    ("POST", "command", post_command),
    ("GET", "command/{id}", get_command),
    ("DELETE", "command/{id}", delete_command),
    ("GET", "qualityprofile", list_profiles),
    ("GET", "qualityprofile/{id}", get_profile),
    ("GET", "tag", list_tags),
    ("POST", "tag", post_tag),
    ("GET", "tag/detail", list_tag_details),
    ("GET", "tag/{id}", get_tag),
    ("DELETE", "tag/{id}", delete_tag),
    ("GET", "health", list_health),
    ("GET", "rootfolder", list_root_folders),
    ("GET", "diskspace", list_disks),
    ("GET", "indexer", list_indexers),
    ("GET", "indexer/{id}", get_indexer),
    ("GET", "downloadclient", list_download_clients),
    ("GET", "customformat", list_custom_formats),
]

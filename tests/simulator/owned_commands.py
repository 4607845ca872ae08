"""Search commands of the apps whose items belong to an artist or author."""

from sqlite3 import Row
from typing import TYPE_CHECKING, get_args

from tests.simulator.commands import Command, CommandFailed
from tests.simulator.definition import CommandField, CommandKind, CommandWork
from tests.simulator.searching import Unit
from tests.simulator.shared_commands import SHARED_KINDS, SHARED_WORK

if TYPE_CHECKING:
    from tests.simulator.application import SimApp


def owned_kinds(item: str, owner: str) -> tuple[CommandKind, ...]:
    """`Album` and `Artist`, or `Book` and `Author`."""
    low = owner.lower()
    one_owner = (CommandField(f"{low}Id", "int?"),)
    return (
        CommandKind(f"{item}Search", (CommandField(f"{item.lower()}Ids", "ints"),), sends_updates=True),
        CommandKind(f"{owner}Search", (CommandField(f"{low}Id", "int", 0),), sends_updates=True),
        CommandKind(f"Missing{item}Search", one_owner, sends_updates=True),
        CommandKind(f"CutoffUnmet{item}Search", one_owner, sends_updates=True),
        CommandKind(f"Refresh{owner}", (CommandField(f"{low}Ids", "ints", ()), *one_owner), True, long_running=True),
        CommandKind(f"Refresh{item}", (CommandField(f"{item.lower()}Id", "int?"),), True),
        CommandKind(f"BulkRefresh{owner}", (CommandField(f"{low}Ids", "ints", ()),), True),
        CommandKind(
            "RescanFolders",
            (
                CommandField("folders", "texts"),
                CommandField("filter", "text", "known"),
                CommandField("addNew" + owner + "s", "bool", False),
                CommandField(f"{low}Ids", "ints"),
            ),
            sends_updates=True,
            disk_access=True,
        ),
        CommandKind(
            f"Downloaded{item}sScan",
            (
                CommandField("path", "text"),
                CommandField("downloadClientId", "text"),
                CommandField("importMode", "text", "auto"),
            ),
            disk_access=True,
        ),
        CommandKind("ApplicationUpdateCheck"),
        *SHARED_KINDS,
    )


def owned_work(item: str, owner: str) -> dict[str, CommandWork]:
    return {
        **SHARED_WORK,
        f"{item}Search": _item_search,
        f"{owner}Search": _owner_search,
        f"Missing{item}Search": _missing_search,
        f"CutoffUnmet{item}Search": _cutoff_search,
    }


def _unit(word: str | None) -> Unit:
    return next(unit for unit in get_args(Unit) if unit == word)


def _item_search(app: "SimApp", command: Command, now: float) -> str:
    """Each id in order; the monitored flag does not matter; an unknown id ends the command there."""
    names = app.definition.names
    if command.body[names.items_field] is None:
        raise CommandFailed("System.NullReferenceException: Object reference not set to an instance of an object.")
    grabbed = 0
    for item_id in command.body[names.items_field]:
        row = app.db.row("SELECT * FROM items WHERE id = ?", (item_id,))
        if row is None:
            raise CommandFailed(f"ModelNotFoundException: {names.kind} with ID {item_id} does not exist")
        grabbed = app.searcher.search(_unit(names.item), [row], command, now)
    return f"{names.kind} search completed. {grabbed} reports downloaded."


def _owner_search(app: "SimApp", command: Command, now: float) -> str:
    """One search for all monitored items of the owner, also those that have their files."""
    names = app.definition.names
    owner_id = command.body[names.parent_field or ""]
    if app.db.row("SELECT id FROM parents WHERE id = ?", (owner_id,)) is None:
        raise CommandFailed(f"ModelNotFoundException: {names.parent_kind} with ID {owner_id} does not exist")
    rows = app.db.rows("SELECT * FROM items WHERE parent_id = ? AND monitored = 1 ORDER BY id", (owner_id,))
    grabbed = app.searcher.search(_unit(names.parent), rows, command, now)
    return f"{names.parent_kind} search completed. {grabbed} reports downloaded."


def _missing_search(app: "SimApp", command: Command, now: float) -> str:
    owner_id = command.body[app.definition.names.parent_field or ""]
    return _bulk(app, app.searcher.wanted("missing", True, now, owner_id), command, now)


def _cutoff_search(app: "SimApp", command: Command, now: float) -> str:
    """Everything below its cutoff: the owner in the command is ignored."""
    return _bulk(app, app.searcher.wanted("cutoff", True, now, None), command, now)


def _bulk(app: "SimApp", rows: list[Row], command: Command, now: float) -> str:
    names = app.definition.names
    grabbed = 0
    for row in sorted(rows, key=lambda row: row["last_search_at"] or 0):
        grabbed += app.searcher.search(_unit(names.item), [row], command, now)
    return f"Completed search for {len(rows)} {names.item}s. {grabbed} reports downloaded."

"""The apps' command queue: life cycle, duplicates, clean-up and restart, computed when somebody asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulator import errors
from tests.simulator.definition import AppDefinition, CommandField, CommandKind
from tests.simulator.messages import Json, named, present, stamp, timespan, words_of

_STATUSES = ("queued", "started", "completed", "failed", "aborted", "cancelled", "orphaned")
_PRIORITIES = {"high": 1, "normal": 0, "low": -1}
_TOLD_SECONDS = 0.1
_CLEANUP_SECONDS, _MEMORY_SECONDS, _ROW_SECONDS = 300, 300, 86_400
# What every command has after its own properties, in the order in which the dedupe looks at it.
_BASE: Json = {
    "sendUpdatesToClient": False,
    "updateScheduledTask": True,
    "completionMessage": None,
    "requiresDiskAccess": False,
    "isExclusive": False,
    "isTypeExclusive": False,
    "isLongRunning": False,
}


class CommandFailed(Exception):
    """What a command's work raises; it becomes the status `failed` and the .NET-like `exception` text."""


@dataclass(slots=True)
class Command:
    """A command and its status; times are epoch seconds with fractions."""

    id: int
    kind: CommandKind
    body: Json
    queued_at: float
    priority: str = "normal"
    trigger: str = "manual"
    status: str = "queued"
    result: str = "unknown"
    message: str | None = None
    exception: str | None = None
    started_at: float | None = None
    due_at: float | None = None
    ended_at: float | None = None
    cancelled: bool = False
    posts: int = 1
    user_agent: str | None = None


@dataclass(slots=True)
class CommandQueue:
    """`work` is called when a command ends: it does what the command does, and returns its last message."""

    definition: AppDefinition
    work: Callable[[Command, float], str | None]
    seconds_of: Callable[[Command], float]
    workers: int
    began_at: float
    memory: dict[int, Command] = field(default_factory=dict)
    rows: dict[int, Command] = field(default_factory=dict)
    every: list[Command] = field(default_factory=list)
    active: dict[int, Command] = field(default_factory=dict)  # queued or started, in memory
    cleaned_at: float = 0.0
    on_change: Callable[[Command], None] = lambda _: None
    """Called when a command starts and when it ends."""

    # --- the API's side ---------------------------------------------------------------------------------------------

    def post(self, body: Any, now: float) -> Command:
        """POST command: an equal one that is queued or started is returned instead.

        It does not start here: the reply to a POST still says `queued`; the caller calls `start_next` afterwards.
        """
        kind, fields = self._read(body)
        return self.push(kind, fields, now, trigger="manual", high=kind.high_priority)

    def push(
        self, kind: CommandKind, fields: Json, now: float, *, trigger: str = "unspecified", high: bool = False
    ) -> Command:
        for known in self.active.values():
            if known.kind is kind and _equal(kind, known.body, fields):
                known.posts += 1
                return known
        command = Command(len(self.every) + 1, kind, fields, now, trigger=trigger)
        command.priority = "high" if high else "normal"
        self.memory[command.id] = self.rows[command.id] = self.active[command.id] = command
        self.every.append(command)
        return command

    def find(self, command_id: int) -> tuple[Command, bool] | None:
        """The command, and whether it is still in memory: a row of the database lacks some fields."""
        if command_id in self.memory:
            return self.memory[command_id], True
        row = self.rows.get(command_id)
        return (row, False) if row else None

    def listed(self) -> list[Command]:
        """Sorted as the app does: started first, then by status number, then by priority."""
        return sorted(
            self.memory.values(),
            key=lambda c: (c.status != "started", _STATUSES.index(c.status), -_PRIORITIES[c.priority]),
        )

    def cancel(self, command_id: int) -> None:
        """Only queued commands are cancelled, and only in memory: the row stays queued."""
        command = self.memory.get(command_id)
        if command is None or command.status != "queued":
            raise errors.message(409, "Unable to cancel task")
        command.cancelled = True
        del self.memory[command_id], self.active[command_id]

    # --- time -------------------------------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        return min((c.due_at for c in self.active.values() if c.due_at is not None), default=None)

    def finish_due(self, moment: float) -> None:
        """End the commands that are due and start waiting ones."""
        for command in [c for c in self.active.values() if c.due_at is not None and c.due_at <= moment]:
            self._finish(command, moment)
        self.start_next(moment)

    def start_next(self, now: float) -> None:
        while (command := self._next(now)) is not None:
            command.status = "started"
            command.started_at = now
            command.due_at = now + self.seconds_of(command)
            command.message = f"Starting {words_of(command.kind.name)}" if not command.kind.message else None
            if command.due_at >= now + _TOLD_SECONDS:  # of a shorter one only the end is told
                self.on_change(command)

    def clean_up(self, now: float) -> None:
        """MessagingCleanup, every 5 minutes: ended > 5 min ago leave memory, > 1 day ago the database."""
        tick = self.began_at + (now - self.began_at) // _CLEANUP_SECONDS * _CLEANUP_SECONDS
        if tick == self.cleaned_at:
            return
        self.cleaned_at = tick
        for command in list(self.memory.values()):
            if command.ended_at is not None and command.ended_at < tick - _MEMORY_SECONDS:
                del self.memory[command.id]
        for command in list(self.rows.values()):
            if command.ended_at is not None and command.ended_at < tick - _ROW_SECONDS:
                del self.rows[command.id]

    def restart(self, now: float) -> None:
        """Started rows become orphaned, queued ones are queued again."""
        self.began_at = now
        self.memory.clear()
        self.active.clear()
        for row in self.rows.values():
            if row.status == "started":
                row.status, row.ended_at, row.due_at = "orphaned", now, None
            elif row.status == "queued":
                row.cancelled = False
                self.memory[row.id] = self.active[row.id] = row
        self.start_next(now)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _read(self, body: Any) -> tuple[CommandKind, Json]:
        if not isinstance(body, dict):
            raise errors.binding("$", "The JSON value could not be converted to CommandResource.")
        given = named(body)
        name = given.get("name")
        if name is not None and not isinstance(name, str):
            raise errors.binding("$.name", "The JSON value could not be converted to System.String.")
        if not name:
            empty = ("Name", "'Name' must not be empty.", "NotEmptyValidator")
            null = ("Name", "'Name' must not be null.", "NotNullValidator")
            raise errors.validation(*([null, empty] if name is None else [empty]))
        kind = self.definition.command_kinds.get(name.lower())
        if kind is None:
            raise errors.message(self.definition.invalid_operation, "Sequence contains no matching element")
        return kind, {spec.name: _field(spec, given) for spec in kind.fields}

    def _next(self, now: float) -> Command | None:
        """Priority first, then age; disk access one at a time, exclusive ones alone."""
        started = [c for c in self.active.values() if c.status == "started"]
        if len(started) >= self.workers or any(c.kind.exclusive for c in started):
            return None
        waiting = [c for c in self.active.values() if c.status == "queued"]
        if any(c.kind.disk_access for c in started):
            waiting = [c for c in waiting if not c.kind.disk_access]
        alone = {c.kind.name for c in started if c.kind.type_exclusive}
        waiting = [c for c in waiting if c.kind.name not in alone]
        first = min(waiting, key=lambda c: (-_PRIORITIES[c.priority], c.queued_at, c.id), default=None)
        return None if first is not None and first.kind.exclusive and started else first

    def _finish(self, command: Command, now: float) -> None:
        command.ended_at, command.due_at = now, None
        del self.active[command.id]
        self._carry_out(command, now)
        self.on_change(command)

    def _carry_out(self, command: Command, now: float) -> None:
        try:
            message = self.work(command, now)
        except CommandFailed as failure:
            command.status, command.message = "failed", "Failed"
            command.exception = f"{failure}\n   at NzbDrone.Core.Messaging.Commands.CommandExecutor.ExecuteCommand"
            return
        command.status, command.result = "completed", "successful"
        command.message = self.definition.completion_message or command.kind.message or message


def _field(spec: CommandField, given: Mapping[str, Any]) -> Any:
    value = given.get(spec.name.lower())
    if value is None:
        return spec.default
    fits = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "int?": isinstance(value, int) and not isinstance(value, bool),
        "ints": isinstance(value, list) and all(isinstance(x, int) and not isinstance(x, bool) for x in value),
        "bool": isinstance(value, bool),
        "text": isinstance(value, str),
        "texts": isinstance(value, list) and all(isinstance(x, str) for x in value),
    }[spec.kind]
    if not fits:
        path = f"$.{spec.name}"
        raise errors.message(500, f"The JSON value could not be converted to System.Object. Path: {path}")
    return value


def _equal(kind: CommandKind, one: Json, other: Json) -> bool:
    """Compares property by property, lists as sets; two nulls end the comparison as equal."""
    for spec in kind.fields:
        left, right = one[spec.name], other[spec.name]
        if left is None and right is None:
            return True
        if left is None or right is None:
            return False
        same = set(left) == set(right) if isinstance(left, list) else left == right
        if not same:
            return False
    return True


def command_json(command: Command, definition: AppDefinition, *, in_memory: bool = True) -> Json:
    """A row from the database has no message and no result."""
    kind = command.kind
    flags = {
        **_BASE,
        "sendUpdatesToClient": kind.sends_updates,
        "completionMessage": definition.completion_message,
        "requiresDiskAccess": kind.disk_access,
        "isExclusive": kind.exclusive,
        "isTypeExclusive": kind.type_exclusive if definition.body_has_type_exclusive else None,
        "isLongRunning": kind.long_running,
    }
    tail = {
        **{"name": kind.name, "trigger": command.trigger, "suppressMessages": False},
        **present({"clientUserAgent": command.user_agent}),
    }
    timed = command.started_at is not None and command.status != "orphaned"
    ran = command.ended_at - (command.started_at or 0.0) if timed and command.ended_at is not None else None
    return present(
        {
            "name": kind.name,
            "commandName": words_of(kind.name),
            "message": command.message if in_memory else None,
            "body": present({**command.body, **flags, **tail}),
            "priority": command.priority,
            "status": command.status,
            "result": command.result if in_memory else "unknown",
            "queued": stamp(command.queued_at),
            "started": stamp(command.started_at),
            "ended": stamp(command.ended_at),
            "duration": None if ran is None else timespan(ran),
            "exception": command.exception,
            "trigger": command.trigger,
            "clientUserAgent": command.user_agent,
            "stateChangeTime": stamp(command.started_at if command.started_at is not None else command.ended_at),
            "sendUpdatesToClient": kind.sends_updates,
            "updateScheduledTask": True,
            "id": command.id,
        }
    )

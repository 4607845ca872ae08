"""Decides over looks at the queue which downloads are stuck. Pure: the same looks always lead to the same decisions.

A download is judged by what is left of it over time, never by one look: progress is fewer bytes left than ever before.
Time and strikes count only between two looks of which the second is trusted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath

from app.swaparr.downloads import TORRENT, QueuedDownload, clients_of
from app.swaparr.import_problems import import_problem
from app.swaparr.stuck_rules import BY_BYTES, Cause, CauseRule, StuckRules, has_word

KEPT_FOR = timedelta(days=1)
"""How long a download that is gone from the queue keeps its strikes."""
FEW, MANY = 2, 4
"""Of so many downloads all, or more than half, stop only when the line is down."""


class Away(StrEnum):
    """Why nothing counts for now."""

    APP = "app_away"
    CLIENT = "client_away"
    RESTARTED = "app_restarted"
    LINE = "line_down"


class Standing(StrEnum):
    """What is thought of a download at a look."""

    PROGRESSING = "progressing"
    NEW = "new"
    STUCK = "stuck"
    PROBLEM = "problem"
    """Its import failed for a cause that is not the release's; a person has to look."""
    PAUSED = "paused"
    QUEUED = "queued"
    CHECKING = "checking"
    COMPLETE = "complete"
    CLIENT_TROUBLE = "client_trouble"
    PRIVATE = "private"
    TOO_LARGE = "too_large"
    IGNORED = "ignored"
    SUSPENDED = "suspended"
    UNCOUNTED = "uncounted"
    """The look says nothing new: the app has not asked its clients since, or the download has just come back."""


class Consequence(StrEnum):
    """What follows from a look."""

    NONE = "none"
    STRIKE = "strike"
    REMOVE = "remove"
    TELL = "tell"


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a download between two looks."""

    seen_at: datetime
    left: int | None
    """Bytes that were left of it; `None` while its size is not known."""
    fewest: int | None
    """The fewest that were ever left."""
    counted_at: datetime | None = None
    """The last look that counted for it."""
    before: tuple[tuple[datetime, int], ...] = ()
    """The last two looks that counted, oldest first, with what was left: for its speed."""
    strikes: Mapping[Cause, int] = field(default_factory=dict)
    stuck: Mapping[Cause, timedelta] = field(default_factory=dict)
    problem: str | None = None
    """The texts of its failed import: other ones begin anew."""
    reported: str | None = None
    """The texts that were told last."""
    gone_at: datetime | None = None

    def cleared(self, causes: Iterable[Cause]) -> "Record":
        gone = frozenset(causes)
        return replace(
            self,
            strikes={cause: number for cause, number in self.strikes.items() if cause not in gone},
            stuck={cause: time for cause, time in self.stuck.items() if cause not in gone},
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a queue between two looks."""

    refreshed_at: datetime | None = None
    """When the app had asked its clients, by its own clock, at the last look."""
    clients: frozenset[str] = frozenset()
    away: Away | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of a whole queue."""

    at: datetime
    downloads: Sequence[QueuedDownload]
    refreshed_at: datetime | None
    away: Away | None = None
    """What the app itself says."""
    line_is_up: bool = False
    """Whether addresses that the user named answer."""
    transmissions: frozenset[str] = frozenset()
    """Names of the clients that do not tell what is paused."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A download, what is remembered of it now, and what follows."""

    download: QueuedDownload
    record: Record
    standing: Standing
    action: Consequence = Consequence.NONE
    cause: Cause | None = None
    detail: str | None = None
    """The word of an import problem, or what fits a pattern."""


@dataclass(frozen=True, slots=True)
class LookResult:
    """What a look comes to."""

    memory: Memory
    judged: tuple[Verdict, ...]
    gone: Mapping[str, Record]
    """The records of downloads that are not in the queue any more."""


def judge(memory: Memory, records: Mapping[str, Record], look: Look, rules: StuckRules) -> LookResult:
    """Decide about every download of the queue, and forget those that have been gone for a day."""
    away = _away(memory, records, look)
    is_trusted = (
        away is None
        and memory.away is None  # the first look after something was away says nothing yet
        and look.refreshed_at is not None
        and (memory.refreshed_at is None or look.refreshed_at > memory.refreshed_at)
    )
    arriving = _arriving_clients(records, look)
    judged = tuple(
        _judged(records.get(each.key), each, _Circumstances(look, rules, away, is_trusted, arriving))
        for each in look.downloads
    )
    here = {each.key for each in look.downloads}
    gone = {
        key: replace(record, gone_at=record.gone_at or look.at)
        for key, record in records.items()
        if key not in here and look.at - (record.gone_at or look.at) < KEPT_FOR
    }
    clients = clients_of(look.downloads) if away is None else memory.clients | clients_of(look.downloads)
    return LookResult(Memory(look.refreshed_at or memory.refreshed_at, clients, away), judged, gone)


@dataclass(frozen=True, slots=True)
class _Circumstances:
    look: Look
    rules: StuckRules
    away: Away | None
    is_trusted: bool
    arriving: frozenset[str]
    """Clients that brought bytes of usenet downloads since the last look."""


def _away(memory: Memory, records: Mapping[str, Record], look: Look) -> Away | None:
    """Why nothing counts at this look; `None` when all is well."""
    if look.away is not None:
        return look.away
    if memory.clients - clients_of(look.downloads) and _vanished_together(records, look):
        return Away.CLIENT
    active = [(each, records[each.key]) for each in look.downloads if each.is_active and each.key in records]
    stopped = sum(record.fewest is not None and each.left >= record.fewest for each, record in active)
    is_most = stopped * 2 > len(active) if len(active) >= MANY else stopped == len(active) >= FEW
    return Away.LINE if is_most and not look.line_is_up else None


def _vanished_together(records: Mapping[str, Record], look: Look) -> bool:
    """Whether several downloads that were there at the last look are gone at once: a client, and not an import."""
    here = {each.key for each in look.downloads}
    return sum(record.gone_at is None and key not in here for key, record in records.items()) >= FEW


def _arriving_clients(records: Mapping[str, Record], look: Look) -> frozenset[str]:
    return frozenset(
        each.client or ""
        for each in look.downloads
        if each.protocol != TORRENT and each.key in records and _is_less(each.left, records[each.key].fewest)
    )


def _judged(record: Record | None, download: QueuedDownload, given: _Circumstances) -> Verdict:
    at, left = given.look.at, download.left if download.size > 0 else None
    known = record or Record(at, left, left)
    has_progress = _is_less(left, known.fewest) or (left is not None and known.fewest is None)
    has_changed = left != known.left
    is_back = record is not None and record.gone_at is not None
    fewest = left if has_progress else known.fewest
    seen = replace(known, seen_at=at, left=left, fewest=fewest, gone_at=None)
    if has_progress:
        seen = seen.cleared({Cause.STALLED, Cause.METADATA})
    if not download.is_refused and download.status != "failed":
        seen = replace(seen.cleared({Cause.FAILED_IMPORT}), problem=None)
    elif (text := "\n".join(download.messages)) != seen.problem:
        seen = replace(seen.cleared({Cause.FAILED_IMPORT}), problem=text)
    exempt = _exempt(download, given.rules)
    if exempt is not None:
        return Verdict(download, seen, exempt)
    found = _at_once(download, given.rules)
    if found is not None:
        return Verdict(download, seen, Standing.STUCK, Consequence.REMOVE, *found)
    standing, cause, detail = _what_is_wrong(download, seen, given, has_progress=has_progress, has_changed=has_changed)
    if given.away is not None:
        return Verdict(download, _begun(seen, at), Standing.SUSPENDED, cause=cause, detail=detail)
    if record is None:
        return Verdict(download, _counted(seen, at), Standing.NEW, cause=cause, detail=detail)
    if not given.is_trusted or is_back:
        return Verdict(download, _begun(seen, at), Standing.UNCOUNTED, cause=cause, detail=detail)
    return _with_strike(Verdict(download, seen, standing, cause=cause, detail=detail), given)


def _exempt(download: QueuedDownload, rules: StuckRules) -> Standing | None:
    """Why it is left alone whatever it does."""
    if (download.client or "").lower() in rules.skip_clients:
        return Standing.IGNORED
    if any(each.fits(download) and each.min_stuck is None for each in rules.exemptions):
        return Standing.IGNORED
    if rules.skips_private and download.is_private and download.protocol == TORRENT:
        return Standing.PRIVATE
    return Standing.TOO_LARGE if 0 < rules.ignore_above < download.size else None


def _at_once(download: QueuedDownload, rules: StuckRules) -> tuple[Cause, str] | None:
    """What needs no strikes."""
    for name in download.names:
        ending = PurePosixPath(name).suffix.lower()
        if ending in rules.extensions:
            return Cause.MALICIOUS, ending
    for pattern in rules.name_patterns:
        if has_word(pattern, download.title):
            return Cause.NAME, pattern
    return None


def _what_is_wrong(
    download: QueuedDownload, seen: Record, given: _Circumstances, *, has_progress: bool, has_changed: bool
) -> tuple[Standing, Cause | None, str | None]:
    if download.is_refused or download.status == "failed":
        problem = import_problem(download.messages)
        is_release = problem.is_of_release or (download.status == "failed" and not download.messages)
        return (Standing.STUCK if is_release else Standing.PROBLEM), Cause.FAILED_IMPORT, problem.word
    if download.status == "completed" or (download.size > 0 and download.left == 0):
        return Standing.COMPLETE, None, None
    if download.status == "paused":
        return Standing.PAUSED, None, None
    if download.is_without_metadata:
        if download.is_silent_in_queue and download.client not in given.look.transmissions:
            return Standing.QUEUED, None, None  # a full queue; Transmission says the same of both
        return Standing.STUCK, Cause.METADATA, None
    if download.has_client_trouble:
        return Standing.CLIENT_TROUBLE, None, None
    if not download.is_active:
        return Standing.QUEUED, None, None
    if has_progress:
        is_slow = _is_slow(download, seen, given)
        return (Standing.STUCK, Cause.SLOW, None) if is_slow else (Standing.PROGRESSING, None, None)
    if has_changed:
        return Standing.CHECKING, None, None  # the client reads what is there: bytes move either way
    if download.protocol != TORRENT and (download.client or "") in given.arriving:
        return Standing.QUEUED, None, None  # another one has its turn
    return Standing.STUCK, Cause.STALLED, None


def _is_slow(download: QueuedDownload, seen: Record, given: _Circumstances) -> bool:
    """By the bytes of at least two looks that counted."""
    rules, looks = given.rules, seen.before
    if len(looks) < FEW or not (rules.slow_below or rules.max_eta):
        return False
    since, left = looks[0]
    seconds = (given.look.at - since).total_seconds()
    speed = (left - download.left) / seconds if seconds > 0 else 0.0
    is_late = bool(rules.max_eta) and speed > 0 and download.left / speed > rules.max_eta.total_seconds()
    return speed < rules.slow_below or is_late


def _with_strike(judged: Verdict, given: _Circumstances) -> Verdict:
    """The look counts: one more strike for what is stuck, and none for what is not any more."""
    record, cause, at = judged.record, judged.cause, given.look.at
    if judged.standing is Standing.PROGRESSING:
        record = record.cleared({Cause.SLOW})
    rule = given.rules.causes.get(cause) if cause is not None else None
    if cause is None or rule is None or not rule.enabled:
        return replace(judged, record=_counted(record, at))
    if judged.standing is not Standing.STUCK:
        action = Consequence.TELL if record.reported != record.problem else Consequence.NONE
        return replace(judged, record=_counted(replace(record, reported=record.problem), at), action=action)
    passed = at - record.counted_at if record.counted_at is not None else timedelta(0)
    strikes = record.strikes.get(cause, 0) + 1
    stuck = record.stuck.get(cause, timedelta(0)) + min(max(passed, timedelta(0)), 2 * given.rules.interval)
    record = replace(
        _counted(record, at),
        strikes={**record.strikes, cause: min(strikes, rule.max_strikes)},
        stuck={**record.stuck, cause: stuck},
    )
    is_due = strikes >= rule.max_strikes and stuck >= _patience(judged.download, cause, rule, given)
    is_new = strikes <= rule.max_strikes
    action = Consequence.REMOVE if is_due else Consequence.STRIKE if is_new else Consequence.NONE
    return replace(judged, record=record, action=action)


def _patience(download: QueuedDownload, cause: Cause, rule: CauseRule, given: _Circumstances) -> timedelta:
    own = [each.min_stuck for each in given.rules.exemptions if each.min_stuck is not None and each.fits(download)]
    if own:
        return max(own)
    if cause in BY_BYTES and download.client in given.look.transmissions:
        return max(rule.min_stuck, given.rules.transmission_min_stuck)
    return rule.min_stuck


def _counted(record: Record, at: datetime) -> Record:
    return replace(record, counted_at=at, before=(*record.before, (at, record.left or 0))[-FEW:])


def _begun(record: Record, at: datetime) -> Record:
    """Time and speed count from here on, and not over what lies before."""
    return replace(record, counted_at=at, before=())


def _is_less(left: int | None, fewest: int | None) -> bool:
    return left is not None and fewest is not None and left < fewest

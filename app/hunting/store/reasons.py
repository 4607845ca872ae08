"""Why a hunt ended early. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class HuntReason(StrEnum):
    """Why a hunt did not start or ended early: a closed gate, or what stopped it."""

    PAUSED = "paused"
    DISABLED = "disabled"
    OUTSIDE_WINDOW = "outside_window"
    RESTING = "resting"
    HOURLY_CAP = "hourly_cap"
    DAILY_CAP = "daily_cap"
    BUDGET = "budget"
    OFFLINE = "offline"
    NO_INDEXERS = "no_indexers"
    QUEUE_UNREADABLE = "queue_unreadable"
    MAX_QUEUE = "max_queue"
    UNRESOLVED_FILTER = "unresolved_filter"
    CANCELLED = "cancelled"
    GAVE_UP = "gave_up"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Why a hunt ends early: a word for programs and a sentence for people."""

    reason: HuntReason
    message: str

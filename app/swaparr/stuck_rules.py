"""The rules by which a download counts as stuck. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.swaparr.downloads import QueuedDownload

SYNCED = " (prowlarr)"


class Cause(StrEnum):
    """What is wrong with a download."""

    STALLED = "stalled"
    SLOW = "slow"
    METADATA = "metadata"
    FAILED_IMPORT = "failed_import"
    MALICIOUS = "malicious"
    NAME = "name"


BY_BYTES = frozenset({Cause.STALLED, Cause.SLOW, Cause.METADATA})
AT_ONCE = frozenset({Cause.MALICIOUS, Cause.NAME})


@dataclass(frozen=True, slots=True)
class CauseRule:
    """One cause: whether it counts, after how many strikes and how long it leads to a removal."""

    enabled: bool
    max_strikes: int
    min_stuck: timedelta


@dataclass(frozen=True, slots=True)
class Exemption:
    """Downloads that fit all that is given; `min_stuck` is the patience with them, `None` never touches them."""

    indexer: str | None = None
    client: str | None = None
    name_pattern: str | None = None
    above_bytes: int | None = None
    done_share: float | None = None
    min_stuck: timedelta | None = None

    def fits(self, download: QueuedDownload) -> bool:
        done = 1 - download.left / download.size if download.size else 0.0
        return (
            (self.indexer is None or _same(self.indexer, download.indexer))
            and (self.client is None or _same(self.client, download.client))
            and (self.name_pattern is None or has_word(self.name_pattern, download.title))
            and (self.above_bytes is None or download.size >= self.above_bytes)
            and (self.done_share is None or done >= self.done_share)
        )


@dataclass(frozen=True, slots=True)
class StuckRules:
    """The settings of one policy, as the decision needs them."""

    causes: Mapping[Cause, CauseRule]
    interval: timedelta
    slow_below: float = 0.0
    """Bytes a second; 0 is off."""
    max_eta: timedelta = timedelta(0)
    ignore_above: int = 0
    skips_private: bool = True
    extensions: frozenset[str] = frozenset()
    """In lower case, with the dot."""
    name_patterns: tuple[str, ...] = ()
    transmission_min_stuck: timedelta = timedelta(hours=12)
    skip_clients: frozenset[str] = frozenset()
    """In lower case."""
    exemptions: tuple[Exemption, ...] = ()


def has_word(pattern: str, text: str) -> bool:
    """Whether the pattern fits a whole word of a title, whatever separates its words."""
    return re.search(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", text, re.IGNORECASE) is not None


def _same(name: str, other: str | None) -> bool:
    """Whether two names of an indexer or a client are the same; Prowlarr adds a suffix to those it sets up."""
    return other is not None and name.lower().removesuffix(SYNCED) == other.lower().removesuffix(SYNCED)

"""A histogram without locks, for one event loop."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Histogram:
    """Counts each value at the first of `bounds` that is not smaller; the last count is of values above all bounds."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[int]:
        """How many values are at most each bound, and the number of all values."""
        return running_sums(self.counts)


def running_sums(counts: Sequence[int]) -> list[int]:
    sums, so_far = [], 0
    for count in counts:
        so_far += count
        sums.append(so_far)
    return sums

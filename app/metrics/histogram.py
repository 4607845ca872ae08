"""A histogram that one event loop fills: no locks, so that counting a request costs next to nothing."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Histogram:
    """Values counted by the first of `bounds` that is not smaller; the last place is for those above all of them."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[int]:
        """As Prometheus wants it: how many are at most each bound, and at last how many there are."""
        return running_sums(self.counts)


def running_sums(counts: Sequence[int]) -> list[int]:
    sums, so_far = [], 0
    for count in counts:
        so_far += count
        sums.append(so_far)
    return sums

"""Entries that wait to be stored: bounded in number and bytes. When it is full, the least important are dropped."""

from collections import Counter, deque
from collections.abc import Mapping
from threading import RLock

from app.logs.lines import OVERHEAD_BYTES, Entry, EntryKind
from app.logs.models import LEVEL_NUMBERS

MAX_LINES = 10_000
MAX_BYTES = 16 * 1024 * 1024


class Buffer:
    """Thread-safe. The lock is reentrant because a destructor can log in the middle of anything."""

    def __init__(self, *, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._queues: dict[int, deque[Entry]] = {level: deque() for level in sorted(LEVEL_NUMBERS.values())}
        self._lines = 0
        self._bytes = 0
        self._dropped: Counter[EntryKind] = Counter()
        self._lock = RLock()

    def __len__(self) -> int:
        return self._lines

    def put(self, entry: Entry) -> int:
        """Add an entry; how many wait now. A full buffer drops debug first, then info, the oldest first."""
        with self._lock:
            self._queues[entry.level].append(entry)
            self._lines += 1
            self._bytes += entry.size + OVERHEAD_BYTES
            while self._lines > self._max_lines or self._bytes > self._max_bytes:
                dropped = self._pop(next(queue for queue in self._queues.values() if queue))
                self._dropped[dropped.kind] += 1
            return self._lines

    def take(self, limit: int) -> list[Entry]:
        """Remove and return the oldest entries of all levels."""
        with self._lock:
            taken: list[Entry] = []
            while self._lines and len(taken) < limit:
                taken.append(self._pop(min((queue for queue in self._queues.values() if queue), key=_oldest)))
            return taken

    def take_dropped(self) -> dict[EntryKind, int]:
        """The entries that were dropped since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, Counter()
            return dict(dropped)

    def count_dropped(self, dropped: Mapping[EntryKind, int]) -> None:
        with self._lock:
            self._dropped.update(dropped)

    def _pop(self, queue: deque[Entry]) -> Entry:
        entry = queue.popleft()
        self._lines -= 1
        self._bytes -= entry.size + OVERHEAD_BYTES
        return entry


def _oldest(queue: deque[Entry]) -> int:
    return queue[0].id

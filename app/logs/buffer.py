"""Entries that wait to be stored: bounded in number and bytes; the least important ones make room."""

from collections import Counter, deque
from collections.abc import Mapping
from threading import RLock

from app.logs.lines import OVERHEAD, Entry, EntryKind
from app.logs.models import NUMBERS

MAX_LINES = 10_000
MAX_BYTES = 16 * 1024 * 1024


class Buffer:
    """Safe in all threads. A lock that its holder may take again: a destructor can log in the middle of anything."""

    def __init__(self, *, most_lines: int = MAX_LINES, most_bytes: int = MAX_BYTES) -> None:
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._queues: dict[int, deque[Entry]] = {level: deque() for level in sorted(NUMBERS.values())}
        self._lines = 0
        self._bytes = 0
        self._dropped: Counter[EntryKind] = Counter()
        self._lock = RLock()

    def __len__(self) -> int:
        return self._lines

    def put(self, entry: Entry) -> int:
        """How many wait now. Too many: debug goes first, then info, and of one level the oldest."""
        with self._lock:
            self._queues[entry.level].append(entry)
            self._lines += 1
            self._bytes += entry.size + OVERHEAD
            while self._lines > self._most_lines or self._bytes > self._most_bytes:
                gone = self._pop(next(queue for queue in self._queues.values() if queue))
                self._dropped[gone.kind] += 1
            return self._lines

    def take(self, most: int) -> list[Entry]:
        """The oldest ones, of all levels."""
        with self._lock:
            taken: list[Entry] = []
            while self._lines and len(taken) < most:
                taken.append(self._pop(min((queue for queue in self._queues.values() if queue), key=_oldest)))
            return taken

    def take_dropped(self) -> dict[EntryKind, int]:
        """How many were dropped since this was asked last."""
        with self._lock:
            dropped, self._dropped = self._dropped, Counter()
            return dict(dropped)

    def count_dropped(self, dropped: Mapping[EntryKind, int]) -> None:
        with self._lock:
            self._dropped.update(dropped)

    def _pop(self, queue: deque[Entry]) -> Entry:
        entry = queue.popleft()
        self._lines -= 1
        self._bytes -= entry.size + OVERHEAD
        return entry


def _oldest(queue: deque[Entry]) -> int:
    return queue[0].id

"""The buffer is bounded and drops the least important entries first."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from app.logs.buffer import Buffer
from app.logs.lines import OVERHEAD_BYTES
from tests.logs.entries import entry

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40


def put(buffer: Buffer, *levels: int, start: int = 0) -> None:
    for number, level in enumerate(levels, start):
        buffer.put(entry(number, level=level))


def taken(buffer: Buffer) -> list[tuple[str, int]]:
    return [(line.message, line.level) for line in buffer.take(100_000)]


def dropped(buffer: Buffer) -> dict[int, int]:
    found: Counter[int] = Counter()
    for kind, count in buffer.take_dropped().items():
        found[kind.level] += count
    return dict(found)


def test_debug_is_dropped_first_then_info_and_of_one_level_the_oldest() -> None:
    buffer = Buffer(max_lines=4)
    put(buffer, ERROR, DEBUG, INFO, DEBUG)
    put(buffer, INFO, start=4)
    assert dropped(buffer) == {DEBUG: 1}
    put(buffer, WARNING, ERROR, start=5)
    assert dropped(buffer) == {DEBUG: 1, INFO: 1}
    assert taken(buffer) == [("line 0", ERROR), ("line 4", INFO), ("line 5", WARNING), ("line 6", ERROR)]


def test_a_debug_line_does_not_push_out_what_matters_more() -> None:
    buffer = Buffer(max_lines=2)
    put(buffer, ERROR, WARNING, DEBUG, INFO)
    assert taken(buffer) == [("line 0", ERROR), ("line 1", WARNING)]
    assert dropped(buffer) == {DEBUG: 1, INFO: 1}
    assert dropped(buffer) == {}


def test_of_important_lines_the_newest_are_kept() -> None:
    buffer = Buffer(max_lines=3)
    put(buffer, *[ERROR] * 10)
    assert taken(buffer) == [("line 7", ERROR), ("line 8", ERROR), ("line 9", ERROR)]


def test_bytes_are_bounded_too() -> None:
    buffer = Buffer(max_bytes=10 * (1000 + OVERHEAD_BYTES))
    for number in range(25):
        buffer.put(entry(number, size=1000))
    assert len(buffer) == 10
    buffer.put(entry(25, size=5000))
    assert len(buffer) <= 6
    assert len(buffer.take(100)) + sum(buffer.take_dropped().values()) == 26


def test_lines_are_taken_in_the_order_of_time_whatever_their_level() -> None:
    buffer, shuffled = Buffer(), random.Random(7)
    put(buffer, *(shuffled.choice([DEBUG, INFO, WARNING, ERROR]) for _ in range(500)))
    found = [*buffer.take(123), *buffer.take(1000)]
    assert [line.message for line in found] == [f"line {number}" for number in range(500)]
    assert buffer.take(1) == []


def test_no_line_is_lost_between_threads() -> None:
    buffer = Buffer(max_lines=3000)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda start: put(buffer, *[INFO] * 1000, start=start), range(0, 8000, 1000)))
    assert len(buffer) == 3000
    assert len(buffer.take(10_000)) == 3000
    assert dropped(buffer) == {INFO: 5000}

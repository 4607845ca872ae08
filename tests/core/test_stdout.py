"""Whoever logs never waits for whoever reads stdout; what could not be written is counted."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.core.stdout import StdoutHandler


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("tests", logging.INFO, "", 0, text, None, None)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def test_lines_arrive_in_their_order() -> None:
    with pipe() as (reader, writer):
        handler = StdoutHandler(descriptor=writer)
        for number in range(100):
            handler.emit(record(f"line {number}"))
        handler.flush()
        assert os.read(reader, 65536).decode().splitlines() == [f"line {number}" for number in range(100)]


def test_a_full_pipe_holds_nobody_up_and_what_was_dropped_is_told() -> None:
    with pipe() as (reader, writer):
        handler = StdoutHandler(descriptor=writer, max_characters=200_000)
        for _ in range(1_000):  # a pipe holds 64 KiB
            handler.emit(record("x" * 999))
        text, told = "", 0
        while text.count("x\n") + told < 1_000:
            handler.emit(record("after the pause"))
            text += os.read(reader, 65536).decode()
            told = sum(int(number) for number in re.findall(r"^\.\.\. (\d+) log lines were not written", text, re.M))
        assert told >= 700
        handler.flush()


def test_a_reader_that_is_gone_is_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    handler = StdoutHandler(descriptor=writer)
    handler.emit(record("nobody reads this"))
    handler.flush()
    handler.emit(record("nor this"))
    handler.flush()
    os.close(writer)


def test_captured_output_gets_the_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    StdoutHandler().emit(record("captured"))
    assert capsys.readouterr().out == "captured\n"

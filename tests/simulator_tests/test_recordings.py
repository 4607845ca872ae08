"""The simulator answers as the living apps did: every recorded call is replayed and compared.

Trial 103. Compared are status, content type, headers kept and lost, keys and types, order and paging.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.simulator.definitions import AppKind
from tests.simulator_tests.caller import Answer
from tests.simulator_tests.named_differences import unnamed, unused
from tests.simulator_tests.recorded import RECORDED, Recorded, differences, recorded, replay, shape

HEADERS = ("cache-control", "allow", "location", "deprecation")
PAGING = ("page", "pageSize", "sortKey", "sortDirection")


@cache
def replayed(kind: AppKind) -> tuple[tuple[Recorded, Answer], ...]:
    return tuple((call, replay(kind, call)) for call in recorded(kind))


def json_of(answer: Answer) -> Any:
    return answer.json if answer.reply.body and "json" in (answer.reply.media or "") else None


@cache
def found(kind: AppKind) -> tuple[str, ...]:
    """Every difference, each as one line."""
    noted = {name for call, _ in replayed(kind) for name in call.headers}
    lines: list[str] = []
    app: dict[str, frozenset[str]] = defaultdict(frozenset)
    simulator: dict[str, frozenset[str]] = defaultdict(frozenset)
    for call, answer in replayed(kind):
        who = f"{call.name} {call.method} {call.path}"
        if answer.status != call.status:
            lines.append(f"{who}: status {call.status}, simulator {answer.status}")
            continue
        lines += [f"{who}: {line}" for line in _head(call, answer, noted)]
        app[call.group] |= shape(call.answer)
        simulator[call.group] |= shape(json_of(answer))
    for group, shapes in app.items():
        lines += [f"{group}: {line}" for line in differences(shapes, simulator[group])]
    return tuple(lines)


def _head(call: Recorded, answer: Answer, noted: set[str]) -> list[str]:
    """Differences of the headers; one that no recording of the app noted is not compared."""
    pairs = [("content-type", call.headers.get("content-type"), answer.reply.media)]
    pairs += [(name, _plain(call.headers.get(name)), _plain(answer.headers.get(name))) for name in HEADERS]
    version = "x-application-version"
    pairs.append((version, str(version in call.headers), str(version in answer.headers)))
    return [f"header {name} {a}, simulator {b}" for name, a, b in pairs if a != b and name in noted]


def _plain(value: str | None) -> str | None:
    """Without host and ids."""
    return None if value is None else re.sub(r"\d+", "N", re.sub(r"^https?://[^/]+", "", value))


@pytest.mark.parametrize("kind", RECORDED)
def test_the_simulator_answers_as_the_app_did(kind: AppKind) -> None:
    assert unnamed(kind, found(kind)) == []


def test_every_named_difference_is_one() -> None:
    assert unused((kind, line) for kind in RECORDED for line in found(kind)) == []


@pytest.mark.parametrize("kind", RECORDED)
def test_pages_name_their_place_and_order_alike(kind: AppKind) -> None:
    for call, answer in replayed(kind):
        if isinstance(call.answer, dict) and "totalRecords" in call.answer:
            assert {name: answer.json[name] for name in PAGING} == {name: call.answer[name] for name in PAGING}


DATES: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "date": lambda record: record.get("date"),
    "lastsearchtime": lambda record: record.get("lastSearchTime"),
    "airdateutc": lambda record: record.get("airDateUtc"),
    "releasedate": lambda record: record.get("releaseDate"),
}


@pytest.mark.parametrize("kind", RECORDED)
def test_records_are_in_the_order_that_the_page_names(kind: AppKind) -> None:
    """Of the app and of the simulator: nulls are first when ascending, as SQLite has it."""
    compared = 0
    for call, answer in replayed(kind):
        if not (isinstance(call.answer, dict) and "totalRecords" in call.answer):
            continue
        read = DATES.get(call.answer["sortKey"].rpartition(".")[2].lower())
        hides = kind in ("whisparr2", "readarr") and "search" in call.answer["sortKey"].lower()
        if read is None or hides:
            continue
        for body in (call.answer, answer.json):
            values = [read(record) or "" for record in body["records"]]
            assert values == sorted(values, reverse=call.answer["sortDirection"] == "descending"), call.name
            compared += len(values)
    assert compared


@pytest.mark.parametrize("kind", RECORDED)
def test_the_history_since_a_moment_is_oldest_first(kind: AppKind) -> None:
    bodies = [
        body for call, answer in replayed(kind) if "history/since" in call.path for body in (call.answer, answer.json)
    ]
    assert bodies
    for body in bodies:
        dates = [event["date"] for event in body]
        assert dates == sorted(dates)

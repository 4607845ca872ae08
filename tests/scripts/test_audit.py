"""The audit: a vulnerability fails it, and so does a silent database, unless a flag says that it may be."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from scripts import audit
from tests.support.serving import NoLog, in_threads

LOCK = "h11==0.16.0 --hash=sha256:63cf8bbe7522de3bf65932fda1d9c2772064ffb3dae62d55932da54b31cb6c86\n"
FOUND = {
    "vulns": [
        {
            "id": "TEST-1",
            "summary": "made up",
            "published": "2026-01-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": "h11", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.17.0"}]}],
                }
            ],
        }
    ]
}


@contextmanager
def database(answer: dict[str, Any], status: int = 200) -> Iterator[str]:
    """A database of vulnerabilities that always says the same; its URL."""

    class Handler(NoLog, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with in_threads(Handler) as address:
        yield f"{address}/"


@pytest.fixture
def lock(tmp_path: Path) -> str:
    path = tmp_path / "lock.txt"
    path.write_text(LOCK)
    return str(path)


def audited(lock: str, url: str, *flags: str) -> int:
    return audit.main([*flags, lock, "--vulnerability-service", "osv", "--osv-url", url])


def test_a_vulnerability_fails(lock: str, capsys: pytest.CaptureFixture[str]) -> None:
    with database(FOUND) as url:
        assert audited(lock, url) == 1
    assert "h11 0.16.0: TEST-1, fixed in 0.17.0" in capsys.readouterr().err


def test_nothing_known_passes(lock: str, capsys: pytest.CaptureFixture[str]) -> None:
    with database({}) as url:
        assert audited(lock, url) == 0
    assert capsys.readouterr().out == "No known vulnerability in 1 dependencies.\n"


@pytest.mark.parametrize(("flags", "code", "word"), [((), 1, "FAILED"), (("--may-skip",), 0, "SKIPPED")])
@pytest.mark.process
def test_no_database_fails_unless_a_flag_allows_it(
    lock: str, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], code: int, word: str
) -> None:
    assert audited(lock, "http://127.0.0.1:9/", *flags) == code
    assert word in capsys.readouterr().err
    with database({}, status=502) as url:
        assert audited(lock, url, *flags) == code
    assert word in capsys.readouterr().err


def test_the_flag_forgives_no_vulnerability(lock: str) -> None:
    with database(FOUND) as url:
        assert audited(lock, url, "--may-skip") == 1


def test_a_mirror_that_knows_nothing_is_no_clean_bill(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = [{"name": "h11", "skip_reason": "not found"}]
    assert audit.judge(nothing) == 1
    assert "FAILED" in capsys.readouterr().err
    assert audit.judge(nothing, may_skip=True) == 0
    assert "SKIPPED" in capsys.readouterr().err
    assert audit.judge([*nothing, {"name": "idna", "version": "3", "vulns": []}]) == 0
    told = capsys.readouterr()
    assert told.err == "Not in the vulnerability database: h11.\n"
    assert told.out == "No known vulnerability in 1 dependencies.\n"


def test_ci_says_itself_where_it_cannot_ask() -> None:
    root = Path(__file__).parents[2]
    assert "make lint AUDIT=--may-skip" in (root / ".ci/run").read_text()
    assert "scripts.audit $(AUDIT) requirements/runtime.txt" in (root / "Makefile").read_text()
    assert "AUDIT" not in (root / "Makefile").read_text().split("lint:")[0]  # by itself it fails


def test_a_lock_without_hashes_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lock.txt"
    path.write_text("h11==0.16.0\n")
    with database({}) as url:
        assert audited(str(path), url) == 1
    assert "SKIPPED" not in capsys.readouterr().err

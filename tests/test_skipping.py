"""In CI no test is skipped unnoticed; what `.ci/run` cannot install it says in one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[1]
WORDS = ("PASSED", "XFAIL", "FAILED", "ERROR")
MODULE = """
import pytest

@pytest.mark.skipif(True, reason="mosquitto is not installed")
def test_mark(): ...

@pytest.mark.skipif(True, reason="no Chromium is installed")
def test_could_not_be_installed(): ...

@pytest.mark.skipif(True, reason="the apps' OpenAPI documents are not here")
def test_allowed(): ...

def test_call():
    pytest.skip("later")

@pytest.mark.xfail
def test_expected_failure():
    raise ValueError

def test_good(): ...
"""


def test_a_skipped_test_fails_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(MODULE)
    (tmp_path / "test_whole.py").write_text("import pytest\npytest.skip('never', allow_module_level=True)\n")
    options = ["-rA", "--continue-on-collection-errors", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": "true", "CI_WITHOUT": "chromium jq"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    summary = done.stdout.partition("short test summary")[2]
    found = {word: set(re.findall(rf"^{word}.*?(test_\w+)(?:\.py)?(?: -|$)", summary, re.MULTILINE)) for word in WORDS}
    assert found == {
        "PASSED": {"test_good"},
        "XFAIL": {"test_expected_failure"},
        "FAILED": {"test_call"},
        "ERROR": {"test_mark", "test_whole"},
    }, done.stdout + done.stderr
    assert "2 skipped" in summary


def test_what_cannot_be_installed_is_said_in_one_line(tmp_path: Path) -> None:
    """With a PATH that has nothing but `make` and what the script itself needs."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "env"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    for name, body in (("make", 'echo "$1 without: $CI_WITHOUT, $CI"'), ("id", "echo 1000"), ("jq", "")):
        (tools / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tools / name).chmod(0o755)
    script = (ROOT / ".ci/run").read_text().replace("$PATH:/usr/sbin:/sbin", "$PATH")
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/run").write_text(script)
    done = subprocess.run(  # noqa: S603
        [str(tools / "bash"), str(tmp_path / "ci/run")], env={"PATH": str(tools)}, capture_output=True, text=True
    )
    missing = (
        "chromium mosquitto promtool systemd-analyze qbittorrent-nox transmission-daemon deluged deluge-web nzbget"
    )
    assert done.stderr == f"The tests that need {missing} are skipped: not root.\n"
    assert done.stdout == f"lint without: {missing}, true\ntest without: {missing}, true\n"

"""Checks the locked dependencies against a database of known vulnerabilities.

Fails when one is found, when the lock cannot be read, and when the database cannot be reached (no network, a mirror
without it), unless `--may-skip` says that this is no failure here. More arguments go to pip-audit.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

UNREACHABLE = re.compile(
    r"requests\.exceptions\.|urllib3\.exceptions\.|pip_audit\._service\.interface\.|vulnerability feed|PyPI is not"
)


MAY_SKIP = "--may-skip"


def main(arguments: Sequence[str]) -> int:
    lock, *more = [argument for argument in arguments if argument != MAY_SKIP]
    may_skip = MAY_SKIP in arguments
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"),
            *("--timeout", "10", "--progress-spinner", "off", "--format", "json", "--output", str(report), *more),
        ]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
        if report.exists():
            return judge(json.loads(report.read_text())["dependencies"], may_skip=may_skip)
    if UNREACHABLE.search(ran.stderr):
        return _not_checked("it cannot be reached from here", may_skip=may_skip)
    print(ran.stderr, file=sys.stderr)
    return 1


def judge(dependencies: Sequence[dict[str, Any]], *, may_skip: bool = False) -> int:
    unknown = [dependency["name"] for dependency in dependencies if "skip_reason" in dependency]
    found = [
        (dependency, vulnerability) for dependency in dependencies for vulnerability in dependency.get("vulns", ())
    ]
    for dependency, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
        print(f"{dependency['name']} {dependency['version']}: {vulnerability['id']}, fixed in {fixed}", file=sys.stderr)
    if found:
        print("Known vulnerabilities: raise the versions (make lock ARGS=--upgrade).", file=sys.stderr)
        return 1
    if len(unknown) == len(dependencies):
        return _not_checked("it knows none of our dependencies, as a mirror without it would answer", may_skip=may_skip)
    if unknown:
        print(f"Not in the vulnerability database: {', '.join(unknown)}.", file=sys.stderr)
    print(f"No known vulnerability in {len(dependencies) - len(unknown)} dependencies.")
    return 0


def _not_checked(why: str, *, may_skip: bool) -> int:
    what = f"dependencies were not checked against the vulnerability database: {why}."
    if may_skip:
        print(f"SKIPPED: {what}", file=sys.stderr)
        return 0
    print(f"FAILED: {what} Where that is known: make lint AUDIT={MAY_SKIP}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

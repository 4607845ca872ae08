"""The long form of `tests/security/test_schemathesis.py`: at least 10,000 requests, as a key, a session and a stranger.

    python -m scripts.fuzz [--cases 10000] [--seed 1]

The exit code is 1 when a reply does not match the document; such operations are printed with a request to repeat.
"""

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

from app.api.openapi import document
from app.main import create_app
from tests.support.fuzzing import SUICIDAL, Fuzzer, callers
from tests.support.service import running

SHARES = {"key": 0.6, "session": 0.25, "stranger": 0.15}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000, help="how many requests at least")
    parser.add_argument("--seed", type=int, default=1, help="different seeds make different requests")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    made = document(create_app())
    operations = sum(len(path) for path in made["paths"].values())
    total, is_good, started = 0, True, time.monotonic()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service:
        for who, headers in callers(service).items():
            skipped = SUICIDAL if who == "session" else frozenset()
            examples = int(options.cases * SHARES[who] / operations * 1.25) + 2
            fuzzer = Fuzzer(service, made, headers, is_stranger=who == "stranger", skipped=skipped)
            report = fuzzer.run(examples, options.seed)
            print(f"{who}: {report}\n", flush=True)
            total += report.cases
            is_good = is_good and not report.failures
        errors = [line for line in service.lines if '"level": "error"' in line]
        print("".join(errors[:20]), end="")
        is_alive = service.process.poll() is None
    print(f"{total} cases in {time.monotonic() - started:.0f} s, {len(errors)} errors in the log")
    return 0 if is_good and is_alive and not errors and total >= options.cases else 1


if __name__ == "__main__":
    sys.exit(main())

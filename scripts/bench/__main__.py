"""`make bench`: measures every part in turn and prints one table; only loopback is used."""

import argparse
import sys
import time
from dataclasses import replace

from scripts.bench import (
    history,
    hunts,
    idle,
    logins,
    memory,
    prowlarr,
    releases,
    serving,
    statements,
    streams,
    workers,
)
from scripts.bench.figures import QUICK, Figure, Sizes, table
from scripts.bench.installations import BOTH
from scripts.processes import child_processes

PARTS = {
    "cost of a hunt": hunts.cost_of_a_hunt,
    "requests per search": hunts.requests_per_search,
    "statements of a hunt": statements.statements_of_a_hunt,
    "requests per refresh": prowlarr.requests_per_refresh,
    "releases": releases.thousand_releases,
    "many instances": workers.many_instances,
    "idle": idle.idle,
    "few rows": serving.few_rows,
    "while hunting": serving.while_hunting,
    "many rows": serving.many_rows,
    "long history": history.long_history,
    "many hunts": memory.many_hunts,
    "wrong logins": logins.wrong_logins,
    "streams": streams.many_listeners,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test with small sizes; the figures mean nothing")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be given again")
    parser.add_argument("--database", action="append", choices=BOTH, help="only this database")
    options = parser.parse_args()
    sizes = replace(QUICK if options.quick else Sizes(), databases=tuple(options.database or BOTH))
    figures: list[Figure] = []
    started = time.monotonic()
    for name in options.part or PARTS:
        print(f"measuring: {name} ...", file=sys.stderr, flush=True)
        with child_processes() as processes:
            found = PARTS[name](processes, sizes)
        print(table(found), file=sys.stderr, flush=True)  # not lost if a later part fails
        figures += found
    print(table(figures))
    form = "quick form: the targets are for the full one" if options.quick else "full form"
    print(f"\n{form}, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

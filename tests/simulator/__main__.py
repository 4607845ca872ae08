"""A simulated app by itself: `python -m tests.simulator --app sonarr --port 8989 --series 500`."""

import argparse
import json
import secrets
import signal
import sys
import threading
from dataclasses import replace
from typing import get_args

from tests.simulator.application import SimApp
from tests.simulator.definition import SimSettings
from tests.simulator.definitions import AppKind
from tests.simulator.hosting import Served, SimHost
from tests.simulator.living import stops_at
from tests.simulator.prowlarr import SimProwlarr
from tests.simulator.spec import LibrarySpec

PROWLARR_INDEXERS: dict[str, dict[str, int | bool]] = {
    "Daily": {"query_limit": 100},
    "Hourly": {"query_limit": 120, "hourly": True},
    "Free": {},
}
STARTED_BEFORE_SECONDS = 3600


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    add = parser.add_argument
    add("--app", choices=get_args(AppKind), default="sonarr", help="sonarr = v4, sonarr5 = the v5 tree")
    add("--prowlarr", action="store_true", help="a Prowlarr with three indexers, instead of an app")
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=0, help="0 = any free port")
    add("--series", type=int, default=20, help="series in the library (Sonarr, Whisparr v2)")
    add("--seasons", type=int, default=3)
    add("--episodes", type=int, default=10, help="per season")
    add("--movies", type=int, default=200, help="movies in the library (Radarr), scenes among them (Whisparr v3)")
    add("--artists", type=int, default=40, help="artists in the library (Lidarr)")
    add("--albums", type=int, default=5, help="per artist")
    add("--authors", type=int, default=40, help="authors in the library (Readarr)")
    add("--books", type=int, default=5, help="per author")
    add("--missing", type=int, help="instead of the sizes above: exactly this many plain missing items")
    add("--missing-share", type=float, default=0.4)
    add("--cutoff-share", type=float, default=0.1)
    add("--seed", type=int, default=1)
    add("--version", help="as in system/status; 5.x with --app sonarr means sonarr5")
    add("--database", choices=("sqLite", "postgreSQL"), default="sqLite")
    add("--url-base", default="")
    add("--api-key", help="default: a random one")
    add("--latency-ms", type=float, default=0.0)
    add("--search-seconds", type=float, default=0.05, help="how long a command takes")
    add("--grab-share", type=float, default=0.3)
    add("--download-seconds", type=float, default=600.0)
    add("--stuck", type=int, default=0, help="downloads that no peer has anything of")
    add("--indexers", type=int, default=3)
    add("--tie-block", type=int, default=4, help="1 = equal sort values keep their order")
    add("--instances", type=int, default=1, help="with more than one, instance n has the url base {url-base}/n")
    return parser


def _kind(options: argparse.Namespace) -> AppKind:
    kind: AppKind = options.app
    return "sonarr5" if kind == "sonarr" and (options.version or "").startswith("5") else kind


def _spec(options: argparse.Namespace) -> LibrarySpec:
    if options.missing is not None:
        return LibrarySpec.with_missing(options.missing)
    return LibrarySpec(
        series=options.series,
        seasons=options.seasons,
        episodes=options.episodes,
        movies=options.movies,
        artists=options.artists,
        albums=options.albums,
        authors=options.authors,
        books=options.books,
        missing_share=options.missing_share,
        cutoff_share=options.cutoff_share,
    )


def _apps(options: argparse.Namespace) -> list[SimApp]:
    settings = SimSettings(
        api_key=options.api_key or secrets.token_hex(16),
        url_base=options.url_base,
        version=options.version if (options.version or "").count(".") == 3 else None,
        database=options.database,
        seed=options.seed,
        latency_ms=options.latency_ms,
        command_seconds=options.search_seconds,
        grab_share=options.grab_share,
        download_seconds=options.download_seconds,
        indexers=options.indexers,
        tie_block=options.tie_block,
    )
    if options.instances == 1:
        return [SimApp(_kind(options), settings, library=_spec(options))]
    base = settings.normalised_base()
    return [
        SimApp(
            _kind(options),
            replace(settings, url_base=f"{base}/{number}", seed=options.seed + number),
            library=_spec(options),
        )
        for number in range(1, options.instances + 1)
    ]


def _prowlarr(options: argparse.Namespace) -> tuple[SimProwlarr, dict[str, object]]:
    prowlarr = SimProwlarr(api_key=options.api_key or secrets.token_hex(16))
    for name, settings in PROWLARR_INDEXERS.items():
        prowlarr.ask(prowlarr.add(name, **settings), "Sonarr", times=60)
    counts = {"indexers": len(prowlarr.indexers)}
    return prowlarr, {"url": "", "api_key": prowlarr.api_key, "app": "Prowlarr", "instances": 1, "counts": counts}


def _simulated(options: argparse.Namespace) -> tuple[SimHost, dict[str, object]]:
    apps = _apps(options)
    for app in apps:
        app.started_at -= STARTED_BEFORE_SECONDS
        for item in sorted(app.library.missing_ids())[: options.stuck]:
            app.downloads.add([item], grabbed=True, life=stops_at(0))
    state = apps[0].state()
    return SimHost(apps), {
        "url": apps[0].url_base,
        "api_key": apps[0].settings.api_key,
        "app": apps[0].definition.app_name,
        "version": apps[0].version,
        "instances": len(apps),
        "counts": {name: state[name] for name in ("parents", "items", "missing", "cutoff", "files")},
    }


def main() -> int:
    options = _parser().parse_args()
    host, line = _prowlarr(options) if options.prowlarr else _simulated(options)
    served = Served(host, host_name=options.host, port=options.port)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    served.start()
    line["url"] = f"{served.url}{line['url']}"
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    ended.wait()
    served.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Every metric of Huntarr: name, kind, labels and meaning. `docs/metrics.md` has the same table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client.core import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

Kind = Literal["counter", "gauge", "histogram"]

# Not `instance`: Prometheus gives that label to the process that it scrapes.
OF_INSTANCE: Final = ("app_type", "instance_id", "instance_name")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; all its samples have the same labels."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    text: str

    def of(self, samples: Iterable[tuple[Sequence[str], float]]) -> Metric:
        """The metric with these samples: label values and number of each."""
        made, name, labels = self._empty(), self.name, self.labels
        made.samples = [Sample(name, dict(zip(labels, values, strict=True)), number) for values, number in samples]
        return made

    def single(self, number: float) -> Metric:
        return self.of([((), number)])

    def histogram(
        self, bounds: Sequence[float], samples: Iterable[tuple[Sequence[str], Sequence[int], float]]
    ) -> Metric:
        """The metric from label values, cumulative counts (the last one counts all) and sums."""
        made = self._empty()
        names = [*map(floatToGoString, bounds), "+Inf"]
        for values, cumulative, total in samples:
            labels = dict(zip(self.labels, values, strict=True))
            for bound, count in zip(names, cumulative, strict=True):
                made.add_sample(f"{self.name}_bucket", {**labels, "le": bound}, count)
            made.add_sample(f"{self.name}_count", labels, cumulative[-1])
            made.add_sample(f"{self.name}_sum", labels, total)
        return made

    def _empty(self) -> Metric:
        return Metric(self.name.removesuffix("_total"), self.text, self.kind)


def _counter(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(name, "counter", labels, text)


def _gauge(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(name, "gauge", labels, text)


def _histogram(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(name, "histogram", labels, text)


SEARCHES = _counter("huntarr_searches_total", (*OF_INSTANCE, "pass"), "Searches that the app accepted.")
WITHDRAWN = _counter(
    "huntarr_searches_withdrawn_total",
    (*OF_INSTANCE, "pass"),
    "Accepted searches that were cancelled before the app began.",
)
GRABS = _counter(
    "huntarr_grabs_total", (*OF_INSTANCE, "pass"), "Searches that led to a download, confirmed by the app."
)
IMPORTS = _counter(
    "huntarr_imports_total", (*OF_INSTANCE, "pass"), "Searches whose download is in the library, confirmed by the app."
)
ERRORS = _counter(
    "huntarr_errors_total", OF_INSTANCE, "Searches and hunts that failed; reset by POST /api/stats/reset."
)
HUNTS = _counter("huntarr_hunts_total", (*OF_INSTANCE, "status"), "Hunts that ended, by their final status.")
HUNT_SECONDS = _histogram(
    "huntarr_hunt_duration_seconds", ("app_type", "status"), "Duration of hunts that had started."
)

CAP_LIMIT = _gauge(
    "huntarr_cap_limit", (*OF_INSTANCE, "window"), "Searches allowed in the last hour or day; 0 is no cap."
)
CAP_USED = _gauge("huntarr_cap_used", (*OF_INSTANCE, "window"), "Searches used in the last hour or day.")
CAP_LEFT = _gauge("huntarr_cap_left", (*OF_INSTANCE, "window"), "Searches left where there is a cap.")

SWAPARR_TRACKED = _gauge("huntarr_swaparr_tracked", OF_INSTANCE, "Downloads that a policy of Swaparr watches.")
SWAPARR_STRIKES = _counter(
    "huntarr_swaparr_strikes_total", OF_INSTANCE, "Strikes of Swaparr; reset by POST /api/stats/reset."
)
SWAPARR_REMOVED = _counter(
    "huntarr_swaparr_removed_total", OF_INSTANCE, "Downloads that Swaparr removed; reset by POST /api/stats/reset."
)
INDEXER_LIMIT = _gauge(
    "huntarr_indexer_query_limit", (*OF_INSTANCE, "indexer"), "Queries that an indexer of a Prowlarr allows."
)
INDEXER_QUERIES = _gauge(
    "huntarr_indexer_queries", (*OF_INSTANCE, "indexer"), "Queries that Prowlarr counts in the window of the limit."
)
INDEXER_UP = _gauge(
    "huntarr_indexer_up", (*OF_INSTANCE, "indexer"), "0 while Prowlarr does not ask the indexer, after failures."
)

ENABLED = _gauge("huntarr_instance_enabled", OF_INSTANCE, "1 when the instance is enabled.")
ONLINE = _gauge(
    "huntarr_instance_online",
    OF_INSTANCE,
    "1 when the app answered the last request, 0 when not; absent before the first test.",
)
INFO = _gauge(
    "huntarr_instance_info",
    (*OF_INSTANCE, "version", "variant"),
    "Always 1; the labels have version and variant of the app.",
)
FAILURES = _gauge("huntarr_instance_failures", OF_INSTANCE, "Failures of the app in a row.")
MISSING = _gauge("huntarr_instance_missing_items", OF_INSTANCE, "Missing items at the last hunt.")
CUTOFF = _gauge("huntarr_instance_cutoff_items", OF_INSTANCE, "Items below their cutoff at the last hunt.")
DOWNLOADS = _gauge("huntarr_instance_queue_items", OF_INSTANCE, "Downloads in the app's queue at the last hunt.")
CHECKED_AT = _gauge("huntarr_instance_checked_timestamp_seconds", OF_INSTANCE, "Time of the last status of the app.")
LAST_HUNT_AT = _gauge("huntarr_instance_last_hunt_timestamp_seconds", OF_INSTANCE, "Start of the last hunt.")
NEXT_HUNT_AT = _gauge(
    "huntarr_instance_next_hunt_timestamp_seconds",
    OF_INSTANCE,
    "When the next hunt is due; absent where the instance is disabled.",
)

PAUSED = _gauge("huntarr_hunting_paused", (), "1 while all hunting is paused.")
OPEN_HUNTS = _gauge("huntarr_hunts_open", ("status",), "Hunts that are queued or running.")
OLDEST_HUNT = _gauge(
    "huntarr_hunts_oldest_age_seconds",
    ("status",),
    "Age of the oldest hunt that is queued or running (since its start); 0 without one.",
)
UNROUTED = _gauge("huntarr_events_unrouted", (), "Events that were not routed yet; counted up to 10000.")
OLDEST_EVENT = _gauge("huntarr_events_oldest_unrouted_age_seconds", (), "Age of the oldest of them; 0 without one.")

JOBS = _gauge("huntarr_jobs", ("state",), "Jobs in Redis that wait or run; counted up to 1000.")
OLDEST_JOB = _gauge(
    "huntarr_jobs_oldest_waiting_age_seconds", (), "How long the oldest waiting job is overdue; 0 without one."
)
WORKERS = _gauge("huntarr_workers", (), "Live workers.")
GATEWAYS = _gauge("huntarr_gateways", (), "Live gateways.")
HEARTBEAT_AT = _gauge(
    "huntarr_worker_heartbeat_timestamp_seconds", (), "The newest heartbeat of any worker; absent without one."
)
APP_REQUESTS = _counter(
    "huntarr_app_requests_total",
    (*OF_INSTANCE, "result"),
    "Requests to the app by all processes, by status class or no_answer.",
)
APP_SECONDS = _histogram(
    "huntarr_app_answer_seconds",
    ("app_type",),
    "Answer times of apps to all processes; includes requests without an answer.",
)
APP_LAST = _gauge("huntarr_app_last_answer_seconds", OF_INSTANCE, "Time of the last answer of the app.")

BUILD = _gauge(
    "huntarr_build_info", ("version", "database"), "Always 1; version and kind of database are in the labels."
)
DATABASE_UP = _gauge("huntarr_database_up", (), "1 when the database answered; else its metrics are absent.")
REDIS_UP = _gauge("huntarr_redis_up", (), "1 when Redis answered; else its metrics are absent.")
HTTP_REQUESTS = _counter(
    "huntarr_http_requests_total",
    ("method", "route", "status"),
    "Replies of this process; status none when the caller disconnected first.",
)
HTTP_SECONDS = _histogram(
    "huntarr_http_request_duration_seconds", ("method", "route"), "Time until this process started its reply."
)

FAMILIES: Final = tuple(value for value in list(globals().values()) if isinstance(value, Family))

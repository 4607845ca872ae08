"""Requests made from our OpenAPI document, sent to a running service; every reply is held against the document."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.service import Service

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# They would end what the fuzzing lives by: its own session, and in the end its password.
SUICIDAL = frozenset({"logout", "delete_session", "change_password"})
# It has no end to wait for, and whoever is let in is told so by tests/events.
ENDLESS = frozenset({"stream_events"})
REPLY_SECONDS = 70  # a hunt may be waited for, up to a minute
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)

Headers = Mapping[str, str]


@dataclass
class Report:
    """What came of it; `failures` holds each operation's first one, with the request that showed it."""

    cases: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, status: int) -> None:
        self.cases += 1
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def __str__(self) -> str:
        counts = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return "\n\n".join([f"{self.cases} cases ({counts})", *self.failures.values()])


@dataclass(frozen=True)
class Fuzzer:
    """One caller: `strangers` expects 401 wherever the document asks for credentials."""

    service: Service
    document: Mapping[str, Any]
    headers: Headers
    is_stranger: bool = False
    skipped: frozenset[str] = frozenset()

    def run(self, examples: int, start: int) -> Report:
        """`examples` requests to each operation, half of them with something wrong; the same for the same `start`."""
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        report = Report()
        with requests.Session() as session:
            for operation in self._operations():
                for number, mode in enumerate(MODES):
                    self._fuzz(operation, mode, max(1, examples // len(MODES)), start + number, session, report)
        return report

    def _operations(self) -> Iterator[Any]:
        schema = schemathesis.openapi.from_dict(dict(self.document))
        for found in schema.get_all_operations():
            operation: Any = cast(Any, found).ok()  # raises for one that cannot be read
            skipped = self.skipped if self.is_stranger else self.skipped | ENDLESS
            if operation.definition.raw.get("operationId") not in skipped:
                yield operation

    def _fuzz(
        self, operation: Any, mode: GenerationMode, examples: int, start: int, session: requests.Session, report: Report
    ) -> None:
        try:
            cases = operation.as_strategy(generation_mode=mode)
        except Exception as failure:  # an operation that cannot be wrong: no input to make wrong
            if "negative" not in str(failure).lower() and "Impossible" not in str(failure):
                raise
            return

        @seed(start)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, real=st.booleans())
        def send(case: Any, real: bool) -> None:
            if real:  # ids that exist, else nearly every call is a 404
                case.path_parameters = {**(case.path_parameters or {}), **self._ids(case)}
            self._judge(case, session, report)

        try:
            send()
        except schemathesis.errors.SchemathesisError as failure:
            report.failures.setdefault(operation.label, f"{operation.label}: {failure}")
        except Exception as failure:
            if type(failure).__name__ != "Unsatisfiable":
                raise

    def _ids(self, case: Any) -> dict[str, Any]:
        names = [name for name in (case.path_parameters or {}) if name.endswith("_id")]
        return dict.fromkeys(names, 1) | ({"app_type": "sonarr"} if "app_type" in (case.path_parameters or {}) else {})

    def _judge(self, case: Any, session: requests.Session, report: Report) -> None:
        kept = {} if self.is_stranger else dict(self.headers)
        for name in ("X-Api-Key", "Authorization", "X-CSRF-Token", "apikey", "Cookie", "huntarr_session"):
            for part in (case.headers, case.query, case.cookies):
                if part and name in part:
                    del part[name]
        session.cookies.clear()
        answer = case.call(
            base_url=self.service.url, session=session, headers=kept, timeout=REPLY_SECONDS, allow_redirects=False
        )
        report.add(answer.status_code)
        label = case.operation.label
        try:
            case.validate_response(answer, checks=CHECKS)
            is_public = case.operation.definition.raw.get("security") == []
            if self.is_stranger and not is_public and answer.status_code not in (400, 401):
                report.failures.setdefault(
                    label, f"{label}: a stranger got {answer.status_code}\n{case.as_curl_command()}"
                )
        except FailureGroup as failures:
            said = "\n".join(str(failure) for failure in failures.exceptions)
            report.failures.setdefault(label, f"{label}\n{said}\n{case.as_curl_command()}\n{answer.text[:500]}")


Callers = dict[str, Headers]
PASSPHRASE = "fuzzers have to log in as well"


def callers(service: Service) -> Callers:
    """Set `service` up: an owner with a session, a key of full scope, an instance to work on. And nobody."""
    with requests.Session() as session:

        def call(path: str, body: Mapping[str, Any], **headers: str) -> Any:
            reply = session.post(f"{service.url}{path}", json=body, headers=headers, timeout=30)
            reply.raise_for_status()
            return reply.json()["data"]

        owner = {"username": "fuzzer", "password": PASSPHRASE}
        call("/api/setup", {**owner, "setup_token": service.setup_token})
        csrf = call("/api/auth/login", owner)["csrf_token"]
        with_token = {"X-CSRF-Token": csrf}
        key = call("/api/auth/api-keys", {"name": "fuzzer", "scope": "full"}, **with_token)["key"]
        # Nothing listens there: tests of the connection end at once.
        call("/api/instances/sonarr", {"name": "TV", "url": "http://127.0.0.1:9", "api_key": "k" * 32}, **with_token)
        call("/api/settings/general", {"api_timeout_seconds": 1}, **with_token)
        cookie = f"huntarr_session={session.cookies['huntarr_session']}"
    return {"key": {"X-Api-Key": key}, "session": {"Cookie": cookie, **with_token}, "stranger": {}}

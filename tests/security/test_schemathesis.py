"""Made-up requests of every operation in our document: no 5xx, no status and no reply that the document does not know.

The long form is `scripts/fuzz.py`.
"""

from collections.abc import Iterator

import pytest

from app.api.openapi import document
from app.main import create_app
from tests.support.fuzzing import SUICIDAL, Callers, Fuzzer, callers
from tests.support.service import Service, running

# Requests to each operation: enough to see what breaks at once, few enough for every run of the tests.
EXAMPLES = {"key": 6, "session": 4, "stranger": 2}

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Callers]]:
    with running(tmp_path_factory.mktemp("fuzzed")) as one:
        yield one, callers(one)


@pytest.mark.parametrize("who", EXAMPLES)
def test_every_reply_is_in_the_document(service: tuple[Service, Callers], who: str) -> None:
    one, known = service
    made = document(create_app())
    skipped = SUICIDAL if who == "session" else frozenset()
    report = Fuzzer(one, made, known[who], is_stranger=who == "stranger", skipped=skipped).run(EXAMPLES[who], start=1)
    operations = sum(len(path) for path in made["paths"].values())
    assert report.cases >= operations - len(skipped)
    assert not report.failures, str(report)
    assert one.process.poll() is None
    assert '"level": "error"' not in one.output

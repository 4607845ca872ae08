"""One-time codes against the RFC's own numbers."""

import base64
from datetime import UTC, datetime

import pytest

from app.auth.codes import new_recovery_codes, recovery_digest, step_of

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert step_of(code, RFC_SECRET, now, after=0) == seconds // 30
    assert step_of(code, RFC_SECRET, now, after=seconds // 30 - 1) == seconds // 30
    assert step_of(code, RFC_SECRET, now, after=seconds // 30) is None


@pytest.mark.parametrize("code", ["", "28708", "2870820", "\uff12\uff18\uff17\uff10\uff18\uff12", "287082\0", "é"])
def test_invalid_codes_match_no_time_step(code: str) -> None:
    assert step_of(code, RFC_SECRET, datetime.fromtimestamp(59, UTC), after=0) is None


def test_recovery_codes_have_one_digest_however_they_are_typed() -> None:
    code = new_recovery_codes()[0]
    assert recovery_digest(code) == recovery_digest(f" {code.upper().replace('-', ' ')}\n")
    assert recovery_digest(code) != recovery_digest(code[:-1])

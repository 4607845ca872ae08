"""One-time codes: the six digits of an authenticator app (RFC 6238), and recovery codes."""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp
import segno

from app.secrets.box import key_digest

ISSUER: Final = "Huntarr"
STEP_SECONDS: Final = 30
MAX_CLOCK_SKEW_STEPS: Final = 1
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10  # 80 random bits: a plain hash is enough


def new_secret() -> str:
    return pyotp.random_base32()


def otpauth_uri(secret: str, username: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def qr_svg(uri: str) -> str:
    """The QR code as an <svg> element, dark on white whatever the colours of the page."""
    return segno.make(uri, error="m", micro=False).svg_inline(scale=4, light="#fff")


def step_of(code: str, secret: str, now: datetime, *, after: int) -> int | None:
    """The time step that `code` belongs to, if it is later than `after`, the step of the last used code."""
    given = "".join(code.split()).encode()
    current = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(current - MAX_CLOCK_SKEW_STEPS, current + MAX_CLOCK_SKEW_STEPS + 1):
        if hmac.compare_digest(pyotp.HOTP(secret).at(step).encode(), given):
            found = step
    return found if found is not None and found > after else None


def new_recovery_codes() -> list[str]:
    """Ten texts like `abcd-efgh-ijkl-mnop`."""
    return [_grouped(secrets.token_bytes(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]


def recovery_digest(code: str) -> str:
    """The stored hash of a recovery code; case, spaces and hyphens do not count."""
    return key_digest("".join(code.split()).replace("-", "").lower()).hex()


def _grouped(random: bytes) -> str:
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))

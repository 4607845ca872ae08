"""What the services of this package share."""

from dataclasses import dataclass

from app.auth.audit import AuditTrail
from app.auth.credentials import Credentials
from app.auth.limits import FailureLimit
from app.auth.passwords import Passwords
from app.core.clock import Clock
from app.core.db import Database
from app.secrets.box import SecretBox


@dataclass(frozen=True, slots=True)
class AuthContext:
    """One per process."""

    db: Database
    box: SecretBox
    clock: Clock
    passwords: Passwords
    limit: FailureLimit
    audit: AuditTrail
    credentials: Credentials

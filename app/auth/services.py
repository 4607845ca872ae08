"""All services of trust as one thing, made alike for gateway, worker and command line."""

from dataclasses import dataclass

from redis.asyncio import Redis

from app.auth.audit import AuditTrail
from app.auth.confirmation import Confirmation
from app.auth.credentials import Credentials
from app.auth.keys import KeyService
from app.auth.limits import FailureLimit
from app.auth.passwords import Passwords
from app.auth.service import AccountService
from app.auth.sessions import SessionService
from app.auth.two_factor import TwoFactorService
from app.core.clock import Clock
from app.core.config import Config
from app.core.db import Database
from app.secrets.box import SecretBox, key_digest
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class AuthServices:
    """Who may do what, and who did."""

    accounts: AccountService
    sessions: SessionService
    keys: KeyService
    two_factor: TwoFactorService
    audit: AuditTrail
    credentials: Credentials
    passwords: Passwords

    async def purge(self) -> None:
        """What is over: sessions, and deeds of more than a year ago."""
        await self.sessions.purge()
        await self.audit.purge()

    async def close(self) -> None:
        await self.credentials.settle()
        self.passwords.close()


def make_auth(
    config: Config,
    db: Database,
    redis: Redis,
    box: SecretBox,
    general: SettingsService,
    clock: Clock,
    *,
    passwords: Passwords | None = None,
) -> AuthServices:
    passwords = passwords or Passwords()
    key = config.api_key.get_secret_value() if config.api_key is not None else None
    credentials = Credentials(db, clock, key_digest(key) if key is not None else None)
    audit = AuditTrail(db, clock)
    limit = FailureLimit(redis, clock)
    confirmation = Confirmation(db, passwords, limit, audit)
    sessions = SessionService(db, general, credentials, clock)
    two_factor = TwoFactorService(db, box, confirmation, clock)
    accounts = AccountService(db, box, passwords, limit, audit, sessions, two_factor, confirmation, credentials, clock)
    keys = KeyService(db, credentials, clock)
    return AuthServices(accounts, sessions, keys, two_factor, audit, credentials, passwords)

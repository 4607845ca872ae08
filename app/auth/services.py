"""The services of authentication and the audit trail."""

from dataclasses import dataclass

from app.auth.audit import AuditTrail
from app.auth.confirmation import Confirmation
from app.auth.credentials import Credentials
from app.auth.keys import KeyService
from app.auth.limits import FailureLimit
from app.auth.passwords import Passwords
from app.auth.service import AccountService
from app.auth.sessions import SessionService
from app.auth.two_factor import TwoFactorService
from app.infra import Infra
from app.secrets.box import key_digest
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

    @classmethod
    def build(cls, infra: Infra, settings: SettingsService, *, passwords: Passwords | None = None) -> "AuthServices":
        db, box, clock = infra.db, infra.box, infra.clock
        passwords = passwords or Passwords()
        key = infra.config.api_key.get_secret_value() if infra.config.api_key is not None else None
        credentials = Credentials(db, clock, key_digest(key) if key is not None else None)
        audit = AuditTrail(db, clock)
        limit = FailureLimit(infra.redis, clock)
        confirmation = Confirmation(db, passwords, limit, audit)
        sessions = SessionService(db, settings, credentials, clock)
        two_factor = TwoFactorService(db, box, confirmation, clock)
        accounts = AccountService(
            db, box, passwords, limit, audit, sessions, two_factor, confirmation, credentials, clock
        )
        return cls(accounts, sessions, KeyService(db, credentials, clock), two_factor, audit, credentials, passwords)

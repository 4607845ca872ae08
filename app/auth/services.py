"""The services of authentication and the audit trail."""

from dataclasses import dataclass

from app.auth.audit import AuditTrail
from app.auth.confirmation import Confirmation
from app.auth.context import AuthContext
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
    """Built once per process."""

    accounts: AccountService
    sessions: SessionService
    keys: KeyService
    two_factor: TwoFactorService
    audit: AuditTrail
    credentials: Credentials
    passwords: Passwords

    async def purge(self) -> None:
        """Delete expired sessions and old audit entries."""
        await self.sessions.purge()
        await self.audit.purge()

    async def close(self) -> None:
        await self.credentials.flush()
        self.passwords.close()

    @classmethod
    def build(cls, infra: Infra, settings: SettingsService) -> "AuthServices":
        db, clock, passwords = infra.db, infra.clock, Passwords()
        key = infra.config.api_key.get_secret_value() if infra.config.api_key is not None else None
        credentials = Credentials(db, clock, key_digest(key) if key is not None else None)
        audit = AuditTrail(db, clock)
        context = AuthContext(db, infra.box, clock, passwords, FailureLimit(infra.redis, clock), audit, credentials)
        confirmation = Confirmation(context)
        sessions = SessionService(context, settings)
        two_factor = TwoFactorService(context, sessions, confirmation)
        accounts = AccountService(context, sessions, two_factor, confirmation)
        return cls(accounts, sessions, KeyService(context), two_factor, audit, credentials, passwords)

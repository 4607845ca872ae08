"""The owner: first setup, login and password."""

import structlog
from sqlalchemy.exc import IntegrityError

from app.auth import two_factor
from app.auth.audit import AuditEntry
from app.auth.callers import Caller, CallerKind, Origin
from app.auth.confirmation import Confirmation
from app.auth.context import AuthContext
from app.auth.limits import Subject, by_address
from app.auth.login_limits import LoginLimits
from app.auth.models import User
from app.auth.names import normalised_name
from app.auth.owner import find_owner, locked_owner
from app.auth.schemas import AuditAuth, LoginIn, MeOut, PasswordIn, SetupIn
from app.auth.sessions import OpenedSession, SessionService
from app.auth.two_factor import TwoFactorService
from app.core.config import MAX_PASSWORD, MIN_PASSWORD, Config
from app.core.errors import Conflict, Forbidden, Invalid, NotAuthenticated
from app.secrets.box import same_key

log = structlog.get_logger(__name__)

WRONG = "The user name, the password or the code is not right."
CODE_REQUIRED = "Two-factor code required"
OWNER_EXISTS = "There is an owner already."
TOKEN_REQUIRED = "This needs the setup_token: Huntarr prints it, and a link with it, when it starts."  # noqa: S105
CHANGED_MEANWHILE = "The password was changed a moment ago."
TOKEN_LENGTH = 32


class AccountService:
    """Everything that takes a password. Hashing and counting happen outside units of work."""

    def __init__(
        self,
        context: AuthContext,
        sessions: SessionService,
        two_factor: TwoFactorService,
        confirmation: Confirmation,
    ) -> None:
        self._context = context
        self._sessions = sessions
        self._two_factor = two_factor
        self._confirmation = confirmation
        self._login_limits = LoginLimits(context.limit, context.audit)

    async def has_owner(self) -> bool:
        return await self._owner() is not None

    def setup_token(self) -> str:
        """What whoever becomes the owner must send; derived from the secret key, not stored."""
        return self._context.box.derive("setup token").hex()[:TOKEN_LENGTH]

    async def set_up(self, given: SetupIn, origin: Origin) -> str:
        """Create the owner, once; returns the name. No address is trusted: a proxy here makes everybody local."""
        if await self.has_owner():
            raise Conflict(OWNER_EXISTS)
        shown = given.setup_token.get_secret_value().strip() if given.setup_token is not None else ""
        async with self._context.limit.attempt(by_address("setup", origin.address), wrong=Forbidden):
            if not same_key(shown.encode(), self.setup_token().encode()):
                raise Forbidden(TOKEN_REQUIRED)
        await self._create_owner(given.username, given.password.get_secret_value(), origin.address, AuditAuth.PASSWORD)
        return given.username

    async def ensure_owner(self, config: Config) -> None:
        """Create the owner that the environment names, if any; an existing owner is never changed."""
        if config.admin_username is None or config.admin_password is None or await self.has_owner():
            return
        try:
            password = config.admin_password.get_secret_value()
            await self._create_owner(config.admin_username, password, "", AuditAuth.COMMAND_LINE)
        except Conflict:  # another process was first
            return
        log.info("owner created from the environment", username=config.admin_username)

    async def login(self, given: LoginIn, origin: Origin, *, replaces: bytes | None = None) -> OpenedSession:
        """A new session. `replaces` is the token digest of the session that the browser had."""
        subjects = await self._login_limits.subjects(given.username, origin.address)
        owner = await self._checked_owner(given, subjects, origin)
        # Checked again: of many attempts at once, none may learn that it was right after five were wrong.
        await self._context.limit.check(*subjects)
        if owner.totp_secret is None:
            return await self._open_session(owner, given, origin, replaces)
        if not _totp_code(given):
            raise NotAuthenticated(CODE_REQUIRED)
        subjects += await self._login_limits.subjects_of_codes(given.username, origin.address)
        try:
            async with self._context.limit.attempt(*subjects, wrong=NotAuthenticated):
                return await self._open_session(owner, given, origin, replaces)
        except NotAuthenticated:
            await self._context.audit.record(_login_entry(owner, origin, "login_failed"))
            raise

    async def me(self, caller: Caller, csrf_token: str | None) -> MeOut:
        owner = await self._owner()
        return MeOut(
            username=caller.name,
            auth=caller.kind,
            scope=caller.scope,
            csrf_token=csrf_token if caller.kind is CallerKind.SESSION else None,
            two_factor_enabled=owner is not None and owner.totp_secret is not None,
        )

    async def change_password(self, given: PasswordIn, caller: Caller, origin: Origin) -> OpenedSession:
        """Change the password: all other sessions end, this one gets a new token."""
        confirmed = await self._confirmation.password(given.current_password, caller, origin)
        hashed = await self._context.passwords.hash(given.new_password.get_secret_value())
        async with self._context.db.session() as session:
            user = await locked_owner(session)
            if user.password_hash != confirmed:
                raise Conflict(CHANGED_MEANWHILE)
            user.password_hash, user.password_changed_at = hashed, self._context.clock()
            opened = await self._sessions.rotate_in(session, user, caller)
        self._context.credentials.forget()
        return opened

    async def reset_password(self, password: str, *, disable_two_factor: bool = False) -> str:
        """Set a new password without the old one, for the command line; all sessions end. Returns the owner's name."""
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise Invalid(f"The password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
        hashed = await self._context.passwords.hash(password)
        async with self._context.db.session() as session:
            user = await locked_owner(session)
            user.password_hash, user.password_changed_at = hashed, self._context.clock()
            await self._sessions.end_all_in(session)
            if disable_two_factor:
                await two_factor.turn_off_in(session, user)
            fields = ["password", *(["two_factor"] if disable_two_factor else [])]
            self._context.audit.add(
                session, AuditEntry("reset_password", "", user.username, AuditAuth.COMMAND_LINE, fields=fields)
            )
        self._context.credentials.forget()
        return user.username

    async def _owner(self) -> User | None:
        async with self._context.db.reading() as session:
            return await find_owner(session)

    async def _create_owner(self, username: str, password: str, address: str, auth: AuditAuth) -> None:
        hashed = await self._context.passwords.hash(password)
        now = self._context.clock()
        try:
            async with self._context.db.session() as session:
                session.add(User(username=username, password_hash=hashed, created_at=now, password_changed_at=now))
                await session.flush()
                self._context.audit.add(session, AuditEntry("create_owner", address, username, auth))
        except IntegrityError:
            raise Conflict(OWNER_EXISTS) from None

    async def _checked_owner(self, given: LoginIn, subjects: tuple[Subject, ...], origin: Origin) -> User:
        """The owner, if name and password are right. Every other case takes the same work and gets the same error."""
        await self._context.limit.check(*subjects)
        owner = await self._owner()
        is_named = owner is not None and _same_name(owner.username, given.username)
        stored = owner.password_hash if owner is not None and is_named else None
        if await self._context.passwords.verify(given.password.get_secret_value(), stored) and owner is not None:
            return owner
        await self._context.limit.fail(*subjects)
        # An unknown user name is not stored: people type passwords into the wrong field.
        await self._context.audit.record(_login_entry(owner if is_named else None, origin, "login_failed"))
        raise NotAuthenticated(WRONG)

    async def _open_session(self, owner: User, given: LoginIn, origin: Origin, replaces: bytes | None) -> OpenedSession:
        """Use up the code and open the session; `NotAuthenticated` when the code is wrong."""
        renewed = await self._context.passwords.renewed(given.password.get_secret_value(), owner.password_hash)
        async with self._context.db.session() as session:
            user = await locked_owner(session)
            if user.password_hash != owner.password_hash:  # changed while we were hashing
                raise NotAuthenticated(WRONG)
            if not await self._two_factor.use_code_in(session, user, _totp_code(given)):
                raise NotAuthenticated(WRONG)
            user.password_hash = renewed
            opened = await self._sessions.open_in(session, user, origin, replaces=replaces)
            self._context.audit.add(session, _login_entry(user, origin, "login"))
        if replaces is not None:
            self._context.credentials.forget()
        return opened


def _totp_code(given: LoginIn) -> str:
    return given.totp_code.get_secret_value().strip() if given.totp_code is not None else ""


def _same_name(left: str, right: str) -> bool:
    """The comparison takes as long wherever the first difference is."""
    return same_key(normalised_name(left).encode(), normalised_name(right).encode())


def _login_entry(owner: User | None, origin: Origin, action: str) -> AuditEntry:
    return AuditEntry(action, origin.address, owner.username if owner is not None else None, AuditAuth.PASSWORD)

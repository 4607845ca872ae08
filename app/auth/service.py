"""The owner: the first set-up, logging in, the password."""

import structlog
from sqlalchemy.exc import IntegrityError

from app.auth import two_factor
from app.auth.audit import AuditEntry, AuditTrail
from app.auth.callers import Caller, CallerKind, Origin
from app.auth.confirmation import Confirmation
from app.auth.credentials import Credentials
from app.auth.limits import FailureLimit, by_address, by_name
from app.auth.models import User
from app.auth.owner import find_owner, locked_owner
from app.auth.passwords import Passwords
from app.auth.schemas import AuditAuth, LoginIn, MeOut, PasswordIn, SetupIn
from app.auth.sessions import Opened, SessionService
from app.auth.two_factor import TwoFactorService
from app.core.clock import Clock
from app.core.config import MAX_PASSWORD, MIN_PASSWORD, Config
from app.core.db import Database
from app.core.errors import Conflict, Forbidden, Invalid, NotAuthenticated
from app.secrets.box import SecretBox, same_key

log = structlog.get_logger(__name__)

WRONG = "The user name, the password or the code is not right."
CODE_REQUIRED = "Two-factor code required"
OWNER_EXISTS = "There is an owner already."
TOKEN_REQUIRED = "From another machine this needs the setup_token that the server printed when it started."  # noqa: S105
CHANGED_MEANWHILE = "The password was changed a moment ago."
TOKEN_LENGTH = 32


class AccountService:
    """Everything that takes a password. Hashing and counting happen outside of units of work."""

    def __init__(
        self,
        db: Database,
        box: SecretBox,
        passwords: Passwords,
        limit: FailureLimit,
        audit: AuditTrail,
        sessions: SessionService,
        two_factor: TwoFactorService,
        confirmation: Confirmation,
        credentials: Credentials,
        clock: Clock,
    ) -> None:
        self._db = db
        self._box = box
        self._passwords = passwords
        self._limit = limit
        self._audit = audit
        self._sessions = sessions
        self._two_factor = two_factor
        self._confirmation = confirmation
        self._credentials = credentials
        self._clock = clock

    async def has_owner(self) -> bool:
        return await self._owner() is not None

    def setup_token(self) -> str:
        """What a stranger must show to become the owner: the same in all processes of an installation, never stored."""
        return self._box.derive("setup token").hex()[:TOKEN_LENGTH]

    async def set_up(self, given: SetupIn, origin: Origin) -> str:
        """Make the owner, once; the name."""
        if await self.has_owner():
            raise Conflict(OWNER_EXISTS)
        if not origin.is_local:
            shown = given.setup_token.get_secret_value() if given.setup_token is not None else ""
            async with self._limit.attempt(by_address("setup", origin.address), wrong=Forbidden):
                if not same_key(shown.encode(), self.setup_token().encode()):
                    raise Forbidden(TOKEN_REQUIRED)
        await self._make_owner(given.username, given.password.get_secret_value(), origin.address, AuditAuth.PASSWORD)
        return given.username

    async def ensure_owner(self, config: Config) -> None:
        """The first owner of the environment, if it names one; one who is there is never changed."""
        if config.admin_username is None or config.admin_password is None or await self.has_owner():
            return
        try:
            password = config.admin_password.get_secret_value()
            await self._make_owner(config.admin_username, password, "", AuditAuth.COMMAND_LINE)
        except Conflict:  # another process was first
            return
        log.info("the owner of the environment was made", username=config.admin_username)

    async def login(self, given: LoginIn, origin: Origin, *, replaces: bytes | None = None) -> Opened:
        """A new session. `replaces` is the digest of the session that the browser had."""
        subjects = (by_name("login", given.username), by_address("login", origin.address))
        owner = await self._named(given, subjects, origin)
        # Asked again: of many tries at once, none may learn that it was right after five were wrong.
        await self._limit.check(*subjects)
        if owner.totp_secret is None:
            return await self._admit(owner, given, origin, replaces)
        if not _code(given):
            raise NotAuthenticated(CODE_REQUIRED)
        try:
            async with self._limit.attempt(*subjects, wrong=NotAuthenticated):
                return await self._admit(owner, given, origin, replaces)
        except NotAuthenticated:
            await self._audit.record(_login_of(owner, origin, "login_failed"))
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

    async def change_password(self, given: PasswordIn, caller: Caller, origin: Origin) -> Opened:
        """All other sessions end, this one gets a new token."""
        confirmed = await self._confirmation.password(given.current_password, caller, origin)
        hashed = await self._passwords.hash(given.new_password.get_secret_value())
        async with self._db.session() as session:
            user = await locked_owner(session)
            if user.password_hash != confirmed:
                raise Conflict(CHANGED_MEANWHILE)
            user.password_hash, user.password_changed_at = hashed, self._clock()
            session.add(user)
            opened = await self._sessions.rotate_in(session, user, caller)
        self._credentials.forget()
        return opened

    async def reset_password(self, password: str, *, disable_two_factor: bool = False) -> str:
        """The way back in, for whoever may run commands on the machine; all sessions end. The owner's name."""
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise Invalid(f"The password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
        hashed = await self._passwords.hash(password)
        async with self._db.session() as session:
            user = await locked_owner(session)
            user.password_hash, user.password_changed_at = hashed, self._clock()
            session.add(user)
            await self._sessions.end_all_in(session)
            if disable_two_factor:
                await two_factor.forget_in(session, user)
            fields = ["password", *(["two_factor"] if disable_two_factor else [])]
            self._audit.add(
                session, AuditEntry("reset_password", "", user.username, AuditAuth.COMMAND_LINE, fields=fields)
            )
        self._credentials.forget()
        return user.username

    async def _owner(self) -> User | None:
        async with self._db.reading() as session:
            return await find_owner(session)

    async def _make_owner(self, username: str, password: str, address: str, auth: AuditAuth) -> None:
        hashed = await self._passwords.hash(password)
        now = self._clock()
        try:
            async with self._db.session() as session:
                session.add(User(username=username, password_hash=hashed, created_at=now, password_changed_at=now))
                await session.flush()
                self._audit.add(session, AuditEntry("create_owner", address, username, auth))
        except IntegrityError:
            raise Conflict(OWNER_EXISTS) from None

    async def _named(self, given: LoginIn, subjects: tuple[str, ...], origin: Origin) -> User:
        """The owner, if name and password are right. Every other case does the same work and reads the same."""
        await self._limit.check(*subjects)
        owner = await self._owner()
        is_named = owner is not None and _same_name(owner.username, given.username)
        stored = owner.password_hash if owner is not None and is_named else None
        if await self._passwords.verify(given.password.get_secret_value(), stored) and owner is not None:
            return owner
        await self._limit.fail(*subjects)
        # A stranger's user name is not kept: people type passwords into the wrong field.
        await self._audit.record(_login_of(owner if is_named else None, origin, "login_failed"))
        raise NotAuthenticated(WRONG)

    async def _admit(self, owner: User, given: LoginIn, origin: Origin, replaces: bytes | None) -> Opened:
        """Use the code up and open the session; `NotAuthenticated` when the code is wrong."""
        renewed = await self._passwords.renewed(given.password.get_secret_value(), owner.password_hash)
        async with self._db.session() as session:
            user = await locked_owner(session)
            if user.password_hash != owner.password_hash:  # changed while we were hashing
                raise NotAuthenticated(WRONG)
            if not await self._two_factor.use_in(session, user, _code(given)):
                raise NotAuthenticated(WRONG)
            user.password_hash = renewed
            session.add(user)
            opened = await self._sessions.open_in(session, user, origin, replaces=replaces)
            self._audit.add(session, _login_of(user, origin, "login"))
        if replaces is not None:
            self._credentials.forget()
        return opened


def _code(given: LoginIn) -> str:
    return given.totp_code.get_secret_value().strip() if given.totp_code is not None else ""


def _same_name(left: str, right: str) -> bool:
    """Case does not count; the comparison takes as long wherever the first difference is."""
    return same_key(left.strip().casefold().encode(), right.strip().casefold().encode())


def _login_of(owner: User | None, origin: Origin, action: str) -> AuditEntry:
    return AuditEntry(action, origin.address, owner.username if owner is not None else None, AuditAuth.PASSWORD)

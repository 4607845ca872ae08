"""The second factor: turned on with a first code, off with the password and a code."""

from datetime import timedelta
from typing import Final

from pydantic import SecretStr
from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from app.auth import codes
from app.auth.callers import Caller, Origin
from app.auth.confirmation import Confirmation
from app.auth.context import AuthContext
from app.auth.models import RecoveryCode, User
from app.auth.owner import find_owner, locked_owner
from app.auth.schemas import TwoFactorDisableIn, TwoFactorEnableIn, TwoFactorSetupIn, TwoFactorSetupOut
from app.auth.sessions import SessionService
from app.core.errors import Conflict, Forbidden

PENDING_FOR: Final = timedelta(minutes=15)
WRONG_CODE: Final = "The code is not right."
ALREADY_ON: Final = "Two-factor login is on already: turn it off first."


class TwoFactorService:
    """Secrets are stored encrypted and recovery codes hashed; every code works once."""

    def __init__(self, context: AuthContext, sessions: SessionService, confirmation: Confirmation) -> None:
        self._db = context.db
        self._box = context.box
        self._clock = context.clock
        self._credentials = context.credentials
        self._sessions = sessions
        self._confirmation = confirmation

    async def set_up(self, given: TwoFactorSetupIn, caller: Caller, origin: Origin) -> TwoFactorSetupOut:
        await self._confirmation.password(given.password, caller, origin)
        secret = codes.new_secret()
        async with self._db.session() as session:
            user = await locked_owner(session)
            if user.totp_secret is not None:
                raise Conflict(ALREADY_ON)
            user.totp_pending, user.totp_pending_at = self._box.encrypt(secret), self._clock()
        uri = codes.otpauth_uri(secret, user.username)
        return TwoFactorSetupOut(secret=secret, otpauth_uri=uri, qr_svg=codes.qr_svg(uri))

    async def enable(self, given: TwoFactorEnableIn, caller: Caller, origin: Origin) -> list[str]:
        """Turn it on and end all other sessions; returns the recovery codes, which are known in clear only now."""
        async with self._confirmation.attempt(caller, origin), self._db.session() as session:
            user, now = await locked_owner(session), self._clock()
            if user.totp_secret is not None:
                raise Conflict(ALREADY_ON)
            if user.totp_pending is None or user.totp_pending_at is None or now - user.totp_pending_at > PENDING_FOR:
                raise Conflict("Begin with the set-up of two-factor login: no fresh secret waits for a code.")
            step = codes.step_of(given.code.get_secret_value(), self._box.decrypt(user.totp_pending), now, after=0)
            if step is None:
                raise Forbidden(WRONG_CODE)
            user.totp_secret, user.totp_step = user.totp_pending, step
            user.totp_pending = user.totp_pending_at = None
            await self._sessions.end_others_in(session, caller)
            recovery_codes = await _replace_recovery_codes(session, user)
        self._credentials.forget()
        return recovery_codes

    async def disable(self, given: TwoFactorDisableIn, caller: Caller, origin: Origin) -> None:
        await self._confirmation.password(given.password, caller, origin)
        async with self._confirmation.attempt(caller, origin), self._db.session() as session:
            user = await locked_owner(session)
            if user.totp_secret is None:
                raise Conflict("Two-factor login is off.")
            if not await self.use_code_in(session, user, given.code.get_secret_value()):
                raise Forbidden(WRONG_CODE)
            await turn_off_in(session, user)

    async def confirm(self, password: SecretStr | None, code: SecretStr | None, caller: Caller, origin: Origin) -> None:
        """Ask for the password and, while two-factor login is on, for a code; `Forbidden` when one is wrong."""
        if password is None:
            raise Forbidden("This needs the owner's password, and a totp_code while two-factor login is on.")
        await self._confirmation.password(password, caller, origin)
        async with self._db.reading() as session:
            owner = await find_owner(session)
        if owner is None or owner.totp_secret is None:
            return
        if code is None:
            raise Forbidden("Two-factor login is on: this needs a totp_code too.")
        async with self._confirmation.attempt(caller, origin), self._db.session() as session:
            if not await self.use_code_in(session, await locked_owner(session), code.get_secret_value()):
                raise Forbidden(WRONG_CODE)

    async def use_code_in(self, session: AsyncSession, user: User, code: str) -> bool:
        """Whether `code` is right and unused; it is used up within this unit of work, in which `user` is locked."""
        if user.totp_secret is None:
            return True
        step = codes.step_of(code, self._box.decrypt(user.totp_secret), self._clock(), after=user.totp_step)
        if step is not None:
            user.totp_step = step
            return True
        digest = codes.recovery_digest(code)
        used = await session.exec(delete(RecoveryCode).where(col(RecoveryCode.digest) == digest))
        return bool(used.rowcount)


async def turn_off_in(session: AsyncSession, user: User) -> None:
    """Turn the second factor off, within a unit of work."""
    user.totp_secret = user.totp_pending = user.totp_pending_at = None
    await session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))


async def _replace_recovery_codes(session: AsyncSession, user: User) -> list[str]:
    await session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))
    made = codes.new_recovery_codes()
    session.add_all(RecoveryCode(user_id=user.id, digest=codes.recovery_digest(code)) for code in made)
    return made

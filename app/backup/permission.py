"""Who may restore, and what: a restore can replace the owner, so it is asked for the owner's password."""

from typing import Final

from app.auth.callers import Caller, CallerKind, Origin
from app.auth.service import AccountService
from app.auth.two_factor import TwoFactorService
from app.backup.schemas import RestoreIn
from app.core.errors import Forbidden

IDENTITY: Final = frozenset({"users", "sessions", "api_keys", "recovery_codes"})
"""The tables that say who may do what here."""

OWNER_ONLY: Final = (
    "This replaces or reveals users, keys and secrets: it needs a session, or the key of HUNTARR_API_KEY."
)


class RestorePermission:
    """A session must prove that it is the owner; the environment's key leaves an existing owner alone."""

    def __init__(self, accounts: AccountService, two_factor: TwoFactorService) -> None:
        self._accounts = accounts
        self._two_factor = two_factor

    async def kept_tables(self, given: RestoreIn, caller: Caller, origin: Origin) -> frozenset[str]:
        """The tables that this restore must leave as they are; `Forbidden` when it may not be made."""
        require_owner(caller)
        if caller.kind is CallerKind.SESSION:
            await self._two_factor.confirm(given.password, given.totp_code, caller, origin)
            return frozenset()
        return IDENTITY if await self._accounts.has_owner() else frozenset()


def require_owner(caller: Caller) -> None:
    """A managed key may manage neither keys nor users, so it may not replace all of them either."""
    if caller.key_id is not None:
        raise Forbidden(OWNER_ONLY)

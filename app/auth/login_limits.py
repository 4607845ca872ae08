"""Whom wrong log-ins are counted for: nobody who knows the owner's name may keep the owner out."""

from datetime import timedelta
from typing import Final

from app.auth.audit import AuditTrail
from app.auth.limits import FailureLimit, Subject, by_address, by_name, by_name_and_address, network_of
from app.core.errors import TooManyRequests

MAX_OF_ADDRESS: Final = 20
MAX_OF_NAME: Final = 30
"""Beyond it, guesses at the name come from many addresses: strangers are slowed down, not kept out."""
PACE_OF_NAME: Final = timedelta(seconds=10)


class LoginLimits:
    """Five failures of a name from an address, twenty of an address; of a name from everywhere, strangers wait."""

    def __init__(self, limit: FailureLimit, audit: AuditTrail) -> None:
        self._limit = limit
        self._audit = audit

    async def subjects(self, name: str, address: str) -> tuple[Subject, ...]:
        """What a failure of this log-in is counted under."""
        own = (by_name_and_address("login", name, address), by_address("login", address, limit=MAX_OF_ADDRESS))
        everywhere = by_name("login", name, limit=MAX_OF_NAME, pace=PACE_OF_NAME)
        return (*own, *await self._for_strangers(everywhere, address))

    async def subjects_of_codes(self, name: str, address: str) -> tuple[Subject, ...]:
        """The same for a code. Whoever gets there knows the password: few guesses, wherever they come from."""
        return await self._for_strangers(by_name("code", name), address)

    async def _for_strangers(self, subject: Subject, address: str) -> tuple[Subject, ...]:
        """`subject`, unless it has reached its limit and the owner has logged in from there before."""
        try:
            await self._limit.check(subject)
        except TooManyRequests:
            if await self._is_known(address):
                return ()
        return (subject,)

    async def _is_known(self, address: str) -> bool:
        """Whether the owner has logged in from there before."""
        known = await self._audit.addresses_of("login")
        return network_of(address) in {network_of(seen) for seen in known}

"""IPNs over plain http: asked for by one person of finance, allowed by another, on record either way."""

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.merchants.staff_actions import lock_merchant, note_change, update_merchant
from ekpay_switch.persistence.parties.top_ups import OnePersonError


class NotAskedForError(SwitchError):
    """Nobody has asked for what is to be allowed."""


class InsecureIpns:
    """The decision in PostgreSQL; each call is one short transaction. The caller has verified the person."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ask(self, partner_id: str, by: str) -> None:
        """Ask for plain http, which takes another person's agreement.

        Raises:
            UnknownMerchantError: there is no such merchant.
        """
        async with self._engine.begin() as connection:
            await lock_merchant(connection, partner_id)
            await update_merchant(connection, partner_id, {"insecure_ipns_asked_by": by})
            await note_change(connection, partner_id, by, {"did": "insecure_ipns_asked_for"})

    async def allow(self, partner_id: str, by: str) -> None:
        """Allow what another person has asked for.

        Raises:
            UnknownMerchantError: there is no such merchant.
            NotAskedForError: nobody has asked for it.
            OnePersonError: the same person has.
        """
        async with self._engine.begin() as connection:
            asked_by = (await lock_merchant(connection, partner_id)).insecure_ipns_asked_by
            if asked_by is None:
                raise NotAskedForError
            if asked_by == by:
                raise OnePersonError
            allowed = {"insecure_ipns": True, "insecure_ipns_asked_by": None}
            await update_merchant(connection, partner_id, allowed)
            details = {"did": "insecure_ipns_allowed", "asked_by": asked_by}
            await note_change(connection, partner_id, by, details)

    async def forbid(self, partner_id: str, by: str) -> None:
        """Send the merchant's IPNs over https alone again; drops what was asked for as well.

        Raises:
            UnknownMerchantError: there is no such merchant.
        """
        async with self._engine.begin() as connection:
            await lock_merchant(connection, partner_id)
            forbidden = {"insecure_ipns": False, "insecure_ipns_asked_by": None}
            await update_merchant(connection, partner_id, forbidden)
            await note_change(connection, partner_id, by, {"did": "insecure_ipns_forbidden"})

"""IPNs over plain http: asked for by one person of finance, approved by another, on record either way."""

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.merchants.staff_actions import (
    forbid_insecure_ipns,
    lock_merchant,
    note_change,
    update_merchant,
)
from ekpay_switch.persistence.parties.top_ups import OnePersonError


class NotAskedForError(SwitchError):
    """Nobody has asked for what is to be approved."""


class ApprovedAlreadyError(SwitchError):
    """Another person has approved it already."""


class InsecureIpns:
    """The decision in PostgreSQL; each call is one short transaction. The caller has verified the person.

    That two persons decide is held by the table as well.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ask(self, partner_id: str, by: str) -> None:
        """Ask for plain http to the hosts that the merchant has listed, which another person approves.

        Raises:
            UnknownMerchantError: there is no such merchant.
            ApprovedAlreadyError: its IPNs go over plain http.
        """
        async with self._engine.begin() as connection:
            if (await lock_merchant(connection, partner_id)).merchant.insecure_ipns:
                raise ApprovedAlreadyError
            await update_merchant(connection, partner_id, {"insecure_ipns_asked_by": by})
            await note_change(connection, partner_id, by, {"did": "insecure_ipns_asked_for"})

    async def approve(self, partner_id: str, by: str) -> None:
        """Approve what another person has asked for.

        Raises:
            UnknownMerchantError: there is no such merchant.
            NotAskedForError: nobody has asked for it.
            ApprovedAlreadyError: its IPNs go over plain http.
            OnePersonError: the same person has.
        """
        async with self._engine.begin() as connection:
            line = await lock_merchant(connection, partner_id)
            if line.merchant.insecure_ipns:
                raise ApprovedAlreadyError
            if line.insecure_ipns_asked_by is None:
                raise NotAskedForError
            if line.insecure_ipns_asked_by == by:
                raise OnePersonError
            await update_merchant(connection, partner_id, {"insecure_ipns_approved_by": by})
            details = {"did": "insecure_ipns_approved", "asked_by": line.insecure_ipns_asked_by}
            await note_change(connection, partner_id, by, details)

    async def forbid(self, partner_id: str, by: str) -> None:
        """Send the merchant's IPNs over https alone again; drops a request as well.

        Raises:
            UnknownMerchantError: there is no such merchant.
        """
        async with self._engine.begin() as connection:
            await forbid_insecure_ipns(connection, await lock_merchant(connection, partner_id), by)

"""Payments that the wire keeps from their end, so that people have something to decide about.

Each is paid by a partner over the syndicate API, and what goes wrong goes wrong at the proxy before its
biller or at the biller itself; nothing is written into the switch's database.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sandbox.callers.partner.client import PartnerClient
from sandbox.network.proxy.faults import NetworkFault
from sandbox.rehearsals.demo.comparison.biller_books import IN_PROGRESS
from sandbox.rehearsals.demo.deciding.finance_desk import NothingWaitsError
from sandbox.rehearsals.demo.deciding.shortened_times import (
    ANSWERING_BILLER,
    LATE_BILLER,
    RECEIPT_BILLER,
    STUCK_BILLER,
    UNDOING_BILLER,
)
from sandbox.rehearsals.demo.paying.load import DemoBillers
from sandbox.rehearsals.demo.paying.partner import NOTHING_SENT, PartnerSide, Reference
from sandbox.rehearsals.installation.parties import Parties

_FAR_SIDE = "direct"
"""The family of the billers whose network fails here, as the proxy names it."""
_HELD_CALLS = {LATE_BILLER: (_FAR_SIDE, "payment"), UNDOING_BILLER: ("aggregator", "bill-payment")}
"""Of the billers that get a payment too late, the family and the call that pays."""
_ASK_EVERY_SECONDS = 0.5
_PATIENCE_SECONDS = 900.0
# Both sends of a payment: a biller that deduplicates is sent a lost one again.
_SENDS = 2
_PAID = frozenset({"0000"})
_GIVEN_BACK = frozenset({NOTHING_SENT, "1008"})


class WaitingPayments:
    """Makes payments wait, each in a way of its own."""

    def __init__(self, billers: DemoBillers, side: PartnerSide) -> None:
        self._side = side
        self._network = billers.network
        self._clients = {client.known_as: client for client in billers.admin_clients.values()}

    async def pay_too_late(self, biller: str) -> Reference:
        """A payment whose sends the network holds: its biller finds nothing when it is asked."""
        far_side, call = _HELD_CALLS[biller]
        await self._network.strike(far_side, NetworkFault.HOLD_REQUEST, f"{biller}/{call}", _SENDS)
        return await self._pay(biller)

    async def arrive_after_give_back(self, biller: str, reference: Reference) -> None:
        """Let the held sends arrive once the money has gone back.

        Raises:
            NothingWaitsError: it does not go back.
        """
        await self._until(reference, _GIVEN_BACK)
        far_side, _ = _HELD_CALLS[biller]
        await self._network.release(far_side)

    async def until_paid(self, reference: Reference) -> None:
        """Wait until the switch says that a payment is paid.

        Raises:
            NothingWaitsError: it does not.
        """
        await self._until(reference, _PAID)

    async def pay_unanswered(self, biller: str) -> Reference:
        """A payment that its biller has taken, and nobody hears of it, however often it is asked."""
        await self._network.strike(_FAR_SIDE, NetworkFault.RESET_AFTER, f"{biller}/payment", 1)
        await self._network.strike(_FAR_SIDE, NetworkFault.RESET_BEFORE, f"{biller}/status", None)
        return await self._pay(biller)

    async def let_answers_through(self) -> None:
        """Repair the network before those billers."""
        await self._network.lift(_FAR_SIDE)

    async def pay_without_final_receipt(self) -> Reference:
        """A payment that is complete, and whose office makes no final receipt."""
        order = {"house": RECEIPT_BILLER, "is_withheld": True}
        await self._clients[RECEIPT_BILLER].admin("POST", "withheld_receipts", order)
        return await self._pay(RECEIPT_BILLER)

    async def known_at_biller(self, biller: str, reference: Reference) -> str:
        """What a biller's desk says on the telephone: its receipt for the newest payment of this bill."""
        payments = (await self._clients[biller].admin("GET", "dump"))["payments"]
        numbers = [
            line["receipt"]
            for line in payments
            if line["house"] == biller and line["bill_number"] == reference.bill_number
        ]
        return str(numbers[-1]) if numbers else ""

    async def _until(self, reference: Reference, codes: frozenset[str]) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _PATIENCE_SECONDS
        while (code := await self._side.ask(reference)) not in codes:
            if loop.time() > give_up_at:
                raise NothingWaitsError(f"the payment {reference.text} is still {code}")
            await asyncio.sleep(_ASK_EVERY_SECONDS)

    async def _pay(self, biller: str) -> Reference:
        client = self._clients[biller]
        (bill, *_) = await client.payables(1)
        fetched = await self._side.fetch(client.biller, **bill.named[0])
        reference = self._side.new_reference_for(fetched)
        code = await self._side.pay(fetched, reference)
        if code not in {IN_PROGRESS, *_PAID}:
            raise NothingWaitsError(f"the payment {reference.text} at {biller} was answered {code}")
        return reference


@dataclass(frozen=True, slots=True)
class WaitingReferences:
    """The partner's references of the payments that wait."""

    late: Reference
    late_to_undo: Reference
    stuck: Reference
    answering: Reference
    without_receipt: Reference

    def texts(self) -> list[str]:
        """All of them."""
        return [
            one.text
            for one in (self.late, self.late_to_undo, self.stuck, self.answering, self.without_receipt)
        ]


@asynccontextmanager
async def open_waiting_payments(billers: DemoBillers, parties: Parties) -> AsyncIterator[WaitingPayments]:
    """The payments of the first partner, through a client of its own."""
    partner = parties.partners[0]
    async with PartnerClient(parties.address, partner.credentials()) as client:
        yield WaitingPayments(billers, PartnerSide(partner, client))


async def pay_all(waiting: WaitingPayments) -> WaitingReferences:
    """Make every payment that waits, at once."""
    late, late_to_undo, stuck, answering, without_receipt = await asyncio.gather(
        waiting.pay_too_late(LATE_BILLER),
        waiting.pay_too_late(UNDOING_BILLER),
        waiting.pay_unanswered(STUCK_BILLER),
        waiting.pay_unanswered(ANSWERING_BILLER),
        waiting.pay_without_final_receipt(),
    )
    return WaitingReferences(late, late_to_undo, stuck, answering, without_receipt)

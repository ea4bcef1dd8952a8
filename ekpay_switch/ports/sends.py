"""The sends journal and the sends that a restored database has lost, as flows need them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.payments.lost_sends import CartBillState, LostFinding, LostSend
from ekpay_switch.domain.payments.sends import Send

# Why a call was not sent whose line could not be written.
NO_JOURNAL = "the sends journal cannot be written"


class SendsJournal(Protocol):
    """What was sent, kept where a restore of the database does not reach (docs/adr/0088)."""

    def write(self, send: Send) -> bool:
        """Append one line; it outlives this process on return.

        False where it cannot be written: then the call must not be sent, as after any `Unreached`.
        """
        ...


class LostSends(Protocol):
    """Sends of the journal that no attempt of the database has."""

    async def to_ask(self) -> Sequence[LostSend]:
        """Those of which nothing is proven or decided and whose payments are not booked, the oldest first."""
        ...

    async def record(self, lost_id: UUID, finding: LostFinding) -> None:
        """Keep what was found; what was proven, decided or booked meanwhile stays."""
        ...

    async def to_book(self) -> Sequence[LostSend]:
        """Those from a prefund that may be posted and whose payments are not booked, the oldest first."""
        ...

    async def cart_bill_state(self, reference: str) -> CartBillState:
        """How the bill stands that the portal paid under this reference."""
        ...

    async def mark_booked(self, lost_id: UUID, stand_in: timedelta) -> None:
        """The payment stands in the books; idempotent.

        A further payment of a bill in a cart is the newest of its bill from now on; where the database has
        lost what was promised to its payer, that is `stand_in` after its cart was funded.
        """
        ...

    async def refuse_booking(self, lost_id: UUID, why: str) -> None:
        """Keep why its payment could not be booked; it may be tried again."""
        ...


class LostPayments(Protocol):
    """Payments that a restore has lost and of which it is not known yet whether they were paid.

    Where there are none, which is looked for every few seconds, an answer costs nothing. Each call raises
    OverloadedError where the database is away: nothing was done.
    """

    async def is_lost(self, partner_id: str, reference: str) -> bool:
        """Whether the payment of this partner's reference is lost and not booked."""
        ...

    async def holds_order(self, partner_id: str, reference: str, quote_id: str) -> bool:
        """Whether a lost payment of the quoted bill or account is open; never for a stored reference."""
        ...

    async def holds_bill(self, partner_id: str, biller_id: str, bill: Bill) -> bool:
        """Whether the partner has a lost payment of this bill, or of its account, that is open."""
        ...

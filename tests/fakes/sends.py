"""The sends journal in memory, and what a restored database would have lost of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.payments.lost_sends import CartBillState, LostFinding, LostSend, LostState
from ekpay_switch.domain.payments.sends import Send
from tests.fakes.payments import FakePayments

NOON = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


@dataclass
class FakeSends:
    """The port `SendsJournal`; while it is full, nothing may be sent."""

    lines: list[Send] = field(default_factory=list)
    is_full: bool = False

    def write(self, send: Send) -> bool:
        if not self.is_full:
            self.lines.append(send)
        return not self.is_full


@dataclass
class FakeLostSends:
    """The port `LostSends`."""

    rows: dict[UUID, LostSend] = field(default_factory=dict)
    bill_states: dict[str, CartBillState] = field(default_factory=dict)  # by the portal's reference
    stand_ins: dict[UUID, timedelta] = field(default_factory=dict)  # what each was booked with

    @classmethod
    def of(cls, sends: Iterable[Send]) -> "FakeLostSends":
        lost = (LostSend(UUID(int=number), send) for number, send in enumerate(sends, start=1))
        return cls({row.lost_id: row for row in lost})

    async def to_ask(self) -> Sequence[LostSend]:
        return [row for row in self.rows.values() if row.state is LostState.UNKNOWN and row.booked_at is None]

    async def record(self, lost_id: UUID, finding: LostFinding) -> None:
        self.rows[lost_id] = replace(self.rows[lost_id], finding=finding)

    async def to_book(self) -> Sequence[LostSend]:
        return [
            row
            for row in self.rows.values()
            if row.send.claim and row.booked_at is None and row.state is not LostState.NOT_POSTED
        ]

    async def cart_bill_state(self, reference: str) -> CartBillState:
        return self.bill_states.get(reference, CartBillState.LOST)

    async def mark_booked(self, lost_id: UUID, stand_in: timedelta) -> None:
        self.stand_ins[lost_id] = stand_in
        self.rows[lost_id] = replace(self.rows[lost_id], booked_at=NOON, booking_refusal="")

    async def refuse_booking(self, lost_id: UUID, why: str) -> None:
        self.rows[lost_id] = replace(self.rows[lost_id], booking_refusal=why)


@dataclass
class FakeLostPayments:
    """The port `LostPayments` over `FakeLostSends` and fake books; a booked payment is not looked at."""

    lost_sends: FakeLostSends
    books: FakePayments

    async def is_lost(self, partner_id: str, reference: str) -> bool:
        return any(
            row.send.partner_id == partner_id and row.send.claim and row.send.claim.reference == reference
            for row in await self.lost_sends.to_book()
        )

    async def holds_order(self, partner_id: str, reference: str, quote_id: str) -> bool:
        quote = self.books.quotes.get((partner_id, quote_id))
        is_stored = any(
            (payment.claim.partner_id, payment.claim.reference) == (partner_id, reference)
            for payment in self.books.payments.values()
        )
        if quote is None or is_stored:
            return False
        return await self.holds_bill(partner_id, quote.biller_id, quote.bill)

    async def holds_bill(self, partner_id: str, biller_id: str, bill: Bill) -> bool:
        return any(
            (row.send.partner_id, row.send.far_side) == (partner_id, biller_id)
            and row.send.claim
            and (row.send.claim.bill_key == bill.bill_key or row.send.claim.account == bill.account)
            for row in await self.lost_sends.to_book()
        )

"""An agent's counter: its operators, their cash drawers, and the orders of payers who stand there (ADR 0135).

An agent is a partner with a prefund. Its operator takes a payer's cash into the drawer and pays the bill from
the prefund, as any payment of a partner. Pure: this module only decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.carts.bill_cart import CartBill
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.ends import PrefundEnd, prefund_end
from ekpay_switch.domain.refusals import Refusal

# A claim that was begun while the quote was alive is in the books so long after its end, or never comes.
CLAIM_MAX = timedelta(minutes=1)


class OrderOutcome(StrEnum):
    """How an order of a payer at the counter stands."""

    QUOTED = "quoted"  # the bill is shown, and nothing was done
    OLD = "old"  # the same, and its quote is over
    BEGUN = "begun"  # confirmed; its payment is not in the books, and may come there
    UNDER_WAY = "under_way"  # its payment is with the biller
    REVIEW = "review"  # two persons of the switch decide
    PAID = "paid"
    NOT_PAID = "not_paid"  # confirmed; no payment was recorded, and none can come
    TO_HAND_BACK = "to_hand_back"  # the money is back in the prefund, and its payer is owed the cash
    HANDED_BACK = "handed_back"


@dataclass(frozen=True, slots=True)
class AgentOperator:
    """A person who serves payers for an agent; `lane` is that of the agent's books."""

    operator_id: UUID
    partner_id: str
    agent_name: str
    lane: int
    name: str


@dataclass(frozen=True, slots=True)
class CashDrawer:
    """A drawer from its opening with a float to its count; the last four are None or empty while it is open.

    `expected` is `expected_cash` as it was at the count. `closed_by` names the person of the staff who closed
    it for an operator who could not.
    """

    drawer_id: UUID
    operator_id: UUID
    operator_name: str
    opened_at: datetime
    opening: Money
    closed_at: datetime | None = None
    expected: Money | None = None
    counted: Money | None = None
    closed_by: str = ""

    def is_of(self, day: date) -> bool:
        """Whether it was opened on this Dhaka date."""
        return business_date(self.opened_at) == day

    @property
    def difference(self) -> Money | None:
        """What was counted beyond what was expected, below zero where cash is missing; None while open."""
        if self.counted is None or self.expected is None:
            return None
        return self.counted - self.expected


@dataclass(frozen=True, slots=True)
class AgentOrder:
    """A payer's bill at a counter.

    The payer hands over `bill.amount`, which includes `charges`, our fee with its VAT. `begun_at` is when the
    operator confirmed it, None before. The fields from `payment_id` to `receipts` are those of its payment
    from the prefund, None or empty while there is none. `commission` is what the agent has earned by it, None
    until that is booked. `read_at` is the database's now.
    """

    order_id: UUID
    drawer_id: UUID
    bill: CartBill
    charges: Money
    read_at: datetime
    begun_at: datetime | None = None
    payment_id: UUID | None = None
    state: State | None = None
    refusal: Refusal | None = None
    receipts: Mapping[str, str] = field(default_factory=dict)
    handed_back_at: datetime | None = None
    commission: Money | None = None

    @property
    def reference(self) -> str:
        """The idempotency key of its one payment, made before any money moves."""
        return order_reference(self.order_id)

    @property
    def outcome(self) -> OrderOutcome:
        """How it stands."""
        if self.state is None:
            return self._outcome_without_payment()
        end = prefund_end(self.state)
        if end is PrefundEnd.PAID:
            return OrderOutcome.PAID
        if end is PrefundEnd.BACK:
            return OrderOutcome.TO_HAND_BACK if self.handed_back_at is None else OrderOutcome.HANDED_BACK
        return OrderOutcome.REVIEW if self.state is State.IN_REVIEW else OrderOutcome.UNDER_WAY

    def _outcome_without_payment(self) -> OrderOutcome:
        if self.begun_at is None:
            return OrderOutcome.QUOTED if self.read_at < self.bill.quote_expires_at else OrderOutcome.OLD
        may_come = self.read_at < self.bill.quote_expires_at + CLAIM_MAX
        return OrderOutcome.BEGUN if may_come else OrderOutcome.NOT_PAID


def order_reference(order_id: UUID) -> str:
    """The reference of the payment of an order."""
    return f"agent:{order_id.hex}"


def expected_cash(opening: Money, taken: Money, handed_back: Money) -> Money:
    """What a drawer should hold: its float, what payers handed over, less what was handed back to payers.

    Below zero where an operator handed back more than the drawer had.
    """
    return opening + taken - handed_back

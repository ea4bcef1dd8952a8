"""Carts of bills in memory, with a portal, billers and the refunds that are requested: `ports.carts`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.carts.bill_cart import (
    PORTAL,
    BillEnd,
    BillInCart,
    CartBill,
    CartPayment,
    CartRefund,
    PaidUp,
    StoredCart,
    bill_end_of,
    bill_reference,
    paid_up,
    portal_payable,
    stand_in_deadline,
    without_refund,
)
from ekpay_switch.domain.carts.cart_refunds import plan_refund
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.fees import FeeTable
from ekpay_switch.domain.ledger.posting_rules import Sums, cart_funded_entry, prefund_account
from ekpay_switch.domain.merchants.merchant import ChargesOnRefund
from ekpay_switch.domain.money import ZERO, Money, total
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import receipts_of
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.domain.refunds.refund_steps import refund_steps
from ekpay_switch.flows.carts.fill_cart import add_bill
from ekpay_switch.flows.carts.order_cart import order_cart
from ekpay_switch.flows.carts.pay_cart import pay_cart
from ekpay_switch.ports.carts import CartPorts, CartTerms
from ekpay_switch.ports.collections import RefundOpened, RefundView
from ekpay_switch.ports.merchants import Funding, Merchant, MerchantPayment
from tests.fakes.billers import PROFILE, FakeBiller
from tests.fakes.crash_points import Steps
from tests.fakes.merchants import FakeMerchantPayments
from tests.fakes.payments import FakePayments
from tests.fakes.world import FIVE_TAKA, NOON, FakeClock, SmallWorld

TERMS = CartTerms(bills_max=3, patience_seconds=3_600.0, keep_hours=24.0)
PREFUND = prefund_account(PORTAL, "postpaid")
CHARGES = {"charge": Money(1_500), "fee": Money(870), "vat": Money(130)}
NUMBERS = {"desco_postpaid": "092512345678", "titas": "092512345679", "wasa": "092512345670"}


@dataclass
class FakeCarts:
    """The carts; money moves in the same books as bills are paid from."""

    clock: FakeClock
    steps: Steps
    books: FakePayments
    orders: FakeMerchantPayments
    carts: dict[UUID, StoredCart] = field(default_factory=dict)
    refunds: dict[str, RefundState] = field(default_factory=dict)
    refund_events: dict[str, list[tuple[RefundEvent, datetime]]] = field(default_factory=dict)
    due_at: dict[UUID, object] = field(default_factory=dict)
    owed: Counter[str] = field(default_factory=Counter)
    funded_at: dict[UUID, datetime] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)

    async def by_reference(self, reference: str) -> StoredCart | None:
        found = (cart.cart_id for cart in self.carts.values() if cart.reference == reference)
        cart_id = next(found, None)
        return None if cart_id is None else self.standing(cart_id)

    async def by_ids(self, cart_ids: Sequence[UUID]) -> Sequence[StoredCart]:
        return [self.standing(cart_id) for cart_id in self.carts if cart_id in cart_ids]

    async def open(self, cart_id: UUID, reference: str) -> StoredCart:
        with self.steps.step("open_cart"):
            self.carts[cart_id] = StoredCart(cart_id, reference, self.clock.now(), self.clock.now())
            return self.standing(cart_id)

    async def put_bill(self, cart_id: UUID, bill: CartBill, bills_max: int) -> StoredCart | None:
        with self.steps.step("put_bill"):
            bills = self.carts[cart_id].bills
            same = next((one for one in bills if _names(one.bill) == _names(bill)), None)
            if self.carts[cart_id].is_ordered or (same is None and len(bills) >= bills_max):
                return None
            seq = same.seq if same else max((one.seq for one in bills), default=0) + 1
            others = tuple(one for one in bills if one.seq != seq)
            new = BillInCart(seq, bill_reference(cart_id, seq), bill)
            return self._change(cart_id, bills=tuple(sorted((*others, new), key=lambda one: one.seq)))

    async def replace_bill(self, cart_id: UUID, seq: int, bill: CartBill) -> StoredCart | None:
        kept = self.carts[cart_id].bills
        if self.carts[cart_id].is_ordered or all(one.seq != seq for one in kept):
            return None
        if any(_names(one.bill) == _names(bill) for one in kept if one.seq != seq):
            return None
        bills = tuple(replace(one, bill=bill) if one.seq == seq else one for one in kept)
        return self._change(cart_id, bills=bills)

    async def remove_bill(self, cart_id: UUID, seq: int) -> StoredCart | None:
        if self.carts[cart_id].is_ordered:
            return None
        left = tuple(one for one in self.carts[cart_id].bills if one.seq != seq)
        return self._change(cart_id, bills=left)

    async def order(self, cart_id: UUID) -> StoredCart:
        with self.steps.step("order_cart"):
            return self._change(cart_id, is_ordered=True)

    async def fund(self, cart: StoredCart) -> PaidUp:
        with self.steps.step("fund"):
            standing = self.standing(cart.cart_id)
            if standing.is_funded or standing.payment is None:
                return standing.paid_up
            if standing.payment.state is not State.COMPLETED:
                return paid_up(standing.payment)
            self._move(standing.bills, is_back=False)
            self._change(cart.cart_id, is_funded=True)
            self.funded_at[cart.cart_id] = self.clock.now()
            return PaidUp.FUNDED

    async def end_bill(
        self, cart: StoredCart, stored: BillInCart, stand_in: timedelta = timedelta()
    ) -> BillEnd | None:
        with self.steps.step("end_bill"):
            known = next(one for one in self.standing(cart.cart_id).bills if one.seq == stored.seq)
            end = known.end or bill_end_of(known.state)
            if known.end is None and end is BillEnd.GIVEN_BACK and self._goes_on(cart, known, stand_in):
                return None
            if known.end is None and end is not None:
                bills = self.carts[cart.cart_id].bills
                self._change(
                    cart.cart_id,
                    bills=tuple(replace(one, end=end) if one.seq == stored.seq else one for one in bills),
                )
                if end is BillEnd.GIVEN_BACK:
                    self._move([stored], is_back=True)
            return end

    def _goes_on(self, cart: StoredCart, known: BillInCart, stand_in: timedelta) -> bool:
        """Begin a further try of a bill whose biller was never reached, where stand-in allows it."""
        assert known.payment_id is not None
        facts = self.books.payments[known.payment_id].standing.facts
        until = stand_in_deadline(
            known.stand_in_until, self.funded_at[cart.cart_id], stand_in, self.clock.now()
        )
        if facts.get("why") in {None, "proven not posted"} or until is None:
            return False
        nth = self.tries[known.seq] = self.tries.get(known.seq, 1) + 1
        tried = {"reference": bill_reference(cart.cart_id, known.seq, nth), "stand_in_until": until}
        kept = self.carts[cart.cart_id].bills
        bills = tuple(replace(one, **tried) if one.seq == known.seq else one for one in kept)  # type: ignore[arg-type]
        self._change(cart.cart_id, bills=bills)
        return True

    async def plan_refund(self, cart_id: UUID, parts_max: int) -> Sequence[CartRefund]:
        with self.steps.step("plan_refund"):
            cart = self.standing(cart_id)
            assert cart.payment is not None
            new = plan_refund(cart, cart.payment.sums, parts_max)
            if new is not None:
                self._change(cart_id, refunds=(*self.carts[cart_id].refunds, new))
            cart = self.standing(cart_id)
            due = [one for one in cart.refunds if one.state is None]
            if not due and not cart.open_bills and not without_refund(cart.bills, cart.refunds):
                self.due_at.pop(cart_id, None)
            return due

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[StoredCart]:
        with self.steps.step("lease_carts"):
            now = self.clock.now()
            due = [cart_id for cart_id, at in self.due_at.items() if at <= now][:limit]  # type: ignore[operator]
            for cart_id in due:
                self.due_at[cart_id] = now + timedelta(seconds=lease_seconds)
            return [self.standing(cart_id) for cart_id in due]

    def standing(self, cart_id: UUID) -> StoredCart:
        """The cart with its payment, and its bills with theirs, as they are now."""
        cart = self.carts[cart_id]
        orders = (one for one in self.orders.payments.values() if one.text.trnx_id == cart_id.hex)
        order = next(orders, None)
        return replace(
            cart,
            read_at=self.clock.now(),
            payment=None if order is None else _payment(order),
            bills=tuple(self._bill(one) for one in cart.bills),
            refunds=tuple(self._refund(one) for one in cart.refunds),
        )

    def _refund(self, planned: CartRefund) -> CartRefund:
        state = self.refunds.get(planned.reference)
        if state is None:
            return planned
        history = self.refund_events.get(planned.reference, [])
        return replace(planned, state=state, steps=refund_steps(NOON, history))

    def _bill(self, kept: BillInCart) -> BillInCart:
        payments = (p.standing for p in self.books.payments.values())
        payment = next((one for one in payments if one.reference == kept.reference), None)
        if payment is None:
            return kept
        receipts = receipts_of(payment.facts) if payment.state is State.COMPLETED else {}
        return replace(
            kept,
            payment_id=payment.payment_id,
            state=payment.state,
            refusal=payment.refusal,
            receipts=receipts,
        )

    def _change(self, cart_id: UUID, **new: object) -> StoredCart:
        self.carts[cart_id] = replace(self.carts[cart_id], **new)  # type: ignore[arg-type]
        return self.standing(cart_id)

    def _move(self, bills: Sequence[BillInCart], *, is_back: bool) -> None:
        amount = total(one.bill.amount for one in bills)
        entry = cart_funded_entry(portal_payable(), {PREFUND: amount})
        self.books.entries.append((None, entry.reversal() if is_back else entry))
        self.owed[PORTAL] += amount.minor if is_back else -amount.minor


@dataclass
class StoppedStandIn:
    """The port `StandInStops`: the billers for which it is turned off."""

    billers: set[str] = field(default_factory=set)

    async def is_stopped(self, biller_id: str) -> bool:
        return biller_id in self.billers


@dataclass
class RequestedRefunds:
    """The port `Refunds` as far as carts use it: what was requested, once under each reference."""

    carts: FakeCarts
    steps: Steps
    requested: dict[str, NewRefund] = field(default_factory=dict)
    refusal: RefundRefusal | None = None

    async def request(self, new: NewRefund, parts_max: int, days_max: int) -> RefundOpened | RefundRefusal:
        assert (parts_max, days_max) > (0, 365)
        with self.steps.step("request_refund"):
            if self.refusal is not None:
                return self.refusal
            is_repeat = new.reference in self.requested
            self.requested.setdefault(new.reference, new)
            self.carts.refunds.setdefault(new.reference, RefundState.APPROVED)
            now = self.carts.clock.now()
            view = RefundView(
                new.refund_id,
                new.payment_id,
                new.kind,
                RefundState.APPROVED,
                new.amount,
                new.reason,
                now,
                now,
            )
            return RefundOpened(view, is_repeat)


class CartScene:
    """A portal with three billers; a citizen fills carts, and pays them at the checkout."""

    def __init__(self) -> None:
        self.small = SmallWorld()
        clock, steps = self.small.clock, self.small.steps
        self.billers = {
            name: FakeBiller(clock, steps, replace(PROFILE, id=name, ekpay_id=f"b{nth:03}"))
            for nth, name in enumerate(NUMBERS, 1)
        }
        self.small.billers.known = list(self.billers.values())
        self.small.merchants.merchants[PORTAL] = PORTAL_MERCHANT
        self.carts = FakeCarts(clock, steps, self.small.books, self.small.merchant_payments)
        self.refunds = RequestedRefunds(self.carts, steps)
        free = FeeTable("test", (replace(FIVE_TAKA, fixed=0),))
        self.world = replace(self.small.world, fees=free, refunds=self.refunds)  # type: ignore[arg-type]
        self.stand_in_stops = StoppedStandIn()
        self.office = CartPorts(self.world, self.carts, self.stand_in_stops, TERMS)
        for name, number in NUMBERS.items():
            self.bill(name, number, 105_000)

    def bill(self, name: str, number: str, minor: int, **more: object) -> None:
        """What a biller says of the bill with this number from now on."""
        amount = Money(minor)
        self.billers[name].bills[number] = Bill(
            number,
            number,
            "12345678",
            amount,
            ZERO,
            ZERO,
            amount,
            **more,  # type: ignore[arg-type]
        )

    async def filled(self, *names: str) -> StoredCart:
        """A cart with a bill of each of these billers, of all three unless said otherwise."""
        cart: object = None
        for name in names or NUMBERS:
            reference = cart.reference if isinstance(cart, StoredCart) else ""
            cart = await add_bill(reference, name, {"bill_no": NUMBERS[name]}, self.office)
            assert isinstance(cart, StoredCart), cart
        assert isinstance(cart, StoredCart)
        return cart

    async def ordered(self, *names: str) -> StoredCart:
        """A cart that waits at the checkout."""
        cart = await self.filled(*names)
        path = await order_cart(cart, PayerLanguage.BANGLA, self.office)
        assert isinstance(path, str), path
        return self.carts.standing(cart.cart_id)

    async def paid(self, *names: str) -> StoredCart:
        """A cart whose payment is completed, and that the worker has not seen yet."""
        cart = await self.ordered(*names)
        self.checkout_says(cart, State.COMPLETED)
        return self.carts.standing(cart.cart_id)

    def checkout_says(self, cart: StoredCart, state: State) -> None:
        """The payment of an ordered cart comes to this state; where completed, the portal is credited."""
        order = self.order_of(cart)
        now = self.small.clock.now()
        is_paid = state is State.COMPLETED
        self.small.merchant_payments.payments[order.payment_id] = replace(
            order,
            state=state,
            sums=Sums(order.amount, **CHARGES),
            updated_at=now,
            funding=Funding("bkash", "TRX1", now, {}) if is_paid else None,
        )
        if is_paid:
            self.carts.owed[PORTAL] += order.amount.minor
            self.carts.due_at[cart.cart_id] = now

    def order_of(self, cart: StoredCart) -> MerchantPayment:
        payments = self.small.merchant_payments.payments.values()
        return next(one for one in payments if one.text.trnx_id == cart.cart_id.hex)

    async def worked(self, cart: StoredCart) -> StoredCart:
        """The cart once the worker has looked at it."""
        await pay_cart(self.carts.standing(cart.cart_id), self.office)
        return self.carts.standing(cart.cart_id)

    def book(self) -> dict[str, int]:
        """What each biller has, by its id; nothing where it has nothing."""
        taken = {name: sum(biller.book.values()) for name, biller in self.billers.items()}
        return {name: minor for name, minor in taken.items() if minor}

    def balances(self) -> tuple[int, int, int]:
        """What is in the prefund, in flight, and owed to the portal."""
        books = self.small.books
        return books.balance(PREFUND), books.balance("in_flight"), self.carts.owed[PORTAL]


PORTAL_MERCHANT = Merchant(
    partner_id=PORTAL,
    mer_reg_id=PORTAL,
    name_en="ekPay",
    name_bn="একপে",
    lane=0,
    is_active=True,
    pass_key_hashes=(),
    fee_plan="*",
    charges_on_refund=ChargesOnRefund.RETURNED,
    instruments=None,
    return_hosts=frozenset(),
    networks=(),
    refund_limit=Money(10**12),
    debt_limit=ZERO,
    order_minutes=60,
)


def _payment(order: MerchantPayment) -> CartPayment:
    return CartPayment(order.payment_id, order.state, order.sums, order.checkout_reference, order.updated_at)


def _names(bill: CartBill) -> tuple[str, str]:
    return bill.biller_id, bill.bill_key

"""Payers and those who send them: a client with an order, a browser that comes back, time that passes."""

from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import connector_fee_of
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.burden import Burden
from ekpay_switch.domain.refunds.new_refund import NewRefund
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.flows.collections.collect import ClientCollectOrder, CollectionAnswer, collect, try_again
from ekpay_switch.flows.collections.payer_returned import payer_returned, receive_callback
from ekpay_switch.flows.collections.resolve_collection import resolve_collection
from ekpay_switch.ports.collections import Client, PaymentView, ReturnPage
from tests.factories import BILL_NO, CHARGED, TOTAL, a_world
from tests.fakes.collections.tables import StoredTry
from tests.fakes.connectors import Page
from tests.fakes.payments import books_balance
from tests.fakes.world import SmallWorld
from tests.scenarios.job_rounds import collect_due, resolve_due

CHARGE = 1_575  # 1.5 % of the bill, for the instrument
COLLECTED = TOTAL + CHARGED + CHARGE
KEPT = connector_fee_of(Money(COLLECTED), 150).minor
CLIENT = Client("bank1", "Shop One", 0, frozenset({"shop.example"}))
RECEIVABLE, REFUND_DUE, SUSPENSE = "receivable:bkash", "refund_due:bkash", "suspense:bkash"
DAY = 86_400.0
# Its biller takes payments back, so a refund may be at its cost.
UNDOABLE = Burden(biller_takes_back=True)


def a_collect_order(
    reference: str = "v1:K1", *, amount: int = TOTAL, client: Client = CLIENT, bill_no: str = BILL_NO
) -> ClientCollectOrder:
    return ClientCollectOrder(
        client=client,
        reference=reference,
        fingerprint=f"{bill_no} {amount}".encode(),
        ekpay_biller_id="b025",
        parameters={"bill_no": bill_no},
        amount=Money(amount),
        instrument="bkash",
        return_url="https://shop.example/done",
    )


def a_refund(
    payment_id: UUID, number: int = 1, *, amount: int = TOTAL, needs_approval: bool = False
) -> NewRefund:
    return NewRefund(
        refund_id=UUID(int=9_000 + number),
        payment_id=payment_id,
        partner_id="bank1",
        reference=f"v1:R{number}",
        fingerprint=f"{amount}".encode(),
        amount=Money(amount),
        reason="the wrong meter",
        requested_by="api:bank1",
        needs_approval=needs_approval,
        burden=UNDOABLE,
        kind=RefundKind.REFUND,
    )


class Payer:
    """One payment of a small world, seen by the one who pays it."""

    def __init__(self, small: SmallWorld | None = None) -> None:
        self.small = small or a_world(prefund=1)
        self.payment_id = UUID(int=0)

    async def order(self, reference: str = "v1:K1") -> PaymentView:
        """The client's order; the payment with its page."""
        bill = self.small.biller.bills[BILL_NO]
        order = a_collect_order(reference, amount=(bill.total + bill.rounding).minor)
        collecting = await collect(order, self.small.world)
        assert isinstance(collecting, CollectionAnswer)
        self.payment_id = collecting.view.payment_id
        return collecting.view

    async def another_page(self) -> PaymentView:
        view = await try_again(CLIENT, self.payment_id, "bkash", self.small.world)
        assert isinstance(view, PaymentView)
        return view

    def tries(self) -> list[StoredTry]:
        return self.small.tables.tries_of(self.payment_id)

    def page(self, number: int = -1) -> Page:
        return list(self.small.connector.pages.values())[number]

    def agree(self, number: int = -1) -> None:
        self.page(number).is_agreed = True

    async def come_back(self, number: int = -1, status: str = "success") -> ReturnPage | None:
        """The browser comes back from the page, with the provider's word in its address."""
        one = self.tries()[number]
        query = f"paymentID={one.provider_reference}&status={status}".encode()
        return await payer_returned(one.new.reference, {}, query, self.small.world)

    async def pay(self) -> None:
        """The payer agrees and comes back, which delivers what was paid for."""
        self.agree()
        await self.come_back()

    async def fund(self) -> None:
        """The payer agrees, and its try is looked at; nobody has told the biller yet."""
        self.agree()
        one, world = self.tries()[-1], self.small.world
        query = f"paymentID={one.provider_reference}&status=success".encode()
        connector = world.connectors.by_id("bkash")
        assert connector is not None
        await receive_callback(connector, {}, query, world)
        held = await world.collections.lease_try(one.new.reference, 45.0)
        assert held is not None
        assert await resolve_collection(held, world) is State.FUNDED

    async def wait(self, seconds: float) -> None:
        """Time passes, then the jobs look; the collector twice, since one look may leave work to the next."""
        self.small.clock.pass_by(seconds)
        await collect_due(self.small.world)
        await collect_due(self.small.world)
        await resolve_due(self.small.world, 45.0)

    async def wait_for_days(self, days: int = 3) -> None:
        """Long enough for whatever ends by itself."""
        for _ in range(12):
            await self.wait(600)
        for _ in range(days * 24):
            await self.wait(3_601)

    @property
    def state(self) -> State:
        return self.small.books.payments[self.payment_id].state

    @property
    def events(self) -> list[str]:
        return [event.value for _, event, _ in self.small.books.payments[self.payment_id].history]

    def moments(self) -> list[str]:
        return self.small.books.moments(self.payment_id)

    def balance(self, account: str) -> int:
        return self.small.books.balance(account)

    def notices(self) -> list[str]:
        return [notice for _, notice in self.small.books.notices]

    def alarms(self) -> list[str]:
        return [event for event, _ in self.small.alarms.raised]


async def a_paid_bill(small: SmallWorld | None = None) -> Payer:
    """A payment that was collected and delivered."""
    payer = Payer(small)
    await payer.order()
    await payer.pay()
    assert payer.state is State.COMPLETED
    return payer


def given_back(payer: Payer) -> int:
    """What refunds say that the payer has back from the connector."""
    refunds = payer.small.tables.refunds.values()
    return sum(one.new.amount.minor for one in refunds if one.state is RefundState.DONE)


def assert_accounted(payer: Payer) -> None:
    """Every paisa that a try brought in is in flight, delivered, suspended, owed back or given back."""
    small = payer.small
    brought_in = sum(one.collected.minor for one in payer.tries() if one.collected is not None)
    fee = small.books.balance("connector_fee:bkash")
    assert payer.events.count("collected") <= 1
    assert brought_in <= small.connector.taken()
    assert small.books.balance(RECEIVABLE) == brought_in - fee - given_back(payer)
    assert small.books.balance(IN_FLIGHT) == small.books.held()
    assert books_balance(small.books)

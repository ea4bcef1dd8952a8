"""Carts of bills over real books: the portal, billers in memory, and a checkout that pays, a line each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.carts.bill_cart import PORTAL, StoredCart, portal_payable
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.fees import FeeTable
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.flows.carts.fill_cart import add_bill
from ekpay_switch.flows.carts.order_cart import order_cart
from ekpay_switch.flows.carts.pay_cart import pay_cart
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.persistence.carts.portal import PortalNames, ensure_portal
from ekpay_switch.persistence.carts.stand_in_changes import PostgresStandInStops
from ekpay_switch.persistence.carts.store import PostgresCarts
from ekpay_switch.persistence.citizens.cart_outcomes import CartOutcomeMessages
from ekpay_switch.persistence.citizens.contacts import PostgresCartContacts
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.carts import CartPorts
from ekpay_switch.ports.citizens import CartContact
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.ports.world import World
from tests.fakes.billers import PROFILE, FakeBiller
from tests.fakes.carts import NUMBERS, TERMS
from tests.fakes.crash_points import Steps
from tests.fakes.world import FIVE_TAKA, SmallWorld
from tests.persistence.books import SEALER, Books
from tests.persistence.challans.challan_setup import (
    DOUBTS_DUE,
    SEND_LONG_OVER,
    FreeBudget,
    MachineClock,
)
from tests.persistence.collections.merchant_money_setup import Stall, open_stall

NAMES = PortalNames("ekPay", "একপে", 60)
PORTAL_NAMES = {PayerLanguage.BANGLA: NAMES.name_bn, PayerLanguage.ENGLISH: NAMES.name_en}
BILL = 105_000
DUE = "UPDATE cart_work SET next_action_at = now() - interval '1 second' WHERE next_action_at IS NOT NULL"


@dataclass
class Portal:
    """One test's portal and whoever its bills are paid to."""

    stall: Stall
    engine: AsyncEngine
    carts: PostgresCarts
    contacts: PostgresCartContacts
    billers: dict[str, FakeBiller]
    steps: Steps
    world: World
    stand_in_stops: PostgresStandInStops

    @property
    def books(self) -> Books:
        return self.stall.books

    @property
    def office(self) -> CartPorts:
        return CartPorts(self.world, self.carts, self.stand_in_stops, TERMS)

    def pardons(self, name: str, later: timedelta) -> None:
        """A biller that takes payments so long after they were made, where it could not be reached."""
        biller = self.billers[name]
        biller.profile = replace(biller.profile, stand_in_seconds=later.total_seconds())

    async def filled(self, *names: str) -> StoredCart:
        cart: object = None
        for name in names or NUMBERS:
            reference = cart.reference if isinstance(cart, StoredCart) else ""
            cart = await add_bill(reference, name, {"bill_no": NUMBERS[name]}, self.office)
            assert isinstance(cart, StoredCart), cart
        assert isinstance(cart, StoredCart)
        return cart

    async def ordered(
        self, *names: str, contact: CartContact | None = None
    ) -> tuple[StoredCart, MerchantPayment]:
        cart = await self.filled(*names)
        if contact is not None:
            await self.contacts.keep(cart.cart_id, contact)
        path = await order_cart(cart, PayerLanguage.BANGLA, self.office)
        assert isinstance(path, str), path
        payment = await self.world.merchant_payments.by_checkout(path.rpartition("/")[2])
        assert payment is not None
        return await self.seen(cart), payment

    async def paid(self, *names: str, contact: CartContact | None = None) -> tuple[StoredCart, LockedTry]:
        """A cart whose payment is completed, with the try that brought the money."""
        cart, payment = await self.ordered(*names, contact=contact)
        held = await self.stall.paid(await self.stall.on_page(payment))
        return await self.seen(cart), held

    async def seen(self, cart: StoredCart) -> StoredCart:
        found = await self.carts.by_reference(cart.reference)
        assert found is not None
        return found

    async def worked(self, cart: StoredCart) -> StoredCart:
        await pay_cart(await self.seen(cart), self.office)
        return await self.seen(cart)

    async def worker_round(self) -> None:
        """The resolver, then the worker of carts, both long after."""
        await self.books.tell(DOUBTS_DUE)
        await self.books.tell(SEND_LONG_OVER)
        for leased in await self.world.payments.lease_due(16, 60.0):
            await resolve_in_doubt(leased, self.world)
        await self.books.tell(DUE)
        for cart in await self.carts.lease_due(8, 60.0):
            await pay_cart(cart, self.office)

    async def adds_up(self, sold: int, paid: int, refunded: int = 0) -> None:
        """Billers have exactly so much, payers have the rest back, and nothing is on its way or left over."""
        held = await self.stall.till.balances()
        in_prefunds = sum(-minor for code, minor in held.items() if code.startswith(f"prefund:{PORTAL}"))
        back = await self.books.value("SELECT coalesce(sum(amount), 0)::bigint FROM refunds")
        assert (in_prefunds, held.get("in_flight", 0)) == (0, 0)
        assert sum(sum(biller.book.values()) for biller in self.billers.values()) == paid
        assert back == refunded
        assert -held.get(portal_payable(), 0) == 0
        assert await self.stall.owed(PORTAL) == 0
        assert sold == paid + await self.books.value(
            "SELECT coalesce(sum(refunded), 0)::bigint FROM merchant_shares"
        )
        assert await self.books.count("cart_work", "next_action_at IS NOT NULL") == 0
        assert await self.books.audit() is None


@asynccontextmanager
async def open_portal(books: Books) -> AsyncIterator[Portal]:
    """The portal upon these books, with three billers."""
    engine, transactions = books.database.engine(), ShortTransactions(books.database.connect_hot)
    small, steps, clock = SmallWorld(), Steps(), MachineClock()
    billers = {
        name: FakeBiller(clock, steps, replace(PROFILE, id=name, ekpay_id=f"b{nth:03}", has_scroll=False))
        for nth, name in enumerate(NUMBERS, 1)
    }
    billers["wasa"].profile = replace(billers["wasa"].profile, bucket="prepaid")
    for name, number in NUMBERS.items():
        amount = Money(BILL)
        billers[name].bills[number] = Bill(number, number, "12345678", amount, ZERO, ZERO, amount)
    small.billers.known = list(billers.values())
    await ensure_portal(engine, NAMES)
    async with open_stall(books, connections=8) as stall:
        world = replace(
            small.world,
            payments=PostgresPayments(engine, books.group_commit, 16, SEALER),
            merchants=stall.shop.directory,
            merchant_payments=stall.shop.payments,
            refunds=stall.office.refunds,
            fees=FeeTable("test", (replace(FIVE_TAKA, fixed=0),)),
            budget=FreeBudget(),
            clock=clock,
        )
        messages = CartOutcomeMessages(SEALER, PORTAL_NAMES)
        carts = PostgresCarts(transactions, messages.add)
        contacts = PostgresCartContacts(transactions, SEALER)
        stops = PostgresStandInStops(transactions)
        yield Portal(stall, engine, carts, contacts, billers, steps, world, stops)
    await transactions.close()
    await engine.dispose()

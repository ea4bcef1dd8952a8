"""What anybody may say about a merchant's payment, and what comes of it (T66 to T68, law 6)."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.collections.connector_calls import Collected, CollectOrder, ExecuteOutcome
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.merchants.merchant import Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.collections.payer_returned import CallbackReceipt, payer_returned, receive_callback
from ekpay_switch.flows.merchants.checkout import Choice, choose_instrument
from tests.fakes.collections.tables import StoredTry, stored_payment
from tests.fakes.connectors import FakeConnector, Move
from tests.fakes.payments import books_balance
from tests.scenarios.checkout import PAYMENT_ID, PRICE, SHOP, Shopper

CHEAP_ID, CHEAP = UUID(int=7_002), 1_000
SAYS_SUCCESS = "paymentID={page}&status=success"
EXTRAS = "&amount=0.01&currency=USD&merchant=evil&transaction=TRX-9&msg_code=1020"


@dataclass
class Fair:
    """Two orders of one shop at one provider: a dear one and a cheap one, each with an open page.

    At this provider money moves on our word alone; `asked` is every time that we gave it.
    """

    shopper: Shopper
    asked: list[CollectOrder]

    @property
    def far(self) -> FakeConnector:
        return self.shopper.far["bkash"]

    def one(self, payment_id: UUID) -> StoredTry:
        """The newest try of the payment."""
        return self.shopper.small.tables.tries_of(payment_id)[-1]

    def page(self, payment_id: UUID) -> str:
        """The provider's name of its page."""
        reference = self.one(payment_id).new.reference
        return next(name for name, page in self.far.pages.items() if page.order.reference == reference)

    async def state(self, payment_id: UUID = PAYMENT_ID) -> State:
        payment = await self.shopper.payments.by_id(payment_id)
        assert payment is not None
        return payment.state

    def owed(self) -> int:
        return self.shopper.small.tables.shares.owed.get(SHOP, 0)

    def alarms(self) -> list[str]:
        return [str(alarm) for alarm, _ in self.shopper.small.alarms.raised]

    async def brings(self, payment_id: UUID, query: str) -> None:
        """A browser comes to this payment's address of return with a query."""
        await payer_returned(self.one(payment_id).new.reference, {}, query.encode(), self.shopper.world)

    async def pays(self, payment_id: UUID) -> None:
        page = self.page(payment_id)
        self.far.pages[page].is_agreed = True
        await self.brings(payment_id, SAYS_SUCCESS.format(page=page))

    async def hears(self, body: str, headers: dict[str, str] | None = None) -> CallbackReceipt:
        """A message comes to the address that is registered with the provider."""
        return await receive_callback(self.far, headers or {}, body.encode(), self.shopper.world)


@pytest.fixture
async def fair() -> Fair:
    shopper = Shopper()
    asked: list[CollectOrder] = []
    tables = shopper.small.tables
    dear = tables.collections[PAYMENT_ID]
    cheap = replace(
        dear,
        payment_id=CHEAP_ID,
        bill_key="ORDER-0002",
        reference="ekpg:ORDER-0002",
        sums=replace(dear.sums, amount=Money(CHEAP)),
    )
    tables.collections[CHEAP_ID] = cheap
    tables.created_at[CHEAP_ID] = tables.created_at[PAYMENT_ID] + timedelta(seconds=1)
    shopper.small.books.payments[CHEAP_ID] = stored_payment(cheap)
    tables.shares.open(CHEAP_ID, SHOP, [Share("", None, Money(CHEAP))])
    fair = Fair(shopper, asked)
    execute = fair.far.execute

    async def remembered(order: CollectOrder) -> ExecuteOutcome:
        asked.append(order)
        return await execute(order)

    fair.far.execute = remembered  # type: ignore[method-assign]
    for payment_id in (CHEAP_ID, PAYMENT_ID):
        payment = await shopper.payments.by_id(payment_id)
        assert payment is not None
        await choose_instrument(payment, Choice("bkash", 1), shopper.world)
    return fair


# ---- T66


async def test_a_forged_message_is_kept_and_asks_nobody(fair: Fair) -> None:
    told = SAYS_SUCCESS.format(page=fair.page(PAYMENT_ID))
    assert await fair.hears(told, {"x-proof": "wrong"}) is CallbackReceipt.FORGED
    assert (await fair.state(), fair.owed(), fair.asked) == (State.COLLECTING, 0, [])
    ((kept, hint),) = fair.shopper.small.tables.callbacks.values()
    assert (kept.is_forged, hint) == (True, None)


@pytest.mark.parametrize("extras", ["", EXTRAS])
async def test_a_message_that_says_paid_makes_us_ask_by_our_own_name(fair: Fair, extras: str) -> None:
    """Neither an amount nor a currency nor a merchant is read out of it: there is no place to put them."""
    page, reference = fair.page(PAYMENT_ID), fair.one(PAYMENT_ID).new.reference
    assert await fair.hears(SAYS_SUCCESS.format(page=page) + extras) is CallbackReceipt.UNDERSTOOD
    await fair.shopper.wait(5)
    (asked,) = fair.asked
    assert (asked.reference, asked.provider_reference) == (reference, page)
    assert asked.amount == fair.shopper.small.tables.sums_of(fair.one(PAYMENT_ID)).total
    assert (await fair.state(), fair.owed(), fair.far.taken()) == (State.COLLECTING, 0, 0)


@pytest.mark.parametrize("names", ["paymentID=P99", "reference=" + "Z" * 26, "paymentID=&reference="])
async def test_a_success_of_a_payment_that_was_never_begun_is_nobodys(fair: Fair, names: str) -> None:
    await fair.hears(f"{names}&status=success")
    await fair.shopper.wait(5)
    assert (await fair.state(), await fair.state(CHEAP_ID)) == (State.COLLECTING, State.COLLECTING)
    assert (fair.owed(), fair.asked, fair.alarms()) == (0, [], [])


async def test_another_connectors_success_wakes_nothing_of_this_one(fair: Fair) -> None:
    body = SAYS_SUCCESS.format(page=fair.page(PAYMENT_ID)).encode()
    await receive_callback(fair.shopper.far["nagad"], {}, body, fair.shopper.world)
    await fair.shopper.wait(5)
    assert (await fair.state(), fair.owed(), fair.asked) == (State.COLLECTING, 0, [])


# ---- T67: the genuine success of a cheaper payment, on a dearer order (CVE-2026-9189)


async def test_a_genuine_success_of_a_cheap_order_pays_no_dear_one(fair: Fair) -> None:
    await fair.pays(CHEAP_ID)
    assert (await fair.state(CHEAP_ID), fair.owed()) == (State.COMPLETED, CHEAP)
    genuine = SAYS_SUCCESS.format(page=fair.page(CHEAP_ID))
    reference = fair.one(PAYMENT_ID).new.reference
    for told in (genuine, f"{genuine}&reference={reference}", f"{genuine}{EXTRAS}"):
        await fair.brings(PAYMENT_ID, told)
        await fair.hears(told)
        await fair.shopper.wait(5)
    assert (await fair.state(), fair.owed()) == (State.COLLECTING, CHEAP)
    assert {one.provider_reference for one in fair.asked if one.reference == reference} <= {
        fair.page(PAYMENT_ID)
    }
    assert books_balance(fair.shopper.small.books)


@pytest.mark.parametrize("what", ["its amount", "its name", "its money"])
async def test_a_provider_that_answers_with_the_cheap_payment_is_not_believed(fair: Fair, what: str) -> None:
    """Amount, name and movement of money are compared one by one; any that is another's ends in review."""
    await fair.pays(CHEAP_ID)
    cheap, dear = fair.one(CHEAP_ID), fair.one(PAYMENT_ID)
    sums = fair.shopper.small.tables.sums_of
    right = Collected(dear.new.reference, sums(dear).total, "TRX-OTHER")
    lies = {
        "its amount": replace(right, amount=sums(cheap).total),
        "its name": replace(right, reference=cheap.new.reference),
        "its money": replace(right, provider_transaction=cheap.provider_transaction),
    }
    fair.far.executes.append(Move(lies[what]))
    await fair.brings(PAYMENT_ID, SAYS_SUCCESS.format(page=fair.page(PAYMENT_ID)))
    assert fair.owed() == CHEAP
    assert await fair.state() is State.IN_REVIEW
    assert fair.alarms()
    assert books_balance(fair.shopper.small.books)


# ---- T68


async def test_a_success_that_its_provider_denies_is_none(fair: Fair) -> None:
    fair.far.executes.append(Move(Declined("the payer cancelled", "2029")))
    await fair.brings(PAYMENT_ID, SAYS_SUCCESS.format(page=fair.page(PAYMENT_ID)))
    payment = await fair.shopper.now()
    assert (fair.owed(), payment.funding) == (0, None)
    assert payment.state not in {State.COMPLETED, State.FUNDED, State.IN_REVIEW}
    assert fair.one(PAYMENT_ID).end is TryEnd.DECLINED


@pytest.mark.parametrize("status", ["failure", "cancel"])
async def test_a_failure_that_is_only_said_takes_nothing_away(fair: Fair, status: str) -> None:
    await fair.pays(PAYMENT_ID)
    credited = fair.owed()
    assert credited == PRICE
    for _ in range(2):
        await fair.hears(f"paymentID={fair.page(PAYMENT_ID)}&status={status}")
        await fair.brings(PAYMENT_ID, f"paymentID={fair.page(PAYMENT_ID)}&status={status}")
        await fair.shopper.wait(5)
    assert (await fair.state(), fair.owed()) == (State.COMPLETED, credited)


async def test_a_success_told_a_hundred_times_credits_once(fair: Fair) -> None:
    page = fair.page(PAYMENT_ID)
    fair.far.pages[page].is_agreed = True
    for number in range(100):
        await fair.hears(f"{SAYS_SUCCESS.format(page=page)}&again={number}")
        await fair.brings(PAYMENT_ID, f"{SAYS_SUCCESS.format(page=page)}&back={number}")
    await fair.shopper.wait(5)
    books = fair.shopper.small.books
    assert (await fair.state(), fair.owed()) == (State.COMPLETED, PRICE)
    assert books.moments(PAYMENT_ID) == ["collected", "delivered"]
    assert fair.far.asked["execute"] == 1

"""What becomes of a merchant's money: credited as it comes, and nothing credited that does not agree."""

from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.flows.collections.deliver_collected import deliver_collected
from tests.fakes.connectors import Move
from tests.fakes.payments import books_balance
from tests.scenarios.checkout import PAYMENT_ID, PRICE, SHOP, Shopper

OWN, SELLER = f"payable:merchant:{SHOP}", f"payable:merchant:{SHOP}:S-1"
SPLIT = (Share("S-1", PayeeKind.SELLER, Money(66_667)), Share("", None, Money(33_333)))


@pytest.fixture
def shopper() -> Shopper:
    """Somebody who stands before the checkout of an order of two shares."""
    shopper = Shopper()
    shopper.small.tables.shares.open(PAYMENT_ID, SHOP, SPLIT)
    return shopper


async def pay(shopper: Shopper, instrument: str = "bkash") -> None:
    await shopper.choose(instrument, len(shopper.tries()) + 1)
    shopper.page(instrument).is_agreed = True
    await shopper.wait(181)


def state(shopper: Shopper) -> State:
    return shopper.small.books.payments[PAYMENT_ID].state


def owed(shopper: Shopper) -> int:
    return shopper.small.tables.shares.owed[SHOP]


def a_refund(amount: int) -> NewRefund:
    return NewRefund(
        refund_id=UUID(int=amount),
        payment_id=PAYMENT_ID,
        partner_id=SHOP,
        reference=f"v1:{amount}",
        fingerprint=b"",
        amount=Money(amount),
        reason="it came broken",
        requested_by=f"api:{SHOP}",
        needs_approval=False,
    )


async def test_what_a_payer_gave_is_credited_to_the_shares_and_nobody_is_told_of_a_bill(
    shopper: Shopper,
) -> None:
    await pay(shopper)
    books = shopper.small.books
    assert (state(shopper), owed(shopper)) == (State.COMPLETED, PRICE)
    assert (books.balance(SELLER), books.balance(OWN), books.balance(IN_FLIGHT)) == (66_667, 33_333, 0)
    assert books.moments(PAYMENT_ID) == ["collected", "delivered"]
    assert [notice for _, notice in books.notices] == ["completed"]
    await shopper.wait(3_600)
    assert "start_delivery" not in shopper.small.steps.taken
    assert books_balance(books)


@pytest.mark.parametrize("change", [-1, 1, -PRICE])
async def test_an_amount_changed_on_its_way_ends_in_review_with_an_alarm(
    shopper: Shopper, change: int
) -> None:
    """T32: somebody has changed the amount between our page and the provider."""
    await shopper.choose("bkash")
    (one,) = shopper.tries()
    asked = shopper.small.tables.sums_of(one).total
    said = Collected(one.new.reference, asked + Money(change), "TRX-1")
    shopper.far["bkash"].inquiries.append(said)
    await shopper.wait(181)
    assert (state(shopper), owed(shopper)) == (State.IN_REVIEW, 0)
    assert [alarm for alarm, _ in shopper.small.alarms.raised] == ["collected_mismatch"]
    assert not {SELLER, OWN} & {
        line.account for _, entry in shopper.small.books.entries for line in entry.postings
    }


async def test_a_second_page_that_is_paid_as_well_goes_back_to_its_payer(shopper: Shopper) -> None:
    await shopper.choose("nagad")
    (first,) = shopper.tries()
    shopper.small.clock.pass_by(1_000)
    await pay(shopper)
    total = shopper.small.tables.sums_of(first).total
    shopper.far["nagad"].inquiries.append(Collected(first.new.reference, total, "N-1"))
    await shopper.wait(1_000)
    ends = sorted(str(one.end) for one in shopper.tries())
    assert (state(shopper), owed(shopper), ends) == (State.COMPLETED, PRICE, ["approved", "second_success"])


async def test_a_refund_that_its_connector_refuses_moves_back_to_the_shares(shopper: Shopper) -> None:
    await pay(shopper)
    refunds = shopper.small.world.refunds
    await refunds.request(a_refund(30_000), 10, 60)
    assert (owed(shopper), shopper.small.books.balance(SELLER)) == (PRICE - 30_000, 46_667)
    shopper.far["bkash"].refunds.append(Move(Declined("refused", "2077")))
    await shopper.wait(1)
    (refund,) = shopper.small.tables.refunds.values()
    assert (refund.state, owed(shopper)) == (RefundState.FAILED, PRICE)
    assert (shopper.small.books.balance(SELLER), shopper.small.books.balance(OWN)) == (66_667, 33_333)
    assert books_balance(shopper.small.books)


async def test_a_merchant_that_was_paid_already_gives_back_within_its_debt_limit(shopper: Shopper) -> None:
    await pay(shopper)
    shopper.small.tables.shares.owed[SHOP] -= PRICE
    shopper.small.tables.shares.debt_limits[SHOP] = 500
    refunds = shopper.small.world.refunds
    assert await refunds.request(a_refund(501), 10, 60) is RefundRefusal.DEBT_LIMIT
    await refunds.request(a_refund(500), 10, 60)
    assert owed(shopper) == -500


async def _funded_by_a_review(shopper: Shopper) -> None:
    """As two persons may leave it: the money is in flight, and nobody was credited."""
    await pay(shopper)
    books, shares = shopper.small.books, shopper.small.tables.shares
    payment = books.payments[PAYMENT_ID]
    payment.standing = replace(payment.standing, state=State.FUNDED)
    payment.next_action_at = shopper.small.clock.now()
    books.entries.pop()
    books.notices.clear()
    shares.owed.clear()


async def test_what_a_review_has_funded_is_credited_by_the_collector(shopper: Shopper) -> None:
    await _funded_by_a_review(shopper)
    shopper.small.clock.pass_by(40_000)  # its token is long dead
    await shopper.wait(1)
    assert (state(shopper), owed(shopper)) == (State.COMPLETED, PRICE)
    assert shopper.small.books.balance(SELLER) == 66_667
    assert [notice for _, notice in shopper.small.books.notices] == ["completed"]


async def test_whoever_comes_second_credits_nothing(shopper: Shopper) -> None:
    await _funded_by_a_review(shopper)
    for _ in range(2):
        await deliver_collected(PAYMENT_ID, f"merchant:{SHOP}", shopper.world)
    assert owed(shopper) == PRICE
    assert shopper.small.steps.taken.count("credit_merchant") == 2

"""`ekpay audit` finds a merchant's books clean, and names the row that was tampered with."""

import pytest

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.money import Money
from tests.persistence.books import Books
from tests.persistence.collections.merchant_money_setup import AGREES, ASKS, PAYEES, SPLIT, Stall, open_stall
from tests.persistence.merchants.merchant_setup import BKASH, CARD
from tests.persistence.refunds.refund_setup import NO, wanted

# `payment` is one that was sold and partly given back, `attempt` the try that funded it.
SALE, TRY, MERCHANT = "merchant payment {payment}", "tries {attempt}", "merchants shop"
PARTS = [6667, 1905, 952, 476]
TOLD = """
INSERT INTO attempts (id, payment_id, leg, far_side, reference, state, step, sends, send_until, outcome,
  closed_at)
VALUES (gen_random_uuid(), '{payment}', 'delivery', 'x', 'x', 'closed', 'pay', 1, now(), 'declined', now())
"""
TAMPERINGS = {
    "a share raised": (
        "UPDATE merchant_shares SET amount = amount + 1 WHERE payment_id={id} AND seq = 1",
        f"{SALE}: its shares do not sum to its 105000 paisa",
    ),
    "two shares swapped": (
        "UPDATE merchant_shares SET amount = 105000 - 15000 - amount WHERE payment_id={id} AND seq <= 2",
        f"{SALE}: what was credited is not its shares and charges",
    ),
    "a share on another's account": (
        "UPDATE merchant_shares SET account = 'payable:merchant:shop:X' WHERE payment_id={id} AND seq = 1",
        f"{SALE}: a share stands on an account that is not its payee's",
    ),
    "a share given to another payee": (
        "UPDATE merchant_shares SET payee = 'X' WHERE payment_id={id} AND seq = 1",
        f"{SALE}: a share stands on an account that is not its payee's",
    ),
    "a share that has given back more": (
        "UPDATE merchant_shares SET refunded = refunded + 1 WHERE payment_id={id} AND seq = 1",
        f"{SALE}: its shares have given back {[6668, *PARTS[1:]]}, which are not the parts of 10000",
    ),
    "charges that take part though they were kept": (
        "INSERT INTO merchant_sums (payment_id) VALUES ('{payment}')",
        f"{SALE}: its shares have given back {[*PARTS, 0, 0, 0]}, which are not the parts of 10000",
    ),
    "its order is another merchant's": (
        "UPDATE payments SET biller_id = 'merchant:other' WHERE id = '{payment}'",
        f"{SALE}: it has no order of its merchant",
    ),
    "a bill made of it": (
        "UPDATE payments SET biller_id = 'desco_postpaid' WHERE id = '{payment}'",
        "payments {payment}: completed, and its payee was credited 90476 paisa instead of 95000",
    ),
    "a delivery that nobody ordered": (
        TOLD,
        f"{SALE}: somebody was told of it as of a bill",
    ),
    "what it shows as its price": (
        "UPDATE payments SET charge = charge + 1 WHERE id = '{payment}'",
        f"{SALE}: what was credited is not its shares and charges",
    ),
    "the price of the try that funded it": (
        "UPDATE tries SET charge = charge - 1 WHERE attempt_id = '{attempt}'",
        f"{TRY}: it brought 107150 paisa at a price of 107149",
    ),
    "a fee made a charge": (
        "UPDATE tries SET charge = charge + 1, fee = fee - 1 WHERE attempt_id = '{attempt}'",
        f"{TRY}: its payment shows another price",
    ),
    "a try without a price": (
        "UPDATE tries SET charge = NULL, fee = NULL, vat = NULL WHERE attempt_id = '{attempt}'",
        f"{TRY}: it has no price of its own",
    ),
    "what the merchant is owed": (
        "UPDATE merchants SET owed = owed + 1 WHERE partner_id = 'shop'",
        f"{MERCHANT}: it is owed 200001 paisa, and its accounts hold 200000",
    ),
}


async def _sold(stall: Stall) -> LockedTry:
    """One payment of which a part went back, a part failed and a part waits, beside others of every fate."""
    held, other = await stall.sold(SPLIT), await stall.sold()
    await stall.agreement("returned")
    returned = await stall.sold(SPLIT)
    await stall.agreement("kept")
    for amount, is_given in ((5_000, True), (7_777, False), (5_000, True)):
        new = wanted(held.payment_id, amount, partner_id="shop")
        await stall.office.ask(new)
        if is_given:
            await stall.office.done(new.refund_id)
        else:
            await stall.office.record(await stall.office.sent(new.refund_id), NO)
    await stall.office.ask(wanted(held.payment_id, 1_000, partner_id="shop", needs_approval=True))
    view = await stall.office.desk.record_chargeback(other.payment_id, Money(105_000), "CB-1", ASKS)
    await stall.office.desk.approve(view.refund_id, AGREES)
    await stall.office.ask(wanted(returned.payment_id, 107_150, partner_id="shop"))
    await stall.sold()
    payment = await stall.ordered(SPLIT)
    await stall.on_page(payment, BKASH)
    await stall.on_page(payment, CARD)
    await stall.ordered()
    return held


@pytest.mark.parametrize("name", [None, *TAMPERINGS])
async def test_the_first_row_that_was_tampered_with_is_named(books: Books, name: str | None) -> None:
    async with open_stall(books) as stall:
        await stall.shop.merchant(payees=PAYEES)
        held = await _sold(stall)
    assert await books.audit() is None
    if name is None:
        return
    statement, expected = TAMPERINGS[name]
    places = {"payment": held.payment_id, "attempt": held.attempt_id, "id": f"'{held.payment_id}'"}

    await books.tell(statement.format(**places))

    assert str(await books.audit()) == expected.format(**places)


async def test_accounts_of_a_merchant_that_does_not_stand_are_found(books: Books) -> None:
    async with open_stall(books) as stall:
        await stall.shop.merchant(payees=PAYEES)
        await stall.sold(SPLIT)
    connection = await books.superuser()
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("DELETE FROM merchants")
    finally:
        await connection.close()
    assert str(await books.audit()) == f"{MERCHANT}: accounts name it, but there is no such merchant"


async def test_a_bill_whose_try_has_a_price_of_its_own_is_found(books: Books) -> None:
    await books.partner()
    async with open_stall(books) as stall:
        held = await stall.till.on_page()
    await books.tell("UPDATE tries SET charge = 1, fee = 1, vat = 1 WHERE attempt_id = $1", held.attempt_id)
    assert str(await books.audit()) == f"tries {held.attempt_id}: a bill's try has a price of its own"


REQUEST = """
INSERT INTO host_messages (connector_id, reference, epoch, payment_id, acquirer, day, stan, at, rrn, amount,
  currency, alias, state, send_until)
SELECT 'bkash', a.reference, 1, a.payment_id, '1', now()::date, 1, now(), '1', $2, 'BDT', 'A', 'waiting',
  now()
FROM attempts AS a WHERE a.id = $1
"""


@pytest.mark.parametrize("beyond", [0, 1])
async def test_a_request_to_a_host_is_held_against_the_price_of_its_own_try(
    books: Books, beyond: int
) -> None:
    async with open_stall(books) as stall:
        await stall.shop.merchant(payees=PAYEES)
        payment = await stall.ordered(SPLIT)
        older = await stall.on_page(payment, BKASH)
        await stall.on_page(payment, CARD)
    asked = older.order.amount.minor + beyond
    await books.tell("ALTER TABLE host_messages DISABLE TRIGGER ALL")

    await books.tell(REQUEST, older.attempt_id, asked)

    finding = await books.audit()
    assert (finding is None) == (not beyond)
    assert finding is None or finding.why == f"it asked for {asked} of {asked - 1}"

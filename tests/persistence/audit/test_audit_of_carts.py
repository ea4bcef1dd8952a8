"""The audit finds every way in which the money of a cart could be made to look right."""

import pytest

from ekpay_switch.domain.outcome import Declined
from ekpay_switch.persistence.audit.carts import (
    PAYMENTS_OF_NO_BILL,
    bill_fault,
    cart_refund_fault,
    funding_fault,
    payment_of_no_bill_fault,
    stand_in_fault,
)
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.persistence.books import Books
from tests.persistence.carts.cart_setup import open_portal

TABLES = (
    "bill_carts", "cart_bills", "cart_fundings", "cart_bill_ends", "cart_refunds", "cart_work",
    "stand_in_tries",
)  # fmt: skip
FREE = "; ".join(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in TABLES)
_FURTHER_TRY = """
INSERT INTO stand_in_tries (cart_id, seq, nth, reference, until)
SELECT cart_id, seq, 2, {reference}, now() FROM cart_bills WHERE seq = {seq}
"""
_OF_BILL = "reference || ':2'"
TAMPERINGS = {
    "a bill's amount": (
        "UPDATE cart_bills SET amount = amount + 1 WHERE seq = 1",
        "its bills are 315001 paisa, 315000 were credited and 315000 moved to the prefund",
    ),
    "a funding that goes": ("DELETE FROM cart_fundings", "there is no such funded cart"),
    "a funding by another payment": (
        "UPDATE cart_fundings SET payment_id = (SELECT id FROM payments WHERE reference LIKE 'cart:%:1')",
        "it was funded by a payment that is not its own",
    ),
    "an end that goes": (
        "DELETE FROM cart_bill_ends WHERE ending = 'given_back'",
        "for a bill that did not end so",
    ),
    "an end without its entry": (
        "UPDATE cart_bill_ends SET entry_id = '00000000-0000-0000-0000-000000000001' WHERE seq = 2",
        "a bill of 105000 paisa ended so, and 0 moved out",
    ),
    "a reference that names no payment": (
        "UPDATE cart_bills SET reference = 'another' WHERE seq = 3",
        "it ended as paid, and its payment is not there",
    ),
    "another biller": ("UPDATE cart_bills SET biller_id = 'dpdc' WHERE seq = 1", "to another biller"),
    "an open bill that nobody looks after": (
        "DELETE FROM cart_bill_ends WHERE ending = 'paid'",
        "it is open and nobody looks after it",
    ),
    "a further payment of a bill that was paid": (
        _FURTHER_TRY.format(seq=1, reference=_OF_BILL),
        "it was begun while the payment before it was completed",
    ),
    "a further payment of a bill that was refused": (
        _FURTHER_TRY.format(seq=2, reference=_OF_BILL),
        "although the payment before it may have been sent",
    ),
    "a further payment that is another one's": (
        _FURTHER_TRY.format(seq=1, reference="reference"),
        "its payment is not of this bill",
    ),
    "a refund that goes": ("DELETE FROM cart_refunds", "no refund of it is planned"),
    "a refund of a bill that was paid": (
        "UPDATE cart_refunds SET seqs = '{1,2}'",
        "it refunds a bill that was not given back",
    ),
    "another amount of a refund": ("UPDATE cart_refunds SET amount = amount + 1", "paisa were planned and"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_a_row_that_was_changed_is_found(books: Books, tampering: str) -> None:
    statement, why = TAMPERINGS[tampering]
    async with open_portal(books) as portal:
        portal.billers["titas"].deeds.append(Deed(Declined("refused", "328")))
        cart, _ = await portal.paid()
        await portal.worked(cart)
        await portal.worked(cart)
        assert await books.audit() is None
        await books.tell(FREE)
        await books.tell(statement)
        finding = await books.audit()
        assert finding is not None
        assert why in str(finding)


async def test_money_of_open_bills_that_is_not_there_is_found(books: Books) -> None:
    async with open_portal(books) as portal:
        portal.billers["titas"].deeds.append(LOSES_ANSWER)
        cart, _ = await portal.paid()
        await portal.worked(cart)
        assert await books.audit() is None
        await books.tell(FREE)
        # As if the bill had never been claimed: it waits for money that is in flight.
        await books.tell("UPDATE cart_bills SET reference = 'another' WHERE seq = 2")
        finding = await books.audit()
        assert finding is not None
        assert "open bills of carts wait for 105000 paisa, and 0 are there" in str(finding)


async def test_a_payment_that_no_bill_knows_of_is_found(books: Books) -> None:
    async with open_portal(books) as portal:
        cart, _ = await portal.paid("titas")
        bill = (await portal.worked(cart)).bills[0]
        assert await books.rows(PAYMENTS_OF_NO_BILL) == []
        await books.tell("UPDATE payments SET reference = reference || ':2' WHERE id = $1", bill.payment_id)
        (row,) = await books.rows(PAYMENTS_OF_NO_BILL)
        assert row["id"] == bill.payment_id
        assert "for no bill of a cart" in payment_of_no_bill_fault(row)
        await books.tell("UPDATE payments SET reference = $2 WHERE id = $1", bill.payment_id, bill.reference)


BILL = {
    "amount": 5,
    "taken": 5,
    "wanted": "titas",
    "biller_id": "titas",
    "state": "completed",
    "ending": "paid",
    "is_watched": False,
    "is_planned": False,
}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"taken": 6}, "of another amount"),
        (
            {"ending": "given_back", "is_planned": True},
            "it ended as given_back, and its payment is completed",
        ),
        ({"state": "refunded"}, "it ended as paid, and its payment is refunded"),
        ({"state": "refunded", "ending": "given_back", "is_planned": True}, None),
        ({"state": "declined", "ending": "given_back", "is_watched": True}, None),
        ({"state": "declined", "ending": "given_back"}, "no refund of it is planned"),
        ({"state": "in_review"}, None),
        ({"state": "delivering", "ending": None, "is_watched": True}, None),
        ({"state": None, "ending": None, "is_watched": True, "taken": None, "biller_id": None}, None),
        ({"ending": None}, "nobody looks after it"),
    ],
)
def test_a_bill_ends_as_its_payment_did(changes: dict[str, object], why: str | None) -> None:
    found = bill_fault({**BILL, **changes})
    assert found is None if why is None else why in str(found)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"recorded": None, "is_of_cart": None}, None),
        ({"are_back": None}, "a bill that was not given back"),
        ({"is_of_cart": False}, "for another payment"),
        ({"recorded": 6}, "5 paisa were planned and 6 recorded"),
    ],
)
def test_a_refund_is_recorded_as_it_was_planned(changes: dict[str, object], why: str | None) -> None:
    row = {"amount": 5, "recorded": 5, "is_of_cart": True, "are_back": True}
    found = cart_refund_fault({**row, **changes})
    assert found is None if why is None else why in str(found)


def test_a_cart_that_moved_nothing_is_found() -> None:
    row = {"is_funded": True, "partner_id": "portal", "is_of_cart": True, "moved": None, "credited": 5}
    assert funding_fault({**row, "of_bills": 5}) == (
        "its bills are 5 paisa, 5 were credited and 0 moved to the prefund"
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"follows": False}, "while the payment before it was refunded"),
        ({"state": None}, "while the payment before it was not there"),
        ({"state": "delivering"}, "while the payment before it was delivering"),
        ({"is_unsent": False}, "may have been sent"),
        ({"is_named": False}, "not of this bill"),
        ({"was_lost": True, "is_unsent": False, "follows": False}, None),
        ({"was_lost": True, "state": None}, None),
        ({"was_lost": True, "state": "completed"}, "while the payment before it was completed"),
    ],
)
def test_a_further_payment_follows_what_was_never_sent(changes: dict[str, object], why: str | None) -> None:
    row = {"is_named": True, "follows": True, "state": "refunded", "is_unsent": True, "was_lost": False}
    found = stand_in_fault({**row, **changes})
    assert found is None if why is None else why in str(found)

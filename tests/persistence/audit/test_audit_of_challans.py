"""The audit finds every way in which a challan's money could be made to look right."""

import pytest

from ekpay_switch.domain.outcome import Declined
from ekpay_switch.persistence.audit.challans import challan_line_fault, challans_of_payment_fault
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.persistence.books import Books
from tests.persistence.challans.challan_setup import open_counter

FREE = """
ALTER TABLE challan_requests DISABLE TRIGGER ALL; ALTER TABLE challan_lines DISABLE TRIGGER ALL;
ALTER TABLE challan_line_ends DISABLE TRIGGER ALL; ALTER TABLE challan_work DISABLE TRIGGER ALL
"""
TAMPERINGS = {
    "a total": ("UPDATE challan_requests SET total = total + 1", "paisa were asked for and 57500 set aside"),
    "a line": ("UPDATE challan_lines SET amount = amount + 1 WHERE seq = 2", "its lines are 57501 paisa"),
    "a request that goes": ("DELETE FROM challan_requests", "there is no such request"),
    "an end that goes": (
        "DELETE FROM challan_line_ends WHERE ending = 'moved_back'",
        "for a challan line that did not end so",
    ),
    "an end without its entry": (
        "UPDATE challan_line_ends SET entry_id = '00000000-0000-0000-0000-000000000001' WHERE seq = 1",
        "a line of 50000 paisa ended so, and 0 moved back",
    ),
    "a reference that names no payment": (
        "UPDATE challan_lines SET reference = 'another' WHERE seq = 2",
        "it ended as paid, and its payment is not there",
    ),
    "an end that the payment does not have": (
        "UPDATE payments SET state = 'delivering' WHERE reference LIKE 'challan:%:2'",
        "holds 0 paisa for it instead of 7500",
    ),
    "an open line that nobody looks after": (
        "DELETE FROM challan_line_ends WHERE ending = 'paid'",
        "it is open and nobody looks after it",
    ),
    "challans of another merchant": (
        "UPDATE challan_requests SET partner_id = 'other'",
        "set aside in its prefund",
    ),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_a_row_that_was_changed_is_found(books: Books, tampering: str) -> None:
    statement, why = TAMPERINGS[tampering]
    async with open_counter(books) as counter:
        await counter.given()
        await counter.stall.shop.merchant("other", 1)
        counter.treasury.deeds.append(Deed(Declined("refused", "104")))
        await counter.raised(await counter.order_for(await counter.stall.sold()))
        assert await books.audit() is None
        await books.tell(FREE)
        await books.tell(statement)
        finding = await books.audit()
        assert finding is not None
        assert why in str(finding)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"is_own": True, "raised": 5, "credited": 5}, None),
        ({"is_own": True, "raised": 6, "credited": 5}, "challans took 6 paisa of it, which credited 5"),
        ({"is_own": True, "raised": 6, "credited": None}, "challans took 6 paisa of it, which credited 0"),
        ({"is_own": False, "raised": 1, "credited": 5}, "of another merchant"),
    ],
)
def test_what_a_payment_credited_limits_its_challans(row: dict[str, object], why: str | None) -> None:
    """By the rows alone: whoever changes a share is found by the audit of shares first."""
    found = challans_of_payment_fault(row)
    assert found is None if why is None else why in str(found)


LINE = {
    "amount": 5,
    "taken": 5,
    "biller_id": "achallan_generic",
    "state": "completed",
    "ending": "paid",
    "is_watched": False,
}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"taken": 6}, "of another amount"),
        ({"biller_id": "income_tax"}, "to somebody else"),
        ({"ending": "moved_back"}, "it ended as moved_back, and its payment is completed"),
        ({"state": "refunded"}, "it ended as paid, and its payment is refunded"),
        ({"state": "delivering"}, "it ended as paid, and its payment is delivering"),
        ({"state": "refunded", "ending": "moved_back"}, None),
        ({"state": "declined", "ending": "moved_back"}, None),
        ({"state": "in_review", "ending": "moved_back"}, None),
        ({"state": "delivering", "ending": None, "is_watched": True}, None),
        ({"state": None, "ending": None, "is_watched": True, "taken": None, "biller_id": None}, None),
        ({"ending": None}, "nobody looks after it"),
    ],
)
def test_a_line_ends_as_its_payment_did(changes: dict[str, object], why: str | None) -> None:
    found = challan_line_fault({**LINE, **changes})
    assert found is None if why is None else why in str(found)


async def test_money_of_open_lines_that_is_not_there_is_found(books: Books) -> None:
    async with open_counter(books) as counter:
        await counter.given()
        counter.treasury.deeds.append(LOSES_ANSWER)
        await counter.raised(await counter.order_for(await counter.stall.sold()))
        assert await books.audit() is None
        # As if the line had never been claimed: it waits for money that is in flight.
        await books.tell("UPDATE challan_lines SET reference = 'another' WHERE seq = 1")
        finding = await books.audit()
        assert finding is not None
        assert "open challan lines wait for 50000 paisa, and 0 are there" in str(finding)

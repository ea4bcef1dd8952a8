"""The audit finds every way in which the cash of a counter could be made to look right."""

from datetime import date

import pytest

from ekpay_switch.domain.agents.commission import EVERY_AGENT, CommissionRate, CommissionTerms
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.persistence.agents.commissions import book_commissions
from ekpay_switch.persistence.audit.agents import AGENT_CHECKS
from tests.fakes.billers import Deed
from tests.persistence.agents.counter_setup import open_centre
from tests.persistence.books import Books

_UNAPPROVED = """
ALTER TABLE access_changes DISABLE TRIGGER ALL;
UPDATE access_changes SET approved_by = NULL, approved_at = NULL WHERE kind = 'agent_operator'
"""
_WITHOUT_PAYMENT = """
UPDATE agent_orders SET id = '00000000-0000-0000-0000-000000000001',
  reference = 'agent:00000000000000000000000000000001' WHERE biller_id = 'titas'
"""
_HANDED_BACK = """
UPDATE agent_orders SET handed_back_at = now(), handed_back_from = drawer_id WHERE biller_id = 'titas'
"""
_GONE = """
DELETE FROM agent_orders WHERE biller_id = 'desco_postpaid';
UPDATE cash_drawers SET expected = 155000
"""
TAMPERINGS = {
    "an operator whom nobody approved": (
        _UNAPPROVED,
        "no two persons have linked this operator",
    ),
    "another agent for an operator": (
        "UPDATE agent_operators SET partner_id = 'portal'",
        "the operator is not the one that was approved",
    ),
    "an order of another agent": (
        "UPDATE agent_orders SET partner_id = 'portal'",
        "its payment or its drawer",
    ),
    "an order with another reference": (
        "UPDATE agent_orders SET reference = reference || 'x'",
        "its payment or its drawer is not its own",
    ),
    "an order that was counted in an open drawer": (
        "UPDATE cash_drawers SET closed_at = NULL, expected = NULL, counted = NULL",
        "its cash was counted in an open drawer",
    ),
    "cash without a payment": (
        _WITHOUT_PAYMENT,
        "its cash was counted or handed back, and there is no payment",
    ),
    "another biller": (
        "UPDATE agent_orders SET biller_id = 'wasa' WHERE biller_id = 'titas'",
        "it was paid to titas, and its bill is of wasa",
    ),
    "less cash than was paid": (
        "UPDATE agent_orders SET amount = amount - 1 WHERE biller_id = 'titas'",
        "its payer gave 104999 paisa, and 105000 were paid",
    ),
    "other charges": (
        "UPDATE agent_orders SET charges = charges + 1 WHERE biller_id = 'titas'",
        "its payer gave 105000 paisa, and 105000 were paid",
    ),
    "cash that was handed back for a paid bill": (
        _HANDED_BACK,
        "its cash was handed back, and its money is not in the prefund",
    ),
    "cash that was never handed back": (
        "UPDATE agent_orders SET handed_back_at = NULL, handed_back_from = NULL",
        "155000 paisa were expected in it, and its orders come to 260000",
    ),
    "a drawer that was expected to hold less": (
        "UPDATE cash_drawers SET expected = expected - 500",
        "154500 paisa were expected in it, and its orders come to 155000",
    ),
    "an order that goes": (
        _GONE,
        "it was paid at a counter, and no order there knows of it",
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_changed_counter_is_found(books: Books, name: str) -> None:
    statements, why = TAMPERINGS[name]
    async with open_centre(books) as centre:
        operator = await centre.operator()
        centre.portal.billers["desco_postpaid"].deeds.append(Deed(Declined("closed_account")))
        drawer = await centre.opened(operator)
        await centre.paid(operator, drawer, "titas")
        refused = await centre.paid(operator, drawer)
        assert await centre.counter.hand_back("udc1", refused.order_id, drawer.drawer_id)
        await centre.counter.close_drawer(drawer.drawer_id, Money(0))
        assert await books.audit() is None
        for statement in statements.split(";"):
            await books.tell(statement)
        finding = await books.audit()
    assert finding is not None
    assert why in finding.why


_OTHER_ENTRY = """
UPDATE postings SET account = 'commission_payable:agent:portal'
WHERE account = 'commission_payable:agent:udc1'
"""
_OTHER_AGENT = """
ALTER TABLE agent_commissions DISABLE TRIGGER ALL;
UPDATE agent_commissions SET partner_id = 'portal'
"""
_MORE_BOOKED = """
ALTER TABLE agent_commissions DISABLE TRIGGER ALL;
UPDATE agent_commissions SET amount = amount + 1
"""
_NOT_BOOKED = """
ALTER TABLE agent_orders DISABLE TRIGGER ALL;
ALTER TABLE agent_commissions DISABLE TRIGGER ALL;
UPDATE agent_orders SET commission = 0, commission_basis_points = 0, commission_id = NULL;
DELETE FROM agent_commissions
"""
_OF_REFUSED = """
ALTER TABLE agent_orders DISABLE TRIGGER ALL;
UPDATE agent_orders AS a SET commission = b.commission, commission_basis_points = 4000,
  commission_id = b.commission_id FROM agent_orders AS b
WHERE a.biller_id = 'desco_postpaid' AND b.biller_id = 'titas'
"""
COMMISSION_TAMPERINGS = {
    "an order that has earned more": (
        "UPDATE agent_orders SET commission = commission + 1 WHERE biller_id = 'titas'",
        "it has earned 201 paisa, and its rate comes to 200",
    ),
    "a rate that was not the one of its sum": (
        "UPDATE agent_orders SET commission_basis_points = 5000 WHERE biller_id = 'titas'",
        "it has earned 200 paisa, and its rate comes to 250",
    ),
    "commission of a refused bill": (_OF_REFUSED, "a fee that we have not earned"),
    "commission of another agent": (_OTHER_AGENT, "its commission is another agent's"),
    "more than its orders": (_MORE_BOOKED, "201 paisa were booked, and its orders have earned 200"),
    "an entry that credits somebody else": (_OTHER_ENTRY, "its entry books something else"),
    "an entry that no order earned": (_NOT_BOOKED, "it moves commission, and no agent has earned it"),
}
_TERMS = CommissionTerms((CommissionRate(EVERY_AGENT, 4_000, date(2020, 1, 1)),))


@pytest.mark.parametrize("name", COMMISSION_TAMPERINGS)
async def test_changed_commission_is_found(books: Books, name: str) -> None:
    statements, why = COMMISSION_TAMPERINGS[name]
    async with open_centre(books) as centre:
        centre.take_fee()
        operator = await centre.operator()
        centre.portal.billers["desco_postpaid"].deeds.append(Deed(Declined("closed_account")))
        drawer = await centre.opened(operator)
        await centre.paid(operator, drawer, "titas")
        await centre.paid(operator, drawer)
        assert await book_commissions(centre.transactions, _TERMS) == 1
        assert await books.audit() is None
        found = await _faults_after(books, statements)
    assert any(why in fault for fault in found), found


async def _faults_after(books: Books, statements: str) -> list[str]:
    """What the checks of counters find, without those of balances that would stop the audit before."""
    for statement in statements.split(";"):
        await books.tell(statement)
    faults = []
    for query, fault_of, _ in AGENT_CHECKS:
        faults += [fault for row in await books.rows(query) if (fault := fault_of(row))]
    return faults

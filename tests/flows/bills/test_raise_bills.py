"""An office raises its bills: all or none, once, for its own biller alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from ekpay_switch.domain.scrolls.bill_notices import RaisedNotices
from ekpay_switch.flows.bills.raise_bills import (
    BILL_NO,
    PARAMETERS,
    BillFault,
    BillsRefused,
    NewBill,
    RaiseOrder,
    RaiseRefusal,
    find_bill,
    raise_bills,
)
from ekpay_switch.ports.billers import Parameter
from tests.factories import a_world
from tests.fakes.bill_notices import FakeRaisedBills
from tests.fakes.billers import PROFILE
from tests.fakes.world import SmallWorld

OFFICE = "b025"
PARTNER = "school1"
HOLDING = Parameter(
    "holding_no", "bll_no", "Holding", "হোল্ডিং", "^[0-9]{8}$", "12345678", "A",
    is_required=True, names_payer=False,
)  # fmt: skip
NAMED = {"holding_no": "12345678"}
CELLS = {
    "bill_no": "S-1",
    "customer_name": "Karim",
    "period": "2026",
    "issued_on": "2026-11-01",
    "due_on": "2026-12-31",
    "amount": "1000.00",
    "vat": "0.00",
    "late_fee": "25.00",
    "lines": "",
}


def an_office() -> tuple[SmallWorld, FakeRaisedBills]:
    """A world whose biller keeps its bills in our database, and the partner that raises them."""
    small = a_world()
    small.biller.profile = replace(PROFILE, has_bill_files=True, parameters=(HOLDING,))
    return small, FakeRaisedBills({(PARTNER, PROFILE.id)})


def a_new_bill(parameters: Mapping[str, str] = NAMED, count: int = 1, **cells: str) -> NewBill:
    return NewBill(CELLS | cells, parameters, count, 31)


def an_order(*bills: NewBill, partner: str = PARTNER, biller: str = OFFICE) -> RaiseOrder:
    return RaiseOrder(partner, biller, bills or (a_new_bill(),), date(2026, 11, 1))


async def test_bills_are_raised_in_their_order_and_each_instalment_is_a_bill() -> None:
    small, raised = an_office()
    order = an_order(a_new_bill(count=2), a_new_bill(bill_no="S-2"))
    answer = await raise_bills(order, small.billers, raised)
    assert isinstance(answer, RaisedNotices)
    bills = [notice.stored.bill for notice in answer.notices]
    assert [(bill.bill_key, bill.amount.minor) for bill in bills] == [
        ("S-1-1", 50_000),
        ("S-1-2", 50_000),
        ("S-2", 100_000),
    ]
    assert await find_bill(PARTNER, OFFICE, "S-2", small.billers, raised) == answer.notices[2]
    assert await find_bill(PARTNER, OFFICE, "S-3", small.billers, raised) is None


async def test_a_repeat_has_the_notices_of_the_first() -> None:
    small, raised = an_office()
    first = await raise_bills(an_order(), small.billers, raised)
    again = await raise_bills(an_order(), small.billers, raised)
    assert isinstance(first, RaisedNotices)
    assert again == replace(first, is_repeat=True)
    assert raised.days == [date(2026, 11, 1)]


async def test_a_number_that_is_there_is_named_by_its_place() -> None:
    small, raised = an_office()
    await raise_bills(an_order(a_new_bill(count=2)), small.billers, raised)
    order = an_order(a_new_bill(bill_no="S-2"), a_new_bill(count=2, amount="7.00"))
    answer = await raise_bills(order, small.billers, raised)
    assert answer == BillsRefused([BillFault(1, BILL_NO)], are_known=True)
    assert len(raised.bills) == 2


@pytest.mark.parametrize(
    ("bill", "member"),
    [
        (a_new_bill(bill_no="S-0"), BILL_NO),
        (a_new_bill(amount="7"), "amount"),
        (a_new_bill(lines="rent=1.00"), "lines"),
        (a_new_bill(lines="rent=1000.00", count=2), "lines"),
        (a_new_bill({"holding_no": "?"}), f"{PARAMETERS}/holding_no"),
        (a_new_bill({}), PARAMETERS),
        (a_new_bill(NAMED | {"colour": "red"}), PARAMETERS),
        (a_new_bill(NAMED | {"amount": "1.00"}), PARAMETERS),
    ],
    ids=["twice", "amount", "sum", "instalments", "form", "missing", "strange", "a cell's name"],
)
async def test_what_is_wrong_is_named_by_place_and_member_and_nothing_is_raised(
    bill: NewBill, member: str
) -> None:
    small, raised = an_office()
    answer = await raise_bills(an_order(a_new_bill(bill_no="S-0"), bill), small.billers, raised)
    assert answer == BillsRefused([BillFault(1, member)])
    assert raised.bills == {}


async def test_every_wrong_bill_is_named() -> None:
    small, raised = an_office()
    order = an_order(a_new_bill(amount="7"), a_new_bill(bill_no="S-2"), a_new_bill(due_on="?", vat="?"))
    answer = await raise_bills(order, small.billers, raised)
    assert answer == BillsRefused([BillFault(0, "amount"), BillFault(2, "due_on"), BillFault(2, "vat")])


@pytest.mark.parametrize(
    ("partner", "biller", "refusal"),
    [
        ("bank1", OFFICE, RaiseRefusal.NOT_AN_ISSUER),
        (PARTNER, "b999", RaiseRefusal.UNKNOWN_BILLER),
    ],
)
async def test_nobody_else_raises_or_reads(partner: str, biller: str, refusal: RaiseRefusal) -> None:
    small, raised = an_office()
    assert await raise_bills(an_order(partner=partner, biller=biller), small.billers, raised) is refusal
    assert await find_bill(partner, biller, "S-1", small.billers, raised) is refusal
    assert raised.bills == {}


async def test_a_biller_that_keeps_its_bills_itself_is_no_office() -> None:
    small, raised = an_office()
    small.biller.profile = PROFILE
    assert await raise_bills(an_order(), small.billers, raised) is RaiseRefusal.UNKNOWN_BILLER


class BriefIssuers(FakeRaisedBills):
    """Every issuer is removed between the look and the commit."""

    async def is_issuer(self, partner_id: str, biller_id: str) -> bool:
        answer = await super().is_issuer(partner_id, biller_id)
        self.issuers.clear()
        return answer


async def test_an_issuer_that_was_removed_meanwhile_raises_nothing() -> None:
    small, raised = an_office()
    answer = await raise_bills(an_order(), small.billers, BriefIssuers(raised.issuers))
    assert answer is RaiseRefusal.NOT_AN_ISSUER

"""direct_rest, fetching: a bill is told as its biller states it, or not at all."""

import json
from datetime import UTC, date, datetime

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from ekpay_switch.domain.bill import (
    AmountRefused,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    ChargeLine,
    FetchReply,
)
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.direct_rest.direct_rest_stage import (
    ACCOUNT,
    BILL,
    QUERY,
    WEST_ZONE,
    bill_data,
    bill_said,
    direct_stage,
    envelope,
    reworded,
    saying,
)
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.biller_adapters.far_side_stage import rude_manners
from tests.biller_adapters.test_any_answer import OneAnswer
from tests.wire.scripted_peer import Manners

RUDE = rude_manners(bill_said())
LATE = datetime(2025, 10, 26, 6, 0, tzinfo=UTC)


async def told(
    said: bytes, manifest: Manifest = WEST_ZONE, query: BillQuery = QUERY, at: datetime = NOON
) -> FetchReply:
    """What is made of one answer at that instant, without a socket between."""
    wire, shelf = OneAnswer(said), InMemoryTokens({manifest.id: "token"})
    return await adapter_of(manifest, FamilyContext(wire, shelf, StoppedClock(at), {})).fetch(query)


async def test_a_bill_is_told_in_full() -> None:
    async with direct_stage(saying(bill=bill_said(billCount="3"))) as stage:
        bill = await stage.bill()
        assert [json.loads(body) for body in stage.bodies("/bill")] == [{"accountNo": ACCOUNT}]
    assert (bill.bill_key, bill.bill_number, bill.account, bill.unpaid_count) == (BILL, BILL, ACCOUNT, 3)
    assert (bill.amount, bill.vat, bill.late_fee, bill.total) == (
        Money(100_000),
        Money(5_000),
        ZERO,
        Money(105_000),
    )
    assert (bill.issued_on, bill.due_on) == (date(2025, 10, 5), date(2025, 10, 25))
    assert bill.charges == ()
    assert bill.details == {
        "customer_name": "Rahela Khatun",
        "address": "House 12, Road 7, Khulna",
        "meter_no": "54321098",
        "kwh": "",
        "period_from": "2025-09-01",
        "period_to": "2025-09-30",
    }
    assert bill.biller_quote == {
        "account_no": ACCOUNT,
        "their_bill_number": BILL,
        "their_account": ACCOUNT,
    }


async def test_a_late_fee_counts_from_the_day_after_the_due_date() -> None:
    reply = await told(bill_said(total="1102.50"), at=LATE)
    assert isinstance(reply, BillFound)
    assert (reply.bill.late_fee, reply.bill.total) == (Money(5_250), Money(110_250))
    assert isinstance(await told(bill_said(), at=LATE), BillerSilent)
    assert isinstance(await told(bill_said(total="1102.50")), BillerSilent)


@pytest.mark.parametrize(("rule", "total"), [("stated", "1102.50"), ("none", "1050.00")])
async def test_a_late_fee_may_lie_in_the_total_or_be_nobodys(rule: str, total: str) -> None:
    manifest = WEST_ZONE.model_copy(update={"late_fee": WEST_ZONE.late_fee.model_copy(update={"rule": rule})})
    reply = await told(bill_said(total=total), manifest)
    assert isinstance(reply, BillFound)
    assert str(reply.bill.total) == f"{total} BDT"


async def test_a_stamp_is_told_as_a_line_of_the_billers() -> None:
    reply = await told(bill_said(stamp="10.00", total="1060.00"))
    assert isinstance(reply, BillFound)
    assert reply.bill.amount == Money(101_000)
    assert reply.bill.charges == (
        ChargeLine("amount", Money(100_000)),
        ChargeLine("vat", Money(5_000)),
        ChargeLine("stamp", Money(1_000)),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"accountNo": "301234568"},
        {"billNo": ""},
        {"billNo": None},
        {"total": "1050.01"},
        {"total": "1050.001"},
        {"total": "-1050.00"},
        {"total": None},
        {"vat": None},
        {"vat": True},
        {"lateFee": None},
        {"stamp": None},
        {"dueDate": "25-10-2025"},
        {"dueDate": "2025-10-5"},
        {"dueDate": "2025-13-01"},
        {"dueDate": "\u09e8025-10-25"},
        {"issueDate": None},
        {"period": "2025-09"},
        {"period": "202500"},
        {"paid": None},
    ],
    ids=str,
)
async def test_a_bill_that_is_not_whole_or_not_ours_is_silence(changes: dict[str, object]) -> None:
    assert isinstance(await told(bill_said(**changes)), BillerSilent)


@pytest.mark.parametrize("missing", sorted(bill_data().keys() - {"billCount", "outstanding"}))
async def test_only_what_informs_may_be_missing(missing: str) -> None:
    data = bill_data()
    del data[missing]
    reply = await told(envelope(bill=data))
    informs = missing in {"customerName", "address", "meterNo"}
    assert isinstance(reply, BillFound) == informs


@pytest.mark.parametrize("count", [None, "", "some", 0, -1, "99999999", 2.5])
async def test_a_count_that_is_none_is_one(count: object) -> None:
    reply = await told(bill_said(billCount=count))
    assert isinstance(reply, BillFound)
    assert reply.bill.unpaid_count == 1


async def test_a_bill_of_another_meter_is_silence() -> None:
    meter = WEST_ZONE.parameters[0].model_copy(update={"wire_name": "meter_no"})
    manifest = WEST_ZONE.model_copy(update={"parameters": (meter,)})
    query = BillQuery(WEST_ZONE.id, {"account_no": "54321099"})
    assert await told(bill_said(), manifest, query) == BillerSilent(
        "a bill of another number, account or meter"
    )


@pytest.mark.parametrize("changes", [{"paid": "Y"}, {"total": "0.00", "amount": "0.00", "vat": "0.00"}])
async def test_nothing_owed_is_a_paid_bill(changes: dict[str, object]) -> None:
    reply = await told(bill_said(**changes))
    assert isinstance(reply, BillFound)
    assert (reply.bill.is_paid, reply.bill.total, reply.bill.bill_number) == (True, ZERO, BILL)


async def test_what_its_codes_mean() -> None:
    assert await told(envelope("404")) == BillMissing()
    assert await told(envelope("412")) == BillerSilent("reply code 412")
    paid = await told(envelope("410"))
    assert isinstance(paid, BillFound)
    assert (paid.bill.is_paid, paid.bill.account) == (True, ACCOUNT)


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE.keys())
async def test_without_a_usable_answer_it_is_silence(manners: Manners) -> None:
    desk = saying()
    desk.rude["/bill"] = manners
    async with direct_stage(desk) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


# ---- parts, months and the names that a route needs --------------------------------------------------------

HOLDING = the_manifest("holding_tax_city")
TAX = {"holding_no": "H-12345", "ward": "07", "quarter": "1"}


def tax_said(**changes: object) -> bytes:
    return bill_said(**({"accountNo": "H-12345", "billNo": "2509-H-12345"} | changes))


async def of_tax(said: bytes, **more: str) -> FetchReply:
    return await told(said, HOLDING, BillQuery(HOLDING.id, TAX | more))


async def test_a_part_is_quoted_as_one_amount_and_holds_no_bill() -> None:
    reply = await of_tax(tax_said(), amount="400.00")
    assert isinstance(reply, BillFound)
    assert (reply.bill.bill_key, reply.bill.total, reply.bill.vat) == ("", Money(40_000), ZERO)
    assert reply.bill.details["owed_in_all"] == "105000"
    assert "amount" not in reply.bill.biller_quote


async def test_what_is_left_is_what_is_owed() -> None:
    reply = await of_tax(tax_said(outstanding="650.00"))
    assert isinstance(reply, BillFound)
    assert (reply.bill.bill_key, reply.bill.total, reply.bill.amount) == ("", Money(65_000), Money(65_000))
    assert await of_tax(tax_said(outstanding="650.00"), amount="650.01") == AmountRefused(Money(65_000))


async def test_an_amount_that_is_none_is_not_asked_with() -> None:
    assert isinstance(await of_tax(tax_said(), amount="4,00"), BillerSilent)


DPDC = the_manifest("dpdc_postpaid")
MONTH = BillQuery(DPDC.id, {"customer_no": "23456789", "bill_period": "202509"})


async def test_dpdc_names_its_bill_as_the_payer_did() -> None:
    reply = await told(bill_said(accountNo="23456789"), DPDC, MONTH)
    assert isinstance(reply, BillFound)
    assert reply.bill.bill_key == "23456789/202509"
    assert reply.bill.biller_quote.items() >= MONTH.parameters.items()


@pytest.mark.parametrize("period", ["202508", "202409"])
async def test_the_bill_of_another_month_is_silence(period: str) -> None:
    assert await told(bill_said(accountNo="23456789", period=period), DPDC, MONTH) == BillerSilent(
        "the bill of another month"
    )


async def test_a_month_may_be_asked_for_without_its_year() -> None:
    wasa = the_manifest("chattogram_wasa")
    for month, is_found in (("09", True), ("08", False)):
        query = BillQuery(wasa.id, {"month": month, "bill_no": BILL})
        assert isinstance(await told(bill_said(), wasa, query), BillFound) == is_found


async def test_a_bill_without_a_number_is_held_by_account_and_month() -> None:
    reply = await told(bill_said(), reworded(bill_number="", status_bill_number=""))
    assert isinstance(reply, BillFound)
    assert (reply.bill.bill_key, reply.bill.bill_number) == (f"{ACCOUNT}/202509", "")

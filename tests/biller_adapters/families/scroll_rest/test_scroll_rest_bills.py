"""What scroll_rest makes of bills, sound and unsound."""

from datetime import UTC, date, datetime

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import LateFee
from ekpay_switch.domain.bill import BillerSilent, BillFound, BillQuery
from ekpay_switch.domain.money import Money
from tests.biller_adapters.families.scroll_rest.desco_stage import (
    BILL,
    QUERY,
    Desk,
    Staged,
    bill_data,
    envelope,
    staging,
)


async def test_a_bill_is_read_whole(staged: Staged) -> None:
    async with staged() as stage:
        bill = await stage.bill()
    assert (bill.bill_key, bill.bill_number, bill.account) == (BILL, BILL, "12345678")
    assert (bill.amount, bill.vat, bill.late_fee, bill.total) == (
        Money(100_000),
        Money(5_000),
        Money(0),
        Money(105_000),
    )
    assert (bill.issued_on, bill.due_on) == (date(2025, 10, 5), date(2025, 10, 25))
    assert bill.details == {
        "customer_name": "Rahela Khatun",
        "address": "House 4, Road 2, Mirpur",
        "meter_no": "54321098",
        "kwh": "142",
        "period_from": "2025-09-01",
        "period_to": "2025-09-30",
        "tariff": "LT-A",
    }
    assert bill.biller_quote["bill_token"] == "tok-1"
    assert not bill.is_paid


async def test_amounts_may_come_as_numbers_and_stay_exact(staged: Staged) -> None:
    """4.35 as a float is 4.3499999…; as text of JSON it is 435 paisa."""
    raw = envelope(bill_data()).decode()
    for amount in ("1050.00", "50.00", "52.50"):
        raw = raw.replace(f'"{amount}"', amount)
    raw = raw.replace("1050.00", "1004.35").replace("50.00", "50")
    async with staged(Desk(answers={"/bill": raw.encode()})) as stage:
        bill = await stage.bill()
    assert (bill.total, bill.vat) == (Money(100_435), Money(5_000))


async def test_the_due_date_is_over_with_the_dhaka_day(staged: Staged) -> None:
    async with staged() as stage:
        stage.clock.instant = datetime(2025, 10, 25, 17, 59, 59, tzinfo=UTC)
        assert (await stage.bill()).late_fee == Money(0)
        stage.desk.answers["/bill"] = envelope(bill_data(totalAmountTobePaid="1102.50"))
        stage.clock.instant = datetime(2025, 10, 25, 18, 0, tzinfo=UTC)
        late = await stage.bill()
    assert (late.late_fee, late.total) == (Money(5_250), Money(110_250))


async def test_an_account_stands_for_its_oldest_bill_and_says_how_many_there_are(staged: Staged) -> None:
    rows = [{"billNo": f"{month}2512345678", "dueDate": f"25-{month}-2025"} for month in ("10", "09", "08")]
    answers = {"/bills": envelope(rows), "/bill": envelope(bill_data(billNo="082512345678"))}
    async with staged(Desk(answers=answers)) as stage:
        reply = await stage.adapter.fetch(BillQuery("desco_postpaid", {"account_no": "12345678"}))
    assert isinstance(reply, BillFound)
    assert (reply.bill.bill_key, reply.bill.unpaid_count) == ("082512345678", 3)
    assert stage.sent("/bills") == [{"accountNo": "12345678", "paymentStatus": "0"}]
    assert stage.sent("/bill") == [{"billNo": "082512345678"}]


@pytest.mark.parametrize(
    "data",
    [
        bill_data(totalAmountTobePaid="1050.01"),
        bill_data(totalAmount=1e30),
        bill_data(totalAmount="1050.001"),
        bill_data(totalAmount="-1050.00"),
        bill_data(totalAmount="\N{BENGALI DIGIT ONE}05.00"),
        bill_data(totalAmount=True),
        bill_data(totalAmount=None),
        bill_data(totalVat="2000.00"),
        bill_data(dueDate="31-02-2025"),
        bill_data(dueDate="2025-10-25"),
        bill_data(billToken=""),
        bill_data(billNo="092500000000"),
        [bill_data()],
        None,
        "text",
    ],
)
async def test_a_bill_that_cannot_be_trusted_is_no_bill(staged: Staged, data: object) -> None:
    async with staged(Desk(answers={"/bill": envelope(data)})) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


async def test_a_bill_without_its_ornaments_is_still_a_bill(staged: Staged) -> None:
    data = bill_data(customerName=None, address=7, totalKwh=142, year="?", month="13")
    async with staged(Desk(answers={"/bill": envelope(data)})) as stage:
        bill = await stage.bill()
    assert (bill.details["customer_name"], bill.details["kwh"], bill.details["period_to"]) == ("", "142", "")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (envelope(bill_data(accountNo="87654321")), "a bill of another account"),
        (envelope(None, code=404), "a listed bill is unknown"),
        (envelope(None, code=399), "reply code 399"),
    ],
)
async def test_a_list_and_a_bill_that_disagree_are_no_answer(staged: Staged, answer: bytes, why: str) -> None:
    rows = [{"billNo": BILL, "dueDate": "25-10-2025"}]
    async with staged(Desk(answers={"/bills": envelope(rows), "/bill": answer})) as stage:
        reply = await stage.adapter.fetch(BillQuery("desco_postpaid", {"account_no": "12345678"}))
    assert reply == BillerSilent(why)


async def test_a_bill_that_was_paid_since_it_was_listed_is_paid(staged: Staged) -> None:
    rows = [{"billNo": BILL, "dueDate": "25-10-2025"}]
    answers = {"/bills": envelope(rows), "/bill": envelope(None, code=324)}
    async with staged(Desk(answers=answers)) as stage:
        reply = await stage.adapter.fetch(BillQuery("desco_postpaid", {"account_no": "12345678"}))
    assert isinstance(reply, BillFound)
    assert (reply.bill.is_paid, reply.bill.bill_key) == (True, BILL)


async def test_without_a_late_fee_rule_no_late_charge_is_added(desco: Manifest) -> None:
    lenient = desco.model_copy(update={"late_fee": LateFee(rule="none")})
    async with staging(lenient)() as stage:
        stage.clock.instant = datetime(2025, 10, 26, 6, 0, tzinfo=UTC)
        assert (await stage.bill()).late_fee == Money(0)

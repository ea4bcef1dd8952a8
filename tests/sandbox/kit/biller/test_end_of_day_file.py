import csv
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.biller.end_of_day_file import COMMON_LAYOUT, EndOfDayLayout, rows_of_day
from sandbox.kit.biller.own_file_columns import GAS, NESCO, WASA
from sandbox.kit.biller.taka_text import paisa_of, taka
from tests.sandbox.kit.biller.sample_institutions import OPENED_ON, Shop

NEXT_DAY = date(2026, 3, 11)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Four payments of one day, the first of which is taken back that day and the second on the next."""
    shop = Shop(tmp_path)
    for nth, kind in enumerate(
        (
            BillerAccountKind.NORMAL,
            BillerAccountKind.LOST_PAID,
            BillerAccountKind.ECHOES_OTHER,
            BillerAccountKind.HTML,
        )
    ):
        shop.pay(shop.bill(kind), f"T{nth}", facts={"channel": "web, or so"})
    shop.clock.advance(seconds=1)
    shop.intake.cancel("T0")
    shop.clock.advance(days=1)
    shop.intake.cancel("T1")
    return shop


def file_of(shop: Shop, day: date = OPENED_ON, layout: EndOfDayLayout = COMMON_LAYOUT) -> str:
    return layout.write(rows_of_day(shop.book.payments_of("a_house"), day, "B6", shop.intake.find_bill))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def paisa(text: str) -> int:
    found = paisa_of(text.removeprefix("-"))
    assert found is not None
    return -found if text.startswith("-") else found


def test_the_common_file_tells_the_real_sums_and_ends_with_its_trailer(shop: Shop) -> None:
    text = file_of(shop)
    body, trailer = text[: text.index("TRAILER")], text[text.index("TRAILER") :]
    rows = rows_of(body)
    assert [row["row_type"] for row in rows] == ["PAY", "PAY", "PAY", "PAY", "REV"]
    assert [row["seq"] for row in rows] == ["1", "2", "3", "4", "5"]
    standing = [shop.intake.status(f"T{nth}") for nth in (1, 2, 3)]
    total = sum(payment.amount_paisa for payment in standing if payment)
    assert sum(paisa(row["total"]) for row in rows) == total
    assert trailer == f"TRAILER,5,{taka(total)},{sha256(body.encode()).hexdigest()}\n"
    lines = ("principal", "vat", "late_fee", "stamp", "other_lines")
    assert all(sum(paisa(row[line]) for line in lines) == paisa(row["total"]) for row in rows)
    assert rows[0] | {"total": "", "principal": "", "vat": "", "stamp": ""} == {
        "scroll_date": "2026-03-10",
        "scroll_no": "1",
        "seq": "1",
        "biller_id": "a_house",
        "office_code": "B6",
        "bill_ref": shop.bill().bill_number,
        "account_ref": "23400001",
        "paid_at": "2026-03-10T12:00:00+06:00",
        "ekpay_txn_id": "T0",
        "collector_txn_id": "",
        "biller_ack_ref": "260310000001",
        "principal": "",
        "vat": "",
        "late_fee": "0.00",
        "stamp": "",
        "other_lines": "0.00",
        "total": "",
        "channel": "web, or so",
        "collector_code": "EKPAY",
        "row_type": "PAY",
    }


def test_a_payment_taken_back_later_is_a_row_of_that_day_only(shop: Shop) -> None:
    (row,) = rows_of(file_of(shop, NEXT_DAY).partition("TRAILER")[0])
    assert (row["row_type"], row["ekpay_txn_id"], row["total"][0]) == ("REV", "T1", "-")
    assert row["paid_at"] == "2026-03-11T12:00:01+06:00"


def test_a_day_without_payments_has_a_heading_and_a_trailer(shop: Shop) -> None:
    text = file_of(shop, date(2026, 1, 1))
    heading = text.splitlines(keepends=True)[0]
    assert text == f"{heading}TRAILER,0,0.00,{sha256(heading.encode()).hexdigest()}\n"


@pytest.mark.parametrize(
    ("layout", "lines", "total"),
    [
        (NESCO, ("Principle", "Vat", "Lpc", "Stamp"), "Collection"),
        (
            WASA,
            ("WaterBill", "SewerBill", "FixedCharge", "VatAmt", "SchargeAmt", "NetServiceFee"),
            "TotalPayAmount",
        ),
        (GAS, ("PayAmt", "AgentCom", "DistributorCom", "BankRevenue"), "TotalCost"),
    ],
)
def test_the_lines_of_other_files_sum_to_their_totals(
    shop: Shop, layout: EndOfDayLayout, lines: tuple[str, ...], total: str
) -> None:
    rows = rows_of(file_of(shop, layout=layout))
    assert len(rows) == 5
    assert all(sum(paisa(row[line]) for line in lines) == paisa(row[total]) for row in rows)
    common = rows_of(file_of(shop).partition("TRAILER")[0])
    assert [row[total] for row in rows] == [row["total"] for row in common]
    assert [row["TransNo"] for row in rows] == [row["ekpay_txn_id"] for row in common]


def test_nesco_is_left_what_it_collected_without_the_stamp(shop: Shop) -> None:
    for row in rows_of(file_of(shop, layout=NESCO)):
        assert paisa(row["NetAmount"]) == paisa(row["Collection"]) - paisa(row["Stamp"])
        assert row["TxnCount"] == ("-1" if row["Collection"].startswith("-") else "1")
        assert row["SndName"]


@pytest.mark.parametrize("text", ["1", "1.0", "01.00", "-1.00", "1e3", "\u09e7.\u09e6\u09e6", "", None, 1])
def test_only_taka_with_two_decimals_is_an_amount(text: object) -> None:
    assert paisa_of(text) is None


@pytest.mark.parametrize(("paisa", "text"), [(0, "0.00"), (5, "0.05"), (-105, "-1.05"), (123_450, "1234.50")])
def test_taka_is_written_with_two_decimals(paisa: int, text: str) -> None:
    assert taka(paisa) == text

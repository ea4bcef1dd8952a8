import csv
import hashlib
from dataclasses import replace
from datetime import date

import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.scrolls.layouts import LAYOUTS, content_of, digest_of, with_digest
from ekpay_switch.domain.scrolls.scroll import RowType, ScrollFile, ScrollLines, rows_due
from tests.domain.scrolls.test_scroll import DAY, NUMBERED, PAID, POSTED, a_payment, back

COMMON = (
    "scroll_date,scroll_no,seq,biller_id,office_code,bill_ref,account_ref,paid_at,ekpay_txn_id,collector_txn_id,"
    "biller_ack_ref,principal,vat,late_fee,stamp,other_lines,total,channel,collector_code,row_type"
)
WATER = {"sewerBill": Money(20_000), "fixedCharge": Money(3_000)}


def a_file(layout: str = "common") -> ScrollFile:
    """A payment, a void and the payment taken back whole."""
    payments = [
        a_payment(1, refunds=(back(PAID - Money(50)),), charges=WATER),
        a_payment(2, posted=None, voided=POSTED),
    ]
    return with_digest(
        ScrollFile("wasa", DAY, 1, is_last=True, layout=layout, rows=rows_due(payments, DAY, 1, NUMBERED))
    )


def read(file: ScrollFile) -> tuple[list[str], list[dict[str, str]], list[str]]:
    lines = content_of(file).decode().splitlines()
    rows = list(csv.DictReader(lines[1:-1]))
    return next(csv.reader(lines[:1])), rows, next(csv.reader(lines[-1:]))


def test_the_common_file_is_written_to_the_letter() -> None:
    lines = content_of(a_file()).decode().split("\n")
    assert lines[0].startswith("SCROLL,1,wasa,2026-03-01,1,common,3,0.50,")
    assert lines[1] == COMMON
    assert lines[2] == (
        "2026-03-01,1000,1,wasa,D07,092512345678,12345678,2026-03-01T12:01:00+06:00,E1,R1,ACK,"
        "900.00,50.00,40.00,10.00,0.50,1000.50,prefund,bank1,PAY"
    )
    assert lines[3].endswith(",E2,R2,,0.00,0.00,0.00,0.00,0.00,0.00,prefund,bank1,VOID")
    assert lines[4].endswith(",ACK,-900.00,-50.00,-40.00,-10.00,0.00,-1000.00,prefund,bank1,REV")
    assert lines[5].startswith("TRAILER,3,0.50,")
    assert lines[6:] == [""]


def test_header_and_trailer_carry_the_same_totals_and_the_digest_of_the_rows_as_written() -> None:
    file = a_file()
    head, _, tail = read(file)
    rows = "".join(f"{line}\n" for line in content_of(file).decode().splitlines()[2:-1])
    assert head[6:] == tail[1:] == ["3", "0.50", hashlib.sha256(rows.encode()).hexdigest()]
    assert file.sha256 == digest_of(file)


def test_the_same_rows_give_the_same_bytes() -> None:
    assert content_of(a_file()) == content_of(a_file())


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_in_every_layout_seq_number_and_type_of_a_row_can_be_read(layout: str) -> None:
    _, rows, _ = read(a_file(layout))
    ours = ("seq", "scroll_no", "row_type") if layout == "common" else ("Seq", "ScrollNo", "RowType")
    assert [[row[name] for name in ours] for row in rows] == [
        ["1", "1000", "PAY"],
        ["2", "1001", "VOID"],
        ["3", "1000", "REV"],
    ]


def test_nesco_gets_its_parts_and_what_is_left_without_the_stamp() -> None:
    _, (pay, void, rev), _ = read(a_file("nesco"))
    parts = [
        pay[name] for name in ("Principle", "Vat", "Lpc", "Stamp", "Collection", "NetAmount", "TxnCount")
    ]
    assert parts == ["900.50", "50.00", "40.00", "10.00", "1000.50", "990.50", "1"]
    assert (void["TxnCount"], rev["TxnCount"], rev["Collection"]) == ("0", "-1", "-1000.00")
    assert (pay["Location"], pay["TransNo"], pay["NescoTxId"]) == ("D07", "E1", "ACK")


def test_water_sewer_fixed_vat_and_surcharge_sum_to_the_total() -> None:
    _, (pay, _, rev), _ = read(a_file("wasa"))
    parts = [pay[name] for name in ("WaterBill", "SewerBill", "FixedCharge", "VatAmt", "SchargeAmt")]
    assert parts == ["680.50", "200.00", "30.00", "50.00", "40.00"]
    assert pay["TotalPayAmount"] == "1000.50"
    assert (rev["WaterBill"], rev["SewerBill"], rev["TotalPayAmount"]) == ("-910.00", "0.00", "-1000.00")


def test_gas_gets_what_was_paid_and_no_commission() -> None:
    _, (pay, *_), _ = read(a_file("gas"))
    assert [pay[name] for name in ("PayAmt", "TotalCost", "AgentCom", "TransTo", "ExtraId")] == [
        "1000.50", "1000.50", "0.00", "wasa", "ACK",
    ]  # fmt: skip


def test_a_cell_can_neither_break_its_line_nor_hide_in_it() -> None:
    payment = a_payment(1, bill_ref='a,"b"', account_ref="1\n2\r\u202e", channel="বিকাশ")
    file = with_digest(
        ScrollFile(
            "x",
            date(2026, 3, 1),
            1,
            is_last=False,
            layout="common",
            rows=rows_due([payment], DAY, 1, NUMBERED),
        )
    )
    _, (row,), _ = read(file)
    assert (row["bill_ref"], row["account_ref"], row["channel"]) == ('a,"b"', "1?2??", "বিকাশ")


def test_another_amount_in_any_row_is_another_digest() -> None:
    file = a_file()
    first = replace(file.rows[0], lines=ScrollLines(*(Money(1),) * 5))
    assert digest_of(replace(file, rows=(first, *file.rows[1:]))) != file.sha256
    assert {row.row_type for row in file.rows} == set(RowType)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_paid_in_stand_in_says_so_and_its_reversal_does_not(layout: str) -> None:
    payments = [
        a_payment(1, is_stand_in=True, refunds=(back(PAID - Money(50)),)),
        a_payment(2, is_stand_in=True, posted=None, voided=POSTED),
        a_payment(3),
    ]
    file = replace(a_file(layout), rows=rows_due(payments, DAY, 1, NUMBERED))
    _, rows, _ = read(file)
    column = "row_type" if layout == "common" else "RowType"
    assert [row[column] for row in rows] == ["PSI", "VOID", "PAY", "REV"]
    assert [row.row_type for row in file.rows] == ["PAY", "VOID", "PAY", "REV"]

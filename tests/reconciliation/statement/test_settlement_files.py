"""Files of every container: what is read, and what is refused with its place (reconciliation.md 2.2, 2.4)."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from reconciliation.canonical_row import BRINGS, FAILED, SUCCESS, TAKES_BACK
from reconciliation.digests import sha256_of
from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.layout import read_layouts
from reconciliation.statement.reader import Reading, read_file
from tests.reconciliation.institution_files import (
    Head,
    Movement,
    at,
    bkash,
    janata,
    npsb,
    sonali_spg,
    sslcommerz,
)

LAYOUTS = read_layouts(Path(__file__).parents[3] / "config" / "statements")
SUN = date(2026, 4, 5)
ROW = Movement("000000000001", at("2026-04-05 23:59:58"), 100_000, kept=1_725)
NAGAD = [
    "paymentRefId",
    "orderId",
    "issuerPaymentRefNo",
    "issuerPaymentDateTime",
    "clientMobileNo",
    "amount",
    "charge",
    "netAmount",
    "status",
    "cancelIssuerRefNo",
]


def reading(institution: str, content: bytes, day: date = SUN) -> Reading:
    return read_file(content, LAYOUTS[institution], f"{institution}_x", day)


def refusal(institution: str, content: bytes) -> UnreadableFileError:
    with pytest.raises(UnreadableFileError) as caught:
        reading(institution, content)
    return caught.value


def workbook(*rows: Sequence[object], headings: Sequence[object] = NAGAD) -> bytes:
    stream = BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, cells in enumerate([headings, *rows]):
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                sheet.write_string(number, column, cell)
            else:
                sheet.write_number(number, column, cell)
    book.close()
    return stream.getvalue()


def nagad(ours: object = "EKF1", theirs: object = "12345678901234567890", **more: object) -> list[object]:
    time, status = more.get("time", 46117.99997685185), more.get("status", "Success")
    return ["P1", ours, theirs, time, "01*1", more.get("amount", 1234.35), 23.5, 1210.85, status, ""]


def test_a_delimited_row_becomes_canonical() -> None:
    (row,) = reading("bkash", bkash([ROW], Head(SUN))).rows.to_dicts()
    assert (row["ours"], row["theirs"], row["ordinal"], row["status"]) == ("000000000001", "T1", 1, SUCCESS)
    assert (row["gross"], row["fee"], row["vat"], row["net"]) == (100_000, 1_725, 0, 98_275)
    assert row["instant"] == datetime(2026, 4, 5, 17, 59, 58, tzinfo=UTC)
    assert (row["institution"], row["business_date"], row["rejected"]) == ("bkash", SUN, None)


def test_a_failed_row_moves_nothing() -> None:
    read_ = reading("bkash", bkash([ROW.but(status="failed")], Head(SUN)))
    assert read_.rows.select("status", "gross", "net").row(0) == (FAILED, 100_000, 0)
    assert read_.settled == 0


def test_what_is_settled_counts_taka_that_moved() -> None:
    rows = [
        ROW,
        ROW.but(currency="USD"),
        ROW.but(status="failed"),
        ROW.but(gross=-40_000, kept=0, event="refund"),
    ]
    assert reading("bkash", bkash(rows, Head(SUN))).settled == 98_275 - 40_000


def test_a_cell_in_quotes_may_hold_the_delimiter() -> None:
    (row,) = reading("sslcommerz", sslcommerz([ROW], Head(SUN))).rows.to_dicts()
    assert (row["ours"], row["net"]) == ("000000000001", 98_275)


def test_bangla_digits_and_a_totals_line() -> None:
    (row,) = reading("sonali_spg", sonali_spg([ROW], Head(SUN))).rows.to_dicts()
    assert (row["gross"], row["fee"], row["net"]) == (100_000, 1_725, 98_275)


def test_fixed_width_dates_itself_by_the_files_year() -> None:
    new_year = date(2027, 1, 3)
    old = ROW.but(at=at("2026-12-31 23:00:00"), theirs="AC52")
    (row,) = reading("janata", janata([old], Head(new_year)), new_year).rows.to_dicts()
    assert row["instant"] == datetime(2026, 12, 31, 17, 0, tzinfo=UTC)
    assert row["ours"] == "000000000001", "leading zeros are part of a reference"


def test_an_event_gives_unsigned_amounts_their_sign() -> None:
    back = ROW.but(event="reversal", gross=-100_000, kept=-1_725)
    (row,) = reading("npsb", npsb([back], Head(SUN))).rows.to_dicts()
    assert (row["direction"], row["gross"], row["net"]) == (TAKES_BACK, -100_000, -98_275)


def test_a_workbook_row_becomes_canonical() -> None:
    (row,) = reading("nagad", workbook(nagad())).rows.to_dicts()
    assert (row["theirs"], row["gross"], row["net"]) == ("12345678901234567890", 123_435, 121_085)
    assert row["instant"] == datetime(2026, 4, 5, 17, 59, 58, tzinfo=UTC)


def test_a_reference_that_is_a_number_has_lost_its_tail_and_is_rejected() -> None:
    rows = reading("nagad", workbook(nagad(), nagad(theirs=12345678901234567890))).rows
    assert rows["rejected"].to_list() == [
        None,
        "column issuerPaymentRefNo: a reference must be text, this is a number",
    ]
    assert rows["gross"].to_list() == [123_435, 123_435], "the amounts still count"


def test_a_workbooks_amount_with_a_third_decimal_refuses_the_file() -> None:
    problem = refusal("nagad", workbook(nagad(), nagad(amount=1234.355)))
    assert (problem.line, problem.column) == (3, "amount")


def test_what_is_no_workbook_is_refused() -> None:
    assert "no workbook" in str(refusal("nagad", b"PK but no zip"))
    assert "headings" in str(refusal("nagad", workbook(headings=["a", "b"])))


@pytest.mark.parametrize("blank", [b"", b"2026-02-31T10:00:00:000 GMT+0600"])
def test_a_time_that_cannot_be_read_rejects_its_row_alone(blank: bytes) -> None:
    good = bkash([ROW, ROW.but(ours="EKF2")], Head(SUN))
    when = b"2026-04-05T23:59:58:000 GMT+0600"
    head, _, tail = good.partition(b"EKF2")
    bad = head + b"EKF2" + tail.replace(when, blank)
    assert reading("bkash", bad).rows["rejected"].to_list() == [None, "column completedTime: no such time"]


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        (b"1000.00,", b"1000.0x,", "line 2, column amount: '1000.0x' is no amount"),
        (b"Completed", b"Done", "line 2, column transactionStatus: 'Done' is an unknown word"),
        (b"Payment,", b"Gift,", "line 2, column transactionType: 'Gift' is an unknown word"),
        (
            b"982.75",
            b"982.73",
            "line 2, column creditedAmount: gross less fee and VAT is not net, by more than 1 paisa",
        ),
        (b"T1,P1", b"T1,P1,P2", "line 2: 14 cells under 13 headings"),
        (b"trxID", b"trx_id", "line 1, column trx_id: an unknown column"),
        (b"trxID,paymentID", b"paymentID,trxID", "line 1: columns are missing or stand elsewhere"),
        (b"T1", b"T\xff", "byte 171 is not utf-8"),
        (b"T1", b"T\n1", "line 2: another line end than crlf"),
    ],
)
def test_a_file_is_refused_as_a_whole_with_row_and_column(found: bytes, instead: bytes, said: str) -> None:
    problem = refusal("bkash", bkash([ROW], Head(SUN)).replace(found, instead, 1))
    assert problem.code == "ROW_REJECTED"
    assert str(problem) == said


@pytest.mark.parametrize("net", [b"982.74", b"982.76"])
def test_a_row_may_be_a_paisa_off_as_fee_and_vat_are_rounded_each(net: bytes) -> None:
    content = bkash([ROW, ROW.but(ours="EKF2")], Head(SUN))
    read = reading("bkash", content.replace(b"982.75", net))
    assert read.rows["net"].to_list() == [int(net.replace(b".", b""))] * 2
    # What they pay counts, and what they have rounded is shown.
    assert read.settled == 2 * int(net.replace(b".", b""))
    assert read.controls["counted.rounding"] == "2"
    assert "counted.rounding" not in reading("bkash", content).controls


def test_a_layout_without_rounding_takes_no_paisa() -> None:
    strict = LAYOUTS["bkash"].model_copy(update={"rounding": 0})
    with pytest.raises(UnreadableFileError, match=r"net$"):
        read_file(bkash([ROW], Head(SUN)).replace(b"982.75", b"982.74"), strict, "x", SUN)


def test_rows_that_all_round_alike_still_prove_the_totals_of_their_file() -> None:
    rows = [ROW.but(ours=f"{number:012d}") for number in range(1, 4)]
    content = npsb(rows, Head(SUN)).replace(b"^98275^", b"^98274^")
    read = reading("npsb", content)
    assert (read.controls["stated.gross"], read.controls["counted.rounding"]) == ("300000", "3")
    with pytest.raises(ControlTotalError, match="gross sums to"):
        reading("npsb", content.replace(b"^300000^", b"^300003^"))


@pytest.mark.parametrize(("institution", "write"), [("npsb", npsb), ("bkash", bkash)])
def test_a_fee_above_the_amount_is_a_net_below_zero(
    institution: str, write: Callable[[Sequence[Movement], Head], bytes]
) -> None:
    small = ROW.but(gross=50, kept=100)
    content = write([small], Head(SUN))
    # The writer of NPSB leaves the sign off.
    read = reading(institution, content.replace(b"^100^0^50^", b"^100^0^-50^"))
    assert read.rows.select("gross", "fee", "net").row(0) == (50, 100, -50)
    assert read.settled == -50


def test_a_file_without_its_byte_order_mark_is_refused() -> None:
    assert "byte order mark" in str(refusal("sslcommerz", sslcommerz([ROW], Head(SUN))[3:]))


@pytest.mark.parametrize("quoted", [b'"A Bank, Ltd', b'"A "Bank", Ltd"', b'"A Bank\r\n Ltd"'])
def test_wrong_quotes_are_refused_with_their_line(quoted: bytes) -> None:
    content = sslcommerz([ROW, ROW], Head(SUN)).replace(b'"A Bank, Ltd"', quoted, 1)
    assert refusal("sslcommerz", content).line in {2, 3}


def changed(found: bytes, instead: bytes) -> bytes:
    return npsb([ROW, ROW.but(ours="000000000002")], Head(SUN)).replace(found, instead, 1)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"FT^2^", b"FT^3^"),
        (b"^200000^", b"^200001^"),
        (b"^3\n", b"^4\n"),
        (b"FT^2^200000^3\n", b""),
        (b"FH^NPSB", b"FH^OTHER"),
        (b"^3\n", b"^3"),
        (b"^200000^", b"^2000.00^"),
        (b"FT^2", b"FT^x"),
    ],
)
def test_control_totals_hash_and_frame_must_agree(found: bytes, instead: bytes) -> None:
    assert reading("npsb", changed(b"", b"")).rows.height == 2
    assert isinstance(refusal("npsb", changed(found, instead)), ControlTotalError)


def test_a_digest_in_the_trailer_covers_every_byte_above_it() -> None:
    names = ",".join(LAYOUTS["desco_postpaid"].row.columns) if LAYOUTS["desco_postpaid"].row else ""
    line = "d,1,1,b,o,bill,acc,2026-04-05T10:00:00+06:00,EKD1,c,ACK1,10.00,0.50,0,0,0,10.50,ch,cc,PAY"
    body = f"{names}\n{line}\n"
    whole = f"{body}TRAILER,1,10.50,{sha256_of(body.encode())}\n".encode()
    assert reading("desco_postpaid", whole).rows["gross"].to_list() == [1_050]
    # The totals still agree; only the digest can tell.
    assert isinstance(refusal("desco_postpaid", whole.replace(b"ACK1", b"ACK2")), ControlTotalError)


def test_a_line_in_fixed_width_must_have_its_length() -> None:
    content = janata([ROW.but(theirs="AC52")], Head(SUN))
    assert refusal("janata", content.replace(b"506099", b"50609")).line == 2


def test_empty_files_are_files() -> None:
    for institution, content in (
        ("npsb", npsb([], Head(SUN))),
        ("bkash", bkash([], Head(SUN))),
        ("nagad", workbook()),
    ):
        assert reading(institution, content).rows.is_empty(), institution
        assert reading(institution, content).rows.schema["gross"] == pl.Int64


def told(institution: str, text: str, encoding: str = "utf-8") -> list[tuple[object, ...]]:
    """Ours, theirs, direction, state, gross and net of each row of a file."""
    rows = reading(institution, text.encode(encoding)).rows
    assert rows["rejected"].to_list() == [None] * rows.height
    assert set(rows["instant"].to_list()) == {datetime(2026, 4, 5, 17, 59, 58, tzinfo=UTC)}
    return rows.select("ours", "theirs", "direction", "status", "gross", "net").rows()


def headings(institution: str, delimiter: str = ",") -> str:
    row = LAYOUTS[institution].row
    return delimiter.join(row.columns) if row else ""


def test_dbbl_tells_paisa_and_milliseconds() -> None:
    body = (
        f"{headings('dbbl_nexus')}\nX,EKF1,000123456789,A,5*1,VISA,100000,1775411998000,000,1500,225,98275\n"
    )
    assert told("dbbl_nexus", body) == [("EKF1", "000123456789", BRINGS, SUCCESS, 100_000, 98_275)]
    wild = body.replace("1775411998000", "20260231235958")
    assert reading("dbbl_nexus", wild.encode()).rows["rejected"].to_list() == [
        "column TRANS_DATE: no such time"
    ]


def test_upay_groups_by_lakh_and_has_a_totals_line() -> None:
    rows = (
        'U1,EKF1,wallet,2026-04-05 23:59:58,"Tk 1,23,456.78",Tk 20.00,"Tk 1,23,436.78",success\n'
        "U2,EKF2,wallet,2026-04-05 23:59:58,Tk -500.00,Tk 0.00,Tk -500.00,refunded\n"
    )
    total = 'TOTAL,2,,,"Tk 1,22,956.78",Tk 20.00,"Tk 1,22,936.78",\n'
    assert told("upay", f"{headings('upay')}\n{rows}{total}") == [
        ("EKF1", "U1", BRINGS, SUCCESS, 12_345_678, 12_343_678),
        ("EKF2", "U2", TAKES_BACK, SUCCESS, -50_000, -50_000),
    ]


def test_ebl_tells_utc_and_signed_amounts() -> None:
    amounts = "-100.00,-1.50,-0.23,-98.27"
    row = f"EKF1,X,REFUND,2026-04-05T17:59:58.000Z,100.00,BDT,APPROVED,R1,A1,2026-04-05,B1,{amounts}"
    assert told("ebl", f"{headings('ebl')}\n{row}\n") == [
        ("EKF1", "R1", TAKES_BACK, SUCCESS, -10_000, -9_827)
    ]


def test_okwallet_tells_the_net_alone() -> None:
    rows = "TXN|K1|EKF1|2026-04-05 23:59:58|98.16 CR\nTXN|K2|EKF2|2026-04-05 23:59:58|50.00 DR\n"
    text = f"HDR|OKW|20260405|01|000005|O\n{rows}TRL|2|48.16 CR\n"
    assert told("okwallet", text) == [
        ("EKF1", "K1", BRINGS, SUCCESS, None, 9_816),
        ("EKF2", "K2", TAKES_BACK, SUCCESS, None, -5_000),
    ]


def test_mcash_writes_utf_16_and_brackets() -> None:
    row = "M1\tEKF1\tREFUND\t05-Apr-2026 23:59:58\t(1234.56)\t0.00\t0.00\t(1234.56)\tBDT\tSUCCESS"
    text = f"\ufeff{headings('mcash', chr(9))}\r\n{row}\r\n"
    assert told("mcash", text, "utf-16-le") == [("EKF1", "M1", TAKES_BACK, SUCCESS, -123_456, -123_456)]


@pytest.mark.parametrize(
    ("institution", "row", "expected"),
    [
        (
            "nesco_postpaid",
            "L,C,2026-04-05 23:59:58,EKD1,N1,B1,name,-1,-10.50,-10.00,-0.50,0,0,-10.50",
            ("EKD1", "N1", TAKES_BACK, SUCCESS, -1_050, -1_050),
        ),
        (
            "dhaka_wasa",
            "2026-04-05 23:59:58,EKD1,F,1,B1,A1,5.00,5.00,0,0.50,0,0,10.50,ekpay",
            ("EKD1", "", BRINGS, SUCCESS, 1_050, 1_050),
        ),
        (
            "jalalabad_gas",
            "2026-04-05 23:59:58,EKD1,F,T,B1,10.50,0,0,0,10.50,ekpay,BR,P,G1",
            ("EKD1", "G1", BRINGS, SUCCESS, 1_050, 1_050),
        ),
    ],
)
def test_reports_of_billers(institution: str, row: str, expected: tuple[object, ...]) -> None:
    assert told(institution, f"{headings(institution)}\n{row}\n") == [expected]


def test_a_challan_scroll_is_fixed_width() -> None:
    head = f"H{'ACHALLAN':<8}2026040501000001O".ljust(100)
    row = f"D{'EKD1':<20}{'C-2026-1':<20}20260405235958{1050:015d}{'1-1101-0001':<13}".ljust(100)
    tail = f"T{1:09d}{1050:015d}".ljust(100)
    assert told("achallan_generic", f"{head}\n{row}\n{tail}\n") == [
        ("EKD1", "C-2026-1", BRINGS, SUCCESS, 1_050, 1_050)
    ]


STATEMENT = (
    ":20:S1\r\n:25:0202000000002\r\n:28C:5/1\r\n:60F:C260402BDT0,00\r\n"
    ":61:2604050405C1494,25NTRFNAGAD20260405//JB1\r\n:86:/BATCH/NAGAD20260405/CHG/5,75\r\n"
    ":62F:C260405BDT1494,25\r\n-\r\n"
)


def test_janata_banks_statement_is_an_mt940() -> None:
    told_ = reading("stmt_janata", STATEMENT.encode())
    assert told_.rows.select("ours", "theirs", "gross", "net").rows() == [
        ("NAGAD20260405", "JB1", 149_425, 149_425)
    ]
    assert (told_.opening, told_.closing) == (0, 149_425)


@pytest.mark.parametrize("spoil", [lambda text: text + text, lambda text: text.replace("S1", "S\u09e7")])
def test_a_statement_file_is_one_statement_in_ascii(spoil: Callable[[str], str]) -> None:
    refusal("stmt_janata", spoil(STATEMENT).encode())

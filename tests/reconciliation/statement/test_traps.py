"""What costs money in files of tables (reconciliation.md 2.2), as the readers meet it; one trap a test."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
import xlsxwriter

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import Reading, read_file

SUN = date(2026, 4, 5)
LAYOUT = """
institution = "trap"
code = "TRAP"
version = "1"
kind = "delivery"
container = "text"
extension = "csv"
text = { encoding = "utf-8", line_end = "lf", delimiter = ";", headings = true }
row.columns = ["ref", "theirs", "at", "amount"]
amounts = { unit = "taka", sign = "minus", grouping = "lakh" }
time = { columns = ["at"], form = "pattern", pattern = "%Y-%m-%d %H:%M:%S" }
events = { by = "payment" }
fields = { ours = "ref", theirs = "theirs", gross = "amount" }
"""
HEADINGS = "ref;theirs;at;amount\n"
AT = "2026-04-05 23:59:58"


def reading(content: bytes, changes: Mapping[str, object] = {}, day: date = SUN) -> Reading:
    return read_file(content, Layout.model_validate({**tomllib.loads(LAYOUT), **changes}), "trap_x", day)


def row(ref: str = "EKF1", theirs: str = "T1", at: str = AT, amount: str = "1,234.35") -> bytes:
    return f"{HEADINGS}{ref};{theirs};{at};{amount}\n".encode()


def amounts(sign: str, grouping: str = "lakh", unit: str = "taka") -> dict[str, object]:
    return {"amounts": {"unit": unit, "sign": sign, "grouping": grouping}}


@pytest.mark.parametrize(
    ("amount", "sign", "paisa"),
    [
        ("1,234.35", "minus", 123_435),  # int(1234.35 * 100) is 123434
        ("1,23,456.78", "minus", 12_345_678),
        ("১,২৩,৪৫৬.৭৮", "minus", 12_345_678),
        ("Tk 1,23,456.78", "minus", 12_345_678),
        ("Tk. 1,23,456.78", "minus", 12_345_678),
        ("৳ ১,২৩,৪৫৬.৭৮", "minus", 12_345_678),
        ("BDT -500", "minus", -50_000),
        ("500.00 CR", "crdr", 50_000),
        ("500.00DR", "crdr", -50_000),
        ("(1,23,456.78)", "brackets", -12_345_678),
    ],
)
def test_amounts_as_far_sides_write_them(amount: str, sign: str, paisa: int) -> None:
    assert reading(row(amount=amount), amounts(sign)).rows["gross"].to_list() == [paisa]


def test_zeros_before_an_amount_and_spaces_around_it_say_nothing() -> None:
    told = reading(row(amount=" 000500.50 "), amounts("minus", "none")).rows
    assert told["gross"].to_list() == [50_050]


@pytest.mark.parametrize(
    ("amount", "sign"),
    [
        ("1,234,567.00", "minus"),
        ("1.234,35", "minus"),
        ("12.345", "minus"),
        ("500.00", "crdr"),
        ("-500.00", "brackets"),
        ("(500.00", "brackets"),
        ("1e3", "minus"),
        ("", "minus"),
        ("৳", "minus"),
        ("$5", "minus"),
        ("12345678901234", "minus"),
    ],
)
def test_amounts_that_could_be_meant_otherwise_refuse_the_file(amount: str, sign: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        reading(row(amount=amount), amounts(sign))
    assert (caught.value.line, caught.value.column) == (2, "amount")


def test_a_reference_keeps_its_zeros_and_loses_its_spaces() -> None:
    told = reading(row(ref=" 000000000001 ", theirs="  007")).rows
    assert told.select("ours", "theirs").row(0) == ("000000000001", "007")


def test_a_byte_order_mark_that_the_layout_does_not_name_is_no_part_of_a_heading() -> None:
    with pytest.raises(UnreadableFileError, match="an unknown column"):
        reading(b"\xef\xbb\xbf" + row())
    text = {"text": tomllib.loads(LAYOUT)["text"] | {"encoding": "utf-8-sig"}}
    assert reading(b"\xef\xbb\xbf" + row(), text).rows.height == 1


def test_a_local_time_is_dhakas_whose_offset_was_another_one_in_2009() -> None:
    told = {
        day: reading(row(at=f"{day} 00:30:00"), day=day).rows["instant"].to_list()
        for day in (date(2009, 8, 1), date(2010, 8, 1))
    }
    assert told[date(2009, 8, 1)] == [datetime(2009, 7, 31, 17, 30, tzinfo=UTC)]
    assert told[date(2010, 8, 1)] == [datetime(2010, 7, 31, 18, 30, tzinfo=UTC)]


def test_the_hour_that_the_clock_skipped_rejects_its_row() -> None:
    """At 23:00 of 19 June 2009 the clocks of Dhaka went to midnight."""
    skipped = reading(row(at="2009-06-19 23:30:00"), day=date(2009, 6, 19)).rows
    assert skipped["rejected"].to_list() == ["column at: no such time"]


def test_a_workbooks_day_number_is_a_date_and_its_fraction_a_time() -> None:
    time = {"columns": ["at"], "form": "serial", "pattern": "%Y-%m-%d %H:%M:%S"}
    told = reading(row(at="46117.99997685185"), {"time": time}).rows
    assert told["instant"].to_list() == [datetime(2026, 4, 5, 17, 59, 58, tzinfo=UTC)]


def workbook(*cells: object) -> bytes:
    stream = BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    sheet = book.add_worksheet()
    for column, heading in enumerate(("ref", "theirs", "at", "amount")):
        sheet.write_string(0, column, heading)
    for column, cell in enumerate(cells):
        (sheet.write_string if isinstance(cell, str) else sheet.write_number)(1, column, cell)
    book.close()
    return stream.getvalue()


def of_workbook(*cells: object, changes: Mapping[str, object] = {}) -> Reading:
    told = {**tomllib.loads(LAYOUT), "container": "workbook", "extension": "xlsx", **changes}
    del told["text"]
    return read_file(workbook(*cells), Layout.model_validate(told), "trap_x", SUN)


@pytest.mark.parametrize("digits", [12_345_678_901_234_567_890, 1_234_567_890_123_456, 12_345])
def test_a_reference_typed_as_a_number_rejects_its_row_and_keeps_its_amount(digits: int) -> None:
    """Of twenty digits the tail is changed, of any number the zeros in front are gone: nothing is guessed."""
    for cells in ((digits, "T1", AT, 5.5), ("EKF1", digits, AT, 5.5)):
        told = of_workbook(*cells).rows
        assert "a reference must be text, this is a number" in told["rejected"].item()
        assert told["gross"].item() == 550
    assert of_workbook(str(digits), "T1", AT, 5.5).rows["ours"].to_list() == [str(digits)]


def test_how_a_workbook_shows_a_number_is_no_part_of_it() -> None:
    assert of_workbook("EKF1", "T1", AT, -123456.78).rows["gross"].to_list() == [-12_345_678]
    assert of_workbook("EKF1", "T1", AT, "1,23,456.78").rows["gross"].to_list() == [12_345_678]
    with pytest.raises(UnreadableFileError, match=r"'123456\.78' is no amount"):
        of_workbook("EKF1", "T1", AT, "123456.78")
    in_paisa = amounts("brackets", "none", "paisa")
    assert of_workbook("EKF1", "T1", AT, -12_345_678, changes=in_paisa).rows["gross"].item() == -12_345_678
    with pytest.raises(UnreadableFileError, match="is no amount"):
        of_workbook("EKF1", "T1", AT, 0.5, changes=in_paisa)


def test_a_workbooks_amount_is_never_multiplied_as_a_double() -> None:
    assert of_workbook("EKF1", "T1", AT, 1234.35).rows["gross"].to_list() == [123_435]
    with pytest.raises(UnreadableFileError, match="line 2, column amount"):
        of_workbook("EKF1", "T1", AT, 1234.3549)


def test_what_was_counted_is_told_where_nothing_is_stated() -> None:
    assert dict(reading(row()).controls) == {"counted.rows": "1", "counted.gross": "123435"}


TOTALLED = {
    "trailer": {"columns": ["=END", "rows", "sum", "hash"]},
    "control": {"rows": "rows", "sums": {"sum": "gross"}, "hash_of": "theirs", "hash_cell": "hash"},
}


def test_what_was_stated_is_told_beside_what_was_counted() -> None:
    told = reading(row(theirs="007") + "END;১;Tk 1,234.35;0000007\n".encode(), TOTALLED).controls
    assert told == {
        "stated.rows": "1",
        "counted.rows": "1",
        "stated.gross": "123435",
        "counted.gross": "123435",
        "stated.hash": "7",
        "counted.hash": "7",
    }


def test_currencies_are_looked_up() -> None:
    told = tomllib.loads(LAYOUT)
    more = {
        "row": {"columns": [*told["row"]["columns"], "cur"]},
        "fields": told["fields"] | {"currency": "cur"},
        "currencies": {"050": "BDT", "840": "USD"},
    }
    content = row().replace(b"amount\n", b"amount;cur\n").replace(b"35\n", b"35;050\n")
    for code, currency, settled in ((b"050", "BDT", 123_435), (b"840", "USD", 0)):
        told_ = reading(content.replace(b"050", code), more)
        assert (told_.rows["currency"].to_list(), told_.settled) == ([currency], settled)
    with pytest.raises(UnreadableFileError, match="line 2, column cur: '978' is an unknown word"):
        reading(content.replace(b"050", b"978"), more)

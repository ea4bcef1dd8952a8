"""`ekpay bills fetch` as people type it: a file in, a file out, and every line explained."""

import csv
from io import StringIO
from pathlib import Path

import pytest

from ekpay_switch.cli.payments.bills import UnreadableListError, read_list
from tests.cli.command_result import Ekpay

# Income tax has no fetch call, so a line of it brings a bill though nobody can be reached here.
TIN = "123456789012"


def _file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "bills.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_each_line_brings_a_bill_or_says_why_not(ekpay: Ekpay, tmp_path: Path) -> None:
    listed = _file(
        tmp_path,
        "biller,tin,assessment_year,economic_code,amount,sms_account_no,period,mobile\n"
        f"income_tax,{TIN},2026-2027,1111101,1500,,,01712345678\n"
        "breb_postpaid,,,,,1003010000001,202611,01712345678\n"
        "nobody,,,,,,,\n",
    )
    done = ekpay("bills", "fetch", listed)
    rows = {row["biller"]: row for row in _rows(done.out)}
    assert (done.code, len(rows)) == (1, 3)
    assert (rows["income_tax"]["total"], rows["income_tax"]["is_paid"]) == ("1500.00", "no")
    assert rows["breb_postpaid"]["why_not"] == "a fetch locks the bill, so this biller is never asked in bulk"
    assert rows["nobody"]["why_not"] == "no such biller"
    assert "lines brought no bill" in done.err


def test_the_bills_may_go_to_a_file(ekpay: Ekpay, tmp_path: Path) -> None:
    out = tmp_path / "owed.csv"
    done = ekpay("bills", "fetch", _file(tmp_path, "biller,bill_no\nnobody,1\n"), "--out", str(out))
    assert (done.code, done.out) == (1, "")
    assert [row["line"] for row in _rows(out.read_text())] == ["2"]


def test_a_bill_that_nobody_answers_for_is_a_line_with_a_reason(ekpay: Ekpay, tmp_path: Path) -> None:
    listed = _file(tmp_path, "biller,bill_no\ndesco_postpaid,092512345678\n")
    done = ekpay(
        "bills", "fetch", listed, EKPAY_DESCO_URL="http://127.0.0.1:9/desco", EKPAY_DESCO_PASSWORD="x"
    )
    (row,) = _rows(done.out)
    assert done.code == 1
    assert row["why_not"].startswith("no answer: ")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("bill_no\n092512345678\n", "line 1: no column biller"),
        ("", "line 1: no column biller"),
        ("biller,bill_no\ndesco_postpaid,1,2,3\n", "line 2: more cells than headings"),
        ('biller,bill_no\ndesco_postpaid,"unfinished\n', "no CSV in UTF-8"),
    ],
    ids=["no biller", "empty", "too many cells", "an open quote"],
)
def test_a_file_that_is_no_list_of_bills_is_refused_whole(
    ekpay: Ekpay, tmp_path: Path, text: str, why: str
) -> None:
    done = ekpay("bills", "fetch", _file(tmp_path, text))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"ekpay: bills.csv: {why}")


def test_a_list_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bills.csv"
    path.write_bytes(b"biller,name\ndesco_postpaid," + b"\xff\xfe")
    with pytest.raises(UnreadableListError):
        read_list(path)


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bills.csv"
    path.write_bytes("\ufeffbiller,bill_no,account_no\r\ndesco_postpaid, 092512345678 ,\r\n".encode())
    (wanted,) = read_list(path)
    assert (wanted.line, wanted.biller_id, dict(wanted.parameters)) == (
        2,
        "desco_postpaid",
        {"bill_no": "092512345678"},
    )

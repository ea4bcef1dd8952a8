"""`ekpay bills raise`, `import`, `notice` and `withdraw`, typed over a database that is really there."""

import csv
import json
from itertools import count
from pathlib import Path

import pytest

from ekpay_switch.domain.scrolls.bill_notices import read_notice_code
from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import FOUNDERS, FOUNDERS_PASSPHRASE

OFFICE = "up_holding_tax"
NAMED = ("--field", "union_id=26140011", "--field", "holding_no=HT-00017", "--field", "year=2026")
HEADINGS = "bill_no,customer_name,period,issued_on,due_on,amount,vat,late_fee,lines,union_id,holding_no,year"
_NUMBERS = count(1)


@pytest.fixture
def bill_no() -> str:
    return f"T/{next(_NUMBERS)}"


def typed(ekpay: Ekpay, bill_no: str, *words: str, amount: str = "1,234.50") -> Typed:
    owed = ("--amount", amount, "--due", "2026-12-31")
    return ekpay("bills", "raise", OFFICE, "--bill-no", bill_no, *NAMED, *owed, *words)


def a_file(tmp_path: Path, *rows: str) -> str:
    path = tmp_path / "bills.csv"
    path.write_text("\n".join([HEADINGS, *rows]), encoding="utf-8")
    return str(path)


def report_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def a_row(bill_no: str, due_on: str = "2026-12-31") -> str:
    return f"{bill_no},Karim,2026,,{due_on},500.00,0.00,0.00,house=300.00;light=200.00,26140011,HT-1,2026"


def test_a_bill_is_raised_with_the_code_of_its_notice(ekpay: Ekpay, bill_no: str) -> None:
    done = typed(ekpay, bill_no, "--vat", "10", "--late-fee", "25", "--json")
    assert done.code == 0, done.err
    (bill,) = json.loads(done.out)
    assert (bill["bill_no"], bill["amount_paisa"], bill["late_fee_paisa"]) == (bill_no, 124_450, 2_500)
    assert read_notice_code(bill["notice_code"]) == bill["notice_code"]
    again = typed(ekpay, bill_no)
    assert (again.code, f"bill_no: there already: {bill_no}" in again.err) == (1, True)


def test_instalments_are_bills_of_their_own(ekpay: Ekpay, bill_no: str) -> None:
    done = typed(ekpay, bill_no, "--instalments", "3", "--json", amount="1000")
    bills = json.loads(done.out)
    assert [(bill["amount_paisa"], bill["due_on"]) for bill in bills] == [
        (33_333, "2026-12-31"),
        (33_333, "2027-01-30"),
        (33_334, "2027-03-01"),
    ]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--field", "month=2"), "month: no parameter of this biller"),
        (("--field", "amount=2"), "NAME=VALUE, by the names of"),
        (("--field", "year"), "NAME=VALUE, by the names of"),
        (("--field", "year=2027"), "year stands twice"),
        (("--vat", "ten"), "--vat"),
        (("--instalments", "99"), "instalments: 1 to 24"),
        (("--instalments", "2", "--every-days", "0"), "every_days: at least 1"),
        (("--customer", "K" * 121), "customer_name: longer than 120 signs"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_raised(
    ekpay: Ekpay, bill_no: str, words: tuple[str, ...], why: str
) -> None:
    done = typed(ekpay, bill_no, *words)
    assert done.code == 2
    assert why in " ".join(done.err.split())
    assert typed(ekpay, bill_no).code == 0, "its number is free"


def test_a_biller_that_keeps_its_bills_itself_is_refused(ekpay: Ekpay) -> None:
    done = ekpay(
        "bills", "raise", "desco_postpaid", "--bill-no", "1", *NAMED, "--amount", "1", "--due", "2026-12-31"
    )
    assert (done.code, "desco_postpaid hands over no bills in files" in done.err) == (2, True)


def test_a_file_is_raised_whole_with_a_report_of_every_row(
    ekpay: Ekpay, bill_no: str, tmp_path: Path
) -> None:
    path, report = a_file(tmp_path, a_row(f"{bill_no}a"), a_row(f"{bill_no}b")), tmp_path / "report.csv"
    done = ekpay("bills", "import", OFFICE, path, "--report", str(report), "--json")
    assert done.code == 0, done.err
    codes = [bill["notice_code"] for bill in json.loads(done.out)]
    rows = report_of(report)
    assert [tuple(row.values()) for row in rows] == [
        ("2", f"{bill_no}a", "raised", codes[0]),
        ("3", f"{bill_no}b", "raised", codes[1]),
    ]


def test_a_file_with_a_wrong_row_raises_nothing_and_tells_of_every_row(
    ekpay: Ekpay, bill_no: str, tmp_path: Path
) -> None:
    path, report = a_file(tmp_path, a_row(bill_no), a_row("=2+2", "2026-02-31")), tmp_path / "report.csv"
    done = ekpay("bills", "import", OFFICE, path, "--report", str(report))
    assert done.code == 1
    assert done.err.splitlines()[-1] == "ekpay: nothing was taken over"
    rows = report_of(report)
    assert [row["result"] for row in rows] == [
        "not raised, since another line is wrong",
        "bill_no: not 1 to 40 letters, digits, / _ or -; due_on: no date as YYYY-MM-DD",
    ]
    assert rows[1]["bill_no"] == "'=2+2"
    assert ekpay("bills", "import", OFFICE, a_file(tmp_path, a_row(bill_no))).code == 0


def test_more_than_fifty_problems_are_counted(ekpay: Ekpay, tmp_path: Path) -> None:
    path = a_file(tmp_path, *(a_row(f"X{nth}", "soon") for nth in range(60)))
    done = ekpay("bills", "import", OFFICE, path)
    assert "and 10 more problems" in done.err


def test_a_notice_is_written_for_each_bill_and_one_withdrawn_has_none(
    ekpay: Ekpay, bill_no: str, tmp_path: Path
) -> None:
    (bill,) = json.loads(typed(ekpay, bill_no, "--json").out)
    out = tmp_path / "papers"
    done = ekpay("bills", "notice", OFFICE, bill_no, "--out", str(out))
    assert done.code == 0, done.err
    path = out / f"notice-{bill_no.replace('/', '+')}.pdf"
    assert path.read_bytes().startswith(b"%PDF-")
    assert done.out == f"{path}: http://127.0.0.1:8180/n/{bill['notice_code']}\n"

    words = ("bills", "withdraw", OFFICE, bill_no, "--reason", "wrong house", "--by", FOUNDERS[0])
    for expected in (f"{bill_no} is withdrawn.\n", f"{bill_no} was withdrawn before.\n"):
        assert ekpay(*words, EKPAY_STAFF_PASSPHRASE=FOUNDERS_PASSPHRASE).out == expected
    done = ekpay("bills", "notice", OFFICE, bill_no, "--out", str(out))
    assert (done.code, f"bill_no: paid or withdrawn: {bill_no}" in done.err) == (1, True)


def test_a_notice_of_nothing_is_refused(ekpay: Ekpay, tmp_path: Path) -> None:
    done = ekpay("bills", "notice", OFFICE, "T/none", "--out", str(tmp_path))
    assert (done.code, f"bill_no: {OFFICE} has no bill T/none" in done.err) == (1, True)
    done = ekpay("bills", "notice", "desco_postpaid", "1", "--out", str(tmp_path))
    assert (done.code, "desco_postpaid keeps its bills itself" in done.err) == (2, True)


def test_nobody_withdraws_without_a_passphrase(ekpay: Ekpay, bill_no: str) -> None:
    typed(ekpay, bill_no)
    words = ("bills", "withdraw", OFFICE, bill_no, "--reason", "wrong", "--by", FOUNDERS[0])
    assert ekpay(*words, EKPAY_STAFF_PASSPHRASE="not hers").code == 1

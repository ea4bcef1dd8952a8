import hashlib
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.scrolls.bill_file_reading import BYTES_MAX, FIXED, NamingParameter, read_bill_file
from ekpay_switch.domain.scrolls.bill_files import (
    BillFile,
    BillStatus,
    BillTaking,
    FiledBill,
    Problem,
    StoredBill,
    TakingRefusal,
    judge_taking,
)

DUE = date(2026, 3, 20)
NAMING = (
    NamingParameter("pay_slip_no", "^[0-9]{6,14}$", "A", is_required=True),
    NamingParameter("college_code", "^[0-9]{4}$", "A", is_required=False),
    NamingParameter("application_id", "^[0-9]{6,14}$", "B", is_required=True),
)
HEADINGS = (*FIXED, "pay_slip_no", "college_code", "application_id")
GOOD = {
    "bill_no": "NU-1",
    "status": "UNPAID",
    "customer_name": "রাহেলা খাতুন",
    "period": "2026",
    "issued_on": "2026-03-01",
    "due_on": "2026-03-20",
    "amount": "485.00",
    "vat": "0.00",
    "late_fee": "50.00",
    "lines": "registration=400.00;exam=85.00",
    "pay_slip_no": "5600010001",
    "college_code": "1401",
    "application_id": "",
}
BILL = FiledBill(
    bill_key="NU-1",
    status=BillStatus.UNPAID,
    parameters={"pay_slip_no": "5600010001", "college_code": "1401"},
    customer_name="রাহেলা খাতুন",
    period="2026",
    issued_on=date(2026, 3, 1),
    due_on=DUE,
    amount=Money(48_500),
    vat=Money(0),
    late_fee=Money(5_000),
    lines=(ChargeLine("registration", Money(40_000)), ChargeLine("exam", Money(8_500))),
)


def written(
    *rows: dict[str, str],
    head: str = "BILLS,1,nu_fee,3,2026-03-02",
    headings: str = ",".join(HEADINGS),
    totals: str = "",
    end: str = "\n",
) -> bytes:
    """A bill file with the right totals, unless others are given."""
    lines = "".join(",".join(_quoted(row.get(name, "")) for name in HEADINGS) + end for row in rows)
    owed = sum(_paisa(row["amount"]) + _paisa(row["vat"]) for row in rows)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    told = totals or f"{len(rows)},{owed // 100}.{owed % 100:02d},{digest}"
    return f"{head},{told}{end}{headings}{end}{lines}TRAILER,{told}{end}".encode()


def _quoted(cell: str) -> str:
    return f'"{cell}"' if "," in cell else cell


def _paisa(text: str) -> int:
    return int(text.replace(".", "")) if text.replace(".", "").isdecimal() else 0


def read(content: bytes) -> BillFile | list[Problem]:
    return read_bill_file(content, "nu_fee", NAMING)


def problems(content: bytes) -> list[tuple[int, str]]:
    found = read(content)
    assert isinstance(found, list), found
    return [(problem.line, problem.description) for problem in found]


# ---- a file that is right


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_good_file_is_read_whole(end: str) -> None:
    withdrawn = GOOD | {"bill_no": "NU-2", "status": "withdrawn", "issued_on": "", "lines": "", "vat": "1.50"}
    content = written(GOOD, withdrawn, end=end)
    file = read(content)
    assert isinstance(file, BillFile), file
    assert (file.number, file.made_on, file.digest) == (3, date(2026, 3, 2), hashlib.sha256(content).digest())
    assert file.bills[0] == BILL
    assert (file.bills[1].status, file.bills[1].issued_on, file.bills[1].lines) == (
        BillStatus.WITHDRAWN,
        None,
        (),
    )
    assert file.sum == Money(97_150)
    assert file.lines == {"NU-1": 3, "NU-2": 4}


def test_a_file_of_nothing_is_a_file() -> None:
    file = read(written())
    assert isinstance(file, BillFile)
    assert (file.bills, file.sum) == ((), Money(0))


def test_any_group_of_parameters_names_a_bill() -> None:
    file = read(written(GOOD | {"pay_slip_no": "", "college_code": "", "application_id": "56200001"}))
    assert isinstance(file, BillFile)
    assert file.bills[0].parameters == {"application_id": "56200001"}


# ---- files that are not


@pytest.mark.parametrize(
    ("cell", "text", "what"),
    [
        ("bill_no", "", "not 1 to 40"),
        ("bill_no", "-1", "not 1 to 40"),
        ("status", "PENDING", "none of UNPAID, PAID, WITHDRAWN"),
        ("customer_name", "a" * 121, "longer than 120"),
        ("issued_on", "1.3.2026", "YYYY-MM-DD"),
        ("due_on", "", "YYYY-MM-DD"),
        ("due_on", "2026-02-30", "YYYY-MM-DD"),
        ("due_on", "20260320", "YYYY-MM-DD"),
        ("amount", "485", "two decimals"),
        ("amount", "-485.00", "two decimals"),
        ("amount", "\u09ea\u09ee\u09eb.00", "two decimals"),
        ("late_fee", "1e2", "two decimals"),
        ("lines", "Registration=485.00", "no label"),
        ("lines", "registration=485", "two decimals"),
        ("lines", "registration=484.00", "do not sum"),
        ("pay_slip_no", "12 34", "form that the manifest wants"),
        ("pay_slip_no", "", "nobody could name the bill"),
    ],
)
def test_rubbish_is_named_by_its_line_and_heading_and_never_repeated(cell: str, text: str, what: str) -> None:
    ((line, told),) = problems(written(GOOD, GOOD | {"bill_no": "NU-2", cell: text}))
    assert line == 4
    assert what in told
    assert cell in told or "group of parameters" in told
    assert not text or text not in told


def test_a_bill_of_nothing_is_refused() -> None:
    assert problems(written(GOOD | {"amount": "0.00", "lines": ""})) == [(3, "amount: nothing is owed")]


def test_every_problem_of_every_line_is_named() -> None:
    bad = GOOD | {"due_on": "never", "amount": "x"}
    assert [line for line, _ in problems(written(bad, GOOD, bad | {"vat": ""}))] == [3, 3, 5, 5, 5]


def test_a_bill_that_stands_twice_is_named_twice() -> None:
    assert [line for line, _ in problems(written(GOOD, GOOD))] == [3, 4]


@pytest.mark.parametrize(
    ("totals", "told"),
    [
        ("2,485.00,{digest}", "the count"),
        ("1,485.01,{digest}", "the sum"),
        ("1,485.00," + "0" * 64, "the SHA-256"),
    ],
)
def test_totals_that_do_not_match_refuse_the_file_at_both_ends(totals: str, told: str) -> None:
    digest = written(GOOD).decode().splitlines()[-1].split(",")[-1]
    found = problems(written(GOOD, totals=totals.format(digest=digest)))
    assert found == [(1, f"{told} is not that of the rows"), (4, f"{told} is not that of the rows")]


@pytest.mark.parametrize(
    ("head", "what"),
    [
        ("BILLS,2,nu_fee,3,2026-03-02", "another format"),
        ("BILLS,1,school_fee,3,2026-03-02", "another biller"),
        ("BILLS,1,nu_fee,0,2026-03-02", "from 1 on"),
        ("BILLS,1,nu_fee,x,2026-03-02", "no number"),
        ("BILLS,1,nu_fee,3,today", "no date"),
        ("SCROLL,1,nu_fee,3,2026-03-02", "begins with BILLS"),
        ("BILLS,1,nu_fee,3", "begins with BILLS"),
    ],
)
def test_a_header_of_something_else_is_refused(head: str, what: str) -> None:
    ((line, told),) = problems(written(GOOD, head=head))
    assert line == 1
    assert what in told


@pytest.mark.parametrize(
    "headings",
    [
        ",".join(HEADINGS[1:]),
        ",".join((*HEADINGS[:-1], "colour")),
        ",".join((*HEADINGS[:-1], "pay_slip_no")),
        '"open',
    ],
)
def test_headings_that_are_not_the_billers_are_refused(headings: str) -> None:
    assert [line for line, _ in problems(written(GOOD, headings=headings))] == [2]


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"", 1, "not even"),
        (b"BILLS\n", 1, "not even"),
        (written(GOOD)[:-9], 4, "breaks off"),
        (written(GOOD).replace("রাহেলা".encode(), b"\xff"), 3, "not UTF-8"),
        (written(GOOD).replace(b",2026,", b',"2026,'), 3, "no CSV row"),
        (written(GOOD).replace(b"NU-1", b"NU-1,"), 3, "no CSV row"),
        (written(GOOD).replace(b"NU-1", b"NU\x00-1"), 3, "no CSV row"),
        (written(GOOD).replace(b"TRAILER", b"TRAIL"), 4, "begins with TRAILER"),
        (written(GOOD).replace(b"TRAILER", b"\nTRAILER"), 4, "no CSV row"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(content: bytes, line: int, what: str) -> None:
    found = problems(content)
    assert found[0][0] == line
    assert what in found[0][1]


def test_a_file_too_large_is_not_looked_into() -> None:
    assert problems(bytes(BYTES_MAX + 1)) == [(1, "the file is too large")]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_at_all_are_problems_and_no_error(content: bytes) -> None:
    assert isinstance(read(content), list)


@given(st.text(min_size=1, max_size=20), st.sampled_from(FIXED))
def test_any_text_in_any_cell_is_read_or_named_at_its_line_or_after(text: str, cell: str) -> None:
    found = read(written(GOOD | {cell: text}))
    assert isinstance(found, BillFile) or all(
        problem.line >= 3 or "that of the rows" in problem.description for problem in found
    )


# ---- taking a bill

TAKING = BillTaking("nu_fee", "REF1", UUID(int=1), "NU-1", Money(48_500), DUE, "NUF-1")


@pytest.mark.parametrize(
    ("found", "refusal"),
    [
        (StoredBill(BILL), None),
        (None, TakingRefusal.NO_SUCH_BILL),
        (StoredBill(replace(BILL, status=BillStatus.WITHDRAWN)), TakingRefusal.NO_SUCH_BILL),
        (StoredBill(replace(BILL, status=BillStatus.PAID)), TakingRefusal.ALREADY_PAID),
        (StoredBill(BILL, is_taken=True), TakingRefusal.ALREADY_PAID),
        (StoredBill(replace(BILL, amount=Money(48_600))), TakingRefusal.AMOUNT_DIFFERS),
    ],
)
def test_a_bill_is_taken_only_as_it_stands(found: StoredBill | None, refusal: TakingRefusal | None) -> None:
    assert judge_taking(TAKING, found) == refusal


def test_the_late_fee_counts_from_the_day_after_the_due_date() -> None:
    assert BILL.total_on(DUE) == Money(48_500)
    assert BILL.total_on(DUE + timedelta(days=1)) == Money(53_500)
    late = replace(TAKING, on=DUE + timedelta(days=1))
    assert judge_taking(late, StoredBill(BILL)) == TakingRefusal.AMOUNT_DIFFERS
    assert judge_taking(replace(late, amount=Money(53_500)), StoredBill(BILL)) is None

"""Bills of a plain CSV file or of cells: each is read, or every problem is named."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.scrolls.bill_file_reading import (
    BYTES_MAX,
    RAISED,
    read_raised_bill,
    read_raised_bills,
)
from ekpay_switch.domain.scrolls.bill_files import Problem
from tests.domain.scrolls.test_bill_files import BILL, GOOD, NAMING

HEADINGS = (*RAISED, "pay_slip_no", "college_code")


def plain(*rows: dict[str, str], end: str = "\n") -> bytes:
    lines = [",".join(HEADINGS), *(",".join(row[name] for name in HEADINGS) for row in rows)]
    return "".join(f"{line}{end}" for line in lines).encode()


STRANGE = "a heading is no parameter of this biller, or stands twice"
SECOND = GOOD | {"bill_no": "NU-2"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_rows_are_unpaid_bills(mark: bytes, end: str) -> None:
    read = read_raised_bills(mark + plain(GOOD, SECOND, end=end), NAMING)
    assert read == [BILL, replace(BILL, bill_key="NU-2")]


def test_the_last_line_need_not_end() -> None:
    assert read_raised_bills(plain(GOOD).rstrip(b"\n"), NAMING) == [BILL]


@pytest.mark.parametrize("name", ["র\u200d্যাব সদর", "শহীদুল্\u200cলাহ"])
def test_the_joiners_of_bangla_are_part_of_a_name(name: str) -> None:
    read = read_raised_bills(plain(GOOD | {"customer_name": name}), NAMING)
    assert read == [replace(BILL, customer_name=name)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", Problem(1, f"the headings must begin with {', '.join(RAISED)}")),
        (plain(), Problem(1, "no bill stands below the headings")),
        (plain(GOOD | {"due_on": "20.03.2026"}), Problem(2, "no date as YYYY-MM-DD", "due_on")),
        (plain(GOOD, SECOND | {"amount": "5"}), Problem(3, "no taka with two decimals", "amount")),
        (plain(GOOD) + b"\n\n", None),
        (plain(GOOD).replace(b"college_code", b"status"), Problem(1, STRANGE)),
        (b"bill_no\n\xff", Problem(2, "not UTF-8")),
        (b" " * (BYTES_MAX + 1), Problem(1, "the file is too large")),
    ],
    ids=["empty", "no rows", "day", "amount", "blank lines at the end", "status", "not UTF-8", "too large"],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_line(content: bytes, problem: Problem | None) -> None:
    read = read_raised_bills(content, NAMING)
    assert read == ([BILL] if problem is None else [problem])


def test_a_number_that_stands_twice_is_named_at_both_lines() -> None:
    read = read_raised_bills(plain(GOOD, GOOD), NAMING)
    assert read == [Problem(line, "stands in this file more than once", "bill_no") for line in (2, 3)]


def cells(**changes: str) -> dict[str, str]:
    named = {name: GOOD[name] for name in (*RAISED, "pay_slip_no", "college_code")}
    return named | changes


def test_cells_are_an_unpaid_bill() -> None:
    assert read_raised_bill(cells(), NAMING) == BILL


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (
            {"due_on": "2026-02-30", "vat": "1"},
            ["due_on: no date as YYYY-MM-DD", "vat: no taka with two decimals"],
        ),
        ({"amount": "400.00"}, ["lines: they do not sum to the amount"]),
        (
            {"status": "PAID", "colour": "red"},
            ["colour: no parameter of this biller", "status: no parameter of this biller"],
        ),
        ({"customer_name": "Rahima\x85Khatun"}, ["customer_name: holds a control character"]),
        ({"period": "2026\n"}, ["period: holds a control character"]),
    ],
    ids=["two cells", "sum", "names", "next line", "line feed"],
)  # fmt: skip
def test_what_is_wrong_with_cells_is_named_by_them(changes: dict[str, str], problems: list[str]) -> None:
    read = read_raised_bill(cells(**changes), NAMING)
    assert isinstance(read, list)
    assert [problem.description for problem in read] == problems
    assert {problem.line for problem in read} == {0}

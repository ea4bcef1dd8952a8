"""The code of a notice survives a hand and a keyboard, and instalments are what the bill was."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.bangla import in_bangla_digits
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.scrolls.bill_files import BillStatus, FiledBill
from ekpay_switch.domain.scrolls.bill_notices import (
    BILL_NO_MAX,
    INSTALMENTS_MAX,
    grouped_code,
    instalments,
    is_same_bill,
    notice_code,
    read_notice_code,
)
from tests.domain.scrolls.test_bill_files import BILL, DUE

NUMBERS = st.integers(min_value=10**13, max_value=10**14 - 1)
PLAIN = replace(BILL, lines=())


@given(NUMBERS)
def test_a_code_is_read_as_it_is_printed_in_both_languages(number: int) -> None:
    code = notice_code(number)
    for typed in (code, grouped_code(code), in_bangla_digits(grouped_code(code)), code.replace("9", "9-")):
        assert read_notice_code(typed) == code


@given(NUMBERS, st.integers(0, 15), st.integers(1, 9))
def test_one_wrong_digit_is_no_code(number: int, place: int, change: int) -> None:
    code = notice_code(number)
    wrong = f"{code[:place]}{(int(code[place]) + change) % 10}{code[place + 1 :]}"
    assert read_notice_code(wrong) is None


@given(NUMBERS, st.integers(0, 14))
def test_two_digits_that_change_places_are_no_code(number: int, place: int) -> None:
    code = notice_code(number)
    swapped = f"{code[:place]}{code[place + 1]}{code[place]}{code[place + 2 :]}"
    assert read_notice_code(swapped) == (code if swapped == code else None)


@pytest.mark.parametrize("typed", ["", "4193", "abcd efgh ijkl mnop", "٤١٩٣٦٣٦٩٧١١٣٢٨٣٨", "4" * 16, "0" * 16])
def test_anything_else_is_no_code(typed: str) -> None:
    assert read_notice_code(typed) is None


@pytest.mark.parametrize("number", [0, 10**13 - 1, 10**14, -(10**13)])
def test_a_number_of_another_length_has_no_code(number: int) -> None:
    with pytest.raises(ValueError, match="14 digits"):
        notice_code(number)


@given(
    st.integers(INSTALMENTS_MAX, 10**12),
    st.integers(0, 10**10),
    st.integers(0, 10**8),
    st.integers(2, INSTALMENTS_MAX),
)
def test_instalments_are_together_what_the_bill_was(amount: int, vat: int, late_fee: int, count: int) -> None:
    bill = replace(PLAIN, amount=Money(amount), vat=Money(vat), late_fee=Money(late_fee))
    bills = instalments(bill, count, 30)
    assert len({one.bill_key for one in bills}) == count
    for name in ("amount", "vat", "late_fee"):
        parts = [getattr(one, name) for one in bills]
        assert total(parts) == getattr(bill, name)
        assert max(part.minor for part in parts) - min(part.minor for part in parts) <= 1
    assert [one.due_on for one in bills] == [DUE + timedelta(days=30 * nth) for nth in range(count)]
    assert all(one.parameters == bill.parameters for one in bills)


def test_the_first_instalment_says_which_it_is() -> None:
    first, *_ = instalments(PLAIN, 3, 7)
    assert (first.bill_key, first.period, first.due_on) == ("NU-1-1", "2026 1/3", date(2026, 3, 20))


def test_a_bill_in_one_instalment_is_itself() -> None:
    assert instalments(BILL, 1, 0) == (BILL,)


@pytest.mark.parametrize(
    ("count", "every_days", "changes", "why"),
    [
        (0, 30, {}, "instalments: 1 to 24"),
        (INSTALMENTS_MAX + 1, 30, {}, "instalments: 1 to 24"),
        (2, 0, {}, "every_days: at least 1"),
        (2, 30, {"lines": BILL.lines}, "lines: a bill in instalments has none"),
        (3, 30, {"amount": Money(2)}, "amount: too small"),
        (2, 30, {"bill_key": "N" * (BILL_NO_MAX - 1)}, "bill_no: with its instalment it is longer than 40"),
    ],
)
def test_what_cannot_be_paid_in_instalments_is_refused(
    count: int, every_days: int, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        instalments(replace(PLAIN, **changes), count, every_days)  # type: ignore[arg-type]


def test_a_bill_that_is_raised_again_is_the_same_whatever_became_of_it() -> None:
    tomorrow = replace(BILL, issued_on=DUE)
    assert is_same_bill(replace(BILL, status=BillStatus.PAID), tomorrow)
    assert is_same_bill(replace(BILL, status=BillStatus.WITHDRAWN), BILL)


@pytest.mark.parametrize(
    "other",
    [
        replace(BILL, amount=Money(1)),
        replace(BILL, due_on=DUE + timedelta(days=1)),
        replace(BILL, parameters={"pay_slip_no": "5600010002"}),
        replace(BILL, customer_name="Karim"),
        replace(BILL, lines=()),
    ],
    ids=["amount", "due day", "names", "customer", "lines"],
)
def test_a_bill_that_says_something_else_is_another(other: FiledBill) -> None:
    assert not is_same_bill(BILL, other)

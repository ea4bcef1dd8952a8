from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.billers.desco.tokens import BillTokens
from sandbox.billers.desco.wire import amount_field, day_field, day_text, taka
from sandbox.kit.institution.requests import MalformedRequestError

NOON = datetime(2026, 3, 10, 6, 0, tzinfo=UTC)
BILL = "022610000000"


@given(st.integers(min_value=0, max_value=10**12))
def test_an_amount_is_read_as_it_was_written(paisa: int) -> None:
    assert amount_field({"amount": taka(paisa)}, "amount") == paisa


@given(st.dates(min_value=date(1000, 1, 1)))
def test_a_day_is_read_as_it_was_written(day: date) -> None:
    assert day_field({"day": day_text(day)}, "day") == day


@given(st.text(max_size=12))
def test_no_text_is_read_as_an_amount_it_would_not_be_written_as(text: str) -> None:
    try:
        paisa = amount_field({"amount": text}, "amount")
    except MalformedRequestError:
        return
    assert taka(paisa) == text


def test_a_bill_token_is_good_for_two_hours_less_a_second() -> None:
    tokens = BillTokens(seed=7)
    token = tokens.issue(BILL, NOON)
    assert tokens.admits(token, BILL, NOON + timedelta(seconds=7_199))
    assert not tokens.admits(token, BILL, NOON + timedelta(seconds=7_200))


@pytest.mark.parametrize("position", [0, 8, 24, -1])
def test_a_changed_bill_token_is_refused(position: int) -> None:
    tokens = BillTokens(seed=7)
    letters = list(tokens.issue(BILL, NOON))
    letters[position] = "0" if letters[position] != "0" else "1"
    assert not tokens.admits("".join(letters), BILL, NOON)


def test_a_bill_token_of_another_seed_is_refused() -> None:
    assert not BillTokens(seed=8).admits(BillTokens(seed=7).issue(BILL, NOON), BILL, NOON)

"""When a deposit is to be topped up, pure: floor, target, a day's vends, and rows that say it wrongly."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.errors import ConfigurationError
from reconciliation.settlement.instructions.account_registry import read_registry
from reconciliation.settlement.positions.deposit_terms import DepositStanding, DepositTerms, largest_day
from tests.reconciliation.settlement.sample_lines import CONFIG, SUN

TERMS = st.builds(
    lambda target, minimum, room: DepositTerms(target, 14, minimum, room and minimum + room),
    st.integers(1, 5),
    st.integers(0, 1_000),
    st.one_of(st.none(), st.integers(1, 10_000)),
)


def standing(balance: int, vends: int, in_transit: int = 0, **more: object) -> DepositStanding:
    return DepositStanding("u", balance, in_transit, vends, **more)  # type: ignore[arg-type]


def test_a_deposit_is_filled_to_its_target_once_less_than_its_floor_is_left() -> None:
    assert standing(100, 100).proposed_amount == 0
    assert standing(99, 100).proposed_amount == 201
    assert standing(-50, 0).proposed_amount == 50
    assert standing(99, 100, terms=DepositTerms(2, 14, 150)).proposed_amount == 150
    assert standing(99, 100, terms=DepositTerms(3, 14, 0, 120)).proposed_amount == 120


def test_a_deposit_is_proposed_for_below_the_days_of_its_alarm_and_filled_to_them_at_least() -> None:
    assert standing(150, 100, alarm_days=Decimal("1.5")).proposed_amount == 0
    assert standing(149, 100, alarm_days=Decimal("1.5")).proposed_amount == 151
    assert standing(149, 101, alarm_days=Decimal("4.5")).proposed_amount == 455 - 149


def test_nothing_is_proposed_for_what_is_on_its_way_or_waits() -> None:
    assert standing(0, 100, in_transit=1).proposed_amount == 0
    assert standing(0, 100, waiting_number=7).proposed_amount == 0
    # A bank that has moved too much leaves less than nothing in transit.
    assert standing(0, 100, in_transit=-1).proposed_amount == 300


def test_days_left_are_tenths_rounded_down() -> None:
    assert standing(199, 100).days_left == Decimal("1.9")
    assert standing(199, 0).days_left is None


def test_a_days_vends_are_the_largest_of_the_last_days() -> None:
    vends = {
        SUN - timedelta(days=14): 900,
        SUN - timedelta(days=13): 70,
        SUN: 50,
        SUN + timedelta(days=1): 60,
    }
    assert largest_day(vends, SUN, 14) == 70
    assert largest_day(vends, SUN, 15) == 900
    assert largest_day(vends, SUN, 1) == 60
    # A day on which more came back than was vended is no day of vends.
    assert largest_day({SUN: -5}, SUN, 14) == 0
    assert largest_day({}, SUN, 14) == 0


ALARM_DAYS = st.decimals("0.1", 31, places=1)


@given(st.integers(-10_000, 10_000), st.integers(0, 3_000), TERMS, ALARM_DAYS)
def test_a_proposal_keeps_its_bounds_and_reaches_its_target_unless_they_forbid_it(
    balance: int, vends: int, terms: DepositTerms, alarm_days: Decimal
) -> None:
    deposit = standing(balance, vends, terms=terms, alarm_days=alarm_days)
    proposed = deposit.proposed_amount
    assert (proposed > 0) == deposit.is_below
    if proposed:
        assert proposed >= terms.minimum
        assert terms.maximum is None or proposed <= terms.maximum
        is_at_maximum = proposed == terms.maximum
        assert is_at_maximum or balance + proposed >= max(Decimal(terms.target_days), alarm_days) * vends


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("floor_days = 1", "floor_days: the biller's manifest says it, as .deposit. alarm_below_days"),
        ("target_days = 0", "target_days"),
        ('minimum = "5"', "minimum"),
        ('minimum = "5.00"\nmaximum = "4.99"', r"maximum: .* not below the minimum \(nesco_prepaid\)"),
        ('maximum = "0.00"', "maximum: it is above zero"),
        ("", "deposits: two rows for nesco_prepaid"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_with_its_member(tmp_path: Path, row: str, words: str) -> None:
    text = (CONFIG / "settlement.toml").read_text()
    if row:
        text = text.replace('biller = "nesco_prepaid"\n\n', f'biller = "nesco_prepaid"\n{row}\n\n')
    else:
        text = text.replace('biller = "breb_prepaid"\n\n', 'biller = "nesco_prepaid"\n\n')
    (tmp_path / "settlement.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        read_registry(tmp_path / "settlement.toml")


def test_a_row_says_its_terms(tmp_path: Path) -> None:
    row = 'target_days = 5\nlook_back_days = 30\nminimum = "1.00"\nmaximum = "9.00"'
    text = (CONFIG / "settlement.toml").read_text()
    text = text.replace('biller = "nesco_prepaid"\n\n', f'biller = "nesco_prepaid"\n{row}\n\n')
    (tmp_path / "settlement.toml").write_text(text)
    terms = read_registry(tmp_path / "settlement.toml").payouts.deposit_terms
    assert terms["nesco_prepaid"] == DepositTerms(5, 30, 100, 900)
    assert terms["breb_prepaid"] == DepositTerms()

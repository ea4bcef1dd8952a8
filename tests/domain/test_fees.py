from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.errors import NoFeeError
from ekpay_switch.domain.fees import FeeRow, FeeTable
from ekpay_switch.domain.money import Money

TODAY = date(2026, 3, 1)
DESCO = frozenset({"desco_postpaid", "electricity"})
FIVE_TAKA = FeeRow(
    payee="electricity",
    instrument="prefund",
    amount_max=40_000,
    fixed=500,
    rate_basis_points=0,
    vat_basis_points=1_500,
    is_vat_inside=False,
    effective_from=date(2026, 1, 1),
)


def a_table(*rows: FeeRow) -> FeeTable:
    return FeeTable("2026-01", rows)


def charged(table: FeeTable, amount: int, on: date = TODAY) -> int:
    return table.price(DESCO, "prefund", Money(amount), on).total.minor


def test_vat_on_top_is_added_to_the_fee() -> None:
    fee = a_table(FIVE_TAKA).price(DESCO, "prefund", Money(10_000), TODAY)
    assert (fee.fee.minor, fee.vat.minor, fee.total.minor) == (500, 75, 575)


def test_vat_inside_leaves_the_price_as_it_is() -> None:
    inside = replace(FIVE_TAKA, fixed=1_000, is_vat_inside=True)
    fee = a_table(inside).price(DESCO, "prefund", Money(10_000), TODAY)
    # 1000 x 15 / 115 = 130.43
    assert (fee.fee.minor, fee.vat.minor, fee.total.minor) == (870, 130, 1_000)


def test_half_a_paisa_of_fee_is_rounded_up() -> None:
    by_rate = replace(FIVE_TAKA, fixed=0, rate_basis_points=50, vat_basis_points=0)
    assert charged(a_table(by_rate), 100) == 1
    assert charged(a_table(by_rate), 99) == 0


def test_half_a_paisa_of_vat_is_rounded_up_inside_and_on_top() -> None:
    # On top: 10 x 15 % = 1.5. Inside: 3 x 20 / 120 = 0.5.
    on_top = replace(FIVE_TAKA, fixed=10)
    inside = replace(FIVE_TAKA, fixed=3, vat_basis_points=2_000, is_vat_inside=True)
    assert a_table(on_top).price(DESCO, "prefund", Money(1), TODAY).vat.minor == 2
    assert a_table(inside).price(DESCO, "prefund", Money(1), TODAY).vat.minor == 1


def test_a_slab_includes_its_upper_bound() -> None:
    table = a_table(FIVE_TAKA, replace(FIVE_TAKA, amount_max=None, fixed=1_000))
    assert charged(table, 40_000) == 575
    assert charged(table, 40_001) == 1_150


def test_effective_dates_are_inclusive() -> None:
    row = replace(FIVE_TAKA, effective_until=date(2026, 3, 31))
    table = a_table(row)
    assert charged(table, 1, on=date(2026, 1, 1)) == 575
    assert charged(table, 1, on=date(2026, 3, 31)) == 575
    for outside in (date(2025, 12, 31), date(2026, 4, 1)):
        with pytest.raises(NoFeeError, match=outside.isoformat()):
            charged(table, 1, on=outside)


def test_the_first_row_that_covers_prices() -> None:
    own = replace(FIVE_TAKA, payee="desco_postpaid", fixed=0)
    assert charged(a_table(own, FIVE_TAKA), 1) == 0
    assert charged(a_table(FIVE_TAKA, own), 1) == 575


def test_a_star_covers_every_payee_and_instrument() -> None:
    anything = replace(FIVE_TAKA, payee="*", instrument="*")
    assert a_table(anything).price(frozenset(), "card", Money(1), TODAY).total.minor == 575


@pytest.mark.parametrize(("payees", "instrument"), [(frozenset({"gas"}), "prefund"), (DESCO, "card")])
def test_a_missing_price_is_never_taken_for_free(payees: frozenset[str], instrument: str) -> None:
    with pytest.raises(NoFeeError, match="no fee row"):
        a_table(FIVE_TAKA).price(payees, instrument, Money(1), TODAY)


def test_the_version_of_the_table_is_kept_with_the_fee() -> None:
    assert a_table(FIVE_TAKA).price(DESCO, "prefund", Money(1), TODAY).version == "2026-01"


@given(
    amount=st.integers(min_value=0, max_value=10**12),
    fixed=st.integers(min_value=0, max_value=100_000),
    rate=st.integers(min_value=0, max_value=1_000),
    vat=st.integers(min_value=0, max_value=2_500),
)
def test_vat_inside_never_changes_the_price(amount: int, fixed: int, rate: int, vat: int) -> None:
    row = replace(FIVE_TAKA, amount_max=None, fixed=fixed, rate_basis_points=rate, vat_basis_points=vat)
    inside = a_table(replace(row, is_vat_inside=True)).price(DESCO, "prefund", Money(amount), TODAY)
    on_top = a_table(row).price(DESCO, "prefund", Money(amount), TODAY)
    assert inside.total == on_top.fee
    assert 0 <= inside.vat.minor <= inside.total.minor

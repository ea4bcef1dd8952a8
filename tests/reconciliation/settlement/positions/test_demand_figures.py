"""Numbers, references and figures of demands, over chance days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.errors import SettlementError
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.demand_figures import (
    DemandFigures,
    demand_name,
    number_of,
    numbers_named,
    owed_since,
    reference_of,
    rest_of,
)
from reconciliation.settlement.positions.ledger_lines import accounts_of_debt, debt_parts, debtor_of

DAY = date(2026, 4, 5)
SHOP = Party(PartyRole.MERCHANT, "shop")
SELLER = Party(PartyRole.PAYEE, "shop:seller")


@given(st.integers(1, 10**9 - 1))
def test_every_name_of_a_demand_leads_to_its_number(number: int) -> None:
    assert {number_of(text) for text in (str(number), demand_name(number), reference_of(number))} == {number}


@given(
    st.integers(1, 10**9 - 1),
    st.sampled_from(["", "pays ", "/ROC/", "12 "]),
    st.sampled_from(["", " x", "/1", ".."]),
)
def test_a_reference_is_found_in_what_a_bank_writes(number: int, before: str, behind: str) -> None:
    assert numbers_named(f"{before}{reference_of(number).lower()}{behind}") == {number}


def test_no_demand_is_found_by_wrong_digits_or_within_other_numbers() -> None:
    first, second = reference_of(1), reference_of(2)
    assert numbers_named(f"{first} {second} {first}") == {1, 2}
    assert numbers_named(f"{first[:-1]}{(int(first[-1]) + 1) % 10}") == set()
    assert numbers_named(f"{first}0 X{first} 7{first} {first[:-2]} D-0001 1") == set()


@given(st.integers(1, 99_999), st.integers(3, 20), st.integers(1, 9))
def test_a_digit_that_is_typed_wrongly_is_found(number: int, place: int, by: int) -> None:
    reference = reference_of(number)
    place = min(place, len(reference) - 1)
    wrong = f"{reference[:place]}{(int(reference[place]) + by) % 10}{reference[place + 1 :]}"
    with pytest.raises(SettlementError, match=r"^demand: the check digits"):
        number_of(wrong)


@pytest.mark.parametrize("text", ["", "D-", "EKD12", "০১", "1.0", "-1", "EKD0001AA"])
def test_what_names_no_demand_is_refused(text: str) -> None:
    with pytest.raises(SettlementError, match=r"^demand: .* is no number"):
        number_of(text)


def test_a_debt_is_as_old_as_it_stands_without_a_break() -> None:
    days = [DAY + timedelta(days=place) for place in range(4)]
    assert owed_since(dict(zip(days, (5, -5, 3, 1), strict=True))) == days[2]
    assert owed_since(dict(zip(days, (5, -6, 1, 1), strict=True))) == days[3]
    assert owed_since({DAY: -1}) is None
    assert owed_since({}) is None


def test_a_debt_is_on_accounts_of_its_party() -> None:
    assert debtor_of("payable:desco_postpaid") == Party(PartyRole.BILLER, "desco_postpaid")
    assert [debtor_of(name) for name in accounts_of_debt(SHOP)] == [SHOP, SHOP]
    assert [debtor_of(name) for name in accounts_of_debt(SELLER)] == [SELLER, SELLER]
    assert [debtor_of(name) for name in ("receivable:bkash", "withdrawal_due:bank1", "in_flight")] == [
        None
    ] * 3


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 120))
def test_what_is_paid_goes_to_what_is_owed_and_no_further(beyond: int, within: int, amount: int) -> None:
    debits = {"receivable:merchant:shop": beyond, "payable:merchant:shop": within}
    parts = dict(debt_parts(SHOP, debits, amount))
    assert sum(parts.values()) == min(amount, max(0, beyond) + max(0, within))
    assert all(0 < paisa <= debits[account] for account, paisa in parts.items())


@given(
    st.integers(1, 100),
    st.lists(st.tuples(st.integers(-60, 60), st.integers(0, 60)), max_size=8),
)
def test_nothing_of_a_demand_is_collected_twice(amount: int, later_days: list[tuple[int, int]]) -> None:
    """What a day's claims and refunds come to, and what is paid of what is left then."""
    changes = {DAY - timedelta(days=1): amount}
    payments: dict[date, int] = {}
    debt, before = amount, amount
    for place, (change, wanted) in enumerate(later_days):
        day = DAY + timedelta(days=place)
        debt += change
        changes[day] = change
        rest = rest_of(amount, DAY, changes, payments)
        paid = max(0, min(wanted, rest, debt))
        payments[day] = paid
        changes[day] -= paid
        debt -= paid
        figures = DemandFigures(amount, sum(payments.values()), rest_of(amount, DAY, changes, payments))
        assert figures.rest == rest - paid
        assert min(figures.paid, figures.set_off, figures.rest) >= 0
        assert figures.rest <= before, "a demand grows no more"
        assert figures.rest <= max(0, debt), "what is left is owed"
        before = figures.rest

"""The tax of payouts: whose rule counts, and the sum of a month to the paisa."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.withholding import (
    TaxBase,
    TaxedSum,
    TaxKey,
    WithholdingRule,
    WithholdingRules,
    rounded_tax,
)
from tests.examples import examples

AGENT = Party(PartyRole.PAYEE, "ekshop:udc")
SELLER = Party(PartyRole.PAYEE, "ekshop:seller")
COMMISSION, SALES = "commission_payable:merchant:ekshop:udc", "payable:merchant:ekshop:seller"
DAY = date(2026, 4, 6)
AMOUNTS = st.lists(st.integers(1_000, 10**12), min_size=1, max_size=30)


def rule(section: str, base: TaxBase = TaxBase.PAID, basis_points: int = 1_000) -> WithholdingRule:
    return WithholdingRule(section, base, basis_points, date(2026, 1, 1))


@pytest.mark.parametrize(
    ("rows", "agent", "seller"),
    [
        ({}, None, None),
        ({(PartyRole.PAYEE, None): (rule("94", TaxBase.COMMISSION),)}, "94", None),
        ({(PartyRole.PAYEE, None): (rule("89"), rule("94", TaxBase.COMMISSION))}, "94", "89"),
        ({(PartyRole.PAYEE, None): (rule("89"),), (PartyRole.PAYEE, AGENT.name): (rule("90"),)}, "90", "89"),
        ({(PartyRole.MERCHANT, None): (rule("89"),)}, None, None),
    ],
)
def test_the_most_particular_row_counts(
    rows: dict[tuple[PartyRole, str | None], tuple[WithholdingRule, ...]],
    agent: str | None,
    seller: str | None,
) -> None:
    rules = WithholdingRules(rows)
    found = [rules.rule_for(AGENT, COMMISSION, DAY), rules.rule_for(SELLER, SALES, DAY)]
    assert [item.section if item else None for item in found] == [agent, seller]


def test_a_rate_of_zero_exempts_a_payee_from_its_role() -> None:
    rules = WithholdingRules(
        {(PartyRole.PAYEE, None): (rule("94"),), (PartyRole.PAYEE, AGENT.name): (rule("94", basis_points=0),)}
    )
    assert rules.tax_of(AGENT, COMMISSION, 100_000, DAY, {}) is None
    assert rules.tax_of(SELLER, SALES, 100_000, DAY, {}) is not None


def test_nothing_is_withheld_that_would_leave_nothing() -> None:
    rules = WithholdingRules({(PartyRole.PAYEE, None): (rule("94", basis_points=5_000),)})
    assert rules.tax_of(AGENT, COMMISSION, 1, DAY, {}) is None


@settings(max_examples=examples(100))
@given(amounts=AMOUNTS, rate=st.integers(1, 5_000), restored=st.sets(st.integers(0, 29)))
def test_the_tax_of_a_month_is_the_rate_of_what_stands(
    amounts: list[int], rate: int, restored: set[int]
) -> None:
    rules = WithholdingRules({(PartyRole.PAYEE, None): (rule("94", basis_points=rate),)})
    key, stands = TaxKey(AGENT, "94", rate), TaxedSum()
    for number, gross in enumerate(amounts):
        tax = rules.tax_of(AGENT, COMMISSION, gross, DAY, {key: stands})
        if tax is None:
            continue
        assert (tax.net + tax.tax, tax.before, tax.net > 0) == (gross, stands, True)
        after = TaxedSum(stands.gross + gross, stands.tax + tax.tax)
        assert after.tax == rounded_tax(after.gross, rate)
        if number not in restored:
            stands = after
    # What was restored leaves less than a paisa for each payout that stands, until the next one.
    assert abs(stands.tax * 10_000 - stands.gross * rate) <= 10_000 * len(amounts)

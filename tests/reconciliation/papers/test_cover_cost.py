"""What a shortfall would cost by the draft rule, and what is said of a wrong rule."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.errors import ConfigurationError
from reconciliation.papers.cover_cost import FILE_NAME, ShortfallRule, read_shortfall_rule

SHIPPED = Path(__file__).parents[3] / "config" / FILE_NAME
LAKH, CRORE = 100_000 * 100, 10_000_000 * 100


def shipped() -> ShortfallRule:
    rule = read_shortfall_rule(SHIPPED)
    assert rule is not None
    return rule


@pytest.mark.parametrize(
    ("shortfall", "days", "cost"),
    [
        (0, 30, 16 * 1_000_000),  # the fines alone
        (36_500_00, 1, 11_50),
        (CRORE, 14, 44_109_59),  # 11.5 % of a crore for 14 of 365 days, half up
        (CRORE, 15, 47_260_27 + 10_000_00),
        (100 * CRORE, 14, 30 * LAKH),  # never more than thirty lakh
        (100 * CRORE, 16, 30 * LAKH + 2 * 10_000_00),
    ],
)
def test_the_cost_is_interest_up_to_a_maximum_and_a_fine_a_day(shortfall: int, days: int, cost: int) -> None:
    assert shipped().status == "draft"
    assert shipped().cost(shortfall, days) == cost


@given(st.integers(0, 10**14), st.integers(1, 400))
def test_another_day_or_paisa_never_costs_less(shortfall: int, days: int) -> None:
    rule = shipped()
    cost = rule.cost(shortfall, days)
    assert rule.cost(shortfall + 1, days) >= cost
    assert rule.cost(shortfall, days + 1) >= cost


def test_a_missing_rule_is_none_and_a_wrong_one_names_its_setting(tmp_path: Path) -> None:
    assert read_shortfall_rule(tmp_path / FILE_NAME) is None
    wrong = SHIPPED.read_text(encoding="utf-8").replace('status = "draft"', 'status = "law"')
    (tmp_path / FILE_NAME).write_text(wrong, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"trust_cover\.toml: status"):
        read_shortfall_rule(tmp_path / FILE_NAME)

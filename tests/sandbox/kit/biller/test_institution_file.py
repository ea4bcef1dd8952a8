from pathlib import Path

import pytest

from sandbox.kit.biller.institution import (
    AmountRange,
    AnyAmount,
    BillerInstitution,
    FeeByChoice,
    FixedFee,
    InParts,
)
from sandbox.kit.biller.institution_file import InstitutionFileError, load_institutions
from sandbox.kit.biller.own_file_columns import GAS

ROW = """
[[institutions]]
id = "shop"
name = "Shop"
number = "12#####"
fields = { account_no = "{number}" }
"""
FEE = "amount = { paisa = 5_000 }\n"


def load(tmp_path: Path, text: str) -> tuple[BillerInstitution, ...]:
    path = tmp_path / "institutions.toml"
    path.write_text(text, encoding="utf-8")
    return load_institutions(path, "direct", BillerInstitution)


def test_each_table_is_an_institution_of_the_family(tmp_path: Path) -> None:
    by_choice = 'amount = { parameter = "kind", paisa_by_key = { new = 100, old = 200 } }\n'
    more = (
        'layout = "gas"\npayment_rule = "in_parts"\nunchecked_fields = ["mobile"]\nlines = { vat_bp = 500 }\n'
    )
    any_amount = (
        "amount = { min_paisa = 1, max_paisa = 9 }\npayment_rule = { min_paisa = 2, max_paisa = 8 }\n"
    )
    first, second, third = load(tmp_path, f"{ROW}{FEE}{ROW}{by_choice}{more}{ROW}{any_amount}")
    assert (first.id, first.family, first.amount) == ("shop", "direct", FixedFee(5_000))
    assert second.amount == FeeByChoice({"new": 100, "old": 200}, parameter="kind")
    assert (second.payment_rule, second.layout, second.lines.vat_bp) == (InParts(), GAS, 500)
    assert second.unchecked_fields == frozenset({"mobile"})
    assert (third.amount, third.payment_rule) == (AmountRange(1, 9), AnyAmount(2, 8))


@pytest.mark.parametrize(
    "wrong",
    [
        "colour = 'blue'\n" + FEE,
        "town = 7\n" + FEE,
        "bill_number = '{moon}'\n" + FEE,
        "layout = 'moon'\n" + FEE,
        "kind = 'moon'\n" + FEE,
        "payment_rule = 'never'\n" + FEE,
        "amount = { moons = 1 }\n",
        "",
    ],
)
def test_a_table_that_is_no_institution_is_refused_by_name(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(InstitutionFileError, match=r"^institutions\.toml: shop: "):
        load(tmp_path, ROW + wrong)

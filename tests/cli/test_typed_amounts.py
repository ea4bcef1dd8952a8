"""Amounts as people type them: taka in, paisa out, and a refusal that shows how one is written."""

import pytest
import typer

from ekpay_switch.cli.typed_amounts import NOT_TAKA, typed_taka
from ekpay_switch.domain.money import Money, grouped_taka


def test_taka_become_whole_paisa() -> None:
    assert (typed_taka("1250.50"), typed_taka("0")) == (Money(125_050), Money(0))


def test_an_amount_is_taken_as_a_table_shows_it() -> None:
    assert typed_taka(grouped_taka(12_345_678)) == Money(12_345_678)


@pytest.mark.parametrize("text", ["", "12.345", "-1", "1,250", "1,2,50.00", "123,456.00", "taka"])
def test_what_is_no_taka_is_refused_with_its_parameter(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=NOT_TAKA) as refused:
        typed_taka(text, param_hint="TAKA")
    assert refused.value.param_hint == "TAKA"

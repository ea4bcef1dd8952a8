"""Numbers of bills and accounts that pass for a card's must still be payable (docs/adr/0084)."""

import re
from dataclasses import replace
from itertools import product

import pytest

from biller_adapters.manifest import read_manifest
from ekpay_switch.flows.bills.fetch_bill import chosen_parameters
from ekpay_switch.ports.billers import Parameter
from ekpay_switch.security.card_numbers import mask_card_numbers
from tests.biller_adapters.conftest import CONFIG
from tests.fakes.billers import PROFILE

MANIFESTS = sorted((CONFIG / "billers").glob("*.toml"))
STARTS = ("4", "51", "2221", "34", "3528", "62", "6011", "36")
# By these a payer is named for people, so a number in them is no bill's.
TEXTS = {"applicant_name", "address", "postal_name", "postal_address"}


def is_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(digit * 2, 10)) for digit in digits[1::2])) % 10 == 0


def a_card_number(start: str, length: int) -> str:
    body = start.ljust(length - 1, "7")
    return next(f"{body}{digit}" for digit in range(10) if is_luhn(f"{body}{digit}"))


NUMBERS = [
    number
    for start, length in product(STARTS, range(13, 20))
    if mask_card_numbers(number := a_card_number(start, length)) != number
]


def parameters() -> list[tuple[str, Parameter]]:
    return [
        (manifest.id, Parameter(one.name, "bll_no", "", "", one.pattern, "", "A", is_required=True))
        for manifest in map(read_manifest, MANIFESTS)
        for one in manifest.parameters
        if not one.choices
    ]


@pytest.mark.parametrize(
    ("biller_id", "parameter"), parameters(), ids=lambda value: getattr(value, "name", value)
)
def test_what_a_biller_takes_as_a_number_reaches_it_whole(biller_id: str, parameter: Parameter) -> None:
    profile = replace(PROFILE, id=biller_id, parameters=(parameter,))
    for number in NUMBERS:
        if re.fullmatch(parameter.pattern, number, re.ASCII) is None:
            continue
        chosen = chosen_parameters(profile, {"bll_no": number})
        expected = mask_card_numbers(number) if parameter.name in TEXTS else number
        assert chosen == {parameter.name: expected}


def test_some_numbers_of_bills_do_pass_for_cards() -> None:
    """Without one the test above would say nothing."""
    met = {
        biller_id
        for biller_id, parameter in parameters()
        for number in NUMBERS
        if parameter.name not in TEXTS and re.fullmatch(parameter.pattern, number, re.ASCII)
    }
    assert {"breb_postpaid", "ldtax", "eporcha_khatian"} <= met

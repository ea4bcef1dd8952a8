"""Which parameters of a bill stay the same for the customer's next one (ADR 0125)."""

import pytest
from pydantic import ValidationError

from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import ParameterEntry
from tests.biller_adapters.conftest import MANIFESTS

# What a payer is told with each bill, or chooses for it.
OF_ONE_BILL = {"amount", "bll_period"}


@pytest.fixture(params=MANIFESTS, ids=[one.id for one in MANIFESTS])
def manifest(request: pytest.FixtureRequest) -> Manifest:
    chosen: Manifest = request.param
    return chosen


def test_no_period_or_amount_of_a_bill_is_standing(manifest: Manifest) -> None:
    assert not {one.wire_name for one in manifest.parameters if one.is_standing} & OF_ONE_BILL


def test_what_is_standing_belongs_to_a_way_that_can_be_saved(manifest: Manifest) -> None:
    for letter in {one.group for one in manifest.parameters if one.is_standing}:
        group = [one for one in manifest.parameters if one.group == letter]
        first = next(one for one in group if one.is_required)
        assert first.is_standing, f"{letter} is called by {first.name}, which is of one bill"


def test_an_amount_cannot_be_standing() -> None:
    entry = {
        "name": "amount", "wire_name": "amount", "label_en": "Amount", "label_bn": "টাকা",
        "pattern": "^[0-9]+$", "example": "500", "group": "A",
    }  # fmt: skip
    assert not ParameterEntry.model_validate(entry).is_standing
    with pytest.raises(ValidationError, match="amount is an amount"):
        ParameterEntry.model_validate(entry | {"is_standing": True})

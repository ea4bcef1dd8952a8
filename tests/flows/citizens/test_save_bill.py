"""What is saved of a bill: that which names the next one too."""

from dataclasses import replace

import pytest

from ekpay_switch.flows.citizens.save_bill import savable_fields, save_bill, standing_fields
from ekpay_switch.ports.billers import BillerProfile, Parameter
from ekpay_switch.security.identifiers import uuid7
from tests.domain.carts.carts import one_bill
from tests.fakes.billers import PROFILE, FakeBiller
from tests.fakes.carts import CartScene
from tests.fakes.citizens import FakeSavedBills, citizens_of


def parameter(name: str, group: str, *, is_standing: bool = False, is_required: bool = True) -> Parameter:
    return Parameter(
        name, f"x_{name}", name, name, ".*", "1", group, is_required=is_required, is_standing=is_standing
    )


BY_BILL_OR_ACCOUNT = (
    parameter("bill_no", "A"),
    parameter("mobile", "A", is_standing=True),
    parameter("account_no", "B", is_standing=True),
    parameter("mobile", "B", is_standing=True, is_required=False),
    parameter("amount", "B"),
)


@pytest.fixture
def profile() -> BillerProfile:
    return replace(PROFILE, parameters=BY_BILL_OR_ACCOUNT)


def test_what_names_the_customer_is_kept_and_what_is_of_one_bill_is_not(profile: BillerProfile) -> None:
    fields = {"account_no": "7", "mobile": "017", "amount": "500"}
    assert standing_fields(profile, fields) == {"account_no": "7", "mobile": "017"}


def test_a_field_that_was_left_empty_is_not_kept(profile: BillerProfile) -> None:
    assert standing_fields(profile, {"account_no": "7", "amount": "500"}) == {"account_no": "7"}


def test_a_bill_named_by_its_own_number_is_not_saved(profile: BillerProfile) -> None:
    assert standing_fields(profile, {"bill_no": "7", "mobile": "017"}) == {}


def test_fields_that_the_manifest_does_not_have_any_more_are_not_saved(profile: BillerProfile) -> None:
    assert standing_fields(profile, {"account_no": "7", "meter_no": "8"}) == {}


def test_a_way_without_a_required_field_is_not_saved(profile: BillerProfile) -> None:
    only = (parameter("account_no", "A", is_standing=True, is_required=False),)
    assert standing_fields(replace(profile, parameters=only), {"account_no": "7"}) == {}


def test_of_a_bill_in_a_cart_its_billers_standing_fields_are_kept() -> None:
    scene = CartScene()
    small = scene.small
    standing = replace(PROFILE, parameters=BY_BILL_OR_ACCOUNT)
    small.billers.known[:] = [FakeBiller(small.clock, small.steps, standing)]
    stored = one_bill(1)
    fields = {"account_no": "7", "amount": "500"}
    stored = replace(stored, bill=replace(stored.bill, biller_id=PROFILE.id, fields=fields))
    assert savable_fields(stored, small.billers) == {"account_no": "7"}
    small.billers.known.clear()
    assert savable_fields(stored, small.billers) == {}, "a biller whose manifest is gone has no next bill"


async def test_a_bill_is_saved_for_one_citizen_until_the_account_is_full() -> None:
    scene = CartScene()
    citizens = citizens_of(scene.carts, scene.small.clock)
    saved, citizen_id = citizens.saved_bills, uuid7()
    assert isinstance(saved, FakeSavedBills)
    assert await save_bill(citizen_id, PROFILE.id, {"account_no": "7"}, "Home", citizens)
    (kept,) = await saved.of_citizen(citizen_id)
    assert (kept.biller_id, kept.fields, kept.nickname) == (PROFILE.id, {"account_no": "7"}, "Home")
    assert await saved.of_citizen(uuid7()) == []
    saved.is_full = True
    assert not await save_bill(citizen_id, PROFILE.id, {"account_no": "8"}, "", citizens)
    assert await saved.of_citizen(citizen_id) == [kept]

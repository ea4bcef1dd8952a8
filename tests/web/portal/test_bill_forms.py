"""The form of a biller asks for each field once, knows its keyboard, and judges what was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.flows.bills.fetch_bill import chosen_parameters
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.web.portal.bill_forms import BillForm, bill_form, judged_form, typed_form
from tests.web.portal.portal_setup import real_profiles

PROFILES = {one.id: one for one in real_profiles()}


def form_of(biller_id: str) -> BillForm:
    return bill_form(PROFILES[biller_id])


def judged(biller_id: str, **sent: str) -> tuple[dict[str, str], dict[str, str]]:
    form = form_of(biller_id)
    filled = judged_form(
        form, typed_form(form, {name.replace("_", "-", 1): text for name, text in sent.items()})
    )
    return dict(filled.faults), dict(filled.fields)


def test_what_every_way_asks_for_is_asked_once_below_the_choice() -> None:
    form = form_of("achallan_generic")
    assert [[one.parameter.name for one in group.fields] for group in form.groups] == [
        ["nid"],
        ["tin"],
        ["bin"],
    ]
    assert [one.parameter.name for one in form.common] == [
        "economic_code", "organization_code", "amount", "mobile",
    ]  # fmt: skip


@pytest.mark.parametrize("profile", real_profiles(), ids=lambda one: one.id)
def test_every_field_has_an_id_of_its_own_and_every_parameter_a_field(profile: BillerProfile) -> None:
    form = bill_form(profile)
    fields = [one for group in form.groups for one in group.fields] + list(form.common)
    assert len({one.id for one in fields}) == len(fields)
    assert {one.parameter.name for one in fields} == {one.name for one in profile.parameters}


@pytest.mark.parametrize("profile", real_profiles(), ids=lambda one: one.id)
def test_the_examples_of_each_way_are_right_and_are_what_the_fetch_takes(profile: BillerProfile) -> None:
    form = bill_form(profile)
    for group in form.groups:
        sent = {one.id: one.parameter.example for one in (*group.fields, *form.common)}
        filled = judged_form(form, typed_form(form, sent | {"group": group.letter}))
        assert filled.faults == {}
        wire_names = {one.name: one.wire_name for one in profile.parameters if one.group == group.letter}
        by_wire_name = {wire_names[name]: text for name, text in filled.fields.items()}
        assert chosen_parameters(profile, by_wire_name) == filled.fields


@pytest.mark.parametrize(
    ("biller", "name", "kind", "mode", "completion"),
    [
        ("desco_postpaid", "bill_no", "text", "numeric", "off"),
        ("desco_prepaid", "mobile", "tel", "", "tel-national"),
        ("desco_prepaid", "amount", "text", "numeric", "off"),
        ("vat_online", "amount", "text", "decimal", "off"),
        ("vat_online", "bin", "text", "", "off"),
        ("customs_duty", "fiscal_year", "text", "", "off"),
        ("egp_fee", "user_email", "email", "", "email"),
        ("landport_passenger_charge", "travel_date", "date", "", "off"),
        ("titas_nonmetered", "burner_type", "tiles", "", "off"),
        ("xi_admission", "board", "list", "", "off"),
    ],
)
def test_a_field_has_its_kind_and_its_keyboard(
    biller: str, name: str, kind: str, mode: str, completion: str
) -> None:
    form = form_of(biller)
    fields = [one for group in form.groups for one in group.fields] + list(form.common)
    (field,) = [one for one in fields if one.parameter.name == name]
    assert (field.kind, field.mode, field.completion) == (kind, mode, completion)


def test_bangla_digits_and_blanks_are_read_as_the_biller_takes_them() -> None:
    assert judged("desco_postpaid", A_bill_no=" ০৯২৫ ১২৩৪৫৬৭৮ ") == ({}, {"bill_no": "092512345678"})
    assert judged("landport_passenger_charge", A_passport_no="a01234567", A_travel_date="2026-12-05") == (
        {},
        {"passport_no": "A01234567", "travel_date": "2026-12-05"},
    )


def test_a_mobile_number_may_be_written_with_its_country() -> None:
    faults, fields = judged(
        "desco_prepaid", A_account_no="41234567", A_mobile="+৮৮০১৭১২৩৪৫৬৭৮", A_amount="500"
    )
    assert (faults, fields["mobile"]) == ({}, "01712345678")


def test_who_typed_one_number_has_chosen_it() -> None:
    assert judged("desco_postpaid", B_account_no="12345678") == ({}, {"account_no": "12345678"})


def test_the_choice_decides_where_both_are_typed() -> None:
    both = {"A_bill_no": "092512345678", "B_account_no": "12345678"}
    assert judged("desco_postpaid", group="B", **both) == ({}, {"account_no": "12345678"})
    assert judged("desco_postpaid", **both) == ({"group": "not_chosen"}, {})
    assert judged("desco_postpaid", group="Z") == ({"group": "not_chosen"}, {})


def test_each_wrong_field_is_named() -> None:
    faults, fields = judged("desco_prepaid", A_account_no="1", A_amount="20")
    assert faults == {"A-account_no": "wrong", "A-mobile": "missing", "A-amount": "beyond_bounds"}
    assert fields == {}
    assert judged("titas_nonmetered")[0]["A-burner_type"] == "not_chosen"


@given(st.sampled_from(real_profiles()), st.data())
def test_whatever_is_sent_is_judged_and_what_is_right_names_a_bill(
    profile: BillerProfile, data: st.DataObject
) -> None:
    form = bill_form(profile)
    names = [one.id for group in form.groups for one in group.fields] + [one.id for one in form.common]
    sent = data.draw(st.dictionaries(st.sampled_from([*names, "group", "x"]), st.text()))
    filled = judged_form(form, typed_form(form, sent))
    assert bool(filled.faults) != bool(filled.fields)

"""What an office's settings may say, and what a plan makes of a fee."""

import pytest

from biller_adapters.fee_heads import FeeHead, heads_as_text, heads_from_text, plan_of
from biller_adapters.manifest import Manifest
from biller_adapters.office_wording import office_wording_of
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.manifest_file import ManifestError
from tests.biller_adapters.conftest import the_manifest

CALLS = frozenset({"pay", "status"})
PORCHA, EGP, NID = the_manifest("eporcha_khatian"), the_manifest("egp_fee"), the_manifest("nid_correction")


def changed(manifest: Manifest, **settings: str) -> Manifest:
    return manifest.model_copy(update={"family_settings": {**manifest.family_settings, **settings}})


def amounts(heads: tuple[FeeHead, ...]) -> dict[str, int]:
    return {head.code: head.amount.minor for head in heads}


@pytest.mark.parametrize(
    ("plan", "paisa", "heads"),
    [
        ("fee", 5_750, {"fee": 5_750}),
        ("fee vat=15%", 23_000, {"fee": 20_000, "vat": 3_000}),
        ("fee vat=15%", 1, {"fee": 1, "vat": 0}),
        ("fee vat=15%", 100, {"fee": 87, "vat": 13}),
        (
            "application_fee=20.00 certificate_fee",
            5_000,
            {"application_fee": 2_000, "certificate_fee": 3_000},
        ),
        ("first=1.00 vat=15% rest", 11_500, {"first": 100, "vat": 1_500, "rest": 9_900}),
        ("first=1.00 rest", 100, {"first": 100, "rest": 0}),
    ],
)
def test_a_plan_splits_a_fee_without_loss(plan: str, paisa: int, heads: dict[str, int]) -> None:
    split = plan_of(plan).heads(Money(paisa))
    assert amounts(split) == heads
    assert sum(heads.values()) == paisa
    assert heads_from_text(heads_as_text(split)) == split


@pytest.mark.parametrize(
    "told",
    ["", "fee fee", "fee rest", "vat=15%", "fee vat=0%", "fee vat=150%", "Fee", "fee vat=15", "fee first=1"],
)
def test_what_is_no_plan(told: str) -> None:
    with pytest.raises(ValueError, match="no plan"):
        plan_of(told)


def test_parts_that_come_to_more_than_the_fee_are_refused() -> None:
    with pytest.raises(ValueError, match="more than the fee"):
        plan_of("first=1.01 rest").heads(Money(100))


@pytest.mark.parametrize(
    "settings",
    [
        {"reference": "stranger"},
        {"reference": "mobile"},  # may be left out, so it cannot come first
        {"details": "applicationNo=stranger"},
        {"details": "applicationNo application_no"},
        {"stage": "mobile"},
        {"needed_when": "delivery=post"},
        {"needed_when": "stranger=post: mobile"},
        {"needed_when": "delivery=post: stranger"},
        {"part_when": "mobile=01712345678"},
        {"schedule_heads": "copy_fee=100.01 rest"},
        {"schedule_heads": "no plan"},
        {"service": "Khatian Copy"},
        {"stranger": "x"},
    ],
    ids=str,
)
def test_a_setting_that_does_not_fit_the_manifest_is_refused(settings: dict[str, str]) -> None:
    assert office_wording_of(PORCHA, CALLS).service == "khatian-copy"
    with pytest.raises(ManifestError, match="eporcha_khatian"):
        office_wording_of(changed(PORCHA, **settings), CALLS)


def test_an_office_must_have_the_calls_that_are_made() -> None:
    with pytest.raises(ManifestError, match="undo"):
        office_wording_of(PORCHA, CALLS | {"undo"})


def test_a_reference_is_made_of_what_is_filled_in() -> None:
    words = office_wording_of(EGP, CALLS)
    user = {"user_email": "tenders@example.com", "fee_type": "renewal"}
    assert words.reference(user) == "tenders@example.com/renewal"
    document = {**user, "fee_type": "document", "tender_id": "912345"}
    assert words.reference(document) == "tenders@example.com/document/912345"
    assert [words.is_whole(named) for named in (user, {**user, "fee_type": "document"}, document)] == [
        True,
        False,
        True,
    ]


def test_nobody_pays_a_part_where_nobody_may() -> None:
    words = office_wording_of(NID, CALLS)
    named = {"nid": "1985123456", "service_type": "nid_data", "attempt": "1"}
    assert not words.may_pay_part(named)
    assert words.stage(named) == ""
    assert words.detail_fields(named) == {"nid": "1985123456", "serviceType": "nid_data", "attempt": "1"}

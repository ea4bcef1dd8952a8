"""aamarPay, the dialect without a signature: created by JSON, asked by our reference, believed only then."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    ConfirmedCollection,
    HeldForRisk,
    MismatchedCollection,
    NeverPaid,
    NoHint,
    PageCreated,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.conftest import the_manifest
from tests.connectors.families.sslcommerz.sslcommerz_stage import (
    PAGE,
    PAID,
    REFERENCE,
    SECRET,
    STORE_ID,
    Played,
    a_connector,
    a_refund,
    a_stage,
    an_order,
    played,
    said,
)
from tests.wire.scripted_peer import Manners

FORM = {"content-type": "application/x-www-form-urlencoded"}
MONEY = Collected(
    REFERENCE,
    Money(50_000),
    "AAM1",
    {
        "executed_at": "2026-09-18T06:00:19+00:00",
        "payer_account": "************0667",
        "bank_transaction": "BANK1",
    },
)


@pytest.fixture
def manifest() -> Manifest:
    return the_manifest("aamarpay")


async def test_a_page_is_created_with_the_fields_that_aamarpay_wants(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        created = await stage.connector.create(an_order(provider_reference=""))
        (heard,) = stage.heard("create")
    assert created == PageCreated(REFERENCE, PAGE["payment_url"])
    assert (heard.path, heard.headers["content-type"]) == ("/aamarpay/jsonpost.php", "application/json")
    assert json.loads(heard.body) == {
        "store_id": STORE_ID,
        "signature_key": SECRET,
        "tran_id": REFERENCE,
        "amount": "500.00",
        "currency": "BDT",
        "success_url": EXAMPLE_ORDER.return_url,
        "fail_url": EXAMPLE_ORDER.return_url,
        "cancel_url": EXAMPLE_ORDER.return_url,
        "desc": "Bill payment",
        "cus_name": "ekPay payer",
        "cus_email": "payer@example.org",
        "cus_add1": "Dhaka",
        "cus_add2": "Dhaka",
        "cus_city": "Dhaka",
        "cus_state": "Dhaka",
        "cus_postcode": "1000",
        "cus_country": "Bangladesh",
        "cus_phone": "01700000000",
        "type": "json",
    }


async def test_an_error_is_a_decline_whether_it_is_a_text_or_an_object(manifest: Manifest) -> None:
    text = await a_connector(manifest, create=said("Invalid Store ID")).create(an_order())
    assert text == Declined("not_allowed", "create error")
    told = await a_connector(manifest, create=said({"result": "false"})).create(an_order())
    assert told == Declined("not_allowed", "create false")


@pytest.mark.parametrize(
    "answer",
    [
        said(PAGE | {"payment_url": "https://aamarpay.com.example.org/"}),
        said(PAGE | {"payment_url": "/paynow.php"}),
        said({"result": "true"}),
        said({"cus_email": "required"}),
        said([]),
        said(None),
        b"<html>true</html>",
        b"",
    ],
)
async def test_a_create_without_a_usable_page_is_in_doubt(manifest: Manifest, answer: bytes) -> None:
    assert isinstance(await a_connector(manifest, create=answer).create(an_order()), InDoubt)


@pytest.mark.parametrize("changes", [{"amount": Money(50_000, "USD")}, {"amount": Money(1)}])
async def test_what_aamarpay_would_refuse_is_not_sent(manifest: Manifest, changes: dict[str, Any]) -> None:
    wire = Played(manifest, {})
    assert isinstance(await played(manifest, wire).create(an_order(**changes)), Unreached)
    assert wire.asked == []


async def test_money_is_collected_where_the_query_says_so(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        told = await stage.connector.inquire(an_order())
        assert told == MONEY
        assert stage.asked("query") == {
            "store_id": STORE_ID,
            "signature_key": SECRET,
            "type": "json",
            "request_id": REFERENCE,
        }
    assert isinstance(judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection)


async def test_an_answer_in_a_list_of_one_is_the_same_answer(manifest: Manifest) -> None:
    assert await a_connector(manifest, query=said([PAID])).inquire(an_order()) == MONEY
    assert await a_connector(manifest, query=said([PAID, PAID])).inquire(an_order()) == MONEY
    for strange in ([], [[PAID]], ["paid"], [PAID, "paid"]):
        assert isinstance(await a_connector(manifest, query=said(strange)).inquire(an_order()), NoAnswer)


async def test_what_the_codes_mean(manifest: Manifest) -> None:
    meanings = {
        "0": AwaitingPayer(),
        "3": NeverPaid("reply code status 3"),
        "7": NeverPaid("reply code status 7"),
        "9": NoAnswer("reply code status 9"),
    }
    for code, meaning in meanings.items():
        told = a_connector(manifest, query=said(PAID | {"status_code": code, "pay_status": "any"}))
        assert await told.inquire(an_order()) == meaning


@pytest.mark.parametrize("code", ["0", "2", "3", "7"])
async def test_an_answer_about_another_payment_is_no_answer(manifest: Manifest, code: str) -> None:
    another = said(PAID | {"mer_txnid": "CHEAPER1", "status_code": code})
    assert await a_connector(manifest, query=another).inquire(an_order()) == NoAnswer("another mer_txnid")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": "5.00"}, "another amount"),
        ({"amount": "500.01"}, "another amount"),
        ({"currency": "USD"}, "another currency"),
        ({"currency_merchant": "USD", "other_currency": "500.00"}, "another currency"),
    ],
)
async def test_another_amount_or_currency_is_told_as_it_is_and_disagrees(
    manifest: Manifest, changes: dict[str, str], why: str
) -> None:
    told = await a_connector(manifest, query=said(PAID | changes)).inquire(an_order())
    assert isinstance(told, Collected)
    assert judge_collected(EXAMPLE_ORDER, told) == MismatchedCollection(told, why)


@pytest.mark.parametrize(
    "changes",
    [
        {"pay_status": "Failed"},
        {"pay_status": None},
        {"pg_txnid": ""},
        {"amount": "5,00.00"},
        {"currency_merchant": ""},
        {"status_code": None},
        {"status_code": True},
    ],
)
async def test_an_answer_that_is_not_whole_is_no_answer(
    manifest: Manifest, changes: dict[str, object]
) -> None:
    assert isinstance(await a_connector(manifest, query=said(PAID | changes)).inquire(an_order()), NoAnswer)


async def test_money_at_a_risk_is_held_for_a_person(manifest: Manifest) -> None:
    told = await a_connector(manifest, query=said(PAID | {"pg_card_risklevel": "1"})).inquire(an_order())
    assert isinstance(told, HeldForRisk)
    assert "held for its risk" in told.why
    assert told.money == replace(MONEY, facts={**MONEY.facts, "risk_level": "1"})


async def test_of_several_payments_in_a_list_the_one_as_ordered_counts(manifest: Manifest) -> None:
    cheaper = PAID | {"pg_txnid": "AAM0", "amount": "5.00", "other_currency": "5.00"}
    risky = PAID | {"pg_txnid": "AAM2", "pg_card_risklevel": "1"}
    broken = PAID | {"pg_txnid": "AAM3", "pay_status": "Failed"}
    failed = PAID | {"pg_txnid": "AAM4", "status_code": "7", "pay_status": "Failed"}
    unread = broken | {"pg_txnid": "AAM5", "amount": "much"}
    rows = said([failed, cheaper, risky, PAID, broken, unread])
    told = await a_connector(manifest, query=rows).inquire(an_order())
    assert isinstance(told, Collected)
    assert replace(told, further=(), unproven=()) == MONEY
    assert [other.provider_transaction for other in told.further] == ["AAM0"]
    assert [other.provider_transaction for other in told.unproven] == ["AAM2", "AAM3", "AAM5"]
    assert "status" in told.unproven[1].facts
    assert (told.unproven[1].amount, told.unproven[2].amount) == (MONEY.amount, Money(0))
    assert await a_connector(manifest, query=said([failed, PAID])).inquire(an_order()) == MONEY
    assert isinstance(
        await a_connector(manifest, query=said([failed, failed])).inquire(an_order()), NeverPaid
    )
    stranger = said([PAID, PAID | {"mer_txnid": "ANOTHER"}])
    assert await a_connector(manifest, query=stranger).inquire(an_order()) == NoAnswer("another mer_txnid")


@pytest.mark.parametrize(
    "manners", [pytest.param(manners, id=name) for name, manners in rude_manners(said(PAID)).items()]
)
async def test_a_question_without_a_usable_answer_teaches_nothing(
    manifest: Manifest, manners: Manners
) -> None:
    async with a_stage(manifest, {"query": manners}) as stage:
        told = await stage.connector.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert told.was_asked
        assert stage.calls() == ["query"]


async def test_nothing_is_executed_or_given_back(manifest: Manifest) -> None:
    wire = Played(manifest, {})
    connector = played(manifest, wire)
    assert isinstance(await connector.execute(an_order()), Unreached)
    assert isinstance(await connector.refund(a_refund()), Unreached)
    told = await connector.inquire_refunds(a_refund(provider_refund="RFD1"))
    assert isinstance(told, NoAnswer)
    assert not told.was_asked
    assert wire.asked == []


# ---- what comes unasked


@pytest.mark.parametrize("code", ["2", "7"])
async def test_a_form_that_nobody_signed_is_a_hint_and_says_nothing_of_money(
    manifest: Manifest, code: str
) -> None:
    body = urlencode(PAID | {"status_code": code}).encode()
    for headers in (FORM, {}):
        told = await a_connector(manifest).read_callback(headers, body)
        assert told == CallbackHint(f"{REFERENCE} {code}", "", code, REFERENCE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"status_code=2",
        f"mer_txnid={REFERENCE}".encode(),
        f"mer_txnid={REFERENCE}&status_code=2&status_code=7".encode(),
        b"mer_txnid=a%20b&status_code=2",
        f"mer_txnid={REFERENCE}&status_code=2%00".encode(),
        b"\xff\xfe",
        said(PAID),
    ],
)
async def test_what_names_no_payment_is_no_hint(manifest: Manifest, body: bytes) -> None:
    told = await a_connector(manifest).read_callback(FORM, body)
    assert isinstance(told, NoHint)
    assert not told.is_forged

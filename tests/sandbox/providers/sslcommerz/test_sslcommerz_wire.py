"""SSLCommerz's wire, from a merchant's side."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from sandbox.providers.sslcommerz.family import SslcommerzFamily
from sandbox.providers.sslcommerz.verify_sign import plain_text, sign_fields
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.sslcommerz.caller import (
    QUESTIONS,
    SESSION,
    STORE,
    VALIDATION,
    Shop,
    sslcommerz_served,
)


@pytest.fixture
async def shop(tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with sslcommerz_served(tmp_path, clock) as shop:
        yield shop


def is_signed(form: dict[str, str], password: str = STORE["store_passwd"]) -> bool:
    """Whether a form is signed as the description says, worked out anew."""
    named = {name: form[name] for name in form["verify_key"].split(",")}
    named["store_passwd"] = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    text = "&".join(f"{name}={named[name]}" for name in sorted(named)).encode()
    return form["verify_sign"] == hashlib.md5(text, usedforsecurity=False).hexdigest()


def test_the_published_sign_is_made_byte_for_byte() -> None:
    written = (
        "amount=1350.00;bank_tran_id=26091806001901;base_fair=0.00;card_brand=VISA;"
        "card_issuer=BRAC BANK, LTD.;card_issuer_country=Bangladesh;card_issuer_country_code=BD;"
        "card_no=432149XXXXXX0667;card_type=VISA-Brac bank;currency=BDT;currency_amount=1350.00;"
        "currency_rate=1.0000;currency_type=BDT;risk_level=0;risk_title=Safe;status=VALID;"
        "store_amount=1316.25;store_id=ekpaytest;tran_date=2026-09-18 12:00:19;"
        "tran_id=EKP-20260918-000123;val_id=2609180600190ABCDEFG;value_a=;value_b=;value_c=;value_d="
    )
    fields = dict(pair.split("=", 1) for pair in written.split(";"))
    form = sign_fields(fields, "ekpay-test-pass")
    assert "store_passwd=dcf0b2463cef14a69db44b49afef0a20" in plain_text(fields, "ekpay-test-pass")
    assert form["verify_sign"] == "a725ae22801b5720173ca52b0d8a62a5"
    assert form["verify_sign_sha2"] == "ddc517a527fcdfd14a0edae7fd8654dc643c0f12dcdab5c655aaa83824f96184"


# ---- sessions


async def test_a_session_has_a_page(shop: Shop) -> None:
    _, answer = await shop.opened()
    assert answer["failedreason"] == ""
    assert 0 < len(answer["sessionkey"]) <= 50
    assert answer["GatewayPageURL"] == answer["redirectGatewayURL"]
    assert {"gw", "storeBanner", "storeLogo", "desc"} < answer.keys()


async def test_a_session_comes_in_any_of_four_forms(shop: Shop) -> None:
    multipart = aiohttp.FormData(default_to_multipart=True)
    for name, value in shop.fields().items():
        multipart.add_field(name, value)
    forms: list[tuple[str, dict[str, Any]]] = [
        ("POST", {"data": shop.fields()}),
        ("POST", {"data": multipart}),
        ("POST", {"params": shop.fields()}),
        ("GET", {"params": shop.fields()}),
    ]
    for method, sent in forms:
        answer = await shop.call("sslcommerz", SESSION, method, **sent)
        assert answer["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"store_passwd": "wrong"}, "Store Credential Error Or Store is De-active"),
        ({"store_id": "other"}, "Store Credential Error Or Store is De-active"),
        ({"total_amount": "9.99"}, "total_amount must be from 10.00 to 500000.00"),
        ({"total_amount": "500000.01"}, "total_amount must be from 10.00 to 500000.00"),
        ({"total_amount": "ten"}, "total_amount must be from 10.00 to 500000.00"),
        ({"currency": "USD"}, "currency must be BDT"),
        ({"tran_id": ""}, "tran_id must have 1 to 36 characters"),
        ({"tran_id": "T" * 37}, "tran_id must have 1 to 36 characters"),
        ({"cus_email": ""}, "cus_email is missing"),
        ({"shipping_method": ""}, "shipping_method is missing"),
        ({"fail_url": "javascript:1"}, "fail_url is no address"),
        ({"ipn_url": "no address"}, "ipn_url is no address"),
    ],
)
async def test_what_opens_no_session(shop: Shop, changes: dict[str, str], reason: str) -> None:
    answer = await shop.call("sslcommerz", SESSION, "POST", data=shop.fields(**changes))
    assert answer == {"status": "FAILED", "failedreason": reason, "sessionkey": ""}


async def test_a_uuid_names_a_session_and_a_doubled_slash_leads_to_it(shop: Shop) -> None:
    fields = shop.fields(tran_id="6f1c2a52-6f0e-4d3e-9c0a-4a8f4f1d7c11")
    answer = await shop.call("sslcommerz", f"/{SESSION}", "POST", data=fields)
    assert answer["status"] == "SUCCESS"


async def test_a_name_opens_one_session_for_ever(shop: Shop) -> None:
    tran_id, _ = await shop.visited()
    answer = await shop.call("sslcommerz", SESSION, "POST", data=shop.fields(tran_id=tran_id))
    assert (answer["status"], answer["failedreason"]) == ("FAILED", "tran_id was used before")


async def test_a_customer_can_strike_before_there_is_a_page(shop: Shop) -> None:
    fields = shop.fields(cus_phone=await shop.number("sslcommerz", "create_lost_done"))
    with pytest.raises(aiohttp.ClientError):
        await shop.call("sslcommerz", SESSION, "POST", data=fields)
    assert (await shop.call("sslcommerz", SESSION, "POST", data=fields))["status"] == "FAILED"


# ---- questions


async def test_nothing_is_found_until_somebody_tries(shop: Shop, clock: SetClock) -> None:
    tran_id, answer = await shop.opened()
    assert await shop.attempts(tran_id) == []
    assert await shop.attempts("NOBODY") == []
    flat = await shop.ask(sessionkey=answer["sessionkey"])
    assert (flat["APIConnect"], flat["status"], flat["tran_id"]) == ("DONE", "PENDING", tran_id)
    assert (flat["amount"], flat["currency"]) == ("120.50", "BDT")
    assert (await shop.ask(sessionkey=tran_id))["status"] == "INVALID_TRANSACTION"
    clock.advance(hours=1)
    assert [row["status"] for row in await shop.attempts(tran_id)] == ["EXPIRED"]


async def test_a_validation_says_that_nothing_was_let_off(shop: Shop) -> None:
    answer = await shop.validate((await shop.paid())["val_id"])
    let_off = {name: value for name, value in answer.items() if name.startswith("discount_")}
    assert let_off == {"discount_amount": "0.00", "discount_percentage": "0.00", "discount_remarks": ""}


async def test_a_payment_is_valid_at_the_first_look_and_validated_ever_after(shop: Shop) -> None:
    row = await shop.paid()
    assert (row["status"], row["amount"], row["store_amount"]) == ("VALID", "120.50", "117.49")
    assert (row["card_no"], row["risk_level"]) == ("410000XXXXXX0000", "0")
    first, second = [await shop.validate(row["val_id"]) for _ in range(2)]
    assert (first["APIConnect"], first["status"], first["value_a"]) == ("DONE", "VALID", "a & ক")
    assert second == first | {"status": "VALIDATED"}
    assert first["bank_tran_id"] == row["bank_tran_id"]
    assert [one["status"] for one in await shop.attempts(row["tran_id"])] == ["VALIDATED"]


async def test_questions_may_be_posted_and_need_no_format(shop: Shop) -> None:
    row = await shop.paid()
    query = {**STORE, "val_id": row["val_id"]}
    assert (await shop.call("sslcommerz", VALIDATION, "POST", params=query))["status"] == "VALID"
    query = {**STORE, "tran_id": row["tran_id"]}
    assert (await shop.call("sslcommerz", QUESTIONS, "POST", data=query))["no_of_trans_found"] == 1


@pytest.mark.parametrize("val_id", ["NOBODY", "2603101200001AAAAAA"])
async def test_what_nobody_paid_is_not_valid(shop: Shop, val_id: str) -> None:
    assert await shop.validate(val_id) == {"APIConnect": "DONE", "status": "INVALID_TRANSACTION"}
    row = await shop.paid()
    assert (await shop.validate(row["bank_tran_id"]))["status"] == "INVALID_TRANSACTION"


@pytest.mark.parametrize("path", [VALIDATION, QUESTIONS])
async def test_who_is_not_let_in_learns_nothing(shop: Shop, path: str) -> None:
    for store in ({}, {"store_id": "ekpay"}, STORE | {"store_passwd": "wrong"}):
        answer = await shop.call("sslcommerz", path, params={**store, "tran_id": "T", "val_id": "V"})
        assert answer["APIConnect"] == "FAILED"
    assert (await shop.call("sslcommerz", path, params=STORE))["APIConnect"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("kind", "does", "attempts"),
    [
        ("second_try", PayerDecision.APPROVE, ["FAILED", "VALID"]),
        ("paid_twice", PayerDecision.APPROVE, ["VALID", "VALID"]),
        ("declined", PayerDecision.APPROVE, ["FAILED"]),
        ("normal", PayerDecision.CANCEL, ["CANCELLED"]),
        ("pending", PayerDecision.APPROVE, ["PENDING"]),
    ],
)
async def test_one_name_may_have_several_attempts(
    shop: Shop, kind: str, does: PayerDecision, attempts: list[str]
) -> None:
    tran_id, _ = await shop.visited(kind, does)
    rows = await shop.attempts(tran_id)
    assert [row["status"] for row in rows] == attempts
    names = [row["bank_tran_id"] for row in rows if row["bank_tran_id"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("risky", {"risk_level": "1", "risk_title": "Not Safe"}),
        ("other_amount", {"amount": "121.50", "currency_amount": "121.50"}),
        ("other_currency", {"currency": "USD", "currency_type": "USD", "amount": "120.50"}),
    ],
)
async def test_odd_payments_are_told_alike_everywhere(shop: Shop, kind: str, told: dict[str, str]) -> None:
    row = await shop.paid(kind)
    await shop.until(1)
    for answer in (row, await shop.validate(row["val_id"]), shop.forms[0]):
        assert told.items() <= answer.items()


async def test_a_risk_is_held_until_it_is_released(shop: Shop) -> None:
    row = await shop.paid("risky")
    await shop.until(1)
    decided = await shop.admin("POST", "holds", hold_of(row, "release"))
    assert decided == {"reference": row["tran_id"], "is_held": False}
    (told,) = await shop.attempts(row["tran_id"])
    assert (told["status"], told["risk_level"], told["bank_tran_id"]) == ("VALID", "0", row["bank_tran_id"])
    await shop.until(2)
    assert (shop.forms[1]["status"], shop.forms[1]["risk_level"]) == ("VALID", "0")


async def test_a_risk_that_is_refused_has_failed_and_is_given_back(shop: Shop) -> None:
    row = await shop.paid("risky")
    await shop.admin("POST", "holds", hold_of(row, "refuse"))
    (told,) = await shop.attempts(row["tran_id"])
    assert (told["status"], told["risk_level"], told["val_id"]) == ("FAILED", "0", "")
    order = await shop.admin("GET", f"order?house=sslcommerz&reference={row['tran_id']}")
    assert order["refunded_paisa"] == 12_050


async def test_only_what_is_held_is_decided(shop: Shop) -> None:
    row = await shop.paid()
    url = f"{shop.origin}/_admin/holds"
    for hold, status in ((hold_of(row, "release"), 409), (hold_of({"tran_id": "NOBODY"}, "refuse"), 404)):
        async with shop.session.post(url, json=hold) as answer:
            assert answer.status == status
    tran_id, _ = await shop.at_aamarpay("risky")
    hold = {"house": "aamarpay", "reference": tran_id, "decision": "refuse"}
    async with shop.session.post(url, json=hold) as answer:
        assert answer.status == 409
    assert (await shop.admin("POST", "holds", hold | {"decision": "release"}))["is_held"] is False
    (told,) = [await shop.trxcheck(tran_id)]
    assert told["pg_card_risklevel"] == "0"


def hold_of(row: Mapping[str, str], decision: str) -> dict[str, str]:
    return {"house": "sslcommerz", "reference": row["tran_id"], "decision": decision}


async def test_each_of_two_good_attempts_is_valid_by_its_own_name(shop: Shop) -> None:
    tran_id, _ = await shop.visited("paid_twice")
    for row in await shop.attempts(tran_id):
        told = await shop.validate(row["val_id"])
        assert (told["status"] in {"VALID", "VALIDATED"}, told["bank_tran_id"]) == (True, row["bank_tran_id"])
    row = await shop.paid()
    assert (await shop.validate(f"{row['val_id']}B"))["status"] == "INVALID_TRANSACTION"


# ---- what is posted to the merchant


@pytest.mark.parametrize(
    ("kind", "does", "status", "way"),
    [
        ("normal", PayerDecision.APPROVE, "VALID", "success_url"),
        ("declined", PayerDecision.APPROVE, "FAILED", "fail_url"),
        ("normal", PayerDecision.CANCEL, "CANCELLED", "cancel_url"),
    ],
)
async def test_browser_and_ipn_carry_the_same_signed_form(
    shop: Shop, kind: str, does: PayerDecision, status: str, way: str
) -> None:
    tran_id, visit = await shop.visited(kind, does)
    await shop.until(1)
    (form,) = shop.forms
    assert visit.sent_to == f"{shop.url}/{way}"
    assert visit.carries == form
    assert (form["tran_id"], form["status"], form["value_a"]) == (tran_id, status, "a & ক")
    assert is_signed(form)
    assert set(form["verify_key"].split(",")) == form.keys() - {
        "verify_key",
        "verify_sign",
        "verify_sign_sha2",
    }


async def test_an_ipn_can_be_forged_twice_and_unfounded(shop: Shop) -> None:
    await shop.visited("push_forged")
    await shop.until(1)
    assert not is_signed(shop.forms[0])
    assert is_signed(shop.forms[0], "wrong")
    _, visit = await shop.visited("return_forged")
    assert visit.carries is not None
    assert not is_signed(dict(visit.carries))
    tran_id, _ = await shop.visited("push_unfounded")
    await shop.until(2)
    assert (shop.forms[1]["status"], is_signed(shop.forms[1])) == ("VALID", True)
    assert (await shop.validate(shop.forms[1]["val_id"]))["status"] == "INVALID_TRANSACTION"
    assert [row["status"] for row in await shop.attempts(tran_id)] == ["FAILED"]
    await shop.visited("push_twice")
    await shop.until(4)
    assert shop.forms[2] == shop.forms[3]


async def test_who_names_no_address_has_no_ipn(shop: Shop) -> None:
    tran_id, answer = await shop.opened(ipn_url="")
    await pay(answer["GatewayPageURL"], Payer("4100000000000000"))
    await shop.admin("POST", "push", {"house": "sslcommerz", "reference": tran_id, "kind": "again"})
    assert shop.forms == []


# ---- refunds


async def test_a_refund_is_begun_once_and_then_done(shop: Shop) -> None:
    row = await shop.paid()
    first = await shop.refund(row, "20.50", "R1")
    assert first == {
        "APIConnect": "DONE",
        "bank_tran_id": row["bank_tran_id"],
        "trans_id": row["tran_id"],
        "refund_ref_id": first["refund_ref_id"],
        "status": "success",
        "errorReason": "",
    }
    assert await shop.refund(row, "20.50", "R1") == first | {"status": "processing"}
    told = await shop.ask(refund_ref_id=first["refund_ref_id"])
    assert (told["status"], told["tran_id"]) == ("refunded", row["tran_id"])
    assert told["initiated_on"] == told["refunded_on"] == "2026-03-10 12:00:00"
    assert (await shop.refund(row, "10.00", "R1"))["errorReason"] == "duplicate"
    assert (await shop.refund(row, "100.01", "R2"))["errorReason"] == "too_much"
    # Older clients send no name; each of their calls is another refund.
    assert (await shop.refund(row, "50.00"))["status"] == "success"
    assert (await shop.refund(row, "50.00"))["status"] == "success"
    assert (await shop.refund(row, "0.01"))["status"] == "failed"


@pytest.mark.parametrize(("kind", "word"), [("refund_processing", "refunded"), ("refund_fails", "cancelled")])
async def test_a_refund_may_take_its_time(shop: Shop, clock: SetClock, kind: str, word: str) -> None:
    row = await shop.paid(kind)
    name = (await shop.refund(row, "20.00", "R1"))["refund_ref_id"]
    told = await shop.ask(refund_ref_id=name)
    assert (told["status"], told["refunded_on"]) == ("processing", "")
    clock.advance(seconds=60)
    assert (await shop.ask(refund_ref_id=name))["status"] == word


async def test_what_is_not_given_back(shop: Shop, clock: SetClock) -> None:
    row = await shop.paid()
    refused = await shop.refund(await shop.paid("refund_refused"), "20.00", "R1")
    assert (refused["status"], refused["errorReason"]) == ("failed", "refused")
    unknown = await shop.refund({"bank_tran_id": "NOBODY"}, "20.00", "R2")
    assert (unknown["status"], unknown["refund_ref_id"]) == ("failed", "")
    assert (await shop.refund(row, "nothing", "R3"))["errorReason"] == "too_much"
    assert (await shop.refund(row, "1.00", "R" * 37))["APIConnect"] == "INVALID_REQUEST"
    assert (await shop.ask(refund_ref_id="NOBODY"))["APIConnect"] == "INVALID_REQUEST"
    clock.advance(days=90)
    assert (await shop.refund(row, "1.00", "R4"))["errorReason"] == "too_late"


async def test_the_file_of_a_day_has_payments_and_what_went_back(shop: Shop) -> None:
    row = await shop.paid()
    back = (await shop.refund(row, "20.00", "R1"))["refund_ref_id"]
    url = f"{shop.origin}/_admin/settlement?house=sslcommerz&date=2026-03-10"
    async with shop.session.get(url) as file:
        header, *rows = (await file.text()).splitlines()
    assert header == (
        "tran_id,val_id,bank_tran_id,tran_date,card_type,card_brand,card_issuer,currency,amount,store_amount,"
        "charge,refund_ref_id,settlement_date,payout_ref"
    )
    names = f"{row['tran_id']},{row['val_id']},{row['bank_tran_id']},2026-03-10 12:00:00"
    card, payout = 'VISA-Brac bank,VISA,"BRAC BANK, LTD.",BDT', "2026-03-12,PO20260312"
    assert rows == [
        f"{names},{card},120.50,117.49,3.01,,{payout}",
        f"{names},{card},-20.00,-20.00,0.00,{back},{payout}",
    ]


def test_the_settings_of_a_switch_are_those_of_the_manifests() -> None:
    assert SslcommerzFamily.settings_for_switch("http://127.0.0.1:1", "secret") == {
        "EKPAY_SSLCOMMERZ_URL": "http://127.0.0.1:1/sslcommerz",
        "EKPAY_SSLCOMMERZ_STORE_ID": "ekpay",
        "EKPAY_SSLCOMMERZ_STORE_PASSWORD": "secret",
        "EKPAY_AAMARPAY_URL": "http://127.0.0.1:1/aamarpay",
        "EKPAY_AAMARPAY_STORE_ID": "ekpay",
        "EKPAY_AAMARPAY_SIGNATURE_KEY": "secret",
    }

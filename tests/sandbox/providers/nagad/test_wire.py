"""Nagad's wire, from a merchant's side."""

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from cryptography.exceptions import InvalidSignature

from sandbox.callers.payer.payer import PayerDecision
from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.nagad.family import NagadFamily
from sandbox.providers.nagad.keys import UnreadableKeysError, load_or_make_keys
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.nagad.caller import MERCHANT_ID, NagadCaller, nagad_served

KEYS = "gateway_nagad_keys.json"


@pytest.fixture(scope="session")
def keys_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """To make keys takes longer than most tests."""
    folder = tmp_path_factory.mktemp("keys")
    load_or_make_keys(folder)
    return (folder / KEYS).read_text()


@pytest.fixture
async def nagad(tmp_path: Path, clock: SetClock, keys_text: str) -> AsyncIterator[NagadCaller]:
    (tmp_path / KEYS).write_text(keys_text)
    async with nagad_served(tmp_path, clock) as caller:
        yield caller


async def test_a_payment_is_begun_completed_paid_and_verified(nagad: NagadCaller) -> None:
    order_id, payment, visit = await nagad.visited()
    assert visit.sent_to is not None
    assert visit.sent_to.startswith("https://merchant.example/return?x=1&merchant=")
    told = {name: values[0] for name, values in parse_qs(urlsplit(visit.sent_to).query).items()}
    answer = await nagad.verify(payment)
    assert told == {
        "x": "1",
        "merchant": MERCHANT_ID,
        "order_id": order_id,
        "payment_ref_id": payment,
        "status": "Success",
        "status_code": "00_0000_000",
        "message": "the payment is paid",
        "payment_dt": "20260310120000",
        "issuer_payment_ref": answer["issuerPaymentRefNo"],
    }
    assert len(answer.pop("issuerPaymentRefNo")) == 8
    assert answer == {
        "merchantId": MERCHANT_ID,
        "orderId": order_id,
        "paymentRefId": payment,
        "amount": "120.50",
        "clientMobileNo": "017****0000",
        "merchantMobileNo": "01700000001",
        "orderDateTime": "2026-03-10 12:00:00.0",
        "issuerPaymentDateTime": "2026-03-10 12:00:00.0",
        "additionalMerchantInfo": '{"shop":"1"}',
        "status": "Success",
        "statusCode": "000",
        "cancelIssuerDateTime": None,
        "cancelIssuerRefNo": None,
        "serviceType": "MERCHANT_PAYMENT",
    }


async def test_plain_texts_may_be_spaced_and_in_any_order(nagad: NagadCaller) -> None:
    status, answer = await nagad.initialise("SPACED01", is_spaced=True)
    assert status == 200
    begun = nagad.open(answer)
    assert begun.keys() == {"paymentReferenceId", "acceptDateTime", "challenge"}
    assert len(begun["challenge"]) == 40
    turned = dict(reversed([("amount", "120.50"), ("currencyCode", "050")]))
    assert (await nagad.complete("SPACED01", begun, **turned))[0] == 200


async def test_each_standing_has_its_word(nagad: NagadCaller, clock: SetClock) -> None:
    _, begun = await nagad.begun()
    assert (await nagad.verify(begun["paymentReferenceId"]))["status"] == "OrderInitiated"
    _, opened, _ = await nagad.creation_time()
    assert (await nagad.verify(opened))["status"] == "Ready"
    words = {
        "declined": "Failed",
        "pending": "InProgress",
        "pin_given": "PinGiven",
        "in_motion": "TransactionInProgress",
        "fraud": "Fraud",
        "aborted": "Aborted",
        "cancels": "Cancelled",
        "other_amount": "Success",
    }
    told = {kind: await nagad.verify((await nagad.visited(kind))[1]) for kind in words}
    assert {kind: answer["status"] for kind, answer in told.items()} == words
    assert told["other_amount"]["amount"] == "121.50"
    assert (await nagad.verify((await nagad.visited("other_currency"))[1]))["currencyCode"] == "840"
    clock.advance(hours=1)
    assert (await nagad.verify(opened))["status"] == "Aborted"


@pytest.mark.parametrize(
    ("kind", "does", "status"),
    [
        ("normal", PayerDecision.CANCEL, "Cancelled"),
        ("declined", PayerDecision.APPROVE, "Failed"),
        ("says_paid", PayerDecision.APPROVE, "Success"),
        ("return_forged", PayerDecision.APPROVE, "Success"),
        ("pending", PayerDecision.APPROVE, None),
        ("return_lost", PayerDecision.APPROVE, None),
    ],
)
async def test_what_the_browser_brings_back(
    nagad: NagadCaller, kind: str, does: PayerDecision, status: str | None
) -> None:
    _, _, visit = await nagad.visited(kind, does)
    assert visit.status == status


async def test_an_order_is_begun_once_for_ever(nagad: NagadCaller) -> None:
    order_id, _, _ = await nagad.visited()
    status, answer = await nagad.initialise(order_id)
    assert (status, answer["reason"]) == (400, "DuplicateOrderId")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"merchantId": "2"}, "InvalidMerchant"),
        ({"merchantId": [1]}, "InvalidMerchant"),
        ({"orderId": "OTHER001"}, "InvalidOrderId"),
        ({"datetime": "2026-03-10"}, "InvalidRequest"),
        ({"challenge": "c" * 65}, "InvalidRequest"),
        ({"challenge": ""}, "InvalidRequest"),
    ],
)
async def test_what_cannot_be_begun(nagad: NagadCaller, changes: dict[str, object], reason: str) -> None:
    status, answer = await nagad.initialise("ORDER1", changes)
    assert (status // 100, answer["reason"]) == (4, reason)


@pytest.mark.parametrize("length", [20, 40, 45, 64])
async def test_challenges_are_as_long_as_public_clients_make_them(nagad: NagadCaller, length: int) -> None:
    status, answer = await nagad.initialise(f"ORDER{length}", {"challenge": "c" * length})
    assert (status, "sensitiveData" in answer or "paymentReferenceId" in answer) == (200, True)


@pytest.mark.parametrize("order_id", ["A123", "A" * 21, "ORDER-1"])
async def test_names_of_orders_are_5_to_20_letters_and_digits(nagad: NagadCaller, order_id: str) -> None:
    assert (await nagad.initialise(order_id))[1]["reason"] == "InvalidOrderId"


async def test_what_is_not_sealed_for_nagad_by_the_merchant_is_refused(
    nagad: NagadCaller, tmp_path: Path
) -> None:
    other = load_or_make_keys(tmp_path / "other").for_switch()
    stranger = NagadCaller(nagad.session, nagad.origin, {**nagad.keys, **other})
    assert (await stranger.initialise("ORDER1"))[1]["reason"] == "DecryptionError"
    stranger.keys = {**other, "EKPAY_NAGAD_GATEWAY_KEY": nagad.keys["EKPAY_NAGAD_GATEWAY_KEY"]}
    assert (await stranger.initialise("ORDER1"))[1]["reason"] == "SignatureVerificationFailed"
    for body in ({}, {"sensitiveData": "QUJD", "signature": "QUJD"}, {"sensitiveData": 1}):
        status, answer = await nagad.call("POST", f"check-out/initialize/{MERCHANT_ID}/ORDER1", body)
        assert (status, answer["reason"]) == (400, "DecryptionError")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currencyCode": "840"}, "InvalidCurrency"),
        ({"amount": "0"}, "InvalidPurchaseInformation"),
        ({"amount": "1.001"}, "InvalidPurchaseInformation"),
        ({"challenge": "c" * 40}, "InvalidPurchaseInformation"),
        ({"orderId": "OTHER001"}, "InvalidPurchaseInformation"),
        ({"merchantId": "2"}, "InvalidMerchant"),
    ],
)
async def test_what_cannot_be_completed(nagad: NagadCaller, changes: dict[str, object], reason: str) -> None:
    order_id, begun = await nagad.begun()
    assert (await nagad.complete(order_id, begun, **changes))[1]["reason"] == reason
    # Nothing has changed by that.
    assert (await nagad.complete(order_id, begun))[0] == 200


async def test_an_order_completes_again_only_as_it_was(nagad: NagadCaller) -> None:
    order_id, begun = await nagad.begun()
    first = await nagad.complete(order_id, begun)
    assert await nagad.complete(order_id, begun) == first
    assert (await nagad.complete(order_id, begun, amount="1.00"))[1]["reason"] == "InvalidPurchaseInformation"
    nagad.return_url = "no address"
    assert (await nagad.complete(order_id, begun))[1]["reason"] == "InvalidPurchaseInformation"
    nagad.return_url = "https://merchant.example/"
    nowhere = {**begun, "paymentReferenceId": order_id}
    assert (await nagad.complete(order_id, nowhere))[1]["reason"] == "InvalidReferenceId"
    await nagad.admin("POST", "confirm", {"house": "nagad", "reference": order_id})
    assert (await nagad.complete(order_id, begun))[1]["reason"] == "InvalidPurchaseInformation"


async def test_only_verify_does_without_the_version(nagad: NagadCaller) -> None:
    status, answer = await nagad.call("POST", "check-out/complete/X", {}, headers={})
    assert (status, answer["reason"]) == (400, "InvalidRequest")
    status, answer = await nagad.call("GET", "verify/payment/NOBODY", headers={})
    assert (status, answer["reason"]) == (400, "InvalidReferenceId")
    order_id, _, _ = await nagad.creation_time()
    # There is no question by the merchant's own name.
    assert (await nagad.call("GET", f"verify/payment/{order_id}"))[0] == 400
    assert (await nagad.call("POST", "verify/payment/X", {}))[0] == 405


async def test_all_of_a_payment_goes_back_once(nagad: NagadCaller, clock: SetClock) -> None:
    order_id, payment, _ = await nagad.visited()
    clock.advance(hours=1)
    status, answer = await nagad.cancel(f"paymentRefId={payment}&orderId={order_id}")
    told = nagad.open(answer)
    assert status == 200
    assert told == {
        "status": "Refunded",
        "code": "000",
        "originalAmount": "120.50",
        "cancelAmount": "120.50",
        "cancelTrxId": told["cancelTrxId"],
    }
    verified = await nagad.verify(payment)
    assert (verified["status"], verified["cancelIssuerRefNo"]) == ("Refunded", told["cancelTrxId"])
    assert verified["cancelIssuerDateTime"] == "2026-03-10 13:00:00.0"
    # Its reference does not make it known again.
    status, answer = await nagad.cancel(f"orderId={order_id}")
    assert (status, answer["reason"]) == (400, "InvalidPurchaseInformation")


async def test_a_part_goes_back_under_one_name(nagad: NagadCaller) -> None:
    order_id, payment, _ = await nagad.visited()
    _, answer = await nagad.cancel(f"orderId={order_id}", cancelAmount="20.00", orderId=order_id)
    assert nagad.open(answer)["status"] == "PartialCancelled"
    assert (await nagad.verify(payment))["status"] == "PartialCancelled"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"originalAmount": "120.51"}, "InvalidPurchaseInformation"),
        ({"cancelAmount": "120.51"}, "InvalidPurchaseInformation"),
        ({"cancelAmount": "0"}, "InvalidPurchaseInformation"),
        ({"originalRequestDate": "20260309"}, "InvalidPurchaseInformation"),
        ({"paymentRefId": "OTHER"}, "InvalidPurchaseInformation"),
        ({"merchantId": "2"}, "InvalidMerchant"),
        ({"referenceNo": ""}, "InvalidRequest"),
    ],
)
async def test_what_does_not_go_back(nagad: NagadCaller, changes: dict[str, object], reason: str) -> None:
    _, payment, _ = await nagad.visited()
    assert (await nagad.cancel(f"paymentRefId={payment}", **changes))[1]["reason"] == reason
    assert (await nagad.verify(payment))["status"] == "Success"


async def test_names_of_two_payments_or_of_none_give_nothing_back(nagad: NagadCaller) -> None:
    _, payment, _ = await nagad.visited()
    other, _, _ = await nagad.visited()
    for query in ("", "orderId=NOBODY", f"paymentRefId={payment}&orderId={other}"):
        assert (await nagad.cancel(query))[1]["reason"] == "InvalidReferenceId"


async def test_what_was_not_paid_or_is_old_does_not_go_back(nagad: NagadCaller, clock: SetClock) -> None:
    unpaid, _, _ = await nagad.visited("declined")
    old, _, _ = await nagad.visited()
    refused, _, _ = await nagad.visited("refund_refused")
    for order_id in (unpaid, refused):
        assert (await nagad.cancel(f"orderId={order_id}"))[1]["reason"] == "InvalidPurchaseInformation"
    clock.advance(days=30)
    assert (await nagad.cancel(f"orderId={old}"))[1]["reason"] == "InvalidPurchaseInformation"


@pytest.mark.parametrize(("kind", "word"), [("refund_processing", "Refunded"), ("refund_fails", "Success")])
async def test_a_refund_may_take_its_time(nagad: NagadCaller, clock: SetClock, kind: str, word: str) -> None:
    order_id, payment, _ = await nagad.visited(kind)
    _, answer = await nagad.cancel(f"orderId={order_id}")
    assert nagad.open(answer)["status"] == "InProgress"
    assert (await nagad.verify(payment))["status"] == "Success"
    clock.advance(seconds=60)
    assert (await nagad.verify(payment))["status"] == word


@pytest.mark.parametrize("kind", ["bad_signature", "wrong_key"])
async def test_a_payer_can_spoil_the_seal_of_a_refund(nagad: NagadCaller, kind: str) -> None:
    order_id, payment, _ = await nagad.visited(kind)
    _, answer = await nagad.cancel(f"orderId={order_id}")
    with pytest.raises((InvalidSignature, ValueError)):
        nagad.open(answer)
    assert (await nagad.verify(payment))["status"] == "Refunded"


async def test_a_payer_who_is_named_at_the_start_strikes_there(nagad: NagadCaller) -> None:
    body = nagad.seal(
        {
            "merchantId": MERCHANT_ID,
            "datetime": "20260310120000",
            "orderId": "NAMED001",
            "challenge": "c",
        }
    )
    payer = (await nagad.admin("GET", "payers?house=nagad&kind=create_lost_done"))["payers"][0]["number"]
    with pytest.raises(aiohttp.ClientError):
        await nagad.call(
            "POST", f"check-out/initialize/{MERCHANT_ID}/NAMED001", body | {"accountNumber": payer}
        )
    assert (await nagad.initialise("NAMED001"))[1]["reason"] == "DuplicateOrderId"


async def test_orders_for_wrong_seals_are_listed_and_forgotten(nagad: NagadCaller) -> None:
    asked = {"house": "nagad", "wrong": "unsealed", "times": 2}
    assert len((await nagad.admin("POST", "seals", asked))["faults"]) == 2
    assert "challenge" in (await nagad.initialise("ORDER1"))[1]
    async with nagad.session.delete(f"{nagad.origin}/_admin/faults") as answer:
        assert (await answer.json())["faults"] == []
    assert "sensitiveData" in (await nagad.initialise("ORDER2"))[1]
    assert "message" in await nagad.admin("POST", "seals", {"house": "nagad", "wrong": "no_such"})


async def test_the_file_of_a_day_has_payments_and_what_went_back(nagad: NagadCaller) -> None:
    order_id, payment, _ = await nagad.visited()
    _, answer = await nagad.cancel(f"orderId={order_id}", cancelAmount="20.00")
    back = nagad.open(answer)["cancelTrxId"]
    paid = (await nagad.verify(payment))["issuerPaymentRefNo"]
    url = f"{nagad.origin}/_admin/settlement?house=nagad&date=2026-03-10"
    async with nagad.session.get(url) as file:
        header, *rows = (await file.text()).splitlines()
    assert header == (
        "paymentRefId,orderId,issuerPaymentRefNo,issuerPaymentDateTime,clientMobileNo,amount,charge,netAmount,"
        "status,cancelIssuerRefNo"
    )
    names = f"{payment},{order_id},{paid},2026-03-10 12:00:00.0,017****0000"
    assert rows == [
        f"{names},120.50,1.81,118.69,Success,",
        f"{names},-20.00,0.00,-20.00,PartialCancelled,{back}",
    ]


def test_keys_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    told = NagadFamily.settings_of_home(tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home" / KEYS).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == [KEYS]
    assert NagadFamily.settings_of_home(tmp_path / "home") == told


async def test_keys_and_amounts_outlive_the_process(tmp_path: Path, clock: SetClock) -> None:
    told = NagadFamily.settings_of_home(tmp_path)
    async with nagad_served(tmp_path, clock) as first:
        assert first.keys == told
        _, payment, _ = await first.visited()
    async with nagad_served(tmp_path, clock) as second:
        assert second.keys == told
        assert (await second.verify(payment))["amount"] == "120.50"


def test_a_file_that_holds_no_keys_is_said_so(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", json.dumps({"gateway": "QUJD", "merchant": 1})):
        (tmp_path / KEYS).write_text(text)
        with pytest.raises(UnreadableKeysError):
            NagadFamily.open(ProviderSettings(home=tmp_path), Clock())


def test_the_settings_of_a_switch_are_those_of_the_manifest(tmp_path: Path) -> None:
    told = NagadFamily.settings_for_switch("http://127.0.0.1:1", "secret")
    assert told == {"EKPAY_NAGAD_URL": "http://127.0.0.1:1/nagad", "EKPAY_NAGAD_MERCHANT_ID": MERCHANT_ID}
    institution = NagadFamily.open(ProviderSettings(home=tmp_path), Clock())
    try:
        assert institution.keys_for_switch() == NagadFamily.settings_of_home(tmp_path)
    finally:
        institution.close()

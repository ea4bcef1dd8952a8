"""What SSLCommerz or a browser posts unasked: a hint at most, and only under a right sign."""

import hashlib
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.sslcommerz.connector import Sslcommerz
from connectors.families.sslcommerz.notices import expected_sign
from connectors.manifest import Manifest
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from tests.connectors.conftest import the_manifest
from tests.connectors.families.sslcommerz.sslcommerz_stage import Played, played

# The vector of connectors.md 3.3, which two public libraries have answered true to.
PASSWORD = "ekpay-test-pass"
VECTOR = {
    "amount": "1350.00",
    "bank_tran_id": "26091806001901",
    "base_fair": "0.00",
    "card_brand": "VISA",
    "card_issuer": "BRAC BANK, LTD.",
    "card_issuer_country": "Bangladesh",
    "card_issuer_country_code": "BD",
    "card_no": "432149XXXXXX0667",
    "card_type": "VISA-Brac bank",
    "currency": "BDT",
    "currency_amount": "1350.00",
    "currency_rate": "1.0000",
    "currency_type": "BDT",
    "risk_level": "0",
    "risk_title": "Safe",
    "status": "VALID",
    "store_amount": "1316.25",
    "store_id": "ekpaytest",
    "tran_date": "2026-09-18 12:00:19",
    "tran_id": "EKP-20260918-000123",
    "val_id": "2609180600190ABCDEFG",
    "value_a": "",
    "value_b": "",
    "value_c": "",
    "value_d": "",
}
SIGN = "a725ae22801b5720173ca52b0d8a62a5"
SHA2 = "ddc517a527fcdfd14a0edae7fd8654dc643c0f12dcdab5c655aaa83824f96184"
IPN = VECTOR | {"verify_sign": SIGN, "verify_key": ",".join(VECTOR), "verify_sign_sha2": SHA2}
HINT = CallbackHint(SIGN, "", "VALID", "EKP-20260918-000123")
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def manifest() -> Manifest:
    return the_manifest("sslcommerz")


def a_receiver(manifest: Manifest, password: str = PASSWORD) -> Sslcommerz:
    return played(manifest, Played(manifest, {}), EKPAY_SSLCOMMERZ_STORE_PASSWORD=password)


def signed(fields: dict[str, str], password: str = PASSWORD) -> dict[str, str]:
    """Signed by a codec of the tests' own."""
    secret = hashlib.md5(password.encode()).hexdigest()  # noqa: S324 - as SSLCommerz does
    pairs = sorted([*fields.items(), ("store_passwd", secret)])
    text = "&".join(f"{name}={value}" for name, value in pairs)
    sign = hashlib.md5(text.encode()).hexdigest()  # noqa: S324
    return fields | {"verify_sign": sign, "verify_key": ",".join(fields)}


def test_the_published_vector_is_signed_byte_for_byte() -> None:
    assert expected_sign(IPN, PASSWORD) == SIGN


async def test_an_ipn_with_a_right_sign_is_a_hint_by_our_reference(manifest: Manifest) -> None:
    assert await a_receiver(manifest).read_callback(FORM, urlencode(IPN).encode()) == HINT


async def test_the_same_fields_from_a_browser_are_the_same_hint(manifest: Manifest) -> None:
    receiver = a_receiver(manifest)
    for headers in ({}, FORM, {"content-type": "text/html"}):
        assert await receiver.read_callback(headers, urlencode(IPN).encode()) == HINT


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "UNATTEMPTED", "EXPIRED"])
async def test_an_attempt_that_came_to_nothing_is_a_hint_too(manifest: Manifest, status: str) -> None:
    told = signed({"tran_id": "EKP-20260918-000123", "status": status, "error": "Cancelled by User"})
    hint = await a_receiver(manifest).read_callback(FORM, urlencode(told).encode())
    assert hint == CallbackHint(told["verify_sign"], "", status, "EKP-20260918-000123")


async def test_a_sign_is_made_over_bytes_in_whatever_writing(manifest: Manifest) -> None:
    told = signed({"tran_id": "A1", "status": "VALID", "card_issuer": "ব্যাংক & Söhne=+%"})
    assert isinstance(await a_receiver(manifest).read_callback(FORM, urlencode(told).encode()), CallbackHint)


@pytest.mark.parametrize("name", sorted(VECTOR))
async def test_a_field_that_was_changed_afterwards_is_forged(manifest: Manifest, name: str) -> None:
    changed = IPN | {name: "9" + IPN[name]}
    told = await a_receiver(manifest).read_callback(FORM, urlencode(changed).encode())
    assert told == NoHint("a wrong sign", is_forged=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"verify_sign": ""},
        {"verify_sign": SIGN.upper()},
        {"verify_sign": SIGN[:-1]},
        {"verify_sign": "\u09e7"},
        {"verify_sign": SHA2},
        {"verify_key": ",".join(reversed(list(VECTOR)[1:]))},
        {"verify_key": ""},
        {"verify_key": ",".join(name for name in VECTOR if name != "status")},
        {"verify_key": ",".join(name for name in VECTOR if name != "tran_id")},
        {"store_passwd": "dcf0b2463cef14a69db44b49afef0a20", "verify_key": "tran_id,status,store_passwd"},
    ],
)
async def test_a_wrong_sign_is_forged(manifest: Manifest, changes: dict[str, str]) -> None:
    told = await a_receiver(manifest).read_callback(FORM, urlencode(IPN | changes).encode())
    assert isinstance(told, NoHint)
    assert told.is_forged


async def test_a_sign_with_another_password_is_forged(manifest: Manifest) -> None:
    body = urlencode(signed({"tran_id": "A1", "status": "VALID"}, "another")).encode()
    assert await a_receiver(manifest).read_callback(FORM, body) == NoHint("a wrong sign", is_forged=True)


@pytest.mark.parametrize("name", ["tran_id", "status"])
async def test_a_right_sign_over_something_else_is_forged(manifest: Manifest, name: str) -> None:
    whole = {"tran_id": "A1", "status": "VALID", "amount": "10.00"}
    added = signed({other: value for other, value in whole.items() if other != name}) | {name: whole[name]}
    told = await a_receiver(manifest).read_callback(FORM, urlencode(added).encode())
    assert told == NoHint("a sign over something else", is_forged=True)


async def test_sha2_alone_proves_nothing(manifest: Manifest) -> None:
    only_sha2 = {name: value for name, value in IPN.items() if name != "verify_sign"}
    told = await a_receiver(manifest).read_callback(FORM, urlencode(only_sha2).encode())
    assert told == NoHint("no sign")


async def test_a_wrong_sha2_beside_a_right_sign_is_not_looked_at(manifest: Manifest) -> None:
    body = urlencode(IPN | {"verify_sign_sha2": "0" * 64}).encode()
    assert await a_receiver(manifest).read_callback(FORM, body) == HINT


@pytest.mark.parametrize("left_out", ["verify_sign", "verify_key"])
async def test_an_ipn_without_a_sign_is_no_hint_and_no_forgery(manifest: Manifest, left_out: str) -> None:
    unsigned = {name: value for name, value in IPN.items() if name != left_out}
    assert await a_receiver(manifest).read_callback(FORM, urlencode(unsigned).encode()) == NoHint("no sign")


@pytest.mark.parametrize(
    "fields", [{"tran_id": "", "status": "VALID"}, {"tran_id": "A b", "status": "VALID"},
               {"tran_id": "A1", "status": ""}, {"tran_id": "A1", "status": "VALID; paid"}]
)  # fmt: skip
async def test_a_signed_form_that_names_no_payment_is_no_hint(
    manifest: Manifest, fields: dict[str, str]
) -> None:
    told = await a_receiver(manifest).read_callback(FORM, urlencode(signed(fields)).encode())
    assert told == NoHint("no payment and status")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        urlencode(IPN).encode() + b"&status=FAILED",
        urlencode(IPN).encode() + b"&x=" + b"x" * 20_000,
        urlencode(IPN).encode() + b"&".join([b""] + [b"x%d=1" % number for number in range(200)]),
    ],
)
async def test_what_is_no_form_is_no_hint(manifest: Manifest, body: bytes) -> None:
    assert isinstance(await a_receiver(manifest).read_callback(FORM, body), NoHint)


async def test_without_the_password_nothing_is_believed(manifest: Manifest) -> None:
    told = await a_receiver(manifest, password="").read_callback(FORM, urlencode(IPN).encode())
    assert told == NoHint("EKPAY_SSLCOMMERZ_STORE_PASSWORD is not set")


@given(st.binary(max_size=300) | st.dictionaries(st.text(max_size=9), st.text(max_size=9)).map(
    lambda fields: urlencode(fields, errors="replace").encode()))  # fmt: skip
async def test_whatever_comes_nothing_is_raised(body: bytes) -> None:
    told = await a_receiver(the_manifest("sslcommerz")).read_callback(FORM, body)
    assert isinstance(told, NoHint)

"""The consent page: the link that a payer is sent to, and what comes back with the browser."""

import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.iso8583.consent import page_link, read_return
from connectors.rehearsal import EXAMPLE_ORDER
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint, PageCreated
from tests.connectors.families.iso8583.host_link_stage import SECRET, link_stage

ORDER = EXAMPLE_ORDER.reference
AGREED = {"order": ORDER, "status": "AGREED", "alias": "ALEXAMPLE00000000001", "amount": "50000"}
CANCELLED = {"order": ORDER, "status": "CANCELLED", "amount": "50000"}


def sign(members: dict[str, str], secret: str = SECRET) -> str:
    text = "\n".join(f"{name}={value}" for name, value in members.items())
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def returned(members: dict[str, str], **more: str) -> bytes:
    return urlencode({**members, "sign": sign(members), **more}).encode()


def read(query: bytes, alias_field: str = "102") -> CallbackHint | NoHint:
    return read_return(query, alias_field, SECRET)


async def test_a_payer_is_sent_to_a_signed_link_without_a_call() -> None:
    async with link_stage(is_kept=False) as stage:
        order = stage.order(return_url="https://shop.example/pay/return/ABC?lang=বাংলা&x=1")
        created = await stage.bank.create(order)
        assert isinstance(created, PageCreated)
        assert created == await stage.bank.create(order)
        assert created.provider_reference == order.reference
        assert created.page_url.startswith("http://127.0.0.1:8207/janata/pay?acceptor=")
        assert created.page_url.isascii()
        members = dict(parse_qsl(urlsplit(created.page_url).query, strict_parsing=True))
        told = members.pop("sign")
        assert list(members) == ["acceptor", "order", "amount", "currency", "return"]
        assert members == {
            "acceptor": "EKPAYSWITCH0001",
            "order": order.reference,
            "amount": "50000",
            "currency": "050",
            "return": order.return_url,
        }
        assert told == sign(members)


def test_an_agreement_brings_an_alias_that_is_not_shown() -> None:
    hint = read(returned(AGREED))
    assert isinstance(hint, CallbackHint)
    assert (hint.reference, hint.provider_reference, hint.claims) == (ORDER, ORDER, "agreed")
    assert (hint.is_agreed, hint.consent) == (True, AGREED["alias"])
    assert AGREED["alias"] not in repr(hint)
    assert read(returned(AGREED)) == hint
    other = read(returned({**AGREED, "alias": "ALEXAMPLE00000000002"}))
    assert isinstance(other, CallbackHint)
    assert other.event_id != hint.event_id


def test_an_alias_in_the_place_of_a_card_number_is_read_where_the_host_takes_it_there() -> None:
    in_pan = {**AGREED, "alias": "5060990000000000013"}
    assert isinstance(read(returned(in_pan), "2"), CallbackHint)
    assert isinstance(read(returned(in_pan)), NoHint)
    assert isinstance(read(returned(AGREED), "2"), NoHint)


@pytest.mark.parametrize("status", ["CANCELLED", "REFUSED"])
def test_who_does_not_agree_brings_no_alias(status: str) -> None:
    hint = read(returned({**CANCELLED, "status": status}))
    assert isinstance(hint, CallbackHint)
    assert (hint.claims, hint.is_agreed, hint.consent) == (status.lower(), False, "")


def test_members_of_the_return_address_do_not_matter() -> None:
    assert isinstance(read(b"lang=bn&" + returned(AGREED) + b"&utm=1"), CallbackHint)


@pytest.mark.parametrize(
    "query",
    [
        urlencode({**AGREED, "sign": sign(AGREED, "another")}).encode(),
        urlencode({**AGREED, "sign": sign(CANCELLED)}).encode(),
        urlencode({**AGREED, "amount": "60000", "sign": sign(AGREED)}).encode(),
        urlencode({**AGREED, "sign": ""}).encode(),
        urlencode({**AGREED, "sign": "é"}).encode(),
        urlencode({**AGREED, "sign": sign(AGREED).upper()}).encode(),
    ],
    ids=["secret", "of another status", "amount", "empty", "letters", "capitals"],
)
def test_a_wrong_signature_is_a_forgery(query: bytes) -> None:
    assert read(query) == NoHint("a wrong signature", is_forged=True)


def test_a_link_is_no_agreement() -> None:
    """What we sign ourselves on the way there is never good for the way back."""
    query = urlsplit(page_link("http://127.0.0.1", "EKPAYSWITCH0001", EXAMPLE_ORDER, SECRET)).query
    assert read(query.encode() + b"&status=AGREED&alias=ALEXAMPLE00000000001") == NoHint(
        "a wrong signature", is_forged=True
    )


@pytest.mark.parametrize(
    "members",
    [
        {**AGREED, "order": "short"},
        {**AGREED, "alias": ""},
        {**AGREED, "alias": "5060990000000000013"},
        {**AGREED, "amount": "500.00"},
        {**AGREED, "status": "PAID"},
        {**CANCELLED, "status": "AGREED"},
        {"order": ORDER, "status": "CANCELLED", "alias": "ALEXAMPLE00000000001", "amount": "50000"},
        {"order": ORDER, "status": "CANCELLED", "alias": "", "amount": "50000"},
        {"order": ORDER, "status": "CANCELLED"},
    ],
    ids=str,
)
def test_a_signed_return_that_makes_no_sense_says_nothing(members: dict[str, str]) -> None:
    assert read(returned(members)) == NoHint("a return with contradictory members")


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"x=1",
        b"order=1&order=2&sign=3",
        b"\xff",
        b"a=1&" * 30,
        b"x=" + b"1" * 5_000,
        b"order=%FF&sign=1",
    ],
    ids=["nothing", "something", "twice", "bytes", "many", "long", "not text"],
)
def test_what_is_no_return_is_not_understood(query: bytes) -> None:
    assert read(query) == NoHint("no query of a consent page")


@given(st.binary(max_size=300))
def test_nothing_unsigned_is_ever_a_hint(query: bytes) -> None:
    assert isinstance(read(query), NoHint)


async def test_without_a_secret_nobody_is_believed() -> None:
    async with link_stage(environ={"EKPAY_JANATA_CONSENT_SECRET": ""}, is_kept=False) as stage:
        unsigned = urlencode({**AGREED, "sign": sign(AGREED, "")}).encode()
        assert await stage.bank.read_callback({}, unsigned) == NoHint("the consent secret is not set")

"""City Bank: a token for every call, XML that is trusted with nothing, a certificate where there is TLS."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.bank_redirect.city_return import texts_of
from connectors.families.bank_redirect.connector import BankRedirect
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    MismatchedCollection,
    NeverPaid,
    NoHint,
    PageCreated,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.conftest import the_manifest
from tests.connectors.families.bank_redirect.bank_redirect_stage import (
    CREATEORDER,
    DETAILS,
    OPENED,
    REFERENCE,
    SECRET,
    TOKEN,
    Desk,
    detailed,
    redirect_stage,
    said,
    surroundings,
)
from tests.wire.certificates import Authority

LOGIN = {"userName": SECRET, "passWord": SECRET, "secureToken": "the-token"}
MESSAGE = (
    '<?xml version="1.0" encoding="UTF-8"?><Message date="20/10/2025 12:01:02"><Version>1.0</Version>'
    "<OrderID>921766</OrderID><SessionID>5E55</SessionID><OrderStatus>APPROVED</OrderStatus>"
    f"<OrderDescription>{REFERENCE}</OrderDescription></Message>"
)


def answering(path: str, answer: bytes) -> Desk:
    desk = Desk()
    desk.answers[path] = answer
    return desk


async def read(xml: str) -> CallbackHint | NoHint:
    city = BankRedirect(the_manifest("city_bank"), surroundings(HttpWire(DhakaClock()), {}))
    form = {"content-type": "application/x-www-form-urlencoded"}
    return await city.read_callback(form, urlencode({"xmlmsg": xml}).encode())


async def test_an_order_is_opened_with_paisa_in_text_under_a_token_of_its_own() -> None:
    async with redirect_stage("city_bank") as stage:
        created = await stage.bank.create(stage.order(amount=Money(123_405)))
        assert created == PageCreated("921766.5E55", f"{OPENED['url']}?ORDERID=921766&SESSIONID=5E55")
        assert stage.bodies(TOKEN) == [{"userName": SECRET, "password": SECRET}]
        back = "https://example.org/return"
        assert stage.bodies(CREATEORDER) == [
            {
                "merchantId": SECRET,
                "amount": "123405",
                "currency": "050",
                "description": REFERENCE,
                "approveUrl": back,
                "cancelUrl": back,
                "declineUrl": back,
                **LOGIN,
            }
        ]


async def test_an_order_is_asked_about_by_its_id_and_its_session() -> None:
    async with redirect_stage("city_bank") as stage:
        told = await stage.bank.inquire(stage.order())
        assert stage.bodies(DETAILS) == [
            {"orderID": "921766", "sessionID": "5E55", "merchantID": SECRET, **LOGIN}
        ]
    assert told == Collected(
        REFERENCE,
        Money(50_000),
        "126208000123",
        {"approved_at": "", "payer_account": "************1111", "approval_code": "123456"},
    )


@pytest.mark.parametrize(
    "answer",
    [
        said({"responseCode": "107"}),
        said({"responseCode": "100"}),
        said({"responseCode": "100", "transactionId": ""}),
        said({"transactionId": "the-token"}),
        b"<html></html>",
        b"",
    ],
)
async def test_without_a_token_nothing_was_asked(answer: bytes) -> None:
    async with redirect_stage("city_bank", answering(TOKEN, answer)) as stage:
        assert isinstance(await stage.bank.create(stage.order()), Unreached)
        told = await stage.bank.inquire(stage.order())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert set(stage.paths()) == {TOKEN}


@pytest.mark.parametrize(
    ("url", "page"),
    [
        (
            "https://x.thecitybank.com/p?lang=bn",
            "https://x.thecitybank.com/p?lang=bn&ORDERID=921766&SESSIONID=5E55",
        ),
        ("https://thecitybank.com:7788/p", "https://thecitybank.com:7788/p?ORDERID=921766&SESSIONID=5E55"),
        ("http://x.thecitybank.com/p", ""),
        ("https://x.thecitybank.com:444/p", ""),
        ("https://x.thecitybank.com.example.org/p", ""),
        ("https://x.thecitybank.com/p#", ""),
        ("//x.thecitybank.com/p", ""),
    ],
)
async def test_the_payer_is_sent_to_the_bank_and_nowhere_else(url: str, page: str) -> None:
    desk = answering(CREATEORDER, said({"responseCode": "100"}, items={**OPENED, "url": url}))
    async with redirect_stage("city_bank", desk) as stage:
        created = await stage.bank.create(stage.order())
    assert created == PageCreated("921766.5E55", page) if page else isinstance(created, InDoubt)


async def test_ids_stand_encoded_in_the_pages_url() -> None:
    items = {**OPENED, "sessionId": "a&b=c/d"}
    async with redirect_stage(
        "city_bank", answering(CREATEORDER, said({"responseCode": 100}, items=items))
    ) as stage:
        created = await stage.bank.create(stage.order())
    assert created == PageCreated("921766.a&b=c/d", f"{OPENED['url']}?ORDERID=921766&SESSIONID=a%26b%3Dc%2Fd")


@pytest.mark.parametrize(
    "changes",
    [{"orderId": ""}, {"orderId": "92.1766"}, {"sessionId": None}, {"sessionId": "two words"}, {"url": 1}],
)
async def test_half_an_order_is_in_doubt(changes: dict[str, object]) -> None:
    desk = answering(CREATEORDER, said({"responseCode": "100"}, items={**OPENED, **changes}))
    async with redirect_stage("city_bank", desk) as stage:
        assert isinstance(await stage.bank.create(stage.order()), InDoubt)


async def test_no_order_is_declined_or_in_doubt_by_its_code() -> None:
    desk = Desk()
    async with redirect_stage("city_bank", desk) as stage:
        desk.answers[CREATEORDER] = said({"responseCode": "101"}, items=None)
        assert await stage.bank.create(stage.order()) == Declined("malformed", "responseCode 101")
        desk.answers[CREATEORDER] = said({"responseCode": "999"}, items=OPENED)
        assert await stage.bank.create(stage.order()) == InDoubt("reply code responseCode 999")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"orderStatus": "ON-PAYMENT"}, AwaitingPayer()),
        ({"orderStatus": "CREATED"}, AwaitingPayer()),
        ({"orderStatus": "DECLINED"}, NeverPaid("orderStatus DECLINED")),
        ({"orderStatus": "CANCELED"}, NeverPaid("orderStatus CANCELED")),
        ({"orderStatus": "CANCELED", "description": "ANOTHER"}, NoAnswer("another description")),
        ({"orderStatus": "REVERSED"}, NoAnswer("reply code orderStatus REVERSED")),
        ({"orderStatus": "approved"}, NoAnswer("reply code orderStatus approved")),
        ({"orderStatus": None}, NoAnswer("orderStatus is no text")),
        ({"orderId": "921767"}, NoAnswer("another orderId")),
        ({"amount": "500.00"}, NoAnswer("amount is no amount")),
        ({"amount": 500.5}, NoAnswer("amount is no text")),
        ({"currency": "BDT TAKA"}, NoAnswer("currency is no text")),
        ({"rrn": ""}, NoAnswer("rrn is no text")),
    ],
)
async def test_the_details_say_how_an_order_stands(changes: dict[str, object], told: object) -> None:
    async with redirect_stage("city_bank", answering(DETAILS, detailed(**changes))) as stage:
        assert await stage.bank.inquire(stage.order()) == told


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": "50001"}, "another amount"),
        ({"currency": "840"}, "another currency"),
        ({"description": "ANOTHER"}, "another reference"),
    ],
)
async def test_what_differs_from_the_order_is_told_as_it_is(changes: dict[str, object], why: str) -> None:
    async with redirect_stage("city_bank", answering(DETAILS, detailed(**changes))) as stage:
        order = stage.order()
        told = await stage.bank.inquire(order)
    assert isinstance(told, Collected)
    assert judge_collected(order, told) == MismatchedCollection(told, why)


async def test_the_return_form_is_a_hint() -> None:
    assert await read(MESSAGE) == CallbackHint(
        "returned 921766 APPROVED", "921766.5E55", "approved", REFERENCE, is_agreed=True
    )
    assert await read(MESSAGE.replace("APPROVED", "DECLINED").replace(REFERENCE, "x")) == CallbackHint(
        "returned 921766 DECLINED", "921766.5E55", "declined"
    )
    without_session = MESSAGE.replace("<SessionID>5E55</SessionID>", "")
    assert isinstance(told := await read(without_session), CallbackHint)
    assert (told.provider_reference, told.reference) == ("921766", REFERENCE)


DECLARED = '<!DOCTYPE Message [<!ENTITY s "APPROVED"><!ENTITY t "&s;&s;&s;">]>'


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (MESSAGE.replace("<Message", f"{DECLARED}<Message").replace(">APPROVED<", ">&s;<"), "a DOCTYPE"),
        (f"<!DOCTYPE Message SYSTEM 'file:///etc/passwd'>{MESSAGE[38:]}", "a DOCTYPE"),
        (f"<!DOCTYPE Message>{MESSAGE[38:]}", "a DOCTYPE"),
        (MESSAGE.replace(">APPROVED<", ">&undeclared;<"), "no XML"),
        (MESSAGE[:-1], "no XML"),
        (f"{MESSAGE}<Message/>", "no XML"),
        ("", "no XML"),
        ("APPROVED", "no XML"),
        (f"<a>{MESSAGE[38:]}<OrderStatus>DECLINED</OrderStatus></a>", "an element with two different texts"),
        ("<Message/>", "no order and status"),
        (MESSAGE.replace("921766", ""), "no order and status"),
        (MESSAGE.replace("APPROVED", "AP PROVED"), "no order and status"),
        (MESSAGE.replace("5E55", "x" * 63_000), ""),
        (MESSAGE.replace("5E55", "x" * 70_000), "a query that is too long"),
    ],
)
async def test_xml_that_is_more_or_less_than_a_message_is_no_hint(xml: str, why: str) -> None:
    told = await read(xml)
    if why:
        assert told == NoHint(why)
    else:
        assert isinstance(told, CallbackHint)
        assert told.provider_reference == "921766"


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,9}", fullmatch=True),
        st.from_regex(r"[ -%'-;=?-~]*", fullmatch=True),
    )
)
def test_every_text_is_found_by_its_name(texts: dict[str, str]) -> None:
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in texts.items())
    found = texts_of(f"<Message-><Inner->{inner}</Inner-></Message->")
    assert {name: text for name, text in found.items() if text or not name.endswith("-")} == {
        name: text.strip() for name, text in texts.items()
    }


@given(st.text(max_size=200))
def test_rubbish_is_refused_and_nothing_else_happens(rubbish: str) -> None:
    with pytest.raises(BrokenReplyError):
        texts_of(f"\x00{rubbish}")


def test_half_a_character_is_no_xml() -> None:
    with pytest.raises(BrokenReplyError):
        texts_of("<a>\ud800</a>")


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority


async def test_over_tls_our_certificate_is_shown_with_every_call(authority: Authority) -> None:
    pair = authority.client()
    paths = {"EKPAY_CITY_BANK_CLIENT_CERTIFICATE": pair.certificate, "EKPAY_CITY_BANK_CLIENT_KEY": pair.key}
    async with redirect_stage("city_bank", environ=paths, tls=authority.server()) as stage:
        assert isinstance(await stage.bank.create(stage.order()), PageCreated)
        assert isinstance(await stage.bank.inquire(stage.order()), Collected)
        assert stage.paths() == [TOKEN, CREATEORDER, TOKEN, DETAILS]


@pytest.mark.parametrize("missing", ["EKPAY_CITY_BANK_CLIENT_CERTIFICATE", "EKPAY_CITY_BANK_CLIENT_KEY"])
async def test_over_tls_a_missing_certificate_is_named_and_nothing_is_sent(
    authority: Authority, missing: str
) -> None:
    pair = authority.client()
    paths = {"EKPAY_CITY_BANK_CLIENT_CERTIFICATE": pair.certificate, "EKPAY_CITY_BANK_CLIENT_KEY": pair.key}
    async with redirect_stage("city_bank", environ={**paths, missing: ""}, tls=authority.server()) as stage:
        assert await stage.bank.create(stage.order()) == Unreached(f"{missing} is not set")
        assert await stage.bank.inquire(stage.order()) == NoAnswer(f"{missing} is not set", was_asked=False)
        assert stage.peer.connections == 0


async def test_over_tls_a_certificate_that_cannot_be_read_is_unreached(authority: Authority) -> None:
    nowhere = {
        "EKPAY_CITY_BANK_CLIENT_CERTIFICATE": "nowhere.pem",
        "EKPAY_CITY_BANK_CLIENT_KEY": "nowhere.key",
    }
    async with redirect_stage("city_bank", environ=nowhere, tls=authority.server()) as stage:
        created = await stage.bank.create(stage.order())
        assert isinstance(created, Unreached)
        assert "client certificate" in created.why
        assert isinstance(await stage.bank.inquire(stage.order()), NoAnswer)
        assert stage.peer.connections == 0


@pytest.mark.parametrize(
    "url", ["http://ecomm-webservice.thecitybank.com:7788", "ftp://127.0.0.1", "127.0.0.1"]
)
async def test_without_tls_only_this_machine_is_spoken_to(url: str) -> None:
    async with redirect_stage("city_bank") as stage:
        elsewhere = stage.again(EKPAY_CITY_BANK_URL=url)
        assert await elsewhere.create(stage.order()) == Unreached("City Bank is spoken to over https")


def test_the_details_of_the_stage_are_what_they_seem() -> None:
    """Otherwise the refusals above could be refused for another reason."""
    assert json.loads(detailed())["items"]["description"] == REFERENCE

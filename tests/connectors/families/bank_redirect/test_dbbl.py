"""DBBL and Rocket: what is signed and what is not, and ids that are no part of a URL as they stand."""

import json

import pytest

from connectors.families.bank_redirect.connector import BankRedirect
from connectors.families.bank_redirect.dbbl import page_of, signature
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
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.conftest import the_manifest
from tests.connectors.families.bank_redirect.bank_redirect_stage import (
    GETRANSID,
    GETRESULT,
    PAGE,
    REFERENCE,
    SECRET,
    TRANS_ID,
    Desk,
    redirect_stage,
    said,
    signed,
    surroundings,
)

ENCODED = "trans_id=j4y0t%2Fg6qbHUCdXR60kC%2BJB5ZNpc%3D"


def answering(result: bytes) -> Desk:
    desk = Desk()
    desk.answers[GETRESULT] = result
    return desk


def test_the_signature_is_the_one_of_the_specification() -> None:
    """connectors.md 8: our own vector, byte for byte."""
    assert (
        signature("test-checksum-secret", "TXN1234567890", "000", "126208000123")
        == "53bdfebe4b3c6ac5ed0426d96e343c2971635219698bcf7468558b6698c3981c"
    )


@pytest.mark.parametrize(("connector_id", "card_type"), [("dbbl_nexus", "1"), ("rocket", "6")])
async def test_a_page_is_asked_for_in_whole_paisa_for_one_kind_of_card(
    connector_id: str, card_type: str
) -> None:
    async with redirect_stage(connector_id) as stage:
        created = await stage.bank.create(stage.order(amount=Money(123_405)))
        assert stage.bodies(GETRANSID) == [
            {
                "userid": SECRET,
                "passwd": SECRET,
                "amount": 123_405,
                "cardtype": card_type,
                "txnrefnum": REFERENCE,
                "clientip": "127.0.0.1",
            }
        ]
    assert created == PageCreated(TRANS_ID, f"{PAGE}?card_type={card_type}&{ENCODED}")


async def test_the_bank_is_told_the_address_that_it_knows_us_by() -> None:
    async with redirect_stage("rocket", environ={"EKPAY_ROCKET_CLIENT_IP": "203.0.113.7"}) as stage:
        await stage.bank.create(stage.order())
        await stage.bank.inquire(stage.order())
        assert stage.bodies(GETRANSID)[0]["clientip"] == "203.0.113.7"
        assert stage.bodies(GETRESULT) == [
            {"userid": SECRET, "passwd": SECRET, "transid": TRANS_ID, "clientip": "203.0.113.7"}
        ]


@pytest.mark.parametrize(
    ("url", "page"),
    [
        (PAGE, f"{PAGE}?card_type=6&{ENCODED}"),
        (f"{PAGE}?", f"{PAGE}?card_type=6&{ENCODED}"),
        (f"{PAGE}?card_type=1", f"{PAGE}?card_type=1&{ENCODED}"),
        (f"{PAGE}?card_type=6&{ENCODED}", f"{PAGE}?card_type=6&{ENCODED}"),
        (f"{PAGE}?{ENCODED}&lang=bn", f"{PAGE}?lang=bn&{ENCODED}"),
        (f"{PAGE}?trans_id={TRANS_ID}", f"{PAGE}?{ENCODED}"),
    ],
)
def test_the_id_stands_encoded_in_the_pages_url_however_it_came(url: str, page: str) -> None:
    assert page_of(url, TRANS_ID, "6") == page


@pytest.mark.parametrize(
    "url", [f"{PAGE}?trans_id=Other", f"{PAGE}?{ENCODED}&trans_id=Other", f"{PAGE}?{ENCODED}#trans_id=Other"]
)
def test_a_page_of_another_transaction_is_none(url: str) -> None:
    with pytest.raises(BrokenReplyError):
        page_of(url, TRANS_ID, "6")


@pytest.mark.parametrize(
    "url",
    [
        "http://ecom.dutchbanglabank.com/ecomm2/ClientHandler",
        "https://ecom.dutchbanglabank.com.example.org/",
        "https://ecom.dutchbanglabank.com@example.org/",
        "https://notdutchbanglabank.com/",
        "javascript:alert(1)",
        "//example.org",
    ],
)
async def test_the_payer_is_sent_to_no_other_host(url: str) -> None:
    desk = Desk()
    desk.answers[GETRANSID] = said({"RSPCODE": "1", "TRANSACTION_ID": TRANS_ID}, REDIRECT_URL=url)
    async with redirect_stage("rocket", desk) as stage:
        assert isinstance(await stage.bank.create(stage.order()), InDoubt)


async def test_the_page_of_the_sandbox_that_is_asked_is_a_page_too() -> None:
    desk = Desk()
    async with redirect_stage("rocket", desk) as stage:
        url = stage.peer.url("/ecomm2/ClientHandler")
        desk.answers[GETRANSID] = said({"RSPCODE": 1, "TRANSACTION_ID": TRANS_ID}, REDIRECT_URL=url)
        assert isinstance(await stage.bank.create(stage.order()), PageCreated)


async def test_no_page_is_declined_or_in_doubt_by_its_code() -> None:
    desk = Desk()
    async with redirect_stage("rocket", desk) as stage:
        desk.answers[GETRANSID] = said({"RSPCODE": "0", "RSPMSG": "no"})
        assert await stage.bank.create(stage.order()) == Declined("not_allowed", "RSPCODE 0")
        desk.answers[GETRANSID] = said({"RSPCODE": "2", "RSPMSG": "no"})
        assert await stage.bank.create(stage.order()) == InDoubt("reply code RSPCODE 2")


async def test_money_is_told_with_its_name_its_time_and_a_masked_card() -> None:
    async with redirect_stage("dbbl_nexus") as stage:
        assert await stage.bank.inquire(stage.order()) == Collected(
            REFERENCE,
            Money(50_000),
            "126208000123",
            {
                "executed_at": "2025-10-20T06:01:02+00:00",
                "payer_account": "************1111",
                "approval_code": "123456",
            },
        )


async def test_an_amount_that_the_signature_does_not_cover_is_compared_by_itself() -> None:
    """The HMAC holds for any amount: whoever can change it on the way must gain nothing."""
    paid = json.loads(signed())
    async with redirect_stage("rocket", answering(said(paid, AMOUNT="100"))) as stage:
        order = stage.order()
        told = await stage.bank.inquire(order)
    assert isinstance(told, Collected)
    assert told.amount == Money(100)
    assert isinstance(judge_collected(order, told), MismatchedCollection)


@pytest.mark.parametrize(
    "amount", ["500.00", "-50000", "5e4", "", None, 500.5, "9" * 16, "\u09eb\u09e6\u09e6", True]
)
async def test_an_amount_that_is_no_whole_paisa_is_no_answer(amount: object) -> None:
    async with redirect_stage("rocket", answering(signed(AMOUNT=amount))) as stage:
        assert isinstance(await stage.bank.inquire(stage.order()), NoAnswer)


@pytest.mark.parametrize("word", [{}, {"RESULT": "FAILED", "RESULT_CODE": "116"}, {"RESULT": "PENDING"}])
@pytest.mark.parametrize(
    "told", ["00", "53bdfebe4b3c6ac5ed0426d96e343c2971635219698bcf7468558b6698c3981c", "\u09e7", "é" * 64]
)
async def test_a_wrong_signature_teaches_nothing_whatever_it_signs(word: dict[str, str], told: str) -> None:
    async with redirect_stage("rocket", answering(signed(**word, SIGNATURE=told))) as stage:
        assert await stage.bank.inquire(stage.order()) == NoAnswer("a wrong signature")


@pytest.mark.parametrize("changes", [{"RRN": "126208000124"}, {"RESULT_CODE": "116"}])
async def test_what_is_signed_cannot_be_changed(changes: dict[str, str]) -> None:
    """A good signature over another result is a wrong one."""
    good = json.loads(signed())
    async with redirect_stage("rocket", answering(said(good, **changes))) as stage:
        assert isinstance(await stage.bank.inquire(stage.order()), NoAnswer)


async def test_a_signature_in_capitals_is_the_same_number() -> None:
    good = json.loads(signed())
    told = good["SIGNATURE"].upper()
    async with redirect_stage("rocket", answering(said(good, SIGNATURE=told))) as stage:
        assert isinstance(await stage.bank.inquire(stage.order()), Collected)


@pytest.mark.parametrize("signature_told", ["", None, 17, []])
async def test_what_ends_a_payment_must_be_signed(signature_told: object) -> None:
    desk = Desk()
    async with redirect_stage("rocket", desk) as stage:
        for changes in ({}, {"RESULT": "FAILED", "RESULT_CODE": "116"}):
            desk.answers[GETRESULT] = signed(**changes, SIGNATURE=signature_told)
            assert isinstance(await stage.bank.inquire(stage.order()), NoAnswer)


@pytest.mark.parametrize(
    ("result", "code", "told"),
    [
        ("FAILED", "116", NeverPaid("failed 116")),
        ("FAILED", "100", NeverPaid("failed 100")),
        ("FAILED", "117", AwaitingPayer()),
        ("FAILED", "911", NoAnswer("reply code FAILED 911")),
        ("FAILED", "999", NoAnswer("reply code FAILED 999")),
        ("FAILED", "000", NoAnswer("reply code FAILED 000")),
        ("FAILED", "", NoAnswer("reply code FAILED")),
        ("OK", "", NoAnswer("reply code OK")),
        ("OK", "001", NoAnswer("reply code OK 001")),
        ("ok", "000", NoAnswer("reply code ok 000")),
        ("PENDING", "", AwaitingPayer()),
        ("CREATED", "000", AwaitingPayer()),
        ("REVERSED", "000", NoAnswer("reply code REVERSED")),
        ("TIMEOUT", "", NeverPaid("timeout")),
    ],
)
async def test_a_result_says_how_a_payment_stands(result: str, code: str, told: object) -> None:
    async with redirect_stage("rocket", answering(signed(RESULT=result, RESULT_CODE=code))) as stage:
        assert await stage.bank.inquire(stage.order()) == told


async def test_a_result_of_another_transaction_is_no_answer() -> None:
    async with redirect_stage("rocket", answering(signed(TRANSACTION_ID="Another"))) as stage:
        assert await stage.bank.inquire(stage.order()) == NoAnswer("another TRANSACTION_ID")


@pytest.mark.parametrize("when", ["", "1760940062", "2025-10-20", "99999999999999", None])
async def test_a_time_that_cannot_be_read_costs_no_payment(when: object) -> None:
    async with redirect_stage("rocket", answering(signed(TRANS_DATE=when))) as stage:
        told = await stage.bank.inquire(stage.order())
    assert isinstance(told, Collected)
    assert told.facts["executed_at"] == ""


@pytest.mark.parametrize("brought", [ENCODED, f"trans_id={TRANS_ID}", f"x=1&{ENCODED}"])
async def test_the_browser_brings_an_id_encoded_or_not(brought: str) -> None:
    rocket = BankRedirect(the_manifest("rocket"), surroundings(HttpWire(DhakaClock()), {}))
    form = {"content-type": "application/x-www-form-urlencoded"}
    for headers in ({}, form):
        read = await rocket.read_callback(headers, brought.encode())
        assert read == CallbackHint(f"returned {TRANS_ID}", TRANS_ID, "returned")
    assert isinstance(await rocket.read_callback(form, b"status=OK"), NoHint)

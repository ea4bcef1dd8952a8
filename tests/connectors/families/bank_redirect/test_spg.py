"""Sonali: a split that always adds up, what the payer paid, and notifications with a password in them."""

import base64
import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.bank_redirect.client import json_text
from connectors.families.bank_redirect.connector import BankRedirect
from connectors.families.bank_redirect.credits import Share, split
from connectors.manifest import Manifest, read_manifest
from connectors.registry import connector_of
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
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.conftest import CONFIG, the_manifest
from tests.connectors.families.bank_redirect.bank_redirect_stage import (
    ACCESS_TOKEN,
    PAYMENT_REQUEST,
    REFERENCE,
    SECRET,
    SESSION,
    VERIFICATION,
    Desk,
    redirect_stage,
    said,
    surroundings,
    verified,
)

TWO = [
    {"account": "0000000000001", "mode": "TRN", "basis_points": 3333},
    {"account": "0000000000002", "mode": "CHL", "basis_points": 6667},
]
NOTICE = {
    "Username": "bank",
    "Password": "a word of the bank",
    "Token": SESSION,
    "InvoiceNo": REFERENCE,
    "InvoiceDate": "2025-10-20",
    "TransactionId": "SPG001",
}
NOTICE_SECRETS = {
    "EKPAY_SONALI_SPG_IPN_USER": "bank",
    "EKPAY_SONALI_SPG_IPN_PASSWORD": "a word of the bank",
}


def with_credits(credits_: object) -> Manifest:
    manifest = the_manifest("sonali_spg")
    return manifest.model_copy(update={"family_settings": {**manifest.family_settings, "credits": credits_}})


def answering(verification: bytes) -> Desk:
    desk = Desk()
    desk.answers[VERIFICATION] = verification
    return desk


def a_bank(**environ: str) -> BankRedirect:
    return BankRedirect(the_manifest("sonali_spg"), surroundings(HttpWire(DhakaClock()), environ))


async def test_a_page_is_asked_for_in_two_calls_with_their_own_spelling() -> None:
    async with redirect_stage("sonali_spg") as stage:
        order = stage.order(amount=Money(50_005), payer_reference="Rahima")
        assert isinstance(await stage.bank.create(order), PageCreated)
        assert stage.paths() == [ACCESS_TOKEN, PAYMENT_REQUEST]
        assert stage.bodies(ACCESS_TOKEN) == [
            {
                "AccessUser": {"userName": SECRET, "password": SECRET},
                "invoiceNo": REFERENCE,
                "amount": "500.05",
                "invoiceDate": "2025-10-20",
                "accounts": [{"crAccount": "0000000000001", "crAmount": 500.05}],
            }
        ]
        assert stage.bodies(PAYMENT_REQUEST) == [
            {
                "authentication": {"apiAccessUserId": SECRET, "apiAccessToken": "the-token"},
                "referenceInfo": {
                    "InvoiceNo": REFERENCE,
                    "invoiceDate": "2025-10-20",
                    "returnUrl": "https://example.org/return",
                    "totalAmount": "500.05",
                    "applicentName": "Rahima",
                    "applicentContactNo": "01700000000",
                    "extraRefNo": REFERENCE,
                },
                "creditInformations": [
                    {"slno": "1", "crAccount": "0000000000001", "crAmount": "500.05", "tranMode": "TRN"}
                ],
            }
        ]


async def test_every_call_is_opened_by_user_and_password() -> None:
    basic = base64.b64encode(f"{SECRET}:{SECRET}".encode()).decode()
    async with redirect_stage("sonali_spg") as stage:
        await stage.bank.create(stage.order())
        await stage.bank.inquire(stage.order())
        assert [heard.headers["authorization"] for heard in stage.peer.heard] == [f"Basic {basic}"] * 3
        assert stage.bodies(VERIFICATION) == [{"session_Token": SESSION}]


async def test_the_page_lies_below_the_endpoint_or_where_the_setting_says() -> None:
    async with redirect_stage("sonali_spg") as stage:
        path = "/SpgLanding/SpgLanding/SESSION%2F1%2B2%3D"
        assert await stage.bank.create(stage.order()) == PageCreated(SESSION, stage.peer.url(path))
        live = stage.again(EKPAY_SONALI_SPG_LANDING_URL="https://spg.com.bd:6313/")
        assert await live.create(stage.order()) == PageCreated(SESSION, f"https://spg.com.bd:6313{path}")


@pytest.mark.parametrize(
    "landing",
    ["http://spg.com.bd:6313", "https://spg.com.bd", "https://example.org", "ftp://spg.com.bd:6313"],
)
async def test_the_payer_is_sent_to_no_other_host(landing: str) -> None:
    async with redirect_stage("sonali_spg", environ={"EKPAY_SONALI_SPG_LANDING_URL": landing}) as stage:
        assert isinstance(await stage.bank.create(stage.order()), InDoubt)


@pytest.mark.parametrize("payer", ["", "<b>", "a&b", "line\nbreak", "x" * 101])
async def test_a_payer_whom_they_may_not_take_is_not_sent(payer: str) -> None:
    async with redirect_stage("sonali_spg") as stage:
        assert isinstance(await stage.bank.create(stage.order(payer_reference=payer)), Unreached)
        assert stage.paths() == []


async def test_without_a_token_no_payment_is_asked_for() -> None:
    desk = Desk()
    async with redirect_stage("sonali_spg", desk) as stage:
        desk.answers[ACCESS_TOKEN] = said({"status": 401, "msg": "no"})
        assert await stage.bank.create(stage.order()) == Declined("not_allowed", "status 401")
        desk.answers[ACCESS_TOKEN] = said({"status": 200, "msg": "success"})
        assert isinstance(await stage.bank.create(stage.order()), InDoubt)
        assert PAYMENT_REQUEST not in stage.paths()


async def test_a_split_goes_out_in_parts_that_add_up() -> None:
    async with redirect_stage(with_credits(TWO)) as stage:
        assert isinstance(await stage.bank.create(stage.order(amount=Money(100_001))), PageCreated)
        asked = stage.bodies(PAYMENT_REQUEST)[0]
        numbers = stage.bodies(ACCESS_TOKEN)[0]["accounts"]
    assert [(one["slno"], one["crAmount"], one["tranMode"]) for one in asked["creditInformations"]] == [
        ("1", "333.30", "TRN"),
        ("2", "666.71", "CHL"),
    ]
    assert [one["crAmount"] for one in numbers] == [333.3, 666.71]
    assert asked["referenceInfo"]["totalAmount"] == "1000.01"


def test_the_shares_of_the_example_are_the_whole() -> None:
    """Whoever adds the two must get the whole: 3,333 and 6,667 basis points."""
    assert sum(int(str(one["basis_points"])) for one in TWO) == 10_000


@given(st.integers(1, 10**11), st.lists(st.integers(1, 9_999), max_size=5))
def test_no_split_loses_a_paisa(minor: int, cuts: list[int]) -> None:
    edges = [0, *sorted(set(cuts)), 10_000]
    shares = [
        Share(account=f"{number:013d}", basis_points=end - start)
        for number, (start, end) in enumerate(pairwise(edges))
    ]
    parts = split(Money(minor), shares)
    assert total(one.amount for one in parts) == Money(minor)
    assert all(one.amount.minor > 0 for one in parts)
    assert [one.share for one in parts] == [
        share for share in shares if share in {one.share for one in parts}
    ]


@pytest.mark.parametrize(
    ("credits_", "names"),
    [
        ([], "credits"),
        ([TWO[0]], "add up to 3333, not 10000"),
        ([TWO[0], {**TWO[1], "basis_points": 6_668}], "add up to 10001, not 10000"),
        ([{**TWO[0], "basis_points": 10_001}], "basis_points"),
        ([{**TWO[0], "basis_points": 0}, {**TWO[1], "basis_points": 10_000}], "basis_points"),
        ([{**TWO[0], "basis_points": -1}, {**TWO[1], "basis_points": 10_001}], "basis_points"),
        ([{**TWO[0], "basis_points": 100.0}], "basis_points"),
        ([TWO[0], {**TWO[1], "account": "0000000000001"}], "account 0000000000001 appears twice"),
        ([{**TWO[0], "account": "our account", "basis_points": 10_000}], "account"),
        ([{**TWO[0], "mode": "CASH", "basis_points": 10_000}], "mode"),
        ([{**TWO[0], "share": 1, "basis_points": 10_000}], "share"),
        ("0000000000001", "credits"),
    ],
)
def test_a_split_that_does_not_add_up_is_refused_as_the_manifest_is_read(
    credits_: object, names: str
) -> None:
    with pytest.raises(ManifestError, match=names):
        connector_of(with_credits(credits_), surroundings(HttpWire(DhakaClock()), {}))


def test_a_split_in_a_file_is_read(tmp_path: Path) -> None:
    text = (CONFIG / "connectors" / "sonali_spg.toml").read_text(encoding="utf-8")
    one = 'credits = [{ account = "0000000000001", mode = "TRN", basis_points = 10000 }]'
    half = 'mode = "CHL", basis_points = 5000 }'
    two = f'credits = [{{ account = "0000000000001", {half}, {{ account = "2222222222", {half}]'
    assert one in text
    path = tmp_path / "sonali_spg.toml"
    path.write_text(text.replace(one, two), encoding="utf-8")
    assert (
        connector_of(read_manifest(path), surroundings(HttpWire(DhakaClock()), {})).profile.id == "sonali_spg"
    )


@given(
    st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_json_is_written_as_everybody_writes_it(value: object) -> None:
    assert json.loads(json_text(value)) == value


@given(st.integers(0, 10**13))
def test_an_amount_is_written_as_a_number_to_the_last_digit(minor: int) -> None:
    amount = Decimal(minor).scaleb(-2)
    assert json.loads(json_text({"crAmount": amount}), parse_float=Decimal)["crAmount"] == amount


async def test_money_is_told_with_its_scroll_number() -> None:
    async with redirect_stage("sonali_spg") as stage:
        assert await stage.bank.inquire(stage.order()) == Collected(
            REFERENCE,
            Money(50_000),
            "SPG001",
            {
                "transaction_date": "2025-10-20 12:01:02",
                "scroll_number": "17",
                "branch_code": "00026",
                "pay_mode": "A01",
                "paid": "500.00",
                "vat": "0.00",
                "commission": "0.00",
            },
        )


@pytest.mark.parametrize(
    ("changes", "minor"),
    [
        ({"PayAmount": "511.50", "Vat": "1.50", "Commission": "10.00"}, 50_000),
        ({"PayAmount": "500.00", "Vat": "1.50", "Commission": "10.00"}, 50_000),
        ({"PayAmount": 500, "Vat": None, "Commission": ""}, 50_000),
        ({"PayAmount": "499.99"}, 49_999),
        ({"PayAmount": "0.00"}, 0),
        ({"PayAmount": "511.49", "Vat": "1.50", "Commission": "10.00"}, 51_149),
        ({"PayAmount": "50000"}, 5_000_000),
        ({"TotalAmount": "500.01", "PayAmount": "500.01"}, 50_001),
    ],
)
async def test_what_the_payer_paid_counts_and_not_what_was_asked_for(
    changes: dict[str, object], minor: int
) -> None:
    async with redirect_stage("sonali_spg", answering(verified(**changes))) as stage:
        order = stage.order()
        told = await stage.bank.inquire(order)
    assert isinstance(told, Collected)
    assert told.amount == Money(minor)
    assert isinstance(judge_collected(order, told), MismatchedCollection) == (minor != 50_000)


async def test_money_of_another_invoice_is_told_as_it_is() -> None:
    async with redirect_stage("sonali_spg", answering(verified(InvoiceNo="ANOTHER"))) as stage:
        order = stage.order()
        told = await stage.bank.inquire(order)
    assert isinstance(told, Collected)
    assert judge_collected(order, told) == MismatchedCollection(told, "another reference")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"PaymentStatus": "202"}, AwaitingPayer()),
        ({"PaymentStatus": 202, "InvoiceNo": None}, AwaitingPayer()),
        ({"PaymentStatus": "499"}, NeverPaid("PaymentStatus 499")),
        ({"PaymentStatus": "499", "InvoiceNo": "ANOTHER"}, NoAnswer("another InvoiceNo")),
        ({"PaymentStatus": "201"}, NoAnswer("reply code PaymentStatus 201")),
        ({"PaymentStatus": "paid"}, NoAnswer("reply code PaymentStatus paid")),
        ({"PaymentStatus": None}, NoAnswer("PaymentStatus is no text")),
        ({"status": "500"}, NoAnswer("reply code status 500")),
        ({"status": "401"}, NoAnswer("reply code status 401")),
        ({"Vat": "a little"}, NoAnswer("Vat is no amount")),
    ],
)
async def test_the_word_for_a_payment_says_how_it_stands(changes: dict[str, object], told: object) -> None:
    async with redirect_stage("sonali_spg", answering(verified(**changes))) as stage:
        assert await stage.bank.inquire(stage.order()) == told


async def test_a_notification_is_a_hint_and_is_answered_as_they_want() -> None:
    bank = a_bank(**NOTICE_SECRETS)
    read = await bank.read_callback({"content-type": "application/json"}, said(NOTICE))
    assert read == CallbackHint(f"notified {SESSION} SPG001", SESSION, "notified", REFERENCE)
    assert json.loads(bank.profile.callback_answer) == {"Message": "Success", "Status": "200"}


async def test_the_second_versions_notification_is_read_too() -> None:
    told = {name: word for name, word in NOTICE.items() if name not in {"Username", "Password"}}
    nested = {"userName": "bank", "password": "a word of the bank"}
    bank = a_bank(**NOTICE_SECRETS)
    assert isinstance(await bank.read_callback({}, said(told, Credentials=nested)), CallbackHint)
    forged = await bank.read_callback({}, said(told, Credentials={**nested, "password": "another"}))
    assert isinstance(forged, NoHint)
    assert forged.is_forged


@pytest.mark.parametrize(
    "changes",
    [
        {"Password": "a word of the banc"},
        {"Password": ""},
        {"Password": None},
        {"Password": ["a word of the bank"]},
        {"Password": "a word of the bank\x00"},
        {"Password": "\u09ac"},
        {"Password": "\ud800"},
        {"Username": "Bank"},
        {"Username": None, "Password": None},
        {"Credentials": {}},
        {"Credentials": {"userName": "bank", "password": "bank"}},
    ],
)
async def test_a_notification_with_a_wrong_word_is_forged(changes: dict[str, object]) -> None:
    read = await a_bank(**NOTICE_SECRETS).read_callback({}, said(NOTICE, **changes))
    assert read == NoHint("a wrong user or password", is_forged=True)


@pytest.mark.parametrize("setting", list(NOTICE_SECRETS))
async def test_without_its_secrets_no_notification_is_believed(setting: str) -> None:
    """An empty setting must not let an empty password in; and the other calls do not need it."""
    environ = {**NOTICE_SECRETS, setting: ""}
    empty = said(NOTICE, Username="", Password="")
    for body in (said(NOTICE), empty):
        assert await a_bank(**environ).read_callback({}, body) == NoHint(f"{setting} is not set")
    async with redirect_stage("sonali_spg", environ=environ) as stage:
        assert isinstance(await stage.bank.inquire(stage.order()), Collected)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"Token": ""}, ("", REFERENCE)),
        ({"InvoiceNo": "of somebody else"}, (SESSION, "")),
        ({"Token": "two words", "InvoiceNo": "x"}, None),
    ],
)
async def test_a_notification_names_a_payment_in_one_way_at_least(
    changes: dict[str, str], named: tuple[str, str] | None
) -> None:
    read = await a_bank(**NOTICE_SECRETS).read_callback({}, said(NOTICE, **changes))
    if named is None:
        assert isinstance(read, NoHint)
    else:
        assert isinstance(read, CallbackHint)
        assert (read.provider_reference, read.reference) == named


async def test_the_browser_brings_a_session_and_a_word() -> None:
    bank = a_bank()
    brought = b"session_token=SESSION%2F1%2B2%3D&status=success"
    assert await bank.read_callback({}, brought) == CallbackHint(
        f"returned {SESSION} success", SESSION, "success"
    )
    assert isinstance(await bank.read_callback({}, b"session_token=S1"), CallbackHint)
    assert await bank.read_callback({}, b"status=success") == NoHint("no session token")

"""Opening a page and asking how it ended, in each dialect, with a far side of every kind of manners."""

import json
from typing import Any

import pytest

from connectors.manifest_parts import Role
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    ConfirmedCollection,
    MismatchedCollection,
    NeverPaid,
    PageCreated,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import Connector
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.families.token_init_status.token_init_status_stage import (
    ANOTHER,
    DIALECTS,
    MOVEMENT,
    NAME,
    REFERENCE,
    SHURJOPAY,
    TAP,
    UPAY,
    Desk,
    Dialect,
    an_order,
    stage_of,
)
from tests.wire.scripted_peer import Caller

EVERY = pytest.mark.parametrize("dialect", DIALECTS, ids=[dialect.id for dialect in DIALECTS])
RUDE = pytest.mark.parametrize("manners", rude_manners(b"{}").keys())


async def test_a_connector_of_the_family_implements_the_port() -> None:
    async with stage_of(TAP) as stage:
        connector: Connector = stage.connector
        assert connector.profile.id == "tap"
        assert not connector.profile.executes


# ---- opening a page


@EVERY
async def test_a_page_is_opened_in_every_dialect(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        created = await stage.connector.create(an_order(provider_reference=""))
        assert created == PageCreated(NAME, stage.peer.url("/page"))
        assert stage.paths() == [dialect.login, dialect.init]


async def test_the_generic_dialect_is_written_as_its_document_says() -> None:
    async with stage_of(TAP) as stage:
        await stage.connector.create(an_order(payer_reference="8801700000000"))
        assert json.loads(stage.bodies(TAP.login)[0]) == {"user": "the user", "password": "the password"}
        assert json.loads(stage.bodies(TAP.init)[0]) == {
            "merchant_reference": REFERENCE,
            "amount": "500.00",
            "currency": "BDT",
            "payer_reference": "8801700000000",
            "return_url": "https://example.org/return",
        }


async def test_upay_is_told_who_asks_on_which_day_and_an_amount_as_a_number() -> None:
    async with stage_of(UPAY) as stage:
        await stage.connector.create(an_order(amount=Money(50_005)))
        sent = stage.bodies(UPAY.init)[0]
        assert b'"amount": 500.05,' in sent
        assert json.loads(sent) == {
            "date": "2025-10-20",
            "txn_id": REFERENCE,
            "invoice_id": REFERENCE,
            "amount": 500.05,
            "merchant_id": "the merchant_id",
            "merchant_name": "ekPay",
            "merchant_code": "EKPAY",
            "merchant_country_code": "BD",
            "merchant_city": "Dhaka",
            "merchant_category_code": "4900",
            "merchant_mobile": "01300000000",
            "transaction_currency_code": "BDT",
            "redirect_url": "https://example.org/return",
            "additional_info": {},
            "is_cashback": False,
            "cashback_amount": 0,
            "cashback_wallet": "",
            "seat_count": 0,
        }


async def test_shurjopay_is_told_its_own_token_and_store_again_at_the_address_of_its_login() -> None:
    async with stage_of(SHURJOPAY) as stage:
        await stage.connector.create(an_order(payer_reference="8801700000000"))
        told = json.loads(stage.bodies("/api/secret-pay")[0])
        assert (told["token"], told["store_id"]) == ("token-1", 7)
        assert (told["order_id"], told["amount"], told["currency"]) == (REFERENCE, "500.00", "BDT")
        assert told["return_url"] == told["cancel_url"] == "https://example.org/return"
        assert told["customer_phone"] == "8801700000000"
        assert stage.peer.heard[1].headers["authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/api/secret-pay",
        "https://evil.example/api/secret-pay",
        "http://127.0.0.1@evil.example/api/secret-pay",
        "//evil.example/api/secret-pay",
        "/api/secret-pay",
        "javascript:alert(1)",
    ],
)
async def test_an_address_on_another_host_is_never_called(address: str) -> None:
    async def lure(caller: Caller) -> None:
        told = {"token": "t", "store_id": 7, "execute_url": address, "sp_code": "200", "expires_in": 3600}
        await caller.answer(json.dumps(told).encode())

    async with stage_of(SHURJOPAY, Desk(SHURJOPAY, rude={SHURJOPAY.login: lure})) as stage:
        refused = Unreached("the login returned a URL on another host")
        assert await stage.connector.create(an_order()) == refused
        assert stage.paths() == [SHURJOPAY.login]
        assert await stage.connector.create(an_order()) == refused
        assert stage.paths() == [SHURJOPAY.login] * 2


@EVERY
async def test_a_reference_that_was_used_before_is_in_doubt(dialect: Dialect) -> None:
    desk = Desk(dialect, rude={dialect.init: lambda caller: caller.answer(dialect.duplicate, status=400)})
    async with stage_of(dialect, desk) as stage:
        assert isinstance(await stage.connector.create(an_order()), InDoubt)
        assert stage.paths().count(dialect.init) == 1


@EVERY
async def test_a_page_for_another_reference_or_on_a_strange_host_is_none(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        call = f"POST {dialect.init}"
        stage.desk.answers[call] = dialect.page(stage.peer.url("/page"), ANOTHER)
        assert isinstance(await stage.connector.create(an_order()), InDoubt)
        stage.desk.answers[call] = dialect.page("https://evil.example/page", REFERENCE)
        assert isinstance(await stage.connector.create(an_order()), InDoubt)


@EVERY
@RUDE
async def test_a_create_without_a_usable_answer_is_in_doubt_and_sent_once(
    dialect: Dialect, manners: str
) -> None:
    said = dialect.page("http://127.0.0.1/page", REFERENCE)
    async with stage_of(dialect, Desk(dialect, rude={dialect.init: rude_manners(said)[manners]})) as stage:
        assert isinstance(await stage.connector.create(an_order()), InDoubt)
        assert stage.paths().count(dialect.init) == 1


@EVERY
@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(999)},
        {"amount": Money(50_000_001)},
        {"amount": Money(-50_000)},
        {"amount": Money(50_000, "USD")},
        {"payer_reference": ""},
        {"payer_reference": "<017>"},
        {"reference": ""},
        {"reference": "../.."},
    ],
)
async def test_what_a_provider_would_refuse_is_not_sent(dialect: Dialect, changes: dict[str, Any]) -> None:
    async with stage_of(dialect) as stage:
        assert isinstance(await stage.connector.create(an_order(**changes)), Unreached)
        assert stage.paths() == []


@EVERY
async def test_a_create_after_its_last_moment_leaves_no_byte(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        await stage.connector.inquire(an_order())
        assert isinstance(await stage.connector.create(an_order(seconds=-1.0)), Unreached)
        assert dialect.init not in stage.paths()


# ---- asking


@EVERY
async def test_paid_is_told_with_everything_that_the_core_compares(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        told = await stage.connector.inquire(an_order())
        assert told == Collected(
            REFERENCE,
            Money(50_000),
            MOVEMENT,
            {"paid_at": "2026-11-01T06:01:02+00:00", "payer_account": "*******5678"},
        )
        assert isinstance(judge_collected(an_order(), told), ConfirmedCollection)


@EVERY
async def test_pending_for_long_goes_on_waiting_for_the_payer(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        stage.now_says("pending")
        for _ in range(5):
            assert await stage.connector.inquire(an_order()) == AwaitingPayer()
        assert stage.desk.logins == 1


@EVERY
@pytest.mark.parametrize("word", ["failed", "cancelled", "expired"])
async def test_what_is_over_was_never_paid(dialect: Dialect, word: str) -> None:
    async with stage_of(dialect) as stage:
        stage.now_says(word)
        told = await stage.connector.inquire(an_order())
        # shurjoPay has no word for a page that lapsed.
        assert isinstance(told, NeverPaid if word in dialect.words else NoAnswer)


@EVERY
async def test_a_word_that_nobody_mapped_teaches_nothing(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        stage.now_says("settled")
        assert isinstance(await stage.connector.inquire(an_order()), NoAnswer)


@EVERY
@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"reference": ANOTHER}, "another reference"),
        ({"amount": "501.00"}, "another amount"),
        ({"currency": "USD"}, "another currency"),
    ],
)
async def test_what_differs_from_the_order_is_told_as_it_is(
    dialect: Dialect, told: dict[str, str], why: str
) -> None:
    async with stage_of(dialect) as stage:
        stage.now_says("paid", **told)
        answer = await stage.connector.inquire(an_order())
        assert isinstance(answer, Collected)
        judged = judge_collected(an_order(), answer)
        assert isinstance(judged, MismatchedCollection)
        assert judged.why == why


@EVERY
@pytest.mark.parametrize("word", ["pending", "failed", "cancelled"])
async def test_not_paid_is_believed_of_our_own_payment_only(dialect: Dialect, word: str) -> None:
    async with stage_of(dialect) as stage:
        stage.now_says(word, reference=ANOTHER)
        assert isinstance(await stage.connector.inquire(an_order()), NoAnswer)


@EVERY
async def test_a_redirect_that_says_paid_yields_to_a_status_that_says_failed(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        names = stage.manifest.family_settings["comes_back"]
        assert isinstance(names, dict)
        brought = {
            str(names["provider_reference"]): NAME,
            str(names["reference"]): REFERENCE,
            str(names["status"]): dialect.words["paid"],
        }
        query = "&".join(f"{name}={value}" for name, value in brought.items() if name)
        hint = await stage.connector.read_callback({}, query.encode())
        assert isinstance(hint, CallbackHint)
        assert not hint.is_agreed
        stage.now_says("failed")
        assert isinstance(await stage.connector.inquire(an_order()), NeverPaid)


@EVERY
@RUDE
async def test_a_question_without_a_usable_answer_teaches_nothing(dialect: Dialect, manners: str) -> None:
    said = dialect.standing(dialect.words["paid"])
    async with stage_of(dialect, Desk(dialect, rude={dialect.status: rude_manners(said)[manners]})) as stage:
        told = await stage.connector.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert told.was_asked


@EVERY
@pytest.mark.parametrize("name", ["", ".", "..", "../x", "two words", "x" * 101, "\u09e7"])
async def test_what_has_no_name_over_there_is_not_asked(dialect: Dialect, name: str) -> None:
    async with stage_of(dialect) as stage:
        told = await stage.connector.inquire(an_order(provider_reference=name))
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert stage.paths() == []


async def test_a_name_is_one_part_of_a_path_whatever_stands_in_it() -> None:
    async with stage_of(TAP) as stage:
        await stage.connector.inquire(an_order(provider_reference="a/../b?c#d%2F"))
        assert stage.paths()[1] == "/v1/payments/a%2F..%2Fb%3Fc%23d%252F"


@EVERY
async def test_nothing_is_ever_executed(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        assert await stage.connector.execute(an_order()) == Unreached(
            "the payer's agreement moves the money at this provider"
        )
        assert stage.paths() == []
        assert Role.EXECUTE not in {one.role for one in stage.manifest.operations.values()}


@EVERY
async def test_nobody_there_is_unreached(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        await stage.connector.inquire(an_order())
        stage.environ[f"EKPAY_{dialect.id.upper()}_URL"] = "http://127.0.0.1:1"
        nobody = stage.another_process()
        assert isinstance(await nobody.create(an_order()), Unreached)
        told = await nobody.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked


async def test_a_refusal_carries_our_reason_and_their_code() -> None:
    refused = b'{"code": "4030", "message": "no"}'
    desk = Desk(TAP, rude={TAP.init: lambda caller: caller.answer(refused, status=403)})
    async with stage_of(TAP, desk) as stage:
        assert await stage.connector.create(an_order()) == Declined("not_allowed", "4030")

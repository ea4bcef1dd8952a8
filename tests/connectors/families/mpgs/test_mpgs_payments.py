"""Opening a page and asking for its order over a socket, with a gateway of every kind of manners."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER
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
from ekpay_switch.domain.collections.payer_page import PageContent, PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import Connector, FindsMovements
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.conftest import the_manifest
from tests.connectors.families.mpgs.mpgs_stage import (
    AUTHORIZATION,
    CREATE,
    CREATED,
    ORDER,
    PAID,
    SESSION,
    GatewayDesk,
    a_row,
    an_order,
    error,
    mpgs_stage,
    said,
)
from tests.wire.scripted_peer import Caller, Manners, http_answer

NOT_THERE = error("INVALID_REQUEST")


@pytest.fixture
def ebl() -> Manifest:
    return the_manifest("ebl")


def desk_with(call: str, body: bytes, status: int = 200) -> GatewayDesk:
    desk = GatewayDesk()
    desk.answers[call] = (status, body)
    return desk


async def test_a_merchant_implements_the_port_and_looks_no_movement_up(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        connector: Connector = stage.ebl
        assert not isinstance(connector, FindsMovements)
        assert (connector.profile.id, connector.profile.executes) == ("ebl", False)


async def test_a_page_is_opened_with_the_fields_that_the_gateway_wants(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        created = await stage.ebl.create(an_order(provider_reference=""))
        assert created == PageCreated(SESSION, stage.peer.url(f"/checkout/pay/{SESSION}"))
        assert stage.bodies(CREATE) == [
            {
                "apiOperation": "INITIATE_CHECKOUT",
                "interaction": {
                    "operation": "PURCHASE",
                    "merchant": {"name": "ekPay"},
                    "returnUrl": "https://example.org/return",
                    "cancelUrl": "https://example.org/return",
                    "timeout": 60,  # the life of the page, divided as all times are here
                },
                "order": {
                    "id": EXAMPLE_ORDER.reference,
                    "amount": "500.00",
                    "currency": "BDT",
                    "description": f"ekPay {EXAMPLE_ORDER.reference}",
                    "notificationUrl": "https://example.org/callbacks/example",
                },
            }
        ]
        assert stage.peer.heard[0].headers["authorization"] == AUTHORIZATION


async def test_the_page_is_told_payee_and_language_and_a_repeat_the_same(ebl: Manifest) -> None:
    page = PageContent("Rahima Store", "রহিমা স্টোর", PayerLanguage.BANGLA)
    async with mpgs_stage(ebl) as stage:
        for _ in range(2):
            await stage.ebl.create(an_order(page=page))
        first, again = (heard.body for heard in stage.peer.heard)
        told, untold = stage.bodies(CREATE)[0], an_order()
    assert first == again
    assert told["interaction"]["merchant"] == {"name": "রহিমা স্টোর"}
    assert told["interaction"]["locale"] == "bn"
    assert told["interaction"]["returnUrl"] == untold.return_url
    assert told["order"]["id"] == untold.reference


async def test_without_an_address_for_notices_none_is_told(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        await stage.ebl.create(an_order(notify_url=""))
        assert "notificationUrl" not in stage.bodies(CREATE)[0]["order"]


@pytest.mark.parametrize(("minor", "written"), [(100, "1.00"), (12_305, "123.05"), (50_000_000, "500000.00")])
async def test_an_amount_leaves_as_text_with_two_decimals(ebl: Manifest, minor: int, written: str) -> None:
    async with mpgs_stage(ebl) as stage:
        assert isinstance(await stage.ebl.create(an_order(amount=Money(minor))), PageCreated)
        assert stage.bodies(CREATE)[0]["order"]["amount"] == written


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(99)},
        {"amount": Money(50_000_001)},
        {"amount": Money(-50_000)},
        {"amount": Money(50_000, "USD")},
        {"reference": ""},
        {"reference": "a/b"},
        {"reference": "A" * 41},
    ],
)
async def test_what_the_gateway_would_refuse_is_not_sent(ebl: Manifest, changes: dict[str, Any]) -> None:
    async with mpgs_stage(ebl) as stage:
        assert isinstance(await stage.ebl.create(an_order(**changes)), Unreached)
        assert stage.calls() == []


@pytest.mark.parametrize("reference", ["", "..", "two words", "a/b", "x" * 41, "\u09e7"])
async def test_what_has_no_name_over_there_is_not_asked(ebl: Manifest, reference: str) -> None:
    async with mpgs_stage(ebl) as stage:
        told = await stage.ebl.inquire(an_order(reference=reference))
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert stage.calls() == []


async def test_the_order_is_asked_by_our_reference_and_not_by_the_session(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        assert isinstance(await stage.ebl.inquire(an_order(provider_reference="ANOTHER")), Collected)
        assert stage.calls() == [ORDER]


async def test_money_is_never_asked_for_since_the_payer_has_paid(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        assert isinstance(await stage.ebl.execute(an_order()), Unreached)
        assert stage.calls() == []


@pytest.mark.parametrize("number", [500, 500.0, "500", "500.0", "500.00"])
async def test_money_is_collected_however_its_amount_is_written(ebl: Manifest, number: object) -> None:
    paid = said(
        PAID,
        amount=number,
        totalCapturedAmount=number,
        transaction=[
            a_row(
                amount=number,
                timeOfRecord="2025-10-20T06:01:02.345Z",
                sourceOfFunds={"provided": {"card": {"number": "512345xxxxxx0008"}}},
            )
        ],
    )
    async with mpgs_stage(ebl, desk_with(ORDER, paid)) as stage:
        told = await stage.ebl.inquire(an_order())
    assert told == Collected(
        EXAMPLE_ORDER.reference,
        Money(50_000),
        f"{EXAMPLE_ORDER.reference}/1",
        {
            "transaction": "1",
            "captured_at": "2025-10-20T06:01:02.345000+00:00",
            "payer_account": "************0008",
            "receipt": "",
            "authorisation_code": "",
        },
    )


async def test_the_first_movements_of_two_orders_have_two_names(ebl: Manifest) -> None:
    """Both are "1" over there, and one name twice is one movement of money twice to the core."""
    other = replace(an_order(), reference="EXAMPLE0000000000000002")
    desk = GatewayDesk()
    desk.answers[ORDER.replace(EXAMPLE_ORDER.reference, other.reference)] = (
        200,
        said(PAID, id=other.reference),
    )
    async with mpgs_stage(ebl, desk) as stage:
        names = set()
        for order in (an_order(), other):
            told = await stage.ebl.inquire(order)
            assert isinstance(told, Collected)
            assert isinstance(judge_collected(order, told), ConfirmedCollection)
            names.add(told.provider_transaction)
        assert len(names) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": "501.00", "totalCapturedAmount": "501.00"}, "another amount"),
        ({"totalCapturedAmount": "499.99"}, "another amount"),
        ({"totalCapturedAmount": 0}, "another amount"),
        ({"amount": "501.00"}, "another amount"),
        ({"transaction": [a_row(amount="1.00")]}, "another amount"),
        ({"transaction": [a_row(), a_row(name="2")]}, "another amount"),
        ({"currency": "USD"}, "another currency"),
        ({"id": "ANOTHER"}, "another reference"),
        ({"status": "PARTIALLY_CAPTURED", "totalCapturedAmount": "100.00"}, "another amount"),
    ],
)
async def test_what_differs_from_the_order_is_told_as_it_is(
    ebl: Manifest, changes: dict[str, object], why: str
) -> None:
    """The comparison is the core's; an adapter that hid a difference would hide money."""
    async with mpgs_stage(ebl, desk_with(ORDER, said(PAID | changes))) as stage:
        order = an_order()
        told = await stage.ebl.inquire(order)
        assert isinstance(told, Collected)
        judged = judge_collected(order, told)
        assert isinstance(judged, MismatchedCollection)
        assert judged.why == why


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "AUTHENTICATION_INITIATED", "result": "PENDING"}, AwaitingPayer()),
        ({"status": "AUTHENTICATED"}, AwaitingPayer()),
        ({"status": "PENDING", "result": "PENDING"}, AwaitingPayer()),
        ({"status": "FAILED", "result": "FAILURE"}, AwaitingPayer()),
        ({"status": "CANCELLED"}, NeverPaid("cancelled")),
        ({"status": "PARTIALLY_CAPTURED"}, NoAnswer("captured money without a movement")),
        ({"status": "DISPUTED"}, NoAnswer("a status without a mapping")),
        ({"status": "AUTHORIZED"}, NoAnswer("a status without a mapping")),
    ],
)
async def test_the_word_for_an_order_says_how_it_stands(
    ebl: Manifest, changes: dict[str, object], told: object
) -> None:
    unpaid = said(PAID | {"totalCapturedAmount": "0.00", "transaction": []} | changes)
    async with mpgs_stage(ebl, desk_with(ORDER, unpaid)) as stage:
        assert await stage.ebl.inquire(an_order()) == told


async def test_all_of_it_captured_in_part_is_a_contradiction(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, desk_with(ORDER, said(PAID, status="PARTIALLY_CAPTURED"))) as stage:
        assert await stage.ebl.inquire(an_order()) == NoAnswer("the full amount, captured in part")


@pytest.mark.parametrize("result", ["PENDING", "UNKNOWN", "SUCCESS"])
@pytest.mark.parametrize("status", ["AUTHENTICATED", "FAILED", "PENDING"])
async def test_a_payment_that_may_still_succeed_is_never_taken_for_none(
    ebl: Manifest, status: str, result: str
) -> None:
    """The core ends a try whose page is over while the payer is awaited."""
    unpaid = {"status": status, "totalCapturedAmount": "0.00", "transaction": [a_row(result=result)]}
    async with mpgs_stage(ebl, desk_with(ORDER, said(PAID | unpaid))) as stage:
        assert isinstance(await stage.ebl.inquire(an_order()), NoAnswer)


@pytest.mark.parametrize("status", ["FAILED", "AUTHENTICATED", "CANCELLED"])
async def test_captured_money_under_another_status_is_never_taken_for_none(
    ebl: Manifest, status: str
) -> None:
    async with mpgs_stage(ebl, desk_with(ORDER, said(PAID, status=status))) as stage:
        assert isinstance(await stage.ebl.inquire(an_order()), NoAnswer)


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (404, NOT_THERE, AwaitingPayer()),
        (400, NOT_THERE, AwaitingPayer()),
        (400, error("INVALID_REQUEST", field="order.id"), AwaitingPayer()),
        (400, error("INVALID_REQUEST", field="merchantId"), NoAnswer("reply code error INVALID_REQUEST")),
        (400, error("REQUEST_REJECTED"), NoAnswer("reply code error REQUEST_REJECTED")),
        (401, NOT_THERE, NoAnswer("reply code HTTP 401")),
        (403, NOT_THERE, NoAnswer("reply code HTTP 403")),
        (404, b"<html>no such page</html>", NoAnswer("not JSON")),
        (404, b'{"message": "no route"}', NoAnswer("no JSON object")),
        (200, NOT_THERE, NoAnswer("an error under a status that is none")),
        (500, NOT_THERE, NoAnswer("HTTP 500")),
    ],
)
async def test_only_an_order_that_is_not_there_waits_for_its_payer(
    ebl: Manifest, status: int, answer: bytes, told: object
) -> None:
    async with mpgs_stage(ebl, desk_with(ORDER, answer, status)) as stage:
        assert await stage.ebl.inquire(an_order()) == told


async def test_the_indicator_that_a_browser_brings_changes_nothing(ebl: Manifest) -> None:
    created = said({"result": "SUCCESS", "session": {"id": SESSION}, "successIndicator": "0123456789abcdef"})
    failed = {"status": "FAILED", "result": "FAILURE", "totalCapturedAmount": 0, "transaction": []}
    async with mpgs_stage(ebl, desk_with(CREATE, created, 201)) as stage:
        assert isinstance(await stage.ebl.create(an_order()), PageCreated)
        for indicator, order, told in (
            (b"0123456789abcdef", said(PAID | failed), AwaitingPayer),
            (b"fedcba9876543210", said(PAID), Collected),
        ):
            hint = await stage.ebl.read_callback({}, b"resultIndicator=" + indicator)
            assert isinstance(hint, CallbackHint)
            assert (hint.reference, hint.provider_reference, hint.is_agreed) == ("", "", False)
            stage.desk.answers[ORDER] = (200, order)
            assert isinstance(await stage.ebl.inquire(an_order()), told)


@pytest.mark.parametrize("setting", ["EKPAY_EBL_MERCHANT_ID", "EKPAY_EBL_API_PASSWORD"])
async def test_without_credentials_nothing_is_sent_and_the_setting_is_named(
    ebl: Manifest, setting: str
) -> None:
    why = f"{setting} is not set"
    async with mpgs_stage(ebl, None, **{setting: ""}) as stage:
        assert await stage.ebl.create(an_order()) == Unreached(why)
        assert await stage.ebl.inquire(an_order()) == NoAnswer(why, was_asked=False)
        assert stage.calls() == []


async def test_whoever_is_turned_away_is_sent_nothing_twice(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, EKPAY_EBL_API_PASSWORD="wrong") as stage:
        assert await stage.ebl.create(an_order()) == InDoubt("reply code HTTP 401")
        assert await stage.ebl.inquire(an_order()) == NoAnswer("reply code HTTP 401")
        assert stage.calls() == [CREATE, ORDER]


async def test_a_page_that_is_refused_is_declined(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, desk_with(CREATE, error("REQUEST_REJECTED"), 400)) as stage:
        assert await stage.ebl.create(an_order()) == Declined("not_allowed", "error REQUEST_REJECTED")


@pytest.mark.parametrize("name", ["../x", "a b", "x" * 81, "a?b", "a#b", "//evil.example"])
async def test_no_name_of_a_session_leads_to_another_page(ebl: Manifest, name: str) -> None:
    created = said({"result": "SUCCESS", "session": {"id": name, "updateStatus": "SUCCESS"}})
    async with mpgs_stage(ebl, desk_with(CREATE, created, 201)) as stage:
        assert isinstance(await stage.ebl.create(an_order()), InDoubt)


@pytest.mark.parametrize(
    "manners", [pytest.param(manners, id=name) for name, manners in rude_manners(CREATED).items()]
)
async def test_a_page_without_a_usable_answer_is_in_doubt_and_asked_for_once(
    ebl: Manifest, manners: Manners
) -> None:
    async with mpgs_stage(ebl, GatewayDesk(rude={CREATE: manners})) as stage:
        assert isinstance(await stage.ebl.create(an_order()), InDoubt)
        assert stage.calls() == [CREATE]


@pytest.mark.parametrize(
    "manners", [pytest.param(manners, id=name) for name, manners in rude_manners(said(PAID)).items()]
)
async def test_a_question_without_a_usable_answer_teaches_nothing(ebl: Manifest, manners: Manners) -> None:
    async with mpgs_stage(ebl, GatewayDesk(rude={ORDER: manners})) as stage:
        told = await stage.ebl.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert told.was_asked


async def test_an_answer_that_comes_twice_counts_once(ebl: Manifest) -> None:
    async def twice(caller: Caller) -> None:
        await caller.say(http_answer(said(PAID)) * 2)

    async with mpgs_stage(ebl, GatewayDesk(rude={ORDER: twice})) as stage:
        assert isinstance(await stage.ebl.inquire(an_order()), Collected)
        del stage.desk.rude[ORDER]
        stage.desk.answers[ORDER] = (404, NOT_THERE)
        assert await stage.ebl.inquire(an_order()) == AwaitingPayer()


async def test_nobody_there_is_unreached(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        nobody = stage.another(EKPAY_EBL_URL="http://127.0.0.1:1")
        assert isinstance(await nobody.create(an_order()), Unreached)
        told = await nobody.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked


async def test_nothing_leaves_after_the_last_moment(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        assert await stage.ebl.create(an_order(seconds=-1)) == Unreached("the send deadline passed")
        assert stage.calls() == []

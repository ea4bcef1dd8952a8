"""Asking Nagad what became of a payment: its plain answer is all the proof there is."""

from typing import Any

import pytest

from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    ConfirmedCollection,
    MismatchedCollection,
    NeverPaid,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import NoAnswer
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.families.nagad.nagad_stage import (
    GAVE_BACK,
    NEVER,
    OURS,
    PAID,
    PENDING,
    UNPAID,
    VERIFY,
    NagadDesk,
    an_order,
    hearing,
    nagad_stage,
    plain,
    refused,
)
from tests.wire.scripted_peer import Caller, Manners

RUDE = [pytest.param(manners, id=name) for name, manners in rude_manners(plain(PAID)).items()]


async def told_of(document: dict[str, Any]) -> object:
    """What an inquiry makes of one answer of verify."""
    return await hearing(plain(document)).inquire(an_order())


@pytest.mark.parametrize("manners", RUDE)
async def test_a_question_without_a_usable_answer_teaches_nothing(manners: Manners) -> None:
    async with nagad_stage(NagadDesk(rude={VERIFY: manners})) as stage:
        told = await stage.nagad.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert told.was_asked


async def test_what_was_paid_is_told_with_its_name_its_time_and_a_masked_payer() -> None:
    told = await told_of(PAID)
    assert told == Collected(
        OURS,
        Money(50_000),
        "EXAMPLE001",
        {"paid_at": "2025-10-20T06:01:02+00:00", "payer_account": "*******5678", "status": "Success"},
    )
    assert isinstance(judge_collected(an_order(), told), ConfirmedCollection)


@pytest.mark.parametrize("status", GAVE_BACK)
async def test_money_that_went_back_was_collected_all_the_same(status: str) -> None:
    told = await told_of(PAID | {"status": status, "statusCode": "009", "cancelIssuerRefNo": "EXAMPLE002"})
    assert isinstance(told, Collected)
    assert (told.amount, told.facts["status"]) == (Money(50_000), status)


@pytest.mark.parametrize("status", PENDING)
async def test_who_has_not_paid_yet_is_awaited(status: str) -> None:
    assert await told_of(UNPAID | {"status": status}) == AwaitingPayer()


@pytest.mark.parametrize("status", ["PinGiven", "InProgress", "TransactionInProgress"])
@pytest.mark.parametrize("ordered_at", ["2025-10-20 11:50:00.0", None, "yesterday"])
async def test_what_stays_in_motion_is_not_left_to_lapse_as_if_it_were_never_paid(
    status: str, ordered_at: str | None
) -> None:
    """The page of this stage lives for four minutes."""
    told = await told_of(UNPAID | {"status": status, "orderDateTime": ordered_at})
    assert isinstance(told, NoAnswer)
    assert told.was_asked


async def test_a_page_that_stays_open_is_left_to_lapse() -> None:
    told = await told_of(UNPAID | {"status": "Ready", "orderDateTime": "2025-10-20 11:50:00.0"})
    assert told == AwaitingPayer()


@pytest.mark.parametrize("status", NEVER)
async def test_what_ended_was_never_paid(status: str) -> None:
    assert await told_of(UNPAID | {"status": status}) == NeverPaid(status.lower())


@pytest.mark.parametrize("status", NEVER)
async def test_what_ended_and_was_taken_back_is_for_people(status: str) -> None:
    assert isinstance(await told_of(PAID | {"status": status, "cancelIssuerRefNo": "EXAMPLE002"}), NoAnswer)


@pytest.mark.parametrize("status", [*PENDING, *NEVER])
@pytest.mark.parametrize("member", ["merchantId", "orderId", "paymentRefId"])
async def test_a_status_of_something_else_ends_nothing(status: str, member: str) -> None:
    for other in ("EXAMPLE0000000000009", "", None):
        assert isinstance(await told_of(UNPAID | {"status": status, member: other}), NoAnswer)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": "501.00"}, "another amount"),
        ({"amount": "5"}, "another amount"),
        ({"amount": "50000.00"}, "another amount"),
        ({"orderId": "EXAMPLE0000000000009"}, "another reference"),
    ],
)
async def test_what_differs_from_the_order_is_told_as_it_is(changes: dict[str, Any], why: str) -> None:
    """The comparison is the core's; an adapter that hid a difference would hide money."""
    told = await told_of(PAID | changes)
    assert isinstance(told, Collected)
    judged = judge_collected(an_order(), told)
    assert isinstance(judged, MismatchedCollection)
    assert judged.why == why


@pytest.mark.parametrize(
    "changes",
    [
        {"merchantId": "100000000000009"},
        {"paymentRefId": "TR0011EXAMPLE0009"},
        {"currencyCode": "840"},
        {"currencyCode": 50},
        {"amount": "500.001"},
        {"amount": "-500.00"},
        {"amount": "5e2"},
        {"amount": None},
        {"orderId": None},
        {"issuerPaymentRefNo": None},
        {"issuerPaymentRefNo": ""},
        {"statusCode": "001"},
        {"statusCode": None},
        {"status": "success"},
        {"status": "Reversed"},
        {"status": None},
        {"status": "InvalidReferenceId"},
        {"status": "ServerError"},
        {"reason": "ServerError"},
        {"devMessage": "null pointer"},
    ],
)
async def test_success_that_is_not_whole_is_no_answer(changes: dict[str, Any]) -> None:
    told = await told_of(PAID | changes)
    assert isinstance(told, NoAnswer)
    assert told.was_asked


async def test_members_of_an_error_that_are_empty_are_no_error() -> None:
    assert isinstance(await told_of(PAID | {"reason": None, "devMessage": "", "currencyCode": ""}), Collected)


@pytest.mark.parametrize("written", ["", "20251020120102", "2025-13-20 12:01:02.0", "2025-10-20T12:01:02"])
async def test_a_time_that_cannot_be_read_costs_no_payment(written: str) -> None:
    told = await told_of(PAID | {"issuerPaymentDateTime": written})
    assert isinstance(told, Collected)
    assert told.facts["paid_at"] == ""


async def test_a_payment_that_nobody_knows_proves_nothing() -> None:
    async with nagad_stage() as stage:
        stage.desk.answers[VERIFY] = refused("InvalidReferenceId")
        assert await stage.nagad.inquire(an_order()) == NoAnswer("reply code InvalidReferenceId")


async def test_success_under_an_error_of_http_is_no_answer() -> None:
    async def contradicting(caller: Caller) -> None:
        await caller.answer(plain(PAID), status=400)

    async with nagad_stage(NagadDesk(rude={VERIFY: contradicting})) as stage:
        assert await stage.nagad.inquire(an_order()) == NoAnswer("HTTP 400 without a reason")


SPY = "SPY4711"


@pytest.mark.parametrize("member", [*PAID, "reason", "devMessage", "message", "currencyCode"])
async def test_nothing_that_verify_says_is_quoted_where_it_was_not_understood(member: str) -> None:
    for told in (
        await told_of(PAID | {member: SPY}),
        await told_of(UNPAID | {"status": "Failed", member: SPY}),
        await told_of(PAID | {member: {"inside": SPY}}),
    ):
        assert isinstance(told, Collected) or SPY.lower() not in repr(told).lower()

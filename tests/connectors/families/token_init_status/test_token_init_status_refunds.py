"""Giving back: once, under our reference where the dialect has one, and asked first where it can be."""

import json
from typing import Any

import pytest

from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundsFound
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.families.token_init_status.token_init_status_stage import (
    ANOTHER,
    FINE,
    MOVEMENT,
    NAME,
    REFERENCE,
    REFUND,
    ROW,
    SHURJOPAY,
    TAP,
    UPAY,
    Desk,
    a_refund,
    said,
    stage_of,
    upay_said,
)

SEND, ASK = f"POST {TAP.refund}", f"GET {TAP.refund_status}"
GIVEN = RefundLine("RFD00000001", Money(20_000), is_done=True)
BEGUN = RefundLine("RFD00000001", Money(20_000), is_done=False)
REFUSED = Declined("not_refundable", "refused")
UPAY_ROW = {"txn_id": REFERENCE, "refund_amount": 200}


def one(**changes: Any) -> bytes:  # noqa: ANN401 - of any field
    return said(FINE, {"payment_id": NAME}, ROW, changes)


def listed(*rows: dict[str, Any]) -> bytes:
    return said(FINE, {"payment_id": NAME, "refunds": list(rows)})


def desk_of(sends: bytes = one(), asks: bytes = listed()) -> Desk:
    return Desk(TAP, answers={SEND: sends, ASK: asks})


def calls(stage_heard: list[Any]) -> list[str]:
    return [f"{heard.method} {heard.path}" for heard in stage_heard[1:]]


async def test_a_refund_is_sent_under_our_reference() -> None:
    async with stage_of(TAP, desk_of()) as stage:
        assert await stage.connector.refund(a_refund()) == GIVEN
        assert calls(stage.peer.heard) == [SEND]
        assert json.loads(stage.bodies(TAP.refund)[0]) == {
            "refund_reference": REFUND,
            "transaction_id": MOVEMENT,
            "amount": "200.00",
            "currency": "BDT",
            "reason": "returned",
        }


@pytest.mark.parametrize(
    ("word", "told"), [("done", GIVEN), ("processing", BEGUN), ("refused", REFUSED), ("queued", InDoubt)]
)
async def test_the_word_for_a_refund_says_how_it_stands(word: str, told: object) -> None:
    async with stage_of(TAP, desk_of(one(status=word))) as stage:
        outcome = await stage.connector.refund(a_refund())
        assert isinstance(outcome, InDoubt) if told is InDoubt else outcome == told


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({}, GIVEN),
        ({"status": "processing"}, BEGUN),
        ({"status": "refused"}, REFUSED),
        ({"amount": "300.00"}, InDoubt("another amount was given back")),
    ],
)
async def test_what_may_have_been_heard_is_asked_after_and_not_sent_again(
    row: dict[str, str], told: object, *, heard: bool
) -> None:
    async with stage_of(TAP, desk_of(one(), listed(ROW | row))) as stage:
        outcome = await stage.connector.refund(a_refund(may_have_been_heard=heard))
        assert outcome == (told if heard else GIVEN)
        assert calls(stage.peer.heard) == ([ASK] if heard else [SEND])


async def test_what_was_never_heard_is_sent_after_asking() -> None:
    others = ROW | {"refund_reference": ANOTHER, "refund_id": "RFD00000009"}
    async with stage_of(TAP, desk_of(one(), listed(others))) as stage:
        assert await stage.connector.refund(a_refund(may_have_been_heard=True)) == GIVEN
        assert calls(stage.peer.heard) == [ASK, SEND]


async def test_a_refusal_after_asking_is_believed_only_where_nothing_arrived_meanwhile() -> None:
    desk = desk_of(said({"code": "4221", "message": "no"}))
    async with stage_of(TAP, desk) as stage:
        outcome = await stage.connector.refund(a_refund(may_have_been_heard=True))
        assert outcome == Declined("refund_too_large", "4221")
        assert calls(stage.peer.heard) == [ASK, SEND, ASK]


@pytest.mark.parametrize("asks", [b"", b"<html>", listed(ROW, ROW), said(FINE, {"payment_id": ANOTHER})])
async def test_without_a_usable_answer_about_earlier_sends_nothing_is_sent(asks: bytes) -> None:
    async with stage_of(TAP, desk_of(one(), asks)) as stage:
        assert isinstance(await stage.connector.refund(a_refund(may_have_been_heard=True)), InDoubt)
        assert calls(stage.peer.heard) == [ASK]


@pytest.mark.parametrize("manners", rude_manners(b"{}").keys())
async def test_a_refund_without_a_usable_answer_is_in_doubt_and_sent_once(manners: str) -> None:
    async with stage_of(TAP, Desk(TAP, rude={TAP.refund: rude_manners(one())[manners]})) as stage:
        assert isinstance(await stage.connector.refund(a_refund()), InDoubt)
        assert stage.paths().count(TAP.refund) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_id": ANOTHER},
        {"refund_reference": ANOTHER},
        {"refund_id": ""},
        {"amount": "200.01"},
        {"amount": 200.5},
        {"currency": "USD"},
        {"currency": None},
    ],
)
async def test_what_is_not_wholly_ours_is_in_doubt(changes: dict[str, object]) -> None:
    async with stage_of(TAP, desk_of(one(**changes))) as stage:
        assert isinstance(await stage.connector.refund(a_refund()), InDoubt)


async def test_refunds_that_are_asked_for_are_told_without_the_refused_ones() -> None:
    more = ROW | {"refund_reference": ANOTHER, "refund_id": "RFD00000002", "status": "processing"}
    refused = ROW | {"refund_reference": "THIRD", "refund_id": "RFD00000003", "status": "refused"}
    async with stage_of(TAP, desk_of(one(), listed(ROW, more, refused))) as stage:
        told = await stage.connector.inquire_refunds(a_refund())
        second = RefundLine("RFD00000002", Money(20_000), is_done=False)
        assert told == RefundsFound((GIVEN, second))


@pytest.mark.parametrize(
    "changes",
    [
        {"provider_reference": ""},
        {"provider_reference": ".."},
        {"provider_transaction": ""},
        {"reference": ""},
        {"amount": Money(50_001)},
        {"amount": Money(0)},
        {"amount": Money(20_000, "USD")},
    ],
)
async def test_what_no_provider_can_give_back_is_not_sent(changes: dict[str, Any]) -> None:
    async with stage_of(TAP, desk_of()) as stage:
        assert isinstance(await stage.connector.refund(a_refund(**changes)), Unreached)
        assert stage.paths() == []


# ---- Upay, which has no reference for a refund and cannot be asked


def upay_desk(done: list[Any], failed: list[Any]) -> Desk:
    answer = upay_said("MPR200", {"success_list": done, "failed_list": failed})
    return Desk(UPAY, answers={f"POST {UPAY.refund}": answer})


@pytest.mark.parametrize("row", [UPAY_ROW, REFERENCE, {"txn_id": REFERENCE}])
async def test_upay_is_sent_a_list_of_one_refund(row: object) -> None:
    async with stage_of(UPAY, upay_desk([row], [])) as stage:
        assert await stage.connector.refund(a_refund()) == RefundLine(REFERENCE, Money(20_000), is_done=True)
        assert stage.bodies(UPAY.refund) == [
            f'[{{"txn_id": "{REFERENCE}", "refund_amount": 200.00}}]'.encode()
        ]


@pytest.mark.parametrize(
    ("done", "failed", "told"),
    [
        ([], [UPAY_ROW], Declined),
        ([], [REFERENCE], Declined),
        ([], [], InDoubt),
        ([UPAY_ROW], [UPAY_ROW], InDoubt),
        ([UPAY_ROW, UPAY_ROW], [], InDoubt),
        ([UPAY_ROW | {"refund_amount": 201}], [], InDoubt),
        ([UPAY_ROW | {"txn_id": ANOTHER}], [], InDoubt),
        ([7], [], InDoubt),
    ],
)
async def test_upay_gives_back_only_what_one_of_its_lists_names(
    done: list[Any], failed: list[Any], told: type
) -> None:
    async with stage_of(UPAY, upay_desk(done, failed)) as stage:
        assert isinstance(await stage.connector.refund(a_refund()), told)


async def test_upay_is_never_sent_a_refund_that_it_may_have_heard() -> None:
    async with stage_of(UPAY, upay_desk([UPAY_ROW], [])) as stage:
        assert isinstance(await stage.connector.refund(a_refund(may_have_been_heard=True)), InDoubt)
        told = await stage.connector.inquire_refunds(a_refund())
        assert told == NoAnswer("this provider cannot be asked about refunds", was_asked=False)
        assert stage.paths() == []


# ---- shurjoPay, which gives nothing back by a call


async def test_shurjopay_gives_nothing_back() -> None:
    async with stage_of(SHURJOPAY) as stage:
        assert stage.connector.profile.refunds is None
        assert isinstance(await stage.connector.refund(a_refund()), Unreached)
        told = await stage.connector.inquire_refunds(a_refund())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert stage.paths() == []

"""Giving back once: asked first where it may have been heard, by version 1 where there is no version 2."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundsFound
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.families.bkash.bkash_stage import (
    FINE,
    GIVEN_BACK,
    NO_ROUTE,
    REFUND,
    REFUND_STATUS,
    REFUND_V1,
    BkashDesk,
    a_refund,
    bkash_stage,
    code,
    refunds_said,
    said,
)
from tests.wire.scripted_peer import Caller, Manners

LINE = RefundLine("EXAMPLE002", Money(20_000), is_done=True)
ROW = {"refundTrxId": "EXAMPLE002", "refundTransactionStatus": "Completed", "refundAmount": "200.00"}
GIVEN_BACK_V1 = FINE | {
    "originalTrxID": EXAMPLE_REFUND.provider_transaction,
    "refundTrxID": "EXAMPLE002",
    "transactionStatus": "Completed",
    "amount": "200.00",
    "currency": "BDT",
}
TOO_MUCH = said(
    {"internalCode": "too_much", "externalCode": "2072", "errorMessageEn": "", "errorMessageBn": ""}
)


def only_v1(desk: BkashDesk) -> BkashDesk:
    async def has_no_route(caller: Caller) -> None:
        await caller.answer(NO_ROUTE, status=403)

    desk.rude |= {REFUND: has_no_route, REFUND_STATUS: has_no_route}
    return desk


async def test_a_refund_names_payment_movement_amount_reference_and_reason(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        assert await stage.bkash.refund(a_refund(reason="a <b> & c\n")) == LINE
        assert stage.bodies(REFUND) == [
            {
                "paymentId": EXAMPLE_REFUND.provider_reference,
                "trxId": EXAMPLE_REFUND.provider_transaction,
                "refundAmount": "200.00",
                "sku": EXAMPLE_REFUND.reference,
                "reason": "a b  c",
            }
        ]


async def test_a_refund_without_a_reason_has_one(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.refund(a_refund(reason="<>"))
        assert stage.bodies(REFUND)[0]["reason"] == "refund"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(0)},
        {"amount": Money(-1)},
        {"amount": Money(50_001)},
        {"amount": Money(100, "USD"), "collected": Money(50_000, "USD")},
        {"provider_reference": ""},
        {"provider_transaction": ""},
    ],
)
async def test_what_cannot_be_given_back_is_not_sent(bkash: Manifest, changes: dict[str, Any]) -> None:
    async with bkash_stage(bkash) as stage:
        assert isinstance(await stage.bkash.refund(a_refund(**changes)), Unreached)
        assert stage.paths() == []


async def test_a_refund_that_cannot_have_been_heard_is_sent_without_a_question(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.refund(a_refund())
        assert REFUND_STATUS not in stage.paths()


async def test_a_refund_that_may_have_been_heard_and_was_not_is_sent(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        assert await stage.bkash.refund(a_refund(may_have_been_heard=True)) == LINE
        assert stage.paths()[1:] == [REFUND_STATUS, REFUND]


async def test_a_refund_that_was_heard_is_not_sent_again(bkash: Manifest) -> None:
    desk = BkashDesk()
    desk.answers[REFUND_STATUS] = refunds_said(ROW)
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.refund(a_refund(may_have_been_heard=True)) == LINE
        assert REFUND not in stage.paths()


async def test_a_refund_whose_answer_was_lost_is_given_back_once_in_all(bkash: Manifest) -> None:
    async def lose(caller: Caller) -> None:
        stage.desk.answers[REFUND_STATUS] = refunds_said(ROW)
        await caller.hang_up()

    async with bkash_stage(bkash, BkashDesk(rude={REFUND: lose})) as stage:
        order = a_refund()
        assert isinstance(await stage.bkash.refund(order), InDoubt)
        again = replace(order, may_have_been_heard=True)
        assert await stage.bkash.refund(again) == await stage.another_process().refund(again) == LINE
        assert stage.paths().count(REFUND) == 1


async def test_a_refund_of_another_record_is_not_taken_for_this_one(bkash: Manifest) -> None:
    desk = BkashDesk()
    desk.answers[REFUND_STATUS] = refunds_said(ROW)
    desk.answers[REFUND] = said(GIVEN_BACK, refundTrxId="EXAMPLE003")
    order = a_refund(may_have_been_heard=True, known_refunds=frozenset({"EXAMPLE002"}))
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.refund(order) == replace(LINE, provider_refund="EXAMPLE003")


async def test_a_refund_that_no_record_holds_stops_this_one(bkash: Manifest) -> None:
    desk = BkashDesk()
    desk.answers[REFUND_STATUS] = refunds_said(ROW | {"refundAmount": "300.00"})
    async with bkash_stage(bkash, desk) as stage:
        assert isinstance(await stage.bkash.refund(a_refund(may_have_been_heard=True)), InDoubt)
        assert REFUND not in stage.paths()


async def test_without_an_answer_to_the_question_nothing_is_sent(bkash: Manifest) -> None:
    async with bkash_stage(bkash, BkashDesk(rude={REFUND_STATUS: Caller.hang_up})) as stage:
        assert isinstance(await stage.bkash.refund(a_refund(may_have_been_heard=True)), InDoubt)
        assert REFUND not in stage.paths()


async def test_a_repeat_that_is_refused_looks_again_for_what_came_in_between(bkash: Manifest) -> None:
    async def refuse(caller: Caller) -> None:
        stage.desk.answers[REFUND_STATUS] = refunds_said(ROW)
        await caller.answer(TOO_MUCH, status=400)

    async with bkash_stage(bkash, BkashDesk(rude={REFUND: refuse})) as stage:
        assert await stage.bkash.refund(a_refund(may_have_been_heard=True)) == LINE


async def test_a_repeat_that_is_refused_with_nothing_in_between_is_declined(bkash: Manifest) -> None:
    async def refuse(caller: Caller) -> None:
        await caller.answer(TOO_MUCH, status=400)

    async with bkash_stage(bkash, BkashDesk(rude={REFUND: refuse})) as stage:
        declined = Declined("refund_too_large", "2072")
        assert await stage.bkash.refund(a_refund()) == declined
        assert await stage.bkash.refund(a_refund(may_have_been_heard=True)) == declined


@pytest.mark.parametrize(
    "manners", [pytest.param(manners, id=name) for name, manners in rude_manners(said(GIVEN_BACK)).items()]
)
async def test_a_refund_without_a_usable_answer_is_in_doubt_and_sent_once(
    bkash: Manifest, manners: Manners
) -> None:
    async with bkash_stage(bkash, BkashDesk(rude={REFUND: manners})) as stage:
        assert isinstance(await stage.bkash.refund(a_refund()), InDoubt)
        assert stage.paths().count(REFUND) == 1
        assert REFUND_V1 not in stage.paths()


async def test_no_refund_leaves_after_its_last_moment(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.inquire_refunds(a_refund())
        assert await stage.bkash.refund(a_refund(seconds=-1)) == Unreached("the send deadline passed")
        assert REFUND not in stage.paths()


async def test_without_a_route_to_the_second_version_the_first_one_gives_back(bkash: Manifest) -> None:
    desk = only_v1(BkashDesk())
    desk.answers[REFUND_V1] = said(GIVEN_BACK_V1)
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.refund(a_refund()) == LINE
        assert stage.bodies(REFUND_V1) == [
            {
                "paymentID": EXAMPLE_REFUND.provider_reference,
                "trxID": EXAMPLE_REFUND.provider_transaction,
                "amount": "200.00",
                "sku": EXAMPLE_REFUND.reference,
                "reason": "returned",
            }
        ]


async def test_the_first_version_is_asked_first_as_well(bkash: Manifest) -> None:
    desk = only_v1(BkashDesk())
    desk.answers[REFUND_V1] = said(GIVEN_BACK_V1)
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.refund(a_refund(may_have_been_heard=True)) == LINE
        # A body without an amount is the question, and gives nothing back.
        assert ["amount" in body for body in stage.bodies(REFUND_V1)] == [False]


async def test_the_first_version_that_has_no_refund_says_so_by_leaving_its_name_out(bkash: Manifest) -> None:
    async with bkash_stage(bkash, only_v1(BkashDesk())) as stage:
        assert await stage.bkash.inquire_refunds(a_refund()) == RefundsFound(())


async def test_a_refused_token_is_not_taken_for_a_missing_route(bkash: Manifest) -> None:
    async def refuse(caller: Caller) -> None:
        await caller.answer(b'{"message": "Unauthorized"}', status=401)

    async with bkash_stage(bkash, BkashDesk(rude={REFUND: refuse})) as stage:
        assert isinstance(await stage.bkash.refund(a_refund()), InDoubt)
        assert REFUND_V1 not in stage.paths()


async def test_all_refunds_of_a_payment_are_told_in_their_order(bkash: Manifest) -> None:
    desk = BkashDesk()
    waiting = {"refundTrxId": "EXAMPLE003", "refundTransactionStatus": "Initiated", "refundAmount": "0.05"}
    desk.answers[REFUND_STATUS] = refunds_said(ROW, waiting)
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.inquire_refunds(a_refund()) == RefundsFound(
            (LINE, RefundLine("EXAMPLE003", Money(5), is_done=False))
        )


@pytest.mark.parametrize(
    "answer", [code("2033"), said(FINE), b"[]", refunds_said({}), refunds_said(ROW)[:-4]]
)
async def test_an_unusable_list_of_refunds_is_no_answer(bkash: Manifest, answer: bytes) -> None:
    desk = BkashDesk()
    desk.answers[REFUND_STATUS] = answer
    async with bkash_stage(bkash, desk) as stage:
        assert isinstance(await stage.bkash.inquire_refunds(a_refund()), NoAnswer)


async def test_refunds_of_no_payment_are_not_asked_for(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        told = await stage.bkash.inquire_refunds(a_refund(provider_transaction=""))
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert stage.paths() == []


async def test_two_processes_that_repeat_one_refund_after_it_was_heard_send_nothing(bkash: Manifest) -> None:
    desk = BkashDesk()
    desk.answers[REFUND_STATUS] = refunds_said(ROW)
    async with bkash_stage(bkash, desk) as stage:
        order = a_refund(may_have_been_heard=True)
        both = await asyncio.gather(stage.bkash.refund(order), stage.another_process().refund(order))
        assert all(line == LINE for line in both)
        assert REFUND not in stage.paths()

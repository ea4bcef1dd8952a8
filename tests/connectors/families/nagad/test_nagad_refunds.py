"""Giving back once, and never a second time: what verify does not prove stays in doubt."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ekpay_switch.domain.collections.connector_calls import RefundInquiry, RefundLine, RefundsFound
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import RefundRules
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.families.nagad.nagad_stage import (
    GIVEN,
    GONE_BACK,
    MERCHANT_ID,
    OURS,
    PAID,
    REFUND,
    THEIRS,
    VERIFY,
    NagadDesk,
    a_refund,
    answered,
    hearing,
    nagad_stage,
    plain,
    read,
    refused,
    sealed,
)
from tests.wire.scripted_peer import Caller, Manners

PART, WHOLE = Money(20_000), Money(50_000)
LINE = RefundLine("EXAMPLE002", PART, is_done=True)
ALL_OF_IT = RefundLine("EXAMPLE002", WHOLE, is_done=True)
PARTLY = ["PartialCancelled", "PartialRefunded"]
SPY = "SPY4711"


async def shown(document: dict[str, Any], **changes: Any) -> RefundInquiry:  # noqa: ANN401 - of any field
    """What is made of one answer of verify."""
    return await hearing(plain(document)).inquire_refunds(a_refund(**changes))


async def sent(desk: NagadDesk, **changes: Any) -> tuple[object, int]:  # noqa: ANN401 - of any field
    """What came of a refund, and how often Nagad was told of it."""
    async with nagad_stage(desk) as stage:
        outcome = await stage.nagad.refund(a_refund(**changes))
        return outcome, stage.paths().count(REFUND)


async def test_a_refund_names_payment_day_amounts_reference_and_reason() -> None:
    async with nagad_stage() as stage:
        assert await stage.nagad.refund(a_refund(reason='a "b" \\ \u09e7c\n')) == LINE
        assert stage.queries(REFUND) == [{"paymentRefId": [THEIRS], "orderId": [OURS]}]
        (body,) = stage.bodies(REFUND)
    assert body.keys() == {"sensitiveDataCancelRequest", "signature"}
    assert read(body["sensitiveDataCancelRequest"], body["signature"]) == {
        "merchantId": MERCHANT_ID,
        "orderId": OURS,
        "originalRequestDate": "20261101",
        "originalAmount": "500.00",
        "cancelAmount": "200.00",
        "referenceNo": a_refund().reference,
        "referenceMessage": "a b  c",
    }


@pytest.mark.parametrize(
    ("collected_at", "day"),
    [
        (datetime(2026, 10, 31, 17, 59, 59, tzinfo=UTC), "20261031"),
        (datetime(2026, 10, 31, 18, 0, tzinfo=UTC), "20261101"),
    ],
)
async def test_the_day_of_the_payment_is_dhakas(collected_at: datetime, day: str) -> None:
    async with nagad_stage() as stage:
        await stage.nagad.refund(a_refund(collected_at=collected_at))
        (body,) = stage.bodies(REFUND)
    assert read(body["sensitiveDataCancelRequest"], body["signature"])["originalRequestDate"] == day


@pytest.mark.parametrize("reason", ["", "\u09ab\u09c7\u09b0\u09a4", "x" * 500])
async def test_a_reason_is_there_and_fits(reason: str) -> None:
    async with nagad_stage() as stage:
        order = a_refund(
            reason=reason, reference="R" * 32, amount=Money(3_000_000), collected=Money(3_000_000)
        )
        stage.desk.answers[REFUND] = answered(
            GIVEN | {"originalAmount": "30000.00", "cancelAmount": "30000.00"}
        )
        assert isinstance(await stage.nagad.refund(order), RefundLine)
        (body,) = stage.bodies(REFUND)
    told = read(body["sensitiveDataCancelRequest"], body["signature"])["referenceMessage"]
    assert told == "refund" if not reason.isascii() or not reason else set(told) == {"x"}


async def test_what_does_not_fit_under_the_seal_is_not_sent() -> None:
    assert await sent(NagadDesk(), reference="R" * 128) == (
        Unreached("the refund is too long to be encrypted"),
        0,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(0)},
        {"amount": Money(-1)},
        {"amount": Money(50_001)},
        {"amount": Money(100, "USD"), "collected": Money(50_000, "USD")},
        {"provider_reference": ""},
        {"provider_transaction": ""},
        {"collected_reference": ""},
        {"reference": ""},
        {"collected_at": None},
    ],
)
async def test_what_cannot_be_given_back_is_not_sent(changes: dict[str, Any]) -> None:
    outcome, times = await sent(NagadDesk(), **changes)
    assert isinstance(outcome, Unreached)
    assert times == 0


async def test_a_refund_that_cannot_have_been_heard_is_sent_without_a_question() -> None:
    async with nagad_stage() as stage:
        assert await stage.nagad.refund(a_refund()) == LINE
        assert stage.paths() == [REFUND]


@pytest.mark.parametrize("status", ["Success", "Cancelled", "Refunded", *PARTLY])
async def test_every_word_for_given_back_is_a_yes(status: str) -> None:
    desk = NagadDesk()
    desk.answers[REFUND] = answered(GIVEN | {"status": status, "paymentRefId": THEIRS, "orderId": OURS})
    assert await sent(desk) == (LINE, 1)


async def test_what_is_on_its_way_back_is_not_done() -> None:
    desk = NagadDesk()
    desk.answers[REFUND] = answered(GIVEN | {"status": "InProgress"})
    assert await sent(desk) == (replace(LINE, is_done=False), 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"cancelAmount": "300.00"},
        {"cancelAmount": "200"},
        {"cancelAmount": None},
        {"originalAmount": "600.00"},
        {"originalAmount": None},
        {"cancelTrxId": None},
        {"cancelTrxId": "two words"},
        {"status": "Failed"},
        {"status": "Reversed"},
        {"status": "InvalidMerchant"},
        {"status": None},
        {"paymentRefId": "TR0011EXAMPLE0009"},
        {"orderId": "EXAMPLE0000000000009"},
        {"currencyCode": "840"},
    ],
)
async def test_a_yes_that_is_not_whole_is_in_doubt(changes: dict[str, Any]) -> None:
    desk = NagadDesk()
    desk.answers[REFUND] = answered(GIVEN | changes)
    outcome, times = await sent(desk)
    assert isinstance(outcome, InDoubt) is (changes != {"cancelAmount": "200"})
    assert times == 1


@pytest.mark.parametrize(("reader", "signer"), [("stranger", "nagad"), ("merchant", "stranger")])
async def test_a_yes_under_another_key_is_in_doubt(reader: str, signer: str) -> None:
    desk = NagadDesk()
    desk.answers[REFUND] = plain(sealed(plain(GIVEN), reader, signer))
    assert await sent(desk) == (InDoubt("the answer cannot be decrypted or its signature is wrong"), 1)


async def test_a_yes_that_nobody_sealed_is_in_doubt() -> None:
    desk = NagadDesk()
    desk.answers[REFUND] = plain(GIVEN)
    assert await sent(desk) == (InDoubt("the answer cannot be decrypted or its signature is wrong"), 1)


@pytest.mark.parametrize(
    ("reason", "ours"), [("InvalidReferenceId", "unknown_payment"), ("InactiveMerchant", "not_allowed")]
)
async def test_a_mapped_no_is_a_no(reason: str, ours: str) -> None:
    desk = NagadDesk()
    desk.answers[REFUND] = refused(reason)
    assert await sent(desk) == (Declined(ours, reason), 1)


@pytest.mark.parametrize("answer", [refused("ServerError"), refused(SPY), plain({"devMessage": SPY}), b""])
async def test_any_other_answer_is_in_doubt_and_not_quoted(answer: bytes) -> None:
    desk = NagadDesk()
    desk.answers[REFUND] = answer
    outcome, times = await sent(desk)
    assert isinstance(outcome, InDoubt)
    assert SPY not in outcome.why
    assert times == 1


@pytest.mark.parametrize(
    "manners", [pytest.param(manners, id=name) for name, manners in rude_manners(answered(GIVEN)).items()]
)
async def test_a_refund_without_a_usable_answer_is_in_doubt_and_sent_once(manners: Manners) -> None:
    outcome, times = await sent(NagadDesk(rude={REFUND: manners}))
    assert isinstance(outcome, InDoubt)
    assert times == 1


async def test_nothing_leaves_after_the_last_moment() -> None:
    assert await sent(NagadDesk(), seconds=-1) == (Unreached("the send deadline passed"), 0)


@pytest.mark.parametrize("amount", [PART, WHOLE])
@pytest.mark.parametrize(
    "document",
    [PAID, GONE_BACK | {"status": "PartialRefunded"}, PAID | {"status": "Failed"}, PAID | {"orderId": "X"}],
)
async def test_a_refund_that_may_have_been_heard_is_never_sent_again(
    amount: Money, document: dict[str, Any]
) -> None:
    desk = NagadDesk()
    desk.answers[VERIFY] = plain(document)
    outcome, times = await sent(desk, may_have_been_heard=True, amount=amount)
    assert isinstance(outcome, InDoubt)
    assert times == 0


async def test_a_whole_refund_whose_answer_was_lost_is_proven_by_verify() -> None:
    async def lose(caller: Caller) -> None:
        stage.desk.answers[VERIFY] = plain(GONE_BACK)
        await caller.hang_up()

    async with nagad_stage(NagadDesk(rude={REFUND: lose})) as stage:
        order = a_refund(amount=WHOLE)
        assert isinstance(await stage.nagad.refund(order), InDoubt)
        again = replace(order, may_have_been_heard=True)
        assert await stage.nagad.refund(again) == await stage.another_process().refund(again) == ALL_OF_IT
        assert stage.paths().count(REFUND) == 1


@pytest.mark.parametrize("status", PARTLY)
async def test_a_part_is_proven_by_the_name_that_its_own_answer_had(status: str) -> None:
    desk = NagadDesk()
    desk.answers[VERIFY] = plain(GONE_BACK | {"status": status})
    heard = {"may_have_been_heard": True, "provider_refund": "EXAMPLE002"}
    assert await sent(desk, **heard) == (LINE, 0)


async def test_all_of_it_gone_back_is_no_proof_of_a_part() -> None:
    desk = NagadDesk()
    desk.answers[VERIFY] = plain(GONE_BACK)
    outcome, times = await sent(desk, may_have_been_heard=True, provider_refund="EXAMPLE002")
    assert outcome == InDoubt("Nagad gave back what no record of ours holds")
    assert times == 0


@pytest.mark.parametrize("status", ["Refunded", "Cancelled"])
async def test_all_that_went_back_under_one_name_is_one_refund(status: str) -> None:
    assert await shown(GONE_BACK | {"status": status}) == RefundsFound((ALL_OF_IT,))


@pytest.mark.parametrize(
    ("changes", "of_order"),
    [
        ({"status": "Success"}, {}),
        ({"status": "Failed"}, {}),
        ({"status": SPY}, {}),
        ({"status": None}, {}),
        ({"status": "PartialRefunded"}, {}),
        ({"status": "PartialRefunded"}, {"provider_refund": "EXAMPLE009"}),
        ({"cancelIssuerRefNo": None}, {}),
        ({"cancelIssuerRefNo": ""}, {}),
        ({"amount": "600.00"}, {}),
        ({"amount": SPY}, {}),
        ({"currencyCode": "840"}, {}),
        ({"merchantId": SPY}, {}),
        ({"orderId": SPY}, {}),
        ({"paymentRefId": SPY}, {}),
        ({"issuerPaymentRefNo": SPY}, {}),
        ({"reason": SPY}, {}),
        ({}, {"known_refunds": frozenset({"EXAMPLE002"})}),
        ({}, {"known_refunds": frozenset({"EXAMPLE009"})}),
    ],
)
async def test_what_is_not_certain_is_no_answer(changes: dict[str, Any], of_order: dict[str, Any]) -> None:
    told = await shown(GONE_BACK | changes, **of_order)
    assert isinstance(told, NoAnswer)
    assert told.was_asked
    assert SPY not in told.why


@pytest.mark.parametrize("member", ["provider_reference", "provider_transaction"])
async def test_a_payment_without_its_names_is_not_asked_about(member: str) -> None:
    told = await shown(GONE_BACK, **{member: ""})
    assert isinstance(told, NoAnswer)
    assert not told.was_asked


async def test_a_payment_is_given_back_once_and_nobody_can_ask_about_it() -> None:
    async with nagad_stage() as stage:
        assert stage.nagad.profile.refunds == RefundRules(days_max=30, parts_max=1, can_be_asked=False)

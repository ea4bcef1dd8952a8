"""The connectors of SSLCommerz and aamarPay against the simulators that others wrote of the same text."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectOrder,
    HeldForRisk,
    MismatchedCollection,
    NeverPaid,
    NoHint,
    RefundLine,
    RefundsFound,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.providers.sslcommerz.family import SslcommerzFamily
from tests.connectors.sandbox_stage import SandboxStage, a_refund_of, sandbox_stage

BOTH = [house.id for house in SslcommerzFamily.institutions]


@pytest.fixture
async def ssl(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    async with sandbox_stage(SslcommerzFamily, "sslcommerz", tmp_path) as stage:
        yield stage


@pytest.fixture
async def aamarpay(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    async with sandbox_stage(SslcommerzFamily, "aamarpay", tmp_path) as stage:
        yield stage


@pytest.fixture(params=BOTH)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SandboxStage]:
    async with sandbox_stage(SslcommerzFamily, request.param, tmp_path) as stage:
        yield stage


async def test_both_houses_collect(house: SandboxStage) -> None:
    order, collected = await house.paid()
    booked = await house.booked(order)
    assert collected.provider_transaction == booked["transaction_id"]
    assert collected.facts["payer_account"].endswith("0000")
    # The second question is answered VALIDATED by SSLCommerz, and means the same.
    assert await house.connector.inquire(order) == collected


async def test_nobody_has_paid_until_somebody_tries(house: SandboxStage) -> None:
    order, page_url = await house.opened()
    assert await house.connector.inquire(order) == AwaitingPayer()
    await pay(page_url, Payer(await house.number("normal")), PayerDecision.LEAVE_AT_PIN)
    assert await house.connector.inquire(order) == AwaitingPayer()
    house.clock.advance(hours=1)
    assert isinstance(await house.connector.inquire(order), NeverPaid)


async def test_a_payment_can_be_confirmed_at_the_desk(house: SandboxStage) -> None:
    order, _ = await house.opened()
    asked = {"house": house.house, "reference": order.reference, "payer": await house.number("normal")}
    assert (await house.desk.admin("POST", "confirm", asked))["state"] == "paid"
    assert isinstance(await house.connector.inquire(order), Collected)


@pytest.mark.parametrize(
    ("kind", "does", "claims"),
    [
        ("normal", PayerDecision.CANCEL, "CANCELLED"),
        ("normal", PayerDecision.WRONG_PIN, "FAILED"),
        ("cancels", PayerDecision.APPROVE, "CANCELLED"),
        ("declined", PayerDecision.APPROVE, "FAILED"),
        ("insufficient_funds", PayerDecision.APPROVE, "FAILED"),
        ("says_paid", PayerDecision.APPROVE, "VALID"),
    ],
)
async def test_an_attempt_that_fails_is_not_the_end_of_the_session(
    ssl: SandboxStage, kind: str, does: PayerDecision, claims: str
) -> None:
    order, visit = await ssl.visited(kind, does)
    hint = await ssl.brought(visit)
    assert isinstance(hint, CallbackHint)
    assert (hint.reference, hint.claims) == (order.reference, claims)
    assert await ssl.connector.inquire(order) == AwaitingPayer()
    ssl.clock.advance(hours=1)
    assert await ssl.connector.inquire(order) == NeverPaid("reply code attempt EXPIRED")


@pytest.mark.parametrize(
    ("kind", "does", "claims"),
    [
        ("normal", PayerDecision.CANCEL, "7"),
        ("normal", PayerDecision.WRONG_PIN, "7"),
        ("declined", PayerDecision.APPROVE, "7"),
        ("says_paid", PayerDecision.APPROVE, "2"),
    ],
)
async def test_an_order_at_aamarpay_has_one_end(
    aamarpay: SandboxStage, kind: str, does: PayerDecision, claims: str
) -> None:
    order, visit = await aamarpay.visited(kind, does)
    hint = await aamarpay.brought(visit)
    assert isinstance(hint, CallbackHint)
    assert (hint.reference, hint.claims) == (order.reference, claims)
    assert await aamarpay.connector.inquire(order) == NeverPaid("reply code status 7")


@pytest.mark.parametrize("kind", ["says_declined", "second_try", "return_lost", "nothing_comes"])
async def test_what_the_browser_says_changes_nothing(house: SandboxStage, kind: str) -> None:
    await house.paid(kind)


async def test_what_is_pending_ends(house: SandboxStage) -> None:
    paid, _ = await house.visited("pending_then_paid")
    declined, _ = await house.visited("pending_then_declined")
    for order in (paid, declined):
        assert await house.connector.inquire(order) == AwaitingPayer()
    house.clock.advance(hours=1)
    assert isinstance(await house.connector.inquire(paid), Collected)
    assert isinstance(await house.connector.inquire(declined), NeverPaid)


async def test_what_is_pending_for_ever_never_ends(house: SandboxStage) -> None:
    order, _ = await house.visited("pending")
    house.clock.advance(days=1)
    assert await house.connector.inquire(order) == AwaitingPayer()


async def test_a_risk_is_held_until_it_is_released(house: SandboxStage) -> None:
    order, _ = await house.visited("risky")
    held = await house.connector.inquire(order)
    assert isinstance(held, HeldForRisk)
    assert (held.money.amount, held.money.facts["risk_level"]) == (order.amount, "1")
    await house.desk.admin("POST", "holds", hold_of(house, order, "release"))
    released = await house.connector.inquire(order)
    assert isinstance(released, Collected)
    assert released.provider_transaction == held.money.provider_transaction


async def test_a_risk_that_is_refused_has_come_to_nothing(ssl: SandboxStage) -> None:
    order, _ = await ssl.visited("risky")
    await ssl.desk.admin("POST", "holds", hold_of(ssl, order, "refuse"))
    assert await ssl.connector.inquire(order) == AwaitingPayer()
    held = await ssl.connector.inquire(replace(order, is_held=True))
    assert held == NeverPaid("reply code attempt FAILED")


def hold_of(house: SandboxStage, order: CollectOrder, decision: str) -> dict[str, str]:
    return {"house": house.house, "reference": order.reference, "decision": decision}


async def test_of_two_payments_the_first_counts_and_the_other_is_told(ssl: SandboxStage) -> None:
    order, _ = await ssl.visited("paid_twice")
    told = await ssl.connector.inquire(order)
    assert isinstance(told, Collected)
    (further,) = told.further
    assert further.provider_transaction == f"{told.provider_transaction}B"
    assert further.amount == order.amount
    assert "validation" not in further.facts


@pytest.mark.parametrize(
    ("kind", "amount", "why"),
    [
        ("other_amount", Money(50_100), "another amount"),
        ("other_currency", Money(50_000, "USD"), "another currency"),
    ],
)
async def test_another_amount_or_currency_is_for_people(
    house: SandboxStage, kind: str, amount: Money, why: str
) -> None:
    order, _ = await house.visited(kind)
    collected = await house.connector.inquire(order)
    assert isinstance(collected, Collected)
    assert judge_collected(order, collected) == MismatchedCollection(collected, why)
    assert collected.amount == amount


@pytest.mark.parametrize("fault", ["lost_done", "html", "http_500", "unauthorised"])
async def test_a_question_that_is_not_answered_is_asked_again(house: SandboxStage, fault: str) -> None:
    order, _ = await house.visited(f"status_{fault}")
    assert isinstance(await house.connector.inquire(order), NoAnswer)
    assert isinstance(await house.connector.inquire(order), Collected)


async def test_a_validation_whose_answer_is_lost_is_validated_afterwards(ssl: SandboxStage) -> None:
    order, _ = await ssl.visited()
    # The connector asks for the attempts first, and that call is let through.
    await ssl.fault(ProviderFault.SLOW, ProviderStep.STATUS)
    await ssl.fault(ProviderFault.LOST_DONE, ProviderStep.STATUS)
    learned = [await ssl.connector.inquire(order) for _ in range(2)]
    assert isinstance(learned[0], NoAnswer)
    assert isinstance(learned[1], Collected)
    assert "validated_on" in (await ssl.booked(order))["facts"]


@pytest.mark.parametrize(
    ("fault", "is_open"),
    [
        (ProviderFault.LOST_DONE, True),
        (ProviderFault.LOST_UNDONE, False),
        (ProviderFault.HTML, True),
        (ProviderFault.HTTP_500, False),
    ],
)
async def test_a_page_that_is_not_told_of_is_in_doubt(
    house: SandboxStage, fault: ProviderFault, *, is_open: bool
) -> None:
    order = house.order()
    await house.fault(fault, ProviderStep.CREATE)
    assert isinstance(await house.connector.create(order), InDoubt)
    assert ("state" in await house.booked(order)) is is_open
    if is_open:
        # The name is used for ever.
        assert isinstance(await house.connector.create(order), Declined)
    else:
        await house.opened(reference=order.reference)


@pytest.mark.parametrize("fault", [ProviderFault.REFUSE, ProviderFault.UNAUTHORISED])
async def test_a_page_that_is_refused_is_declined(house: SandboxStage, fault: ProviderFault) -> None:
    await house.fault(fault, ProviderStep.CREATE)
    assert isinstance(await house.connector.create(house.order()), Declined)


async def test_an_order_that_nobody_knows_proves_nothing(house: SandboxStage) -> None:
    unknown = house.order(provider_reference="NOBODY")
    assert isinstance(await house.connector.inquire(unknown), AwaitingPayer | NoAnswer)


async def test_wrong_credentials_are_no_answer_and_no_page(house: SandboxStage) -> None:
    order, _ = await house.visited()
    secret = {"sslcommerz": "STORE_PASSWORD", "aamarpay": "SIGNATURE_KEY"}[house.house]
    stranger = house.another(**{f"EKPAY_{house.house.upper()}_{secret}": "wrong"})
    assert isinstance(await stranger.inquire(order), NoAnswer)
    assert isinstance(await stranger.create(house.order()), Declined)


async def test_a_house_that_is_gone_is_not_reached(house: SandboxStage) -> None:
    name = house.house.upper()
    nowhere = house.another(**{f"EKPAY_{name}_URL": f"http://127.0.0.1:9/{house.house}"})
    assert isinstance(await nowhere.create(house.order()), Unreached)


# ---- what comes unasked


async def test_an_ipn_and_a_browser_bring_the_same_hint(ssl: SandboxStage) -> None:
    order, visit = await ssl.visited()
    await ssl.letterbox.until(1)
    hint = await ssl.pushed()
    assert isinstance(hint, CallbackHint)
    assert (hint.reference, hint.claims) == (order.reference, "VALID")
    assert await ssl.brought(visit) == hint


@pytest.mark.parametrize(
    ("kind", "does"), [("declined", PayerDecision.APPROVE), ("normal", PayerDecision.CANCEL)]
)
async def test_what_was_not_paid_is_told_too(ssl: SandboxStage, kind: str, does: PayerDecision) -> None:
    order, visit = await ssl.visited(kind, does)
    await ssl.letterbox.until(1)
    hint = await ssl.pushed()
    assert isinstance(hint, CallbackHint)
    assert hint.reference == order.reference
    assert await ssl.brought(visit) == hint


async def test_a_forged_ipn_is_known_and_changes_nothing(ssl: SandboxStage) -> None:
    order, _ = await ssl.visited("push_forged")
    await ssl.letterbox.until(1)
    assert await ssl.pushed() == NoHint("a wrong sign", is_forged=True)
    assert isinstance(await ssl.connector.inquire(order), Collected)


async def test_a_forged_return_pays_nothing(house: SandboxStage) -> None:
    order, visit = await house.visited("return_forged")
    hint = await house.brought(visit)
    if house.house == "sslcommerz":
        assert hint == NoHint("a wrong sign", is_forged=True)
    else:
        assert isinstance(hint, CallbackHint)
    assert await house.connector.inquire(order) == AwaitingPayer()


async def test_the_same_ipn_twice_is_one_event_and_an_unfounded_one_sets_nothing(ssl: SandboxStage) -> None:
    order, _ = await ssl.visited("push_unfounded")
    await ssl.letterbox.until(1)
    await ssl.push(order, "unfounded")
    first, second = [await ssl.pushed(at) for at in (0, 1)]
    assert isinstance(first, CallbackHint)
    assert first == second
    assert first.claims == "VALID"
    assert await ssl.connector.inquire(order) == AwaitingPayer()


async def test_aamarpay_pushes_nothing(aamarpay: SandboxStage) -> None:
    order, _ = await aamarpay.visited()
    await aamarpay.push(order, "again")
    assert aamarpay.letterbox.letters == []


# ---- refunds


async def test_parts_go_back_up_to_what_was_taken(ssl: SandboxStage) -> None:
    order, collected = await ssl.paid()
    for minor in (20_000, 30_000):
        refund = a_refund_of(order, collected, minor)
        line = await ssl.connector.refund(refund)
        assert isinstance(line, RefundLine)
        assert (line.amount, line.is_done) == (Money(minor), True)
        told = replace(refund, provider_refund=line.provider_refund)
        assert await ssl.connector.inquire_refunds(told) == RefundsFound((line,))
    over = await ssl.connector.refund(a_refund_of(order, collected, 1))
    assert over == Declined("not_refundable", "refund failed")
    # What was given back was collected all the same.
    assert await ssl.connector.inquire(order) == collected


@pytest.mark.parametrize(
    "fault", [ProviderFault.LOST_DONE, ProviderFault.LOST_UNDONE, ProviderFault.HTML, ProviderFault.HTTP_500]
)
async def test_a_refund_without_an_answer_is_given_once(ssl: SandboxStage, fault: ProviderFault) -> None:
    order, collected = await ssl.paid(f"refund_{fault}")
    refund = a_refund_of(order, collected, 20_000)
    assert isinstance(await ssl.connector.refund(refund), InDoubt)
    again = replace(refund, may_have_been_heard=True)
    lines = [await ssl.connector.refund(again) for _ in range(2)]
    assert lines[0] == lines[1]
    assert isinstance(lines[0], RefundLine)
    assert lines[0].is_done
    assert (await ssl.booked(order))["refunded_paisa"] == 20_000


async def test_the_same_name_for_another_amount_is_refused(ssl: SandboxStage) -> None:
    order, collected = await ssl.paid()
    refund = a_refund_of(order, collected, 20_000)
    await ssl.connector.refund(refund)
    assert isinstance(await ssl.connector.refund(replace(refund, amount=Money(10_000))), Declined)
    assert (await ssl.booked(order))["refunded_paisa"] == 20_000


async def test_a_refund_that_sslcommerz_does_not_want_is_declined(ssl: SandboxStage) -> None:
    order, collected = await ssl.paid("refund_refused")
    declined = await ssl.connector.refund(a_refund_of(order, collected, 20_000))
    assert declined == Declined("not_refundable", "refund failed")


@pytest.mark.parametrize(("kind", "is_done"), [("refund_processing", True), ("refund_fails", False)])
async def test_a_refund_takes_its_time(ssl: SandboxStage, kind: str, *, is_done: bool) -> None:
    order, collected = await ssl.paid(kind)
    refund = a_refund_of(order, collected, 20_000)
    line = await ssl.connector.refund(refund)
    assert isinstance(line, RefundLine)
    assert not line.is_done
    told = replace(refund, provider_refund=line.provider_refund)
    assert await ssl.connector.inquire_refunds(told) == RefundsFound((line,))
    ssl.clock.advance(seconds=60)
    lines = (replace(line, is_done=True),) if is_done else ()
    assert await ssl.connector.inquire_refunds(told) == RefundsFound(lines)


async def test_what_was_never_paid_is_not_given_back(ssl: SandboxStage) -> None:
    order, collected = await ssl.paid()
    nowhere = replace(collected, provider_transaction="NOWHERE")
    assert isinstance(await ssl.connector.refund(a_refund_of(order, nowhere, 20_000)), Declined)
    ssl.clock.advance(days=90)
    assert isinstance(await ssl.connector.refund(a_refund_of(order, collected, 20_000)), Declined)


async def test_aamarpay_gives_nothing_back(aamarpay: SandboxStage) -> None:
    order, collected = await aamarpay.paid()
    assert isinstance(await aamarpay.connector.refund(a_refund_of(order, collected, 20_000)), Unreached)

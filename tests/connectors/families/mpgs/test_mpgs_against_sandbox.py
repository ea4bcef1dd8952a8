"""The connector of the hosted checkout against the simulator that others wrote from the same description."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
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
from sandbox.providers.mpgs.family import MpgsFamily
from tests.connectors.sandbox_stage import AMOUNT, SandboxStage, a_refund_of, sandbox_stage


@pytest.fixture
async def ebl(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    async with sandbox_stage(MpgsFamily, "ebl", tmp_path) as stage:
        yield stage


@pytest.mark.parametrize("house", [house.id for house in MpgsFamily.institutions])
async def test_every_bank_collects_and_gives_back(tmp_path: Path, house: str) -> None:
    async with sandbox_stage(MpgsFamily, house, tmp_path) as stage:
        order, collected = await stage.paid()
        assert collected.provider_transaction == f"{order.reference}/1"
        assert collected.facts["payer_account"].endswith("0000")
        refund = a_refund_of(order, collected, 20_000)
        assert await stage.connector.refund(refund) == RefundLine(
            refund.reference, Money(20_000), is_done=True
        )


async def test_nobody_has_paid_until_somebody_tries(ebl: SandboxStage) -> None:
    order, page_url = await ebl.opened()
    assert await ebl.connector.inquire(order) == AwaitingPayer()
    await pay(page_url, Payer(await ebl.number("normal")), PayerDecision.LEAVE_AT_PIN)
    assert await ebl.connector.inquire(order) == AwaitingPayer()


async def test_a_page_has_lapsed_and_the_order_never_came_about(ebl: SandboxStage) -> None:
    order, page_url = await ebl.opened()
    ebl.clock.advance(seconds=1_800)
    assert await ebl.connector.inquire(order) == AwaitingPayer()
    visit = await pay(page_url, Payer("4100000000000000"))
    assert visit.sent_to is None


async def test_who_turns_back_never_pays(ebl: SandboxStage) -> None:
    order, visit = await ebl.visited(does=PayerDecision.CANCEL)
    assert await ebl.connector.inquire(order) == NeverPaid("cancelled")
    # Where it comes back to names the payment; it brings nothing that would.
    assert (visit.sent_to, visit.carries) == (order.return_url, None)
    assert isinstance(await ebl.brought(visit), NoHint)


@pytest.mark.parametrize("kind", ["insufficient_funds", "declined", "says_paid"])
async def test_a_card_that_fails_is_not_the_end_of_the_page(ebl: SandboxStage, kind: str) -> None:
    assert await ebl.inquired(kind) == AwaitingPayer()


async def test_too_many_wrong_pins_take_nothing(ebl: SandboxStage) -> None:
    assert await ebl.inquired(does=PayerDecision.WRONG_PIN) == AwaitingPayer()


async def test_a_pending_payment_is_never_taken_for_none(ebl: SandboxStage) -> None:
    order, _ = await ebl.visited("pending_then_paid")
    assert isinstance(await ebl.connector.inquire(order), NoAnswer)
    ebl.clock.advance(seconds=120)
    assert isinstance(await ebl.connector.inquire(order), Collected)


@pytest.mark.parametrize(
    "kind",
    [
        "says_declined",
        "second_try",
        "return_lost",
        "nothing_comes",
        "indicator_mismatch",
        "indicator_missing",
    ],
)
async def test_what_the_browser_says_changes_nothing(ebl: SandboxStage, kind: str) -> None:
    await ebl.paid(kind)


async def test_a_forged_return_pays_nothing(ebl: SandboxStage) -> None:
    order, visit = await ebl.visited("return_forged")
    assert isinstance(await ebl.brought(visit), CallbackHint)
    assert await ebl.connector.inquire(order) == AwaitingPayer()


@pytest.mark.parametrize(
    ("kind", "amount", "why"),
    [
        ("other_amount", Money(50_100), "another amount"),
        ("other_currency", Money(50_000, "USD"), "another currency"),
    ],
)
async def test_another_amount_or_currency_is_for_people(
    ebl: SandboxStage, kind: str, amount: Money, why: str
) -> None:
    order, _ = await ebl.visited(kind)
    collected = await ebl.connector.inquire(order)
    assert isinstance(collected, Collected)
    assert judge_collected(order, collected) == MismatchedCollection(collected, why)
    assert collected.amount == amount


@pytest.mark.parametrize("fault", ["lost_done", "html", "http_500", "unauthorised"])
async def test_a_question_that_is_not_answered_is_asked_again(ebl: SandboxStage, fault: str) -> None:
    order, _ = await ebl.visited(f"status_{fault}")
    assert isinstance(await ebl.connector.inquire(order), NoAnswer)
    assert isinstance(await ebl.connector.inquire(order), Collected)


@pytest.mark.parametrize(
    ("fault", "is_open"),
    [
        (ProviderFault.LOST_DONE, True),
        (ProviderFault.LOST_UNDONE, False),
        (ProviderFault.HTML, True),
        (ProviderFault.HTTP_500, False),
        (ProviderFault.UNAUTHORISED, False),
    ],
)
async def test_a_page_that_is_not_told_of_may_be_opened_again(
    ebl: SandboxStage, fault: ProviderFault, *, is_open: bool
) -> None:
    order = ebl.order()
    await ebl.fault(fault, ProviderStep.CREATE)
    assert isinstance(await ebl.connector.create(order), InDoubt)
    assert ("state" in await ebl.booked(order)) is is_open
    again, page_url = await ebl.opened(reference=order.reference)
    await pay(page_url, Payer(await ebl.number("normal")))
    assert isinstance(await ebl.connector.inquire(again), Collected)


async def test_a_page_that_is_refused_is_declined(ebl: SandboxStage) -> None:
    await ebl.fault(ProviderFault.REFUSE, ProviderStep.CREATE)
    declined = await ebl.connector.create(ebl.order())
    assert declined == Declined("not_allowed", "error REQUEST_REJECTED")


async def test_a_repeat_for_another_amount_opens_nothing(ebl: SandboxStage) -> None:
    order, _ = await ebl.opened()
    other = replace(order, amount=Money(60_000))
    assert isinstance(await ebl.connector.create(other), InDoubt)


async def test_two_pages_of_one_order_are_paid_once(ebl: SandboxStage) -> None:
    order, first = await ebl.opened()
    _, second = await ebl.opened(reference=order.reference)
    assert first != second
    payer = Payer(await ebl.number("normal"))
    for page_url in (second, first):
        assert (await pay(page_url, payer)).sent_to is not None
    collected = await ebl.connector.inquire(order)
    assert isinstance(collected, Collected)
    assert collected.amount == AMOUNT


async def test_wrong_credentials_are_no_answer_and_no_page(ebl: SandboxStage) -> None:
    order, _ = await ebl.visited()
    stranger = ebl.another(EKPAY_EBL_API_PASSWORD="wrong")
    assert isinstance(await stranger.inquire(order), NoAnswer)
    assert isinstance(await stranger.create(ebl.order()), InDoubt)


async def test_parts_go_back_up_to_what_was_taken(ebl: SandboxStage) -> None:
    order, collected = await ebl.paid()
    refunds = [a_refund_of(order, collected, minor) for minor in (20_000, 30_000)]
    for refund in refunds:
        line = RefundLine(refund.reference, refund.amount, is_done=True)
        assert await ebl.connector.refund(refund) == line
    over = await ebl.connector.refund(a_refund_of(order, collected, 1))
    assert over == Declined("refund_too_large", "error INVALID_REQUEST transaction.amount")
    found = await ebl.connector.inquire_refunds(refunds[0])
    assert isinstance(found, RefundsFound)
    assert [one.amount.minor for one in found.lines] == [20_000, 30_000]
    # What was given back was collected all the same.
    assert await ebl.connector.inquire(order) == collected


@pytest.mark.parametrize(
    "fault", [ProviderFault.LOST_DONE, ProviderFault.LOST_UNDONE, ProviderFault.HTML, ProviderFault.HTTP_500]
)
async def test_a_refund_without_an_answer_is_given_once(ebl: SandboxStage, fault: ProviderFault) -> None:
    order, collected = await ebl.paid(f"refund_{fault}")
    refund = a_refund_of(order, collected, 20_000)
    assert isinstance(await ebl.connector.refund(refund), InDoubt)
    again = replace(refund, may_have_been_heard=True)
    for _ in range(2):
        assert await ebl.connector.refund(again) == RefundLine(refund.reference, refund.amount, is_done=True)
    assert (await ebl.booked(order))["refunded_paisa"] == 20_000


async def test_the_same_refund_again_changes_nothing_even_unasked(ebl: SandboxStage) -> None:
    order, collected = await ebl.paid()
    refund = a_refund_of(order, collected, 20_000)
    first = await ebl.connector.refund(refund)
    assert await ebl.connector.refund(refund) == first
    assert (await ebl.booked(order))["refunded_paisa"] == 20_000
    other = await ebl.connector.refund(replace(refund, amount=Money(10_000)))
    assert other == InDoubt("reply code error INVALID_REQUEST")


async def test_a_refund_that_the_bank_does_not_want_is_declined(ebl: SandboxStage) -> None:
    order, collected = await ebl.paid("refund_refused")
    declined = await ebl.connector.refund(a_refund_of(order, collected, 20_000))
    assert declined == Declined("not_refundable", "gateway DECLINED")


@pytest.mark.parametrize(("kind", "is_done"), [("refund_processing", True), ("refund_fails", False)])
async def test_a_refund_takes_its_time(ebl: SandboxStage, kind: str, *, is_done: bool) -> None:
    order, collected = await ebl.paid(kind)
    refund = a_refund_of(order, collected, 20_000)
    line = RefundLine(refund.reference, refund.amount, is_done=False)
    assert await ebl.connector.refund(refund) == line
    assert await ebl.connector.inquire_refunds(refund) == RefundsFound((line,))
    ebl.clock.advance(seconds=60)
    lines = (replace(line, is_done=True),) if is_done else ()
    assert await ebl.connector.inquire_refunds(refund) == RefundsFound(lines)


async def test_what_was_never_paid_is_not_given_back(ebl: SandboxStage) -> None:
    order, collected = await ebl.paid()
    unpaid, _ = await ebl.visited(does=PayerDecision.CANCEL)
    refund = a_refund_of(unpaid, collected, 20_000)
    assert await ebl.connector.refund(refund) == Declined("not_allowed", "error REQUEST_REJECTED")
    nowhere = a_refund_of(replace(order, reference="NOWHERE"), collected, 20_000)
    assert isinstance(await ebl.connector.refund(nowhere), InDoubt)
    assert isinstance(await ebl.connector.inquire_refunds(nowhere), NoAnswer)


async def test_a_browser_that_comes_back_is_a_hint(ebl: SandboxStage) -> None:
    _, visit = await ebl.visited()
    hint = await ebl.brought(visit)
    assert isinstance(hint, CallbackHint)
    assert (hint.reference, hint.claims) == ("", "returned")


@pytest.mark.parametrize(("kind", "claims"), [("normal", "PAYMENT SUCCESS"), ("declined", "PAYMENT FAILURE")])
async def test_a_notice_is_a_hint(ebl: SandboxStage, kind: str, claims: str) -> None:
    order, _ = await ebl.visited(kind)
    await ebl.letterbox.until(1)
    hint = await ebl.pushed()
    assert isinstance(hint, CallbackHint)
    assert (hint.reference, hint.claims) == (order.reference, claims)


async def test_a_notice_can_come_before_the_browser(ebl: SandboxStage) -> None:
    order, visit = await ebl.visited("push_first")
    hint = await ebl.pushed()
    assert isinstance(hint, CallbackHint)
    assert hint.reference == order.reference
    assert isinstance(await ebl.brought(visit), CallbackHint)


async def test_a_notice_of_a_refund_names_the_refund(ebl: SandboxStage) -> None:
    order, collected = await ebl.paid("push_never")
    refund = a_refund_of(order, collected, 20_000)
    await ebl.connector.refund(refund)
    await ebl.letterbox.until(1)
    hint = await ebl.pushed()
    assert isinstance(hint, CallbackHint)
    assert (hint.reference, hint.claims) == (refund.reference, "REFUND SUCCESS")


async def test_a_notice_under_a_wrong_secret_is_forged(ebl: SandboxStage) -> None:
    order, _ = await ebl.visited("push_forged")
    await ebl.letterbox.until(1)
    assert await ebl.pushed() == NoHint("a wrong secret, or none", is_forged=True)
    assert isinstance(await ebl.connector.inquire(order), Collected)


async def test_the_same_notice_twice_is_one_event_and_an_unfounded_one_sets_nothing(
    ebl: SandboxStage,
) -> None:
    order, _ = await ebl.visited("push_unfounded")
    await ebl.letterbox.until(1)
    await ebl.push(order, "unfounded")
    first, second = [await ebl.pushed(at) for at in (0, 1)]
    assert isinstance(first, CallbackHint)
    assert first == second
    assert first.claims == "PAYMENT SUCCESS"
    assert await ebl.connector.inquire(order) == AwaitingPayer()


async def test_a_gateway_that_is_gone_is_not_reached(ebl: SandboxStage) -> None:
    nowhere = ebl.another(EKPAY_EBL_URL="http://127.0.0.1:9/ebl")
    assert isinstance(await nowhere.create(ebl.order()), Unreached)

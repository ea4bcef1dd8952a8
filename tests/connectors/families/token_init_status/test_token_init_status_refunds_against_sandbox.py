"""Refunds of this family against the simulator: wallets by reference, Upay in bulk, shurjoPay none."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.domain.collections.connector_calls import Collected, RefundLine, RefundsFound
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from sandbox.callers.payer.payer import PayerDecision
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.providers.token_init_status.family import TokenInitStatusFamily
from tests.connectors.sandbox_stage import SandboxStage, a_refund_of, sandbox_stage
from tests.sandbox.providers.token_init_status.caller import GENERIC


@pytest.fixture
async def tap(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    async with sandbox_stage(TokenInitStatusFamily, "tap", tmp_path) as stage:
        yield stage


@pytest.fixture
async def upay(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    async with sandbox_stage(TokenInitStatusFamily, "upay", tmp_path) as stage:
        yield stage


# ---- the generic dialect


@pytest.mark.parametrize("house", GENERIC)
async def test_parts_go_back_up_to_what_was_taken(tmp_path: Path, house: str) -> None:
    async with sandbox_stage(TokenInitStatusFamily, house, tmp_path) as stage:
        order, collected = await stage.paid()
        refunds = [a_refund_of(order, collected, minor) for minor in (20_000, 30_000)]
        given = [await stage.connector.refund(refund) for refund in refunds]
        booked = (await stage.booked(order))["refunds"]
        assert given == [
            RefundLine(one["refund_id"], refund.amount, is_done=True)
            for one, refund in zip(booked, refunds, strict=True)
        ]
        over = await stage.connector.refund(a_refund_of(order, collected, 1))
        assert over == Declined("refund_too_large", "4221")
        assert await stage.connector.inquire_refunds(refunds[0]) == RefundsFound(tuple(given))  # type: ignore[arg-type]
        # What was given back was collected all the same.
        assert await stage.connector.inquire(order) == collected


async def test_nothing_was_given_back_yet(tap: SandboxStage) -> None:
    order, collected = await tap.paid()
    assert await tap.connector.inquire_refunds(a_refund_of(order, collected, 1)) == RefundsFound(())


@pytest.mark.parametrize(
    "fault", [ProviderFault.LOST_DONE, ProviderFault.LOST_UNDONE, ProviderFault.HTML, ProviderFault.HTTP_500]
)
async def test_a_refund_without_an_answer_is_given_once(tap: SandboxStage, fault: ProviderFault) -> None:
    order, collected = await tap.paid(f"refund_{fault}")
    refund = a_refund_of(order, collected, 20_000)
    assert isinstance(await tap.connector.refund(refund), InDoubt)
    again = replace(refund, may_have_been_heard=True)
    for _ in range(2):
        line = await tap.connector.refund(again)
        assert isinstance(line, RefundLine)
        assert (line.amount, line.is_done) == (refund.amount, True)
    assert (await tap.booked(order))["refunded_paisa"] == 20_000


async def test_the_same_refund_again_changes_nothing_even_unasked(tap: SandboxStage) -> None:
    order, collected = await tap.paid()
    refund = a_refund_of(order, collected, 20_000)
    first = await tap.connector.refund(refund)
    assert await tap.connector.refund(refund) == first
    assert (await tap.booked(order))["refunded_paisa"] == 20_000
    other = await tap.connector.refund(replace(refund, amount=Money(10_000)))
    assert other == InDoubt("reply code 4092")


async def test_a_refund_is_sent_again_under_a_new_token(tap: SandboxStage) -> None:
    order, collected = await tap.paid()
    await tap.desk.admin("POST", "faults", {"house": "tap", "fault": "expire_tokens"})
    assert isinstance(await tap.connector.refund(a_refund_of(order, collected, 20_000)), RefundLine)
    assert (await tap.booked(order))["refunded_paisa"] == 20_000


async def test_refunds_that_cannot_be_asked_about_are_not_repeated(tap: SandboxStage) -> None:
    order, collected = await tap.paid()
    refund = a_refund_of(order, collected, 20_000, may_have_been_heard=True)
    await tap.fault(ProviderFault.HTTP_500, ProviderStep.REFUND_STATUS, times=2)
    assert isinstance(await tap.connector.refund(refund), InDoubt)
    assert isinstance(await tap.connector.inquire_refunds(refund), NoAnswer)
    assert (await tap.booked(order))["refunded_paisa"] == 0
    assert isinstance(await tap.connector.refund(refund), RefundLine)


@pytest.mark.parametrize(("kind", "is_done"), [("refund_processing", True), ("refund_fails", False)])
async def test_a_refund_takes_its_time(tap: SandboxStage, kind: str, *, is_done: bool) -> None:
    order, collected = await tap.paid(kind)
    refund = a_refund_of(order, collected, 20_000)
    line = await tap.connector.refund(refund)
    assert isinstance(line, RefundLine)
    assert not line.is_done
    assert await tap.connector.inquire_refunds(refund) == RefundsFound((line,))
    tap.clock.advance(seconds=60)
    done = replace(line, is_done=True)
    assert await tap.connector.inquire_refunds(refund) == RefundsFound((done,) if is_done else ())
    again = await tap.connector.refund(replace(refund, may_have_been_heard=True))
    assert again == (done if is_done else Declined("not_refundable", "refused"))


async def test_what_was_never_paid_or_is_too_old_is_not_given_back(tap: SandboxStage) -> None:
    order, collected = await tap.paid()
    unpaid, _ = await tap.visited(does=PayerDecision.CANCEL)
    refund = a_refund_of(unpaid, collected, 20_000)
    assert await tap.connector.refund(refund) == Declined("not_refundable", "4222")
    other = a_refund_of(order, replace(collected, provider_transaction="TXN00000000"), 20_000)
    assert await tap.connector.refund(other) == Declined("not_refundable", "4222")
    nowhere = a_refund_of(replace(order, provider_reference="PAY-00000000-000000"), collected, 20_000)
    assert await tap.connector.refund(nowhere) == Declined("unknown_payment", "4041")
    refused, its = await tap.paid("refund_refused")
    assert await tap.connector.refund(a_refund_of(refused, its, 1)) == Declined("not_allowed", "4030")
    tap.clock.advance(days=60)
    late = await tap.connector.refund(a_refund_of(order, collected, 20_000))
    assert late == Declined("refund_too_late", "4223")


# ---- Upay


@pytest.mark.parametrize("minor", [20_000, 12_345, 50_000])
async def test_upay_gives_back_one_part(upay: SandboxStage, minor: int) -> None:
    order, collected = await upay.paid()
    line = await upay.connector.refund(a_refund_of(order, collected, minor))
    assert line == RefundLine(order.reference, Money(minor), is_done=True)
    assert (await upay.booked(order))["refunded_paisa"] == minor
    again = await upay.connector.refund(a_refund_of(order, collected, 100))
    assert again == Declined("not_refundable", "refused")
    assert isinstance(await upay.connector.inquire(order), Collected)


@pytest.mark.parametrize("kind", ["refund_lost_done", "refund_lost_undone", "refund_html"])
async def test_upay_is_never_asked_twice_for_a_refund_that_may_have_been_heard(
    upay: SandboxStage, kind: str
) -> None:
    order, collected = await upay.paid(kind)
    refund = a_refund_of(order, collected, 20_000)
    assert isinstance(await upay.connector.refund(refund), InDoubt)
    before = await upay.booked(order)
    again = replace(refund, may_have_been_heard=True)
    assert isinstance(await upay.connector.refund(again), InDoubt)
    assert isinstance(await upay.connector.inquire_refunds(again), NoAnswer)
    after = await upay.booked(order)
    assert (after["calls"], after["refunds"]) == (before["calls"], before["refunds"])


async def test_upay_does_not_give_back_what_it_does_not_have(upay: SandboxStage) -> None:
    order, collected = await upay.paid("refund_refused")
    refused = await upay.connector.refund(a_refund_of(order, collected, 20_000))
    assert refused == Declined("not_refundable", "refused")
    unpaid, _ = await upay.opened()
    none = await upay.connector.refund(a_refund_of(unpaid, collected, 20_000))
    assert none == Declined("not_refundable", "refused")
    nowhere = replace(order, reference=f"{order.reference[:-1]}X")
    unknown = await upay.connector.refund(a_refund_of(nowhere, collected, 20_000))
    assert unknown == Declined("unknown_payment", "PNF4012")


# ---- shurjoPay


async def test_shurjopay_gives_nothing_back(tmp_path: Path) -> None:
    async with sandbox_stage(TokenInitStatusFamily, "shurjopay", tmp_path) as stage:
        order, collected = await stage.paid()
        refund = a_refund_of(order, collected, 20_000)
        assert isinstance(await stage.connector.refund(refund), Unreached)
        found = await stage.connector.inquire_refunds(refund)
        assert isinstance(found, NoAnswer)
        assert not found.was_asked

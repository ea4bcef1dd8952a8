"""The connector of Nagad against the simulator that others wrote from the same description."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
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
from sandbox.providers.nagad.family import NagadFamily
from tests.connectors.sandbox_stage import AMOUNT, SandboxStage, a_refund_of, sandbox_stage
from tests.sandbox.caller import NOON

HALF_AN_HOUR = 1_800


@pytest.fixture
async def nagad(tmp_path: Path, nagad_home: Path) -> AsyncIterator[SandboxStage]:
    keys = nagad_home / "gateway_nagad_keys.json"
    (tmp_path / keys.name).write_text(keys.read_text())
    async with sandbox_stage(NagadFamily, "nagad", tmp_path) as stage:
        stage.environ |= NagadFamily.settings_of_home(tmp_path)
        stage.connector = stage.another()
        yield stage


@pytest.fixture(scope="session")
def nagad_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with keys: to make them takes longer than most tests."""
    home = tmp_path_factory.mktemp("nagad")
    NagadFamily.settings_of_home(home)
    return home


async def test_a_payment_is_collected_and_all_of_it_given_back(nagad: SandboxStage) -> None:
    order, collected = await nagad.paid()
    assert len(collected.provider_transaction) == 8
    assert collected.facts["payer_account"].endswith("0000")
    assert collected.facts["paid_at"] == NOON.isoformat()
    line = await nagad.connector.refund(a_refund_of(order, collected, AMOUNT.minor))
    assert isinstance(line, RefundLine)
    assert (line.amount, line.is_done) == (AMOUNT, True)
    # What was given back was collected all the same.
    again = await nagad.connector.inquire(order)
    assert isinstance(again, Collected)
    assert again.facts["status"] == "Refunded"


async def test_nobody_has_paid_until_somebody_tries(nagad: SandboxStage) -> None:
    order, page_url = await nagad.opened()
    assert await nagad.connector.inquire(order) == AwaitingPayer()
    await pay(page_url, Payer(await nagad.number("normal")), PayerDecision.LEAVE_AT_PIN)
    assert await nagad.connector.inquire(order) == AwaitingPayer()
    nagad.clock.advance(hours=1)
    assert await nagad.connector.inquire(order) == NeverPaid("aborted")


async def test_a_payment_can_be_confirmed_at_the_desk(nagad: SandboxStage) -> None:
    order, _ = await nagad.opened()
    asked = {"house": "nagad", "reference": order.reference, "payer": await nagad.number("normal")}
    assert (await nagad.desk.admin("POST", "confirm", asked))["state"] == "paid"
    assert isinstance(await nagad.connector.inquire(order), Collected)


@pytest.mark.parametrize(
    ("kind", "does", "why", "claims"),
    [
        ("normal", PayerDecision.CANCEL, "cancelled", "Cancelled"),
        ("normal", PayerDecision.WRONG_PIN, "failed", "Failed"),
        ("cancels", PayerDecision.APPROVE, "cancelled", "Cancelled"),
        ("declined", PayerDecision.APPROVE, "failed", "Failed"),
        ("insufficient_funds", PayerDecision.APPROVE, "failed", "Failed"),
        ("fraud", PayerDecision.APPROVE, "fraud", "Failed"),
        ("aborted", PayerDecision.APPROVE, "aborted", "Failed"),
        ("says_paid", PayerDecision.APPROVE, "failed", "Success"),
    ],
)
async def test_who_does_not_pay_never_pays(
    nagad: SandboxStage, kind: str, does: PayerDecision, why: str, claims: str
) -> None:
    order, visit = await nagad.visited(kind, does)
    hint = await nagad.brought(visit)
    assert isinstance(hint, CallbackHint)
    assert (hint.provider_reference, hint.reference) == (order.provider_reference, order.reference)
    assert hint.claims == claims
    assert await nagad.connector.inquire(order) == NeverPaid(why)


@pytest.mark.parametrize("kind", ["says_declined", "second_try", "return_lost", "nothing_comes"])
async def test_what_the_browser_says_changes_nothing(nagad: SandboxStage, kind: str) -> None:
    await nagad.paid(kind)


async def test_a_forged_return_pays_nothing(nagad: SandboxStage) -> None:
    order, visit = await nagad.visited("return_forged")
    hint = await nagad.brought(visit)
    assert isinstance(hint, CallbackHint)
    assert hint.claims == "Success"
    assert await nagad.connector.inquire(order) == AwaitingPayer()


@pytest.mark.parametrize("query", [b"", b"status=Success", b"payment_ref_id=X1&status=Paid"])
async def test_a_return_of_somebody_else_is_no_hint(nagad: SandboxStage, query: bytes) -> None:
    assert isinstance(await nagad.connector.read_callback({}, query), NoHint)


@pytest.mark.parametrize(("kind", "is_paid"), [("pending_then_paid", True), ("pending_then_declined", False)])
async def test_what_is_in_motion_ends(nagad: SandboxStage, kind: str, *, is_paid: bool) -> None:
    order, visit = await nagad.visited(kind)
    assert visit.sent_to is None
    assert await nagad.connector.inquire(order) == AwaitingPayer()
    nagad.clock.advance(seconds=120)
    assert isinstance(await nagad.connector.inquire(order), Collected if is_paid else NeverPaid)


@pytest.mark.parametrize("kind", ["pending", "pin_given", "in_motion"])
async def test_what_stays_in_motion_is_never_taken_for_unpaid(nagad: SandboxStage, kind: str) -> None:
    order, _ = await nagad.visited(kind)
    assert await nagad.connector.inquire(order) == AwaitingPayer()
    nagad.clock.advance(seconds=HALF_AN_HOUR + 1)
    assert isinstance(await nagad.connector.inquire(order), NoAnswer)
    nagad.clock.advance(hours=5)
    assert isinstance(await nagad.connector.inquire(order), NoAnswer)


async def test_another_amount_is_for_people(nagad: SandboxStage) -> None:
    order, _ = await nagad.visited("other_amount")
    collected = await nagad.connector.inquire(order)
    assert isinstance(collected, Collected)
    assert judge_collected(order, collected) == MismatchedCollection(collected, "another amount")
    assert collected.amount == Money(50_100)


async def test_another_currency_is_no_answer(nagad: SandboxStage) -> None:
    assert isinstance(await nagad.inquired("other_currency"), NoAnswer)


@pytest.mark.parametrize("fault", ["lost_done", "html", "http_500", "unauthorised"])
async def test_a_question_that_is_not_answered_is_asked_again(nagad: SandboxStage, fault: str) -> None:
    order, _ = await nagad.visited(f"status_{fault}")
    assert isinstance(await nagad.connector.inquire(order), NoAnswer)
    assert isinstance(await nagad.connector.inquire(order), Collected)


async def test_a_payment_that_nobody_knows_proves_nothing(nagad: SandboxStage) -> None:
    stranger = nagad.order(provider_reference="NOBODY")
    assert isinstance(await nagad.connector.inquire(stranger), NoAnswer)


@pytest.mark.parametrize("fault", [ProviderFault.LOST_DONE, ProviderFault.HTML, ProviderFault.HTTP_500_DONE])
async def test_an_order_whose_beginning_is_not_told_is_burnt(
    nagad: SandboxStage, fault: ProviderFault
) -> None:
    order = nagad.order()
    await nagad.fault(fault, ProviderStep.CREATE)
    assert isinstance(await nagad.connector.create(order), InDoubt)
    assert isinstance(await nagad.connector.create(order), InDoubt)
    await nagad.opened()


@pytest.mark.parametrize("fault", [ProviderFault.LOST_UNDONE, ProviderFault.HTTP_500])
async def test_an_order_that_was_not_begun_can_be_begun(nagad: SandboxStage, fault: ProviderFault) -> None:
    order = nagad.order()
    await nagad.fault(fault, ProviderStep.CREATE)
    assert isinstance(await nagad.connector.create(order), InDoubt)
    await nagad.opened(reference=order.reference)


async def test_an_order_that_is_refused_is_declined(nagad: SandboxStage) -> None:
    await nagad.fault(ProviderFault.REFUSE, ProviderStep.CREATE)
    assert isinstance(await nagad.connector.create(nagad.order()), Declined)


@pytest.mark.parametrize(
    "fault", [ProviderFault.LOST_DONE, ProviderFault.LOST_UNDONE, ProviderFault.HTML, ProviderFault.HTTP_500]
)
async def test_a_page_that_is_not_told_is_in_doubt(nagad: SandboxStage, fault: ProviderFault) -> None:
    await nagad.fault(fault, ProviderStep.PREPARE)
    assert isinstance(await nagad.connector.create(nagad.order()), InDoubt)


@pytest.mark.parametrize("wrong", ["bad_signature", "wrong_key", "unsealed"])
async def test_a_wrong_seal_is_in_doubt(nagad: SandboxStage, wrong: str) -> None:
    assert "faults" in await nagad.desk.admin("POST", "seals", {"house": "nagad", "wrong": wrong})
    assert isinstance(await nagad.connector.create(nagad.order()), InDoubt)
    order, collected = await nagad.paid()
    await nagad.desk.admin("POST", "seals", {"house": "nagad", "wrong": wrong})
    refund = a_refund_of(order, collected, AMOUNT.minor)
    assert isinstance(await nagad.connector.refund(refund), InDoubt)
    # It was given all the same, and verify says so.
    found = await nagad.connector.inquire_refunds(refund)
    assert isinstance(found, RefundsFound)
    assert [(line.amount, line.is_done) for line in found.lines] == [(AMOUNT, True)]


async def test_with_a_key_that_nagad_does_not_know_nothing_opens(nagad: SandboxStage, tmp_path: Path) -> None:
    other = NagadFamily.settings_of_home(tmp_path / "other")
    ours = nagad.another(EKPAY_NAGAD_PRIVATE_KEY=other["EKPAY_NAGAD_PRIVATE_KEY"])
    assert isinstance(await ours.create(nagad.order()), Declined)
    theirs = nagad.another(EKPAY_NAGAD_GATEWAY_KEY=other["EKPAY_NAGAD_GATEWAY_KEY"])
    assert isinstance(await theirs.create(nagad.order()), InDoubt)


async def test_another_merchant_opens_and_learns_nothing(nagad: SandboxStage) -> None:
    order, _ = await nagad.visited()
    stranger = nagad.another(EKPAY_NAGAD_MERCHANT_ID="200000000000002")
    assert isinstance(await stranger.create(nagad.order()), Declined)
    assert isinstance(await stranger.inquire(order), NoAnswer)


async def test_a_part_goes_back_once(nagad: SandboxStage) -> None:
    order, collected = await nagad.paid()
    refund = a_refund_of(order, collected, 20_000)
    line = await nagad.connector.refund(refund)
    assert isinstance(line, RefundLine)
    assert (line.amount, line.is_done) == (Money(20_000), True)
    found = RefundsFound((line,))
    told = replace(refund, provider_refund=line.provider_refund)
    assert await nagad.connector.inquire_refunds(told) == found
    # Nobody says how much went back, so a name that was not told before proves nothing.
    assert isinstance(await nagad.connector.inquire_refunds(refund), NoAnswer)
    more = a_refund_of(order, collected, 10_000)
    assert await nagad.connector.refund(more) == Declined("malformed", "InvalidPurchaseInformation")
    assert (await nagad.booked(order))["refunded_paisa"] == 20_000


@pytest.mark.parametrize("fault", [ProviderFault.LOST_DONE, ProviderFault.HTML])
async def test_a_refund_whose_answer_is_lost_is_found_and_never_sent_twice(
    nagad: SandboxStage, fault: ProviderFault
) -> None:
    order, collected = await nagad.paid(f"refund_{fault}")
    refund = a_refund_of(order, collected, AMOUNT.minor)
    assert isinstance(await nagad.connector.refund(refund), InDoubt)
    line = await nagad.connector.refund(replace(refund, may_have_been_heard=True))
    assert isinstance(line, RefundLine)
    assert (line.amount, line.is_done) == (AMOUNT, True)
    booked = await nagad.booked(order)
    assert (booked["refunded_paisa"], booked["calls"]["refund"]) == (AMOUNT.minor, 1)


@pytest.mark.parametrize("fault", [ProviderFault.LOST_UNDONE, ProviderFault.HTTP_500])
async def test_a_refund_that_was_not_given_stays_in_doubt(nagad: SandboxStage, fault: ProviderFault) -> None:
    order, collected = await nagad.paid(f"refund_{fault}")
    refund = a_refund_of(order, collected, AMOUNT.minor)
    assert isinstance(await nagad.connector.refund(refund), InDoubt)
    assert isinstance(await nagad.connector.refund(replace(refund, may_have_been_heard=True)), InDoubt)
    assert (await nagad.booked(order))["refunded_paisa"] == 0


async def test_a_refund_that_nagad_does_not_want_is_declined(nagad: SandboxStage) -> None:
    order, collected = await nagad.paid("refund_refused")
    assert isinstance(await nagad.connector.refund(a_refund_of(order, collected, 20_000)), Declined)


@pytest.mark.parametrize(("kind", "is_done"), [("refund_processing", True), ("refund_fails", False)])
async def test_a_refund_takes_its_time(nagad: SandboxStage, kind: str, *, is_done: bool) -> None:
    order, collected = await nagad.paid(kind)
    refund = a_refund_of(order, collected, AMOUNT.minor)
    line = await nagad.connector.refund(refund)
    assert isinstance(line, RefundLine)
    assert not line.is_done
    told = replace(refund, provider_refund=line.provider_refund)
    assert isinstance(await nagad.connector.inquire_refunds(told), NoAnswer)
    nagad.clock.advance(seconds=60)
    found = await nagad.connector.inquire_refunds(told)
    if is_done:
        assert found == RefundsFound((replace(line, is_done=True),))
    else:
        assert isinstance(found, NoAnswer)


async def test_what_was_never_paid_or_long_ago_is_not_given_back(nagad: SandboxStage) -> None:
    order, collected = await nagad.paid()
    unpaid, _ = await nagad.visited(does=PayerDecision.CANCEL)
    assert isinstance(await nagad.connector.refund(a_refund_of(unpaid, collected, 20_000)), Declined)
    other_day = a_refund_of(order, collected, 20_000, collected_at=NOON - timedelta(days=1))
    assert isinstance(await nagad.connector.refund(other_day), Declined)
    nagad.clock.advance(days=30)
    assert isinstance(await nagad.connector.refund(a_refund_of(order, collected, 20_000)), Declined)


async def test_a_nagad_that_is_gone_is_not_reached(nagad: SandboxStage) -> None:
    nowhere = nagad.another(EKPAY_NAGAD_URL="http://127.0.0.1:9/nagad")
    assert isinstance(await nowhere.create(nagad.order()), Unreached)

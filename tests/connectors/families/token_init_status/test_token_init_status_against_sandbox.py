"""The connectors of token, init, status against the simulator that was written from the same description."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.cli.conformance.run import FactVerdict
from ekpay_switch.cli.connectors.conformance import ConnectorConformance
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectOrder,
    MismatchedCollection,
    NeverPaid,
    NoHint,
    PageCreated,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.providers.token_init_status.family import TokenInitStatusFamily
from tests.connectors.conftest import the_manifest
from tests.connectors.sandbox_stage import AMOUNT, SandboxStage, sandbox_stage

HOUSES = [house.id for house in TokenInitStatusFamily.institutions]
WORDS = {
    "tap": {"declined": "failed", "cancelled": "cancelled", "paid": "paid"},
    "upay": {"declined": "failed", "cancelled": "cancelled", "paid": "success"},
    "shurjopay": {"declined": "reply code 1001", "cancelled": "reply code 1002", "paid": "returned"},
}


@pytest.fixture(params=list(WORDS))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SandboxStage]:
    """One house of each dialect."""
    async with sandbox_stage(TokenInitStatusFamily, request.param, tmp_path) as stage:
        yield stage


async def calls(stage: SandboxStage) -> dict[str, int]:
    counted: dict[str, int] = (await stage.desk.admin("GET", f"calls?house={stage.house}"))["calls"]
    return counted


async def logins(stage: SandboxStage) -> int:
    counted = await calls(stage)
    return counted.get("token", 0) + counted.get("auth", 0)


# ---- every house


@pytest.mark.parametrize("house", HOUSES)
async def test_every_house_collects(tmp_path: Path, house: str) -> None:
    async with sandbox_stage(TokenInitStatusFamily, house, tmp_path) as stage:
        order, collected = await stage.paid()
        booked = await stage.booked(order)
        assert collected.provider_transaction == booked["transaction_id"]
        assert (booked["amount_paisa"], booked["provider_reference"]) == (50_000, order.provider_reference)
        assert collected.facts["paid_at"] == "2026-03-10T06:00:00+00:00"
        assert collected.facts["payer_account"].endswith("000")
        assert await logins(stage) == 1


@pytest.mark.parametrize("house", HOUSES)
async def test_a_house_and_its_manifest_say_the_same(tmp_path: Path, house: str) -> None:
    manifest, simulated = (
        the_manifest(house),
        next(one for one in TokenInitStatusFamily.institutions if one.id == house),
    )
    assert (simulated.name.english, simulated.name.bangla) == (manifest.name_en, manifest.name_bn)
    assert (simulated.fee_bp, simulated.kind) == (manifest.charge_basis_points, manifest.instrument)
    assert simulated.page_seconds == manifest.page_life_seconds
    async with sandbox_stage(TokenInitStatusFamily, house, tmp_path) as stage:
        assert {manifest.endpoint.url_setting, *manifest.secrets.values()} <= set(stage.environ)
        profile = stage.connector.profile
        for amount in (profile.amount_min, profile.amount_max):
            assert isinstance(await stage.connector.create(stage.order(amount=amount)), PageCreated)
        rules = simulated.refunds
        assert (rules is None) is (profile.refunds is None)
        if rules is not None and profile.refunds is not None:
            assert (rules.days, rules.parts_max) == (profile.refunds.days_max, profile.refunds.parts_max)


@pytest.mark.parametrize("house", HOUSES)
async def test_the_smallest_coins_arrive(tmp_path: Path, house: str) -> None:
    async with sandbox_stage(TokenInitStatusFamily, house, tmp_path) as stage:
        for minor in (1_001, 12_345, 99_999):
            order, _ = await stage.visited(amount=Money(minor))
            collected = await stage.connector.inquire(order)
            assert isinstance(collected, Collected)
            assert (collected.amount, (await stage.booked(order))["amount_paisa"]) == (Money(minor), minor)


@pytest.mark.parametrize("house", HOUSES)
async def test_every_house_is_certified(tmp_path: Path, house: str) -> None:
    async with sandbox_stage(TokenInitStatusFamily, house, tmp_path) as stage:

        async def agree(order: CollectOrder, created: PageCreated) -> bool:
            asked = {"paymentID": created.provider_reference, "reference": order.reference}
            url = f"{stage.connector.profile.url}/_admin/approve"
            async with stage.desk.session.post(url, json=asked) as answer:
                return answer.status == 200

        conformance = ConnectorConformance(stage.connector, agree, AMOUNT, 5.0)
        findings = [finding async for finding in conformance.run()]
        assert [finding for finding in findings if not finding.is_right] == []
        assert len(findings) > 5
        assert FactVerdict.CONTRADICTED not in conformance.verdicts().values()


# ---- how a payment ends


async def test_nobody_has_paid_until_somebody_does(stage: SandboxStage) -> None:
    order, page_url = await stage.opened()
    assert await stage.connector.inquire(order) == AwaitingPayer()
    await pay(page_url, Payer(await stage.number("normal")), PayerDecision.LEAVE_AT_PIN)
    assert await stage.connector.inquire(order) == AwaitingPayer()
    await pay(page_url, Payer(await stage.number("normal")), PayerDecision.RETURN)
    assert isinstance(await stage.connector.inquire(order), Collected)


@pytest.mark.parametrize(
    ("kind", "does", "word"),
    [
        ("normal", PayerDecision.CANCEL, "cancelled"),
        ("cancels", PayerDecision.APPROVE, "cancelled"),
        ("insufficient_funds", PayerDecision.APPROVE, "declined"),
        ("declined", PayerDecision.APPROVE, "declined"),
        ("normal", PayerDecision.WRONG_PIN, "declined"),
    ],
)
async def test_who_does_not_pay_never_will(
    stage: SandboxStage, kind: str, does: PayerDecision, word: str
) -> None:
    assert await stage.inquired(kind, does) == NeverPaid(WORDS[stage.house][word])


async def test_a_page_has_lapsed(stage: SandboxStage) -> None:
    order, page_url = await stage.opened()
    stage.clock.advance(seconds=3_600)
    visit = await pay(page_url, Payer(await stage.number("normal")))
    assert visit.sent_to is None
    # shurjoPay has no word for it: the order stays initiated, and only the core's own clock ends it.
    lapsed = AwaitingPayer() if stage.house == "shurjopay" else NeverPaid("expired")
    assert await stage.connector.inquire(order) == lapsed


@pytest.mark.parametrize(("kind", "is_paid"), [("pending_then_paid", True), ("pending_then_declined", False)])
async def test_what_is_pending_for_long_is_asked_about_until_it_is_decided(
    stage: SandboxStage, kind: str, *, is_paid: bool
) -> None:
    order, _ = await stage.visited(kind)
    for _ in range(2):
        assert await stage.connector.inquire(order) == AwaitingPayer()
        stage.clock.advance(seconds=60)
    assert isinstance(await stage.connector.inquire(order), Collected if is_paid else NeverPaid)


@pytest.mark.parametrize("kind", ["says_declined", "second_try", "return_lost", "nothing_comes"])
async def test_what_the_browser_says_changes_nothing(stage: SandboxStage, kind: str) -> None:
    await stage.paid(kind)


async def test_a_redirect_that_says_success_is_no_payment(stage: SandboxStage) -> None:
    order, visit = await stage.visited("says_paid")
    hint = await stage.brought(visit)
    assert isinstance(hint, CallbackHint)
    assert hint.claims == WORDS[stage.house]["paid"]
    assert await stage.connector.inquire(order) == NeverPaid(WORDS[stage.house]["declined"])


async def test_a_forged_return_pays_nothing(stage: SandboxStage) -> None:
    order, visit = await stage.visited("return_forged")
    assert isinstance(await stage.brought(visit), CallbackHint)
    assert await stage.connector.inquire(order) == AwaitingPayer()


@pytest.mark.parametrize(
    ("kind", "amount", "why"),
    [
        ("other_amount", Money(50_100), "another amount"),
        ("other_currency", Money(50_000, "USD"), "another currency"),
    ],
)
async def test_another_amount_or_currency_is_for_people(
    stage: SandboxStage, kind: str, amount: Money, why: str
) -> None:
    order, _ = await stage.visited(kind)
    collected = await stage.connector.inquire(order)
    assert isinstance(collected, Collected)
    assert judge_collected(order, collected) == MismatchedCollection(collected, why)
    assert collected.amount == amount


# ---- what the browser brings


async def test_a_browser_that_comes_back_names_its_payment(stage: SandboxStage) -> None:
    order, visit = await stage.visited()
    hint = await stage.brought(visit)
    assert isinstance(hint, CallbackHint)
    assert hint.claims == WORDS[stage.house]["paid"]
    told = {hint.reference, hint.provider_reference} - {""}
    assert told
    assert told <= {order.reference, order.provider_reference}


async def test_the_same_return_twice_is_one_event(stage: SandboxStage) -> None:
    _, visit = await stage.visited("return_twice")
    await stage.letterbox.until(1)
    assert visit.sent_to is not None
    assert await stage.brought(visit) == await stage.brought(visit)


async def test_a_cancelled_payment_comes_back_too(stage: SandboxStage) -> None:
    _, visit = await stage.visited(does=PayerDecision.CANCEL)
    hint = await stage.brought(visit)
    assert isinstance(hint, CallbackHint)
    assert hint.claims == ("returned" if stage.house == "shurjopay" else "cancelled")


@pytest.mark.parametrize("body", [b"", b"status=paid", b"status=success", b"\xff", b"order_id=&invoice_id="])
async def test_what_names_no_payment_is_no_hint(stage: SandboxStage, body: bytes) -> None:
    assert isinstance(await stage.connector.read_callback({}, body), NoHint)


# ---- calls that go wrong


async def test_a_token_that_has_ended_is_renewed_once(stage: SandboxStage) -> None:
    order, _ = await stage.paid()
    await stage.desk.admin("POST", "faults", {"house": stage.house, "fault": "expire_tokens"})
    assert isinstance(await stage.connector.inquire(order), Collected)
    # By itself, an hour later: what the connector holds is younger by its own clock.
    stage.clock.advance(hours=1)
    assert isinstance(await stage.connector.create(stage.order()), PageCreated)
    assert await logins(stage) == 3


async def test_who_is_turned_away_twice_stops_asking(stage: SandboxStage) -> None:
    order, _ = await stage.visited("status_unauthorised")
    assert isinstance(await stage.connector.inquire(order), Collected)
    await stage.fault(ProviderFault.UNAUTHORISED, ProviderStep.STATUS, times=2)
    before = await logins(stage)
    assert isinstance(await stage.connector.inquire(order), NoAnswer)
    assert await logins(stage) == before + 1
    assert isinstance(await stage.connector.inquire(order), Collected)


@pytest.mark.parametrize("fault", ["lost_done", "html", "http_500"])
async def test_a_question_that_is_not_answered_is_asked_again(stage: SandboxStage, fault: str) -> None:
    order, _ = await stage.visited(f"status_{fault}")
    assert isinstance(await stage.connector.inquire(order), NoAnswer)
    assert isinstance(await stage.connector.inquire(order), Collected)


async def test_a_late_answer_is_an_answer(stage: SandboxStage) -> None:
    assert isinstance(await stage.inquired("status_slow"), Collected)


@pytest.mark.parametrize("fault", [ProviderFault.LOST_DONE, ProviderFault.HTML, ProviderFault.HTTP_500_DONE])
async def test_a_page_that_is_not_told_of_is_in_doubt_for_ever(
    stage: SandboxStage, fault: ProviderFault
) -> None:
    order = stage.order()
    await stage.fault(fault, ProviderStep.CREATE)
    assert isinstance(await stage.connector.create(order), InDoubt)
    assert (await stage.booked(order))["state"] == "opened"
    # The same reference is a duplicate over there, which names no page.
    assert isinstance(await stage.connector.create(order), InDoubt)
    assert isinstance(await stage.connector.inquire(order), NoAnswer)


@pytest.mark.parametrize("fault", [ProviderFault.LOST_UNDONE, ProviderFault.HTTP_500])
async def test_a_page_that_was_not_opened_is_in_doubt_and_opened_by_the_next_try(
    stage: SandboxStage, fault: ProviderFault
) -> None:
    order = stage.order()
    await stage.fault(fault, ProviderStep.CREATE)
    assert isinstance(await stage.connector.create(order), InDoubt)
    assert "state" not in await stage.booked(order)
    assert isinstance(await stage.connector.create(order), PageCreated)


async def test_a_page_is_opened_under_a_new_token_where_the_old_one_is_turned_away(
    stage: SandboxStage,
) -> None:
    await stage.fault(ProviderFault.UNAUTHORISED, ProviderStep.CREATE)
    assert isinstance(await stage.connector.create(stage.order()), PageCreated)
    await stage.fault(ProviderFault.UNAUTHORISED, ProviderStep.CREATE, times=2)
    order = stage.order()
    assert isinstance(await stage.connector.create(order), InDoubt)
    assert "state" not in await stage.booked(order)


async def test_a_duplicate_opens_nothing_and_leaves_the_first_page_alone(stage: SandboxStage) -> None:
    order, page_url = await stage.opened()
    assert isinstance(await stage.connector.create(replace(order, amount=Money(60_000))), InDoubt)
    await pay(page_url, Payer(await stage.number("normal")))
    collected = await stage.connector.inquire(order)
    assert isinstance(collected, Collected)
    assert collected.amount == AMOUNT


async def test_a_page_that_is_refused_is_declined(stage: SandboxStage) -> None:
    await stage.fault(ProviderFault.REFUSE, ProviderStep.CREATE)
    declined = await stage.connector.create(stage.order())
    assert (
        declined
        == {
            "tap": Declined("not_allowed", "4030"),
            "upay": Declined("malformed", "DVE4001"),
            "shurjopay": Declined("not_allowed", "2008"),
        }[stage.house]
    )


async def test_a_payment_that_nobody_knows_proves_nothing(stage: SandboxStage) -> None:
    stranger = stage.order(provider_reference="PAY-00000000-000000")
    assert isinstance(await stage.connector.inquire(stranger), NoAnswer)


async def test_a_payment_is_not_told_under_another_name(stage: SandboxStage) -> None:
    first, _ = await stage.paid()
    second, _ = await stage.opened()
    mixed = replace(second, provider_reference=first.provider_reference)
    told = await stage.connector.inquire(mixed)
    # Upay is asked by our own name of the payment, the others by theirs.
    if stage.house == "upay":
        assert isinstance(told, NoAnswer)
    else:
        assert isinstance(told, Collected)
        assert judge_collected(mixed, told) == MismatchedCollection(told, "another reference")


async def test_wrong_credentials_send_nothing(stage: SandboxStage) -> None:
    order, _ = await stage.visited()
    name = "MERCHANT_KEY" if stage.house == "upay" else "PASSWORD"
    stranger = stage.another(**{f"EKPAY_{stage.house.upper()}_{name}": "wrong"})
    assert isinstance(await stranger.inquire(order), NoAnswer)
    assert isinstance(await stranger.create(stage.order()), Unreached)


@pytest.mark.parametrize(
    "fault", [ProviderFault.LOST_DONE, ProviderFault.HTML, ProviderFault.HTTP_500, ProviderFault.REFUSE]
)
async def test_without_a_login_nothing_is_sent(stage: SandboxStage, fault: ProviderFault) -> None:
    await stage.fault(fault, ProviderStep.LOGIN)
    order = stage.order()
    assert isinstance(await stage.connector.create(order), Unreached)
    assert "state" not in await stage.booked(order)
    assert isinstance(await stage.connector.create(order), PageCreated)


async def test_a_provider_that_is_gone_is_not_reached(stage: SandboxStage) -> None:
    nowhere = stage.another(**{f"EKPAY_{stage.house.upper()}_URL": "http://127.0.0.1:9/x"})
    assert isinstance(await nowhere.create(stage.order()), Unreached)

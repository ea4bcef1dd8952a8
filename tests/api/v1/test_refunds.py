"""Refunds: what was paid goes back, and never more than was paid."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from ekpay_switch.api.v1.answers import refund_status
from ekpay_switch.api.v1.problems import ProblemCode
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.ports.connectors import RefundRules
from tests.api.v1.v1_setup import NO_PAYMENT, PAYMENTS, Shop, Till, a_refund, code_of
from tests.factories import TOTAL
from tests.scenarios.job_rounds import collect_due


async def test_a_refund_is_told_as_the_contract_shows_it(till: Till, shop: Shop) -> None:
    paid = await shop.paid()
    reply = await shop.refund(paid["id"], a_refund(amount=50_000))
    assert reply.status == 201
    told = reply.plain
    assert told == {
        "id": told["id"],
        "payment_id": paid["id"],
        "status": "pending",
        "amount": 50_000,
        "currency": "BDT",
        "reason": "paid for the wrong meter",
        "created_at": "2026-03-01T06:00:00Z",
        "updated_at": "2026-03-01T06:00:00Z",
    }
    assert told["id"].startswith("rfd_")
    assert len(told["id"]) == 36
    (kept,) = till.small.tables.refunds.values()
    assert (kept.new.requested_by, kept.new.needs_approval) == ("api:bank1", False)


async def test_a_refund_that_is_done_shows_in_its_payment(till: Till, shop: Shop) -> None:
    paid = await shop.paid()
    await shop.refund(paid["id"], a_refund(amount=50_000))
    await collect_due(till.small.world)
    shown = await shop.look_up(paid["id"])
    listed = (await shop.get(f"{PAYMENTS}/{paid['id']}/refunds")).plain
    assert (shown["status"], shown["refunded"]) == ("paid", 50_000)
    assert [one["status"] for one in shown["refunds"]] == ["done"]
    assert listed == {"refunds": shown["refunds"]}


async def test_two_refunds_of_everything_at_once_give_back_once(shop: Shop) -> None:
    paid = await shop.paid()
    replies = await asyncio.gather(*(shop.refund(paid["id"]) for _ in range(2)))
    assert Counter(reply.status for reply in replies) == {201: 1, 422: 1}
    (refused,) = [reply for reply in replies if reply.status == 422]
    assert code_of(refused) == "refund_exceeds_remaining"


async def test_fifty_parts_never_exceed_what_was_paid(till: Till, shop: Shop) -> None:
    paid = await shop.paid()
    till.wallet.profile = replace(till.wallet.profile, refunds=RefundRules(60, 50))
    part = a_refund(amount=TOTAL // 20)
    replies = await asyncio.gather(*(shop.refund(paid["id"], part) for _ in range(50)))
    assert Counter(reply.status for reply in replies) == {201: 20, 422: 30}
    assert {code_of(one) for one in replies if one.status == 422} == {"refund_exceeds_remaining"}
    assert (await shop.look_up(paid["id"]))["refunded"] == TOTAL


async def test_charges_and_fees_stay(shop: Shop) -> None:
    paid = await shop.paid()
    reply = await shop.refund(paid["id"], a_refund(amount=paid["total"]))
    assert (reply.status, code_of(reply)) == (422, "refund_exceeds_remaining")
    assert (await shop.refund(paid["id"], a_refund(amount=paid["amount"]))).status == 201


async def test_the_connectors_own_limits_hold(till: Till, shop: Shop) -> None:
    paid = await shop.paid()
    till.wallet.profile = replace(till.wallet.profile, refunds=RefundRules(days_max=60, parts_max=1))
    assert (await shop.refund(paid["id"], a_refund(amount=1))).status == 201
    reply = await shop.refund(paid["id"], a_refund(amount=1))
    assert (reply.status, code_of(reply)) == (422, "too_many_refunds")
    till.wallet.profile = replace(till.wallet.profile, refunds=RefundRules(days_max=60, parts_max=9))
    till.small.clock.pass_by(61 * 86_400)
    reply = await shop.refund(paid["id"], a_refund(amount=1))
    assert (reply.status, code_of(reply)) == (422, "refund_period_over")


async def test_what_the_connector_does_not_give_back_is_taken_on_for_finance(till: Till, shop: Shop) -> None:
    paid = await shop.paid()
    till.wallet.profile = replace(till.wallet.profile, refunds=None)
    till.small.clock.pass_by(400 * 86_400)
    assert (await shop.refund(paid["id"], a_refund(amount=1))).status == 201
    till.small.connectors.known.clear()
    assert (await shop.refund(paid["id"], a_refund(amount=1))).status == 201


@pytest.mark.parametrize("state", [one for one in State if one is not State.COMPLETED])
async def test_only_a_paid_payment_is_refunded(till: Till, shop: Shop, state: State) -> None:
    made = await shop.made()
    till.put_into(made, state)
    reply = await shop.refund(made["id"])
    assert (reply.status, code_of(reply)) == (409, "not_refundable")


async def test_vend_is_not_refunded_after_its_token(till: Till, shop: Shop) -> None:
    """The payer has the token: what goes back now is energy for nothing."""
    till.sells_tokens("12345678901234567890")
    paid = await shop.paid()
    assert [one["digits"] for one in paid["tokens"]] == ["12345678901234567890"]
    for amount in (1, paid["amount"]):
        reply = await shop.refund(paid["id"], a_refund(amount=amount))
        assert (reply.status, code_of(reply)) == (409, "payment_is_final")
    assert till.small.tables.refunds == {}
    assert till.small.books.balance("payable:desco_postpaid") == paid["amount"]
    assert till.small.books.balance("refund_due:bkash") == 0


@pytest.mark.parametrize("fact", ["no undo", "tokens", "a receipt that buys a service", "no such biller"])
async def test_what_its_biller_keeps_is_not_refunded(till: Till, shop: Shop, fact: str) -> None:
    paid = await shop.paid()
    biller = till.small.biller
    cannot = replace(biller.profile.safety, can_be_undone=False)
    biller.profile = {
        "no undo": replace(biller.profile, safety=cannot),
        "tokens": replace(biller.profile, gives_tokens=True),
        "a receipt that buys a service": replace(biller.profile, has_unique_receipt=True),
        "no such biller": replace(biller.profile, id="another"),
    }[fact]
    reply = await shop.refund(paid["id"])
    assert (reply.status, code_of(reply)) == (409, "payment_is_final")
    assert till.small.tables.refunds == {}


async def test_a_refund_that_stands_is_told_again_though_its_biller_keeps_payments_now(
    till: Till, shop: Shop
) -> None:
    paid = await shop.paid()
    assert (await shop.refund(paid["id"], key="k" * 16)).status == 201
    till.small.biller.profile = replace(till.small.biller.profile, gives_tokens=True)
    assert (await shop.refund(paid["id"], key="k" * 16)).status == 200


async def test_a_refund_in_another_currency_is_refused(till: Till, shop: Shop) -> None:
    paid = await shop.paid()
    reply = await shop.refund(paid["id"], a_refund(currency="USD"))
    assert (reply.status, code_of(reply)) == (422, "currency_mismatch")
    for currency in ("bdt", "BDT ", "", "৳", None, 50):
        reply = await shop.refund(paid["id"], a_refund(currency=currency))
        assert (reply.status, code_of(reply)) == (422, "validation_failed")
    assert till.small.tables.refunds == {}


async def test_there_is_nothing_to_refund_where_there_is_no_payment(shop: Shop) -> None:
    assert code_of(await shop.refund(NO_PAYMENT)) == "not_found"
    assert code_of(await shop.get(f"{PAYMENTS}/{NO_PAYMENT}/refunds")) == "not_found"


async def test_a_slow_database_is_busy_and_the_same_key_is_safe(till: Till, shop: Shop) -> None:
    paid = await shop.paid()
    till.slows_down()
    till.v1.answer_seconds = 0.02
    reply = await shop.refund(paid["id"], key="k" * 16)
    assert (reply.status, code_of(reply)) == (503, "busy")
    await till.v1.tasks.drain(5)
    till.v1.answer_seconds = 25.0
    assert (await shop.refund(paid["id"], key="k" * 16)).status == 200


def test_every_state_of_a_refund_has_its_public_word() -> None:
    words = {state: refund_status(state) for state in RefundState}
    assert {state for state, word in words.items() if word == "done"} == {RefundState.DONE}
    assert {state for state, word in words.items() if word == "failed"} == {
        RefundState.FAILED,
        RefundState.REJECTED,
        RefundState.RETURNED,
    }
    assert set(words.values()) == {"pending", "done", "failed"}


def test_every_refusal_of_a_refund_is_a_code_of_the_contract() -> None:
    assert {ProblemCode(one.value) for one in RefundRefusal if one is not RefundRefusal.UNKNOWN_PAYMENT}

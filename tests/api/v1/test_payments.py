"""Making a payment, looking it up, trying again, cancelling: what a shop sees."""

import asyncio

import pytest

from ekpay_switch.api.v1.problems import MEANINGS, ProblemCode
from ekpay_switch.domain.bill import BillerSilent
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.collections.collect import CollectRefusal
from tests.api.v1.v1_setup import (
    NO_PAYMENT,
    PAYMENTS,
    Shop,
    Till,
    a_key,
    an_order,
    as_bytes,
    code_of,
    uuid_of,
)
from tests.factories import BILL_NO, CHARGED, TOTAL, a_bill
from tests.scenarios.collections import CHARGE


async def test_a_payment_is_made_as_the_contract_shows_it(till: Till, shop: Shop) -> None:
    reply = await shop.create()
    assert reply.status == 201
    made = reply.plain
    assert reply.headers["location"] == f"{PAYMENTS}/{made['id']}"
    assert reply.headers["cache-control"] == "no-store"
    assert made == {
        "id": f"pay_{uuid_of(made).hex}",
        "status": "pending",
        "reason": None,
        "biller": "b025",
        "bill": {
            "number": BILL_NO,
            "account": BILL_NO[-8:],
            "amount": TOTAL - 5_000,
            "late_fee": 0,
            "vat": 5_000,
            "due_on": None,
        },
        "amount": TOTAL,
        "charge": CHARGE,
        "fee": 500,
        "vat": 75,
        "total": TOTAL + CHARGED + CHARGE,
        "currency": "BDT",
        "instrument": "bkash",
        "next_action": {"type": "redirect", "url": "https://bkash.example/pay/P1"},
        "pay_until": "2026-03-01T06:15:00Z",
        "next_check_at": "2026-03-01T06:03:00Z",
        "tokens": [],
        "receipt": None,
        "refunded": 0,
        "refunds": [],
        "created_at": "2026-03-01T06:00:00Z",
        "updated_at": "2026-03-01T06:00:00Z",
        "receipt_url": None,
    }
    assert till.page().order.return_url == f"https://pay.example/pay/return/{till.page().order.reference}"


async def test_the_payers_language_goes_on_to_the_provider_with_each_try(till: Till, shop: Shop) -> None:
    assert (await shop.create(an_order(lang="fr"))).status == 422
    made = await shop.made(an_order(lang="en"))
    await shop.post(f"{PAYMENTS}/{made['id']}/tries", b'{"instrument":"bkash","lang":"bn"}')
    await shop.post(f"{PAYMENTS}/{made['id']}/tries", b'{"instrument":"bkash"}')
    assert [order.page.language for order in till.small.connector.orders] == ["en", "bn", None]


async def test_a_paid_payment_says_so_and_looking_it_up_asks_nobody(till: Till, shop: Shop) -> None:
    paid = await shop.paid()
    before = list(till.small.steps.taken)
    assert (paid["status"], paid["next_action"], paid["next_check_at"]) == ("paid", None, None)
    assert paid["receipt_url"] == f"https://pay.example/receipt/{uuid_of(paid).hex}"
    for _ in range(10):
        assert await shop.look_up(paid["id"]) == paid
    assert till.small.steps.taken == before


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        (State.CREATED, "pending", None),
        (State.COLLECTING, "pending", None),
        (State.FUNDED, "pending", None),
        (State.DELIVERING, "pending", None),
        (State.IN_REVIEW, "pending", None),
        (State.COMPLETED, "paid", None),
        (State.DECLINED, "failed", None),
        (State.EXPIRED, "failed", "expired"),
        (State.REFUNDING, "refund_pending", None),
        (State.REFUNDED, "refunded", None),
    ],
)
async def test_every_state_has_its_public_word(
    till: Till, shop: Shop, state: State, status: str, reason: str | None
) -> None:
    made = await shop.made()
    till.put_into(made, state)
    shown = await shop.look_up(made["id"])
    assert (shown["status"], shown["reason"]) == (status, reason)
    assert {one.value for one in State} == {
        "created", "collecting", "funded", "delivering", "completed", "declined", "expired", "refunding",
        "refunded", "in_review",
    }  # fmt: skip


async def test_the_payment_of_another_client_is_not_found(till: Till, shop: Shop) -> None:
    made = await shop.made()
    other = till.other_shop()
    answers = [
        await other.get(f"{PAYMENTS}/{made['id']}"),
        await other.get(f"{PAYMENTS}/{made['id']}/refunds"),
        await other.post(f"{PAYMENTS}/{made['id']}/tries", b'{"instrument":"bkash"}'),
        await other.post(f"{PAYMENTS}/{made['id']}/cancel", b""),
        await other.refund(made["id"]),
    ]
    missing = await other.get(f"{PAYMENTS}/{NO_PAYMENT}")
    assert {(one.status, one.body) for one in answers} == {(404, missing.body)}


@pytest.mark.parametrize(
    "name",
    [
        "pay_",
        "pay_" + "0" * 31,
        "pay_" + "0" * 33,
        "pay_" + "A" * 32,
        "rfd_" + "0" * 32,
        "0" * 32,
        "pay_0196f0c8-a4b2-7d3e-9c5b-7a1d2e3f4a5b",
        "pay_" + "\u09e6" * 32,
        "pay_" + "0" * 32 + "\n",
        "' OR 1=1 --",
        "..",
    ],
)
async def test_what_is_no_id_of_ours_is_not_found(shop: Shop, name: str) -> None:
    for reply in (
        await shop.get(f"{PAYMENTS}/{name}"),
        await shop.post(f"{PAYMENTS}/{name}/cancel", b""),
        await shop.post(f"{PAYMENTS}/{name}/tries", b'{"instrument":"bkash"}'),
        await shop.refund(name),
    ):
        assert (reply.status, code_of(reply)) == (404, "not_found")


async def test_the_tokens_of_a_prepaid_bill_are_told_once_it_is_paid(till: Till, shop: Shop) -> None:
    till.sells_tokens("1" * 20, "2" * 20)
    paid = await shop.paid()
    assert paid["tokens"] == [
        {"seq": 1, "kind": "credit", "digits": "1" * 20},
        {"seq": 2, "kind": "credit", "digits": "2" * 20},
    ]


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"biller": "b999"}, 422, "unknown_biller"),
        ({"instrument": "nagad"}, 422, "unknown_instrument"),
        ({"parameters": {}}, 422, "validation_failed"),
        ({"parameters": {"bill_no": "abc"}}, 422, "validation_failed"),
        ({"parameters": {"meter_no": "12345678"}}, 422, "validation_failed"),
        ({"parameters": {"bill_no": "999999999999"}}, 422, "bill_not_found"),
        ({"amount": TOTAL + 1}, 422, "amount_mismatch"),
        ({"amount": 1}, 422, "amount_mismatch"),
        ({"return_url": "https://evil.example/"}, 422, "return_url_not_allowed"),
    ],
)
async def test_what_cannot_be_collected_is_refused_and_leaves_nothing(
    till: Till, shop: Shop, changes: dict[str, object], status: int, code: str
) -> None:
    key = a_key()
    reply = await shop.create(an_order(**changes), key)
    assert (reply.status, code_of(reply)) == (status, code)
    assert (till.small.tables.collections, till.small.connector.orders) == ({}, [])
    assert (await shop.create(key=key)).status == 201


async def test_parameters_that_the_biller_does_not_have_are_pointed_at(shop: Shop) -> None:
    reply = await shop.create(an_order(parameters={"bill_no": "abc"}))
    assert reply.plain["errors"] == [{"pointer": "/parameters", "code": "not_of_this_biller"}]


async def test_a_bill_that_is_paid_already_is_not_collected(till: Till, shop: Shop) -> None:
    till.small.biller.bills[BILL_NO] = a_bill(is_paid=True)
    reply = await shop.create()
    assert (reply.status, code_of(reply)) == (409, "bill_already_paid")


async def test_an_amount_beyond_the_instrument_is_refused(till: Till, shop: Shop) -> None:
    till.small.biller.bills[BILL_NO] = a_bill(total=3_000_000)
    reply = await shop.create(an_order(amount=3_000_000))
    assert (reply.status, code_of(reply)) == (422, "amount_out_of_range")


async def test_a_silent_biller_is_worth_another_call_with_the_same_key(till: Till, shop: Shop) -> None:
    till.small.biller.replies.append(BillerSilent("no answer"))
    key = a_key()
    reply = await shop.create(key=key)
    assert (reply.status, code_of(reply), reply.plain["retryable"]) == (503, "biller_unavailable", True)
    assert reply.headers["retry-after"] == str(reply.plain["retry_after_s"])
    assert (await shop.create(key=key)).status == 201


async def test_a_bill_that_is_being_paid_names_the_payment_to_its_owner_alone(till: Till, shop: Shop) -> None:
    made = await shop.made()
    own, foreign = await shop.create(), await till.other_shop().create()
    assert {own.status, foreign.status} == {409}
    assert {code_of(own), code_of(foreign)} == {"bill_already_in_progress"}
    assert own.plain["payment_id"] == made["id"]
    assert "payment_id" not in foreign.plain


def test_every_reason_not_to_collect_is_a_code_of_the_contract() -> None:
    assert {ProblemCode(one.value) for one in CollectRefusal} <= set(MEANINGS)


@pytest.mark.parametrize("outcome", [Declined("no", "2001"), Unreached("no route")])
async def test_a_payment_without_a_page_stands_and_waits_for_another_try(
    till: Till, shop: Shop, outcome: Declined | Unreached
) -> None:
    till.small.connector.creates.append(outcome)
    made = await shop.made()
    assert (made["status"], made["next_action"]) == ("pending", None)
    reply = await shop.post(f"{PAYMENTS}/{made['id']}/tries", b'{"instrument":"bkash"}')
    assert reply.status == 201
    assert reply.plain["next_action"]["type"] == "redirect"


# ---- another try, cancelling ---------------------------------------------------------------------


async def test_another_try_opens_a_new_page(shop: Shop) -> None:
    made = await shop.made()
    reply = await shop.post(f"{PAYMENTS}/{made['id']}/tries", b'{"instrument":"bkash"}')
    assert (reply.status, reply.plain["id"]) == (201, made["id"])
    assert reply.plain["next_action"]["url"] == "https://bkash.example/pay/P2" != made["next_action"]["url"]


async def test_no_try_of_a_payment_that_is_paid(shop: Shop) -> None:
    paid = await shop.paid()
    reply = await shop.post(f"{PAYMENTS}/{paid['id']}/tries", b'{"instrument":"bkash"}')
    assert (reply.status, code_of(reply)) == (409, "payment_not_payable")
    assert reply.plain["payment_id"] == paid["id"]


async def test_no_try_with_an_instrument_that_nobody_has(shop: Shop) -> None:
    made = await shop.made()
    reply = await shop.post(f"{PAYMENTS}/{made['id']}/tries", b'{"instrument":"gold"}')
    assert (reply.status, code_of(reply)) == (422, "unknown_instrument")


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_a_payment_is_cancelled_before_its_money_was_asked_for(shop: Shop, body: bytes) -> None:
    made = await shop.made()
    for _ in range(2):
        reply = await shop.post(f"{PAYMENTS}/{made['id']}/cancel", body)
        assert reply.status == 200
        assert (reply.plain["status"], reply.plain["reason"]) == ("failed", "cancelled")
        assert reply.plain["next_action"] is None


async def test_a_paid_payment_is_not_cancelled(shop: Shop) -> None:
    paid = await shop.paid()
    reply = await shop.post(f"{PAYMENTS}/{paid['id']}/cancel", b"")
    assert (reply.status, code_of(reply)) == (409, "payment_not_cancellable")
    assert (await shop.look_up(paid["id"]))["status"] == "paid"


# ---- slow and broken days ------------------------------------------------------------------------


SOON = 0.02


async def test_a_slow_biller_is_busy_and_the_same_key_leads_to_the_one_payment(
    till: Till, shop: Shop
) -> None:
    key, till.v1.answer_seconds = a_key(), SOON
    till.small.biller.gate = asyncio.Event()
    late = await shop.create(key=key)
    assert (late.status, code_of(late), late.plain["retryable"]) == (503, "busy", True)
    till.small.biller.gate.set()
    await till.v1.tasks.drain(5.0)
    till.v1.answer_seconds = 25.0
    again = await shop.create(key=key)
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert len(till.small.connector.pages) == 1


async def test_a_slow_connector_is_answered_with_the_payment_as_it_stands(till: Till, shop: Shop) -> None:
    till.v1.answer_seconds = SOON * 10
    gate = till.wallet.gate = asyncio.Event()
    late = await shop.create()
    assert (late.status, late.plain["status"], late.plain["next_action"]) == (202, "pending", None)
    gate.set()
    await till.v1.tasks.drain(5.0)
    assert (await shop.look_up(late.plain["id"]))["next_action"] is not None


async def test_a_slow_try_is_answered_with_the_payment_as_it_stands(till: Till, shop: Shop) -> None:
    made = await shop.made()
    till.v1.answer_seconds = SOON
    gate = till.wallet.gate = asyncio.Event()
    late = await shop.post(f"{PAYMENTS}/{made['id']}/tries", b'{"instrument":"bkash"}')
    assert (late.status, late.plain["id"]) == (202, made["id"])
    gate.set()
    await till.v1.tasks.drain(5.0)


async def test_a_late_order_whose_key_another_one_took_is_told_so(till: Till, shop: Shop) -> None:
    key, gate = a_key(), asyncio.Event()
    till.small.biller.gate, till.v1.answer_seconds = gate, 1.0
    late = asyncio.create_task(shop.create(key=key))
    await till.has_asked_for_bills(1)
    till.small.biller.gate = None
    assert (await shop.create(till.another_bill("000000000001"), key)).status == 201
    reply = await late
    assert (reply.status, code_of(reply)) == (422, "idempotency_key_reused")
    gate.set()
    await till.v1.tasks.drain(5.0)
    assert len(till.small.connector.pages) == 1


async def test_a_slow_cancellation_is_busy_and_may_be_asked_for_again(till: Till, shop: Shop) -> None:
    made = await shop.made()
    till.slows_down()
    till.v1.answer_seconds = SOON
    reply = await shop.post(f"{PAYMENTS}/{made['id']}/cancel", b"")
    assert (reply.status, code_of(reply)) == (503, "busy")
    await till.v1.tasks.drain(5.0)
    assert (await shop.look_up(made["id"]))["status"] == "failed"


async def test_a_database_that_is_away_is_busy_and_nothing_was_done(till: Till, shop: Shop) -> None:
    key = a_key()
    till.small.books.trouble.append(ConnectionResetError("inner words"))
    reply = await shop.create(key=key)
    assert (reply.status, code_of(reply)) == (503, "busy")
    assert b"inner words" not in reply.body
    assert (await shop.create(key=key)).status == 201


@pytest.mark.parametrize("point", ["after open", "before create", "after create", "before record_try"])
async def test_what_breaks_after_the_payment_stands_is_answered_with_the_payment(
    till: Till, shop: Shop, point: str
) -> None:
    key = a_key()
    till.small.steps.crash_at = point
    reply = await shop.create(key=key)
    assert (reply.status, reply.plain["status"]) == (202, "pending")
    again = await shop.create(key=key)
    assert (again.status, again.plain["id"]) == (200, reply.plain["id"])


async def test_a_caller_that_hangs_up_has_its_payment_all_the_same(till: Till, shop: Shop) -> None:
    till.small.biller.gate = asyncio.Event()
    key = a_key()
    calling = asyncio.create_task(shop.create(key=key))
    await till.has_asked_for_bills(1)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    till.small.biller.gate.set()
    await till.v1.tasks.drain(5.0)
    assert (await shop.create(key=key)).status == 200
    assert len(till.small.connector.pages) == 1


@pytest.mark.parametrize("point", ["before fetch", "after fetch", "before open"])
async def test_what_breaks_before_the_payment_stands_leaves_the_key_free(
    till: Till, shop: Shop, point: str
) -> None:
    key = a_key()
    till.small.steps.crash_at = point
    reply = await shop.create(key=key)
    assert (reply.status, code_of(reply), reply.plain["retryable"]) == (500, "internal_error", True)
    assert (await shop.create(key=key)).status == 201


async def test_a_bug_is_a_500_that_says_nothing(till: Till, shop: Shop) -> None:
    till.small.books.trouble.append(RuntimeError("inner words"))
    reply = await shop.post(PAYMENTS, as_bytes(an_order()), a_key())
    assert (reply.status, code_of(reply)) == (500, "internal_error")
    assert b"inner" not in reply.body

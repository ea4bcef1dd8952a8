"""Refunds over PostgreSQL: taken on under the locked running total, held and sent one at a time."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.persistence.refunds.rows import READ_PARTS
from ekpay_switch.persistence.refunds.store import LEASE_DUE, OWED_BACK, READ_STANDING
from ekpay_switch.ports.collections import RefundOpened
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import TAKEN, Till
from tests.persistence.refunds.refund_setup import (
    BILLED,
    DELIVERED,
    NO,
    SILENCE,
    Office,
    given,
    open_office,
    wanted,
)


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    """An office whose books are proven once the test is through."""
    async with open_office(till) as office:
        yield office
        assert await till.books.audit() is None


# ---- taking a refund on


async def test_a_refund_is_owed_from_the_moment_it_is_taken_on(office: Office) -> None:
    paid = await office.completed()
    assert await office.till.balances() == DELIVERED

    view = await office.take(paid, 40_000)

    assert (view.payment_id, view.kind, view.state) == (paid.payment_id, "refund", "approved")
    assert (view.amount, view.reason) == (Money(40_000), "paid for the wrong meter")
    owed = {"payable:desco_postpaid": 40_000 - BILLED, "refund_due:bkash": -40_000}
    assert await office.till.balances() == DELIVERED | owed
    assert await office.running_total(paid) == 40_000
    row = await office.row(view.refund_id)
    assert (row["attempt_id"], row["connector_id"], row["asked_by"]) == (
        paid.attempt_id,
        "bkash",
        "api:bank1",
    )
    assert (row["sends"], row["steps"], row["epoch"], len(row["our_reference"])) == (0, 0, 0, 26)
    assert row["due_seconds"] <= 0
    assert await office.refunds.of_payment("bank1", paid.payment_id) == [view]
    assert await office.refunds.of_payment("another", paid.payment_id) == []


async def test_the_same_reference_is_the_same_refund_and_other_content_is_none(office: Office) -> None:
    paid, other = await office.completed(), await office.completed()
    new = wanted(paid.payment_id, 40_000)
    first = await office.ask(new)

    again = await office.ask(replace(wanted(paid.payment_id, 40_000), reference=new.reference))

    assert isinstance(first, RefundOpened)
    assert again == RefundOpened(first.view, is_repeat=True)
    for content in (replace(new, fingerprint=b"other bytes"), replace(new, payment_id=other.payment_id)):
        assert await office.ask(content) is RefundRefusal.OTHER_CONTENT
    assert await office.running_total(paid) == 40_000
    assert await office.books.count("refunds") == 1


async def test_all_refunds_together_are_at_most_what_the_payee_was_credited(office: Office) -> None:
    paid = await office.completed()
    await office.take(paid, 60_000)

    assert await office.ask(wanted(paid.payment_id, 45_001)) is RefundRefusal.EXCEEDS_REMAINING
    await office.take(paid, 45_000)
    assert await office.ask(wanted(paid.payment_id, 1)) is RefundRefusal.EXCEEDS_REMAINING
    assert await office.running_total(paid) == BILLED < TAKEN


async def test_parts_and_days_are_bounded_by_the_connector(office: Office) -> None:
    paid = await office.completed()
    failed = await office.take(paid, 100)
    await office.record(await office.sent(failed.refund_id), NO)
    await office.take(paid, 100)

    # What failed is no part of what was given back.
    assert await office.ask(wanted(paid.payment_id, 100), parts_max=1) is RefundRefusal.TOO_MANY_PARTS
    assert isinstance(await office.ask(wanted(paid.payment_id, 100), parts_max=2), RefundOpened)
    await office.books.tell("UPDATE tries SET collected_at = collected_at - interval '60 days'")
    assert await office.ask(wanted(paid.payment_id, 100), days_max=60) is RefundRefusal.TOO_LATE
    assert isinstance(await office.ask(wanted(paid.payment_id, 100), days_max=61), RefundOpened)


async def test_a_payment_that_is_not_completed_unknown_or_anothers_gives_nothing_back(office: Office) -> None:
    await office.books.partner("another")
    funded, paid = await office.till.funded(), await office.completed()
    waiting = await office.till.on_page()

    for held in (funded, waiting):
        assert await office.ask(wanted(held.payment_id)) is RefundRefusal.NOT_REFUNDABLE
    assert await office.ask(wanted(uuid7())) is RefundRefusal.UNKNOWN_PAYMENT
    stranger = wanted(paid.payment_id, partner_id="another")
    assert await office.ask(stranger) is RefundRefusal.UNKNOWN_PAYMENT
    assert await office.books.count("refunds") == 0


async def test_what_needs_a_second_person_is_held_in_the_total_and_not_owed(office: Office) -> None:
    paid = await office.completed()

    view = await office.take(paid, BILLED, needs_approval=True, requested_by="Rahima")

    assert view.state is RefundState.REQUESTED
    assert await office.ask(wanted(paid.payment_id, 1)) is RefundRefusal.EXCEEDS_REMAINING
    assert await office.till.balances() == DELIVERED
    assert (await office.row(view.refund_id))["next_action_at"] is None
    assert await office.lease() == []


# ---- sending


async def test_a_due_refund_is_held_by_one_and_knows_what_its_connector_must_be_told(office: Office) -> None:
    paid = await office.completed()
    done = await office.take(paid, 30_000)
    await office.done(done.refund_id)
    view = await office.take(paid, 40_000)

    (held,) = await office.lease()

    assert await office.lease() == []
    assert (held.payment_id, held.partner_id, held.lane) == (paid.payment_id, "bank1", 0)
    assert (held.payee, held.kind, held.state) == ("desco_postpaid", "refund", "approved")
    assert (held.epoch, held.sends, held.questions) == (1, 0, 0)
    assert held.collected_at <= held.now
    order, row = held.order, await office.row(view.refund_id)
    assert (order.refund_id, order.connector_id) == (view.refund_id, "bkash")
    assert (order.reference, order.reason) == (row["our_reference"], "paid for the wrong meter")
    assert order.provider_reference.startswith("TR0011")
    assert order.provider_transaction.startswith("TRX")
    assert (order.amount, order.collected) == (Money(40_000), Money(TAKEN))
    assert order.collected_reference == await office.books.value(
        "SELECT reference FROM attempts WHERE id = $1", row["attempt_id"]
    )
    assert order.collected_at == held.collected_at
    assert order.known_refunds == {(await office.row(done.refund_id))["provider_refund"]}
    assert not order.may_have_been_heard


async def test_a_refund_that_was_only_begun_is_held_with_the_name_that_it_has_over_there(
    office: Office,
) -> None:
    view = await office.take(await office.completed(), 1_000)
    held = await office.sent(view.refund_id)
    assert held.order.provider_refund == ""
    await office.record(held, given("R-1", 1_000, is_done=False))
    assert (await office.leased(view.refund_id)).order.provider_refund == "R-1"


async def test_one_refund_of_a_try_is_sent_at_a_time_and_the_oldest_first(office: Office) -> None:
    paid, other = await office.completed(), await office.completed()
    first, second = await office.take(paid, 1_000), await office.take(paid, 2_000)
    third = await office.take(other, 3_000)

    held = {one.refund_id: one for one in await office.lease()}
    assert set(held) == {first.refund_id, third.refund_id}
    assert await office.refunds.begin_send(held[first.refund_id], 90.0)
    assert await office.lease() == []

    await office.record(held[first.refund_id], SILENCE)
    assert await office.lease() == []
    await office.done(first.refund_id)
    assert [one.refund_id for one in await office.lease()] == [second.refund_id]


async def test_refunds_of_a_far_side_that_is_busy_are_passed_over(office: Office) -> None:
    await office.take(await office.completed())

    assert await office.refunds.lease_due(10, 45.0, passing_over=["bkash"]) == []
    assert await office.refunds.lease_due(0, 45.0) == []
    assert len(await office.refunds.lease_due(10, 45.0, passing_over=["nagad"])) == 1


async def test_a_sending_is_durable_before_it_happens_and_is_asked_about_after_its_hold(
    office: Office,
) -> None:
    view = await office.take(await office.completed(), 40_000)
    held = await office.leased(view.refund_id)

    assert await office.refunds.begin_send(held, 90.0)

    row = await office.row(view.refund_id)
    assert (row["state"], row["sends"], row["steps"]) == ("sent", 1, 1)
    assert 88 < row["due_seconds"] <= 90
    assert row["lease_until"] == row["next_action_at"]
    # Whoever takes it over after a crash must ask first.
    again = await office.leased(view.refund_id)
    assert (again.sends, again.state, again.order.may_have_been_heard) == (1, "sent", True)
    assert not await office.refunds.begin_send(held, 90.0)
    assert await office.refunds.begin_send(again, 90.0)
    assert await office.steps(view.refund_id) == [("sending", "switch")] * 2


async def test_a_sending_that_is_written_twice_is_one(office: Office) -> None:
    """Its COMMIT was not heard of, so the same call is simply made again."""
    view = await office.take(await office.completed(), 40_000)
    held = await office.leased(view.refund_id)

    assert await office.refunds.begin_send(held, 90.0)
    assert await office.refunds.begin_send(held, 90.0)

    assert (await office.row(view.refund_id))["sends"] == 1
    assert await office.steps(view.refund_id) == [("sending", "switch")]


async def test_a_second_refund_of_a_try_is_never_in_the_air_beside_the_first(office: Office) -> None:
    """Two that were leased before either was begun: the index is the last line."""
    paid = await office.completed()
    first, second = await office.take(paid, 1_000), await office.take(paid, 2_000)
    held = [await office.leased(view.refund_id) for view in (first, first)][-1]
    await office.books.tell("UPDATE refunds SET lease_until = NULL, next_action_at = now() + interval '1 h'")
    other = await office.leased(second.refund_id)

    assert await office.refunds.begin_send(held, 90.0)
    assert not await office.refunds.begin_send(other, 90.0)

    assert (await office.row(second.refund_id))["state"] == "approved"


async def test_a_refund_that_is_postponed_is_let_go(office: Office) -> None:
    view = await office.take(await office.completed())
    held = await office.leased(view.refund_id)

    await office.refunds.postpone(replace(held, epoch=held.epoch - 1), 7.0)
    assert (await office.row(view.refund_id))["lease_until"] is not None
    await office.refunds.postpone(held, 60.0)

    row = await office.row(view.refund_id)
    assert (row["state"], row["lease_until"]) == ("approved", None)
    assert 58 < row["due_seconds"] <= 60


# ---- plans are made on empty tables and kept while they grow

QUEUES = {
    "refunds": (LEASE_DUE, "bigint, interval, text[]", "9, '1 s', '{}'", "ix_refunds_next_action_at"),
    "give_backs": (OWED_BACK, "bigint", "9", "ix_payments_next_action_at"),
    "parts": (READ_PARTS, "uuid, uuid, text[]", "NULL, NULL, NULL", "ix_refunds_payment_id"),
    "reference": (READ_STANDING, "text, text", "'', ''", "uq_refunds_partner_id_reference"),
}


@pytest.mark.parametrize("name", QUEUES)
async def test_what_is_due_is_found_by_its_own_index(books: Books, name: str) -> None:
    query, types, values, index = QUEUES[name]
    connection = await books.database.connect_hot()
    try:
        await connection.execute(f"PREPARE hot ({types}) AS {query}")
        lines = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE hot ({values})")
    finally:
        await connection.close()
    plan = "\n".join(str(line[0]) for line in lines)
    assert index in plan
    assert "Seq Scan" not in plan
    # Neither all payments that were ever collected nor all refunds that were ever done are read.
    assert "Index Cond: (leg = 'funds'::text)" not in plan
    assert "uq_refunds_provider_refund" not in plan

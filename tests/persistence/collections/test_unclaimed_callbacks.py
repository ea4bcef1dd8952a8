"""Callbacks of strangers: bounded in time and number, while what belongs to a payment stays."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.persistence.collections import unclaimed_callbacks
from ekpay_switch.persistence.collections.unclaimed_callbacks import CLAIMED_MAX, drop_unclaimed_callbacks
from ekpay_switch.ports.collections import RawCallback
from tests.persistence.collections.collection_setup import Till, page
from tests.persistence.collections.test_callbacks import a_callback, a_hint

CONNECTORS = ("bkash", "nagad")
AGE = "UPDATE {} SET at = now() - interval '31 days' WHERE name = ANY($1)"
NAMES = "SELECT name FROM {} ORDER BY id"


@pytest.fixture
async def engine(till: Till) -> AsyncIterator[AsyncEngine]:
    engine = till.books.database.engine()
    yield engine
    await engine.dispose()


async def names_in(till: Till, table: str) -> list[str]:
    return [row["name"] for row in await till.books.rows(NAMES.format(table))]


async def from_strangers(till: Till, *names: str) -> None:
    for name in names:
        await till.callbacks.keep(a_callback(name), a_hint(f"nobody's {name}", f"no try's {name}"))


async def test_callbacks_of_strangers_are_bounded(till: Till, engine: AsyncEngine) -> None:
    held = await till.on_page()
    await till.callbacks.keep(a_callback("woke"), a_hint("", held.order.reference))
    await till.callbacks.keep(a_callback("forged", is_forged=True), a_hint("", held.order.reference))
    await till.callbacks.keep(a_callback("unreadable", why="no query"), None)
    await from_strangers(till, "old", "A", "B", "C", "D")
    for table in ("callbacks", "unclaimed_callbacks"):
        await till.books.tell(AGE.format(table), ["woke", "forged", "unreadable", "old"])

    assert await drop_unclaimed_callbacks(engine, CONNECTORS, kept_max=3) == 4

    assert await names_in(till, "callbacks") == ["woke"]
    assert await names_in(till, "unclaimed_callbacks") == ["B", "C", "D"]
    assert await drop_unclaimed_callbacks(engine, CONNECTORS, kept_max=3) == 0


async def test_one_connectors_strangers_push_out_nobody_elses(till: Till, engine: AsyncEngine) -> None:
    await till.callbacks.keep(RawCallback("nagad", "of nagad", {}, b""), None)
    await from_strangers(till, "A", "B")

    await drop_unclaimed_callbacks(engine, CONNECTORS, kept_max=1)

    assert await names_in(till, "unclaimed_callbacks") == ["of nagad", "B"]


async def test_so_many_are_dropped_a_turn(
    till: Till, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unclaimed_callbacks, "PRUNED_AT_ONCE", 2)
    await from_strangers(till, "A", "B", "C")
    turns = [await drop_unclaimed_callbacks(engine, CONNECTORS, timedelta(days=-1)) for _ in range(3)]
    assert turns == [2, 1, 0]


async def test_a_callback_that_came_early_is_claimed_and_stays(till: Till, engine: AsyncEngine) -> None:
    held = await till.opened()
    await till.callbacks.keep(a_callback("early"), a_hint("TR00110001"))
    await till.callbacks.keep(a_callback("forged", is_forged=True), a_hint("TR00110001"))
    assert await names_in(till, "callbacks") == []

    await till.record(held, page("TR00110001"))

    assert (await till.row(held))["is_agreed"] is True
    assert await names_in(till, "callbacks") == ["early"]
    assert await names_in(till, "unclaimed_callbacks") == ["forged"]
    assert await drop_unclaimed_callbacks(engine, CONNECTORS, timedelta(days=-1)) == 1
    assert await names_in(till, "callbacks") == ["early"]


@pytest.mark.parametrize("by_ours", [False, True])
async def test_whoever_knows_one_payment_fills_no_disk(till: Till, *, by_ours: bool) -> None:
    held = await till.on_page()
    name = ("", held.order.reference) if by_ours else ("TR00110001", "")
    insert = """
    INSERT INTO callbacks (connector_id, name, headers, body, provider_reference, reference)
    SELECT 'bkash', 'N' || n, '{}', '', nullif($1, ''), nullif($2, '') FROM generate_series(2, $3) AS n
    """
    await till.books.tell(insert, *name, CLAIMED_MAX)
    assert await till.callbacks.keep(a_callback("last"), a_hint(*name))
    await till.books.tell("UPDATE tries SET next_action_at = NULL")

    assert await till.callbacks.keep(a_callback("one more"), a_hint(*name))

    assert await till.books.count("callbacks") == CLAIMED_MAX
    assert await names_in(till, "unclaimed_callbacks") == ["one more"]
    assert (await till.row(held))["due_seconds"] <= 0


async def test_a_callback_about_a_refund_that_is_done_is_evidence(till: Till) -> None:
    held = await till.on_page()
    await till.books.tell("SET session_replication_role = replica")
    insert = """
    INSERT INTO refunds (id, payment_id, attempt_id, partner_id, connector_id, kind, reference, fingerprint,
      amount, reason, state, asked_by, our_reference, provider_refund)
    VALUES (gen_random_uuid(), $1, $2, 'bank1', 'bkash', 'refund', 'r', '', 1, '', 'done', 'a', 'OURS',
      'THEIRS')
    """
    await till.books.tell(insert, held.payment_id, held.attempt_id)

    await till.callbacks.keep(a_callback("by theirs"), a_hint("THEIRS"))
    await till.callbacks.keep(a_callback("by ours"), a_hint("", "OURS"))
    await till.callbacks.keep(RawCallback("nagad", "another's", {}, b""), a_hint("THEIRS", "OURS"))

    assert await names_in(till, "callbacks") == ["by theirs", "by ours"]
    assert await names_in(till, "unclaimed_callbacks") == ["another's"]


async def test_a_claimed_callback_that_is_repeated_is_not_kept_once_more(till: Till) -> None:
    held = await till.on_page()
    assert await till.callbacks.keep(a_callback(), a_hint("", held.order.reference))
    assert not await till.callbacks.keep(a_callback(), None)
    assert await till.books.count("unclaimed_callbacks") == 0

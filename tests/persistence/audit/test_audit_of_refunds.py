"""`ekpay audit` finds a lively book of collected money clean, and names the row that was tampered with."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.refund import NoRefundRoute
from ekpay_switch.persistence.audit.run import audit, run
from ekpay_switch.persistence.embedded.server import Endpoint
from tests.database import a_copy, at_the_server, database_of
from tests.persistence.audit.refund_tamperings import TAMPERINGS, placed
from tests.persistence.audit.tamperings import Tampering
from tests.persistence.collections.collection_setup import TAKEN, agreed, open_till
from tests.persistence.conftest import open_books
from tests.persistence.refunds.refund_setup import (
    CONSENTED,
    NO,
    OUR_LOSS,
    SILENCE,
    UNDOABLE,
    Office,
    given,
    open_office,
)

COLLECTED = "collected"
ASKS, AGREES = "Rahima", "Karim"


async def _live(office: Office) -> None:
    """Every fate that collected money and its refunds can have."""
    await _refund(office)
    await _bear(office)
    await _give_back(office)
    await _surprise(office)
    await office.till.on_page()
    await office.till.funded()
    await office.books.top_up("bank0", 100_000)
    await office.books.finish(await office.books.start("bank0"))


async def _refund(office: Office) -> None:
    """One completed payment of which everything was tried, and others for what would stand in its way."""
    paid, doubtful, waiting, taken = [await office.completed() for _ in range(4)]
    await office.done((await office.take(paid, 30_000)).refund_id)
    failed = await office.take(paid, 20_000)
    await office.record(await office.sent(failed.refund_id), NO)
    late = await office.take(paid, 3_000)
    slow = await office.sent(late.refund_id)
    await office.record(await office.sent(late.refund_id), NO)
    await office.record(slow, given("LATE-1", 3_000))
    unsure = await office.take(doubtful, 10_000)
    await office.record(await office.sent(unsure.refund_id), SILENCE)
    await office.take(doubtful, 5_000, needs_approval=True, requested_by=ASKS)
    await office.take(waiting, 10_000)
    rejected = await office.take(waiting, 7_000, needs_approval=True, requested_by=ASKS)
    await office.desk.reject(rejected.refund_id, AGREES)
    for name, amount in (("CB-1", 9_000), ("CB-2", TAKEN - 9_000)):
        view = await office.desk.record_chargeback(taken.payment_id, Money(amount), name, ASKS, UNDOABLE)
        await office.desk.approve(view.refund_id, AGREES)


async def _bear(office: Office) -> None:
    """Bills whose biller takes nothing back: our loss, one that was refused, and a biller that consents."""
    for burden, is_refused in ((OUR_LOSS, False), (OUR_LOSS, True), (CONSENTED, False)):
        held = await office.completed()
        view = await office.desk.request(
            held.payment_id, Money(4_000), "paid twice", ASKS, 10, 60, burden=burden
        )
        await office.desk.approve(view.refund_id, AGREES)
        if is_refused:
            await office.record(await office.sent(view.refund_id), NO)


async def _give_back(office: Office) -> None:
    """What billers refused: back, on its way, paid by hand, and not even opened."""
    await office.done(await office.given_back(await office.refused()))
    await office.sent(await office.given_back(await office.refused()))
    by_hand = await office.by_hand()
    await office.desk.record_paid_by_hand(by_hand, "BANK-1", ASKS)
    await office.desk.confirm_paid_by_hand(by_hand, AGREES)
    await office.by_hand()
    await office.refused()


async def _surprise(office: Office) -> None:
    """Money that came twice, and money that disagreed: in review, on its way back, and back."""
    await office.paid_twice()
    await _further(office)
    await _asked_of_review(office, await office.disagreed(99_900))
    refund_ids = [
        await _asked_of_review(office, await office.disagreed(amount)) for amount in (88_800, 77_700)
    ]
    refund_ids.append(await _asked_of_review(office, await office.completed_and_disagreed()))
    for refund_id in refund_ids:
        await office.desk.approve(refund_id, AGREES)
    await office.done(refund_ids[0])


async def _further(office: Office) -> None:
    """Two more movements under a try whose money disagreed: one owed, the other paid by hand."""
    held = await office.disagreed(66_600)
    for name, amount in (("FURTHER-1", 1_100), ("FURTHER-2", 2_200)):
        again = await office.till.leased(held)
        await office.till.record(again, agreed(again, name, amount=Money(amount)))
    query = "SELECT id FROM refunds WHERE further_movement_id IS NOT NULL AND amount = 2200"
    (row,) = await office.books.rows(query)
    leased = await office.leased(row["id"])
    assert await office.refunds.record(leased, NoRefundRoute("another movement")) is not None
    await office.desk.record_paid_by_hand(row["id"], "BANK-2", ASKS)
    await office.desk.confirm_paid_by_hand(row["id"], AGREES)


async def _asked_of_review(office: Office, held: LockedTry) -> UUID:
    return (
        await office.desk.request_review_give_back(held.payment_id, "not what was asked for", ASKS)
    ).refund_id


@pytest.fixture(scope="module")
def collected(endpoint: Endpoint) -> Iterator[Endpoint]:
    """A database with a lively book of collected money, which no test changes for good."""

    async def build() -> None:
        async with a_copy(endpoint) as place:
            async with open_books(place) as books:
                await books.partner("bank0")
                await books.partner("bank1")
                async with open_till(books) as till, open_office(till) as office:
                    await _live(office)
            await at_the_server(endpoint, f"ALTER DATABASE {place.database} RENAME TO {COLLECTED}")
            await at_the_server(endpoint, f"CREATE DATABASE {place.database}")

    asyncio.run(build())
    yield replace(endpoint, database=COLLECTED)
    asyncio.run(at_the_server(endpoint, f"DROP DATABASE {COLLECTED} WITH (FORCE)"))


@pytest.fixture
async def superuser(collected: Endpoint) -> AsyncIterator[asyncpg.Connection]:
    """Whom no grant holds back, and whose changes are undone after the test."""
    connection = await asyncpg.connect(collected.dsn("postgres"))
    tampering = connection.transaction(isolation="repeatable_read")
    await tampering.start()
    yield connection
    await tampering.rollback()
    await connection.close()


async def test_a_lively_book_of_collected_money_is_clean(
    collected: Endpoint, superuser: asyncpg.Connection
) -> None:
    kinds = {(row[0], row[1]) for row in await superuser.fetch("SELECT kind, state FROM refunds")}
    assert kinds == {
        *(("refund", state) for state in ("approved", "asked", "done", "failed", "in_doubt", "rejected")),
        *(("give_back", state) for state in ("asked", "approved", "sent", "by_hand", "done")),
        *(("unexpected", state) for state in ("approved", "done")),
        ("chargeback", "done"),
    }
    states = {row[0] for row in await superuser.fetch("SELECT DISTINCT state FROM payments")}
    assert states == {"collecting", "funded", "completed", "refunding", "refunded", "in_review"}
    assert await run(database_of(collected)) is None


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name.replace(" ", "_"))
async def test_a_tampering_with_collected_money_is_found_and_its_row_named(
    superuser: asyncpg.Connection, tampering: Tampering
) -> None:
    named = await superuser.fetchval(placed(tampering.row))
    assert named is not None
    for statement in tampering.statements:
        touched = await superuser.execute(placed(statement))
        assert not touched.endswith(" 0"), f"changed nothing: {statement}"

    finding = await audit(superuser)

    assert finding is not None, "not found"
    assert finding.row == named, str(finding)
    assert finding.why

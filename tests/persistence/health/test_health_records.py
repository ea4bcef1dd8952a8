"""Records of how institutions do, reckoned from attempts of real books."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.persistence.health.store import PostgresHealth
from tests.persistence.books import Books
from tests.persistence.carts.cart_setup import Portal, open_portal

NEW_ATTEMPT = """
INSERT INTO attempts (id, payment_id, leg, far_side, reference, state, outcome, step, sends, send_until,
  opened_at, closed_at)
SELECT gen_random_uuid(), id, $1, $2, gen_random_uuid()::text, $3, $4, $5, 1, now() + $6::interval,
  now() - $7::interval, CASE WHEN $3 = 'closed' THEN now() - $7::interval + $8::interval END
FROM payments LIMIT 1
"""
DUE = """
UPDATE payments SET next_action_at = now()
WHERE id IN (SELECT payment_id FROM attempts WHERE far_side = 'dpdc')
"""
SECOND = timedelta(seconds=1)


@dataclass
class Office:
    """The records over one test's books, in which one cart was paid long ago."""

    portal: Portal
    health: PostgresHealth

    async def attempt(
        self,
        outcome: str | None,
        *,
        leg: str = "delivery",
        far_side: str = "dpdc",
        step: str = "pay",
        seconds: float = 1.0,
        ago: timedelta = timedelta(hours=1),
        send_until: timedelta = -SECOND,
    ) -> None:
        state = "abandoned" if outcome is None else "closed"
        await self.portal.books.tell(
            NEW_ATTEMPT, leg, far_side, state, outcome, step, send_until, ago, seconds * SECOND
        )


@pytest.fixture
async def office(books: Books) -> AsyncIterator[Office]:
    async with open_portal(books) as portal:
        await portal.worked((await portal.paid("titas"))[0])
        await portal.books.tell("UPDATE attempts SET opened_at = opened_at - interval '2 days'")
        yield Office(portal, PostgresHealth(portal.engine))


async def test_deliveries_are_counted_by_how_they_ended(office: Office) -> None:
    for seconds in (0.5, 1.0, 3.0):
        await office.attempt("approved" if seconds == 1.0 else "declined", seconds=seconds)
    await office.attempt("unreached", seconds=0.1)
    await office.attempt("not_posted", seconds=90)
    await office.attempt(None)
    await office.attempt(None, send_until=SECOND)
    await office.health.reckon(2.0)
    record = (await office.health.all())["dpdc"]
    counts = (record.tries, record.approved, record.declined, record.failed, record.unknown, record.in_time)
    assert counts == (6, 1, 2, 2, 1, 3)
    assert (record.p50_seconds, record.p95_seconds) == (1.0, 1.0)
    assert datetime.now(UTC) - record.at < timedelta(minutes=5)


async def test_percentiles_are_of_what_was_approved(office: Office) -> None:
    for number in range(1, 101):
        await office.attempt("declined", far_side="wasa", seconds=50 + number)
    await office.attempt("approved", far_side="wasa", seconds=4)
    await office.health.reckon(2.0)
    record = (await office.health.all())["wasa"]
    assert (record.p50_seconds, record.p95_seconds, record.tries) == (4.0, 4.0, 101)


async def test_a_payer_who_left_is_no_failure_and_one_on_a_page_is_not_unknown(office: Office) -> None:
    for outcome in ("never_paid", "lapsed"):
        await office.attempt(outcome, leg="funds", far_side="nagad", step="create")
    await office.attempt(None, leg="funds", far_side="nagad", step="create")
    await office.attempt("declined", leg="funds", far_side="nagad", step="execute", seconds=300)
    await office.attempt("no_page", leg="funds", far_side="nagad", step="create")
    await office.attempt(None, leg="funds", far_side="nagad", step="execute")
    await office.health.reckon(2.0)
    record = (await office.health.all())["nagad"]
    counts = (record.approved, record.declined, record.failed, record.unknown, record.in_time)
    assert counts == (0, 1, 1, 1, 2)
    assert (record.p50_seconds, record.p95_seconds) == (None, None)


async def test_only_the_last_day_counts_and_a_record_is_written_anew(office: Office) -> None:
    await office.attempt("declined", ago=timedelta(hours=25))
    await office.health.reckon(2.0)
    assert await office.health.all() == {}
    await office.attempt("approved")
    for _ in range(2):
        await office.health.reckon(2.0)
    assert (await office.health.all())["dpdc"].tries == 1


async def test_the_oldest_doubt_is_told_however_old_it_is(office: Office) -> None:
    await office.attempt(None, ago=timedelta(days=9))
    await office.portal.books.tell(DUE)
    await office.health.reckon(2.0)
    record = (await office.health.all())["dpdc"]
    assert record.tries == 0
    assert record.oldest_unknown is not None
    assert timedelta(days=8) < datetime.now(UTC) - record.oldest_unknown < timedelta(days=10)
    await office.portal.books.tell("UPDATE payments SET next_action_at = NULL")


async def test_who_was_not_asked_for_long_is_forgotten(office: Office) -> None:
    await office.attempt("approved")
    await office.health.reckon(2.0)
    await office.portal.books.tell("DELETE FROM attempts WHERE far_side = 'dpdc'")
    await office.portal.books.tell("UPDATE institution_health SET at = now() - interval '11 minutes'")
    await office.health.reckon(2.0)
    assert await office.health.all() == {}


async def test_what_a_planned_stop_kept_from_a_biller_says_nothing_about_it(
    office: Office,
) -> None:
    now = datetime.now(UTC)
    stop = PlannedStop(now - timedelta(hours=2), now - timedelta(minutes=30))
    await office.attempt("unreached")
    await office.attempt("unreached", ago=timedelta(hours=3))
    await office.attempt("unreached", ago=timedelta(minutes=10))
    await office.attempt("approved")
    await office.attempt(None)
    await office.attempt("unreached", far_side="wasa")
    await office.health.reckon(2.0, [("dpdc", stop)])
    records = await office.health.all()
    dpdc, wasa = records["dpdc"], records["wasa"]
    assert (dpdc.tries, dpdc.approved, dpdc.failed, dpdc.unknown) == (4, 1, 2, 1)
    assert (wasa.tries, wasa.failed) == (1, 1)
    await office.health.reckon(2.0)
    assert (await office.health.all())["dpdc"].failed == 3

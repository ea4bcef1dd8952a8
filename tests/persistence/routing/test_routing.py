"""What routing remembers: decisions with their tries, outcomes with their findings, a picture of both."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch import telemetry
from ekpay_switch.domain.collections.funding import NothingCollected, StillOpen, TryEnd
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.decision import Decision
from ekpay_switch.persistence.routing.decisions import count_decisions, read_decisions
from ekpay_switch.persistence.routing.store import count_breakers, drop_old_outcomes
from ekpay_switch.ports.collections import BillTaken, CollectionOpened
from tests.persistence.collections.collection_setup import TAKEN, Till, a_try, agreed, open_till, page
from tests.persistence.routing.routing_setup import Desk, a_routed_try, open_desk
from tests.scenarios.routing import card_rules

DOUBT = StillOpen(90.0, "the answer was cut off", was_asked=False, is_new_doubt=True)
SOON = datetime(2200, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    async with open_desk(till) as desk:
        yield desk


async def kept(desk: Desk) -> list[Decision]:
    engine = desk.books.database.engine()
    found = [one.decision async for one in read_decisions(engine, LONG_AGO, SOON)]
    assert await count_decisions(engine, LONG_AGO, SOON) == len(found)
    await engine.dispose()
    return found


# ---- decisions


async def test_a_decision_is_kept_with_its_try_and_reads_as_it_was_made(desk: Desk) -> None:
    new = desk.till.new(first=a_routed_try())
    held = await desk.till.opened(new)
    assert await kept(desk) == [new.first.decision]
    (row,) = await desk.books.rows("SELECT * FROM routing_decisions")
    assert (row["attempt_id"], row["payment_id"]) == (held.attempt_id, held.payment_id)
    assert (row["instrument"], row["kind"], row["chosen"], row["approach"]) == ("ebl", "card", "ebl", "named")
    assert (row["amount"], row["version"]) == (TAKEN, "test")


async def test_a_try_without_a_decision_leaves_none(desk: Desk) -> None:
    held = await desk.till.opened()
    await desk.till.record(held, page("P1"))
    assert (await kept(desk), await desk.outcomes("bkash")) == ([], [])


async def test_where_nothing_was_opened_no_decision_is_kept(desk: Desk) -> None:
    await desk.till.opened(desk.till.new(bill="B1", first=a_routed_try()))
    answer = await desk.till.collections.open(desk.till.new(bill="B1", first=a_routed_try()))
    assert isinstance(answer, BillTaken)
    assert len(await kept(desk)) == 1


async def test_an_opening_that_is_written_again_keeps_one_decision(desk: Desk) -> None:
    """A COMMIT was not heard of."""
    new = desk.till.new(first=a_routed_try())
    for _ in range(2):
        assert isinstance(await desk.till.collections.open(new), CollectionOpened)
    assert len(await kept(desk)) == 1


async def test_each_further_try_has_a_decision_of_its_own(desk: Desk) -> None:
    held = await desk.lost()
    await desk.till.collections.open_try("bank1", held.payment_id, a_routed_try("city_bank"), 0.0)
    assert [decision.chosen_connector for decision in await kept(desk)] == ["ebl", "city_bank"]


async def test_decisions_are_read_in_portions_of_any_size(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await desk.opened()
    await desk.books.tell("UPDATE routing_decisions SET at = date_trunc('day', at)")
    for size in (1, 2, 3, 4, 5):
        monkeypatch.setattr("ekpay_switch.persistence.routing.decisions.AT_ONCE", size)
        assert len(await kept(desk)) == 4
    engine = desk.books.database.engine()
    assert await count_decisions(engine, SOON, SOON + timedelta(days=1)) == 0
    await engine.dispose()


# ---- outcomes


async def test_an_outcome_is_written_with_its_finding(desk: Desk) -> None:
    held = await desk.opened()
    await desk.till.record(held, page("P1"))
    held = await desk.till.leased(held)
    await desk.till.record(held, agreed(held))
    assert await desk.outcomes() == ["page", "collected"]
    known = await desk.candidate()
    assert (known.successes, known.outcomes) == (1, 1)


async def test_a_try_that_was_in_doubt_stays_a_failure_whatever_comes_of_it(desk: Desk) -> None:
    held = await desk.opened()
    await desk.till.record(held, page("P1"))
    held = await desk.till.leased(held)
    await desk.till.record(held, DOUBT)
    held = await desk.till.leased(held)
    await desk.till.record(held, agreed(held))
    assert await desk.outcomes() == ["page", "in_doubt"]
    known = await desk.candidate()
    assert (known.successes, known.outcomes) == (0, 1)


async def test_a_finding_under_an_old_epoch_has_no_outcome(desk: Desk) -> None:
    held = await desk.opened()
    await desk.till.leased(held)
    assert await desk.till.collections.record(held, NothingCollected(TryEnd.NO_PAGE, "cut off")) is None
    assert await desk.outcomes() == []


async def test_a_finding_that_is_written_twice_has_one_outcome(desk: Desk) -> None:
    held = await desk.lost()
    await desk.till.record(held, NothingCollected(TryEnd.NO_PAGE, "cut off"))
    assert await desk.outcomes() == ["no_page"]


async def test_the_record_is_of_the_newest_within_the_window(desk: Desk) -> None:
    filled = """
    INSERT INTO routing_outcomes (attempt_id, connector_id, instrument, outcome, at)
    SELECT gen_random_uuid(), 'ebl', $1, $2, now() - make_interval(secs => $3) FROM generate_series(1, $4)
    """
    await desk.books.tell(filled, "card", "unreached", 901.0, 50)
    await desk.books.tell(filled, "card", "unreached", 600.0, 50)
    await desk.books.tell(filled, "card", "collected", 300.0, 180)
    await desk.books.tell(filled, "card", "page", 1.0, 500)
    await desk.books.tell(filled, "account", "unreached", 1.0, 500)
    known = await desk.candidate()
    assert (known.successes, known.outcomes) == (180, 200)


async def test_old_outcomes_are_dropped(desk: Desk) -> None:
    await desk.lost()
    engine = desk.books.database.engine()
    assert await drop_old_outcomes(engine) == 0
    await desk.books.tell("UPDATE routing_outcomes SET at = now() - interval '1 hour 1 second'")
    await desk.lost()
    assert await drop_old_outcomes(engine) == 1
    assert await drop_old_outcomes(engine) == 0
    assert await desk.books.count("routing_outcomes") == 1
    await engine.dispose()


# ---- the picture


async def test_a_decision_costs_no_query_while_the_picture_is_fresh(desk: Desk) -> None:
    first = await desk.here.candidates()
    assert {one.connector_id for one in first} == {"bkash", "ebl", "brac_bank", "city_bank"}
    await desk.lost()
    desk.clock.pass_by(0.9)
    assert await desk.here.candidates() is first
    desk.clock.pass_by(0.2)
    known = {one.connector_id: one for one in await desk.here.candidates()}
    assert known["ebl"].outcomes == 1


async def test_what_payers_chose_is_counted_once_in_five_minutes(desk: Desk) -> None:
    assert await desk.here.chosen_instruments() == {}
    await desk.opened()
    await desk.opened()
    desk.clock.pass_by(299)
    assert await desk.here.chosen_instruments() == {}
    desk.clock.pass_by(2)
    assert await desk.here.chosen_instruments() == {"ebl": 2}


async def test_what_came_and_what_is_in_the_air_is_used_of_the_days_cap(till: Till) -> None:
    rules = replace(card_rules(), daily_caps={"ebl": Money(10**9)})
    async with open_desk(till, rules) as desk:
        held = await desk.opened()
        await till.record(held, page("P1"))
        await desk.opened()
        assert (await desk.candidate()).used_today == Money(2 * TAKEN)
        await desk.lost()
        held = await till.leased(held)
        await till.record(held, agreed(held))
        assert (await desk.candidate()).used_today == Money(2 * TAKEN)
        await desk.opened("brac_bank")
        assert (await desk.candidate("brac_bank")).used_today == Money(0)
        await desk.books.tell("UPDATE routing_decisions SET at = at - interval '24 hours'")
        assert (await desk.candidate()).used_today == Money(0)


async def test_open_breakers_can_be_seen_from_outside(desk: Desk) -> None:
    await desk.open_since(5.0)
    engine = desk.books.database.engine()
    await count_breakers(engine)
    await engine.dispose()
    assert b'ekpay_breaker_open{connector_id="ebl"} 1.0' in telemetry.render()


async def test_tries_from_before_there_were_decisions_go_on(till: Till) -> None:
    async with open_till(till.books) as other:
        held = await other.opened(other.new(first=a_try("ebl")))
        await other.record(held, NothingCollected(TryEnd.NO_PAGE, "cut off"))
    async with open_desk(till) as desk:
        assert (await desk.candidate()).outcomes == 0

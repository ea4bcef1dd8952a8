"""One breaker for all processes: it opens with the fifth doubt whoever writes it, and comes back once."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from ekpay_switch import telemetry
from ekpay_switch.domain.collections.funding import LockedTry, NothingCollected, TryEnd
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.persistence.routing.store import read_breakers
from tests.persistence.collections.collection_setup import LAPSED, Till, agreed, open_till, page
from tests.persistence.routing.routing_setup import NO_PAGE, Desk, open_desk
from tests.scenarios.routing import card_rules

UNREACHED = NothingCollected(TryEnd.UNREACHED, "connect refused")
A, B = UUID(int=1), UUID(int=2)


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    async with open_desk(till) as desk:
        yield desk


async def test_the_fifth_doubt_opens_it_in_its_own_transaction(desk: Desk) -> None:
    for _ in range(4):
        await desk.lost()
    assert await desk.state() is BreakerState.CLOSED
    await desk.lost()
    breaker = await desk.breaker()
    assert (breaker["state"], breaker["because"]) == ("open", "5 in doubt in a row")
    assert (await desk.candidate()).breaker is BreakerState.OPEN


async def test_five_doubts_at_the_same_moment_open_it(desk: Desk) -> None:
    """None of the five transactions sees the others begin, and yet one of them is the fifth."""
    held = [await desk.opened() for _ in range(5)]
    async with open_till(desk.books, connections=8) as other:
        await asyncio.gather(
            *((other if number % 2 else desk.till).record(one, NO_PAGE) for number, one in enumerate(held))
        )
    assert await desk.state() is BreakerState.OPEN
    assert (await desk.breaker())["epoch"] == 1


async def test_an_answer_between_ends_the_row(desk: Desk) -> None:
    for _ in range(4):
        await desk.lost()
    held = await desk.opened()
    await desk.till.record(held, page("P1"))
    await desk.lost()
    assert await desk.state() is BreakerState.CLOSED


async def test_doubts_that_are_forgotten_do_not_count(desk: Desk) -> None:
    for _ in range(4):
        await desk.lost()
    await desk.books.tell("UPDATE routing_outcomes SET at = at - interval '1 hour 1 second'")
    await desk.lost()
    assert await desk.state() is BreakerState.CLOSED


async def test_each_connector_has_its_own(desk: Desk) -> None:
    for name in ("ebl", "brac_bank") * 3:
        await desk.lost(name)
    assert (await desk.state(), await desk.state("brac_bank")) == (BreakerState.CLOSED, BreakerState.CLOSED)


# ---- half open


async def test_an_answered_question_half_opens_it_after_the_hold_and_not_before(desk: Desk) -> None:
    await desk.open_since(29.0)
    await desk.here.record_answer("ebl")
    assert await desk.state() is BreakerState.OPEN
    await desk.books.tell("UPDATE connector_breakers SET since = since - interval '1 second'")
    await asyncio.gather(desk.here.record_answer("ebl"), desk.there.record_answer("ebl"))
    breaker = await desk.breaker()
    assert (breaker["state"], breaker["epoch"]) == ("half_open", 1)


async def test_an_answer_of_one_that_is_not_open_changes_nothing(desk: Desk) -> None:
    await desk.here.record_answer("ebl")
    assert await desk.books.count("connector_breakers") == 0


async def half_open(desk: Desk) -> None:
    await desk.open_since(31.0)
    await desk.here.record_answer("ebl")
    desk.look_again()


async def test_one_of_two_processes_gets_the_place(desk: Desk) -> None:
    await half_open(desk)
    places = await asyncio.gather(
        desk.here.reserve_probe("ebl", A, 10.0), desk.there.reserve_probe("ebl", B, 10.0)
    )
    assert sorted(places) == [False, True]
    assert (await desk.candidate()).is_probed
    assert not await desk.here.reserve_probe("ebl", B, 10.0)


async def test_a_place_whose_holder_died_is_free_again(desk: Desk) -> None:
    await half_open(desk)
    assert await desk.here.reserve_probe("ebl", A, 0.05)
    await asyncio.sleep(0.1)
    desk.look_again()
    assert await desk.there.reserve_probe("ebl", B, 10.0)


async def test_a_place_needs_no_query_where_nothing_is_open(desk: Desk) -> None:
    await desk.here.candidates()
    await desk.books.tell("DROP TABLE connector_breakers")
    assert await desk.here.reserve_probe("ebl", A, 10.0)


async def test_a_picture_from_before_it_closed_holds_nobody_back(desk: Desk) -> None:
    await half_open(desk)
    await desk.there.candidates()
    await desk.books.tell("UPDATE connector_breakers SET state = 'closed'")
    assert await desk.there.reserve_probe("ebl", A, 10.0)


async def test_a_page_gives_the_place_back_and_money_closes_it(desk: Desk) -> None:
    await half_open(desk)
    held = await desk.opened()
    assert await desk.here.reserve_probe("ebl", held.attempt_id, 60.0)
    await desk.till.record(held, page("P1"))
    breaker = await desk.breaker()
    assert (breaker["state"], breaker["probe"], breaker["probe_until"]) == ("half_open", "", None)
    held = await desk.till.leased(held)
    await desk.till.record(held, agreed(held))
    assert await desk.state() is BreakerState.CLOSED
    # What was before it closed does not count any more.
    for _ in range(4):
        await desk.lost()
    assert await desk.state() is BreakerState.CLOSED


async def test_a_doubt_opens_it_again(desk: Desk) -> None:
    await half_open(desk)
    held = await desk.opened()
    assert await desk.here.reserve_probe("ebl", held.attempt_id, 60.0)
    await desk.till.record(held, UNREACHED)
    breaker = await desk.breaker()
    assert (breaker["state"], breaker["because"]) == ("open", "unreached while half open")
    assert (breaker["probe"], breaker["probe_until"]) == ("", None)


async def test_money_of_a_page_from_before_does_not_close_it(desk: Desk) -> None:
    held = await desk.opened()
    await desk.till.record(held, page("P1"))
    await half_open(desk)
    held = await desk.till.leased(held)
    await desk.till.record(held, agreed(held))
    assert await desk.state() is BreakerState.HALF_OPEN


# ---- nobody asks


async def ended(desk: Desk) -> LockedTry:
    """A try with a name over there that has come to its end; nobody would ask about it again."""
    held = await desk.opened()
    await desk.till.record(held, page(desk.till.next_page()))
    held = await desk.till.leased(held)
    await desk.till.record(held, LAPSED)
    row = await desk.till.row(held)
    assert (row["state"], row["next_action_at"]) == ("closed", None)
    return held


async def test_one_process_makes_a_question_about_the_newest_ended_try_due(desk: Desk) -> None:
    older, newer = await ended(desk), await ended(desk)
    await desk.lost()
    await desk.open_since(31.0)
    await asyncio.gather(desk.here.look_after_breakers(), desk.there.look_after_breakers())
    assert (await desk.till.row(newer))["due_seconds"] <= 0
    assert (await desk.till.row(older))["next_action_at"] is None
    assert await desk.state() is BreakerState.OPEN
    # Once in the time of the hold: whoever looks again makes nothing due.
    await desk.books.tell("UPDATE tries SET next_action_at = NULL")
    desk.look_again()
    await desk.there.look_after_breakers()
    assert (await desk.till.row(newer))["next_action_at"] is None


async def test_before_the_hold_is_over_nobody_is_asked(desk: Desk) -> None:
    held = await ended(desk)
    await desk.open_since(29.0)
    await desk.here.look_after_breakers()
    assert (await desk.till.row(held))["next_action_at"] is None


async def test_one_that_nobody_can_ask_half_opens_by_itself(desk: Desk) -> None:
    await desk.open_since(599.0)
    await desk.here.look_after_breakers()
    assert await desk.state() is BreakerState.OPEN
    await desk.books.tell("UPDATE connector_breakers SET since = since - interval '1 second'")
    await desk.here.look_after_breakers()
    assert await desk.state() is BreakerState.HALF_OPEN


async def test_where_nothing_is_open_nothing_is_looked_after(desk: Desk) -> None:
    await desk.here.candidates()
    # Whoever looked after anything would fail on the missing table.
    await desk.books.tell("DROP TABLE connector_breakers")
    await desk.here.look_after_breakers()


async def test_a_person_sees_how_they_stand(desk: Desk) -> None:
    await desk.open_since(5.0)
    engine = desk.books.database.engine()
    (shown,) = await read_breakers(engine, card_rules())
    await engine.dispose()
    assert (shown.connector_id, shown.breaker.state) == ("ebl", BreakerState.OPEN)
    assert shown.half_opens_by is not None
    assert shown.breaker.since is not None
    assert (shown.half_opens_by - shown.breaker.since).total_seconds() == 600


async def test_an_answer_that_cannot_be_noted_is_no_reason_to_lose_it(desk: Desk) -> None:
    """Whoever heard it has to record it yet."""
    await desk.books.tell("DROP TABLE connector_breakers")
    errors = telemetry.LOOP_ERRORS.labels("breaker_not_moved")
    before = errors._value.get()  # noqa: SLF001 - what was counted
    await desk.here.record_answer("ebl")
    assert errors._value.get() == before + 1  # noqa: SLF001 - the same

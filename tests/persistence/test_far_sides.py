"""What processes share about a far side: questions spaced out, one login at a time, tokens sealed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ekpay_switch.persistence.far_sides import FarSides
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.sealed_fields import Sealer
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wing_kit.token_keeper import Grant, KeeperTimes, NoToken, TokenKeeper
from tests.persistence.books import Books

SEALER = Sealer(KeyRing(bytes(range(32))).sub_key("far-side-tokens/1"))
DESCO = "desco"


@pytest.fixture
async def two(books: Books) -> AsyncIterator[tuple[FarSides, FarSides]]:
    """The same far sides as two processes see them."""
    engines = [books.database.engine() for _ in range(2)]
    yield FarSides(engines[0], SEALER), FarSides(engines[1], SEALER)
    for engine in engines:
        await engine.dispose()


async def test_questions_of_all_processes_share_one_budget(two: tuple[FarSides, FarSides]) -> None:
    waits = await asyncio.gather(*(two[number % 2].take(DESCO, 0.5) for number in range(6)))

    assert sorted(wait == 0 for wait in waits) == [False] * 5 + [True]
    assert all(1.0 < wait <= 2.1 for wait in waits if wait)


async def test_a_question_may_be_had_again_after_its_spacing(
    books: Books, two: tuple[FarSides, FarSides]
) -> None:
    assert await two[0].take(DESCO, 0.001) == 0
    assert await two[1].take(DESCO, 0.001) > 900
    await books.tell("UPDATE far_sides SET next_inquiry_at = now()")
    assert await two[1].take(DESCO, 0.001) == 0
    # Not a burst: what was not asked is not saved up.
    assert await two[0].take(DESCO, 0.001) > 900


async def test_each_far_side_has_a_budget_of_its_own(two: tuple[FarSides, FarSides]) -> None:
    assert [await two[0].take(far_side, 0.001) for far_side in ("desco", "dpdc", "nesco")] == [0, 0, 0]


async def test_one_of_all_callers_logs_in(two: tuple[FarSides, FarSides]) -> None:
    leases = await asyncio.gather(*(two[number % 2].lease(DESCO, 60) for number in range(10)))
    assert sorted(lease is None for lease in leases) == [False] + [True] * 9
    assert await two[0].current(DESCO) is None


async def test_a_token_is_stored_sealed_and_read_by_everybody(
    books: Books, two: tuple[FarSides, FarSides]
) -> None:
    epoch = await two[0].lease(DESCO, 60)
    assert epoch is not None
    assert await two[0].store(DESCO, epoch, "a bearer token", 600)

    assert await two[1].current(DESCO) == "a bearer token"
    assert b"a bearer token" not in await books.value("SELECT token_sealed FROM far_sides")
    assert await two[1].lease(DESCO, 60) == epoch + 1


async def test_a_token_is_believed_for_its_life_only(books: Books, two: tuple[FarSides, FarSides]) -> None:
    epoch = await two[0].lease(DESCO, 60)
    assert epoch is not None
    await two[0].store(DESCO, epoch, "a bearer token", 600)
    await books.tell("UPDATE far_sides SET token_until = now()")
    assert await two[0].current(DESCO) is None


async def test_a_lease_that_was_lost_stores_nothing(books: Books, two: tuple[FarSides, FarSides]) -> None:
    old = await two[0].lease(DESCO, 60)
    assert old is not None
    await books.tell("UPDATE far_sides SET login_until = now() - interval '1 second'")
    new = await two[1].lease(DESCO, 60)
    assert new == old + 1

    assert not await two[0].store(DESCO, old, "an old token", 600)
    assert await two[0].current(DESCO) is None
    assert await two[1].store(DESCO, new, "a new token", 600)
    assert await two[0].current(DESCO) == "a new token"


async def test_a_login_that_failed_lets_the_next_caller_try(two: tuple[FarSides, FarSides]) -> None:
    epoch = await two[0].lease(DESCO, 60)
    assert epoch is not None
    assert await two[1].lease(DESCO, 60) is None

    await two[0].release(DESCO, epoch)

    assert await two[1].lease(DESCO, 60) == epoch + 1
    # Released again by who had it before: the new holder keeps it.
    await two[0].release(DESCO, epoch)
    assert await two[0].lease(DESCO, 60) is None


async def test_a_refused_token_is_forgotten_unless_another_came_meanwhile(
    two: tuple[FarSides, FarSides],
) -> None:
    epoch = await two[0].lease(DESCO, 60)
    assert epoch is not None
    await two[0].store(DESCO, epoch, "a new token", 600)

    await two[1].drop(DESCO, "an old token")
    assert await two[0].current(DESCO) == "a new token"
    await two[1].drop(DESCO, "a new token")
    assert await two[0].current(DESCO) is None
    await two[1].drop("a stranger", "a token")


async def test_logins_of_all_processes_are_counted_by_the_hour(
    books: Books, two: tuple[FarSides, FarSides]
) -> None:
    epoch = await two[0].lease(DESCO, 60)
    assert epoch is not None
    counted = await asyncio.gather(*(two[number % 2].count_login(DESCO, epoch, 2) for number in range(6)))
    assert sorted(counted) == [False] * 4 + [True] * 2

    an_hour_ago = "now() - interval '60 minutes 1 second'"
    await books.tell(f"UPDATE far_sides SET logins_at[1] = {an_hour_ago}")  # noqa: S608 - two constants
    assert await two[1].count_login(DESCO, epoch, 2)
    assert not await two[0].count_login(DESCO, epoch, 2)
    assert await books.value("SELECT cardinality(logins_at) FROM far_sides") == 2


async def test_who_lost_the_lease_counts_no_login(books: Books, two: tuple[FarSides, FarSides]) -> None:
    old = await two[0].lease(DESCO, 60)
    assert old is not None
    await books.tell("UPDATE far_sides SET login_until = now() - interval '1 second'")
    assert await two[1].lease(DESCO, 60) == old + 1
    assert not await two[0].count_login(DESCO, old, 2)
    assert await books.value("SELECT cardinality(logins_at) FROM far_sides") == 0


async def test_a_login_that_was_not_sent_is_taken_off_the_count(
    books: Books, two: tuple[FarSides, FarSides]
) -> None:
    epoch = await two[0].lease(DESCO, 60)
    assert epoch is not None
    await two[0].uncount_login(DESCO, epoch)
    assert await two[0].count_login(DESCO, epoch, 1)
    await two[1].uncount_login(DESCO, epoch - 1)
    assert not await two[1].count_login(DESCO, epoch, 1)
    await two[1].uncount_login(DESCO, epoch)
    assert await books.value("SELECT cardinality(logins_at) FROM far_sides") == 0


async def test_keepers_of_two_processes_log_in_twice_within_an_hour_and_no_more(
    two: tuple[FarSides, FarSides],
) -> None:
    logins = 0

    async def log_in(last: str) -> Grant | NoToken:
        nonlocal logins
        del last
        logins += 1
        return Grant(f"token-{logins}", 3600)

    times = KeeperTimes(lease_seconds=20, wait_seconds=10, pause_seconds=0, logins_per_hour=2)
    keepers = [TokenKeeper(DESCO, far_sides, SystemClock(), log_in, times) for far_sides in two]
    for _ in range(4):
        for keeper in keepers:
            token = await keeper.token(5)
            if isinstance(token, str):
                keeper.refuse(token)
    assert await keepers[0].token(5) == NoToken("no login is left within this hour")
    assert logins == 2

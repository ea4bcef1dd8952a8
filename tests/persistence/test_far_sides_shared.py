"""What processes share about a far side: questions spaced out, one login at a time, tokens sealed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ekpay_switch.persistence.far_sides import FarSides
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.sealed_fields import Sealer
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

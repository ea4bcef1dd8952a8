"""A token that is taken just after a rotation is good in every process for its whole hour."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ekpay_switch.persistence.parties.partners import CachedPartners, NewPartner, Partners
from ekpay_switch.ports.world import Partner
from ekpay_switch.security.keys import KeyRing
from tests.persistence.books import Books

NO_OVERLAP = timedelta(0)


@pytest.fixture
async def partners(books: Books) -> AsyncIterator[Partners]:
    engine = books.database.engine()
    yield Partners(engine, KeyRing(bytes(range(32))))
    await engine.dispose()


def a_partner() -> NewPartner:
    return NewPartner(id="wallet", name="A wallet", user_id="wallet-user")


async def test_a_login_after_a_rotation_gets_a_token_that_every_process_takes(partners: Partners) -> None:
    told = await partners.add(a_partner())
    here, elsewhere = CachedPartners(partners, 60.0), CachedPartners(partners, 60.0)
    before = await here.by_id(told.partner_id)
    assert before is not None
    assert await elsewhere.by_id(told.partner_id) == before
    await partners.rotate_secret(told.partner_id, NO_OVERLAP)

    logged_in = await here.by_user_id(told.user_id)
    assert logged_in is not None
    assert logged_in.generation == before.generation + 1
    for directory in (here, elsewhere):
        assert await directory.by_id(told.partner_id, logged_in.generation) == logged_in
        # From then on the old secret is closed there.
        assert await directory.by_id(told.partner_id, before.generation) == logged_in


async def test_a_read_that_began_before_a_rotation_is_not_taken_for_a_token_after_it(
    partners: Partners, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await partners.add(a_partner())
    cached, read = CachedPartners(partners, 0.0), partners.by_id
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def _slow_read(partner_id: str) -> Partner | None:
        found = await read(partner_id)
        has_begun.set()
        await may_end.wait()
        return found

    monkeypatch.setattr(partners, "by_id", _slow_read)
    early = asyncio.create_task(cached.by_id(told.partner_id))
    await has_begun.wait()
    await partners.rotate_secret(told.partner_id, NO_OVERLAP)
    late = asyncio.create_task(cached.by_id(told.partner_id, 2))
    await asyncio.sleep(0)
    may_end.set()
    old, new = await asyncio.gather(early, late)
    assert old is not None
    assert new is not None
    assert (old.generation, new.generation) == (1, 2)

"""Partners, staff and top-ups over the embedded PostgreSQL, in a database built by the migrations."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import cast
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.persistence.parties.partners import (
    CachedPartners,
    NewPartner,
    PartnerExistsError,
    Partners,
    UnknownPartnerError,
)
from ekpay_switch.persistence.parties.staff import NotAllowedError, Role, Staff
from ekpay_switch.persistence.parties.top_ups import (
    OnePersonError,
    RefusedTopUpError,
    TopUp,
    TopUpExistsError,
    TopUps,
    UnknownTopUpError,
)
from ekpay_switch.ports.world import Partner
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.pass_keys import pass_key_matches
from ekpay_switch.security.sealed_fields import SealBrokenError
from ekpay_switch.settings import Settings
from tests.persistence.staff_rows import persons

KEYS = KeyRing(bytes(range(32)))
NO_OVERLAP = timedelta(0)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    home = tmp_path_factory.mktemp("books") / "home"
    database = open_database(Settings(home=home, database_url=None))
    asyncio.run(migrate(database))
    yield database
    EmbeddedPostgres(home).destroy()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = database.engine()
    yield engine
    await engine.dispose()


@pytest.fixture
def partners(engine: AsyncEngine) -> Partners:
    return Partners(engine, KEYS)


@pytest.fixture
def top_ups(database: Database) -> TopUps:
    return TopUps(database.connect)


def a_partner(**changes: str) -> NewPartner:
    name = f"p{uuid4().hex[:12]}"
    return NewPartner(**{"id": name, "name": "A wallet", "user_id": f"{name}-user"} | changes)


async def _add(partners: Partners) -> str:
    return (await partners.add(a_partner())).partner_id


@pytest.fixture
async def two_persons(engine: AsyncEngine) -> tuple[str, str]:
    names = (f"asks {uuid4()}", f"approves {uuid4()}")
    async with engine.begin() as connection:
        await connection.exec_driver_sql(persons(*names))
    return names


# ---- partners


async def test_a_new_partner_is_found_with_its_secret_opened(partners: Partners) -> None:
    told = await partners.add(a_partner(name="Upay"))
    found = await partners.by_user_id(told.user_id)
    assert found is not None
    assert found == await partners.by_id(told.partner_id)
    assert found.secrets == (told.shared_secret.encode(),)
    assert pass_key_matches(told.pass_key, found.pass_key_hash)
    assert (found.generation, found.is_active) == (1, True)
    assert (found.nd_id, found.syndct_id) == (told.nd_id, told.syndct_id)


async def test_a_new_partner_has_two_empty_prefunds(partners: Partners) -> None:
    partner_id = await _add(partners)
    assert await partners.prefunds(partner_id) == {"postpaid": Money(0), "prepaid": Money(0)}
    assert await partners.prefunds("nobody") == {}


async def test_neither_secret_stands_in_the_database_nor_in_a_repr(
    partners: Partners, engine: AsyncEngine
) -> None:
    told = await partners.add(a_partner())
    async with engine.connect() as connection:
        query = text("SELECT partners::text FROM partners WHERE id = :id")
        stored = str((await connection.execute(query, {"id": told.partner_id})).scalar())
    shown = f"{stored} {told!r} {await partners.by_id(told.partner_id)!r}"
    for secret in (told.shared_secret, told.pass_key):
        assert secret not in shown
        assert secret.encode().hex() not in shown


async def test_a_secret_moved_to_another_partner_does_not_open(
    partners: Partners, engine: AsyncEngine
) -> None:
    first, second = await _add(partners), await _add(partners)
    move = (
        "UPDATE partners SET secret_sealed = (SELECT secret_sealed FROM partners WHERE id = :a) WHERE id = :b"
    )
    async with engine.begin() as connection:
        await connection.execute(text(move), {"a": first, "b": second})
    with pytest.raises(SealBrokenError):
        await partners.by_id(second)


@pytest.mark.parametrize("shared", ["id", "user_id", "nd_id", "syndct_id"])
async def test_an_identity_belongs_to_one_partner(shared: str, partners: Partners) -> None:
    numbers = {"nd_id": f"NS{uuid4().int % 10**9}", "syndct_id": f"s{uuid4().int % 10**9}"}
    taken = a_partner(**numbers)
    await partners.add(taken)
    with pytest.raises(PartnerExistsError):
        await partners.add(a_partner(**{shared: getattr(taken, shared)}))


async def test_partners_added_at_once_get_numbers_and_lanes_of_their_own(partners: Partners) -> None:
    told = await asyncio.gather(*(partners.add(a_partner()) for _ in range(8)))
    found = [await partners.by_id(one.partner_id) for one in told]
    assert len({one.nd_id for one in told}) == len({one.syndct_id for one in told}) == 8
    assert len({partner.lane for partner in found if partner}) == 8


async def test_a_rotation_tells_a_new_secret_and_ends_the_generation(partners: Partners) -> None:
    told = await partners.add(a_partner())
    rotated = await partners.rotate_secret(told.partner_id, NO_OVERLAP)
    found = await partners.by_id(told.partner_id)
    assert found is not None
    assert found.secrets == (rotated.shared_secret.encode(),)
    assert rotated.shared_secret != told.shared_secret
    assert rotated.pass_key == ""
    assert found.generation == 2


async def test_the_previous_secret_opens_until_the_overlap_is_over(
    partners: Partners, engine: AsyncEngine
) -> None:
    told = await partners.add(a_partner())
    rotated = await partners.rotate_secret(told.partner_id, timedelta(hours=1))
    during = await partners.by_id(told.partner_id)
    assert during is not None
    assert during.secrets == (rotated.shared_secret.encode(), told.shared_secret.encode())
    async with engine.begin() as connection:
        passed = "UPDATE partners SET previous_secret_until = now() WHERE id = :id"
        await connection.execute(text(passed), {"id": told.partner_id})
    after = await partners.by_id(told.partner_id)
    assert after is not None
    assert after.secrets == (rotated.shared_secret.encode(),)


async def test_a_stranger_is_nobody(partners: Partners) -> None:
    for name in ("nobody", "", "\0", "\ud800", "' OR 1=1 --", "ব্যাংক"):
        assert await partners.by_user_id(name) is None
    with pytest.raises(UnknownPartnerError):
        await partners.rotate_secret("nobody", NO_OVERLAP)


async def test_the_list_shows_prefunds_and_no_secret(partners: Partners) -> None:
    told = await partners.add(a_partner())
    (line,) = [line for line in await partners.list() if line.id == told.partner_id]
    assert line.prefunds == {"postpaid": Money(0), "prepaid": Money(0)}
    assert told.shared_secret not in repr(line)


# ---- the cached reader


class Hands:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


async def test_the_cache_believes_a_partner_for_its_time_and_not_longer(partners: Partners) -> None:
    partner_id, clock = await _add(partners), Hands()
    cached = CachedPartners(partners, 1.0, clock)
    assert (await _generation(cached.by_id, partner_id)) == 1
    await partners.rotate_secret(partner_id, NO_OVERLAP)
    clock.seconds += 0.9
    assert (await _generation(cached.by_id, partner_id)) == 1
    clock.seconds += 0.1
    assert (await _generation(cached.by_id, partner_id)) == 2


async def test_a_partner_that_keeps_calling_is_read_ahead_and_waits_for_no_reading(
    partners: Partners,
) -> None:
    partner_id, clock = await _add(partners), Hands()
    cached = CachedPartners(partners, 1.0, clock)
    await cached.by_id(partner_id)
    await partners.rotate_secret(partner_id, NO_OVERLAP)
    clock.seconds += 0.9
    before = asyncio.all_tasks()
    assert (await _generation(cached.by_id, partner_id)) == 1
    (reading,) = asyncio.all_tasks() - before
    assert (await _generation(cached.by_id, partner_id)) == 1
    assert asyncio.all_tasks() - before == {reading}
    await reading
    assert (await _generation(cached.by_id, partner_id)) == 2
    clock.seconds += 0.9
    assert (await _generation(cached.by_id, partner_id)) == 2


async def test_a_reading_ahead_that_fails_is_told_to_whoever_finds_the_time_over(partners: Partners) -> None:
    class Broken:
        fails = False

        async def by_id(self, partner_id: str) -> Partner | None:
            if self.fails:
                raise ConnectionRefusedError
            return await partners.by_id(partner_id)

    broken, partner_id, clock = Broken(), await _add(partners), Hands()
    cached = CachedPartners(cast("Partners", broken), 1.0, clock)
    await cached.by_id(partner_id)
    broken.fails = True
    clock.seconds += 0.9
    assert await cached.by_id(partner_id) is not None
    await asyncio.sleep(0)
    clock.seconds += 0.1
    with pytest.raises(ConnectionRefusedError):
        await cached.by_id(partner_id)


async def _generation(by_id: Callable[[str], Awaitable[Partner | None]], partner_id: str) -> int | None:
    found = await by_id(partner_id)
    return None if found is None else found.generation


async def test_callers_who_come_together_share_one_reading_and_one_may_leave(partners: Partners) -> None:
    partner_id = await _add(partners)
    cached = CachedPartners(partners, 1.0)
    callers = [asyncio.create_task(cached.by_id(partner_id)) for _ in range(50)]
    await asyncio.sleep(0)
    callers[0].cancel()
    found = await asyncio.gather(*callers[1:])
    assert len({id(partner) for partner in found}) == 1
    assert found[0] is not None


async def test_a_partner_that_is_switched_off_or_unknown_is_nobody_to_the_api(
    partners: Partners, engine: AsyncEngine
) -> None:
    told = await partners.add(a_partner())
    cached = CachedPartners(partners, 0.0)
    assert await cached.by_id(told.partner_id) is not None
    async with engine.begin() as connection:
        off = "UPDATE partners SET is_active = false WHERE id = :id"
        await connection.execute(text(off), {"id": told.partner_id})
    assert await cached.by_id(told.partner_id) is None
    assert await cached.by_user_id(told.user_id) is None
    assert await cached.by_id("nobody") is None


# ---- staff


async def test_a_refused_passphrase_is_a_log_line(
    engine: AsyncEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    name = f"Rahima {uuid4()}"
    async with engine.begin() as connection:
        await connection.exec_driver_sql(persons(name))
    for known in (name, "nobody"):
        with pytest.raises(NotAllowedError):
            await Staff(engine).verify(known, "correct horse battery", Role.FINANCE)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["event"], line["api"], line["address"], line["login_name"]) for line in lines] == [
        ("login_failed", "staff", "local", known) for known in (name, "nobody")
    ]
    assert "horse" not in json.dumps(lines)


# ---- top-ups


async def _entries(database: Database, top_up_id: UUID) -> list[tuple[str, int]]:
    connection = await database.connect("audit")
    try:
        query = "SELECT account, amount FROM postings WHERE entry_id = $1 ORDER BY seq"
        return [(row["account"], row["amount"]) for row in await connection.fetch(query, top_up_id)]
    finally:
        await connection.close()


def a_top_up(partner_id: str, **changes: object) -> TopUp:
    given = {"bucket": "postpaid", "amount": Money(50_000), "reference": f"BANK-{uuid4()}"} | changes
    return TopUp(partner_id, **given)  # type: ignore[arg-type]


async def test_a_top_up_moves_money_only_when_a_second_person_approves(
    database: Database, partners: Partners, top_ups: TopUps, two_persons: tuple[str, str]
) -> None:
    partner_id, (asks, approves) = await _add(partners), two_persons
    top_up_id = await top_ups.request(a_top_up(partner_id), asks)
    with pytest.raises(OnePersonError):
        await top_ups.approve(top_up_id, asks)
    assert (await partners.prefunds(partner_id))["postpaid"] == Money(0)
    assert await top_ups.approve(top_up_id, approves) == Money(50_000)
    assert await partners.prefunds(partner_id) == {"postpaid": Money(50_000), "prepaid": Money(0)}
    assert await _entries(database, top_up_id) == [
        ("settlement_bank", 50_000),
        (f"prefund:{partner_id}:postpaid", -50_000),
    ]


async def test_the_database_refuses_one_person_too(
    database: Database, partners: Partners, top_ups: TopUps, two_persons: tuple[str, str]
) -> None:
    top_up_id = await top_ups.request(a_top_up(await _add(partners)), two_persons[0])
    connection = await database.connect()
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="two_persons"):
            await connection.execute("UPDATE top_ups SET approved_by = asked_by WHERE id = $1", top_up_id)
    finally:
        await connection.close()


async def test_approvals_at_the_same_time_post_once(
    database: Database, partners: Partners, top_ups: TopUps, two_persons: tuple[str, str]
) -> None:
    partner_id, (asks, approves) = await _add(partners), two_persons
    top_up_id = await top_ups.request(a_top_up(partner_id, bucket="prepaid"), asks)
    approvals = [top_ups.approve(top_up_id, approves) for _ in range(6)]
    results = await asyncio.gather(*approvals, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Money"] + ["UnknownTopUpError"] * 5
    assert (await partners.prefunds(partner_id))["prepaid"] == Money(50_000)
    assert len(await _entries(database, top_up_id)) == 2


async def test_a_bank_reference_is_booked_once(
    partners: Partners, top_ups: TopUps, two_persons: tuple[str, str]
) -> None:
    top_up = a_top_up(await _add(partners))
    await top_ups.request(top_up, two_persons[0])
    with pytest.raises(TopUpExistsError):
        await top_ups.request(top_up, two_persons[0])
    with pytest.raises(TopUpExistsError):
        await top_ups.request(
            a_top_up(await _add(partners), reference=f" {top_up.reference} "), two_persons[1]
        )


async def test_a_top_up_of_nothing_of_nobody_or_into_nowhere_is_refused(
    partners: Partners, top_ups: TopUps, two_persons: tuple[str, str]
) -> None:
    partner_id, asks = await _add(partners), two_persons[0]
    for wrong in ({"amount": Money(0)}, {"amount": Money(-1)}, {"bucket": "gold"}, {"reference": "  "}):
        with pytest.raises(RefusedTopUpError):
            await top_ups.request(a_top_up(partner_id, **wrong), asks)
    with pytest.raises(UnknownPartnerError):
        await top_ups.request(a_top_up("nobody"), asks)
    with pytest.raises(UnknownTopUpError):
        await top_ups.approve(uuid4(), asks)

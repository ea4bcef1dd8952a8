"""The users of the bench: their sessions open, and what they wait for counts while it is to count."""

from collections.abc import Iterator

import asyncpg
import pytest

from benchmarks.portal import citizen_rows
from benchmarks.portal.citizen_rows import fill_citizens, known_citizens
from benchmarks.portal.fifty_users import Turn
from benchmarks.portal.users import VISITS, Samples
from ekpay_switch.persistence.citizens.accounts import PostgresCitizenAccounts
from ekpay_switch.persistence.embedded.roles import SUPERUSER
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.one_time_codes import CodeDigests
from ekpay_switch.security.sealed_fields import Sealer
from ekpay_switch.web.portal.cart_cookie import is_reference
from tests.database import database_of

KEYS = KeyRing(bytes(range(32)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("portal") / "home")
    server.start()
    yield server
    server.destroy()


async def test_every_user_has_a_session_that_opens(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(citizen_rows, "CITIZENS", 40)
    monkeypatch.setattr(citizen_rows, "SESSIONS", 30)
    database = database_of(server.endpoint)
    await migrate(database)
    owner = await asyncpg.connect(server.endpoint.dsn(SUPERUSER))
    try:
        await fill_citizens(owner, KEYS, users=3, carts=10)
        assert await owner.fetchval("SELECT count(*) FROM citizens") == 40
        assert await owner.fetchval("SELECT count(*) FROM bill_carts") == 0, "a cart stands on a payment"
    finally:
        await owner.close()
    transactions = ShortTransactions(database.connect)
    accounts = PostgresCitizenAccounts(transactions, CodeDigests(KEYS), Sealer(KEYS.sub_key("citizens/1")))
    try:
        for nth, citizen in enumerate(known_citizens(3), 1):
            assert is_reference(citizen.secret)
            who = await accounts.by_secret(citizen.secret)
            assert who is not None
            assert (who.citizen_id, who.number) == (citizen.citizen_id, f"01700{nth:06}")
    finally:
        await transactions.close()


def test_what_begins_before_or_after_the_time_is_not_counted() -> None:
    samples = Samples(counted_from=10.0, counted_until=20.0)
    for begun in (9.9, 10.0, 19.9, 20.0):
        samples.add("cart", begun, begun + 0.25)
    assert samples.by_page == {"cart": pytest.approx([250.0, 250.0])}


def test_a_turn_says_of_how_many_pages_in_what_time() -> None:
    turn = Turn(1.0, 60, {"cart": [1.0] * 400, "form": [2.0] * 100})
    facts = turn.figures()
    assert facts["pages_per_second"] == 10.0
    assert (facts["p50_ms"], facts["p95_ms"]) == (1.0, 2.0)
    assert facts["p95_ms_by_page"] == {"cart": 1.0, "form": 2.0}


def test_the_mix_of_visits_is_one_of_a_hundred() -> None:
    assert sum(VISITS.values()) == 100

"""`ekpay doctor` finds what a careless restore loses: the application's narrow rights, and triggers."""

import asyncio

import pytest

from ekpay_switch.cli.operations.doctor import InstallationError, check_database
from ekpay_switch.persistence.database_guards import changeable_tables, missing_triggers
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.schema.whole_schema import TRIGGERS
from ekpay_switch.settings import Settings
from tests.database import a_copy
from tests.persistence.books import Books


def _settings_of(endpoint: Endpoint, role: str = "ekpay_app") -> Settings:
    return Settings.model_validate({"database_url": endpoint.dsn(role)})


async def _diagnosis(endpoint: Endpoint, role: str = "ekpay_app") -> str:
    return await asyncio.to_thread(check_database, _settings_of(endpoint, role))


async def test_a_migrated_database_is_well_guarded(books: Books) -> None:
    assert (await _diagnosis(books.endpoint)).startswith("PostgreSQL ")
    connection = await books.database.connect()
    try:
        assert await changeable_tables(connection) == []
        assert await missing_triggers(connection) == []
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("grant", "table"),
    [
        ("GRANT UPDATE ON postings TO ekpay_app", "postings"),
        ("GRANT UPDATE (amount) ON postings TO ekpay_app", "postings"),
        ("GRANT DELETE ON history TO ekpay_app", "history"),
        ("GRANT TRUNCATE ON routing_decisions TO ekpay_app", "routing_decisions"),
    ],
)
async def test_a_right_too_many_is_named(books: Books, grant: str, table: str) -> None:
    await books.tell(grant)

    with pytest.raises(InstallationError, match=f"may change {table}:"):
        await _diagnosis(books.endpoint)


async def test_a_database_that_is_behind_is_sent_to_migrate(books: Books) -> None:
    await books.tell("DROP TABLE routing_decisions CASCADE")

    with pytest.raises(InstallationError, match="it lacks routing_decisions: run ekpay migrate"):
        await _diagnosis(books.endpoint)


async def test_an_empty_database_is_sent_to_migrate(endpoint: Endpoint) -> None:
    async with a_copy(endpoint, "template0") as empty:
        with pytest.raises(
            InstallationError, match=r"it lacks access_changes, .* and more: run ekpay migrate"
        ):
            await _diagnosis(empty, "ekpay_owner")


async def test_a_switch_that_serves_as_the_owner_is_not_well(books: Books) -> None:
    with pytest.raises(InstallationError, match="a role of its own"):
        await _diagnosis(books.endpoint, "ekpay_owner")


@pytest.mark.parametrize("name", sorted(TRIGGERS))
@pytest.mark.parametrize(
    "loss", ["ALTER TABLE {table} DISABLE TRIGGER {name}", "DROP TRIGGER {name} ON {table}"]
)
async def test_a_trigger_that_is_gone_or_off_is_named(books: Books, name: str, loss: str) -> None:
    table = await books.value("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = $1", name)
    await books.tell(loss.format(table=table, name=name))

    with pytest.raises(InstallationError, match=f"no trigger {name}:"):
        await _diagnosis(books.endpoint)

"""The migrations build what tables.py says, on an empty database, down and up again."""

from collections.abc import AsyncIterator, Mapping

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from asyncpg import CheckViolationError
from sqlalchemy.exc import DBAPIError

from ekpay_switch.persistence.audit.run import run
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.migrate import alembic_config, migrate
from ekpay_switch.persistence.schema.whole_schema import append_only_tables, metadata
from tests.database import a_copy, database_of
from tests.persistence.books import Books

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text AS of_table, conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
ORDER BY 1
"""
TRIGGERS = """
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""
FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
STORAGE = """
SELECT relname, unnest(reloptions) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1, 2
"""
GRANTS = """
SELECT c.relname, a.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS a
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.grantee = $1::regrole
"""
CATALOGUE = (COLUMNS, CONSTRAINTS, INDEXES, TRIGGERS, FUNCTIONS, STORAGE)

Catalogue = list[list[tuple[object, ...]]]


@pytest.fixture
async def nothing(endpoint: Endpoint) -> AsyncIterator[Endpoint]:
    async with a_copy(endpoint, "template0") as place:
        yield place


async def _catalogue(database: Database) -> Catalogue:
    connection = await database.connect("owner")
    try:
        return [[tuple(row) for row in await connection.fetch(query)] for query in CATALOGUE]
    finally:
        await connection.close()


async def test_the_migrations_build_what_the_tables_say(place: Endpoint, nothing: Endpoint) -> None:
    """Columns, defaults, every check, every index with its predicate, the trigger and its function."""
    owner = database_of(nothing).engine("owner")
    async with owner.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await owner.dispose()

    migrated = await _catalogue(database_of(place))

    assert migrated == await _catalogue(database_of(nothing))
    assert all(migrated)


async def test_alembic_finds_no_difference(place: Endpoint) -> None:
    owner = database_of(place).engine("owner")
    async with owner.connect() as connection:
        found = await connection.run_sync(
            lambda plain: compare_metadata(MigrationContext.configure(plain), metadata)
        )
    await owner.dispose()
    assert found == []


async def test_down_and_up_again_ends_where_it_began(nothing: Endpoint) -> None:
    database = database_of(nothing)
    await migrate(database)
    first = await _catalogue(database)

    await migrate(database, "base")
    assert await _catalogue(database) == [[] for _ in CATALOGUE]

    await migrate(database)
    assert await _catalogue(database) == first


BEFORE_APPROVALS, BEFORE_LIMITS = "0023", "0025"
MERCHANTS_OF_BEFORE = """
INSERT INTO staff (name, passphrase_hash, roles) VALUES ('Rahima', '', '[]'), ('Karim', '', '[]');
INSERT INTO partners (id, name, lane)
VALUES ('allowed', '', 0), ('by_a_stranger', '', 0), ('asked_for', '', 0);
INSERT INTO merchants (partner_id, mer_reg_id, name_bn, pass_key_hash, fee_plan, charges_on_refund,
  return_hosts, networks, refund_limit, debt_limit, insecure_ipns, insecure_ipns_asked_by)
SELECT id, id, '', '', '', 'kept', '[]', '[]', 0, 0, id <> 'asked_for',
  CASE WHEN id = 'asked_for' THEN 'Karim' END FROM partners;
INSERT INTO merchant_changes (partner_id, by, what)
SELECT v.id, 'Karim', jsonb_build_object('did', 'insecure_ipns_allowed', 'asked_by', v.asked_by)
FROM (VALUES ('allowed', 'Rahima'), ('by_a_stranger', 'Nobody')) AS v (id, asked_by)
"""
APPROVALS = """
SELECT partner_id, insecure_ipns, insecure_ipns_asked_by, insecure_ipns_approved_by FROM merchants ORDER BY 1
"""


async def test_allowances_become_approvals_where_both_persons_are_on_the_staff(nothing: Endpoint) -> None:
    """A database of before keeps what two persons decided, and nothing that nobody can be named for."""
    database = database_of(nothing)
    await migrate(database, BEFORE_APPROVALS)
    connection = await database.connect("owner")
    try:
        await connection.execute(MERCHANTS_OF_BEFORE)
        await migrate(database)
        approvals = [tuple(row) for row in await connection.fetch(APPROVALS)]
    finally:
        await connection.close()
    assert approvals == [
        ("allowed", True, "Rahima", "Karim"),
        ("asked_for", False, "Karim", None),
        ("by_a_stranger", False, None, None),
    ]


async def test_a_database_with_limits_goes_back_to_one_without(books: Books) -> None:
    """A floor above the balance, which the condition of before would refuse, is zero again."""
    await books.partner(prefund=60_000)
    await books.tell("UPDATE accounts SET floor = 90000, daily_limit = 1, taken = 5 WHERE floor IS NOT NULL")
    owner = books.database.engine("owner")
    async with owner.connect() as connection:
        await connection.run_sync(lambda plain: command.downgrade(alembic_config(plain), BEFORE_LIMITS))
        await connection.commit()
    await owner.dispose()
    assert {row["floor"] for row in await books.rows("SELECT floor FROM accounts")} == {None, 0}
    await migrate(books.database)
    assert await books.audit() is None


BEFORE_TWO_PERSONS = "0032"
STAFF_OF_BEFORE = """
INSERT INTO staff (name, passphrase_hash, roles) VALUES ('a', 'x', '[]'), ('b', 'x', '[]'), ('c', 'x', '[]')
"""
ONE_MORE = """
INSERT INTO staff (name, passphrase_hash, roles, came_by) VALUES ('d', 'x', '["finance"]', $1)
"""


async def test_who_was_on_the_staff_before_stays_and_nobody_comes_so_again(nothing: Endpoint) -> None:
    database = database_of(nothing)
    await migrate(database, BEFORE_TWO_PERSONS)
    connection = await database.connect("owner")
    try:
        await connection.execute(STAFF_OF_BEFORE)
        await migrate(database)
        rows = await connection.fetch("SELECT name, came_by FROM staff ORDER BY name")
        assert [tuple(row) for row in rows] == [("a", "before"), ("b", "before"), ("c", "before")]
        assert await run(database) is None
        for way in ("before", "installation"):
            with pytest.raises(CheckViolationError):
                await connection.execute(ONE_MORE, way)
    finally:
        await connection.close()


async def test_a_migration_that_builds_indexes_can_be_interrupted_and_run_again(nothing: Endpoint) -> None:
    """The indexes are built outside of its transaction, so it stands half done then."""
    database = database_of(nothing)
    await migrate(database, BEFORE_LIMITS)
    connection = await database.connect("owner")
    try:
        await connection.execute("CREATE TABLE ix_journal_entries_items ()")  # in the way of an index
        with pytest.raises(DBAPIError, match="ix_journal_entries_items"):
            await migrate(database)
        await connection.execute("DROP TABLE ix_journal_entries_items")

        await migrate(database)

        indexes = {row["indexname"] for row in await connection.fetch(INDEXES)}
    finally:
        await connection.close()
    assert {"ix_attempts_in_suspense", "ix_journal_entries_items", "uq_alarms_one_open"} <= indexes


async def test_migrating_what_is_migrated_changes_nothing(books: Books) -> None:
    await books.partner(prefund=60_000)
    await books.start()

    await migrate(books.database)

    assert await books.count("payments") == 1


async def _grants(books: Books, role: str) -> Mapping[str, set[str]]:
    granted: dict[str, set[str]] = {}
    for table, privilege in await books.rows(GRANTS.replace("$1", f"'{role}'")):
        granted.setdefault(table, set()).add(privilege)
    return granted


async def test_the_application_may_add_to_the_books_and_never_change_them(books: Books) -> None:
    append_only = {table.name for table in append_only_tables()}
    expected = {name: {"SELECT", "INSERT", "UPDATE"} for name in set(metadata.tables) - append_only}
    expected |= {name: {"SELECT", "INSERT"} for name in append_only}
    expected["quotes"] |= {"DELETE"}
    expected["bill_carts"] |= {"DELETE"}
    expected["cart_bills"] |= {"DELETE"}
    expected["agent_orders"] |= {"DELETE"}
    for name in ("agent_operators", "cash_drawers", "agent_orders", "bill_issuers"):
        expected[name] -= {"UPDATE"}  # but of what comes later, and never whose it is or what it costs
    expected["institution_health"] |= {"DELETE"}
    expected["business_days"] = {"SELECT", "INSERT", "DELETE"}
    expected["held_bills"] |= {"DELETE"}
    expected["citizen_sessions"] |= {"DELETE"}
    expected["citizen_carts"] |= {"DELETE"}
    expected["saved_bills"] |= {"DELETE"}
    expected["bill_reminders"] |= {"DELETE"}
    expected["sent_reminders"] = {"SELECT", "INSERT", "DELETE"}
    expected["complaints"] |= {"DELETE"}
    expected["fetch_permits"] |= {"DELETE"}
    expected["failed_logins"] |= {"DELETE"}
    for name in ("cart_contacts", "message_permits", "one_time_codes", "text_messages"):
        expected[name] |= {"DELETE"}
    expected["routing_outcomes"] |= {"DELETE"}
    expected["unclaimed_callbacks"] |= {"DELETE"}
    expected["lanes"] -= {"INSERT"}
    for name in ("partner_limit_changes", "access_changes", "stand_in_changes"):
        expected[name] -= {"UPDATE"}  # but of the columns of the decision
    expected["staff"] -= {"UPDATE"}  # but of what may change of a person, and never how they came
    expected["housekeeping_marks"] -= {"INSERT"}
    expected["alembic_version"] = {"SELECT"}

    assert await _grants(books, "ekpay_app") == expected


async def test_the_audit_only_reads(books: Books) -> None:
    assert await _grants(books, "ekpay_audit") == {
        name: {"SELECT"} for name in (*metadata.tables, "alembic_version")
    }

"""What keeps the books in the database: the application's rights, and the triggers (laws 9 and 11).

Migrations put both in place. A restore without roles loses rights, and a repair may leave a trigger off;
nobody sees either, since payments go on all the same.
"""

import asyncpg

from ekpay_switch.persistence.schema.whole_schema import TRIGGERS, append_only_tables, metadata

_MISSING = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL ORDER BY name"
_CHANGEABLE = """
SELECT name FROM unnest($1::text[]) AS name
WHERE has_table_privilege(name, 'UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(name, 'UPDATE')
ORDER BY name
"""
_ENABLED = """
SELECT tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND relnamespace = 'public'::regnamespace
"""


async def missing_tables(connection: asyncpg.Connection) -> list[str]:
    """The tables of the schema that the database lacks, sorted; none where all migrations have run."""
    return [row["name"] for row in await connection.fetch(_MISSING, sorted(metadata.tables))]


async def changeable_tables(connection: asyncpg.Connection) -> list[str]:
    """The append-only tables that the connection's role may change or empty, sorted; all tables exist."""
    names = [table.name for table in append_only_tables()]
    return [row["name"] for row in await connection.fetch(_CHANGEABLE, names)]


async def missing_triggers(connection: asyncpg.Connection) -> list[str]:
    """The triggers that do not exist or are switched off, sorted; none in good order."""
    enabled = {row["tgname"] for row in await connection.fetch(_ENABLED)}
    return sorted(set(TRIGGERS) - enabled)

"""Keys, indexes and settings while a database is filled: removed, and restored as they were.

Rows are inserted fast without keys and indexes; rebuilding them at the end checks every row all the same.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from benchmarks.kit.errors import BenchError

# The slowest to index come first, so that both builders end together.
FILLED = (
    "payments", "postings", "ledger_lines", "journal_entries", "attempts", "quotes", "history",
    "notifications",
)  # fmt: skip
_BUILDERS = 2
_TABLES = "SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY($1)"
_FOREIGN_KEYS = f"""
SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name,
  pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE contype = 'f' AND (conrelid IN ({_TABLES}) OR confrelid IN ({_TABLES}))
ORDER BY 1, 2
"""  # noqa: S608 - constants
_KEYS = f"""
SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name,
  pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE contype IN ('p', 'u', 'x') AND conrelid IN ({_TABLES}) ORDER BY 1, 2
"""  # noqa: S608 - constants
_INDEXES = f"""
SELECT indrelid::regclass::text AS table, indexrelid::regclass::text AS name,
  pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE indrelid IN ({_TABLES})
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY 1, 2
"""  # noqa: S608 - constants
# Everything in the catalogue about tables, as text; two schemas are equal if these lines are.
_SCHEMA = """
SELECT format('column %s %s %s %s %s %s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
UNION ALL SELECT format('index %s %s %s %s %s', pg_get_indexdef(indexrelid), indisvalid, indisprimary,
    indisclustered, indisreplident)
FROM pg_index JOIN pg_class AS c ON c.oid = indrelid AND c.relnamespace = 'public'::regnamespace
UNION ALL SELECT format('constraint %s %s %s %s %s', conrelid::regclass, conname, contype, convalidated,
    pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT format('trigger %s %s %s', t.tgrelid::regclass,
    CASE WHEN t.tgisinternal THEN t.tgfoid::regproc::text ELSE pg_get_triggerdef(t.oid) END, t.tgenabled)
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = 'public'::regnamespace
UNION ALL SELECT format('table %s %s %s %s', oid::regclass, relowner::regrole, relacl, reloptions)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
ORDER BY 1
"""
# Rows lost by a crash are generated again; durability is restored before anything is measured.
_RELAXED = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_compression": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "maintenance_work_mem": "512MB",
}
_RELOAD_TRIES, _POLL_SECONDS = 300, 0.1
_BUILDING = {"statement_timeout": "0", "lock_timeout": "0", "max_parallel_maintenance_workers": "1"}


class SchemaError(BenchError):
    """The schema or a setting is not as it was before filling."""


@dataclass(frozen=True, slots=True)
class SchemaPart:
    """One index or constraint: its table, its name, and its definition."""

    table: str
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class DroppedParts:
    """The dropped parts, with the schema before as text."""

    keys: tuple[SchemaPart, ...]
    indexes: tuple[SchemaPart, ...]
    foreign_keys: tuple[SchemaPart, ...]
    schema: tuple[str, ...]

    @property
    def parts(self) -> int:
        """How many parts there are to rebuild."""
        return len(self.keys) + len(self.indexes) + len(self.foreign_keys)


async def schema_of(connection: asyncpg.Connection) -> tuple[str, ...]:
    """The tables of the switch with all their parts as text, sorted."""
    return tuple(row[0] for row in await connection.fetch(_SCHEMA))


async def drop_keys_and_indexes(connection: asyncpg.Connection) -> DroppedParts:
    """Drop every key, index and foreign key of the tables that are filled."""
    keys, indexes, foreign_keys = [
        tuple(SchemaPart(*row) for row in await connection.fetch(query, list(FILLED)))
        for query in (_KEYS, _INDEXES, _FOREIGN_KEYS)
    ]
    dropped = DroppedParts(keys, indexes, foreign_keys, await schema_of(connection))
    async with connection.transaction():
        for part in (*dropped.foreign_keys, *dropped.keys):
            await connection.execute(f"ALTER TABLE {part.table} DROP CONSTRAINT {part.name}")
        for part in dropped.indexes:
            await connection.execute(f"DROP INDEX {part.name}")
    return dropped


async def rebuild_keys_and_indexes(url: str, dropped: DroppedParts, on_progress: Callable[[], None]) -> None:
    """Rebuild all of them; `on_progress` is called after each.

    Raises:
        SchemaError: the schema is not what it was.
        asyncpg.PostgresError: a row violates a key or a foreign key.
    """
    statements: dict[str, list[str]] = {table: [] for table in FILLED}
    for part in dropped.keys:
        statements[part.table].append(
            f"ALTER TABLE {part.table} ADD CONSTRAINT {part.name} {part.definition}"
        )
    for part in dropped.indexes:
        statements[part.table].append(part.definition)
    await _run_in_parallel(url, list(statements.values()), on_progress)
    foreign: dict[str, list[str]] = {part.table: [] for part in dropped.foreign_keys}
    for part in dropped.foreign_keys:
        foreign[part.table].append(f"ALTER TABLE {part.table} ADD CONSTRAINT {part.name} {part.definition}")
    # One after the other: each holds its own table and the one that it points at.
    connection = await asyncpg.connect(url, server_settings=_BUILDING)
    try:
        await _run(connection, [text for texts in foreign.values() for text in texts], on_progress)
        different = set(dropped.schema) ^ set(await schema_of(connection))
    finally:
        await connection.close()
    if different:
        raise SchemaError("; ".join(sorted(different)[:3]))


async def vacuum(url: str, on_progress: Callable[[], None]) -> None:
    """VACUUM ANALYZE of the filled tables, as autovacuum would have done."""
    await _run_in_parallel(url, [[f"VACUUM (ANALYZE) {table}"] for table in FILLED], on_progress)


async def _run_in_parallel(
    url: str, batches: Sequence[Sequence[str]], on_progress: Callable[[], None]
) -> None:
    """Run each batch in its order; a free builder takes the next batch."""
    waiting = list(reversed(batches))

    async def builder() -> None:
        connection = await asyncpg.connect(url, server_settings=_BUILDING)
        try:
            while waiting:
                await _run(connection, waiting.pop(), on_progress)
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as builders:
        for _ in range(_BUILDERS):
            builders.create_task(builder())


async def _run(
    connection: asyncpg.Connection, statements: Sequence[str], on_progress: Callable[[], None]
) -> None:
    for statement in statements:
        await connection.execute(statement, timeout=None)
        on_progress()


@asynccontextmanager
async def relaxed_durability(url: str) -> AsyncIterator[None]:
    """Relax durability within the block; everything is on the disk when it ends.

    Raises:
        SchemaError: a setting could not be restored.
    """
    connection = await asyncpg.connect(url, server_settings={"statement_timeout": "0"})
    try:
        before = await _settings(connection)
        for name, value in _RELAXED.items():
            await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        await _reload(connection, {"fsync": "off"})
        try:
            yield
        finally:
            for name in _RELAXED:
                await connection.execute(f"ALTER SYSTEM RESET {name}")
            await _reload(connection, before)
        await connection.execute("CHECKPOINT")
        # Unflushed writes would otherwise be flushed during a measurement.
        await asyncio.to_thread(os.sync)
    finally:
        await connection.close()


async def _settings(connection: asyncpg.Connection) -> dict[str, str]:
    return {name: await connection.fetchval(f"SHOW {name}") for name in _RELAXED}


async def _reload(connection: asyncpg.Connection, expected: dict[str, str]) -> None:
    """Have the server read its settings again, and wait until they are as expected."""
    await connection.execute("SELECT pg_reload_conf()")
    settings: dict[str, str] = {}
    for _ in range(_RELOAD_TRIES):
        settings = await _settings(connection)
        if not expected.items() - settings.items():
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise SchemaError(f"settings are {settings} instead of {expected}")

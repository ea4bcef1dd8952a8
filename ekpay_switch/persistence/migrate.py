"""Bringing a database to the newest schema, with Alembic as a library."""

import asyncio
import os

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from ekpay_switch.persistence.engine import Database
from ekpay_switch.shipped_folders import MIGRATIONS

VERSIONS = MIGRATIONS / "versions"


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings, without an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(map(str, sorted(VERSIONS.glob("from_*")))))
    config.attributes["connection"] = connection
    return config


async def migrate(database: Database, revision: str = "head") -> None:
    """Upgrade to a revision (for `base`: downgrade everything) as the owner role; idempotent.

    Two processes that migrate at once wait for each other on an advisory lock.
    """
    engine = database.engine("owner", pool_size=1)
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("SELECT pg_advisory_lock(1, 2)")
            await connection.commit()
            try:
                await connection.run_sync(_run, revision)
            finally:
                await connection.rollback()
                await connection.exec_driver_sql("SELECT pg_advisory_unlock(1, 2)")
                await connection.commit()
    finally:
        await engine.dispose()


def migrate_now(database: Database) -> None:
    """`migrate` for callers without an event loop."""
    asyncio.run(migrate(database))


def _run(connection: Connection, revision: str) -> None:
    config = alembic_config(connection)
    if revision == "base":
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
    connection.commit()

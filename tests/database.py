"""One PostgreSQL server a test process; each test gets a copy of the migrated database for itself.

A plugin of the root's conftest, so that every folder of tests shares the same server.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres, Endpoint
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.migrate import migrate

TEMPLATE = "ekpay"
NAMES = (f"books_{number}" for number in itertools.count())


# A copied database is 700 files. Where so many were just deleted, ext4 looks at each of them before it makes
# another one, which was half of all processor time of a run.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own below it
MEMORY_MIN_BYTES = 2 * 2**30


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    """The server, with a migrated database to copy."""
    with home_of_a_server() as home:
        server = EmbeddedPostgres(home)
        endpoint = server.start()
        asyncio.run(relax_durability(endpoint))
        asyncio.run(migrate(database_of(endpoint)))
        yield endpoint
        server.destroy()


@contextmanager
def home_of_a_server() -> Iterator[Path]:
    """A home for an embedded server, in memory where there is room; it is gone afterwards."""
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_MIN_BYTES
    with tempfile.TemporaryDirectory(prefix="ekpay-tests-", dir=MEMORY if has_room else None) as folder:
        yield Path(folder) / "home"


@asynccontextmanager
async def a_copy(endpoint: Endpoint, template: str = TEMPLATE) -> AsyncIterator[Endpoint]:
    """A fresh copy of a database that nobody is connected to; it is gone afterwards."""
    name = next(NAMES)
    made_of = f"TEMPLATE {template} STRATEGY FILE_COPY OWNER ekpay_owner"
    await at_the_server(endpoint, f"CREATE DATABASE {name} {made_of}")
    try:
        yield replace(endpoint, database=name)
    finally:
        await at_the_server(endpoint, f"DROP DATABASE {name} WITH (FORCE)")


async def at_the_server(endpoint: Endpoint, statement: str) -> None:
    connection = await asyncpg.connect(replace(endpoint, database="postgres").dsn("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def place(endpoint: Endpoint) -> AsyncIterator[Endpoint]:
    """An empty migrated database."""
    async with a_copy(endpoint) as place:
        yield place


def database_of(endpoint: Endpoint) -> Database:
    """The three roles' way to the endpoint's database."""
    return Database(endpoint.dsn("ekpay_app"), endpoint.dsn("ekpay_owner"), endpoint.dsn("ekpay_audit"))


async def relax_durability(endpoint: Endpoint) -> None:
    """Write nothing through to the disk: a test's database need not outlive the machine.

    Killed processes still lose nothing, since the kernel keeps what they wrote. Dropping a database makes
    a checkpoint, which costs a test a second and more where each file is synced.
    """
    connection = await asyncpg.connect(replace(endpoint, database="postgres").dsn("postgres"))
    try:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        # Little log is kept, since it may lie in memory.
        await connection.execute("ALTER SYSTEM SET max_wal_size = '128MB'")
        # A test opens a dozen connections, and each side hashes a password 4,096 times for every one.
        await connection.execute("SET scram_iterations = 1")
        for role in ("ekpay_app", "ekpay_owner", "ekpay_audit", "postgres"):
            password = urlsplit(endpoint.dsn(role)).password
            await connection.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()

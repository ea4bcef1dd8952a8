"""A database that was killed has lost nothing that was recorded of it, and is served again."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.settings import Settings
from tests.cli.operations.own_processes import WAIT_SECONDS, running, wait_for
from tests.database import home_of_a_server
from tests.persistence.books import Books, a_top_up, group_commit_of


@pytest.fixture
def durable_home() -> Iterator[Path]:
    """A home whose server keeps what it has acknowledged, as in earnest."""
    with home_of_a_server() as home:
        EmbeddedPostgres(home).start()
        asyncio.run(migrate(open_database(Settings(home=home, database_url=None))))
        yield home
        EmbeddedPostgres(home).destroy()


async def _pay_until_recorded(home: Path) -> None:
    """Pay until a position was recorded meanwhile."""
    group_commit = group_commit_of(open_database(Settings(home=home, database_url=None)))
    await group_commit.start()
    books = Books(EmbeddedPostgres(home).endpoint, group_commit)
    await books.partner(prefund=100_000)
    file = home / "positions" / "ekpay.position"
    first = file.read_bytes()
    while file.read_bytes() == first:
        await books.submit(a_top_up("bank1", 1))
    await group_commit.stop()


def test_a_killed_database_is_served_again(durable_home: Path, tmp_path: Path) -> None:
    with running(durable_home, tmp_path / "first", "worker") as worker:
        wait_for(tmp_path / "first", "worker_started", worker)
        asyncio.run(_pay_until_recorded(durable_home))
        postmaster = (durable_home / "data" / "postmaster.pid").read_text().splitlines()[0]
        os.kill(int(postmaster), signal.SIGKILL)
    with running(durable_home, tmp_path / "second", "worker") as worker:
        wait_for(tmp_path / "second", "worker_started", worker)
        worker.terminate()
        assert worker.wait(WAIT_SECONDS) == 0

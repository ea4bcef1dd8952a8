"""A disk that is full for real: a small file system below tables of a running switch."""

import contextlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from sandbox.kit.tcp_ports import free_port
from tests.cli.operations.own_processes import (
    get,
    lines,
    operations_port,
    running,
    wait_for,
    wait_until_it_answers,
)

TOKEN_PATH = "/syndicate/api/get-token"
FILLER = "filler"
# What a wrong login needs: a row in this table. Its first pages are filled before the disk is.
FILL_PAGES = """
INSERT INTO failed_logins (caller, free_at)
SELECT 'old ' || number || repeat('x', 1000), now() FROM generate_series(1, 7) AS number
"""


class SmallDisk:
    """A file system of one megabyte below a table; where none may be mounted, a database that only reads.

    Either way PostgreSQL itself refuses to write, for a cause of its own.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self._home = folder, home
        folder.mkdir()
        mount = shutil.which("mount") or "mount"
        mounted = subprocess.run(  # noqa: S603 - constants
            [mount, "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(folder)], check=False
        )
        self.is_mounted = mounted.returncode == 0
        self.reason = "disk_full" if self.is_mounted else "read_only"

    async def tell(self, *statements: str) -> None:
        connection = await asyncpg.connect(EmbeddedPostgres(self._home).start().dsn("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def lay_table(self) -> None:
        if self.is_mounted:
            place = self.folder / "tables"
            place.mkdir()
            owner = (self._home / "data").stat() if os.geteuid() == 0 else None
            if owner is not None:
                os.chown(place, owner.st_uid, owner.st_gid)
            await self.tell(
                f"CREATE TABLESPACE small LOCATION '{place}'",
                "ALTER TABLE failed_logins SET TABLESPACE small",
            )

    async def fill(self) -> None:
        if not self.is_mounted:
            await self.tell("ALTER ROLE ekpay_app SET default_transaction_read_only = on")
            return
        await self.tell(FILL_PAGES)
        with (self.folder / FILLER).open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    async def make_room(self) -> None:
        if self.is_mounted:
            (self.folder / FILLER).unlink()
        else:
            await self.tell("ALTER ROLE ekpay_app RESET default_transaction_read_only")

    async def take_away(self) -> None:
        if self.is_mounted:
            await self.tell("ALTER TABLE failed_logins SET TABLESPACE pg_default", "DROP TABLESPACE small")

    def unmount(self) -> None:
        if self.is_mounted:
            subprocess.run([shutil.which("umount") or "umount", str(self.folder)], check=True)  # noqa: S603


@pytest.fixture
def disk(own_home: Path) -> Iterator[SmallDisk]:
    # Below every private folder of the test's: PostgreSQL has a user of its own.
    folder = Path("/tmp") / f"ekpay-small-disk-{os.getpid()}"  # noqa: S108 - mounted upon, and removed
    small = SmallDisk(folder, own_home)
    try:
        yield small
    finally:
        small.unmount()
        folder.rmdir()


def wrong_login(port: int, name: str) -> tuple[int, dict[str, str], dict[str, object]]:
    body = json.dumps({"user_id": name, "pass_key": "wrong"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{TOKEN_PATH}", body)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=15)  # noqa: S310
    error = caught.value
    return error.code, dict(error.headers), json.loads(error.read())


def ready(port: int) -> tuple[int, dict[str, object]]:
    try:
        return 200, json.loads(get(port, "/health/ready"))
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


async def test_a_full_disk_is_said_everywhere_and_forgotten_once_there_is_room(
    disk: SmallDisk, own_home: Path, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "stderr"
    await disk.lay_table()
    with running(own_home, log, "serve", "--port", str(port)) as process:
        wait_for(log, "serving", process)
        wait_until_it_answers(port)
        operations = operations_port(log)
        assert wrong_login(port, "before")[0] == 401
        await disk.fill()
        refused = [wrong_login(port, f"name{number}") for number in range(40)]
        statuses, (_, headers, body) = [status for status, _, _ in refused], refused[-1]
        assert statuses[-1] == 503, statuses
        assert (headers["retry-after"], body["resp_cd"]) == ("1", "2004")
        why = f"database refuses to write: {disk.reason}"
        assert ready(port) == ready(operations) == (503, {"status": why})
        numbers = get(operations, "/metrics")
        assert "ekpay_database_refusing 1.0" in numbers
        assert f'ekpay_database_refusals_total{{reason="{disk.reason}"}}' in numbers
        await disk.make_room()
        assert ready(port) == (200, {"status": "ready"})
        assert wrong_login(port, "after")[0] == 401
        assert "ekpay_database_refusing 0.0" in get(operations, "/metrics")
    await disk.take_away()
    events = ("database_refuses", "database_writes_again")
    assert [(line["event"], line["reason"]) for line in lines(log) if line["event"] in events] == [
        ("database_refuses", disk.reason),
        ("database_writes_again", disk.reason),
    ]

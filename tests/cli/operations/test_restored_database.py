"""A backup, a restore, and what is served from it: over a real embedded server and real processes."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ekpay_switch.composition.positions import place_of
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.persistence.positions.restores import record_check
from ekpay_switch.settings import Settings
from tests.cli.command_result import Ekpay
from tests.cli.operations.own_processes import EKPAY, WAIT_SECONDS, running, wait_for
from tests.persistence.books import Books, a_top_up, group_commit_of

ASKER, APPROVER = "amina has a long passphrase", "karim has a long passphrase"


@pytest.fixture
def backup_folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def _top_up(home: Path, paisa: int, *, opens: bool = False) -> None:
    """An entry in the books, as a payment makes them."""

    async def _post() -> None:
        group_commit = group_commit_of(open_database(_settings(home)))
        await group_commit.start()
        books = Books(EmbeddedPostgres(home).endpoint, group_commit)
        if opens:
            await books.partner(prefund=100_000)
        await books.submit(a_top_up("bank1", paisa))
        await group_commit.stop()

    asyncio.run(_post())


def _settings(home: Path) -> Settings:
    return Settings(home=home, database_url=None)


def _serve_a_while(home: Path, log: Path, paisa: int) -> None:
    """A worker starts, something is paid, and the worker leaves."""
    with running(home, log, "worker") as worker:
        wait_for(log, "worker_started", worker)
        _top_up(home, paisa)
        worker.terminate()
        assert worker.wait(WAIT_SECONDS) == 0


def _restore(home: Path, copy: Path) -> None:
    """As docs/operations/recovery.md says."""
    server = EmbeddedPostgres(home)
    server.stop()
    data = home / "data"
    owner = data.stat()
    shutil.rmtree(data)
    shutil.copytree(copy, data)
    for path in (data, *data.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)


def _refusal(home: Path, command: str) -> str:
    environment = os.environ | {"EKPAY_HOME": str(home), "EKPAY_REHEARSAL": "true"}
    environment |= {"EKPAY_OPERATIONS_PORT": "0", "EKPAY_WORKER_OPERATIONS_PORT": "0"}
    done = subprocess.run(  # noqa: S603 - ourselves
        [*EKPAY, command], env=environment, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    assert done.returncode == 1, done
    return done.stderr


async def _staff(home: Path) -> None:
    engine = open_database(_settings(home)).engine()
    await Staff(engine).install("amina", ASKER, [Role.FINANCE])
    await Staff(engine).install("karim", APPROVER, [Role.FINANCE])
    await engine.dispose()


async def _check(home: Path) -> None:
    engine = open_database(_settings(home)).engine()
    assert await record_check(engine, place_of(_settings(home)), 0)
    await engine.dispose()


def test_restored_database_does_not_serve(
    ekpay: Ekpay, own_home: Path, tmp_path: Path, backup_folder: Path
) -> None:
    home, environment = own_home, {"EKPAY_HOME": str(own_home)}
    _top_up(home, 1_000, opens=True)
    asyncio.run(_staff(home))
    _serve_a_while(home, tmp_path / "first", 2_000)
    assert ekpay("backup", "--out", str(backup_folder), **environment).code == 0
    _serve_a_while(home, tmp_path / "second", 3_000)
    _restore(home, backup_folder / "base")

    for command in ("serve", "worker"):
        assert "the database ends before journal_entries (lane " in _refusal(home, command)
    audited = ekpay("audit", **environment)
    assert audited.code == 1
    assert audited.out.splitlines()[-1].startswith("journal_entries (lane ")
    assert "no  position: the database ends before" in ekpay("doctor", **environment).out
    (listed,) = json.loads(ekpay("restore", "status", "--json", **environment).out)
    assert (listed["state"], listed["why"]) == ("open", "ends_before")
    assert "Next: ekpay restore check" in ekpay("restore", "status", **environment).out

    ask = ("restore", "release", listed["id"], "--reason", "asked back", "--by", "amina")
    approve = ("restore", "approve", listed["id"], "--by", "karim")
    persons = {"EKPAY_STAFF_PASSPHRASE": ASKER, "EKPAY_APPROVER_PASSPHRASE": APPROVER}
    unchecked = ekpay(*ask, **environment, **persons)
    assert unchecked.code == 1
    assert "run ekpay restore check first" in unchecked.err
    asyncio.run(_check(home))
    assert ekpay(*ask, **environment, **persons).code == 0
    assert "ends before" in _refusal(home, "worker")
    assert ekpay(*approve, **environment, **persons).code == 0
    assert ekpay("audit", **environment).out == "clean\n"
    _serve_a_while(home, tmp_path / "third", 4_000)
    assert ekpay("audit", **environment).out == "clean\n"
    assert " ok  position: the database continues" in ekpay("doctor", **environment).out


def test_a_backup_is_verified_and_holds_no_key_and_no_position(
    ekpay: Ekpay, own_home: Path, tmp_path: Path, backup_folder: Path
) -> None:
    home, environment = own_home, {"EKPAY_HOME": str(own_home)}
    _top_up(home, 1_000, opens=True)
    _serve_a_while(home, tmp_path / "log", 2_000)
    assert ekpay("backup", "--out", str(backup_folder), **environment).code == 0

    manifest = json.loads((backup_folder / "ekpay-backup.json").read_text())
    digest = hashlib.sha256((backup_folder / "base" / "backup_manifest").read_bytes()).hexdigest()
    assert manifest["backup_manifest_sha256"] == digest
    assert manifest["timeline"] == 1
    assert manifest["heads"]
    names = {path.name for path in backup_folder.rglob("*")}
    assert not names & {"master.key", "passwords", "ekpay.position"}
    secrets = [(home / name).read_text().strip() for name in ("master.key", "passwords")]
    assert not any(secret in text for text in _texts(backup_folder) for secret in secrets)

    again = ekpay("backup", "--out", str(backup_folder), **environment)
    assert (again.code, "is not empty" in again.err) == (1, True)
    within = ekpay("backup", "--out", str(home / "data" / "backup"), **environment)
    assert (within.code, "lies within the database" in within.err) == (1, True)
    assert not (home / "data" / "backup").exists()


def _texts(folder: Path) -> list[str]:
    return [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]


def test_positions_within_the_database_are_refused(ekpay: Ekpay, home: Path) -> None:
    done = ekpay("audit", EKPAY_POSITIONS=str(home / "data" / "positions"))
    assert (done.code, "EKPAY_POSITIONS lies within" in done.err) == (1, True)

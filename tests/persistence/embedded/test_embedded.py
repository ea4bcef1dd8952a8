"""The embedded PostgreSQL, started for real; as root and as an ordinary user alike."""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from ekpay_switch.persistence.embedded.account import SYSTEM_USER, ServerAccount
from ekpay_switch.persistence.embedded.server import (
    CONF,
    ROLES,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    Endpoint,
)

START_AND_PRINT = """
import sys
from pathlib import Path
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start().dsn("ekpay_app"))
"""
CAP_DAC_READ_SEARCH = 1 << 2


@pytest.fixture(scope="module")
def closed_parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("closed")
    parent.chmod(0o700)
    return parent


@pytest.fixture(scope="module")
def server(closed_parent: Path) -> Iterator[EmbeddedPostgres]:
    embedded = EmbeddedPostgres(closed_parent / "home")
    embedded.start()
    yield embedded
    embedded.destroy()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    embedded = EmbeddedPostgres(tmp_path / "home")
    yield embedded
    embedded.destroy()


def postmaster_id(server: EmbeddedPostgres) -> int:
    return int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 120
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} never came"
        time.sleep(0.005)


def starting_elsewhere(home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START_AND_PRINT, str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own interpreter)


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_logs_in_with_its_own_password(server: EmbeddedPostgres, role: str) -> None:
    assert await ask(server.endpoint.dsn(role), "SELECT current_user") == role


async def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    endpoint = server.endpoint
    wrong = replace(endpoint, passwords={"ekpay_app": endpoint.passwords["ekpay_audit"]})

    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(wrong.dsn("ekpay_app"), "SELECT 1")


async def test_the_owner_owns_and_the_others_may_only_connect(server: EmbeddedPostgres) -> None:
    endpoint = server.endpoint
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'ekpay'"
    assert await ask(endpoint.dsn("postgres"), owner) == "ekpay_owner"

    for role in ("ekpay_app", "ekpay_audit"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(endpoint.dsn(role), "CREATE TABLE public.mine ()")


async def test_every_setting_is_in_force(server: EmbeddedPostgres) -> None:
    dsn = server.endpoint.dsn("postgres")
    for name, value in CONF.items():
        shown = await ask(dsn, f"SHOW {name}")
        expected = {"on": {"on", "pglz"}}.get(value, {value.strip("'")})
        assert str(shown).strip("'") in {item.strip("'") for item in expected}, name
    assert await ask(dsn, "SHOW data_checksums") == "on"
    assert await ask(dsn, "SHOW server_encoding") == "UTF8"
    assert str(await ask(dsn, "SHOW server_version")).startswith("18.")


def test_the_text_of_an_endpoint_has_no_password(server: EmbeddedPostgres) -> None:
    endpoint = server.endpoint
    assert len(set(endpoint.passwords.values())) == len(ROLES)
    assert not any(password in repr(endpoint) + str(endpoint) for password in endpoint.passwords.values())


def test_a_dsn_survives_odd_characters() -> None:
    endpoint = Endpoint(Path("/a b&c"), 5432, "ekpay", {"ekpay_app": "p@ss/word"})
    assert (
        endpoint.dsn("ekpay_app") == "postgresql://ekpay_app:p%40ss%2Fword@/ekpay?host=/a%20b%26c&port=5432"
    )


def test_passwords_and_socket_are_private(server: EmbeddedPostgres) -> None:
    assert server.passwords_file.stat().st_mode & 0o777 == 0o600
    assert server.endpoint.socket_dir.stat().st_mode & 0o777 == 0o700
    assert (server.home / "data").stat().st_mode & 0o777 == 0o700
    assert server.log_file.stat().st_mode & 0o777 == 0o600


def test_passwords_are_in_neither_log_nor_settings(server: EmbeddedPostgres) -> None:
    written = server.log_file.read_text() + (server.home / "postgresql.conf").read_text()
    assert "ready to accept connections" in written
    assert not any(password in written for password in server.endpoint.passwords.values())


def test_the_server_is_never_root_and_may_at_most_read(server: EmbeddedPostgres) -> None:
    owner = (server.home / "data").stat().st_uid
    expected = pwd.getpwnam(SYSTEM_USER).pw_uid if os.geteuid() == 0 else os.geteuid()
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{postmaster_id(server)}/status").read_text().splitlines()
    )
    assert owner == expected
    assert set(status["Uid"].split()) == {str(expected)}
    assert int(status["CapPrm"], 16) & ~CAP_DAC_READ_SEARCH == 0


def test_a_closed_parent_stays_closed(server: EmbeddedPostgres, closed_parent: Path) -> None:
    assert server.is_running()
    assert closed_parent.stat().st_mode & 0o777 == 0o700


def test_starting_again_changes_nothing(server: EmbeddedPostgres) -> None:
    before = postmaster_id(server), server.endpoint
    assert (server.start(), postmaster_id(server)) == (before[1], before[0])


def test_psql_opens_it_as_superuser_whatever_the_callers_environment(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "somebody else's")
    command, environment = server.psql_command()
    answer = subprocess.run(  # noqa: S603 (the command under test)
        [*command, "-XAt", "-c", "SELECT current_user, current_database()"],
        env=environment, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert answer.stdout == "postgres|ekpay\n"


async def test_a_killed_server_is_started_again_with_its_data(server: EmbeddedPostgres) -> None:
    await ask(server.endpoint.dsn("ekpay_owner"), "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    killed = postmaster_id(server)
    os.kill(killed, signal.SIGKILL)

    endpoint = server.start()

    assert postmaster_id(server) != killed
    assert await ask(endpoint.dsn("ekpay_owner"), "SELECT answer FROM kept") == 42


async def test_a_crash_before_the_roles_were_complete_is_made_good(server: EmbeddedPostgres) -> None:
    await ask(server.endpoint.dsn("postgres"), "REVOKE CONNECT ON DATABASE ekpay FROM ekpay_audit")
    await ask(server.endpoint.dsn("postgres"), "DROP ROLE ekpay_audit")

    endpoint = server.start()

    assert await ask(endpoint.dsn("ekpay_audit"), "SELECT current_user") == "ekpay_audit"


async def test_processes_that_start_at_once_share_one_server(fresh: EmbeddedPostgres) -> None:
    starting = [starting_elsewhere(fresh.home) for _ in range(2)]
    printed = {process.communicate(timeout=60)[0].strip() for process in starting}

    assert [process.returncode for process in starting] == [0, 0]
    assert printed == {fresh.endpoint.dsn("ekpay_app")}
    # The server does not go with those who started it.
    assert await ask(printed.pop(), "SELECT 1") == 1


async def test_a_launcher_killed_during_initdb_is_waited_out(fresh: EmbeddedPostgres) -> None:
    """An initdb that outlives its launcher must not work in the folder that the next one uses."""
    starting = starting_elsewhere(fresh.home)
    wait_for(fresh.home / "data.partial" / "PG_VERSION")
    starting.kill()
    starting.communicate()

    assert await ask(fresh.start().dsn("ekpay_app"), "SELECT 1") == 1


async def test_a_crash_while_the_cluster_was_made_is_made_good(fresh: EmbeddedPostgres) -> None:
    (fresh.home / "data.partial" / "base").mkdir(parents=True)
    (fresh.home / "initdb-password").write_text("half")
    (fresh.home / "passwords.partial").write_text("half")

    assert await ask(fresh.start().dsn("ekpay_app"), "SELECT 1") == 1
    assert not (fresh.home / "data.partial").exists()
    assert not (fresh.home / "initdb-password").exists()


@pytest.mark.parametrize("name", ["long" * 30, """o'dd "na$me, বিল"""])
async def test_a_home_unfit_for_a_socket_gets_a_private_one_elsewhere(tmp_path: Path, name: str) -> None:
    server = EmbeddedPostgres(tmp_path / name)
    try:
        endpoint = server.start()
        assert server.home not in endpoint.socket_dir.parents
        assert endpoint.socket_dir.stat().st_mode & 0o777 == 0o700
        assert await ask(endpoint.dsn("ekpay_app"), "SELECT 1") == 1
    finally:
        server.destroy()
    assert not endpoint.socket_dir.exists()


@pytest.mark.parametrize("is_link", [True, False])
def test_a_private_folder_is_never_made_of_something_else(tmp_path: Path, *, is_link: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    taken = tmp_path / "taken"
    if is_link:
        taken.symlink_to(elsewhere)
    else:
        taken.write_text("a file")

    with pytest.raises(EmbeddedPostgresError, match="folder of our own"):
        ServerAccount(os.geteuid(), os.getegid()).make_private_folder(taken)

    assert elsewhere.stat().st_mode & 0o777 == 0o755


def test_stop_stops_and_start_begins_again(fresh: EmbeddedPostgres) -> None:
    fresh.stop()
    passwords = fresh.start().passwords
    fresh.stop()
    assert not fresh.is_running()
    with pytest.raises(EmbeddedPostgresError, match="not running"):
        _ = fresh.endpoint

    assert fresh.start().passwords == passwords


def test_a_server_that_cannot_start_says_why(fresh: EmbeddedPostgres) -> None:
    fresh.start()
    fresh.stop()
    (fresh.home / "data" / "postgresql.auto.conf").write_text("shared_buffers = 'much'\n")

    with pytest.raises(EmbeddedPostgresError, match=r"(?s)did not start.*shared_buffers"):
        fresh.start()


def test_lost_passwords_are_reported_not_replaced(fresh: EmbeddedPostgres) -> None:
    fresh.start()
    kept = fresh.passwords_file.rename(fresh.home / "kept")

    with pytest.raises(EmbeddedPostgresError, match="passwords is gone"):
        fresh.start()

    kept.rename(fresh.passwords_file)


def test_destroy_leaves_what_others_keep_in_the_folder(fresh: EmbeddedPostgres) -> None:
    fresh.start()
    other = fresh.home / "sealing.key"
    other.write_text("not ours")

    fresh.destroy()

    assert not fresh.is_running()
    assert {entry.name for entry in fresh.home.iterdir()} == {"sealing.key", "lock"}

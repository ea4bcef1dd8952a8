"""The command against the sandbox's own server: keys by variables, folders by institution, read only."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import typer
from typer.testing import CliRunner

from reconciliation.cli import fetch_commands as sftp
from reconciliation.cli.fetch_commands import fetch_from
from reconciliation.errors import ConfigurationError, SourceError
from sandbox.network.sftp.outbox import move_to_institution_folders
from sandbox.network.sftp.server import USER, SftpHome, serve_sftp

CONFIG = Path(__file__).parents[3] / "config"
NAME, OTHER = "bkash_20260405_01.csv", "stmt_sonali_20260405_01.xml"


@dataclass
class Given:
    home_folder: Path
    config: Path = CONFIG


@asynccontextmanager
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SftpHome]:
    home = SftpHome(tmp_path / "far")
    async with serve_sftp(home, "127.0.0.1", 0) as port:
        monkeypatch.setenv("EKPAY_SFTP_SANDBOX_PORT", str(port))
        monkeypatch.setenv("EKPAY_SFTP_SANDBOX_KEY", str(home.client_key))
        monkeypatch.setenv("EKPAY_SFTP_SANDBOX_HOST_KEY", home.fingerprint)
        yield home


def run(home: Path, *arguments: str, config: Path = CONFIG) -> tuple[int, str]:
    app = typer.Typer()
    sftp.register(app)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["fetch", *arguments], obj=Given(home, config))
    return result.exit_code, result.output


async def test_files_of_the_outbox_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(tmp_path, monkeypatch) as far:
        for name in (NAME, OTHER):
            (far.outbox / name).write_bytes(name.encode())
        move_to_institution_folders(far.outbox, far.files)
        code, said = await asyncio.to_thread(run, tmp_path, "--server", "sandbox")
    assert code == 0, said
    assert said.count("fetched") == 2
    folder = tmp_path / "reconciliation" / "inbox" / "sftp"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        NAME: NAME.encode(),
        OTHER: OTHER.encode(),
    }


async def test_the_server_moves_what_lies_in_its_outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path, monkeypatch) as far:
        (far.outbox / NAME).write_bytes(b"x")
        async with asyncio.timeout(10):
            while not (far.files / "bkash" / f"{NAME}.done").exists():  # noqa: ASYNC110 - another's doing
                await asyncio.sleep(0.05)
    assert (far.files / "bkash" / NAME).read_bytes() == b"x"


def test_only_names_that_tell_an_institution_leave_the_outbox(tmp_path: Path) -> None:
    outbox, files = tmp_path / "outbox", tmp_path / "files"
    assert move_to_institution_folders(outbox, files) == []
    outbox.mkdir()
    for name in (NAME, "breb_postpaid_20260405_02_c1.txt", "readme.txt", "BKASH_20260405_01.csv"):
        (outbox / name).write_bytes(b"x")
    assert move_to_institution_folders(outbox, files) == [NAME, "breb_postpaid_20260405_02_c1.txt"]
    assert {path.name for path in outbox.iterdir()} == {"readme.txt", "BKASH_20260405_01.csv"}
    assert {path.name for path in (files / "breb_postpaid").iterdir()} == {
        "breb_postpaid_20260405_02_c1.txt",
        "breb_postpaid_20260405_02_c1.txt.done",
    }


async def test_keys_are_made_once_and_are_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path, monkeypatch) as far:
        first = far.fingerprint
        assert {path.stat().st_mode & 0o777 for path in (far.client_key, far.host_key)} == {0o600}
    async with served(tmp_path, monkeypatch) as far:
        assert far.fingerprint == first


async def entered(
    far: SftpHome, port: str, key: asyncssh.SSHKey, user: str = USER
) -> asyncssh.SSHClientConnection:
    trusted = asyncssh.read_private_key(far.host_key).convert_to_public()
    options: dict[str, Any] = {"config": None, "agent_path": None, "known_hosts": ([trusted], [], [])}
    return await asyncssh.connect("127.0.0.1", int(port), username=user, client_keys=[key], **options)


async def test_the_server_takes_nothing_and_changes_nothing(tmp_path: Path) -> None:
    async with serve_sftp(SftpHome(tmp_path / "far"), "127.0.0.1", 0) as port:
        far = SftpHome(tmp_path / "far")
        (far.files / "bkash").mkdir()
        (far.files / "bkash" / NAME).write_bytes(b"x")
        key = asyncssh.read_private_key(far.client_key)
        async with await entered(far, str(port), key) as connection, connection.start_sftp_client() as client:
            for change in (
                client.open("/bkash/new.csv", "w"),
                client.open(f"/bkash/{NAME}", "a"),
                client.remove(f"/bkash/{NAME}"),
                client.rename(f"/bkash/{NAME}", "/bkash/other"),
                client.mkdir("/mine"),
                client.symlink("/bkash", "/link"),
                client.truncate(f"/bkash/{NAME}", 0),
            ):
                with pytest.raises(asyncssh.SFTPPermissionDenied):
                    await change
            assert await client.listdir("/../..") == await client.listdir("/")
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        for other, user in ((stranger, USER), (key, "root")):
            with pytest.raises(asyncssh.PermissionDenied):
                await entered(far, str(port), other, user)
    assert (far.files / "bkash" / NAME).read_bytes() == b"x"


def test_a_server_that_cannot_be_asked_is_said_and_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = run(tmp_path)
    assert code == 1
    assert "EKPAY_SFTP_SANDBOX_HOST_KEY must hold" in said
    monkeypatch.setenv("EKPAY_SFTP_SANDBOX_HOST_KEY", "SHA256:" + "a" * 43)
    code, said = run(tmp_path)
    assert code == 1
    assert "EKPAY_SFTP_SANDBOX_KEY names no file" in said


def test_a_name_that_is_no_server_is_refused(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--server", "nobody")
    assert code == 1
    assert "has no server nobody: sandbox" in said
    shutil.copytree(CONFIG / "statements", tmp_path / "config" / "statements")
    with pytest.raises(ConfigurationError, match=r"sftp\.toml"):
        fetch_from(tmp_path, tmp_path / "config")


def test_two_fetches_at_once_would_write_the_same_parts(tmp_path: Path) -> None:
    with sftp._alone(tmp_path), pytest.raises(SourceError, match="another fetch"):  # noqa: SLF001 - the lock itself
        fetch_from(tmp_path, CONFIG)

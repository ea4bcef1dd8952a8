"""The server of a folder is stopped by the last process that uses it, however the others have ended."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ekpay_switch.cli.operations import database
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.embedded.users import ServerUser, add_user, other_users

USES = """
import sys
from pathlib import Path
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1])).start(used_by=sys.argv[2])
print("uses", flush=True)
sys.stdin.read()
"""


@contextmanager
def a_user(home: Path, command: str) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-c", USES, str(home), command]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        assert process.stdout.readline() == b"uses\n"
        yield process
        process.kill()


def test_the_server_stays_up_until_the_last_user_is_gone_even_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedPostgres(tmp_path / "home")
    monkeypatch.setenv("EKPAY_HOME", str(server.home))
    monkeypatch.delenv("EKPAY_DATABASE_URL", raising=False)
    try:
        with a_user(server.home, "ekpay serve") as first:
            with a_user(server.home, "ekpay worker") as second:
                users = server.stop(unless_used=True)
                both = {ServerUser(first.pid, "ekpay serve"), ServerUser(second.pid, "ekpay worker")}
                assert set(users) == both
                assert server.destroy(unless_used=True) == users
            assert server.stop(unless_used=True) == [ServerUser(first.pid, "ekpay serve")]
            for words in (["stop"], ["stop", "--destroy"]):
                answer = CliRunner().invoke(database.app, words)
                said = f"{server.home} stays up: it is used by ekpay serve (process {first.pid})"
                assert (answer.exit_code, said in answer.output) == (1, True)
            assert server.is_running()
        assert list(server.stop(unless_used=True)) == []
        assert not server.is_running()
        assert list((server.home / "users").iterdir()) == []
    finally:
        server.destroy()


def test_a_process_does_not_count_itself_nor_a_file_without_a_process(tmp_path: Path) -> None:
    add_user(tmp_path, "ekpay serve")
    add_user(tmp_path, "ekpay serve")
    (tmp_path / "users" / "1").write_text("ekpay worker")
    assert other_users(tmp_path) == []
    assert not (tmp_path / "users" / "1").exists()
    assert str(ServerUser(7, "ekpay serve")) == "ekpay serve (process 7)"

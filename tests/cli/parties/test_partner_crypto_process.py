"""`ekpay partner-crypto` as the process that a partner runs, and its page as a partner types it."""

import argparse
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ekpay_switch.api.partner_crypto import BASE
from ekpay_switch.cli.main import build, carry_out
from sandbox.kit.jwe import seal, unseal

EKPAY = [sys.executable, "-c", "from ekpay_switch.cli.main import run; run()"]
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "encrypt-as-a-partner.md"
SECRET = "0123456789abcdefABCDEF0123456789"
MESSAGE = '{"hdrs":{"nm":"CHCK_BKT_BLNC_REQ"}}'
WAIT_SECONDS = 300
# What would stop any command that reads settings or looks for a database.
BROKEN_SETTINGS = {
    "EKPAY_HOME": "/proc/nothing",
    "EKPAY_CONFIG": "/proc/nothing",
    "EKPAY_DATABASE_URL": "rubbish",
    "EKPAY_MASTER_KEY": "rubbish",
    "EKPAY_PORT": "rubbish",
}

Curl = Callable[[str], str]
Lines = pytest.CaptureFixture[str]


@dataclass
class Running:
    """The service as a process; `stderr` is where its lines go."""

    process: "subprocess.Popen[str]"
    origin: str
    stderr: Path


@contextmanager
def started(folder: Path, *words: str) -> Iterator[Running]:
    stderr = folder / "stderr"
    with stderr.open("wb") as lines:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [*EKPAY, "partner-crypto", "--port", "0", *words],
            cwd=folder,
            env=os.environ | BROKEN_SETTINGS,
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        )
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], WAIT_SECONDS)[0], "it said nothing"
        said = process.stdout.readline()
        assert said.startswith("partner-crypto listens on http://"), stderr.read_text()
        yield Running(process, said.split()[-1], stderr)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with started(tmp_path) as service:
        yield service


def by_urllib(command: str) -> str:
    """Do what a curl command of the page says, on machines that have no curl."""
    reader = argparse.ArgumentParser(exit_on_error=False)
    reader.add_argument("url")
    reader.add_argument("--silent", action="store_true", required=True)
    reader.add_argument("--header", default="")
    reader.add_argument("--data-binary")
    name, *words = shlex.split(command)
    assert name == "curl"
    read = reader.parse_args(words)
    body = None if read.data_binary is None else read.data_binary.encode()
    request = urllib.request.Request(read.url, body)  # noqa: S310 - loopback
    if read.header:
        request.add_header(*read.header.split(": ", 1))
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def by_curl(command: str) -> str:
    done = subprocess.run(  # noqa: S603 - the command of the page
        shlex.split(command), capture_output=True, text=True, check=True, timeout=WAIT_SECONDS
    )
    return done.stdout


CURLS: list[Curl] = [by_urllib, by_curl] if shutil.which("curl") else [by_urllib]


def commands() -> list[str]:
    """Every command of the page, in order."""
    blocks = re.findall(r"```sh\n(.*?)\n *```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def test_the_page_is_true(running: Running) -> None:
    for curl in CURLS:
        said = [curl(command.replace("http://127.0.0.1:8185", running.origin)) for command in commands()]
        by_header, opened, by_query, opened_by_query, health = said
        assert unseal(by_header, SECRET) == unseal(by_query, SECRET) == MESSAGE.encode()
        assert (opened, opened_by_query, health) == (MESSAGE, MESSAGE, "ready\n")


def test_the_page_shows_every_operation_and_only_such() -> None:
    shown = set(re.findall(r"http://127\.0\.0\.1:8185([a-z/]+)", "\n".join(commands())))
    names = ("encryptbody", "decryptbody", "encrypt", "decrypt")
    assert shown == {f"{BASE}/{name}" for name in names} | {"/health"}
    assert MESSAGE in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_leaves_when_told_without_a_word(number: signal.Signals, running: Running) -> None:
    assert by_urllib(f"curl --silent {running.origin}/health") == "ready\n"
    running.process.send_signal(number)
    assert running.process.wait(WAIT_SECONDS) in {0, -number}
    assert running.stderr.read_text() == ""


def test_it_leaves_nothing_behind(running: Running, tmp_path: Path) -> None:
    by_urllib(f"curl --silent --header 'x-api-key: {SECRET}' --data-binary x {running.origin}/encryptbody")
    assert [path.name for path in tmp_path.iterdir()] == ["stderr"]


def test_neither_secret_nor_message_is_ever_printed(running: Running) -> None:
    sealed = seal(b"open-sesame", SECRET)
    asked = {"/encrypt": b"open-sesame", "/decrypt": sealed.encode(), "/nowhere": sealed.encode()}
    for path, body in asked.items():
        for secret in (SECRET[:-1], SECRET[::-1], SECRET):
            status, said = _post(f"{running.origin}{path}?secretKey={secret}", body)
            assert status in {200, 400, 404}
            assert secret not in said
    _say_rubbish(running.origin)
    running.process.send_signal(signal.SIGTERM)
    said, _ = running.process.communicate(timeout=WAIT_SECONDS)
    lines = said + running.stderr.read_text()
    assert not any(word in lines for word in (SECRET[:-1], SECRET[::-1], "sesame", sealed))


def _post(url: str, body: bytes) -> tuple[int, str]:
    request = urllib.request.Request(url, body)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def _say_rubbish(origin: str) -> None:
    """What no HTTP parser takes, with a secret in it."""
    with socket.create_connection(("127.0.0.1", int(origin.rsplit(":", 1)[1])), WAIT_SECONDS) as line:
        line.sendall(f"POST /encrypt?secretKey={SECRET} HTTP/9.9\r\n: {SECRET}\r\n\r\n".encode())
        assert line.recv(1_000).startswith(b"HTTP/1.1 400 ")


def test_an_address_that_others_reach_is_warned_about(tmp_path: Path) -> None:
    with started(tmp_path, "--host", "0.0.0.0") as service:  # noqa: S104 - the point of the warning
        assert "warning: 0.0.0.0 can be reached by others" in service.stderr.read_text()


def test_localhost_by_name_is_not_warned_about(tmp_path: Path) -> None:
    with started(tmp_path, "--host", "localhost") as service:
        assert service.stderr.read_text() == ""


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["partner-crypto", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(  # noqa: S603 - ourselves
            [*EKPAY, *words], capture_output=True, text=True, check=False, timeout=WAIT_SECONDS
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"ekpay: cannot listen on 127\.0\.0\.1 port \d+: Address already in use.*\n", done.stderr
    )


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_misuse(port: str, capsys: Lines) -> None:
    words = ["partner-crypto", "--port", port]
    assert carry_out(build(words), words) == 2
    assert re.fullmatch(r"ekpay: .{10,}\n", capsys.readouterr().err)

"""A whole installation of real processes that tests kill and start again one by one."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import aiohttp

import sandbox
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.persistence.routing.store import PICTURE_SECONDS
from ekpay_switch.settings import Settings
from sandbox.kit.tcp_ports import free_port

ROOT = Path(str(sandbox.__file__)).parent.parent
# A busy machine is slow, not wrong.
PATIENCE_SECONDS = 300
POLL_SECONDS = 0.05

# Ten times faster than life: 1 s to send, 2 s to answer. What is only waiting is shorter still, so that a
# doubt ends within seconds: asked after 1, 2 and 3 s, and "not found" is final 1.5 s after the send deadline.
TIME_DIVISOR = 10
DESCO_IN_A_HURRY = {
    "ask_after_seconds": "[10, 20, 30]",
    "ask_every_seconds": "100",
    "not_found_settle_seconds": "10",
    "settle_margin_seconds": "5",
    "inquiries_per_second": "50",
}
# Shops ask for refunds here while processes die; the real DESCO keeps what it was paid.
DESCO_TAKES_BACK = {"can_be_undone": "true"}
# 1 s to send, 1.5 s to answer; a page is looked at after 1, 3, 6 and 10 s. How often it may be asked is not
# hurried: five times a second, and two logins within an hour.
BKASH_IN_A_HURRY = {
    "answer_seconds": "15",
    "ask_after_seconds": "[10, 20, 30]",
    "ask_every_seconds": "100",
    "page_ask_after_seconds": "[10, 30, 60, 100]",
}
SLOW_SECONDS = 6
# More than a rehearsal uses on the slowest machine; an account costs nothing before it is used.
ACCOUNTS = 200_000

CLOSE_BREAKERS = """
UPDATE connector_breakers SET state = 'closed', since = now(), because = '', probe = '', probe_until = NULL,
  epoch = epoch + 1
WHERE state <> 'closed'
"""


@dataclass(slots=True)
class Running:
    """A process, alive or dead, and what it wrote; `is_ours` where it was started to misbehave."""

    popen: "subprocess.Popen[bytes]"
    log: Path
    is_ours: bool

    @property
    def is_alive(self) -> bool:
        return self.popen.poll() is None

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still; its end is left for Popen to see."""
        return os.waitid(os.P_PID, self.popen.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None

    async def stop(self) -> None:
        """Wait until it stops by itself, by SIGSTOP."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not self.is_stopped:
            assert self.is_alive, self.tail()
            assert time.monotonic() < give_up_at, f"it did not reach its point:\n{self.tail()}"
            await asyncio.sleep(POLL_SECONDS)

    def go_on(self) -> None:
        """SIGCONT."""
        self.popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until the system has taken it away."""
        self.popen.kill()
        self.popen.wait(PATIENCE_SECONDS)

    async def death(self) -> int:
        """Wait until it dies by itself; how it ended."""
        try:
            return await asyncio.to_thread(self.popen.wait, PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not reach its point:\n{self.tail()}") from None

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


class Installation:
    """One database, one biller and one wallet for the whole session, one web process and worker at a time."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self._folder = folder
        self._processes: dict[str, Running] = {}
        self._started = 0
        self._far_side_port, self._wallet_port, self._port = (free_port() for _ in range(3))
        self.settings = Settings(
            home=folder / "home",
            config=_config_in_a_hurry(folder / "config"),
            port=self._port,
            time_divisor=TIME_DIVISOR,
            database_url=None,
            master_key=None,
        )

    async def open(self) -> None:
        """Start what lives through every test: the database and the far sides."""
        await migrate(self.database)
        await self.open_far_side()
        wallet = self.start("wallet")
        await self._ready(wallet, f"{_admin_of(self._wallet_port)}/health")

    async def open_far_side(self) -> None:
        """Start the biller, or start it again with the book that it has."""
        await self._ready(self.start("far_side"), f"{self._admin}/health")

    @cached_property
    def database(self) -> Database:
        """The database, started if it is not running."""
        return open_database(self.settings)

    @property
    def address(self) -> str:
        """The switch's base URL."""
        return f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        """End every process and delete the database."""
        for name in reversed(list(self._processes)):
            self._processes.pop(name).kill()
        EmbeddedPostgres(self.settings.home).destroy()

    async def web(self, *crash: str) -> Running:
        """Replace the web process and wait until it is ready: the product's own, or one that will crash."""
        process = self.start("web", crash)
        await self._ready(process, f"{self.address}/health/ready")
        return process

    async def worker(self, *crash: str) -> Running:
        """Replace the worker; nobody has to wait for one."""
        return self.start("worker", crash)

    async def second_worker(self) -> Running:
        """One more worker beside the other, until the next healing."""
        return self.start("second_worker")

    async def heal(self) -> None:
        """Whatever happened before: the product's own processes run, and the far side is in order."""
        if not self.is_alive("far_side"):
            await self.open_far_side()
        await self.ask_far_side("POST", "outage", {"mode": "none"})
        self.kill("second_worker")
        for name, start in (("web", self.web), ("worker", self.worker)):
            process = self._processes.get(name)
            if process is None or process.is_ours or not process.is_alive:
                await start()

    async def close_breakers(self) -> None:
        """Let no process avoid a connector for the doubts of an earlier test.

        Doubts right after each other open the breaker. A test whose process waits for its payments at the
        execute would wait for ever, since an open breaker lets none begin.
        """
        connection = await self.database.connect("owner")
        try:
            closed = await connection.execute(CLOSE_BREAKERS)
        finally:
            await connection.close()
        if closed != "UPDATE 0":
            await asyncio.sleep(PICTURE_SECONDS)  # what a process knows of the breakers is as old at most

    @contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        """Let a process stand still meanwhile, wherever it is."""
        process = self._processes[name].popen
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def kill(self, name: str) -> None:
        """Kill a process, if it runs, and leave it dead."""
        process = self._processes.pop(name, None)
        if process is not None:
            process.kill()

    async def ask_far_side(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """One admin call of the simulated DESCO."""
        return await _asked(method, f"{self._admin}/{path}", body)

    async def ask_wallet(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """One admin call of the simulated bKash."""
        return await _asked(method, f"{_admin_of(self._wallet_port)}/{path}", body)

    @property
    def _admin(self) -> str:
        return _admin_of(self._far_side_port)

    @property
    def _environment(self) -> Mapping[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EKPAY_")}
        return inherited | {
            "EKPAY_HOME": str(self.settings.home),
            "EKPAY_REHEARSAL": "true",
            "EKPAY_CONFIG": str(self.settings.config),
            "EKPAY_PORT": str(self._port),
            "EKPAY_OPERATIONS_PORT": "0",
            "EKPAY_WORKER_OPERATIONS_PORT": "0",
            "EKPAY_TIME_DIVISOR": str(TIME_DIVISOR),
            "EKPAY_DESCO_URL": f"http://127.0.0.1:{self._far_side_port}/desco/api",
            "EKPAY_DESCO_USER": "ekpay",
            "EKPAY_DESCO_PASSWORD": "for-the-sandbox",
            "EKPAY_PUBLIC_URL": self.address,
            "EKPAY_BKASH_URL": f"http://127.0.0.1:{self._wallet_port}",
            "EKPAY_BKASH_USER": "ekpay",
            "EKPAY_BKASH_PASSWORD": "for-the-sandbox",
            "EKPAY_BKASH_APP_KEY": "faults",
            "EKPAY_BKASH_APP_SECRET": "for-the-sandbox-too",
            "EKPAY_BKASH_HANG_SECONDS": str(SLOW_SECONDS),
            # Its real schedule waits minutes after a few strikes; what is divided for us is divided for it.
            "EKPAY_BKASH_SNS_RETRY_SECONDS": "[1, 2, 5]",
            "EKPAY_BKASH_SNS_TOPIC_ARN": "arn:aws:sns:ap-southeast-1:000000000000:bkash-sandbox",
            "EKPAY_BKASH_SNS_CERTIFICATE_URL": f"{_admin_of(self._wallet_port)}/sns-certificate.pem",
        }

    def is_alive(self, name: str) -> bool:
        """Whether this process runs."""
        return name in self._processes and self._processes[name].is_alive

    def start(self, name: str, crash: Sequence[str] = ()) -> Running:
        """Start a process instead of the one of this name; it may not be ready yet."""
        self.kill(name)
        command = self._command(name, crash)
        self._started += 1
        log = self._folder / f"{self._started:03d}-{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(  # noqa: S603 - ourselves
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        process = self._processes[name] = Running(popen, log, is_ours=bool(crash))
        return process

    def _command(self, name: str, crash: Sequence[str]) -> list[str]:
        python = [sys.executable]
        served = {
            "far_side": ("--port", str(self._far_side_port)),
            "wallet": ("--bkash-port", str(self._wallet_port)),
        }
        if name in served:
            where = [*served[name], "--home", str(self._folder / name)]
            accounts = ["--accounts", str(ACCOUNTS)]
            return [*python, "-m", "sandbox", "serve", *where, "--slow-seconds", str(SLOW_SECONDS), *accounts]
        if crash:
            return [*python, "-m", "tests.faults.crashes.crashing_switch", name, *crash]
        verb = "serve" if name == "web" else "worker"
        return [*python, "-c", "from ekpay_switch.cli.main import run; run()", verb]

    async def _ready(self, process: Running, url: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        async with aiohttp.ClientSession() as session:
            while not await _answers(session, url):
                assert process.is_alive, process.tail()
                assert time.monotonic() < give_up_at, process.tail()
                await asyncio.sleep(POLL_SECONDS)


def _admin_of(port: int) -> str:
    return f"http://127.0.0.1:{port}/_admin"


async def _asked(method: str, url: str, body: object) -> Any:  # noqa: ANN401 - JSON
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _config_in_a_hurry(folder: Path) -> Path:
    """A copy of the configuration in which two manifests wait less and one biller takes payments back.

    The rest of it stays.
    """
    shutil.copytree(ROOT / "config", folder)
    _hurry(folder / "billers" / "desco_postpaid.toml", DESCO_IN_A_HURRY | DESCO_TAKES_BACK)
    _hurry(folder / "connectors" / "bkash.toml", BKASH_IN_A_HURRY)
    return folder


def _hurry(manifest: Path, times: Mapping[str, str]) -> None:
    text = manifest.read_text()
    for name, value in times.items():
        text, found = re.subn(rf"(?m)^{name} = [^#\n]*", f"{name} = {value} ", text)
        assert found == 1, f"{manifest.name} has {found} lines of {name}"
    manifest.write_text(text)

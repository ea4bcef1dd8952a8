"""A whole installation of real processes that tests kill and start again one by one."""

import asyncio
import os
import re
import shutil
import signal
import socket
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
from ekpay_switch.persistence.embedded import EmbeddedPostgres
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.settings import Settings

ROOT = Path(str(sandbox.__file__)).parent.parent
# A busy machine is slow, not wrong.
PATIENCE_SECONDS = 90
POLL_SECONDS = 0.05

# Ten times faster than life: 1 s to send, 2 s to answer. What is only waiting is shorter still, so that a
# doubt ends within seconds: asked after 1, 2 and 3 s, and "not found" is final 1.5 s after the send deadline.
TIME_DIVISOR = 10
IN_A_HURRY = {
    "ask_after_seconds": "[10, 20, 30]",
    "ask_every_seconds": "100",
    "not_found_settle_seconds": "10",
    "settle_margin_seconds": "5",
    "inquiries_per_second": "50",
}
SLOW_SECONDS = 6


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
    """One database and one far side for the whole session, one web process and one worker at a time."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self._folder = folder
        self._processes: dict[str, Running] = {}
        self._started = 0
        self._far_side_port, self._port = _free_port(), _free_port()
        self.settings = Settings(
            home=folder / "home",
            config=_config_in_a_hurry(folder / "config"),
            port=self._port,
            time_divisor=TIME_DIVISOR,
            database_url=None,
            master_key=None,
        )

    async def open(self) -> None:
        """Start what lives through every test: the database and the far side."""
        await migrate(self.database)
        self.start("far_side")
        await self._ready(self._processes["far_side"], f"{self._admin}/health")

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
        await self.ask_far_side("POST", "outage", {"mode": "none"})
        self.kill("second_worker")
        for name, start in (("web", self.web), ("worker", self.worker)):
            process = self._processes.get(name)
            if process is None or process.is_ours or not process.is_alive:
                await start()

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
        """Kill the web process or the worker, if it runs, and leave it dead."""
        process = self._processes.pop(name, None)
        if process is not None:
            process.kill()

    async def ask_far_side(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """One admin call of the simulated DESCO."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self._admin}/{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    @property
    def _admin(self) -> str:
        return f"http://127.0.0.1:{self._far_side_port}/_admin"

    @property
    def _environment(self) -> Mapping[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EKPAY_")}
        return inherited | {
            "EKPAY_HOME": str(self.settings.home),
            "EKPAY_CONFIG": str(self.settings.config),
            "EKPAY_PORT": str(self._port),
            "EKPAY_TIME_DIVISOR": str(TIME_DIVISOR),
            "EKPAY_DESCO_URL": f"http://127.0.0.1:{self._far_side_port}/desco/api",
            "EKPAY_DESCO_USER": "ekpay",
            "EKPAY_DESCO_PASSWORD": "for-the-sandbox",
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
        if name == "far_side":
            where = ["--port", str(self._far_side_port), "--home", str(self._folder / "far_side")]
            return [*python, "-m", "sandbox", "serve", *where, "--slow-seconds", str(SLOW_SECONDS)]
        if crash:
            return [*python, "-m", "tests.faults.crashing_switch", name, *crash]
        verb = "serve" if name == "web" else "worker"
        return [*python, "-c", "from ekpay_switch.cli.main import run; run()", verb]

    async def _ready(self, process: Running, url: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        async with aiohttp.ClientSession() as session:
            while not await _answers(session, url):
                assert process.is_alive, process.tail()
                assert time.monotonic() < give_up_at, process.tail()
                await asyncio.sleep(POLL_SECONDS)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _config_in_a_hurry(folder: Path) -> Path:
    """A copy of the configuration in which DESCO's manifest waits less; the rest of it stays."""
    shutil.copytree(ROOT / "config", folder)
    manifest = folder / "billers" / "desco_postpaid.toml"
    text = manifest.read_text()
    for name, value in IN_A_HURRY.items():
        text, times = re.subn(rf"(?m)^{name} = [^#\n]*", f"{name} = {value} ", text)
        assert times == 1, f"{manifest.name} has {times} lines of {name}"
    manifest.write_text(text)
    return folder

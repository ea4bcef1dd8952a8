"""`ekpay serve` and `ekpay worker` as processes that a test starts, waits for and ends."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekpay_switch.settings import Settings

EKPAY = [sys.executable, "-c", "from ekpay_switch.cli.main import run; run()"]
WAIT_SECONDS = 300


@contextmanager
def running(home: Path, log: Path, *words: str, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    ours = {f"EKPAY_{name.upper()}" for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    # Other tests have put partners into this home that no key opens.
    environment |= {"EKPAY_HOME": str(home), "EKPAY_REHEARSAL": "true"}
    environment |= {"EKPAY_OPERATIONS_PORT": "0", "EKPAY_WORKER_OPERATIONS_PORT": "0"} | more
    with log.open("wb") as stderr:
        process = subprocess.Popen([*EKPAY, *words], env=environment, stderr=stderr)  # noqa: S603 - ourselves
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(log: Path, event: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not any(line["event"] == event for line in lines(log)):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def lines(log: Path) -> list[dict[str, object]]:
    """Every line of stderr, whole; one that is no JSON fails the test."""
    return [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return str(answer.read().decode())


def operations_port(log: Path) -> int:
    return next(int(str(line["port"])) for line in lines(log) if line["event"] == "operations_served")


def wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            assert "ready" in get(port, "/health/ready")
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return

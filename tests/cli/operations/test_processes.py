"""`ekpay serve` and `ekpay worker` as processes of their own, as they run in production."""

import asyncio
import json
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ekpay_switch.persistence.engine import open_database
from ekpay_switch.settings import Settings
from sandbox.kit.tcp_ports import free_port
from tests.cli.command_result import Ekpay
from tests.cli.operations.own_processes import (
    WAIT_SECONDS,
    get,
    lines,
    operations_port,
    running,
    wait_for,
    wait_until_it_answers,
)


def test_serve_is_ready_shows_its_numbers_and_leaves_when_told(home: Path, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "stderr"
    with running(home, log, "serve", "--port", str(port)) as process:
        wait_for(log, "serving", process)
        wait_until_it_answers(port)
        operations = operations_port(log)
        assert "ekpay_queue_depth" in get(operations, "/metrics")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(port, "/metrics")
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) in {0, -signal.SIGTERM}
    assert {line["process"] for line in lines(log)} == {"web"}


WORKER_GONE = """
UPDATE housekeeping_marks SET passed_until = now() - interval '61 seconds' WHERE chore = 'worker'
"""


def test_the_worker_tells_its_metrics_and_a_dead_one_shows(home: Path, tmp_path: Path) -> None:
    port, web_log, worker_log = free_port(), tmp_path / "web", tmp_path / "worker"
    with running(home, web_log, "serve", "--port", str(port)) as web:
        wait_for(web_log, "serving", web)
        with running(home, worker_log, "worker") as worker:
            wait_for(worker_log, "worker_started", worker)
            for log in (web_log, worker_log):
                shown = get(operations_port(log), "/metrics")
                assert "ekpay_stuck_payments 0.0" in shown
                assert "ekpay_database_up 1.0" in shown
            _wait_until_well(operations_port(worker_log))
            worker.kill()
        asyncio.run(_tell(home, WORKER_GONE))
        with pytest.raises(urllib.error.HTTPError, match="503"):
            _wait_for_silence(operations_port(web_log))
        assert "ready" in get(port, "/health/ready"), "payments are taken without a worker"


def _wait_until_well(port: int) -> None:
    """A worker that has just started has not marked that it works yet, and answers 503."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            assert json.loads(get(port, "/health/detail"))["status"] == "well"
        except urllib.error.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def _wait_for_silence(port: int) -> None:
    """Ask until an answer is another one: a number that was just counted is told for five seconds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        assert json.loads(get(port, "/health/detail"))["status"] == "well"
        time.sleep(0.2)


async def _tell(home: Path, statement: str) -> None:
    connection = await open_database(Settings(home=home, database_url=None)).connect("owner")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def test_a_port_for_operators_that_is_taken_stops_the_worker(home: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        variable = {"EKPAY_WORKER_OPERATIONS_PORT": str(taken.getsockname()[1])}
        with running(home, tmp_path / "log", "worker", **variable) as worker:
            assert worker.wait(WAIT_SECONDS) == 1
    assert "EKPAY_WORKER_OPERATIONS_PORT" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_works_until_told_to_leave(number: signal.Signals, home: Path, tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with running(home, log, "worker") as process:
        wait_for(log, "worker_started", process)
        process.send_signal(number)
        assert process.wait(WAIT_SECONDS) == 0
    assert {line["process"] for line in lines(log)} == {"worker"}


def test_a_port_that_is_taken_ends_serve_with_a_line_that_says_so(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(home, log, "serve", "--port", str(port)) as process:
            assert process.wait(WAIT_SECONDS) == 1
    assert any(line["level"] == "error" for line in lines(log))


def test_the_billers_are_listed_from_their_manifests(ekpay: Ekpay) -> None:
    (desco,) = [
        one for one in json.loads(ekpay("billers", "list", "--json").out) if one["ekpay_id"] == "b025"
    ]
    assert (desco["id"], desco["bucket"], desco["takes_bill_once"]) == ("desco_postpaid", "postpaid", True)
    assert "desco_postpaid" in ekpay("billers", "list").out

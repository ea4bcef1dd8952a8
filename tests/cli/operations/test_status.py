"""`ekpay status` at an installation whose processes answer, and at one where none runs."""

import json
from pathlib import Path

from ekpay_switch.cli.operations.status import MARK
from sandbox.kit.tcp_ports import free_port
from tests.cli.command_result import Ekpay
from tests.cli.operations.own_processes import operations_port, running, wait_for


def test_where_nothing_runs_the_processes_are_marked(ekpay: Ekpay) -> None:
    port = str(free_port())
    done = ekpay("status", EKPAY_OPERATIONS_PORT=port, EKPAY_WORKER_OPERATIONS_PORT=port)
    assert done.code == 0
    said = done.out.splitlines()
    assert f"{MARK}Switch" in said[1]
    assert f"does not answer on 127.0.0.1:{port}" in said[1]
    assert any("Last night" in line for line in said)
    assert len(said) <= 20


def test_a_switch_that_serves_says_since_when(home: Path, tmp_path: Path, ekpay: Ekpay) -> None:
    port, log = free_port(), tmp_path / "log"
    with running(home, log, "serve", "--port", str(port)) as process:
        wait_for(log, "serving", process)
        environment = {"EKPAY_PORT": str(port), "EKPAY_OPERATIONS_PORT": str(operations_port(log))}
        environment |= {"EKPAY_WORKER_OPERATIONS_PORT": str(free_port())}
        done = ekpay("status", "--json", **environment)
        told = ekpay("status", **environment, EKPAY_REHEARSAL="0")
        unused = str(free_port())
        alone = ekpay(
            "status",
            EKPAY_REHEARSAL="0",
            EKPAY_OPERATIONS_PORT=unused,
            EKPAY_WORKER_OPERATIONS_PORT=unused,
        )
    switch = json.loads(done.out)[0]
    assert (switch["label"], switch["is_well"]) == ("Switch", True)
    assert switch["text"].startswith("ready since 20")
    assert switch["text"].endswith(f"payments on port {port}")
    assert told.out.splitlines()[0].endswith("in Dhaka, a rehearsal")
    assert alone.out.splitlines()[0].endswith("in Dhaka, real money")

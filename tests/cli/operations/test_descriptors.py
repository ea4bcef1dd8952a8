"""Descriptors that are spent, with the limit of a real process lowered."""

import json
import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from sandbox.kit.tcp_ports import free_port
from tests.cli.operations.own_processes import (
    get,
    lines,
    operations_port,
    running,
    wait_for,
    wait_until_it_answers,
)
from tests.cli.operations.test_disk_full import ready, wrong_login

LIMIT, IDLE = 256, 400
NO_PLACE = "descriptors spent: every place for connections is taken"
PROBE = """
import os, resource
from ekpay_switch import telemetry, trouble
from ekpay_switch.composition.descriptors import look_for_a_descriptor
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for _ in range(1000):
    look_for_a_descriptor()
assert trouble.DESCRIPTORS.reason == "no descriptor is left"
assert b"ekpay_descriptors_spent 1.0" in telemetry.render()
os.close(held.pop())
look_for_a_descriptor()
assert trouble.DESCRIPTORS.reason == ""
assert b"ekpay_descriptors_spent 0.0" in telemetry.render()
"""


def test_a_process_without_descriptors_says_it_once_and_once_that_it_is_over() -> None:
    probe = [sys.executable, "-c", PROBE]
    done = subprocess.run(probe, capture_output=True, check=True, env=dict(os.environ))  # noqa: S603 - ourselves
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["descriptors_spent", "descriptors_left_again"]


def test_a_crowd_of_connections_leaves_the_database_its_descriptors(home: Path, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "stderr"
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, ours[1]))
    with ExitStack() as stack:
        try:
            process = stack.enter_context(running(home, log, "serve", "--port", str(port)))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, ours)
        wait_for(log, "serving", process)
        wait_until_it_answers(port)
        operations = operations_port(log)
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(IDLE)]
        assert ready(port) == ready(operations) == (503, {"status": NO_PLACE})
        # Whoever sends a request is served, by way of the database, and the longest idle ones make room.
        assert wrong_login(port, "in the crowd")[0] == 401
        numbers = get(operations, "/metrics")
        assert "ekpay_descriptors_spent 1.0" in numbers
        assert 'ekpay_connections_cut_total{which="waiting"}' in numbers
        open_count = next(line for line in numbers.splitlines() if line.startswith("ekpay_process_open_fds"))
        assert float(open_count.split()[1]) < LIMIT
        for connection in crowd:
            connection.close()
        wait_for(log, "descriptors_left_again", process)
        assert ready(port) == (200, {"status": "ready"})
    said = [line["event"] for line in lines(log) if str(line["event"]).startswith("descriptors_")]
    assert said == ["descriptors_spent", "descriptors_left_again"]

"""Ports that are promised to servers before they listen."""

import socket
from pathlib import Path

from sandbox.kit.tcp_ports import free_port, is_port_free

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_ports_differ_and_can_be_listened_on() -> None:
    ports = [free_port() for _ in range(300)]
    assert len(set(ports)) == len(ports)
    assert all(map(is_port_free, ports[:10]))


def test_no_outgoing_connection_is_ever_given_such_a_port() -> None:
    first, _ = map(int, OUTGOING.read_text().split()) if OUTGOING.exists() else (32_768, 60_999)
    assert max(free_port() for _ in range(100)) < first


def test_a_port_that_somebody_listens_on_is_not_given() -> None:
    port = free_port()
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        assert not is_port_free(port)
        assert all(free_port() != port for _ in range(10_050))

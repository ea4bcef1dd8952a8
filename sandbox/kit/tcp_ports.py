"""Ports for servers whose port has to be known before they listen, and that may be started again on it."""

import os
import socket
from collections.abc import Iterator
from itertools import cycle

_HOST = "127.0.0.1"
# Below the ports that systems hand to outgoing connections (32,768 and more on Linux): one of those, open at
# the wrong moment, would keep a server from the port that it was promised.
_PORTS = range(10_000, 20_000)
# Processes begin far from each other, so that two do not promise the same port before either listens.
_PROCESS_STRIDE = 251
_start = os.getpid() * _PROCESS_STRIDE % len(_PORTS)
_next: Iterator[int] = cycle([*_PORTS[_start:], *_PORTS[:_start]])


def free_port() -> int:
    """Return a TCP port of this machine that is free now; none is returned twice for a long time.

    Raises:
        OSError: they are all taken.
    """
    for _ in _PORTS:
        if is_port_free(port := next(_next)):
            return port
    raise OSError(f"no port from {_PORTS[0]} to {_PORTS[-1]} is free")


def is_port_free(port: int) -> bool:
    """Whether this machine's port could be listened on at this moment."""
    with socket.socket() as probe:
        # As servers do: a port that only waits for old connections to die is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True

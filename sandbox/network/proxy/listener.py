"""A listening address that can be shut and opened again.

The address stays bound while it is shut, so that connections are refused and no other process can take it: an
ephemeral port would otherwise go to the next outgoing connection of this machine.
"""

import asyncio
import socket
from collections.abc import Callable

_BACKLOG = 2_048


class Gate:
    """Accepts connections while it is open; opening and shutting take effect before they return."""

    def __init__(self, host: str, port: int, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """Bind the address, port 0 being any free one; the gate is still shut.

        Raises:
            OSError: the address is taken.
        """
        self._host = host
        self._holder = _bound_socket(host, port)
        self.port: int = self._holder.getsockname()[1]
        self._make_protocol = make_protocol
        self._opening: asyncio.Task[asyncio.Server] | None = None

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._opening is not None

    def open(self) -> None:
        """Accept connections."""
        if self._opening is not None:
            return
        listener = _bound_socket(self._host, self.port)
        # The kernel accepts from now on; the server takes connections over in the next round of the loop.
        listener.listen(_BACKLOG)
        loop = asyncio.get_running_loop()
        self._opening = loop.create_task(
            loop.create_server(self._make_protocol, sock=listener, backlog=_BACKLOG)
        )

    def shut(self) -> None:
        """Refuse new connections; open ones go on."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        if opening.done():
            opening.result().close()
        else:
            opening.add_done_callback(lambda task: task.result().close())

    async def remove(self) -> None:
        """Shut it for good and release the address."""
        if self._opening is not None:
            await self._opening
        self.shut()
        self._holder.close()


def _bound_socket(host: str, port: int) -> socket.socket:
    """A socket bound to the address; several may be bound, as long as one listens."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.setblocking(False)  # noqa: FBT003 - positional only
    except OSError:
        bound.close()
        raise
    return bound

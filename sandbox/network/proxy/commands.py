"""The proxy's commands: serve it, and control a running one.

`strike`, `lift`, `release` and `show` print the proxy's answer as JSON. They exit with 1 and one line if it
does not answer or refuses.
"""

import asyncio
import json
import resource
import signal
import socket
from http.client import HTTPConnection, HTTPException
from typing import Annotated
from urllib.parse import urlencode

import typer
import uvicorn
import uvloop

from sandbox.network.proxy.control import control_config
from sandbox.network.proxy.far_side import ProxyRoute
from sandbox.network.proxy.fault_proxy import FaultProxy
from sandbox.network.proxy.faults import NetworkFault

CONTROL = "127.0.0.1:8319"
"""The default control address of a proxy."""

_CALL_SECONDS = 10
_HTTP_OK = 200
_PORT_MAX = 65_535
_BEFORE_PARTS = 3

Control = Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the proxy takes its orders.")]
FarSideName = Annotated[str | None, typer.Option(help="Name of a far side; all of them by default.")]


def proxy(
    before: Annotated[
        list[str],
        typer.Option(
            metavar="NAME:PORT:TO_PORT",
            help="Listen on PORT, 0 being a free one, before the far side at TO_PORT. May be repeated.",
        ),
    ],
    control: Control = CONTROL,
) -> None:
    """Stand before far sides on this machine and misbehave on demand, until interrupted."""
    routes = _routes(before)
    host, port = _address(control)
    # Each connection needs two file descriptors, and the usual soft limit is 1,024.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    try:
        uvloop.run(_serve(routes, host, port))
    except OSError as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(1) from error


def strike(
    far_side: Annotated[str, typer.Argument(help="Name of the far side.")],
    fault: Annotated[NetworkFault, typer.Argument(help="What shall go wrong.")],
    *,
    times: Annotated[
        int | None, typer.Option(min=1, help="How many exchanges it strikes; until lifted by default.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="How long a delay, a drip or a refusal lasts.")
    ] = None,
    match: Annotated[
        str | None, typer.Option(help="Strike only requests with this text in their first 512 bytes.")
    ] = None,
    control: Control = CONTROL,
) -> None:
    """Let the proxy before a far side misbehave."""
    order: dict[str, object] = {
        "far_side": far_side,
        "fault": fault.value,
        "times": times,
        "seconds": seconds,
        "match": match,
    }
    _print_answer(control, "POST", "/faults", order)


def lift(far_side: FarSideName = None, control: Control = CONTROL) -> None:
    """Let everything pass the proxy again; requests that are held stay held."""
    _print_answer(control, "DELETE", "/faults" + _query(far_side))


def release(far_side: FarSideName = None, control: Control = CONTROL) -> None:
    """Forward the requests that the proxy holds."""
    _print_answer(control, "POST", "/release" + _query(far_side))


def show(control: Control = CONTROL) -> None:
    """Print what is armed, what has passed and what was struck."""
    answers = [_call(control, "GET", path) for path in ("/health", "/faults", "/stats")]
    health, armed, counted = answers
    typer.echo(json.dumps({"health": health, "armed": armed, "counted": counted}, indent=2))


async def _serve(routes: dict[str, ProxyRoute], host: str, port: int) -> None:
    fault_proxy = FaultProxy(routes)
    server = uvicorn.Server(control_config(fault_proxy))

    def _stop() -> None:
        server.should_exit = True

    # The server has signal handlers of its own, but raises the signal again when it has ended.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop)
    with socket.create_server((host, port)) as listener:
        async with fault_proxy:
            for name, route in routes.items():
                typer.echo(f"{name} 127.0.0.1:{fault_proxy.port(name)} before 127.0.0.1:{route.to_port}")
            typer.echo(f"proxy takes orders at http://{host}:{listener.getsockname()[1]}")
            await server.serve(sockets=[listener])


def _print_answer(control: str, method: str, path: str, order: dict[str, object] | None = None) -> None:
    typer.echo(json.dumps(_call(control, method, path, order), indent=2))


def _call(control: str, method: str, path: str, order: dict[str, object] | None = None) -> object:
    connection = HTTPConnection(*_address(control), timeout=_CALL_SECONDS)
    try:
        connection.request(method, path, None if order is None else json.dumps(order))
        answer = connection.getresponse()
        document = json.loads(answer.read())
    except (OSError, HTTPException, ValueError) as error:
        typer.echo(f"no proxy answers at {control}: {type(error).__name__}", err=True)
        raise typer.Exit(1) from error
    finally:
        connection.close()
    if answer.status != _HTTP_OK:
        typer.echo(f"refused: {json.dumps(document)}", err=True)
        raise typer.Exit(1)
    return document


def _query(far_side: str | None) -> str:
    return "" if far_side is None else "?" + urlencode({"far_side": far_side})


def _routes(before: list[str]) -> dict[str, ProxyRoute]:
    routes: dict[str, ProxyRoute] = {}
    for text in before:
        parts = text.split(":")
        if len(parts) != _BEFORE_PARTS or not parts[0] or parts[0] in routes:
            raise typer.BadParameter(f"{text} must be NAME:PORT:TO_PORT, with a name of its own")
        routes[parts[0]] = ProxyRoute(_port(parts[1]), _port(parts[2]))
    return routes


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host:
        raise typer.BadParameter(f"{text} must be HOST:PORT")
    return host, _port(port)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _PORT_MAX):
        raise typer.BadParameter(f"{text} is no TCP port")
    return int(text)

"""`ekpay partner-crypto`: the encryption service beside a partner's client.

It needs no settings, no database and no master key: partners run it where only this package is installed.
"""

import contextlib
import ipaddress
import socket
from typing import Annotated

import typer
import uvicorn

from ekpay_switch import telemetry
from ekpay_switch.api.partner_crypto import build_partner_crypto
from ekpay_switch.cli.terminal import complain

_LEAVE_SECONDS = 5


def partner_crypto(
    host: Annotated[str, typer.Option(help="Address; this machine alone by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="TCP port; 0 takes a free one.")] = 8185,
) -> None:
    """Encrypt and decrypt messages beside a partner's client, until interrupted."""
    telemetry.configure("partner-crypto")
    if not _is_loopback(host):
        complain(
            f"warning: {host} can be reached by others, and secrets and bills travel to it unencrypted; "
            "keep it on 127.0.0.1, or behind TLS and a firewall"
        )
    with _listen(host, port) as listener:
        bound_host, bound_port = listener.getsockname()[:2]
        shown_host = f"[{bound_host}]" if ":" in bound_host else bound_host
        typer.echo(f"partner-crypto listens on http://{shown_host}:{bound_port}")
        # uvicorn raises the signal again once it has left in good order.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(_server_config()).run(sockets=[listener])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that the line that names the address is true when it is read."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        complain(f"cannot listen on {host} port {port}: {error.strerror}")
        raise typer.Exit(1) from error


def _server_config() -> uvicorn.Config:
    """No access log: a secret may stand in a query string."""
    return uvicorn.Config(
        build_partner_crypto(),
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )

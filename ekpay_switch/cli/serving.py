"""`ekpay serve` and `ekpay worker`: the two processes that a switch is made of."""

from typing import Annotated

import typer
import uvicorn
import uvloop

from ekpay_switch import telemetry
from ekpay_switch.main import build_app, run_worker
from ekpay_switch.settings import Settings, read_settings

_KEEP_ALIVE_SECONDS = 75
# A payment that is being told to its biller when the process is asked to leave gets the time to be recorded.
_LEAVE_SECONDS = 30


def serve(
    host: Annotated[str | None, typer.Option(help="Address; EKPAY_HOST by default.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="TCP port; EKPAY_PORT by default.")
    ] = None,
) -> None:
    """Serve the partner API until interrupted."""
    settings = read_settings()
    given = {"host": host, "port": port}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    telemetry.configure("web")
    server = uvicorn.Server(server_config(settings))
    server.run()
    if not server.started:
        raise typer.Exit(1)


def server_config(settings: Settings) -> uvicorn.Config:
    """How uvicorn serves us: the strictest parser, and no log lines or headers of its own."""
    return uvicorn.Config(
        build_app(settings),
        host=settings.host,
        port=settings.port,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )


def worker() -> None:
    """Ask far sides about payments in doubt, and tidy up, until interrupted."""
    settings = read_settings()
    telemetry.configure("worker")
    uvloop.run(run_worker(settings))

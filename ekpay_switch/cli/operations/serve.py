"""`ekpay serve` and `ekpay worker`: the two processes that a switch is made of."""

import asyncio
import gc
import signal
from dataclasses import replace
from typing import Annotated

import typer
import uvicorn
import uvloop

from ekpay_switch import telemetry
from ekpay_switch.cli.operations.restore import refuse_restored
from ekpay_switch.cli.operations.safety import refuse_unsafe
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.composition.http_app import build_app
from ekpay_switch.composition.http_protocol import PromptHttp
from ekpay_switch.composition.worker import run_worker
from ekpay_switch.config_files.config_folder import check_config_folder
from ekpay_switch.persistence.engine import Database
from ekpay_switch.settings import Settings, read_settings

_KEEP_ALIVE_SECONDS = 75
# A payment that is being delivered when the process is stopped gets the time to be recorded.
_LEAVE_SECONDS = 30


def serve(
    host: Annotated[str | None, typer.Option(help="Address; EKPAY_HOST by default.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="TCP port; EKPAY_PORT by default.")
    ] = None,
) -> None:
    """Serve the partner API until interrupted."""
    telemetry.configure("web")
    opened = _open_session()
    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    session = replace(opened, settings=opened.settings.model_copy(update=overrides))
    refuse_unsafe(session)
    refuse_restored(session)
    _collect_seldom()
    server = uvicorn.Server(server_config(session.settings, session.database))
    try:
        server.run()
    except SystemExit as error:
        # uvicorn has logged why and leaves with codes of its own.
        raise typer.Exit(1) from error
    if not server.started:
        raise typer.Exit(1)


def _open_session() -> Session:
    """The session of a process that serves; refused if the configuration lacks a part."""
    check_config_folder(read_settings().config)
    return open_session()


def _collect_seldom() -> None:
    """Run the garbage collector rarely: it took a sixth of the processor time of the hot path.

    The many short-lived objects of a payment have no reference cycles, so counting references frees them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def server_config(settings: Settings, database: Database) -> uvicorn.Config:
    """How uvicorn serves us: the strictest parser, no log lines and no headers of its own."""
    return uvicorn.Config(
        build_app(settings, database),
        host=settings.host,
        port=settings.port,
        http=PromptHttp,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=sorted(settings.trusted_proxies),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )


def worker() -> None:
    """Ask far sides about payments in doubt, and tidy up, until interrupted."""
    telemetry.configure("worker")
    session = _open_session()
    refuse_unsafe(session)
    refuse_restored(session)
    uvloop.run(_work_until_signalled(session))


async def _work_until_signalled(session: Session) -> None:
    """Stop between two pieces of work; the lease of unfinished work runs out by itself."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run_worker(session.settings, session.database, stop)

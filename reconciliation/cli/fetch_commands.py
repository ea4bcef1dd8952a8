"""`ekpay reconcile fetch`: files from the SFTP servers of config/sftp.toml."""

import asyncio
import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import show_table
from reconciliation.cli.refusals import refusals
from reconciliation.errors import ConfigurationError, SourceError

if TYPE_CHECKING:
    from ekpay_switch.ports.finance import Finance
    from reconciliation.intake.sftp_client import FetchResult
    from reconciliation.intake.sftp_servers import SftpServer

_IMPERFECT = 1
FILE = "sftp.toml"


def register(app: typer.Typer) -> None:
    """Let `fetch` join the commands."""
    app.command("fetch")(fetch)


def fetch(
    context: typer.Context,
    server: Annotated[
        str | None, typer.Option("--server", metavar="NAME", help="Only this server of config/sftp.toml.")
    ] = None,
) -> None:
    """Fetch complete files that are new or have changed, into the inbox for the next night.

    Files that are not fetched are listed with the reason. Exits 1 if the fetch from a server failed.
    """
    finance: Finance = context.obj
    with refusals():
        results = fetch_from(finance.home_folder, finance.config, server)
    rows = [(result.server, result.name, result.outcome.value, result.reason) for result in results]
    show_table("Fetched", ("server", "file", "what", "why"), rows)
    if any(result.outcome.name == "FAILED" for result in results):
        raise typer.Exit(_IMPERFECT)


def fetch_from(home: Path, config: Path, only: str | None = None) -> "list[FetchResult]":
    """Fetch from all servers, or from one.

    Raises:
        ConfigurationError: there is no such server, or the configuration is wrong.
        SourceError: another fetch is at work.
    """
    from reconciliation.intake.sftp_client import fetch_all  # noqa: PLC0415
    from reconciliation.intake.sftp_servers import read_servers  # noqa: PLC0415 - heavy, as the next ones
    from reconciliation.statement.layout import read_layouts  # noqa: PLC0415

    servers: Mapping[str, SftpServer] = read_servers(config / FILE)
    if only is not None:
        if only not in servers:
            raise ConfigurationError(f"{FILE} has no server {only}: {', '.join(sorted(servers)) or 'none'}")
        servers = {only: servers[only]}
    layouts = read_layouts(config / "statements")
    with _alone(home):
        return list(asyncio.run(fetch_all(servers, layouts, home)))


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the lock of fetches: two at once would write the same partial files."""
    place = home / "reconciliation"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "fetch.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise SourceError("another fetch is at work") from problem
        yield

"""`ekpay migrate`, `ekpay db psql` and `ekpay audit`: the database from the outside."""

import asyncio
import os
import shutil
from typing import Annotated
from urllib.parse import unquote, urlsplit, urlunsplit

import typer
from alembic import command
from rich.console import Console

from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.composition.alarm_terms import store_configured_terms
from ekpay_switch.composition.positions import position_path, position_rules
from ekpay_switch.persistence.audit.run import run as run_audit
from ekpay_switch.persistence.embedded.server import DATABASE, EmbeddedPostgres
from ekpay_switch.persistence.migrate import VERSIONS, alembic_config, migrate_now
from ekpay_switch.persistence.positions.proof import position_check
from ekpay_switch.plugins import load_audits
from ekpay_switch.settings import read_settings
from ekpay_switch.system_clock import SystemClock

app = typer.Typer(help="The database itself.", no_args_is_help=True)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql with its own arguments: superuser of the embedded server, owner of a named one."""
    program, environment = _psql(open_session())
    os.execvpe(program[0], [*program, *context.args], environment)  # noqa: S606 - no shell is meant


@app.command()
def stop(
    *,
    destroy: Annotated[
        bool, typer.Option("--destroy", help="Delete all that it keeps as well; there is no way back.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Stop it also under processes that use it: they fail then.")
    ] = False,
) -> None:
    """Stop the embedded server, unless other processes use it; the next command starts it again."""
    settings = read_settings()
    if settings.database_url is not None:
        raise typer.BadParameter("EKPAY_DATABASE_URL names a real server; only the embedded one is stopped")
    server = EmbeddedPostgres(settings.home)
    end = server.destroy if destroy else server.stop
    if users := end(unless_used=not force):
        names = ", ".join(map(str, users))
        typer.echo(f"PostgreSQL of {server.home} stays up: it is used by {names}", err=True)
        raise typer.Exit(1)
    if destroy:
        position_path(settings, DATABASE).unlink(missing_ok=True)


def migrate(
    new: Annotated[str | None, typer.Option(help="Only start a new migration of this name.")] = None,
) -> None:
    """Bring the database to the newest schema; does nothing when it is there."""
    if new is not None:
        _draft(new)
        return
    session = open_session()
    migrate_now(session.database)
    session.run(lambda engine: store_configured_terms(engine, session.settings.config, SystemClock().now()))
    typer.echo("The database has the newest schema.")


def audit() -> None:
    """Prove the books from their rows alone; exits 1 and names the first broken row last."""
    session = open_session()
    position = position_check(position_rules(session.settings, session.database, session.keys()))
    with Console(stderr=True).status("reading the books …"):
        finding = asyncio.run(run_audit(session.database, (*load_audits(), position)))
    if finding is not None:
        typer.echo(str(finding))
        raise typer.Exit(1)
    typer.echo("clean")


def _draft(name: str) -> None:
    """An empty migration with the next number, in the newest folder, to be written by hand."""
    number = 1 + len(list(VERSIONS.glob("*/[0-9]*.py")))
    newest = str(max(VERSIONS.glob("from_*")))
    command.revision(alembic_config(), message=name, rev_id=f"{number:04d}", version_path=newest)


def _psql(session: Session) -> tuple[list[str], dict[str, str]]:
    if session.settings.database_url is None:
        return EmbeddedPostgres(session.settings.home).psql_command()
    program = shutil.which("psql")
    if program is None:
        raise FileNotFoundError(2, "psql is not installed on this machine", "psql")
    url, password = without_password(session.database.url("owner"))
    environment = dict(os.environ) | ({"PGPASSWORD": password} if password else {})
    return [program, url], environment


def without_password(url: str) -> tuple[str, str]:
    """The URL without its password, and the password: a command line is read by every user."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    netloc = f"{name}@{host}" if user else host
    return urlunsplit(parts._replace(netloc=netloc)), unquote(password)

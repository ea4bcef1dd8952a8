"""`ekpay migrate`, `ekpay db psql` and `ekpay audit`: the database from the outside."""

import asyncio
import os
import shutil
from typing import Annotated
from urllib.parse import unquote, urlsplit, urlunsplit

import typer
from alembic import command

from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import screen
from ekpay_switch.persistence.embedded import EmbeddedPostgres
from ekpay_switch.persistence.audit import run as run_audit
from ekpay_switch.persistence.migrate import MIGRATIONS, alembic_config, migrate_now

app = typer.Typer(help="The database itself.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `psql` a command of its own while it is the only one."""


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql with its own arguments: superuser of the embedded server, owner of a named one."""
    program, environment = _psql(open_session())
    os.execvpe(program[0], [*program, *context.args], environment)  # noqa: S606 - no shell is meant


def migrate(
    new: Annotated[str | None, typer.Option(help="Only start a new migration of this name.")] = None,
) -> None:
    """Bring the database to the newest schema; does nothing when it is there."""
    if new is not None:
        _draft(new)
        return
    session = open_session()
    migrate_now(session.database)
    screen().print("The database has the newest schema.")


def audit() -> None:
    """Prove the books from their rows alone; exits 1 and names the first broken row last."""
    session = open_session()
    broken = asyncio.run(run_audit(session.database))
    if broken is not None:
        screen().print(broken)
        raise typer.Exit(1)
    screen().print("clean")


def _draft(name: str) -> None:
    """An empty migration with the next number, to be written by hand."""
    number = 1 + len([file for file in (MIGRATIONS / "versions").glob("*.py") if file.name[:1].isdigit()])
    command.revision(alembic_config(), message=name, rev_id=f"{number:04d}")


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

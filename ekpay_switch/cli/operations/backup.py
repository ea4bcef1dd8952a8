"""`ekpay backup`: a verified copy of the whole database server, while it serves."""

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ekpay_switch.cli.operations.database import without_password
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.domain.positions import Position
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.positions.base_backup import (
    COPY,
    MANIFEST,
    BackupError,
    BackupTools,
    copy_server,
    make_backup_folder,
)
from ekpay_switch.persistence.positions.reading import read_position


def backup(
    out: Annotated[Path, typer.Option(help="Folder to make, or an empty one.", file_okay=False)],
) -> None:
    """Copy the database server and verify the copy; it holds neither keys, passwords nor positions."""
    session = open_session()
    make_backup_folder(out, session.settings.home / "data")
    position = session.run(lambda _: _position(session))
    with Console(stderr=True).status("copying the database …"):
        copy_server(_tools(session), out, position)
    typer.echo(f"{out / COPY} is a verified copy of the server as of {position.at:%Y-%m-%d %H:%M:%S} UTC;")
    typer.echo(f"{out / MANIFEST} says what it holds. How it is restored: docs/operations/recovery.md")


async def _position(session: Session) -> Position:
    connection = await session.database.connect()
    try:
        return (await read_position(connection, None)).position
    finally:
        await connection.close()


def _tools(session: Session) -> BackupTools:
    """Superuser of the embedded server, or the owner of a named one, which needs the right of replication."""
    if session.settings.database_url is None:
        command, environment = EmbeddedPostgres(session.settings.home).psql_command()
        return BackupTools(Path(command[0]).parent, command[1:-2], environment)
    program = shutil.which("pg_basebackup")
    if program is None:
        raise BackupError("pg_basebackup is not installed on this machine")
    url, password = without_password(session.database.url("owner"))
    environment = dict(os.environ) | ({"PGPASSWORD": password} if password else {})
    return BackupTools(Path(program).resolve().parent, [f"--dbname={url}"], environment)

"""`ekpay sandbox sftp`: serve the files of institutions by SFTP."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sandbox.network.sftp.server import SftpHome

DEFAULT_PORT = 8299
_VARIABLES = "EKPAY_SFTP_SANDBOX"


def sftp(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = DEFAULT_PORT,
    home_folder: Annotated[Path, typer.Option("--home", help="Folder of keys and files.")] = Path(
        ".ekpay/sandbox/sftp"
    ),
) -> None:
    """Serve a folder for each institution by SFTP, read only, until interrupted.

    A file that is put into `outbox` below the home appears in its institution's folder, with a marker that
    it is complete. Keys are made at the first start; what `ekpay reconcile fetch` needs of them is printed.
    """
    try:
        from sandbox.network.sftp.server import SftpHome  # noqa: PLC0415 - asyncssh is of the extra `reconciliation`
    except ModuleNotFoundError as problem:
        typer.echo(f"cannot start: {problem.name} is not installed, run make setup", err=True)
        raise typer.Exit(1) from problem
    try:
        asyncio.run(_serve(SftpHome(home_folder.resolve()), host, port))
    except OSError as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(1) from error


async def _serve(sftp_home: "SftpHome", host: str, port: int) -> None:
    from sandbox.network.sftp.server import serve_sftp  # noqa: PLC0415 - as above

    async with serve_sftp(sftp_home, host, port) as bound_port:
        typer.echo(f"sftp sandbox listening on {host}:{bound_port}")
        typer.echo(f"export {_VARIABLES}_PORT={bound_port}")
        typer.echo(f"export {_VARIABLES}_KEY={sftp_home.client_key}")
        typer.echo(f"export {_VARIABLES}_HOST_KEY={sftp_home.fingerprint}")
        await asyncio.Event().wait()

"""`ekpay config`: which configuration is in use, and an editable copy of the shipped one."""

from pathlib import Path
from typing import Annotated

import typer

from ekpay_switch.cli.terminal import show_json
from ekpay_switch.config_files.config_folder import (
    NEEDED_FOLDERS,
    check_config_folder,
    differences,
    write_shipped_files,
)
from ekpay_switch.settings import Settings, read_settings
from ekpay_switch.shipped_folders import CONFIG

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _config() -> None:
    """Which configuration is in use, and a copy of it to edit."""


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Where the copy goes.")
    ] = Path("config"),
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace files of the same names; others stay.")
    ] = False,
) -> None:
    """Write an editable copy of the shipped configuration; existing files stay unless --replace is given."""
    count = write_shipped_files(folder, replace=replace)
    place = folder.resolve()
    typer.echo(f"{count} files written to {place}")
    if place == Path("config").resolve():
        typer.echo("Commands that run in this folder use it from now on.")
    else:
        typer.echo(f"To use it: EKPAY_CONFIG={place}")


@app.command()
def show(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Print which folder is in use, why, and how it differs from what is shipped; exits 1 if it is unfit."""
    settings = read_settings()
    folder = settings.config.absolute()
    check_config_folder(folder)
    found = differences(folder)
    if as_json:
        show_json({"folder": str(folder), "chosen_by": _reason(settings), "differences": found})
        return
    typer.echo(f"{folder} ({_reason(settings)})")
    for name in NEEDED_FOLDERS:
        typer.echo(f"{len(list((folder / name).glob('*.toml')))} manifests of {name}")
    for name, kind in found.items():
        typer.echo(f"{kind}: {name}")
    if not found:
        typer.echo("The same as the shipped configuration.")


def _reason(settings: Settings) -> str:
    if "config" in settings.model_fields_set:
        return "set by EKPAY_CONFIG"
    return "as shipped" if settings.config == CONFIG else "the folder config of the current folder"

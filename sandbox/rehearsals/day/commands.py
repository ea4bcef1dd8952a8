"""`ekpay sandbox statements`: write the files that every simulated institution sends in a night."""

import asyncio
import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from sandbox.kit.command_options import with_options
from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.registry import DEFAULT_PORTS, InstitutionName
from sandbox.rehearsals.day.file_writer import DepositedFiles, Night, deposit_files, error_lines
from sandbox.rehearsals.day.injected_errors import CODES, InjectionRequest, NothingToInjectError
from sandbox.rehearsals.day.institutions import BANKS, INSTITUTIONS
from sandbox.rehearsals.day.movement_queries import InstitutionUnavailableError
from sandbox.rehearsals.installation.home_folder import home_folder
from sandbox.rehearsals.month.model.answer_key import Code

_CODES = ", ".join(CODES)


@dataclass(frozen=True)
class StatementsOptions:
    """Which night, where the files are written, and which errors are injected."""

    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder that takes the files, such as an inbox.")]
    night: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=["%Y-%m-%d"], help="The night of this Dhaka date; today's by default."
        ),
    ] = None
    wrong: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE[@INSTITUTION]", help=f"Error to inject, repeatable: {_CODES}."),
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="Decides where errors are injected.")] = 1
    home_folder: Annotated[
        Path | None,
        typer.Option(
            "--home", help="Folder of the state kept between nights; EKPAY_HOME/sandbox/day by default."
        ),
    ] = None
    address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL",
            help="Where an institution listens; by default all listen at their default ports.",
        ),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print file names and injected errors as JSON.")] = (
        False
    )


@with_options(StatementsOptions)
def statements(options: StatementsOptions) -> None:
    """Write the settlement files and account statements that arrive in the night of a date.

    Each institution reports what its own book contains (docs/protocols/reconciliation-month.md), and no file
    is written twice; run it for each night in turn. The injected errors are printed, so that you can check a
    reconciliation against them.
    """
    night_of = dhaka_day(utc_now()) if options.night is None else options.night.date()
    requests = [_injection_request(text) for text in options.wrong or []]
    state_folder = options.home_folder or home_folder() / "sandbox" / "day"
    night = Night(night_of, state_folder, options.out, requests, options.seed)
    try:
        deposited = asyncio.run(deposit_files(night, _addresses(options.address or [])))
    except (InstitutionUnavailableError, NothingToInjectError) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from problem
    _print_result(deposited, night_of, is_json=options.as_json)


def _print_result(deposited: DepositedFiles, night_of: date, *, is_json: bool) -> None:
    if is_json:
        seeded = [
            {
                "code": error.code,
                "institution": error.institution,
                "reference": error.reference,
                "night": error.night_date.isoformat(),
            }
            for error in deposited.injected
        ]
        typer.echo(json.dumps({"files": list(deposited.files), "seeded": seeded}, indent=2))
        return
    typer.echo(f"{len(deposited.files)} files for the night of {night_of}")
    for line in error_lines(deposited.injected):
        typer.echo(f"wrong on purpose: {line}")


def _injection_request(text: str) -> InjectionRequest:
    code, _, institution = text.partition("@")
    if code not in set(CODES):
        raise typer.BadParameter(f"{code} is none of {_CODES}", param_hint="--wrong")
    if institution and institution not in {*INSTITUTIONS, *BANKS}:
        raise typer.BadParameter(f"{institution} sends no files here", param_hint="--wrong")
    return InjectionRequest(Code(code), institution)


def _addresses(named: list[str]) -> dict[InstitutionName, str]:
    if not named:
        return {name: f"http://127.0.0.1:{port}" for name, port in DEFAULT_PORTS.items()}
    addresses = {}
    for text in named:
        name, _, url = text.partition("=")
        if name not in set(InstitutionName) or not url:
            raise typer.BadParameter(
                f"{text} is no NAME=URL of {', '.join(InstitutionName)}", param_hint="--address"
            )
        addresses[InstitutionName(name)] = url.rstrip("/")
    return addresses

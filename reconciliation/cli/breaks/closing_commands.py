"""`ekpay reconcile close` and `closings`: days that two persons have closed.

Heavy things are imported when a command runs; `ekpay --help` loads this module without the extra.
"""

from datetime import date
from typing import Annotated

import typer

from ekpay_switch.cli.listing import AsCsv, AsJson, show_records
from ekpay_switch.cli.terminal import complain, passphrase
from ekpay_switch.ports.finance import Finance
from reconciliation.cli.breaks.session import (
    APPROVER_VARIABLE,
    FAILED,
    STAFF_VARIABLE,
    By,
    person_name,
    run_finance,
)
from reconciliation.cli.night_option import typed_night
from reconciliation.cli.refusals import refusals

Night = Annotated[
    date | None,
    typer.Argument(parser=typed_night, metavar="NIGHT", help="The business date, 2026-11-25; or --last."),
]
Last = Annotated[bool, typer.Option("--last", help="The newest night that was run.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay reconcile`."""
    app.command()(close)
    app.command()(closings)


def close(
    context: typer.Context,
    by: By,
    approved_by: Annotated[
        str, typer.Option(callback=person_name, metavar="NAME", help="The second person.")
    ],
    night: Night = None,
    *,
    is_last: Last = False,
) -> None:
    """Close a day: its figures are frozen under a digest. Refused while anything is red.

    Not before the cut-off of its night, and not on a run that began before the day was over.
    """
    if (night is None) != is_last:
        raise typer.BadParameter("name the night, or say --last, and not both", param_hint="NIGHT")
    with refusals():
        from reconciliation.nightly.night_start import closing_time_of  # noqa: PLC0415
        from reconciliation.resolutions.day_closing import ClosedDay, close_day  # noqa: PLC0415
        from reconciliation.resolutions.decisions import ResolutionActions  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import newest_night_of  # noqa: PLC0415

    staff_passphrase = passphrase(STAFF_VARIABLE, f"Passphrase of {by}")
    approver_passphrase = passphrase(APPROVER_VARIABLE, f"Passphrase of {approved_by}")

    async def _carry_out(finance: Finance) -> ClosedDay:
        await finance.persons.verify(by, staff_passphrase)
        await finance.persons.verify(approved_by, approver_passphrase)
        actions = ResolutionActions.of(finance)
        day = night or await newest_night_of(finance)
        return await close_day(
            finance, actions.rules, actions.calendar, day, closed_by=by, approved_by=approved_by,
            closing_time=closing_time_of(finance, day),
        )  # fmt: skip

    closed = run_finance(_carry_out, context)
    typer.echo(f"{closed.night} is closed; digest {closed.digest}.")


def closings(
    context: typer.Context,
    night: Annotated[
        date | None, typer.Option(parser=typed_night, metavar="NIGHT", help="Only of this night.")
    ] = None,
    *,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List closed nights with their restatements and what each changed; exits 1 where one does not verify."""
    with refusals():
        from reconciliation.cli.breaks.break_tables import plain_values, show_closings  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import closings_with_proof  # noqa: PLC0415

    closed_days, broken = run_finance(lambda finance: closings_with_proof(finance, night), context)
    if as_json or as_csv:
        show_records([plain_values(closed_day) for closed_day in closed_days], as_json=as_json, as_csv=as_csv)
    else:
        show_closings(closed_days)
    if broken is not None:
        complain(broken)
        raise typer.Exit(FAILED)

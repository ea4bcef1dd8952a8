"""`ekpay reconcile breaks`, `break` and `proposals`: what stands, and what waits for a second person.

Heavy things are imported when a command runs; `ekpay --help` loads this module without the extra.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.listing import AsCsv, AsJson, show_records
from ekpay_switch.cli.terminal import show_json
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.domain.money import Money
from reconciliation.cli.breaks.session import (
    BreakName,
    refuse_unknown,
    run_finance,
)
from reconciliation.cli.night_option import typed_night
from reconciliation.cli.option_sets import takes_options
from reconciliation.cli.refusals import refusals

if TYPE_CHECKING:
    from reconciliation.resolutions.staff_requests import BreakHistory
    from reconciliation.results.records import BreakFilter


class BreakStateOption(StrEnum):
    """Where a break may stand."""

    OPEN = "open"
    PROPOSED = "proposed"
    RESOLVED = "resolved"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class BreakOptions:
    """What `ekpay reconcile breaks` takes: one option a filter, and the form of the answer."""

    context: typer.Context
    code: Annotated[list[str] | None, typer.Option(help="Only this code; may be given again.")] = None
    institution: Annotated[list[str] | None, typer.Option(help="Only of this one.")] = None
    owner: Annotated[list[str] | None, typer.Option(help="Only those that these people own.")] = None
    state: Annotated[
        list[BreakStateOption] | None, typer.Option(help="Open and proposed ones by default.")
    ] = None
    night: Annotated[
        date | None, typer.Option(parser=typed_night, metavar="NIGHT", help="First seen in this night.")
    ] = None
    older_than: Annotated[int, typer.Option(min=0, help="Older than so many business days.")] = 0
    at_least: Annotated[
        Money | None, typer.Option(parser=typed_taka, metavar="TAKA", help="Exposure of at least so much.")
    ] = None
    reference: Annotated[str, typer.Option(help="Our reference or theirs, whole.")] = ""
    bangla: Annotated[bool, typer.Option("--bangla", help="Sentences in Bangla.")] = False
    as_json: AsJson = False
    as_csv: AsCsv = False


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay reconcile`."""
    app.command("breaks")(breaks)
    app.command("break")(break_)
    app.command("proposals")(proposals)


@takes_options(BreakOptions)
def breaks(options: BreakOptions) -> None:
    """List breaks, the largest exposure first; what is past its deadline is red."""
    with refusals():
        from reconciliation.cli.breaks.break_tables import COLUMNS, as_row, show_breaks  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import breaks_of  # noqa: PLC0415

        _refuse_unfit(options.code or [])
        break_filter = _filter(options)
    if break_filter.institutions or break_filter.owners:
        _refuse_strangers(break_filter, options.context)
    records, as_of = run_finance(lambda finance: breaks_of(finance, break_filter), options.context)
    rows = [as_row(record, as_of, bangla=options.bangla) for record in records]
    if options.as_json or options.as_csv:
        show_records(rows, COLUMNS, as_json=options.as_json, as_csv=options.as_csv)
    else:
        show_breaks(records, as_of, bangla=options.bangla)


def _filter(options: BreakOptions) -> "BreakFilter":
    from reconciliation.results.records import BreakFilter, BreakState  # noqa: PLC0415

    return BreakFilter(
        codes=tuple(options.code or ()),
        institutions=tuple(options.institution or ()),
        owners=tuple(options.owner or ()),
        states=tuple(
            BreakState(state) for state in options.state or (BreakStateOption.OPEN, BreakStateOption.PROPOSED)
        ),
        night=options.night,
        older_than=options.older_than,
        at_least=0 if options.at_least is None else options.at_least.minor,
        reference=options.reference,
    )


def _refuse_unfit(codes: list[str]) -> None:
    from reconciliation.breaks.codes import BreakCode  # noqa: PLC0415

    refuse_unknown(codes, set(BreakCode), "code", "--code")


def _refuse_strangers(break_filter: "BreakFilter", context: typer.Context) -> None:
    with refusals():
        from reconciliation.resolutions.filter_names import known_names  # noqa: PLC0415

    known = run_finance(known_names, context)
    refuse_unknown(break_filter.institutions, known.institutions, "institution", "--institution")
    refuse_unknown(break_filter.owners, known.owners, "owner of breaks", "--owner")


def break_(context: typer.Context, break_name: BreakName, *, as_json: AsJson = False) -> None:
    """Show one break with its passes, nearest candidate, resolutions and events."""
    with refusals():
        from reconciliation.cli.breaks.break_tables import (  # noqa: PLC0415
            as_row,
            plain_values,
            show_break,
            show_events,
            show_resolutions,
        )
        from reconciliation.resolutions.staff_requests import break_history  # noqa: PLC0415

    story: BreakHistory = run_finance(lambda finance: break_history(finance, break_name), context)
    if as_json:
        content = as_row(story.broken, story.night, bangla=False) | {"told": dict(story.broken.details)}
        content["events"] = [plain_values(event) for event in story.events]
        content["resolutions"] = [plain_values(resolution) for resolution in story.resolutions]
        content["fitting"] = [action.value for action in story.fitting]
        content["stale"] = list(story.changes)
        show_json(content)
        return
    show_break(story.broken, story.night)
    show_events(story.events)
    if story.resolutions:
        show_resolutions(story.resolutions)
    if story.changes:
        typer.echo(f"Stale, since the night has not seen this yet: {'; '.join(story.changes)}")
    if story.fitting:
        typer.echo(f"Fitting: {', '.join(action.value for action in story.fitting)}")


def proposals(context: typer.Context, *, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the proposals that wait for a second person, with what each would post."""
    with refusals():
        from reconciliation.cli.breaks.break_tables import plain_values, show_proposals  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import waiting_proposals  # noqa: PLC0415

    waiting = run_finance(waiting_proposals, context)
    if as_json or as_csv:
        show_records([plain_values(item.resolution) for item in waiting], as_json=as_json, as_csv=as_csv)
    else:
        show_proposals([(item.resolution, item.broken) for item in waiting])

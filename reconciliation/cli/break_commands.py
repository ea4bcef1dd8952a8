"""The commands of `ekpay reconcile` with which finance resolves breaks and closes days.

Heavy things are imported when a command runs; `ekpay --help` loads this module without the extra.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ekpay_switch.cli.terminal import complain, passphrase, show_json, taka
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, parse_taka
from ekpay_switch.ports.finance import Finance
from ekpay_switch.security.card_numbers import mask_card_numbers
from reconciliation.cli.night_option import typed_night
from reconciliation.cli.option_sets import takes_options
from reconciliation.errors import ReconciliationError
from reconciliation.similar_names import unknown_name_wording

if TYPE_CHECKING:
    from reconciliation.resolutions.decision_records import Resolution
    from reconciliation.resolutions.staff_requests import BreakHistory
    from reconciliation.results.records import BreakFilter

Result = TypeVar("Result")
FAILED = 1
_ASKER = "EKPAY_STAFF_PASSPHRASE"
_APPROVER = "EKPAY_APPROVER_PASSPHRASE"


class BreakStateOption(StrEnum):
    """Where a break may stand."""

    OPEN = "open"
    PROPOSED = "proposed"
    RESOLVED = "resolved"
    CLOSED = "closed"


def _amount(text: str) -> Money:
    try:
        return parse_taka(text)
    except MalformedAmountError as problem:
        raise typer.BadParameter("not taka with at most two decimals, such as 1250.50") from problem


def _name(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("a name of the staff")
    return text.strip()


BreakId = Annotated[str, typer.Argument(metavar="BREAK", help="Its id, or the first digits of it.")]
ResolutionId = Annotated[str, typer.Argument(metavar="RESOLUTION", help="Its id, or the first digits of it.")]
Night = Annotated[
    date, typer.Argument(parser=typed_night, metavar="NIGHT", help="The business date, 2026-11-25.")
]
By = Annotated[str, typer.Option(callback=_name, metavar="NAME", help="Who you are, of the staff.")]
Reason = Annotated[str, typer.Option(callback=mask_card_numbers, help="Why; it is kept for good.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: amounts in whole paisa.")]


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
        Money | None, typer.Option(parser=_amount, metavar="TAKA", help="Exposure of at least so much.")
    ] = None
    reference: Annotated[str, typer.Option(help="Our reference or theirs, whole.")] = ""
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", dir_okay=False, help="Write them here as CSV.")
    ] = None
    bangla: Annotated[bool, typer.Option("--bangla", help="Sentences in Bangla.")] = False
    as_json: AsJson = False


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay reconcile`."""
    commands: dict[str, Callable[..., None]] = {
        "breaks": breaks,
        "break": break_,
        "resolve": resolve,
        "reverse": reverse,
        "approve": approve,
        "note": note,
        "close": close,
        "closings": closings,
    }
    for name, command in commands.items():
        app.command(name)(command)


@contextmanager
def _refusals() -> Iterator[None]:
    """A refusal is one line and exit code 1."""
    try:
        yield
    except ReconciliationError as problem:
        complain(str(problem))
        raise typer.Exit(FAILED) from problem
    except ModuleNotFoundError as problem:
        complain(f"the extra reconciliation is not installed ({problem.name} is missing): run make setup")
        raise typer.Exit(FAILED) from problem


def _run(work: Callable[[Finance], Coroutine[Any, Any, Result]], context: typer.Context) -> Result:
    finance: Finance = context.obj
    with _refusals():
        return asyncio.run(work(finance))


@takes_options(BreakOptions)
def breaks(options: BreakOptions) -> None:
    """List breaks, the largest exposure first; what is past its deadline is red."""
    with _refusals():
        from reconciliation.cli.break_wording import as_row, show_breaks, write_csv  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import breaks_of  # noqa: PLC0415

        _refuse_unfit(options.csv_file, options.code or [])
        break_filter = _filter(options)
    if break_filter.institutions or break_filter.owners:
        _refuse_strangers(break_filter, options.context)
    records, as_of = _run(lambda finance: breaks_of(finance, break_filter), options.context)
    rows = [as_row(record, as_of, bangla=options.bangla) for record in records]
    if options.csv_file is not None:
        write_csv(options.csv_file, rows)
        typer.echo(f"{len(rows)} breaks as of {as_of} in {options.csv_file}", err=options.as_json)
    if options.as_json:
        show_json(rows)
    elif options.csv_file is None:
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


def _refuse_unknown(typed: Iterable[str], known: Collection[str], kind: str, option: str) -> None:
    for name in typed:
        if name not in known:
            raise typer.BadParameter(unknown_name_wording(name, known, kind), param_hint=option)


def _refuse_unfit(csv_file: Path | None, codes: list[str]) -> None:
    from reconciliation.breaks.codes import BreakCode  # noqa: PLC0415

    _refuse_unknown(codes, set(BreakCode), "code", "--code")
    if csv_file is not None and not csv_file.parent.is_dir():
        raise typer.BadParameter(f"{csv_file.parent} is no folder", param_hint="--csv")


def _refuse_strangers(break_filter: "BreakFilter", context: typer.Context) -> None:
    with _refusals():
        from reconciliation.resolutions.filter_names import known_names  # noqa: PLC0415

    known = _run(known_names, context)
    _refuse_unknown(break_filter.institutions, known.institutions, "institution", "--institution")
    _refuse_unknown(break_filter.owners, known.owners, "owner of breaks", "--owner")


def break_(context: typer.Context, break_id: BreakId, *, as_json: AsJson = False) -> None:
    """Show one break with its passes, nearest candidate, resolutions and events."""
    with _refusals():
        from reconciliation.cli.break_wording import (  # noqa: PLC0415
            as_row,
            plain_values,
            show_break,
            show_events,
            show_resolutions,
        )
        from reconciliation.resolutions.staff_requests import break_history  # noqa: PLC0415

    story: BreakHistory = _run(lambda finance: break_history(finance, break_id), context)
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


def resolve(
    context: typer.Context,
    break_id: BreakId,
    action: Annotated[str, typer.Option(help="What is to be done; `ekpay reconcile break` names what fits.")],
    reason: Reason,
    by: By,
    *,
    gains: Annotated[
        bool, typer.Option("--gains", help="Rounding only: their rows are above our books, not below.")
    ] = False,
    payout: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="With pays_payouts: a payout that it pays; may be given again."),
    ] = None,
    bank_reference: Annotated[
        str,
        typer.Option(
            metavar="REFERENCE", help="The bank's own for the transfer: claim_received, pay_back_by_hand."
        ),
    ] = "",
) -> None:
    """Propose what is to be done about a break; others have to approve it before anything is posted."""
    with _refusals():
        from reconciliation.resolutions.resolution_actions import ResolutionAction  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import propose  # noqa: PLC0415

    _refuse_unknown([action], set(ResolutionAction), "action", "--action")
    asking = passphrase(_ASKER, f"Passphrase of {by}")

    async def _carry_out(finance: Finance) -> "Resolution":
        await finance.persons.verify(by, asking)
        return await propose(
            finance,
            break_id,
            action=ResolutionAction(action),
            reason=reason,
            maker=by,
            gains=gains,
            bank_reference=bank_reference,
            payouts=payout or (),
        )

    _show_waiting(_run(_carry_out, context))


def reverse(context: typer.Context, resolution_id: ResolutionId, reason: Reason, by: By) -> None:
    """Propose to reverse an approved resolution by a new entry; others have to approve that too."""
    with _refusals():
        from reconciliation.resolutions.staff_requests import propose_reversal  # noqa: PLC0415

    asking = passphrase(_ASKER, f"Passphrase of {by}")

    async def _carry_out(finance: Finance) -> "Resolution":
        await finance.persons.verify(by, asking)
        return await propose_reversal(finance, resolution_id, reason, by)

    _show_waiting(_run(_carry_out, context))


def _show_waiting(resolution: "Resolution") -> None:
    persons = (
        "one more person" if resolution.checkers_needed == 1 else f"{resolution.checkers_needed} more persons"
    )
    typer.echo(f"Resolution {resolution.id} over {taka(resolution.amount)} taka waits for {persons}:")
    for account, paisa in resolution.postings:
        typer.echo(f"  {'debit' if paisa > 0 else 'credit'} {account} {taka(abs(paisa))}")
    typer.echo(f"ekpay reconcile approve {resolution.id} --by NAME")


def approve(
    context: typer.Context,
    resolution_id: ResolutionId,
    by: By,
    reason: Annotated[str, typer.Option(callback=mask_card_numbers, help="The reason of the checker.")] = "",
    *,
    reject: Annotated[bool, typer.Option("--reject", help="Reject; that ends the proposal.")] = False,
) -> None:
    """Approve, or reject, what somebody else has proposed; the last approval needed posts it."""
    with _refusals():
        from reconciliation.cli.break_wording import resolution_state  # noqa: PLC0415
        from reconciliation.resolutions.decision_records import CheckerVerdict  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import check_resolution  # noqa: PLC0415

    approving = passphrase(_APPROVER, f"Passphrase of {by}")
    verdict = CheckerVerdict.REJECTED if reject else CheckerVerdict.APPROVED

    async def _carry_out(finance: Finance) -> "Resolution":
        await finance.persons.verify(by, approving)
        return await check_resolution(finance, resolution_id, checker=by, verdict=verdict, reason=reason)

    resolution: Resolution = _run(_carry_out, context)
    if resolution.waits:
        typer.echo(
            f"Approved by {len(resolution.approved_by)} of {resolution.checkers_needed};"
            " it waits for another person."
        )
    else:
        posted = f", entry {resolution.entry_id}" if resolution.postings and not reject else ""
        typer.echo(f"Resolution {resolution.id} is {resolution_state(resolution)}{posted}.")


def note(
    context: typer.Context,
    break_id: BreakId,
    text: Annotated[str, typer.Argument(callback=mask_card_numbers, help="The note; it is kept for good.")],
    by: By,
) -> None:
    """Add a note to a break."""
    with _refusals():
        from reconciliation.resolutions.staff_requests import write_note  # noqa: PLC0415

    asking = passphrase(_ASKER, f"Passphrase of {by}")

    async def _carry_out(finance: Finance) -> None:
        await finance.persons.verify(by, asking)
        await write_note(finance, break_id, text, by)

    _run(_carry_out, context)
    typer.echo("Noted.")


def close(
    context: typer.Context,
    night: Night,
    by: By,
    approved_by: Annotated[str, typer.Option(callback=_name, metavar="NAME", help="The second person.")],
) -> None:
    """Close a day: its figures are frozen under a digest. Refused while anything is red.

    Not before the cut-off of its night, and not on a run that began before the day was over.
    """
    with _refusals():
        from reconciliation.nightly.night_start import closing_time_of  # noqa: PLC0415
        from reconciliation.resolutions.day_closing import ClosedDay, close_day  # noqa: PLC0415
        from reconciliation.resolutions.decisions import ResolutionActions  # noqa: PLC0415

    asking = passphrase(_ASKER, f"Passphrase of {by}")
    approving = passphrase(_APPROVER, f"Passphrase of {approved_by}")

    async def _carry_out(finance: Finance) -> ClosedDay:
        await finance.persons.verify(by, asking)
        await finance.persons.verify(approved_by, approving)
        actions = ResolutionActions.of(finance)
        return await close_day(
            finance, actions.rules, actions.calendar, night, closed_by=by, approved_by=approved_by,
            closing_time=closing_time_of(finance, night),
        )  # fmt: skip

    closed = _run(_carry_out, context)
    typer.echo(f"{closed.night} is closed; digest {closed.digest}.")


def closings(
    context: typer.Context,
    night: Annotated[
        date | None, typer.Option(parser=typed_night, metavar="NIGHT", help="Only of this night.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List closed nights with their restatements and what each changed; exits 1 where one does not verify."""
    with _refusals():
        from reconciliation.cli.break_wording import plain_values, show_closings  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import closings_with_proof  # noqa: PLC0415

    closed_days, broken = _run(lambda finance: closings_with_proof(finance, night), context)
    if as_json:
        show_json([plain_values(closed_day) for closed_day in closed_days])
    else:
        show_closings(closed_days)
    if broken is not None:
        complain(broken)
        raise typer.Exit(FAILED)

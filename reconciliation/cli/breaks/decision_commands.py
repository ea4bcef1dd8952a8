"""`ekpay reconcile resolve`, `reverse`, `approve` and `note`: one person proposes, others approve.

Heavy things are imported when a command runs; `ekpay --help` loads this module without the extra.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import passphrase, taka
from ekpay_switch.ports.finance import Finance
from ekpay_switch.security.card_numbers import mask_card_numbers
from reconciliation.cli.breaks.session import (
    APPROVER_VARIABLE,
    FAILED,
    STAFF_VARIABLE,
    BreakNames,
    By,
    Reason,
    ResolutionName,
    ResolutionNames,
    act_on_each,
    refuse_unknown,
    run_finance,
)
from reconciliation.cli.refusals import refusals

if TYPE_CHECKING:
    from uuid import UUID

    from reconciliation.resolutions.decision_records import Resolution


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay reconcile`."""
    for command in (resolve, reverse, approve, note):
        app.command()(command)


def resolve(
    context: typer.Context,
    break_names: BreakNames,
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
    """Propose what is to be done about breaks; others have to approve it before anything is posted.

    Each break becomes a proposal of its own. An unknown break refuses all; exits 1 where any was refused.
    """
    with refusals():
        from reconciliation.resolutions.resolution_actions import ResolutionAction  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import propose  # noqa: PLC0415

    refuse_unknown([action], set(ResolutionAction), "action", "--action")
    staff_passphrase = passphrase(STAFF_VARIABLE, f"Passphrase of {by}")

    async def _carry_out(finance: Finance) -> int:
        await finance.persons.verify(by, staff_passphrase)

        async def _propose(break_id: "UUID") -> None:
            resolution = await propose(
                finance, break_id, action=ResolutionAction(action), reason=reason, maker=by,
                gains=gains, bank_reference=bank_reference, payouts=payout or (),
            )  # fmt: skip
            _show_waiting(resolution)

        return await act_on_each(finance, "break", break_names, _propose)

    _exit_if(run_finance(_carry_out, context))


def reverse(context: typer.Context, resolution_name: ResolutionName, reason: Reason, by: By) -> None:
    """Propose to reverse an approved resolution by a new entry; others have to approve that too."""
    with refusals():
        from reconciliation.resolutions.staff_requests import ids_of, propose_reversal  # noqa: PLC0415

    staff_passphrase = passphrase(STAFF_VARIABLE, f"Passphrase of {by}")

    async def _carry_out(finance: Finance) -> "Resolution":
        await finance.persons.verify(by, staff_passphrase)
        [resolution_id] = await ids_of(finance, "resolution", [resolution_name])
        return await propose_reversal(finance, resolution_id, reason, by)

    _show_waiting(run_finance(_carry_out, context))


def approve(
    context: typer.Context,
    resolution_names: ResolutionNames,
    by: By,
    reason: Annotated[str, typer.Option(callback=mask_card_numbers, help="The reason of the checker.")] = "",
    *,
    reject: Annotated[bool, typer.Option("--reject", help="Reject; that ends the proposal.")] = False,
) -> None:
    """Approve, or reject, what somebody else has proposed; the last approval needed posts it.

    `ekpay reconcile proposals` lists what waits. An unknown proposal refuses all; exits 1 where any was
    refused.
    """
    with refusals():
        from reconciliation.resolutions.decision_records import CheckerVerdict  # noqa: PLC0415
        from reconciliation.resolutions.staff_requests import check_resolution  # noqa: PLC0415

    approver_passphrase = passphrase(APPROVER_VARIABLE, f"Passphrase of {by}")
    verdict = CheckerVerdict.REJECTED if reject else CheckerVerdict.APPROVED

    async def _carry_out(finance: Finance) -> int:
        await finance.persons.verify(by, approver_passphrase)

        async def _check(resolution_id: "UUID") -> None:
            _show_checked(
                await check_resolution(finance, resolution_id, checker=by, verdict=verdict, reason=reason),
                is_rejected=reject,
            )

        return await act_on_each(finance, "resolution", resolution_names, _check)

    _exit_if(run_finance(_carry_out, context))


def note(
    context: typer.Context,
    break_names: BreakNames,
    text: Annotated[str, typer.Argument(callback=mask_card_numbers, help="The note; it is kept for good.")],
    by: By,
) -> None:
    """Add a note to breaks; the words come last."""
    with refusals():
        from reconciliation.resolutions.staff_requests import write_note  # noqa: PLC0415

    staff_passphrase = passphrase(STAFF_VARIABLE, f"Passphrase of {by}")

    async def _carry_out(finance: Finance) -> int:
        await finance.persons.verify(by, staff_passphrase)

        async def _note(break_id: "UUID") -> None:
            await write_note(finance, break_id, text, by)
            typer.echo("Noted.")

        return await act_on_each(finance, "break", break_names, _note)

    _exit_if(run_finance(_carry_out, context))


def _exit_if(refused: int) -> None:
    if refused:
        raise typer.Exit(FAILED)


def _show_waiting(resolution: "Resolution") -> None:
    persons = (
        "one more person" if resolution.checkers_needed == 1 else f"{resolution.checkers_needed} more persons"
    )
    typer.echo(
        f"Resolution {resolution.short_number} ({resolution.id}) over {taka(resolution.amount)} taka "
        f"waits for {persons}:"
    )
    for account, paisa in resolution.postings:
        typer.echo(f"  {'debit' if paisa > 0 else 'credit'} {account} {taka(abs(paisa))}")
    typer.echo(f"ekpay reconcile approve {resolution.short_number} --by NAME")


def _show_checked(resolution: "Resolution", *, is_rejected: bool) -> None:
    from reconciliation.cli.breaks.break_tables import resolution_state  # noqa: PLC0415 - heavy

    name = f"Resolution {resolution.short_number} ({resolution.id})"
    if resolution.waits:
        typer.echo(
            f"{name} is approved by {len(resolution.approved_by)} of {resolution.checkers_needed};"
            " it waits for another person."
        )
    else:
        posted = f", entry {resolution.entry_id}" if resolution.postings and not is_rejected else ""
        typer.echo(f"{name} is {resolution_state(resolution)}{posted}.")

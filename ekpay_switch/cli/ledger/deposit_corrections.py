"""`ekpay billers transfers` and the commands that reject and reverse a transfer to a utility."""

import typer

from ekpay_switch.cli.parties.corrections import (
    APPROVER_VARIABLE,
    ASKER_VARIABLE,
    ApprovesReversal,
    AsJson,
    AsksReversal,
    Reason,
    Rejects,
    TransferId,
    decide,
    show_waiting,
)
from ekpay_switch.persistence.ledger.transfer_corrections import DEPOSITS


def register(app: typer.Typer) -> None:
    """Add the five commands to those about billers."""
    app.command("transfers")(list_waiting)
    app.command("reject-deposit")(reject)
    app.command("reverse-deposit")(reverse)
    app.command("approve-deposit-reversal")(approve_reversal)
    app.command("reject-deposit-reversal")(reject_reversal)


def list_waiting(*, as_json: AsJson = False) -> None:
    """List transfers that wait for a second person, to be approved or to be reversed."""
    show_waiting(DEPOSITS, "Transfers that wait", as_json=as_json)


def reject(transfer_id: TransferId, reason: Reason, rejected_by: Rejects) -> None:
    """Reject a transfer that is not approved, also one's own; its bank reference is free again."""
    amount = decide(
        DEPOSITS, rejected_by, APPROVER_VARIABLE, lambda desk: desk.reject(transfer_id, reason, rejected_by)
    )
    typer.echo(f"Rejected {amount}; the bank reference is free again.")


def reverse(transfer_id: TransferId, reason: Reason, asked_by: AsksReversal) -> None:
    """Ask that a posted transfer be reversed; it takes two persons of finance."""
    amount = decide(
        DEPOSITS, asked_by, ASKER_VARIABLE, lambda desk: desk.ask_reversal(transfer_id, reason, asked_by)
    )
    approve = f"ekpay billers approve-deposit-reversal {transfer_id} --approved-by NAME"
    typer.echo(f"The reversal of {amount} waits: {approve}")


def approve_reversal(transfer_id: TransferId, approved_by: ApprovesReversal) -> None:
    """Approve the reversal that somebody else has asked for, which posts it."""
    amount = decide(
        DEPOSITS, approved_by, APPROVER_VARIABLE, lambda desk: desk.approve_reversal(transfer_id, approved_by)
    )
    typer.echo(f"Reversed {amount}; the bank reference is free again.")


def reject_reversal(transfer_id: TransferId, reason: Reason, rejected_by: Rejects) -> None:
    """Reject the reversal that waits, also one's own: the transfer stands."""
    amount = decide(
        DEPOSITS,
        rejected_by,
        APPROVER_VARIABLE,
        lambda desk: desk.reject_reversal(transfer_id, reason, rejected_by),
    )
    typer.echo(f"The transfer of {amount} stands.")

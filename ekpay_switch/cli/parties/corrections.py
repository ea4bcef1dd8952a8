"""The commands that reject and reverse wrong top-ups, and those that do so with transfers to utilities.

`ekpay partners top-ups`, `reject`, `reverse`, `approve-reversal` and `reject-reversal`; `ekpay billers
transfers` and the same with `deposit` in their names.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as, visible_text
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.ledger.transfer_corrections import (
    DEPOSITS,
    TOP_UPS,
    TransferCorrections,
    TransferKind,
    WaitingTransfer,
)

Decision = Callable[[TransferCorrections], Awaitable[Money]]


TransferId = Annotated[UUID, typer.Argument(metavar="ID", help="As the list of what waits names it.")]
Reason = Annotated[str, typer.Option(callback=visible_text, help="Why; kept with it for good.")]
AsksReversal = Annotated[str, typer.Option("--by", help="Who asks, of the staff.")]
ApprovesReversal = Annotated[str, typer.Option("--by", help="Who approves; not who asked for the reversal.")]
Rejects = Annotated[str, typer.Option("--by", help="Who rejects; also who asked.")]


@dataclass(frozen=True, slots=True)
class CorrectionCommands:
    """The five commands of one kind of transfer; `suffix` ends their names, `group` is where they stand."""

    kind: TransferKind
    noun: str
    group: str
    list_name: str
    suffix: str

    def register(self, app: typer.Typer) -> None:
        """Add the commands to those of the group."""
        name, noun = self.suffix, self.noun
        waiting = f"List {noun}s that wait for a second person, to be approved or to be reversed."
        reject = f"Reject a {noun} that is not approved, also one's own; its bank reference is free again."
        reverse = f"Ask that a posted {noun} be reversed; it takes two persons of finance."
        approve = "Approve the reversal that somebody else has asked for, which posts it."
        stand = f"Reject the reversal that waits, also one's own: the {noun} stands."
        app.command(self.list_name, help=waiting)(prints_list(self.list_waiting))
        app.command(f"reject{name}", help=reject)(self.reject)
        app.command(f"reverse{name}", help=reverse)(self.reverse)
        app.command(f"approve{name}-reversal", help=approve)(self.approve_reversal)
        app.command(f"reject{name}-reversal", help=stand)(self.reject_reversal)

    def list_waiting(self) -> PrintedList:
        """What waits for a second person."""
        session = open_session()
        waiting = session.run(
            lambda _: TransferCorrections(session.database.connect, self.kind).list_waiting()
        )
        title = f"{self.noun.capitalize()}s that wait"
        rows = (_for_people(line) for line in waiting)
        return PrintedList(title, _HEADINGS, rows, (_for_programs(line) for line in waiting))

    def reject(self, transfer_id: TransferId, reason: Reason, rejected_by: Rejects) -> None:
        """Reject what is not approved."""
        amount = self._decide(
            rejected_by, APPROVER_VARIABLE, lambda actions: actions.reject(transfer_id, reason, rejected_by)
        )
        typer.echo(f"Rejected {amount}; the bank reference is free again.")

    def reverse(self, transfer_id: TransferId, reason: Reason, asked_by: AsksReversal) -> None:
        """Ask for the reversal of what was posted."""
        amount = self._decide(
            asked_by, ASKER_VARIABLE, lambda actions: actions.ask_reversal(transfer_id, reason, asked_by)
        )
        approve = f"ekpay {self.group} approve{self.suffix}-reversal {transfer_id} --by NAME"
        typer.echo(f"The reversal of {amount} waits: {approve}")

    def approve_reversal(self, transfer_id: TransferId, approved_by: ApprovesReversal) -> None:
        """Approve and post the reversal that waits."""
        amount = self._decide(
            approved_by,
            APPROVER_VARIABLE,
            lambda actions: actions.approve_reversal(transfer_id, approved_by),
        )
        typer.echo(f"Reversed {amount}; the bank reference is free again.")

    def reject_reversal(self, transfer_id: TransferId, reason: Reason, rejected_by: Rejects) -> None:
        """Reject the reversal that waits."""
        amount = self._decide(
            rejected_by,
            APPROVER_VARIABLE,
            lambda actions: actions.reject_reversal(transfer_id, reason, rejected_by),
        )
        typer.echo(f"The {self.noun} of {amount} stands.")

    def _decide(self, name: str, variable: str, decision: Decision) -> Money:
        """Carry out the decision of a person of finance, once their passphrase is verified."""
        return act_as(
            name,
            variable,
            lambda session, _: decision(TransferCorrections(session.database.connect, self.kind)),
        )


TOP_UP_CORRECTIONS = CorrectionCommands(TOP_UPS, "top-up", "partners", "top-ups", "")
DEPOSIT_CORRECTIONS = CorrectionCommands(DEPOSITS, "transfer", "billers", "transfers", "-deposit")
_HEADINGS = ("asked (Dhaka)", "id", "of", "bucket", ">amount", "reference", "waits for", "asked by", "why")


def _for_people(line: WaitingTransfer) -> tuple[str, ...]:
    return (
        dhaka(line.asked_at),
        str(line.transfer_id),
        line.party,
        line.bucket,
        taka(line.amount.minor),
        line.reference,
        _decision(line),
        line.asked_by,
        line.reason,
    )


def _for_programs(line: WaitingTransfer) -> dict[str, object]:
    return {
        "id": line.transfer_id,
        "party": line.party,
        "bucket": line.bucket,
        "amount_paisa": line.amount.minor,
        "reference": line.reference,
        "waits_for": _decision(line),
        "asked_by": line.asked_by,
        "asked_at": line.asked_at,
        "reason": line.reason,
    }


def _decision(line: WaitingTransfer) -> str:
    return "reversal" if line.is_reversal else "approval"

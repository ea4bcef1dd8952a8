"""What the commands that correct top-ups and those that correct transfers to utilities have in common."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, passphrase, show_json, show_table, taka
from ekpay_switch.persistence.ledger.transfer_corrections import (
    TransferCorrections,
    TransferKind,
    WaitingTransfer,
)
from ekpay_switch.persistence.parties.staff import Role, Staff

ASKER_VARIABLE, APPROVER_VARIABLE = "EKPAY_STAFF_PASSPHRASE", "EKPAY_APPROVER_PASSPHRASE"

Result = TypeVar("Result")


def _visible_text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise typer.BadParameter("visible characters, please")
    return text.strip()


TransferId = Annotated[UUID, typer.Argument(metavar="ID", help="As the list of what waits names it.")]
Reason = Annotated[str, typer.Option(callback=_visible_text, help="Why; kept with it for good.")]
AsksReversal = Annotated[str, typer.Option("--asked-by", help="Who asks, of the staff.")]
ApprovesReversal = Annotated[
    str, typer.Option("--approved-by", help="Who approves; not who asked for the reversal.")
]
Rejects = Annotated[str, typer.Option("--rejected-by", help="Who rejects; also who asked.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs; amounts in paisa.")]


def decide(
    kind: TransferKind, name: str, variable: str, work: Callable[[TransferCorrections], Awaitable[Result]]
) -> Result:
    """Carry out the decision of a person of finance, once their passphrase is verified."""
    secret = passphrase(variable, f"Passphrase of {name}")
    session = open_session()

    async def _carry_out(engine: AsyncEngine) -> Result:
        await Staff(engine).verify(name, secret, Role.FINANCE)
        return await work(TransferCorrections(session.database.connect, kind))

    return session.run(_carry_out)


def show_waiting(kind: TransferKind, title: str, *, as_json: bool) -> None:
    """Print what waits for a second person."""
    session = open_session()
    waiting = session.run(lambda _: TransferCorrections(session.database.connect, kind).list_waiting())
    if as_json:
        show_json([_for_programs(line) for line in waiting])
        return
    headings = ("asked (Dhaka)", "id", "of", "bucket", ">amount", "reference", "waits for", "asked by", "why")
    show_table(title, headings, (_for_people(line) for line in waiting))


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

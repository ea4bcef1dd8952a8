"""`ekpay restore check`, `lost`, `book` and `decide`: what a restored database knows nothing of."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as, visible_text
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list, show_listing
from ekpay_switch.cli.operations.safety import refuse_unsafe
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.composition.restore import (
    book_all,
    check_lost_sends,
    open_decisions,
    read_lost_sends,
    record_differences,
)
from ekpay_switch.domain.payments.lost_sends import LostSend, LostState
from ekpay_switch.persistence.sends.journal import holds_journal
from ekpay_switch.persistence.sends.lost_decisions import LostDecisions
from ekpay_switch.security.masking import mask_account

_HEADINGS = (
    "sent (Dhaka)", "far side", "call", "partner", "its reference", "bill or account", ">taka", "state",
    "why", "books", "id",
)  # fmt: skip
Result = TypeVar("Result")
LostId = Annotated[UUID, typer.Argument(metavar="ID", help="As `restore lost` names it.")]


class DecidedState(StrEnum):
    """What two persons may decide of a lost send."""

    POSTED = "posted"
    NOT_POSTED = "not_posted"


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay restore`."""
    app.command()(check)
    app.command("lost")(list_lost)
    app.command()(book)
    app.command()(decide)
    app.command("approve-decision")(approve_decision)


def check(
    journals: Annotated[
        list[Path] | None,
        typer.Option(
            "--journal",
            file_okay=False,
            exists=True,
            help="Folder of a sends journal, once for each host; EKPAY_SENDS_JOURNAL by default.",
        ),
    ] = None,
    *,
    without_journal: Annotated[
        bool,
        typer.Option(
            "--without-journal",
            help="The journals are lost too: nothing is asked back here, and the two persons who release "
            "answer for it that billers and partners were asked by hand.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask far sides about all that was sent and the database does not know; moves no money, repeatable."""
    if without_journal and journals:
        raise typer.BadParameter("name a journal or say that there is none", param_hint="--without-journal")
    session = open_session()
    refuse_unsafe(session)
    if without_journal and holds_journal(session.settings.sends_folder):
        folder = session.settings.sends_folder
        held = f"{folder} holds a journal: check with it, or move away what cannot be read"
        raise typer.BadParameter(held, param_hint="--without-journal")
    folders = [] if without_journal else journals or [session.settings.sends_folder]
    checked = asyncio.run(check_lost_sends(session.settings, session.database, folders))
    if not as_json:
        typer.echo(f"{checked.lines} lines, {checked.unreadable} unreadable; {checked.new} sends are new.")
    show_listing(_listing(checked.lost), as_json=as_json, as_csv=False)


def book(*, as_json: AsJson = False) -> None:
    """Book lost payments that may be posted: the prefund is taken, and its partner's repeat gets the token.

    What is not proven is in doubt, and the worker goes on asking. Nothing is sent; it may be repeated.
    """
    session = open_session()
    refuse_unsafe(session)
    booked = asyncio.run(book_all(session.settings, session.database))
    show_listing(_listing(booked), as_json=as_json, as_csv=False)


def decide(
    lost_id: LostId,
    state: Annotated[DecidedState, typer.Argument(metavar="STATE", help="What it shall count as.")],
    reason: Annotated[str, typer.Option(callback=visible_text, help="Why; kept with it for good.")],
    proposed_by: Annotated[str, typer.Option("--by", help="Who proposes it, of the staff.")],
) -> None:
    """Propose what a lost send shall count as where nobody can be asked; it takes a second person."""

    async def work(decisions: LostDecisions) -> None:
        await decisions.propose(lost_id, LostState(state), reason, proposed_by)

    _carry_out(proposed_by, ASKER_VARIABLE, work)
    typer.echo(f"It waits: ekpay restore approve-decision {lost_id} --by NAME")


def approve_decision(
    lost_id: LostId, approved_by: Annotated[str, typer.Option("--by", help="Who approves; not who proposed.")]
) -> None:
    """Approve what somebody else has proposed about a lost send; what counts as posted is then booked."""
    state = _carry_out(
        approved_by, APPROVER_VARIABLE, lambda decisions: decisions.approve(lost_id, approved_by)
    )
    typer.echo(f"It counts as {state.replace('_', ' ')}.")


def _carry_out(name: str, variable: str, work: Callable[[LostDecisions], Awaitable[Result]]) -> Result:
    """Do the work of a person of finance, once their passphrase is verified."""

    async def _with_transactions(session: Session, engine: AsyncEngine) -> Result:
        async with open_decisions(session.database) as decisions:
            result = await work(decisions)
        lost = await read_lost_sends(session.database, session.keys())
        await record_differences(engine, session.settings, lost)
        return result

    return act_as(name, variable, _with_transactions)


@prints_list
def list_lost() -> PrintedList:
    """List the sends that a check has found lost, with what is known of each."""
    session = open_session()
    return _listing(asyncio.run(read_lost_sends(session.database, session.keys())))


def _listing(found: Sequence[LostSend]) -> PrintedList:
    states = Counter(line.state.replace("_", " ") for line in found)
    counted = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "nothing lost"
    note = f"{counted}; {sum(line.is_open for line in found)} open."
    records = (_for_programs(line) for line in found)
    rows = (_for_people(line) for line in found)
    return PrintedList("Sends that the database has lost", _HEADINGS, rows, records, notes=[note])


def _for_people(line: LostSend) -> tuple[str, ...]:
    send, claim = line.send, line.send.claim
    return (
        dhaka(send.sent_at),
        send.far_side,
        send.kind if send.kind == send.step else f"{send.kind}: {send.step}",
        send.partner_id,
        claim.reference if claim else "",
        mask_account(claim.account or claim.bill_number) if claim else "",
        taka(send.amount.minor),
        line.state.replace("_", " "),
        line.finding.why,
        line.booking_refusal or ("booked" if line.booked_at else ""),
        str(line.lost_id),
    )


def _for_programs(line: LostSend) -> dict[str, object]:
    send, claim = line.send, line.send.claim
    return {
        "id": line.lost_id,
        "kind": send.kind,
        "step": send.step,
        "far_side": send.far_side,
        "reference": send.reference,
        "payment_id": send.payment_id,
        "partner": send.partner_id,
        "partner_reference": claim.reference if claim else None,
        "amount_paisa": send.amount.minor,
        "sent_at": send.sent_at,
        "state": line.state,
        "why": line.finding.why,
        "is_open": line.is_open,
        "booked_at": line.booked_at,
        "booking_refusal": line.booking_refusal,
    }

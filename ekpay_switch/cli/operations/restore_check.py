"""`ekpay restore check`, `lost` and `book`: what a restored database knows nothing of, and its booking."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ekpay_switch.cli.operations.safety import refuse_unsafe
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, show_json, show_table, taka
from ekpay_switch.composition.restore import book_all, check_lost_sends, read_lost_sends
from ekpay_switch.domain.lost_sends import LostSend
from ekpay_switch.security.masking import mask_account

_HEADINGS = (
    "sent (Dhaka)", "far side", "call", "partner", "its reference", "bill or account", ">taka", "state",
    "why", "books", "id",
)  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json", help="For programs; amounts in paisa.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay restore`."""
    app.command()(check)
    app.command("lost")(list_lost)
    app.command()(book)


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
    as_json: AsJson = False,
) -> None:
    """Ask far sides about all that was sent and the database does not know; moves no money, repeatable."""
    session = open_session()
    refuse_unsafe(session)
    folders = journals or [session.settings.sends_folder]
    checked = asyncio.run(check_lost_sends(session.settings, session.database, folders))
    if not as_json:
        typer.echo(f"{checked.lines} lines, {checked.unreadable} unreadable; {checked.new} sends are new.")
    _show(checked.lost, as_json=as_json)


def book(*, as_json: AsJson = False) -> None:
    """Book lost payments that may be posted: the prefund is taken, and its partner's repeat gets the token.

    What is not proven is in doubt, and the worker goes on asking. Nothing is sent; it may be repeated.
    """
    session = open_session()
    refuse_unsafe(session)
    _show(asyncio.run(book_all(session.settings, session.database)), as_json=as_json)


def list_lost(*, as_json: AsJson = False) -> None:
    """List the sends that a check has found lost, with what is known of each."""
    session = open_session()
    _show(asyncio.run(read_lost_sends(session.database, session.keys())), as_json=as_json)


def _show(found: Sequence[LostSend], *, as_json: bool) -> None:
    if as_json:
        show_json([_for_programs(line) for line in found])
        return
    show_table("Sends that the database has lost", _HEADINGS, (_for_people(line) for line in found))
    states = Counter(line.state.replace("_", " ") for line in found)
    counted = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "nothing lost"
    typer.echo(f"{counted}; {sum(line.is_open for line in found)} open.")


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

"""`ekpay text-messages`: what citizens were sent, without its numbers and texts."""

from collections.abc import Sequence
from typing import Annotated

import typer

from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.persistence.citizens.text_messages import MessageLine, read_messages
from ekpay_switch.persistence.short_transactions import ShortTransactions

app = typer.Typer(help="Text messages to citizens.", no_args_is_help=True)

_COUNT_MAX = 1_000
_WAITS = "waits"


@app.callback()
def text_messages() -> None:
    """Text messages to citizens."""


@app.command("list")
@prints_list
def list_(
    *, waiting: Annotated[bool, typer.Option("--waiting", help="Only those that are not sent yet.")] = False
) -> PrintedList:
    """List the messages of the last week, the newest first; at most a thousand."""
    session: Session = open_session()

    async def _read() -> Sequence[MessageLine]:
        async with ShortTransactions(session.database.connect) as transactions:
            return await read_messages(transactions, _COUNT_MAX, only_waiting=waiting)

    lines = session.run(lambda _: _read())
    headings = ("made (Dhaka)", "about", "to", "state", ">tries", "why", "message")
    return PrintedList("Text messages", headings, map(_for_people, lines), map(_for_programs, lines))


def _for_people(line: MessageLine) -> Sequence[str]:
    return (
        dhaka(line.created_at),
        line.kind,
        line.masked_number,
        line.ending or _WAITS,
        str(line.tries),
        line.last_why or "",
        str(line.message_id),
    )


def _for_programs(line: MessageLine) -> dict[str, object]:
    return {
        "message_id": line.message_id,
        "kind": line.kind,
        "to": line.masked_number,
        "created_at": line.created_at,
        "worth_until": line.worth_until,
        "next_try_at": line.next_try_at,
        "tries": line.tries,
        "ending": line.ending,
        "ended_at": line.ended_at,
        "reason": line.last_why,
        "gateway_reference": line.gateway_reference,
    }

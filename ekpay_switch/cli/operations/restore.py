"""`ekpay restore`: a database that does not hold its recorded position, and its release by two persons."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as, visible_text
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.operations import restore_check
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.composition.positions import place_of, position_keeper, refuse_if_restored
from ekpay_switch.persistence.positions.restores import CHECK_COMMAND, Restore, Restores

app = typer.Typer(
    help="A restored database: what it lost, and its release by two persons.", no_args_is_help=True
)

restore_check.register(app)

RestoreId = Annotated[UUID, typer.Argument(metavar="RESTORE", help="As `ekpay restore status` names it.")]
_HEADINGS = (
    "restore",
    "state",
    "why",
    "found (Dhaka)",
    "checked (Dhaka)",
    ">open",
    "asked by",
    "released by",
)


def refuse_restored(session: Session) -> None:
    """Let a process start only over a database that holds its recorded position.

    Raises:
        RestoredDatabaseError: it was restored or cut; a row in `restores` says so, with an alarm.
    """
    keeper = position_keeper(session.settings, session.database, session.keys())
    session.run(lambda _: refuse_if_restored(keeper))


@app.command()
@prints_list
def status() -> PrintedList:
    """List the restores of this database, the newest first, and what the open one waits for."""
    session = open_session()
    lines = session.run(lambda engine: Restores(engine).list())
    place = place_of(session.settings)
    open_ = [line for line in lines if line.is_open]
    notes = [f"{line.restore_id} at {line.place}: {line.missing}. {_next_step(line)}" for line in open_]
    if any(line.place != place for line in open_):
        notes.append(f"This is {place}: check what another place has lost there.")
    records = (_for_programs(line) for line in lines)
    rows = (_for_people(line) for line in lines)
    return PrintedList("Restores of this database", _HEADINGS, rows, records, notes=notes)


@app.command()
def release(
    restore_id: RestoreId,
    reason: Annotated[str, typer.Option(callback=visible_text, help="Why it may be served; kept for good.")],
    asked_by: Annotated[str, typer.Option("--by", help="Who asks, of the staff.")],
) -> None:
    """Ask that a restored database be served again, once what it lost is asked back and settled."""
    _carry_out(asked_by, ASKER_VARIABLE, lambda restores: restores.ask(restore_id, reason, asked_by))
    typer.echo(f"{restore_id} waits: ekpay restore approve {restore_id} --by NAME")


@app.command()
def approve(
    restore_id: RestoreId,
    approved_by: Annotated[str, typer.Option("--by", help="Who approves; not who asked.")],
) -> None:
    """Release what somebody else has asked for; the switch may start and records the position anew."""
    _carry_out(approved_by, APPROVER_VARIABLE, lambda restores: restores.approve(restore_id, approved_by))
    typer.echo(f"{restore_id} was released: start ekpay serve and ekpay worker.")


def _carry_out(name: str, variable: str, work: Callable[[Restores], Awaitable[Restore]]) -> Restore:
    """Do the work of a person of finance, once their passphrase is verified."""
    return act_as(name, variable, lambda _, engine: work(Restores(engine)))


def _next_step(line: Restore) -> str:
    if line.checked_at is None:
        return f"Next: {CHECK_COMMAND}"
    if line.differences_open:
        return f"Next: settle {line.differences_open} differences"
    if line.asked_by is None:
        return f"Next: ekpay restore release {line.restore_id} --reason TEXT --by NAME"
    return f"Next: ekpay restore approve {line.restore_id} --by NAME"


def _state(line: Restore) -> str:
    if line.found_again_at is not None:
        return "found again"
    if line.released_at is None:
        return "open"
    return "released" if line.resumed_at is None else "served again"


def _for_people(line: Restore) -> tuple[str, ...]:
    return (
        str(line.restore_id),
        _state(line),
        line.reason,
        dhaka(line.found_at),
        dhaka(line.checked_at),
        "" if line.differences_open is None else str(line.differences_open),
        line.asked_by or "",
        line.approved_by or "",
    )


def _for_programs(line: Restore) -> dict[str, object]:
    return {
        "id": line.restore_id,
        "state": _state(line),
        "place": line.place,
        "why": line.reason,
        "missing": line.missing,
        "recorded": line.recorded,
        "found": line.found,
        "found_at": line.found_at,
        "checked_at": line.checked_at,
        "differences_open": line.differences_open,
        "asked_by": line.asked_by,
        "release_reason": line.release_reason,
        "approved_by": line.approved_by,
        "released_at": line.released_at,
    }

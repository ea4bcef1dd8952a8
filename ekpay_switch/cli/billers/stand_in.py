"""`ekpay billers stand-in`: turn stand-in off for a biller, or on again, by two persons (docs/adr/0129)."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as, visible_text
from ekpay_switch.cli.billers.profiles import profiles_of
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.persistence.carts.stand_in_changes import StandInChange, StandInChanges
from ekpay_switch.settings import read_settings

app = typer.Typer(
    help="Bills paid later at a biller that cannot be reached: turned off and on by two persons.",
    no_args_is_help=True,
)

Result = TypeVar("Result")
_HEADINGS = ("biller", "stand-in", "state", "asked by", "asked (Dhaka)", "decided by", "why", "id")


def _with_stand_in(biller_id: str) -> str:
    allowed = sorted(profile.id for profile in profiles_of(read_settings()) if profile.stand_in_seconds)
    if biller_id not in allowed:
        raise typer.BadParameter(f"no biller that allows stand-in; these do: {', '.join(allowed) or 'none'}")
    return biller_id


ChangeId = Annotated[UUID, typer.Argument(metavar="ID", help="As `stand-in list` names it.")]
BillerId = Annotated[
    str, typer.Argument(metavar="BILLER", callback=_with_stand_in, help="Our id of the biller.")
]
Reason = Annotated[str, typer.Option(callback=visible_text, help="Why; kept with it for good.")]
Asker = Annotated[str, typer.Option("--by", help="Who asks, of the staff.")]


@app.command("list")
@prints_list
def list_() -> PrintedList:
    """List every change, the oldest of each biller first; the last that was approved is in force."""
    changes = open_session().run(lambda engine: StandInChanges(engine).list())
    return PrintedList("Stand-in", _HEADINGS, map(_for_people, changes), map(_for_programs, changes))


@app.command()
def stop(biller_id: BillerId, reason: Reason, by: Asker) -> None:
    """Ask that no further bill of a biller be paid in stand-in; what payers were promised is kept."""
    _ask(biller_id, reason, by, is_stopped=True)


@app.command()
def resume(biller_id: BillerId, reason: Reason, by: Asker) -> None:
    """Ask that bills of a biller be paid in stand-in again."""
    _ask(biller_id, reason, by, is_stopped=False)


@app.command()
def approve(
    change_id: ChangeId, by: Annotated[str, typer.Option("--by", help="Who approves; not who asked.")]
) -> None:
    """Approve what somebody else has asked for; it holds from this moment."""
    change = _carry_out(by, APPROVER_VARIABLE, lambda changes: changes.approve(change_id, by))
    typer.echo(f"Stand-in for {change.biller_id} is {_wording(change.is_stopped)} from now on.")


@app.command()
def reject(
    change_id: ChangeId, by: Annotated[str, typer.Option("--by", help="Who rejects; also who asked.")]
) -> None:
    """Reject what waits, also one's own request; stand-in stays as it is."""
    change = _carry_out(by, APPROVER_VARIABLE, lambda changes: changes.reject(change_id, by))
    typer.echo(f"Rejected; stand-in for {change.biller_id} stays as it is.")


def _ask(biller_id: str, reason: str, by: str, *, is_stopped: bool) -> None:
    change_id = _carry_out(
        by, ASKER_VARIABLE, lambda changes: changes.ask(biller_id, reason, by, is_stopped=is_stopped)
    )
    typer.echo(
        f"Stand-in for {biller_id} {_wording(is_stopped)} waits: "
        f"ekpay billers stand-in approve {change_id} --by NAME"
    )


def _carry_out(name: str, variable: str, work: Callable[[StandInChanges], Awaitable[Result]]) -> Result:
    """Do the work of a person of finance, once their passphrase is verified."""
    return act_as(name, variable, lambda _, engine: work(StandInChanges(engine)))


def _wording(is_stopped: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "off" if is_stopped else "on"


def _state(change: StandInChange) -> str:
    if change.waits:
        return "waits"
    return "approved" if change.approved_by else "rejected"


def _for_people(change: StandInChange) -> tuple[str, ...]:
    return (
        change.biller_id,
        _wording(change.is_stopped),
        _state(change),
        change.asked_by,
        dhaka(change.asked_at),
        change.approved_by or change.rejected_by or "",
        change.reason,
        str(change.change_id),
    )


def _for_programs(change: StandInChange) -> dict[str, object]:
    return {
        "id": change.change_id,
        "biller": change.biller_id,
        "is_stopped": change.is_stopped,
        "state": _state(change),
        "reason": change.reason,
        "asked_by": change.asked_by,
        "asked_at": change.asked_at,
        "approved_by": change.approved_by,
        "approved_at": change.approved_at,
        "rejected_by": change.rejected_by,
    }

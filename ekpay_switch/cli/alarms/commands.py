"""`ekpay alarms`: what waits on a person, who owns it and until when."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.acting import visible_text
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import dhaka, facts_wording, passphrase, taka
from ekpay_switch.domain.alarms import MEANING, Alarm, AlarmOwner
from ekpay_switch.domain.decisions.doors import DOORS
from ekpay_switch.persistence.alarms.desk import PostgresAlarmDesk
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.ports.alarms import AlarmDesk, AlarmFilter, AlarmView

app = typer.Typer(help="What waits on a person, who owns it and until when.", no_args_is_help=True)

_STAFF_VARIABLE = "EKPAY_STAFF_PASSPHRASE"
AlarmId = Annotated[UUID, typer.Argument(metavar="ID", help="The alarm, as `list` names it.")]
Person = Annotated[str, typer.Option("--by", help="Who does it, of the staff that owns the alarm.")]


@app.command("list")
@prints_list
def list_(
    owner: Annotated[AlarmOwner | None, typer.Option(help="Only those of this role.")] = None,
    kind: Annotated[Alarm | None, typer.Option(help="Only those of this kind.")] = None,
    payment: Annotated[UUID | None, typer.Option(help="Only those about this payment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    after: Annotated[UUID | None, typer.Option(help="Only those that come after this alarm.")] = None,
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those whose date is over.")] = False,
    ended: Annotated[bool, typer.Option("--ended", help="Those that have ended as well.")] = False,
) -> PrintedList:
    """List alarms, the one due first before the others."""
    chosen = AlarmFilter(owner, kind, payment, overdue_only=overdue, with_ended=ended, after=after)
    session = open_session()
    alarms = session.run(lambda _: _desk(session).list(chosen, limit))
    headings = ("due", "alarm", "kind", "about", ">taka", "owner", ">times", "since (Dhaka)", "works on it")
    more = [f"There may be more: --after {alarms[-1].alarm_id}"] if len(alarms) == limit else []
    rows = (_line(alarm) for alarm in alarms)
    return PrintedList("Alarms", headings, rows, (asdict(alarm) for alarm in alarms), notes=more)


@app.command()
def show(alarm_id: AlarmId) -> None:
    """Print one alarm: what it means, what is known, and the commands that end it."""
    session = open_session()
    alarm = session.run(lambda _: _desk(session).show(alarm_id))
    typer.echo(f"{alarm.kind.replace('_', ' ')}, about {alarm.subject}: {MEANING[alarm.kind]}.")
    often = "once" if alarm.count == 1 else f"{alarm.count} times"
    typer.echo(f"It belongs to {alarm.owner} and is due on {alarm.due_on}; raised {often}.")
    if alarm.facts:
        typer.echo(facts_wording(alarm.facts))
    if alarm.ended_at is not None:
        typer.echo(f"It ended {dhaka(alarm.ended_at)} by {alarm.ended_by}: {alarm.end_reason}.")
        return
    for door in DOORS[alarm.kind]:
        typer.echo(f"  {door}")


@app.command()
def acknowledge(alarm_id: AlarmId, as_: Person) -> None:
    """Say that you work on it; it stays open."""
    alarm = _act(alarm_id, as_, lambda desk: desk.acknowledge(alarm_id, as_))
    typer.echo(f"{as_} works on {alarm.kind.replace('_', ' ')}, about {alarm.subject}.")


@app.command()
def close(
    alarm_id: AlarmId,
    reason: Annotated[str, typer.Option(callback=visible_text, help="What you found out.")],
    as_: Person,
) -> None:
    """End an alarm that nothing else ends; one whose money still waits is not closed."""
    alarm = _act(alarm_id, as_, lambda desk: desk.close(alarm_id, reason, as_))
    typer.echo(f"{alarm.kind.replace('_', ' ')}, about {alarm.subject}, is closed.")


def _act(alarm_id: UUID, name: str, act: Callable[[AlarmDesk], Awaitable[AlarmView]]) -> AlarmView:
    """Do something with an alarm, once the passphrase and the role of its owner are verified."""
    secret, session = passphrase(_STAFF_VARIABLE, f"Passphrase of {name}"), open_session()

    async def _verified(engine: AsyncEngine) -> AlarmView:
        desk = _desk(session)
        alarm = await desk.show(alarm_id)
        await Staff(engine).verify(name, secret, Role(alarm.owner))
        return await act(desk)

    return session.run(_verified)


def _desk(session: Session) -> AlarmDesk:
    return PostgresAlarmDesk(session.database.connect)


def _line(alarm: AlarmView) -> Sequence[str]:
    return (
        f"{alarm.due_on}{' OVERDUE' if alarm.is_overdue else ''}",
        str(alarm.alarm_id),
        alarm.kind.replace("_", " "),
        alarm.subject,
        "" if alarm.amount is None else taka(alarm.amount),
        alarm.owner,
        str(alarm.count),
        dhaka(alarm.raised_at),
        alarm.acknowledged_by,
    )

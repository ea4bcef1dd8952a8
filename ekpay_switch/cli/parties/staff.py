"""`ekpay staff`: the people who may move money by hand, and who else may.

The first two come with the installation. Everybody else, other roles and other passphrases are asked for by
one person of finance and approved by another (docs/adr/0083).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as, visible_text
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.parties.staff_wording import (
    CHANGE_HEADINGS,
    STAFF_HEADINGS,
    change_for_people,
    change_for_programs,
    change_wording,
    member_for_people,
    member_for_programs,
    tell_if_too_few,
)
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, passphrase, show_json
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.persistence.parties.staff_changes import (
    ApprovedStaffChange,
    AskedStaffChange,
    StaffChanges,
)
from ekpay_switch.persistence.parties.staff_recovery import StaffRecovery

app = typer.Typer(help="The people who may move money by hand.", no_args_is_help=True)

Result = TypeVar("Result")
_CODE = "EKPAY_STAFF_CODE"
_Name = Annotated[str, typer.Argument(callback=visible_text, help="How they are called in the books.")]
_ChangeId = Annotated[UUID, typer.Argument(metavar="ID", help="As `staff changes` names it.")]
_Reason = Annotated[str, typer.Option(callback=visible_text, help="Why; kept with it for good.")]


@app.command()
def add(
    name: _Name,
    role: Annotated[list[Role] | None, typer.Option(help="May be given twice; finance by default.")] = None,
) -> None:
    """Add one of the first two persons of an installation; everybody else is asked for (`staff ask`).

    Their passphrase is asked for, or taken from EKPAY_STAFF_PASSPHRASE.
    """
    chosen = passphrase(ASKER_VARIABLE, f"Passphrase for {name} (12 characters or more)", is_new=True)
    roles = role or [Role.FINANCE]
    member = open_session().run(lambda engine: Staff(engine).install(name, chosen, roles))
    typer.echo(f"{member.name} is on the staff: {', '.join(sorted(member.roles))}.")


@app.command()
def ask(
    name: _Name,
    asked_by: Annotated[str, typer.Option("--by", help="Who asks, of finance.")],
    role: Annotated[
        list[Role] | None, typer.Option(help="May be given twice: all the roles they shall have.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with it for good.")] = "",
    *,
    new_passphrase: Annotated[
        bool, typer.Option("--passphrase", help="That they may choose another passphrase.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask for a new person, other roles or another passphrase of somebody; gives nothing until approved."""
    if bool(role) == new_passphrase:
        raise typer.BadParameter("name --role, or --passphrase")

    async def _ask(changes: StaffChanges) -> AskedStaffChange:
        if new_passphrase:
            return await changes.ask_passphrase(name, asked_by, reason)
        return await changes.ask_roles(name, role or (), asked_by, reason)

    asked = _carry_out(asked_by, ASKER_VARIABLE, _ask)
    if as_json:
        show_json({"id": asked.change_id, "kind": asked.order.kind, "code_part": asked.code_part})
        return
    wording = change_wording(asked.order)
    typer.echo(f"{wording} waits: ekpay staff approve {asked.change_id} --by SOMEBODY")
    if asked.code_part:
        typer.echo(f"First part of the code, shown once: {asked.code_part}")
        typer.echo(f"Hand it to {name} yourself; who approves is shown the second part.")


@app.command()
def approve(
    change_id: _ChangeId,
    approved_by: Annotated[
        str,
        typer.Option("--by", help="Who approves; neither who asked nor whom it is about."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Approve what somebody else has asked for."""

    async def _approve(changes: StaffChanges) -> ApprovedStaffChange:
        return await changes.approve(change_id, approved_by)

    done = _carry_out(approved_by, APPROVER_VARIABLE, _approve)
    name, until = done.change.subject, done.code_until
    if as_json:
        show_json({"id": change_id, "name": name, "code_part": done.code_part, "code_until": until})
        return
    typer.echo(f"{change_wording(done.change)} was approved.")
    if done.code_part:
        typer.echo(f"Second part of the code, shown once: {done.code_part}")
        typer.echo(
            f"Hand it to {name} yourself. Good until {dhaka(until)} (Dhaka): ekpay staff passphrase {name}"
        )
    tell_if_too_few()


@app.command()
def reject(
    change_id: _ChangeId,
    reason: _Reason,
    rejected_by: Annotated[str, typer.Option("--by", help="Who rejects; also who asked.")],
) -> None:
    """Reject what waits or has lapsed, also one's own request; nothing changes."""

    async def _reject(changes: StaffChanges) -> str:
        return change_wording(await changes.reject(change_id, reason, rejected_by))

    wording = _carry_out(rejected_by, APPROVER_VARIABLE, _reject)
    typer.echo(f"{wording} was rejected; nothing has changed.")


@app.command("changes")
@prints_list
def list_changes(
    *, is_all: Annotated[bool, typer.Option("--all", help="Also what was decided.")] = False
) -> PrintedList:
    """List what was asked for and waits, or has lapsed because who asked may decide nothing any more."""
    changes = open_session().run(lambda engine: StaffChanges(engine).list(is_all=is_all))
    return PrintedList(
        "Changes of the staff",
        CHANGE_HEADINGS,
        (change_for_people(change) for change in changes),
        (change_for_programs(change) for change in changes),
    )


@app.command("list")
@prints_list
def list_() -> PrintedList:
    """List everybody who has ever been on the staff: roles, since when, by whom added and disabled."""
    members = open_session().run(lambda engine: Staff(engine).list())
    return PrintedList(
        "Staff",
        STAFF_HEADINGS,
        (member_for_people(member) for member in members),
        (member_for_programs(member) for member in members),
    )


@app.command("passphrase")
def choose_passphrase(name: _Name) -> None:
    """Choose your passphrase with the code that two persons gave you: both parts, the asker's first.

    The code may stand in EKPAY_STAFF_CODE, the passphrase in EKPAY_STAFF_PASSPHRASE.
    """
    code = passphrase(_CODE, "Code, both parts")
    chosen = passphrase(ASKER_VARIABLE, "Your passphrase (12 characters or more)", is_new=True)
    open_session().run(lambda engine: StaffChanges(engine).choose_passphrase(name, code, chosen))
    typer.echo(f"{name} has a passphrase, and the code is used up.")


@app.command()
def disable(
    name: Annotated[str, typer.Argument(help="Who may do nothing any more.")],
    as_: Annotated[str, typer.Option("--by", help="Who says so: another person of the staff.")],
    role: Annotated[Role, typer.Option(help="The role of who says so.")] = Role.FINANCE,
) -> None:
    """Take every right from a person who leaves; what they proposed is not carried out any more."""
    if name.strip() == as_:
        raise typer.BadParameter("it takes another person")
    secret = passphrase(APPROVER_VARIABLE, f"Passphrase of {as_}")

    async def _disable(engine: AsyncEngine) -> Mapping[str, int]:
        staff = Staff(engine)
        await staff.verify(as_, secret, role)
        return await staff.disable(name.strip(), as_)

    waiting = open_session().run(_disable)
    typer.echo(f"{name.strip()} may do nothing any more.")
    if waiting:
        kinds = ", ".join(f"{number} {kind}" for kind, number in waiting.items())
        typer.echo(f"What they asked for waits and is not carried out, reject it: {kinds}.")
    tell_if_too_few()


@app.command()
def recover(
    name: _Name,
    reason: _Reason,
    lost: Annotated[
        list[str] | None,
        typer.Option(help="Who can decide nothing any more and is disabled; may be repeated."),
    ] = None,
) -> None:
    """Add a person of finance where fewer than two can decide; for the owner of the database, with an alarm.

    Their passphrase is asked for, or taken from EKPAY_STAFF_PASSPHRASE.
    """
    chosen = passphrase(ASKER_VARIABLE, f"Passphrase for {name} (12 characters or more)", is_new=True)
    session, gone = open_session(), [person.strip() for person in lost or ()]

    async def _recover(_engine: AsyncEngine) -> Sequence[str]:
        owner = session.database.engine("owner", pool_size=1)
        try:
            await StaffRecovery(owner).recover(name, chosen, reason, gone)
        finally:
            await owner.dispose()
        return gone

    for person in session.run(_recover):
        typer.echo(f"{person} may do nothing any more.")
    typer.echo(f"{name} is on the staff: finance. An alarm says so: ekpay alarms list.")
    tell_if_too_few()


def _carry_out(name: str, variable: str, work: Callable[[StaffChanges], Awaitable[Result]]) -> Result:
    """Do the work of a person of finance, once their passphrase is verified."""
    return act_as(name, variable, lambda _, engine: work(StaffChanges(engine)))

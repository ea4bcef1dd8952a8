"""`ekpay staff`: the people who may move money by hand.

Whoever can run this command holds the database, so `add` asks for no passphrase but the new one.
"""

from collections.abc import Mapping
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import passphrase
from ekpay_switch.persistence.parties.staff import Role, Staff

app = typer.Typer(help="The people who may move money by hand.", no_args_is_help=True)

_PASSPHRASE, _OWN_PASSPHRASE = "EKPAY_STAFF_PASSPHRASE", "EKPAY_APPROVER_PASSPHRASE"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="How they are called in the books.")],
    role: Annotated[list[Role] | None, typer.Option(help="May be given twice; finance by default.")] = None,
) -> None:
    """Add a member of staff; the passphrase is asked for, or taken from EKPAY_STAFF_PASSPHRASE."""
    if not name.strip() or not name.isprintable():
        raise typer.BadParameter("a name has visible characters only")
    chosen = passphrase(_PASSPHRASE, f"Passphrase for {name} (12 characters or more)", is_new=True)
    roles = role or [Role.FINANCE]
    member = open_session().run(lambda engine: Staff(engine).add(name.strip(), chosen, roles))
    typer.echo(f"{member.name} is on the staff: {', '.join(sorted(member.roles))}.")


@app.command()
def disable(
    name: Annotated[str, typer.Argument(help="Who may do nothing any more.")],
    as_: Annotated[str, typer.Option("--as", help="Who says so: another person of the staff.")],
    role: Annotated[Role, typer.Option(help="The role of who says so.")] = Role.FINANCE,
) -> None:
    """Take every right from a person who leaves; what they proposed is not carried out any more."""
    if name.strip() == as_:
        raise typer.BadParameter("it takes another person")
    secret = passphrase(_OWN_PASSPHRASE, f"Passphrase of {as_}")

    async def _disable(engine: AsyncEngine) -> Mapping[str, int]:
        staff = Staff(engine)
        await staff.verify(as_, secret, role)
        return await staff.disable(name.strip(), as_)

    waiting = open_session().run(_disable)
    typer.echo(f"{name.strip()} may do nothing any more.")
    if waiting:
        kinds = ", ".join(f"{number} {kind}" for kind, number in waiting.items())
        typer.echo(f"What they asked for waits and is not carried out, reject it: {kinds}.")

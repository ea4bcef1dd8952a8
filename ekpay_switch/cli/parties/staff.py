"""`ekpay staff`: the people who may move money by hand.

Whoever can run this command holds the database, so it asks for no passphrase but the new one.
"""

from typing import Annotated

import typer

from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import passphrase
from ekpay_switch.persistence.parties.staff import Role, Staff

app = typer.Typer(help="The people who may move money by hand.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `add` a command of its own while it is the only one."""


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="How they are called in the books.")],
    role: Annotated[list[Role] | None, typer.Option(help="May be given twice; finance by default.")] = None,
) -> None:
    """Add a member of staff; the passphrase is asked for, or taken from EKPAY_STAFF_PASSPHRASE."""
    if not name.strip() or not name.isprintable():
        raise typer.BadParameter("a name has visible characters only")
    chosen = passphrase(
        "EKPAY_STAFF_PASSPHRASE", f"Passphrase for {name} (12 characters or more)", is_new=True
    )
    roles = role or [Role.FINANCE]
    member = open_session().run(lambda engine: Staff(engine).add(name.strip(), chosen, roles))
    typer.echo(f"{member.name} is on the staff: {', '.join(sorted(member.roles))}.")

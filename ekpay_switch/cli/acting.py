"""What a command of a person begins with: their passphrase, which is asked for before the database is."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import passphrase
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.security.card_numbers import mask_card_numbers

# Where scripts put the passphrases of the first and of the second person.
ASKER_VARIABLE, APPROVER_VARIABLE = "EKPAY_STAFF_PASSPHRASE", "EKPAY_APPROVER_PASSPHRASE"

Result = TypeVar("Result")


def act_as(
    name: str,
    variable: str,
    work: Callable[[Session, AsyncEngine], Awaitable[Result]],
    session: Session | None = None,
) -> Result:
    """Do the work of a person of finance once they have shown their passphrase.

    Raises:
        NotAllowedError: it is not theirs, or they are not of finance; nothing was done.
    """
    secret = passphrase(variable, f"Passphrase of {name}")

    opened = session or open_session()

    async def _verified(engine: AsyncEngine) -> Result:
        await Staff(engine).verify(name, secret, Role.FINANCE)
        return await work(opened, engine)

    return opened.run(_verified)


def visible_name(text: str) -> str:
    """What somebody else calls a thing, without blanks around it; refuses one that nobody can see."""
    if not text.strip() or not text.isprintable():
        raise typer.BadParameter("visible characters, please")
    return text.strip()


def visible_text(text: str) -> str:
    """Words of a person, without blanks around them and with card numbers masked (docs/adr/0084)."""
    return mask_card_numbers(visible_name(text))


def visible_name_or_none(text: str | None) -> str | None:
    """The same where it may be left out."""
    return None if text is None else visible_name(text)


def visible_text_or_none(text: str | None) -> str | None:
    """The same where they may be left out."""
    return None if text is None else visible_text(text)

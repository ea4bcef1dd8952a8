"""What every command that changes merchants begins with: a person of finance, who is recorded."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.acting import act_as
from ekpay_switch.cli.session import open_session
from ekpay_switch.persistence.merchants.directory import partner_of_merchant

PASSPHRASE_VARIABLE = "EKPAY_STAFF_PASSPHRASE"  # noqa: S105 - a variable's name

Result = TypeVar("Result")
By = Annotated[str, typer.Option("--by", help="Who does it, of the staff; finance.")]
PartnerId = Annotated[
    str, typer.Argument(metavar="MERCHANT", help="The merchant's partner id, or its registration id.")
]


def of_merchant(
    name: str, work: Callable[[AsyncEngine, str], Awaitable[Result]]
) -> Callable[[AsyncEngine], Awaitable[Result]]:
    """The work on a merchant that is named by either of its ids; it gets the partner id.

    Raises, when it runs:
        UnknownMerchantError: there is none of that name.
    """

    async def _resolved(engine: AsyncEngine) -> Result:
        return await work(engine, await partner_of_merchant(engine, name))

    return _resolved


def id_of_merchant(name: str) -> str:
    """The partner id of a merchant that is named by either of its ids.

    Raises:
        UnknownMerchantError: there is none of that name.
    """
    return open_session().run(lambda engine: partner_of_merchant(engine, name))


def carry_out(by: str, work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    """Do the work once this person has shown their passphrase.

    Raises:
        NotAllowedError: it is not theirs, or they are not of finance; nothing was done.
    """
    return act_as(by, PASSPHRASE_VARIABLE, lambda _, engine: work(engine))

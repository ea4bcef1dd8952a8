"""What the commands about breaks share: their arguments, refusals, and work about several of them.

Heavy things are imported when a command runs; `ekpay --help` loads this module without the extra.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ekpay_switch.cli.terminal import complain
from ekpay_switch.ports.finance import Finance
from ekpay_switch.security.card_numbers import mask_card_numbers
from reconciliation.cli.refusals import refusals
from reconciliation.errors import ReconciliationError
from reconciliation.similar_names import unknown_name_wording

if TYPE_CHECKING:
    from uuid import UUID

Result = TypeVar("Result")
FAILED = 1
STAFF_VARIABLE = "EKPAY_STAFF_PASSPHRASE"
APPROVER_VARIABLE = "EKPAY_APPROVER_PASSPHRASE"


def person_name(text: str) -> str:
    """The name of a person, without blanks around it."""
    if not text.strip():
        raise typer.BadParameter("a name of the staff")
    return text.strip()


_NAMED = "number, as the list prints it, or the first digits of the id"
BreakName = Annotated[str, typer.Argument(metavar="BREAK", help=f"Its {_NAMED}.")]
BreakNames = Annotated[list[str], typer.Argument(metavar="BREAK...", help=f"Of each: its {_NAMED}.")]
ResolutionName = Annotated[str, typer.Argument(metavar="RESOLUTION", help=f"Its {_NAMED}.")]
ResolutionNames = Annotated[
    list[str], typer.Argument(metavar="RESOLUTION...", help=f"Of each: its {_NAMED}.")
]
By = Annotated[str, typer.Option(callback=person_name, metavar="NAME", help="Who you are, of the staff.")]
Reason = Annotated[str, typer.Option(callback=mask_card_numbers, help="Why; it is kept for good.")]


def run_finance(work: Callable[[Finance], Coroutine[Any, Any, Result]], context: typer.Context) -> Result:
    """Run a function over finance's tables; a refusal exits with 1."""
    finance: Finance = context.obj
    with refusals():
        return asyncio.run(work(finance))


def refuse_unknown(typed: Iterable[str], known: Collection[str], kind: str, option: str) -> None:
    """Refuse a name that is none of the known ones, with what is like it."""
    for name in typed:
        if name not in known:
            raise typer.BadParameter(unknown_name_wording(name, known, kind), param_hint=option)


async def act_on_each(
    finance: Finance, table: str, names: Sequence[str], act: "Callable[[UUID], Coroutine[Any, Any, None]]"
) -> int:
    """Let a person act on each `break` or `resolution` in turn; returns how many were refused.

    An unknown name refuses all of them before anything is done. One that is refused later is said, and holds
    up none of the others.

    Raises:
        UnknownIdError: a name is of none of them, or of several.
    """
    from reconciliation.resolutions.staff_requests import ids_of  # noqa: PLC0415 - heavy

    refused = 0
    for found, name in (await ids_of(finance, table, names)).items():
        try:
            await act(found)
        except ReconciliationError as problem:
            complain(str(problem) if len(names) == 1 else f"{table} {name}: {problem}")
            refused += 1
    return refused

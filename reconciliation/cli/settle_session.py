"""What the commands of `ekpay settle` have in common: persons, refusals and the work over the newest run."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from ekpay_switch.cli.terminal import passphrase
from ekpay_switch.ports.finance import Finance
from ekpay_switch.security.card_numbers import mask_card_numbers
from reconciliation.cli.refusals import refusals
from reconciliation.errors import UnknownPartyError

if TYPE_CHECKING:
    from reconciliation.settlement.current_state import SettlementWork

ASKER = "EKPAY_STAFF_PASSPHRASE"
APPROVER = "EKPAY_APPROVER_PASSPHRASE"
IMPERFECT = 1
_T = TypeVar("_T")


def run_settlement(context: typer.Context, work: "Callable[[SettlementWork], Awaitable[_T]]") -> _T:
    """Run a function over the newest run; a refusal is one line and exit code 1."""

    async def _at_work() -> _T:
        from reconciliation.settlement.current_state import open_work, read_setting  # noqa: PLC0415 - heavy

        async with open_work(read_setting(context.obj)) as opened_work:
            return await work(opened_work)

    # A party that nobody is was typed wrongly; the command says so.
    with refusals(through=(UnknownPartyError,)):
        return asyncio.run(_at_work())


def act_alone(
    context: typer.Context, name: str, variable: str, act: "Callable[[Finance], Awaitable[_T]]"
) -> _T:
    """Let a person of finance act once their passphrase is verified; a refusal exits with 1."""
    secret = passphrase(variable, f"Passphrase of {name}")

    async def _verified() -> _T:
        finance: Finance = context.obj
        await finance.persons.verify(name, secret)
        return await act(finance)

    with refusals():
        return asyncio.run(_verified())


def two_persons(by: str, approved_by: str) -> "Callable[[Finance], Awaitable[None]]":
    """Ask both for their passphrases; the function returned verifies them."""
    if by == approved_by:
        raise typer.BadParameter("it takes two persons", param_hint="--approved-by")
    asking = passphrase(ASKER, f"Passphrase of {by}")
    approving = passphrase(APPROVER, f"Passphrase of {approved_by}")

    async def _verify(finance: Finance) -> None:
        await finance.persons.verify(by, asking)
        await finance.persons.verify(approved_by, approving)

    return _verify


def visible_text(text: str) -> str:
    """Words of a person, without blanks around them and with card numbers masked (docs/adr/0084)."""
    if not text.strip() or not text.isprintable():
        raise typer.BadParameter("visible characters, please")
    return mask_card_numbers(text.strip())

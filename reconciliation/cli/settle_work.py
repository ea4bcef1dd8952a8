"""What every command of `ekpay settle` does: open the newest run, verify two persons, refuse in one line."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import typer

from ekpay_switch.cli.terminal import complain, passphrase
from reconciliation.errors import ReconciliationError, UnknownPartyError

if TYPE_CHECKING:
    from reconciliation.settlement.current_state import SettlementWork

_IMPERFECT = 1
_ASKER = "EKPAY_STAFF_PASSPHRASE"
_APPROVER = "EKPAY_APPROVER_PASSPHRASE"
_T = TypeVar("_T")


def two_persons(by: str, approved_by: str) -> "Callable[[SettlementWork], Awaitable[None]]":
    """Ask both for their passphrases; the function returned verifies them."""
    if by == approved_by:
        raise typer.BadParameter("it takes two persons", param_hint="--approved-by")
    asking = passphrase(_ASKER, f"Passphrase of {by}")
    approving = passphrase(_APPROVER, f"Passphrase of {approved_by}")

    async def _verify(work: "SettlementWork") -> None:
        await work.setting.finance.persons.verify(by, asking)
        await work.setting.finance.persons.verify(approved_by, approving)

    return _verify


def run_settlement(context: typer.Context, work: "Callable[[SettlementWork], Awaitable[_T]]") -> _T:
    """Run a function over the newest run; a refusal is one line and exit code 1."""

    async def _at_work() -> _T:
        from reconciliation.settlement.current_state import open_work, read_setting  # noqa: PLC0415 - heavy

        async with open_work(read_setting(context.obj)) as opened_work:
            return await work(opened_work)

    with refusals():
        return asyncio.run(_at_work())


@contextmanager
def refusals() -> Iterator[None]:
    """Say a refusal of the wing in one line and exit with 1."""
    try:
        yield
    except UnknownPartyError:
        raise  # a typing error, reported by the command with the name
    except ReconciliationError as problem:
        complain(str(problem))
        raise typer.Exit(_IMPERFECT) from problem
    except ModuleNotFoundError as problem:
        complain(f"the extra reconciliation is not installed ({problem.name} is missing): run make setup")
        raise typer.Exit(_IMPERFECT) from problem

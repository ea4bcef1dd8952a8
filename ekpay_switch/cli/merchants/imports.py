"""`ekpay merchants import` and `payees import`: whole files, all or nothing, and safe to repeat."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.acting import APPROVER_VARIABLE
from ekpay_switch.cli.listing import AsJson
from ekpay_switch.cli.merchants.finance_persons import PartnerId, carry_out
from ekpay_switch.cli.merchants.import_files import (
    CellProblem,
    KeyFile,
    UnreadableError,
    read_merchants,
    read_payees,
)
from ekpay_switch.cli.merchants.wording import term_choices
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import complain, passphrase, show_json
from ekpay_switch.persistence.merchants.payees import MerchantPayees
from ekpay_switch.persistence.merchants.staff_actions import (
    ClashError,
    MerchantKey,
    MerchantStaffActions,
)
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.ports.merchants import Payee

Result = TypeVar("Result")
_PROBLEMS_MAX = 50
_File = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV, UTF-8.")]
_By = Annotated[str, typer.Option("--by", help="Who does it, of the staff; not for a dry run.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def import_merchants(
    path: _File,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where new pass keys are told; it must not exist.")
    ] = None,
    by: _By = "",
    approved_by: Annotated[
        str, typer.Option(help="Who approves, of finance; another person, not for a dry run.")
    ] = "",
    *,
    dry_run: _DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add the merchants of an upazila, a line a Union Parishad (docs/how-to/add-a-merchant.md).

    Lines whose merchants stand already as they are written here are left alone. Where any line is wrong,
    every wrong cell is named and nothing is added. It takes two persons, who are both there.
    """
    known = term_choices(open_session().settings)
    news = _report_problems(path, lambda: read_merchants(path, known))
    numbers, merchants = [number for number, _ in news], [new for _, new in news]
    if dry_run:
        fresh = _report_problems(
            path,
            lambda: open_session().run(lambda engine: MerchantStaffActions(engine).preview_add(merchants)),
            numbers,
        )
        reg_ids = [new.mer_reg_id for new in fresh]
        _report_result(reg_ids, len(merchants) - len(reg_ids), "would be added", as_json=as_json)
        return
    if keys is None or not by or not approved_by:
        raise typer.BadParameter("name --keys, --by and --approved-by, or --dry-run")
    if by == approved_by:
        raise OnePersonError
    file = KeyFile(keys)
    file.must_be_new()

    approving = passphrase(APPROVER_VARIABLE, f"Passphrase of {approved_by}")

    async def _add(engine: AsyncEngine) -> Sequence[MerchantKey]:
        await Staff(engine).verify(approved_by, approving, Role.FINANCE)
        return await MerchantStaffActions(engine).add_all(merchants, by, file.keep, approved_by)

    added = _report_problems(path, lambda: carry_out(by, _add), numbers)
    if added:
        file.finish()
    reg_ids = [key.mer_reg_id for key in added]
    _report_result(reg_ids, len(merchants) - len(reg_ids), "added", as_json=as_json)
    if added and not as_json:
        typer.echo(f"Their pass keys are in {file.path}: hand them over safely, then delete it.")


def import_payees(
    partner_id: PartnerId,
    path: _File,
    by: _By = "",
    *,
    dry_run: _DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Register payees of a merchant from a file with the columns code, kind and name.

    Payees that stand already as they are written here are left alone. Where any line is wrong, every wrong
    cell is named and nothing is registered.
    """
    read = _report_problems(path, lambda: read_payees(path))
    numbers, payees = [number for number, _ in read], [payee for _, payee in read]

    async def _would_add(engine: AsyncEngine) -> Sequence[Payee]:
        return await MerchantPayees(engine).preview_add(partner_id, payees)

    async def _add(engine: AsyncEngine) -> Sequence[Payee]:
        return await MerchantPayees(engine).add_all(partner_id, payees, by)

    if not dry_run and not by:
        raise typer.BadParameter("name --by, or --dry-run")
    fresh = _report_problems(
        path, lambda: open_session().run(_would_add) if dry_run else carry_out(by, _add), numbers
    )
    codes, done = [payee.code for payee in fresh], "would be registered" if dry_run else "registered"
    _report_result(codes, len(payees) - len(codes), done, as_json=as_json)


def _report_problems(path: Path, work: Callable[[], Result], numbers: Sequence[int] = ()) -> Result:
    """The result of the work; where the file is wrong, print every problem and exit with 1."""
    try:
        return work()
    except UnreadableError as wrong:
        problems = wrong.problems
    except ClashError as wrong:
        problems = [
            CellProblem(numbers[clash.place], column, "stands already, and is another there")
            for clash in wrong.clashes
            for column in clash.differing_fields
        ]
    for problem in problems[:_PROBLEMS_MAX]:
        complain(f"{path.name}: {problem}")
    if len(problems) > _PROBLEMS_MAX:
        complain(f"and {len(problems) - _PROBLEMS_MAX} more problems")
    complain("nothing was taken over")
    raise typer.Exit(1)


def _report_result(fresh: Sequence[str], standing: int, done: str, *, as_json: bool) -> None:
    if as_json:
        show_json({done.replace(" ", "_"): list(fresh), "left_alone": standing})
        return
    for name in fresh:
        typer.echo(name)
    typer.echo(f"{len(fresh)} {done}, {standing} left alone.")

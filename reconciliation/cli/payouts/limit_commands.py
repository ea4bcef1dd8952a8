"""`ekpay settle limit` and `limits`: how much a payee may be paid before its money is here."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.cli.typed_amounts import typed_paisa
from reconciliation.cli.settle_session import run_settlement, two_persons
from reconciliation.errors import UnknownPartyError

if TYPE_CHECKING:
    from reconciliation.settlement.current_state import SettlementWork
    from reconciliation.settlement.positions.cycles import Party
    from reconciliation.settlement.store.payout_limits import LimitChange

_ROLES: Final = ("biller", "merchant", "payee")


def limit(
    context: typer.Context,
    payee: Annotated[str, typer.Argument(help="`merchant:ekshop`, or the name alone.")],
    amount: Annotated[int, typer.Argument(parser=typed_paisa, metavar="TAKA", help="0.00 ends it.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who sets it, of finance.")],
    approved_by: Annotated[str, typer.Option(metavar="NAME", help="Who approves; not who sets it.")],
) -> None:
    """Set how much a payee may be paid at our risk, before the connector's money is here.

    It counts where the payee's rule in config/settlement.toml is `on_risk`.
    """
    verify = two_persons(by, approved_by)

    async def _carry_out(work: "SettlementWork") -> "Party":
        from reconciliation.settlement.current_state import settlement_lock  # noqa: PLC0415 - heavy
        from reconciliation.settlement.store.payout_limits import LimitChange, write_limit  # noqa: PLC0415 - heavy

        party = await _payee(work, payee)
        await verify(work.setting.finance)
        async with settlement_lock(work):
            await write_limit(work.connection, LimitChange(party, amount, by, approved_by))
        return party

    try:
        party = run_settlement(context, _carry_out)
    except UnknownPartyError as problem:
        raise typer.BadParameter(str(problem), param_hint="PAYEE") from problem
    typer.echo(f"{party} may be paid {taka(amount)} at our risk, where its rule is on_risk.")


@prints_list
def limits(context: typer.Context) -> PrintedList:
    """Every limit ever set, the newest first; the newest of a payee counts."""
    from reconciliation.settlement.store.payout_limits import limit_history  # noqa: PLC0415 - heavy

    history = run_settlement(context, lambda work: limit_history(work.connection))
    rows = [
        (str(place), str(change.payee), taka(change.amount), change.set_by, change.approved_by, dhaka(at))
        for place, (change, at) in enumerate(history, start=1)
    ]
    return PrintedList(
        "Limits of payouts at our risk",
        (">no", "payee", ">taka", "set by", "approved by", "at"),
        rows,
        (_facts(change) | {"at": at} for change, at in history),
    )


def _facts(change: "LimitChange") -> dict[str, object]:
    return {
        "payee": str(change.payee),
        "amount": change.amount,
        "set_by": change.set_by,
        "approved_by": change.approved_by,
    }


async def _payee(work: "SettlementWork", name: str) -> "Party":
    """The payee of a name among those with an account in force."""
    from reconciliation.settlement.screen_rows import party_called  # noqa: PLC0415 - heavy
    from reconciliation.settlement.store.account_changes import registry_in_force  # noqa: PLC0415 - heavy

    registry = await registry_in_force(work.connection, work.setting.registry)
    payees = [account.creditor for account in registry.accounts if account.role in _ROLES]
    return party_called(name, payees)

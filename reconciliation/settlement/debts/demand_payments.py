"""Lines of our bank that pay a demand: the parts on the accounts of its payee.

A line pays at most what is left of the demand, and at most what the payee owes at this moment; of a larger
one the desk splits off the rest (docs/adr/0107).
"""

from collections.abc import Mapping, Sequence

from ekpay_switch.domain.money import format_taka
from reconciliation.errors import SettlementError
from reconciliation.settlement.current_state import SettlementWork
from reconciliation.settlement.debts.demands import open_demand, parts_of_debt
from reconciliation.settlement.debts.payee_debts import list_demands
from reconciliation.settlement.positions.demand_figures import number_of, numbers_named
from reconciliation.unidentified.items import DEMAND, ItemPart, ItemState, UnidentifiedItem


async def demand_parts(work: SettlementWork, typed: str, amount: int) -> tuple[ItemPart, ...]:
    """The parts of a credit of so many paisa for `typed`, such as `1`, `D-0001` or a demand's reference.

    Raises:
        SettlementError: it is no open demand, or less is left of it or owed.
    """
    number = number_of(typed)
    followed = await open_demand(work, number)
    rest = followed.figures.rest
    if amount > rest:
        raise SettlementError(
            f"amount: {format_taka(rest)} taka are left of {followed.demand.name}, which is less than "
            f"{format_taka(amount)}: split the line"
        )
    parts = await parts_of_debt(work.connection, followed.demand, amount)
    return tuple(
        ItemPart(f"{DEMAND}:{number}:{account.partition(':')[0]}", paisa, account) for account, paisa in parts
    )


async def suggested_targets(work: SettlementWork, items: Sequence[UnidentifiedItem]) -> Mapping[int, str]:
    """The target that two persons will most likely want, by the numbers of open items that have one.

    It is the open demand whose reference the line bears, alone, where the line has just what is left of it.
    """
    named = {
        item.number: numbers_named(f"{item.our_reference} {item.bank_reference} {item.narrative}")
        for item in items
        if item.state is ItemState.OPEN and item.amount > 0
    }
    if not any(named.values()):
        return {}
    demands = [followed for followed in await list_demands(work) if followed.demand.is_open]
    rests = {followed.demand.number: followed.figures.rest for followed in demands}
    return {
        item.number: f"{DEMAND}:{number}"
        for item in items
        for number in named.get(item.number, ())
        if len(named[item.number]) == 1 and rests.get(number) == item.amount
    }


async def refuse_unfit_payments(work: SettlementWork, parts: Sequence[ItemPart]) -> None:
    """Refuse parts of demands that are not what `demand_parts` says by now.

    Raises:
        SettlementError: a demand is over, or its payee owes less or on other accounts.
    """
    by_number: dict[str, list[ItemPart]] = {}
    for part in parts:
        if part.demand:
            by_number.setdefault(part.demand, []).append(part)
    for number, of_demand in by_number.items():
        now = await demand_parts(work, number, sum(part.amount for part in of_demand))
        if sorted(map(str, now)) != sorted(map(str, of_demand)):
            raise SettlementError(f"demand: {number} is owed on other accounts by now: propose it anew")

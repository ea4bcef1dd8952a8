"""What payees owe us by closed windows, and what became of each demand; reads alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.ports.finance import Connection
from reconciliation.settlement.current_state import SettlementWork
from reconciliation.settlement.instructions.creditor_instructions import RemainderReason
from reconciliation.settlement.instructions.value_date_record import SettledPosition
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.demand_figures import (
    DemandEnd,
    DemandFigures,
    DemandState,
    owed_since,
    rest_of,
)
from reconciliation.settlement.positions.ledger_lines import accounts_of_debt, debtor_of, owed_on_account
from reconciliation.settlement.store.account_changes import registry_in_force
from reconciliation.settlement.store.demands import (
    Demand,
    DemandPayments,
    debt_changes,
    payee_names,
    read_demands,
    read_payments,
    today_in_dhaka,
)
from reconciliation.settlement.store.settlement_lines import closed_balances
from reconciliation.settlement.store.settlement_sheets import newest_sheet, read_sheet


@dataclass(frozen=True, slots=True)
class FollowedDemand:
    """A demand with what became of it."""

    demand: Demand
    state: DemandState
    figures: DemandFigures


@dataclass(frozen=True, slots=True)
class PayeeDebt:
    """What a payee owes us by closed windows, in paisa, without a break since a business date.

    `set_off` is what the newest sheet has set off, `demand` what waits or is open of it.
    """

    party: Party
    name: str
    amount: int
    since: date
    age_days: int
    set_off: int
    demand: FollowedDemand | None


async def list_debts(work: SettlementWork) -> Sequence[PayeeDebt]:
    """Every biller, merchant and payee that owes us, by its role and name."""
    async with work.connection.transaction(isolation="repeatable_read", readonly=True):
        return await read_debts(work)


async def list_demands(work: SettlementWork) -> Sequence[FollowedDemand]:
    """Every demand with what became of it, by its number."""
    async with work.connection.transaction(isolation="repeatable_read", readonly=True):
        return await follow_figures(work.connection)


async def read_debts(work: SettlementWork) -> Sequence[PayeeDebt]:
    """See `list_debts`; in the caller's transaction."""
    connection = work.connection
    amounts: dict[Party, int] = {}
    for account, balance in (await closed_balances(connection)).items():
        party = debtor_of(account)
        if party is not None:
            amounts[party] = amounts.get(party, 0) - owed_on_account(account, balance)
    debtors = {party: amount for party, amount in amounts.items() if amount > 0}
    changes = await _changes_by_party(connection, debtors)
    sheet = await _newest_rows(connection)
    names = await payee_names(connection)
    registry = await registry_in_force(connection, work.setting.registry)
    waiting = {
        item.demand.party: item
        for item in await follow_figures(connection)
        if item.state in {DemandState.WAITS, DemandState.OPEN, DemandState.OVERDUE}
    }
    today = await today_in_dhaka(connection)
    debts = []
    for party, amount in sorted(debtors.items()):
        since = owed_since(changes[party])
        assert since is not None, "it owes us now"
        registered = registry.account_of(party)
        name = names.get(party) or (registered.name if registered else party.name)
        days = (today - since).days
        debts.append(
            PayeeDebt(party, name, amount, since, days, _set_off(sheet.get(party)), waiting.get(party))
        )
    return debts


async def follow_figures(connection: Connection) -> Sequence[FollowedDemand]:
    """See `list_demands`; in the caller's transaction."""
    demands = await read_demands(connection)
    payments = await read_payments(connection)
    open_parties = {demand.party for demand in demands if demand.is_open}
    changes = await _changes_by_party(connection, open_parties)
    today = await today_in_dhaka(connection)
    nothing = DemandPayments(0, {})
    return [
        _followed(demand, changes.get(demand.party, {}), payments.get(demand.number, nothing), today)
        for demand in demands
    ]


def _followed(
    demand: Demand, changes: Mapping[date, int], payments: DemandPayments, today: date
) -> FollowedDemand:
    if not demand.is_open:
        return _ended(demand)
    assert demand.approved_at is not None, "it is open"
    assert demand.due_on is not None, "it is open"
    # What was paid in an open window is no change of a closed one yet, and is paid all the same.
    left = rest_of(demand.amount, business_date(demand.approved_at), changes, payments.by_day)
    rest = max(0, left - (payments.paid - sum(payments.by_day.values())))
    figures = DemandFigures(demand.amount, payments.paid, rest)
    if rest == 0:
        return FollowedDemand(demand, _settled_state(figures), figures)
    state = DemandState.OVERDUE if today > demand.due_on else DemandState.OPEN
    return FollowedDemand(demand, state, figures)


def _ended(demand: Demand) -> FollowedDemand:
    if demand.ending is None:
        state = DemandState.WAITS if demand.rejected_by is None else DemandState.REJECTED
        return FollowedDemand(demand, state, DemandFigures(demand.amount, 0, demand.amount))
    paid, remainder = demand.paid or 0, demand.remainder or 0
    if demand.ending is DemandEnd.SETTLED:
        figures = DemandFigures(demand.amount, paid, 0)
        return FollowedDemand(demand, _settled_state(figures), figures)
    if demand.ending is DemandEnd.WITHDRAWN:
        return FollowedDemand(demand, DemandState.WITHDRAWN, DemandFigures(demand.amount, paid, remainder))
    return FollowedDemand(demand, DemandState.WRITTEN_OFF, DemandFigures(demand.amount, paid, 0, remainder))


def _settled_state(figures: DemandFigures) -> DemandState:
    return DemandState.SET_OFF if figures.set_off else DemandState.PAID


async def _changes_by_party(
    connection: Connection, parties: Collection[Party]
) -> dict[Party, dict[date, int]]:
    """By how many paisa the debt of each party has grown on each business date."""
    accounts = {account: party for party in parties for account in accounts_of_debt(party)}
    changes: dict[Party, dict[date, int]] = {party: {} for party in parties}
    for account, of_account in (await debt_changes(connection, accounts)).items():
        of_party = changes[accounts[account]]
        for day, paisa in of_account.items():
            of_party[day] = of_party.get(day, 0) + paisa
    return changes


async def _newest_rows(connection: Connection) -> Mapping[Party, SettledPosition]:
    value_date = await newest_sheet(connection)
    if value_date is None:
        return {}
    return {row.position.party: row for row in await read_sheet(connection, value_date)}


def _set_off(row: SettledPosition | None) -> int:
    """What a sheet has set off: what was owed on it went against a debt, and was not paid."""
    if row is None:
        return 0
    claimed = max(0, -row.position.net)
    if row.carried_in < 0:
        return min(claimed, -row.carried_in)
    return row.carried_out if row.reason == RemainderReason.LESS_IN_BOOKS else 0

"""Demanding what payees owe us: asked for, approved, paid, and ended; the steps of persons of finance.

A demand posts nothing: the debt stands on the payee's accounts. It ends by itself once nothing of it is left,
which `ekpay settle credits` and each approved payment find, and else by two persons, who withdraw it or write
the rest off. All of it is under the lock of settlement.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.ledger.settlement_postings import demand_written_off_entry
from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.finance import Adjustment, Connection
from ekpay_switch.security.identifiers import uuid7
from reconciliation.errors import SettlementError, UnknownPartyError
from reconciliation.settlement.current_state import SettlementWork, settlement_lock
from reconciliation.settlement.debts.payee_debts import (
    FollowedDemand,
    PayeeDebt,
    follow_figures,
    read_debts,
)
from reconciliation.settlement.journal_entries import entry_id
from reconciliation.settlement.positions.demand_figures import DemandEnd, DemandState
from reconciliation.settlement.positions.ledger_lines import accounts_of_debt, debt_parts
from reconciliation.settlement.store.demands import (
    Demand,
    DemandEnding,
    debits_now,
    lock_demand,
    write_approval,
    write_demand,
    write_ending,
    write_rejection,
)
from reconciliation.settlement.withdrawals import refuse_leavers


@dataclass(frozen=True, slots=True)
class DemandDecision:
    """Two persons of finance, already verified, end a demand for a reason."""

    number: int
    reason: str
    by: str
    approved_by: str


async def demand_debt(work: SettlementWork, party: str, asked_by: str) -> tuple[int, int]:
    """Ask that a payee be asked for all that it owes us; its number and amount. Nothing is posted.

    `party` is a role and a name, or a name that one debtor has. The person is verified by the caller.

    Raises:
        SettlementError: the party owes us nothing, or another demand of it waits or is open.
        UnknownPartyError: several debtors have that name.
    """
    connection, finance = work.connection, work.setting.finance
    async with settlement_lock(work):
        await settle_demands(work)
        debt = _debt_of(await read_debts(work), party)
        if debt.demand is not None:
            raise SettlementError(f"party: demand {debt.demand.demand.name} of {debt.party} is not over yet")
        terms = (debt.amount, work.setting.registry.demands.due_days, asked_by)
        with _refusals(asked_by):
            number = await write_demand(connection, uuid7(), debt.party, terms)
        facts = {"party": str(debt.party), "asked_by": asked_by}
        alarm = RaisedAlarm(Alarm.PAYOUT_WAITS, f"demand {number}", amount=debt.amount, facts=facts)
        await finance.alarms.raise_alarms(connection, [alarm])
        return number, debt.amount


async def approve_demand(work: SettlementWork, number: int, approved_by: str) -> Demand:
    """Approve a demand that another person has asked for: its days to pay begin, and its paper stands.

    The caller has verified the person.

    Raises:
        SettlementError: no such demand waits, the same person has asked for it, one of both has left, or the
            payee owes less by now.
    """
    connection, finance = work.connection, work.setting.finance
    async with settlement_lock(work):
        demand = await _waiting_demand(connection, number)
        if demand.asked_by == approved_by:
            raise SettlementError(f"by: {approved_by} has asked for {demand.name}: it takes another person")
        await refuse_leavers(finance, connection, demand.asked_by, approved_by)
        debt = next((debt for debt in await read_debts(work) if debt.party == demand.party), None)
        if debt is None or debt.amount < demand.amount:
            owed = format_taka(debt.amount if debt else 0)
            raise SettlementError(
                f"amount: {demand.party} owes {owed} taka by now: reject {demand.name} and demand it anew"
            )
        with _refusals(approved_by):
            await write_approval(connection, demand, approved_by, _content_of(work, demand, debt))
        await finance.alarms.end_alarms(connection, [demand.subject], f"approved by {approved_by}")
        return await existing_demand(connection, number)


async def reject_demand(work: SettlementWork, number: int, reason: str, rejected_by: str) -> Demand:
    """Reject a demand that waits, also one's own. The caller has verified the person.

    Raises:
        SettlementError: no such demand waits, or the person has left.
    """
    connection, finance = work.connection, work.setting.finance
    async with settlement_lock(work):
        demand = await _waiting_demand(connection, number)
        await refuse_leavers(finance, connection, rejected_by)
        with _refusals(rejected_by):
            await write_rejection(connection, demand, rejected_by, reason)
        await finance.alarms.end_alarms(connection, [demand.subject], f"rejected by {rejected_by}")
    return demand


async def withdraw_demand(work: SettlementWork, decision: DemandDecision) -> FollowedDemand:
    """Withdraw an open demand by two persons: the payee still owes what is left of it.

    Raises:
        SettlementError: no such demand is open, or one of both persons has left.
    """
    async with settlement_lock(work):
        followed = await _ending_demand(work, decision)
        ending = _ending(followed, DemandEnd.WITHDRAWN, decision)
        await _write_ending(work, followed, ending)
    return followed


async def write_off_demand(work: SettlementWork, decision: DemandDecision) -> FollowedDemand:
    """Write off by two persons what is left of an open demand: the payee does not owe it any more.

    Raises:
        SettlementError: no such demand is open, the payee owes less by now, or one of both persons has left.
    """
    connection, finance = work.connection, work.setting.finance
    await finance.books.open_accounts(["write_off"])
    async with settlement_lock(work):
        followed = await _ending_demand(work, decision)
        parts = await parts_of_debt(connection, followed.demand, followed.figures.rest)
        name = entry_id("demand_written_off", followed.demand.id)
        await finance.books.post(connection, [Adjustment.of(name, demand_written_off_entry(parts))])
        ending = _ending(followed, DemandEnd.WRITTEN_OFF, decision, name)
        await _write_ending(work, followed, ending)
    return followed


async def follow_demands(work: SettlementWork) -> None:
    """End demands of which nothing is left, and raise the alarms of those past their due date.

    In the caller's transaction, under the lock of settlement.
    """
    overdue = [item for item in await settle_demands(work) if item.state is DemandState.OVERDUE]
    raised = [
        RaisedAlarm(
            Alarm.DEMAND_OVERDUE,
            item.demand.subject,
            amount=item.figures.rest,
            facts={
                "party": str(item.demand.party),
                "due_on": str(item.demand.due_on),
                "reference": item.demand.reference,
            },
        )
        for item in overdue
    ]
    await work.setting.finance.alarms.raise_alarms(work.connection, raised)


async def settle_demands(work: SettlementWork) -> list[FollowedDemand]:
    """End the open demands of which nothing is left; those that are left, in the caller's transaction."""
    left = []
    for followed in await follow_figures(work.connection):
        if not followed.demand.is_open:
            continue
        if followed.figures.rest:
            left.append(followed)
        else:
            await _write_ending(work, followed, DemandEnding(DemandEnd.SETTLED, followed.figures.paid))
    return left


async def existing_demand(connection: Connection, number: int) -> Demand:
    """The demand of a number, locked.

    Raises:
        SettlementError: there is none.
    """
    demand = await lock_demand(connection, number)
    if demand is None:
        raise SettlementError(f"demand: there is no demand {number}: ekpay settle debts")
    return demand


async def open_demand(work: SettlementWork, number: int) -> FollowedDemand:
    """The open demand of a number, locked, with what became of it.

    Raises:
        SettlementError: there is none, or it is over or waits.
    """
    await existing_demand(work.connection, number)
    followed = next(item for item in await follow_figures(work.connection) if item.demand.number == number)
    if followed.state not in {DemandState.OPEN, DemandState.OVERDUE}:
        is_waiting = followed.state is DemandState.WAITS
        stands = "waits for a second person" if is_waiting else f"is {followed.state.value.replace('_', ' ')}"
        raise SettlementError(f"demand: {followed.demand.name} {stands}")
    return followed


async def parts_of_debt(connection: Connection, demand: Demand, amount: int) -> tuple[tuple[str, int], ...]:
    """The accounts of a demand's party with their parts of so many paisa.

    Raises:
        SettlementError: the party owes less by now.
    """
    debits = await debits_now(connection, accounts_of_debt(demand.party))
    owed = max(0, sum(debits.values()))
    if amount > owed:
        raise SettlementError(
            f"amount: {demand.party} owes {format_taka(owed)} taka now, which is less than "
            f"{format_taka(amount)}"
        )
    return debt_parts(demand.party, debits, amount)


def _debt_of(debts: Sequence[PayeeDebt], typed: str) -> PayeeDebt:
    fitting = [debt for debt in debts if typed in {str(debt.party), debt.party.name}]
    if len(fitting) > 1:
        raise UnknownPartyError(f"party: {' and '.join(str(debt.party) for debt in fitting)} owe us")
    if not fitting:
        raise SettlementError(f"party: {typed} owes us nothing by closed windows: ekpay settle debts")
    return fitting[0]


def _content_of(work: SettlementWork, demand: Demand, debt: PayeeDebt) -> Mapping[str, Any]:
    """What the paper of a demand says, whatever changes later."""
    debtor = work.setting.registry.debtor
    return {
        "name": debt.name,
        "amount": demand.amount,
        "owed_since": debt.since.isoformat(),
        "reference": demand.reference,
        "account": {
            "name": debtor.name,
            "bic": debtor.bic,
            "routing_number": debtor.routing_number,
            "account": debtor.account,
        },
        "is_rehearsal": work.setting.finance.is_rehearsal,
    }


async def _waiting_demand(connection: Connection, number: int) -> Demand:
    demand = await existing_demand(connection, number)
    if demand.approved_by or demand.rejected_by:
        word = "approved" if demand.approved_by else "rejected"
        raise SettlementError(
            f"demand: {demand.name} is {word} already, by {demand.approved_by or demand.rejected_by}"
        )
    return demand


async def _ending_demand(work: SettlementWork, decision: DemandDecision) -> FollowedDemand:
    if not decision.reason.strip():
        raise SettlementError("reason: a decision needs one")
    if decision.by == decision.approved_by:
        raise SettlementError("approved_by: it takes another person")
    followed = await open_demand(work, decision.number)
    await refuse_leavers(work.setting.finance, work.connection, decision.by, decision.approved_by)
    return followed


def _ending(
    followed: FollowedDemand, kind: DemandEnd, decision: DemandDecision, entry: UUID | None = None
) -> DemandEnding:
    persons = (decision.by, decision.approved_by)
    return DemandEnding(
        kind, followed.figures.paid, followed.figures.rest, persons, decision.reason.strip(), entry
    )


async def _write_ending(work: SettlementWork, followed: FollowedDemand, ending: DemandEnding) -> None:
    connection = work.connection
    with _refusals(" and ".join(filter(None, ending.persons))):
        await write_ending(connection, followed.demand, ending)
    await work.setting.finance.alarms.end_alarms(
        connection, [followed.demand.subject], f"the demand is {ending.kind.value.replace('_', ' ')}"
    )


@contextmanager
def _refusals(persons: str) -> Iterator[None]:
    """Put into words why the database does not take a step."""
    try:
        yield
    except asyncpg.CheckViolationError as problem:
        raise SettlementError(f"by: {persons} may not do this ({problem})") from problem

"""The order to pay of a value date before anybody gives it: who is paid, what is held back, and the cover.

Nothing is written. A preview shows this plan, and `settle_value_date` carries the same one out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from reconciliation.errors import SettlementError
from reconciliation.results.paid_payouts import settled_payouts
from reconciliation.results.table_values import Connection
from reconciliation.settlement.current_state import SettlementWork
from reconciliation.settlement.instructions.creditor_instructions import OutgoingInstructions, instructions_of
from reconciliation.settlement.instructions.instruction_steps import ids_owed_again
from reconciliation.settlement.instructions.value_date_record import SettledPosition, settle_positions
from reconciliation.settlement.positions.cycles import Cycle, Party, PartyRole
from reconciliation.settlement.positions.holdbacks import Holdback, holdbacks_of, rows_paid_by
from reconciliation.settlement.positions.ledger_lines import (
    account_paid_from,
    accounts_of,
    debt_of,
    owed_on_account,
)
from reconciliation.settlement.positions.net_positions import SettlementSheet
from reconciliation.settlement.positions.payout_credits import PayoutBatch
from reconciliation.settlement.positions.trust_cover import cover_of, overdue_of
from reconciliation.settlement.positions.withholding import WithheldTax
from reconciliation.settlement.store.account_changes import registry_in_force
from reconciliation.settlement.store.bank_outcomes import read_credits, read_steps
from reconciliation.settlement.store.contradictions import open_contradictions
from reconciliation.settlement.store.payment_facts import (
    AgreedCycle,
    ReceivedMoney,
    connector_cycles,
    filed_amounts,
    late_cycles,
    resting_amounts,
    unreceived_amounts,
)
from reconciliation.settlement.store.payout_limits import read_limits
from reconciliation.settlement.store.payout_records import OrderCover, PayeeHoldback, open_nights
from reconciliation.settlement.store.settlement_lines import closed_balances, read_held
from reconciliation.settlement.store.settlement_sheets import read_instructions
from reconciliation.settlement.store.withheld_taxes import month_sums
from reconciliation.unidentified.item_store import standing_debits

Balances = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """The instructions and the lines of the sheet, with what they rest on."""

    outgoing: OutgoingInstructions
    rows: tuple[SettledPosition, ...]
    balances: Balances
    holdbacks: tuple[PayeeHoldback, ...]
    cover: OrderCover


async def plan_order(
    work: SettlementWork,
    sheet: SettlementSheet,
    carried: Mapping[Party, int],
    bank_batches: Sequence[PayoutBatch],
    settled_until: date | None,
) -> PlannedOrder:
    """The order of a sheet; `carried` is what parties are owed from earlier value dates, in paisa.

    `settled_until` is the value date that was settled last, None where none was.
    """
    connection = work.connection
    balances = await work.setting.finance.books.balances(connection)
    owed_to = owed_to_parties(balances, await closed_balances(connection))
    by_rules = await _current_holdbacks(work, sheet.value_date, bank_batches)
    payees = {*carried, *(position.party for position in sheet.positions)}
    held_back = await _on_payout_dates(work, sheet.value_date, settled_until, payees, by_rules)
    registry = await registry_in_force(connection, work.setting.registry)
    outgoing = instructions_of(
        sheet,
        registry,
        carried,
        owed_to,
        await _stopped_parties(connection),
        held_back,
        tax_of=await _taxes_on(work, sheet.value_date, balances),
    )
    rows = settle_positions(sheet, outgoing, carried)
    holdbacks = tuple(
        PayeeHoldback(party, owed, row.instructed, held_back.get(party, Holdback()))
        for row in rows
        if (party := row.position.party).role is not PartyRole.OURS
        and (owed := row.carried_in - row.position.net) > 0
    )
    cover = await _order_cover(work, balances, holdbacks, bank_batches, sheet.value_date)
    return PlannedOrder(outgoing, rows, balances, holdbacks, cover)


def refuse_uncovered(cover: OrderCover, value_date: date) -> None:
    """Refuse an order that the cover or an open night speaks against, unless two persons override.

    Raises:
        SettlementError: it names the reserve, or the nights.
    """
    if cover.against and not cover.override:
        raise SettlementError(
            f"{value_date} is not paid: {'; '.join(cover.against)}; two persons may pay all the same: "
            "--override REASON"
        )


async def received_money(work: SettlementWork, bank_batches: Sequence[PayoutBatch]) -> ReceivedMoney:
    """What connectors have paid out: credits that are booked and that the newest statements still contain.

    A payout has come wholly where two persons say that other lines of our bank have paid the rest, or that
    the rest is our own cost.
    """
    missing = await _missing_by_payout(work.connection, bank_batches)
    cycles_by_payout: dict[tuple[str, date], list[Cycle]] = {}
    for cycle in await connector_cycles(work.connection):
        place = (cycle.party.name, work.setting.cycles.value_date(cycle))
        if place in missing:
            cycles_by_payout.setdefault(place, []).append(cycle)
    whole: list[Cycle] = []
    rows: set[str] = set()
    for place, cycles in cycles_by_payout.items():
        if missing[place] <= 0:
            whole += cycles
        else:
            rows |= rows_paid_by(await filed_amounts(work.connection, cycles), missing[place])
    return ReceivedMoney(tuple(whole), frozenset(rows))


async def _missing_by_payout(
    connection: Connection, bank_batches: Sequence[PayoutBatch]
) -> dict[tuple[str, date], int]:
    """What is missing of each payout of which something came, in paisa, by connector and payout date."""
    booked = {key: credit for key, (_, credit) in (await read_credits(connection)).items()}
    settled = await settled_payouts(connection)
    missing = {}
    for batch in bank_batches:
        credit = booked.get(batch.key)
        is_booked = credit is not None and 0 < credit.credited == batch.credited
        place = (batch.connector, batch.payout_date)
        if settled.is_whole(batch.bank, batch.key) and (is_booked or batch.credited is None):
            missing[place] = 0
        elif credit is not None and is_booked:
            missing[place] = -credit.difference
    return missing


async def later_cycles(work: SettlementWork, value_date: date) -> list[AgreedCycle]:
    """What is agreed of payees and settled after a value date, so that it is not owed on it."""
    return [
        item
        for item in await late_cycles(work.connection, value_date)
        if work.setting.cycles.value_date(item.cycle, item.night) > value_date
    ]


async def _resting_cycles(work: SettlementWork, value_date: date) -> list[AgreedCycle]:
    """What is agreed of payees and owed on a value date, and rests on it."""
    terms, cycles = work.setting.registry.payouts.terms, work.setting.cycles
    earlier = value_date - cycles.calendar.business_day_before(value_date, terms.longest_hold)
    resting = []
    for item in await late_cycles(work.connection, value_date, earlier) if earlier else ():
        owed_on = cycles.value_date(item.cycle, item.night)
        hold_days = terms.terms_for(item.cycle.party).hold_days
        if owed_on <= value_date < cycles.calendar.business_day_after(owed_on, hold_days):
            resting.append(item)
    return resting


async def _current_holdbacks(
    work: SettlementWork, value_date: date, bank_batches: Sequence[PayoutBatch]
) -> dict[Party, Holdback]:
    received, later = await received_money(work, bank_batches), await later_cycles(work, value_date)
    resting = await _resting_cycles(work, value_date)
    amounts = await unreceived_amounts(work.connection, received, later, resting)
    rules = work.setting.registry.payouts.by_place
    holdbacks = holdbacks_of(amounts, rules, await read_limits(work.connection))
    for payee, paisa in (await resting_amounts(work.connection, resting)).items():
        holdbacks[payee] = replace(holdbacks.get(payee, Holdback()), resting=paisa)
    return holdbacks


async def _on_payout_dates(
    work: SettlementWork,
    value_date: date,
    settled_until: date | None,
    payees: Iterable[Party],
    by_rules: Mapping[Party, Holdback],
) -> dict[Party, Holdback]:
    """The holdbacks with the minimum of each payee and its next payout date.

    A payee whose newest instruction did not arrive has had its payout date and does not wait for another.
    """
    terms, calendar = work.setting.registry.payouts.terms, work.setting.cycles.calendar
    unpaid = await _unpaid_payees(work.connection) if terms.rows else frozenset()
    holdbacks = dict(by_rules)
    for payee in payees:
        of_payee = terms.terms_for(payee)
        next_payout = None if payee in unpaid else of_payee.next_payout(value_date, settled_until, calendar)
        if of_payee.minimum or next_payout:
            before = holdbacks.get(payee, Holdback())
            holdbacks[payee] = replace(before, minimum=of_payee.minimum, next_payout=next_payout)
    return holdbacks


async def _unpaid_payees(connection: Connection) -> frozenset[Party]:
    """The payees whose newest instruction a bank has rejected or returned."""
    owed_again = ids_owed_again(await read_steps(connection), frozenset(), frozenset())
    newest = {}
    for issued in sorted(await read_instructions(connection), key=lambda item: item.instruction.value_date):
        newest[issued.instruction.creditor.creditor] = issued.instruction.end_to_end_id
    return frozenset(payee for payee, name in newest.items() if name in owed_again)


async def _order_cover(
    work: SettlementWork,
    balances: Balances,
    holdbacks: Sequence[PayeeHoldback],
    bank_batches: Sequence[PayoutBatch],
    value_date: date,
) -> OrderCover:
    held_lines = await read_held(work.connection)
    undecided = await undecided_batches(work.connection, bank_batches)
    late = overdue_of(undecided, held_lines, work.setting.cycles, work.run.night)
    trust_cover = cover_of(balances, (), late, await standing_debits(work.connection))
    newly_at_risk = sum(item.holdback.newly_at_risk(item.owed, item.instructed) for item in holdbacks)
    before = trust_cover.with_receivables
    return OrderCover(
        trust_cover.strict,
        before,
        before - newly_at_risk,
        work.setting.registry.cover.reserve,
        await open_nights(work.connection, value_date),
    )


async def undecided_batches(connection: Connection, bank_batches: Sequence[PayoutBatch]) -> list[PayoutBatch]:
    """The payouts without those of which two persons have decided what is missing: nothing more is due."""
    settled = await settled_payouts(connection)
    return [batch for batch in bank_batches if not settled.is_decided(batch.bank, batch.key)]


def owed_to_parties(now: Balances, closed: Balances) -> Callable[[Party], int]:
    """What our books owe a party now, and at most what they owe by closed windows, in paisa.

    What a party owes us beyond its debt limit is taken off.
    """

    def owed_to(party: Party) -> int:
        return min(_owed_amount(party, balances) for balances in (now, closed))

    return owed_to


def _owed_amount(party: Party, balances: Balances) -> int:
    owed_paisa = sum(owed_on_account(name, balances.get(name, 0)) for name in accounts_of(party))
    return owed_paisa - max(0, balances.get(debt_of(party), 0))


async def _taxes_on(
    work: SettlementWork, value_date: date, balances: Balances
) -> Callable[[Party, int], WithheldTax | None]:
    """What is withheld of so many paisa that a party is paid on a value date."""
    rules, earlier = work.setting.registry.payouts.taxes, await month_sums(work.connection, value_date)

    def tax_of(party: Party, gross: int) -> WithheldTax | None:
        return rules.tax_of(party, account_paid_from(party, balances), gross, value_date, earlier)

    return tax_of


async def _stopped_parties(connection: Connection) -> frozenset[Party]:
    """The parties that are paid nothing, since a bank contradicts itself about an instruction to them."""
    return frozenset(item.party for item in await open_contradictions(connection))

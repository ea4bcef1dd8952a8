"""Payouts of connectors that the statements of our bank lack, wholly or in part.

Settlement books what a statement credits under the key of a payout; what is missing stays owed by the
connector, and what is beyond it stands in the connector's suspense. So a break about a payout is about those
two accounts, and a line without a key, or the surplus of another payout, may pay what is missing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

from ekpay_switch.domain.money import Money
from ekpay_switch.ports.finance import Connection
from reconciliation.breaks.codes import BreakCode
from reconciliation.calendar import Calendar
from reconciliation.intake.participants import bank_of
from reconciliation.resolutions.break_lookup import newest_night
from reconciliation.resolutions.decision_records import Resolution, UnfitError
from reconciliation.resolutions.decision_store import resolutions_of
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.resolution_postings import MissingPayout
from reconciliation.results.break_results import read_breaks
from reconciliation.results.paid_payouts import PAID, paid_payouts
from reconciliation.results.records import BreakFilter, BreakRecord, BreakState
from reconciliation.results.table_values import from_json
from reconciliation.statement.layout import read_layouts

_DATE_LENGTH: Final = len("20260405")
_CODES: Final = (BreakCode.LEDGER_ONLY.value, BreakCode.AMOUNT.value)
_KEYS: Final = """
SELECT reference FROM reconciliation.breaks WHERE id = ANY ($1::uuid[]) AND code IN ('LEDGER_ONLY', 'AMOUNT')
"""


def payer_of(config: Path, bank: str, reference: str) -> str:
    """The connector whose payout a reference of a bank's statement is the key of; empty for any other."""
    code, day = reference[:-_DATE_LENGTH], reference[-_DATE_LENGTH:]
    layouts = read_layouts(config / "statements")
    if not day.isdecimal():
        return ""
    payers = (name for name, layout in layouts.items() if layout.code == code and layout.payout is not None)
    return next((name for name in payers if bank_of(name, layouts) == bank), "")


async def missing_payouts(
    connection: Connection, config: Path, calendar: Calendar, broken: BreakRecord
) -> Mapping[str, MissingPayout]:
    """What the bank of a break lacks of each payout with an open break, in paisa, by its key.

    Nothing is missing of what another line has paid, or of what a standing decision has booked otherwise.
    """
    bank, layout = broken.institution, read_layouts(config / "statements").get(broken.institution)
    if layout is None or layout.kind != "statement":
        return {}
    break_filter = BreakFilter(codes=_CODES, institutions=(bank,), states=(BreakState.OPEN,))
    missing: dict[str, MissingPayout] = {}
    for record in await read_breaks(connection, break_filter, await newest_night(connection), calendar):
        connector = payer_of(config, bank, record.reference)
        is_whole = record.code == BreakCode.LEDGER_ONLY
        amount = record.amount if is_whole else -record.difference
        decisions = await resolutions_of(connection, record.id)
        is_decided = any(decision.stands and decision.postings for decision in decisions)
        if connector and amount > 0 and not is_decided:
            missing[record.reference] = MissingPayout(
                record.reference, connector, amount, layout.charge if is_whole else 0
            )
    # Whatever pays a payout pays all that it lacks.
    paid = await paid_payouts(connection)
    return {key: payout for key, payout in missing.items() if key not in paid}


async def lines_that_paid(connection: Connection, payouts: Sequence[UUID]) -> frozenset[UUID]:
    """The breaks of the lines that standing decisions say have paid the payouts of these breaks."""
    keys = {row["reference"] for row in await connection.fetch(_KEYS, list(payouts))}
    rows = await connection.fetch(PAID) if keys else ()
    return frozenset(UUID(str(row["break_id"])) for row in rows if keys & set(from_json(row["payouts"])))


async def refuse_paid_payout(connection: Connection, broken: BreakRecord) -> None:
    """Refuse to book a payout's break that another line has paid.

    Raises:
        UnfitError: a standing decision says so; the message names the payout.
    """
    if broken.code in _CODES and broken.reference in await paid_payouts(connection):
        raise UnfitError(f"{broken.reference} was paid by another line: only what moves no money fits it")


def payouts_of(
    action: ResolutionAction, missing: Mapping[str, MissingPayout], keys: Sequence[str]
) -> tuple[MissingPayout, ...]:
    """The payouts of these keys, which an action says that a line has paid.

    Raises:
        UnfitError: no key, one twice, one of which nothing is missing, or another action.
    """
    if action is not ResolutionAction.PAYS_PAYOUTS:
        if keys:
            raise UnfitError(f"payout: {action.value} pays none")
        return ()
    if not keys or len(set(keys)) < len(keys):
        raise UnfitError("payout: name each missing payout that it pays once")
    for key in keys:
        if key not in missing:
            known = ", ".join(f"{name} {Money(payout.amount)}" for name, payout in sorted(missing.items()))
            raise UnfitError(f"payout: nothing is missing of {key}; what is: {known or 'nothing'}")
    return tuple(missing[key] for key in keys)


def refuse_changed_payouts(resolution: Resolution, missing: Mapping[str, MissingPayout]) -> None:
    """Refuse to approve that a line pays payouts of which something else is missing by now.

    Raises:
        UnfitError: nothing, or another amount, is missing.
    """
    payouts = payouts_of(resolution.action, missing, tuple(resolution.payouts))
    if {payout.key: payout.amount for payout in payouts} != dict(resolution.payouts):
        raise UnfitError("payout: another amount is missing by now; reject this, and propose it again")


def can_be_paid(missing: Mapping[str, MissingPayout], amount: int) -> bool:
    """Whether some of the missing payouts come to an amount in paisa."""
    sums = {0}
    for payout in missing.values():
        sums |= {paid + payout.amount for paid in sums if paid + payout.amount <= amount}
    return amount > 0 and amount in sums

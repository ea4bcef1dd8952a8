"""Breaks about a transfer that two persons have booked: a decision about a break would move our bank twice.

A top-up, a transfer to a utility and a refund by hand have moved `settlement_bank` when they were booked, and
are corrected where they were booked (docs/adr/0071). A break that says otherwise than the bank moves nothing.
"""

from typing import Final

from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.resolutions.decision_records import UnfitError
from reconciliation.resolutions.stale_breaks import movements_of_break, refuse_stale
from reconciliation.results.records import BreakRecord
from reconciliation.statement.layout import read_layouts

# What the break was found with, and what was booked under its reference since.
_BOOKED: Final = """
SELECT 'top-up ' || id FROM public.top_ups WHERE id = ANY ($1::uuid[])
  OR (reference = $2 AND approved_by IS NOT NULL AND reversed_at IS NULL)
UNION ALL SELECT 'deposit ' || id FROM public.deposit_transfers WHERE id = ANY ($1::uuid[])
  OR (reference = $2 AND approved_by IS NOT NULL AND reversed_at IS NULL)
UNION ALL SELECT 'refund ' || id FROM public.refunds
  WHERE bank_reference = $2 AND confirmed_by IS NOT NULL
"""


class BookedTransferError(UnfitError):
    """The break is about a transfer that is booked already, and corrected where it was booked."""


async def booked_transfer_of(connection: Connection, finance: Finance, broken: BreakRecord) -> str:
    """The booked transfer that a break of our own bank's statement is about, in words; empty without one."""
    layout = read_layouts(finance.config / "statements").get(broken.institution)
    if layout is None or layout.kind != "statement":
        return ""
    words = await connection.fetchval(_BOOKED, movements_of_break(broken), broken.reference)
    return words or ""


async def refuse_booked(connection: Connection, finance: Finance, broken: BreakRecord) -> None:
    """Refuse a decision that moves money on a break whose money is booked otherwise; locks its movements.

    Raises:
        BookedTransferError: it is about a booked transfer; the message names it.
        StaleBreakError: the switch has booked something about it since the night froze its lines.
    """
    words = await booked_transfer_of(connection, finance, broken)
    if words:
        raise BookedTransferError(
            f"{words} is booked: reverse it where it was booked, and the next night ends this break; here "
            "only what moves no money fits"
        )
    await refuse_stale(connection, finance, broken)

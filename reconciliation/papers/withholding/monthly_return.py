"""The return of withheld tax of a month: by section and rate, equal to the account to the paisa.

opening + withheld - restored - swept = closing      of `withheld_tax_payable`, in whole paisa
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ekpay_switch.domain.ledger.settlement_postings import WITHHELD_TAX
from ekpay_switch.ports.finance import Connection
from reconciliation.errors import ReportError
from reconciliation.papers.trial_balance import TrialBalance
from reconciliation.reports.wording import BilingualText

_JULY: Final = 7
# By the business dates of the entries, like the account; the form also wants the income year so far.
_LINES: Final = """
SELECT w.section, w.basis_points,
  count(DISTINCT (i.role, i.party)) FILTER (WHERE j.business_date >= $1) AS payees,
  coalesce(sum(w.gross) FILTER (WHERE j.business_date >= $1 AND w.tax > 0), 0)::bigint AS gross,
  coalesce(sum(w.tax) FILTER (WHERE j.business_date >= $1 AND w.tax > 0), 0)::bigint AS withheld,
  coalesce(-sum(w.gross) FILTER (WHERE j.business_date >= $1 AND w.tax < 0), 0)::bigint AS restored_gross,
  coalesce(-sum(w.tax) FILTER (WHERE j.business_date >= $1 AND w.tax < 0), 0)::bigint AS restored,
  sum(w.tax)::bigint AS since_july
FROM reconciliation.withheld_taxes AS w
JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
JOIN public.journal_entries AS j ON j.id = w.entry_id
WHERE j.business_date BETWEEN $3 AND $2 GROUP BY w.section, w.basis_points ORDER BY w.section, w.basis_points
"""
_SWEPT: Final = """
SELECT coalesce(sum(p.amount), 0)::bigint FROM public.postings AS p
JOIN public.journal_entries AS j ON j.id = p.entry_id
WHERE p.account = 'withheld_tax_payable' AND j.business_date BETWEEN $1 AND $2
  AND starts_with(j.moment, 'sweep_')
"""
UNKNOWN_TO_US: Final = (
    BilingualText("TIN, circle and zone of the withholding person", "কর্তনকারীর টিআইএন, সার্কেল ও কর অঞ্চল"),
    BilingualText("numbers and dates of treasury challans", "ট্রেজারি চালানের নম্বর ও তারিখ"),
    BilingualText("tax withheld outside of payouts, such as from salaries", "বেতনসহ অন্য উৎসে কর্তিত কর"),
)


@dataclass(frozen=True, slots=True)
class SectionLine:
    """The payouts of a section and rate: what they came to, and their tax, in paisa.

    `payees` had something withheld or restored; `since_july` is the tax of the income year so far.
    """

    section: str
    basis_points: int
    payees: int
    gross: int
    withheld: int
    restored_gross: int
    restored: int
    since_july: int

    @property
    def tax(self) -> int:
        """What is left of the tax of the month."""
        return self.withheld - self.restored


@dataclass(frozen=True, slots=True)
class WithholdingReturn:
    """Every line of a month, and what left the account by sweeps, less those that were cancelled.

    Raises:
        ReportError: they are not what the account moved by.
    """

    trial_balance: TrialBalance
    lines: Sequence[SectionLine]
    swept: int

    def __post_init__(self) -> None:
        if self.opening + self.withheld_tax - self.restored_tax - self.swept != self.closing:
            raise ReportError(
                f"{WITHHELD_TAX} opens with {self.opening} and closes with {self.closing} paisa; withheld"
                f" {self.withheld_tax}, restored {self.restored_tax} and swept {self.swept} do not say so:"
                " run ekpay audit"
            )

    @property
    def opening(self) -> int:
        """What we owed the state before the month."""
        return -sum(line.opening for line in self.trial_balance.of_accounts([WITHHELD_TAX]))

    @property
    def withheld_tax(self) -> int:
        """All tax that was withheld."""
        return sum(line.withheld for line in self.lines)

    @property
    def restored_tax(self) -> int:
        """All tax that went back to payees whose payouts did not arrive."""
        return sum(line.restored for line in self.lines)

    @property
    def closing(self) -> int:
        """What we owe the state after it."""
        return -sum(line.closing for line in self.trial_balance.of_accounts([WITHHELD_TAX]))


async def read_withholding_return(connection: Connection, trial_balance: TrialBalance) -> WithholdingReturn:
    """The return of the trial balance's month, in its snapshot.

    Raises:
        ReportError: the account moved by something else.
    """
    period = trial_balance.period
    rows = await connection.fetch(_LINES, period.first, period.last, income_year_begin(period.first))
    lines = [SectionLine(**row) for row in rows]
    swept: int = await connection.fetchval(_SWEPT, period.first, period.last)
    return WithholdingReturn(trial_balance, lines, swept)


def income_year_begin(day: date) -> date:
    """The first of July on or before a day."""
    return date(day.year if day.month >= _JULY else day.year - 1, _JULY, 1)

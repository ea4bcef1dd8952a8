"""Charges, fees and VAT of a period by the partner or merchant whose payments earned them.

The three sums are those of the accounts `charge_income`, `fee_income` and `vat_payable` in the trial balance
of the same snapshot, to the paisa. Amounts are whole paisa, positive where we earn or owe more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ekpay_switch.ports.finance import Connection
from reconciliation.errors import ReportError
from reconciliation.papers.trial_balance import TrialBalance

ACCOUNTS = ("charge_income", "fee_income", "vat_payable")
_EARNED = """
SELECT coalesce(p.partner_id, '') AS party,
  CASE WHEN e.payment_id IS NULL THEN e.moment ELSE '' END AS moment,
  count(DISTINCT e.payment_id) AS payments,
  coalesce(-sum(o.amount) FILTER (WHERE o.account = 'charge_income'), 0)::bigint AS charges,
  coalesce(-sum(o.amount) FILTER (WHERE o.account = 'fee_income'), 0)::bigint AS fees,
  coalesce(-sum(o.amount) FILTER (WHERE o.account = 'vat_payable'), 0)::bigint AS vat
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id AND o.account = ANY($3)
LEFT JOIN payments AS p ON p.id = e.payment_id
WHERE e.business_date BETWEEN $1 AND $2 GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class EarnedLine:
    """What payments of one party earned, or entries of no payment moved, by their `moment`; in paisa."""

    party: str
    moment: str
    payments: int
    charges: int
    fees: int
    vat: int


@dataclass(frozen=True, slots=True)
class VatReport:
    """Every line of a period, and what VAT we owed before and after it.

    Raises:
        ReportError: a sum is not that of its account.
    """

    trial_balance: TrialBalance
    lines: Sequence[EarnedLine]

    def __post_init__(self) -> None:
        sums = (self.charges, self.fees, self.vat)
        for account, found in zip(ACCOUNTS, sums, strict=True):
            booked = sum(line.credit - line.debit for line in self.trial_balance.of_accounts([account]))
            if found != booked:
                raise ReportError(f"{account} moved by {booked} paisa, its lines by {found}: run ekpay audit")

    @property
    def charges(self) -> int:
        """All charges."""
        return sum(line.charges for line in self.lines)

    @property
    def fees(self) -> int:
        """All fees."""
        return sum(line.fees for line in self.lines)

    @property
    def vat(self) -> int:
        """By how much the VAT that we owe has changed."""
        return sum(line.vat for line in self.lines)

    @property
    def vat_before(self) -> int:
        """The VAT that we owed before the period."""
        return -sum(line.opening for line in self.trial_balance.of_accounts(["vat_payable"]))

    @property
    def vat_after(self) -> int:
        """The VAT that we owe after it."""
        return -sum(line.closing for line in self.trial_balance.of_accounts(["vat_payable"]))


async def read_vat_report(connection: Connection, trial_balance: TrialBalance) -> VatReport:
    """The report of the trial balance's period, in its snapshot.

    Raises:
        ReportError: a sum is not that of its account.
    """
    period = trial_balance.period
    rows = await connection.fetch(_EARNED, period.first, period.last, list(ACCOUNTS))
    return VatReport(trial_balance, [EarnedLine(**row) for row in rows])

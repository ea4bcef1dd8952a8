"""What payments of a month earned us, by party, payee and rate of VAT, and what of it was given back.

What the delivery of a payment earned is invoiced. What refunds gave back in the month, less what of them
has failed, is a credit note, or invoiced again where more failed than went back.

Amounts are whole paisa. The parts of each party are what `VatReport` has of it, whose sums are those of the
accounts `charge_income`, `fee_income` and `vat_payable` in the trial balance of the same snapshot.

The ledger keeps no rate. It is the only one of config/fees.toml by which the VAT of the payment follows from
its fee, as the fee table has priced it; None where none does, or several.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.ports.finance import Connection
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError, ReportError
from reconciliation.papers.vat_report import ACCOUNTS, VatReport
from reconciliation.results.issued_invoices import DocumentKind

FEES_FILE: Final = "fees.toml"
# A payment's own fee and VAT tell the rate, also of an entry that gives back a part of them.
_PARTS: Final = """
WITH moved AS (
  SELECT e.payment_id, e.moment IN ('delivered', 'debited_after_late_success') AS is_earned,
    coalesce(-sum(o.amount) FILTER (WHERE o.account = 'charge_income'), 0)::bigint AS charges,
    coalesce(-sum(o.amount) FILTER (WHERE o.account = 'fee_income'), 0)::bigint AS fees,
    coalesce(-sum(o.amount) FILTER (WHERE o.account = 'vat_payable'), 0)::bigint AS vat
  FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id AND o.account = ANY($3)
  WHERE e.business_date BETWEEN $1 AND $2 GROUP BY 1, 2),
priced AS (
  SELECT m.*, p.partner_id AS party, p.biller_id AS payee,
    CASE WHEN m.is_earned OR m.charges + m.fees + m.vat > 0 THEN 'invoice' ELSE 'credit_note' END AS kind,
    CASE WHEN m.is_earned OR m.charges + m.fees + m.vat > 0 THEN 1 ELSE -1 END AS sign,
    (SELECT CASE WHEN count(*) = 1 THEN max(r) END FROM unnest($4::bigint[]) AS r
     WHERE p.vat IN ((p.fee * r * 2 + 10000) / 20000,
       ((p.fee + p.vat) * r * 2 + 10000 + r) / (2 * (10000 + r)))) AS rate
  FROM moved AS m JOIN payments AS p ON p.id = m.payment_id
  WHERE (m.charges, m.fees, m.vat) <> (0, 0, 0))
SELECT party, kind, payee, rate, CASE WHEN NOT is_earned THEN (
    SELECT date_trunc('month', min(f.business_date))::date FROM journal_entries AS f
    WHERE f.payment_id = q.payment_id AND f.moment IN ('delivered', 'debited_after_late_success'))
  END AS earned_in,
  count(DISTINCT payment_id) AS payments, sum(sign * charges)::bigint AS charges,
  sum(sign * fees)::bigint AS fees, sum(sign * vat)::bigint AS vat
FROM priced AS q GROUP BY 1, 2, 3, 4, 5
ORDER BY party COLLATE "C", kind DESC, payee COLLATE "C", rate, earned_in
"""


@dataclass(frozen=True, slots=True)
class EarnedPart:
    """A line of an invoice or credit note: payments of one payee (a biller or a merchant) at one rate.

    Amounts are what was earned or, on a credit note, given back; together not below zero. `rate` is in
    hundredths of a per cent; `earned_in` is the first day of the month in which it was first earned, None
    where that is this month's delivery itself.
    """

    party: str
    kind: DocumentKind
    payee: str
    rate: int | None
    earned_in: date | None
    payments: int
    charges: int
    fees: int
    vat: int

    @property
    def sums(self) -> tuple[int, int, int]:
        """Charges, fees and VAT."""
        return self.charges, self.fees, self.vat


@dataclass(frozen=True, slots=True)
class MonthEarnings:
    """Every part of a month beside the VAT report of its snapshot, which proves their sums.

    Raises:
        ReportError: the parts of a party are not what the report has of it.
    """

    vat_report: VatReport
    parts: Sequence[EarnedPart]

    def __post_init__(self) -> None:
        found: dict[str, tuple[int, int, int]] = {}
        for party in {part.party for part in self.parts}:
            earned = sums_of(self.of(DocumentKind.INVOICE, party))
            returned = sums_of(self.of(DocumentKind.CREDIT_NOTE, party))
            found[party] = (earned[0] - returned[0], earned[1] - returned[1], earned[2] - returned[2])
        lines = {line.party: line for line in self.vat_report.lines if not line.moment}
        for party in sorted({*found, *lines}):
            line = lines.get(party)
            booked = (line.charges, line.fees, line.vat) if line else (0, 0, 0)
            if found.get(party, (0, 0, 0)) != booked:
                raise ReportError(
                    f"payments of {party or 'nobody'} moved charges, fees and VAT by {list(booked)} paisa, of"
                    f" which {list(found.get(party, ()))} can be invoiced: run ekpay audit"
                )

    def of(self, kind: DocumentKind, party: str | None = None) -> list[EarnedPart]:
        """The parts of a kind, of one party or of all."""
        return [part for part in self.parts if part.kind is kind and party in {None, part.party}]


def sums_of(parts: Collection[EarnedPart]) -> tuple[int, int, int]:
    """Charges, fees and VAT of parts of one kind."""
    return (
        sum(part.charges for part in parts), sum(part.fees for part in parts), sum(part.vat for part in parts)
    )  # fmt: skip


def configured_rates(config: Path) -> list[int]:
    """The rates of VAT of the fee table, in hundredths of a per cent.

    Raises:
        ConfigurationError: the table is not there or not valid.
    """
    try:
        table = read_fee_table(config / FEES_FILE)
    except (OSError, ValueError) as problem:
        raise ConfigurationError(f"{FEES_FILE}: {fault_wording(problem)}") from problem
    return sorted({row.vat_basis_points for row in table.rows})


async def read_month_earnings(
    connection: Connection, vat_report: VatReport, rates: Sequence[int]
) -> MonthEarnings:
    """What payments of the report's period earned, in its snapshot; `rates` in hundredths of a per cent.

    Raises:
        ReportError: the parts of a party are not what the report has of it.
    """
    period = vat_report.trial_balance.period
    rows = await connection.fetch(_PARTS, period.first, period.last, list(ACCOUNTS), list(rates))
    parts = [EarnedPart(**dict(row) | {"kind": DocumentKind(row["kind"])}) for row in rows]
    return MonthEarnings(vat_report, parts)

"""The certificates of withheld tax of a month: as they were issued, or as they would be.

Issued once, they never change. They are compared with the ledger of their month at every reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.errors import ReportError
from reconciliation.papers.period import Period
from reconciliation.papers.tax.issuer import InvoiceSettings, read_invoice_settings
from reconciliation.papers.tax.issuing import issuing_transaction, refuse_issuing, refuse_placeholder
from reconciliation.papers.trial_balance import read_trial_balance
from reconciliation.papers.withholding.monthly_return import WithholdingReturn, read_withholding_return
from reconciliation.results.issued_certificates import (
    IssuedCertificate,
    read_certificates,
    write_certificates,
)
from reconciliation.settlement.instructions.account_registry import read_registry
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.sweep_sources import SweptMoney
from reconciliation.settlement.positions.withdrawal_progress import WithdrawalState
from reconciliation.settlement.positions.withholding import Taxpayer
from reconciliation.settlement.withdrawals import list_withdrawals

_LINES: Final = """
SELECT i.role, i.party, i.name, i.value_date, w.end_to_end_id, w.section, w.basis_points, w.gross, w.tax
FROM reconciliation.withheld_taxes AS w
JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
JOIN public.journal_entries AS j ON j.id = w.entry_id
WHERE j.business_date BETWEEN $1 AND $2 ORDER BY i.role, i.party, w.id
"""
_NAMES: Final = """
SELECT 'payee:' || partner_id || ':' || code AS payee, name, '' AS name_bn FROM public.merchant_payees
UNION ALL
SELECT 'merchant:' || m.partner_id, p.name, coalesce(m.name_bn, '')
FROM public.merchants AS m JOIN public.partners AS p ON p.id = m.partner_id
UNION ALL
SELECT DISTINCT 'agent:' || c.partner_id, p.name, ''
FROM public.agent_commissions AS c JOIN public.partners AS p ON p.id = c.partner_id
"""


@dataclass(frozen=True, slots=True)
class MonthCertificates:
    """All certificates of a month with its return; `is_issued` is false where they would be issued now.

    `booked` is what each payee was paid and taxed by the ledger, gross and tax in paisa.

    Raises:
        ReportError: a payee's certificate says something else.
    """

    monthly_return: WithholdingReturn
    booked: Mapping[str, tuple[int, int]]
    certificates: Sequence[IssuedCertificate]
    is_issued: bool

    def __post_init__(self) -> None:
        certified = {item.payee: (item.gross, item.tax) for item in self.certificates}
        for payee in sorted({*certified, *self.booked}):
            on_paper, booked = certified.get(payee, (0, 0)), self.booked.get(payee, (0, 0))
            if on_paper != booked:
                raise ReportError(
                    f"{self.period.first:%Y-%m} certifies {format_taka(on_paper[1])} taka to {payee}, the"
                    f" ledger {format_taka(booked[1])}: an issued certificate never changes; run ekpay audit"
                )

    @property
    def period(self) -> Period:
        """The month."""
        return self.monthly_return.trial_balance.period


async def read_month_certificates(
    connection: Connection, config: Path, period: Period, *, is_rehearsal: bool
) -> MonthCertificates:
    """The certificates of a month in the caller's snapshot, compared with its ledger.

    Raises:
        ConfigurationError: config/invoices.toml or config/settlement.toml is not valid.
        ReportError: the ledger and what was issued do not agree.
    """
    settings = read_invoice_settings(config)
    monthly = await read_withholding_return(connection, await read_trial_balance(connection, period))
    rows = await _rows_by_payee(connection, period)
    booked = {str(payee): _sums(of_payee) for payee, of_payee in rows.items()}
    standing = await read_certificates(connection, period.first)
    if standing:
        return MonthCertificates(monthly, booked, standing, is_issued=True)
    taxpayers = read_registry(config / "settlement.toml").payouts.taxes.taxpayers
    names = {row["payee"]: row for row in await connection.fetch(_NAMES)}
    sweeps = await _paid_sweeps(connection, period)
    planned: list[IssuedCertificate] = []
    for payee, of_payee in rows.items():
        if not any(_sums(of_payee)):
            continue
        content = {
            "issuer": _issuer(settings, is_rehearsal=is_rehearsal),
            "payee": _payee(of_payee[-1]["name"], names.get(str(payee)), taxpayers.get(payee)),
            "lines": [_line(row) for row in of_payee],
            "sweeps": sweeps,
        }
        place = (period.first, len(planned) + 1, payee.role.value, payee.name)
        planned.append(IssuedCertificate(*place, *_sums(of_payee), content, issued_by=""))
    return MonthCertificates(monthly, booked, planned, is_issued=False)


async def issue_certificates(finance: Finance, period: Period, *, issued_by: str) -> MonthCertificates:
    """Issue the certificates of a month, once; the caller has verified the person. A repeat changes nothing.

    Raises:
        ConfigurationError: a file is not valid, or the issuer is made up and the money is real.
        ReportError: a business date of the month is not closed, the ledger and what was issued do not agree,
            or somebody else issues at this moment.
        UnfitError: the person may decide nothing any more.
    """
    refuse_placeholder(read_invoice_settings(finance.config), finance)
    async with issuing_transaction(finance) as connection:
        month = await _certificates(connection, finance, period)
        if month.is_issued or not month.certificates:
            return month
        await refuse_issuing(connection, finance, month.monthly_return.trial_balance, issued_by)
        await write_certificates(
            connection, [replace(item, issued_by=issued_by) for item in month.certificates]
        )
        return await _certificates(connection, finance, period)


async def _certificates(connection: Connection, finance: Finance, period: Period) -> MonthCertificates:
    return await read_month_certificates(
        connection, finance.config, period, is_rehearsal=finance.is_rehearsal
    )


def _issuer(settings: InvoiceSettings, *, is_rehearsal: bool) -> dict[str, Any]:
    return {
        **settings.issuer.model_dump(),
        "is_placeholder": settings.is_placeholder,
        "is_rehearsal": is_rehearsal,
    }


async def _rows_by_payee(connection: Connection, period: Period) -> dict[Party, list[Mapping[str, Any]]]:
    """What was withheld and restored of each payee, by role and name."""
    rows: dict[Party, list[Mapping[str, Any]]] = {}
    for row in await connection.fetch(_LINES, period.first, period.last):
        rows.setdefault(Party(PartyRole(row["role"]), row["party"]), []).append(row)
    return rows


def _sums(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Gross and tax."""
    return sum(row["gross"] for row in rows), sum(row["tax"] for row in rows)


def _payee(account_name: str, known: Mapping[str, Any] | None, taxpayer: Taxpayer | None) -> dict[str, str]:
    """Name and TIN as they are known: a biller by the name of its account, no TIN where there is none."""
    return {
        "name": (known["name"] if known else account_name).strip(),
        "name_bn": known["name_bn"].strip() if known else "",
        "tin": taxpayer.tin if taxpayer else "",
    }


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "value_date": row["value_date"].isoformat(),
        "end_to_end_id": row["end_to_end_id"],
        "section": row["section"],
        "basis_points": row["basis_points"],
        "gross": row["gross"],
        "tax": row["tax"],
    }


async def _paid_sweeps(connection: Connection, period: Period) -> list[dict[str, Any]]:
    """The sweeps that have paid the month's tax by a statement: those within it, and the first to its end."""
    paid = [
        item
        for item, progress in await list_withdrawals(connection)
        if item.bucket == SweptMoney.WITHHELD_TAX and progress.state is WithdrawalState.PAID
    ]
    dated = [(item.until, item) for item in paid if item.until and item.until >= period.first]
    found = []
    for until, item in sorted(dated, key=lambda pair: (pair[0], pair[1].number)):
        found.append({"number": item.number, "reference": item.reference, "until": until.isoformat()})
        if until >= period.last:
            break
    return found

"""Our deposits at prefunded utilities, from the ledger and the table of withdrawals.

Postings on accounts of deposits have an index of their own, so the other ones are not read.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from ekpay_switch.domain.ledger.posting_rules import deposit_account
from ekpay_switch.domain.ledger.settlement_postings import NOT_VENDED, in_transit_account
from reconciliation.results.table_values import Connection
from reconciliation.settlement.positions.deposit_terms import (
    DEPOSIT,
    USUAL_ALARM_DAYS,
    USUAL_TERMS,
    DepositStanding,
    DepositTerms,
    largest_day,
)

_BILLERS: Final = """
SELECT DISTINCT split_part(code, ':', 2) AS biller FROM public.accounts
WHERE starts_with(code, 'biller_deposit:')
"""
_BALANCES: Final = """
SELECT account, sum(amount)::bigint AS paisa FROM public.postings WHERE account LIKE 'biller_deposit:%'
GROUP BY account
"""
_VENDS: Final = """
SELECT p.account, j.business_date, -sum(p.amount)::bigint AS paisa
FROM public.postings AS p JOIN public.journal_entries AS j ON j.id = p.entry_id
WHERE p.account LIKE 'biller_deposit:%' AND j.business_date > $1 AND j.moment <> ALL($2)
GROUP BY p.account, j.business_date
"""
_WAITING: Final = """
SELECT partner, number FROM reconciliation.withdrawals
WHERE bucket = $1 AND approved_by IS NULL AND rejected_by IS NULL
"""


async def read_standings(
    connection: Connection,
    terms: Mapping[str, DepositTerms],
    alarm_days: Mapping[str, Decimal],
    night: date,
) -> Sequence[DepositStanding]:
    """Every deposit in our books or in `terms`, by biller; `night` is the newest one that was reconciled.

    `alarm_days` are for how many days each should last at least.
    """
    known = {row["biller"] for row in await connection.fetch(_BILLERS)}
    balances = {row["account"]: row["paisa"] for row in await connection.fetch(_BALANCES)}
    waiting = {row["partner"]: row["number"] for row in await connection.fetch(_WAITING, DEPOSIT)}
    longest = max((each.look_back_days for each in terms.values()), default=0)
    first = night - timedelta(days=max(longest, USUAL_TERMS.look_back_days))
    vends: dict[str, dict[date, int]] = {}
    for account, day, paisa in await connection.fetch(_VENDS, first, sorted(NOT_VENDED)):
        vends.setdefault(account, {})[day] = paisa
    standings = []
    for biller in sorted(known | terms.keys()):
        account, of_biller = deposit_account(biller), terms.get(biller, USUAL_TERMS)
        standing = DepositStanding(
            biller,
            balances.get(account, 0),
            balances.get(in_transit_account(biller), 0),
            largest_day(vends.get(account, {}), night, of_biller.look_back_days),
            waiting.get(biller),
            of_biller,
            alarm_days.get(biller, USUAL_ALARM_DAYS),
        )
        standings.append(standing)
    return standings

"""Closing a month: what stands against it, and the figures that two persons freeze when nothing does.

Everything in the lists has a door of its own; nothing is closed over it.
"""

from datetime import datetime, time, timedelta

import asyncpg

from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.errors import ReportError
from reconciliation.papers.period import Period
from reconciliation.papers.trial_balance import TrialBalance, read_trial_balance
from reconciliation.resolutions.closed_months import (
    ClosedMonth,
    account_key,
    closed_month,
    write_closed_month,
)
from reconciliation.resolutions.deciding_persons import refuse_removed
from reconciliation.resolutions.decision_records import OnePersonError, UnfitError
from reconciliation.results.event_chain import CHAIN_LOCK
from reconciliation.results.runs import latest_run

_PATIENCE = "SET LOCAL statement_timeout = '30min'; SET LOCAL idle_in_transaction_session_timeout = '30min'"
# Each lists what stands against closing, in words. By the first and the last date of the month:
_OF_DAYS = (
    """
SELECT 'settlement window of ' || d::date || CASE WHEN w.is_open THEN ' is open' ELSE ' was never closed' END
FROM generate_series($1::date, $2::date, interval '1 day') AS d LEFT JOIN (
  SELECT business_date, bool_or(state = 'open') AS is_open
  FROM public.settlement_windows GROUP BY business_date) AS w ON w.business_date = d
WHERE w.is_open IS NOT FALSE ORDER BY d
""",
    """
SELECT 'night of ' || d::date || CASE WHEN EXISTS (SELECT FROM reconciliation.runs AS r WHERE r.night = d)
  THEN ' is not closed: ekpay reconcile close' ELSE ' was not reconciled: ekpay reconcile run' END
FROM generate_series($1::date, $2::date, interval '1 day') AS d
WHERE NOT EXISTS (SELECT FROM reconciliation.closed_days AS c WHERE c.night = d) ORDER BY d
""",
)
# By the last date alone:
_UNTIL_DATE = (
    """
SELECT count(*) || ' breaks ' || b.code || ' are ' || s.state || ', exposure ' || sum(b.exposure) || ' paisa'
FROM reconciliation.breaks AS b
CROSS JOIN LATERAL (SELECT e.state FROM reconciliation.break_events AS e WHERE e.break_id = b.id
  ORDER BY e.seq DESC LIMIT 1) AS s
WHERE s.state IN ('open', 'proposed') AND b.first_seen <= $1 GROUP BY b.code, s.state ORDER BY b.code, s.state
""",
    """
SELECT count(*) || ' payments are ' || state || ': ekpay payments list --state ' || state FROM public.payments
WHERE state NOT IN ('completed', 'declined', 'expired', 'refunded') AND business_date <= $1
GROUP BY state ORDER BY state
""",
)
# By the instant at which the month ends:
_BEFORE = (
    """
SELECT count(*) || ' alarms ' || kind || ' of finance are open: ekpay alarms list' FROM public.alarms
WHERE ended_at IS NULL AND owner = 'finance' AND raised_at < $1 GROUP BY kind ORDER BY kind
""",
    """
SELECT p.count || ' ' || p.what || ' wait for a second person' FROM (
  SELECT 'top-ups' AS what, count(*) FROM public.top_ups
  WHERE num_nonnulls(approved_by, rejected_by) = 0 AND asked_at < $1
  UNION ALL SELECT 'deposits at utilities', count(*) FROM public.deposit_transfers
  WHERE num_nonnulls(approved_by, rejected_by) = 0 AND asked_at < $1
  UNION ALL SELECT 'reversals of transfers', count(*) FROM public.transfer_reversals
  WHERE num_nonnulls(approved_by, rejected_by) = 0 AND asked_at < $1
  UNION ALL SELECT 'decisions', count(*) FROM public.decisions
  WHERE num_nonnulls(approved_at, rejected_at, lapsed_at) = 0 AND proposed_at < $1
  UNION ALL SELECT 'refunds', count(*) FROM public.refunds WHERE state = 'asked' AND created_at < $1) AS p
WHERE p.count > 0 ORDER BY p.what
""",
)


async def month_blockers(connection: Connection, period: Period) -> list[str]:
    """Everything that stands against closing a month, in words; empty where it may be closed."""
    end = datetime.combine(period.last + timedelta(days=1), time.min, DHAKA)
    found = []
    for queries, values in (
        (_OF_DAYS, (period.first, period.last)),
        (_UNTIL_DATE, (period.last,)),
        (_BEFORE, (end,)),
    ):
        for query in queries:
            found += [str(row[0]) for row in await connection.fetch(query, *values)]
    return [*found, *await _of_cover(connection)]


async def close_month(finance: Finance, period: Period, *, closed_by: str, approved_by: str) -> ClosedMonth:
    """Freeze the movements and closing balances of a month; the caller has verified both persons.

    Raises:
        OnePersonError: both are the same person.
        UnfitError: the month is closed by others, something stands against it, or a person may not decide.
        ReportError: debits and credits do not agree.
    """
    connection = await finance.connect()
    try:
        async with connection.transaction():
            await connection.execute(_PATIENCE)
            await connection.execute(CHAIN_LOCK)
            standing = await closed_month(connection, period.first)
            if standing is not None:
                if (standing.closed_by, standing.approved_by) == (closed_by, approved_by):
                    return standing  # done before; the answer was lost
                raise UnfitError(f"the month was closed by {standing.closed_by} and {standing.approved_by}")
            await refuse_removed(connection, finance, (closed_by, approved_by))
            red = await month_blockers(connection, period)
            if red:
                raise UnfitError(f"the month cannot be closed: {'; '.join(red)}")
            figures = _figures(await read_trial_balance(connection, period))
            await write_closed_month(connection, period.first, (closed_by, approved_by), figures)
            closing = await closed_month(connection, period.first)
    except asyncpg.CheckViolationError as problem:
        raise OnePersonError("who closes a month cannot approve it: that takes a second person") from problem
    finally:
        await connection.close()
    if closing is None:
        raise ReportError("the month was written and is not there")
    return closing


async def _of_cover(connection: Connection) -> list[str]:
    """A cover that is short now, even with what connectors owe within their cycle.

    On the last evening of a month the strict cover lacks what connectors pay the next day, so it is told in
    the papers of that night and stops nothing.
    """
    run = await latest_run(connection)
    figure = 0 if run is None else run.figures.get("cover.with_receivables", 0)
    if run is None or figure >= 0:
        return []
    words = (
        f"trust cover of {run.night} is short by {format_taka(-figure)} taka even with what connectors owe: "
        "bring in money of our own (ekpay decide journal), and reconcile the next night"
    )
    return [words]


def _figures(trial_balance: TrialBalance) -> dict[str, object]:
    """What is frozen, in paisa; an account that did not move has no movements."""
    keys = {account_key(line.account, line.currency): line for line in trial_balance.accounts}
    return {
        "moved": {key: [line.debit, line.credit] for key, line in keys.items() if line.debit or line.credit},
        "closing": {key: line.closing for key, line in keys.items()},
    }

"""`ekpay audit`: checking the books from their rows alone (architecture.md 6).

Each check is one query whose rows are checked in order; the first wrong row ends the audit. All checks see
the same snapshot, so the result is consistent even while payments are being made. Changes by a superuser are
found, since every entry is hashed into the chain of its lane.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg

from ekpay_switch.domain.errors import UnbalancedEntryError, UnknownAccountError
from ekpay_switch.domain.ledger.entries import (
    GENESIS,
    Entry,
    EntryHeader,
    Posting,
    chain_hash,
    keeps_balance,
    kind_of,
)
from ekpay_switch.persistence.audit.access import ACCESS_CHECKS
from ekpay_switch.persistence.audit.agents import AGENT_CHECKS
from ekpay_switch.persistence.audit.carts import CART_CHECKS
from ekpay_switch.persistence.audit.challans import CHALLAN_CHECKS
from ekpay_switch.persistence.audit.connector_requests import (
    DECISIONS,
    REQUESTS,
    decision_fault,
    request_fault,
)
from ekpay_switch.persistence.audit.decisions import DECISION_CHECKS
from ekpay_switch.persistence.audit.disputes import DISPUTE_CHECKS
from ekpay_switch.persistence.audit.limits import LIMIT_CHECKS
from ekpay_switch.persistence.audit.lines import IS_CLOSED, LINE_CHECKS
from ekpay_switch.persistence.audit.merchants import (
    BALANCES,
    PRICES,
    SALES,
    merchant_balance_fault,
    price_fault,
    sale_fault,
)
from ekpay_switch.persistence.audit.payments import (
    HISTORY,
    PAYMENTS,
    SCROLLS,
    SUCCESSES,
    history_fault,
    payment_fault,
    scroll_fault,
    success_fault,
)
from ekpay_switch.persistence.audit.refunds import (
    COLLECTED,
    DUES,
    FUNDERS,
    FURTHER,
    LOSSES,
    PAID,
    STEPS,
    SUSPENSE,
    TOTALS,
    collected_fault,
    due_fault,
    funder_fault,
    further_fault,
    loss_fault,
    paid_fault,
    refund_fault,
    suspense_fault,
    total_fault,
)
from ekpay_switch.persistence.audit.scrolls import (
    FILES,
    ISSUER_CHECKS,
    NUMBERS,
    SCROLL_TOTALS,
    TAKINGS,
    ScrollProof,
    number_fault,
    scroll_totals_fault,
    taking_fault,
)
from ekpay_switch.persistence.audit.transfers import TRANSFER_CHECKS
from ekpay_switch.persistence.engine import Database
from ekpay_switch.ports.audit import AuditCheck, AuditFinding

ROWS_AT_ONCE = 2_000

ENTRIES = """
SELECT e.lane, e.seq, e.id, e.payment_id, e.moment, e.currency, e.business_date, e.window_id, e.hash,
  p.accounts, p.amounts, p.numbers
FROM journal_entries AS e LEFT JOIN (
  SELECT entry_id, array_agg(account ORDER BY seq) AS accounts, array_agg(amount ORDER BY seq) AS amounts,
    array_agg(seq ORDER BY seq) AS numbers FROM postings GROUP BY entry_id) AS p ON p.entry_id = e.id
ORDER BY e.lane, e.seq
"""
LANES = """
SELECT coalesce(l.lane, e.lane) AS lane, l.seq, l.hash, e.seq AS last_seq, e.hash AS last_hash FROM lanes AS l
FULL JOIN (SELECT DISTINCT ON (lane) lane, seq, hash FROM journal_entries ORDER BY lane, seq DESC) AS e
  ON e.lane = l.lane ORDER BY 1
"""
ORPHANS = """
SELECT p.entry_id, p.seq FROM postings AS p LEFT JOIN journal_entries AS e ON e.id = p.entry_id
WHERE e.id IS NULL ORDER BY p.entry_id, p.seq
"""
WINDOWS = """
SELECT e.id, e.lane, e.seq FROM journal_entries AS e
LEFT JOIN settlement_windows AS w ON w.id = e.window_id AND w.business_date = e.business_date
WHERE w.id IS NULL ORDER BY e.lane, e.seq
"""
ACCOUNTS = """
SELECT coalesce(a.code, s.account) AS code, a.code IS NOT NULL AS stands, a.kind, a.currency, a.balance,
  coalesce(s.total, 0) AS total
FROM accounts AS a FULL JOIN (
  SELECT account, sum(amount)::bigint AS total FROM postings GROUP BY account) AS s ON s.account = a.code
ORDER BY 1
"""

Row = Any
_ROW_CHECKS = (
    *LIMIT_CHECKS,
    *CHALLAN_CHECKS,
    *CART_CHECKS,
    *AGENT_CHECKS,
    *ISSUER_CHECKS,
    *TRANSFER_CHECKS,
    *DECISION_CHECKS,
    *ACCESS_CHECKS,
    *DISPUTE_CHECKS,
)
__all__ = ["AuditFinding", "audit", "run"]


async def run(database: Database, further: Sequence[AuditCheck] = ()) -> AuditFinding | None:
    """Run the audit as the read-only role, with `further` checks last; None if the books are right."""
    connection = await database.connect("audit")
    try:
        # The timeouts of payments would end a long audit.
        await connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        return await audit(connection, further)
    finally:
        await connection.close()


async def audit(connection: asyncpg.Connection, further: Sequence[AuditCheck] = ()) -> AuditFinding | None:
    """Run every check on one snapshot, those of the wings last; returns the first finding, or None."""
    checks: tuple[Callable[[asyncpg.Connection], Awaitable[AuditFinding | None]], ...] = (
        _chains,
        lambda c: _first_finding(c, LANES, _lane_fault, "lanes {lane}"),
        lambda c: _first_finding(
            c, ORPHANS, lambda _: "posting without its entry", "postings {entry_id} line {seq}"
        ),
        lambda c: _first_finding(c, WINDOWS, lambda _: "not in a window of its day", "journal_entries {id}"),
        lambda c: _first_finding(c, ACCOUNTS, _account_fault, "accounts {code}"),
        lambda c: _first_finding(c, PAYMENTS, payment_fault, "payments {id}"),
        lambda c: _first_finding(c, SUCCESSES, success_fault, "attempts of payment {id}"),
        lambda c: _first_finding(c, HISTORY, history_fault, "history of payment {id}"),
        lambda c: _first_finding(c, FUNDERS, funder_fault, "attempts of payment {id}"),
        lambda c: _first_finding(c, COLLECTED, collected_fault, "tries of payment {id}"),
        lambda c: _first_finding(c, TOTALS, total_fault, "tries {attempt_id}"),
        lambda c: _first_finding(c, FURTHER, further_fault, "further_movements {id}"),
        lambda c: _first_finding(c, SALES, sale_fault, "merchant payment {id}"),
        lambda c: _first_finding(c, PRICES, price_fault, "tries {attempt_id}"),
        lambda c: _first_finding(c, BALANCES, merchant_balance_fault, "merchants {partner_id}"),
        lambda c: _first_finding(c, REQUESTS, request_fault, "host_messages {connector_id} {reference}"),
        lambda c: _first_finding(c, DECISIONS, decision_fault, "routing_decisions {attempt_id}"),
        lambda c: _first_finding(c, STEPS, refund_fault, "refunds {id}"),
        lambda c: _first_finding(c, SUSPENSE, suspense_fault, "suspense of payment {id}"),
        lambda c: _first_finding(c, DUES, due_fault, "refunds of payment {id}"),
        lambda c: _first_finding(c, LOSSES, loss_fault, "refunds of payment {id}"),
        lambda c: _first_finding(c, PAID, paid_fault, "refunds of payment {id}"),
        lambda c: _first_finding(c, SCROLLS, scroll_fault, "scroll {series} {day}"),
        _scroll_files,
        lambda c: _first_finding(c, SCROLL_TOTALS, scroll_totals_fault, "scroll rows of payment {id}"),
        lambda c: _first_finding(c, NUMBERS, number_fault, "scroll rows of payment {id}"),
        lambda c: _first_finding(c, TAKINGS, taking_fault, "bill_takings {biller_id} {reference}"),
        *(partial(_first_finding, query=query, fault=fault, name=name) for query, fault, name in _ROW_CHECKS),
        _frozen_lines,
        *further,
    )
    # The driver's own form of a sum is 5E+4, which nobody reads as paisa.
    await connection.set_type_codec(
        "numeric", schema="pg_catalog", encoder=str, decoder=Decimal, format="text"
    )
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for check in checks:
            finding = await check(connection)
            if finding is not None:
                return finding
    return None


async def _rows(connection: asyncpg.Connection, query: str) -> AsyncIterator[Row]:
    async for row in connection.cursor(query, prefetch=ROWS_AT_ONCE):
        yield row


async def _first_finding(
    connection: asyncpg.Connection, query: str, fault: Callable[[Row], str | None], name: str
) -> AuditFinding | None:
    async for row in _rows(connection, query):
        why = fault(row)
        if why:
            return AuditFinding(name.format(**row), why)
    return None


async def _scroll_files(connection: asyncpg.Connection) -> AuditFinding | None:
    """Every scroll file has the totals and digest of its rows, and the rows of a day are 1..n."""
    proof = ScrollProof()
    async for row in _rows(connection, FILES):
        broken = proof.check(row)
        if broken:
            return AuditFinding(*broken)
    broken = proof.check(None)
    return AuditFinding(*broken) if broken else None


async def _frozen_lines(connection: asyncpg.Connection) -> AuditFinding | None:
    """The lines of closed windows agree with what was posted, and none is missing."""
    if not await connection.fetchval(IS_CLOSED):
        return None
    for query, fault, name in LINE_CHECKS:
        finding = await _first_finding(connection, query, fault, name)
        if finding is not None:
            return finding
    return None


async def _chains(connection: asyncpg.Connection) -> AuditFinding | None:
    """Every entry balances, has the right hash and follows the one before it in its lane."""
    lane, seq, digest = -1, 0, GENESIS
    async for row in _rows(connection, ENTRIES):
        if row["lane"] != lane:
            lane, seq, digest = row["lane"], 0, GENESIS
        name = f"journal_entries {row['id']} (lane {lane}, seq {row['seq']})"
        if row["seq"] != seq + 1:
            return AuditFinding(name, f"the entry with seq {seq + 1} of this lane is missing")
        why = _entry_fault(row, digest)
        if why:
            return AuditFinding(name, why)
        seq, digest = row["seq"], row["hash"]
    return None


def _entry_fault(row: Row, previous: bytes) -> str | None:
    amounts = row["amounts"] or []
    if row["numbers"] != list(range(1, len(amounts) + 1)):
        return "its postings are not numbered 1..n"
    postings = tuple(Posting(*line) for line in zip(row["accounts"], amounts, strict=True))
    try:
        entry = Entry(row["moment"], postings, row["currency"])
    except UnbalancedEntryError:
        return "its postings do not sum to zero"
    written = EntryHeader(row["id"], row["payment_id"], row["business_date"], row["window_id"])
    if chain_hash(previous, written, entry) != row["hash"]:
        return "its hash does not match its postings and the entry before it"
    return None


def _lane_fault(row: Row) -> str | None:
    last = (row["last_seq"] or 0, row["last_hash"] or GENESIS)
    return None if (row["seq"], row["hash"]) == last else "the lane's head is not its last entry"


def _account_fault(row: Row) -> str | None:
    if not row["stands"]:
        return "postings name it, but there is no such account"
    try:
        kind = kind_of(row["code"])
    except UnknownAccountError:
        return "not in the chart of accounts"
    if row["kind"] != kind or row["currency"] != "BDT":
        return "kind or currency is not what the chart of accounts says"
    return _balance_fault(row)


def _balance_fault(row: Row) -> str | None:
    if not keeps_balance(row["code"]):
        return None if row["balance"] is None else "a balance stands on an account that keeps none"
    return None if row["balance"] == -row["total"] else "its balance is not the sum of its postings"

"""Which steps of a batch need a row that somebody else holds; asked only after a batch has waited too long.

Nothing here waits: what cannot be locked at once is held by somebody. What can is let go with the statement.
"""

from collections.abc import Sequence

import asyncpg

from ekpay_switch.domain.payments.claims import Claim
from ekpay_switch.persistence.group_commit.lock_and_read import payment_of, prefund_accounts_of, receipt_of
from ekpay_switch.persistence.group_commit.steps import Step, lane_of

# The same rows and keys as `lock_and_read` takes; the table is named beside the key of the row.
FIND_HELD = """
WITH free_lanes AS MATERIALIZED (
  SELECT lane FROM lanes WHERE lane = ANY($1::smallint[]) FOR UPDATE SKIP LOCKED),
free_accounts AS MATERIALIZED (
  SELECT code FROM accounts WHERE code = ANY($2::text[]) FOR UPDATE SKIP LOCKED),
free_payments AS MATERIALIZED (
  SELECT id FROM payments WHERE id = ANY($3::uuid[]) FOR UPDATE SKIP LOCKED)
SELECT 'lane' AS kind, lane::text AS key FROM lanes
  WHERE lane = ANY($1::smallint[]) AND lane NOT IN (SELECT lane FROM free_lanes)
UNION ALL SELECT 'account', code FROM accounts
  WHERE code = ANY($2::text[]) AND code NOT IN (SELECT code FROM free_accounts)
UNION ALL SELECT 'payment', id::text FROM payments
  WHERE id = ANY($3::uuid[]) AND id NOT IN (SELECT id FROM free_payments)
UNION ALL SELECT 'quote', quote_id FROM quotes
  WHERE quote_id = ANY($4::text[]) AND NOT pg_try_advisory_xact_lock(bill_lock)
UNION ALL SELECT 'receipt', receipt FROM unnest($5::text[]) AS r (receipt)
  WHERE NOT pg_try_advisory_xact_lock(2, hashtext(receipt))
"""


async def find_blocked(
    connection: asyncpg.Connection, steps: Sequence[Step], *, with_lanes: bool
) -> list[bool]:
    """For each step, whether somebody else holds a row or key that it needs at this moment.

    A lane is held for moments all the time, so lanes are looked at only on request. The window, counters and
    rows that only the write touches are not looked at.
    """
    needs = [_needs_of(step, with_lanes=with_lanes) for step in steps]
    wanted: dict[str, set[str]] = {"lane": set(), "account": set(), "payment": set(), "quote": set()}
    wanted["receipt"] = set()
    for kind, key in set().union(*needs):
        wanted[kind].add(key)
    keys = {kind: sorted(of_kind) for kind, of_kind in wanted.items()}
    rows = await connection.fetch(
        FIND_HELD, list(map(int, keys["lane"])), keys["account"], keys["payment"], keys["quote"],
        keys["receipt"],
    )  # fmt: skip
    held = {(row["kind"], row["key"]) for row in rows}
    return [bool(held & needed) for needed in needs]


def _needs_of(step: Step, *, with_lanes: bool) -> set[tuple[str, str]]:
    """The rows and keys that a step locks, by kind and key."""
    needs = {("account", code) for code in prefund_accounts_of([step])}
    if with_lanes:
        needs.add(("lane", str(lane_of(step))))
    payment_id, receipt = payment_of(step), receipt_of(step)
    if payment_id is not None:
        needs.add(("payment", str(payment_id)))
    if receipt:
        needs.add(("receipt", receipt))
    if isinstance(step, Claim):
        needs.add(("quote", step.quote_id))
    return needs

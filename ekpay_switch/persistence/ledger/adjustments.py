"""Journal entries that finance decides on: settlements, write-offs, corrections (`ports.finance`).

They are written by the batch writer like every other entry, in the caller's transaction, so a decision and
its entry are durable together. What merchants are owed is a running total on their rows, which changes with
every entry on their accounts and their payees'.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import Entry, Posting, keeps_balance, kind_of
from ekpay_switch.persistence.collections.share_postings import move_owed
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.committer import NEW_ACCOUNTS
from ekpay_switch.persistence.group_commit.lock_and_read import LOCK_ACCOUNTS
from ekpay_switch.persistence.group_commit.steps import PostEntry, Step
from ekpay_switch.persistence.payment_rows import ADJUSTMENT_LANE, lock_books
from ekpay_switch.ports.finance import Adjustment, Connection

Connect = Callable[[], Awaitable[Connection]]

# Prefixes of accounts whose balance the audit proves payment by payment.
_PROVEN = ("in_flight", "suspense:", "refund_due:", "payable:", "biller_deposit:")
_STANDING = "SELECT id FROM journal_entries WHERE id = ANY($1)"
_BALANCES = """
SELECT a.code, coalesce(sum(p.amount), 0)::bigint
  * CASE WHEN a.kind IN ('asset', 'expense') THEN 1 ELSE -1 END AS balance
FROM accounts AS a LEFT JOIN postings AS p ON p.account = a.code GROUP BY a.code ORDER BY a.code
"""


class ProvenByPaymentError(SwitchError):
    """The entry names a payment and moves an account that is audited by payment: leave the payment out."""


class Adjustments:
    """`ports.finance.AdjustmentBooks` in PostgreSQL."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def open_accounts(self, accounts: Collection[str]) -> None:
        """Add missing account rows, outside any longer transaction, which would lock them until its end.

        Raises:
            UnknownAccountError: the chart of accounts has no such account.
        """
        codes = sorted(account for account in set(accounts) if not keeps_balance(account))
        kinds = [str(kind_of(code)) for code in codes]
        connection = await self._connect()
        try:
            await connection.execute(NEW_ACCOUNTS, codes, kinds)
        finally:
            await connection.close()

    async def post(self, connection: Connection, adjustments: Sequence[Adjustment]) -> None:
        """See `post_adjustments`."""
        await post_adjustments(connection, adjustments)

    async def balances(self, connection: Connection) -> dict[str, int]:
        """Every account's balance: the sum of its postings in the account's own direction, in paisa."""
        return {row["code"]: row["balance"] for row in await connection.fetch(_BALANCES)}


async def post_adjustments(connection: Connection, adjustments: Sequence[Adjustment]) -> None:
    """Write entries in order and change what merchants are owed; entries written before are skipped.

    The order of locks is the usual one: window, lane, prefunds, and merchants last.

    Raises:
        ProvenByPaymentError: an entry names a payment and moves an account that is audited by payment.
        UnbalancedEntryError: the postings of an entry do not sum to zero.
        asyncpg.CheckViolationError: a prefund or a debt limit does not allow it.
    """
    steps = [_step_of(adjustment) for adjustment in adjustments]
    await lock_books(connection, ADJUSTMENT_LANE)
    prefunds = {line.account for step in steps for line in step.entry.postings}
    await connection.fetch(LOCK_ACCOUNTS, sorted(filter(keeps_balance, prefunds)))
    ids = [step.entry_id for step in steps]
    standing = {row["id"] for row in await connection.fetch(_STANDING, ids)}
    new = {adjustment.id: adjustment for adjustment in adjustments if adjustment.id not in standing}
    written: list[Step] = [step for step in steps if step.entry_id in new]
    await write_batch(connection, written)
    for partner_id, minor in sorted(_owed_changes(new.values()).items()):
        await move_owed(connection, partner_id, minor)


def _step_of(adjustment: Adjustment) -> PostEntry:
    postings = [Posting(*line) for line in adjustment.postings]
    if adjustment.payment_id is not None and any(line.account.startswith(_PROVEN) for line in postings):
        raise ProvenByPaymentError
    entry = Entry.of(adjustment.moment, postings, adjustment.currency)
    return PostEntry(adjustment.id, ADJUSTMENT_LANE, entry, adjustment.payment_id)


def _owed_changes(adjustments: Collection[Adjustment]) -> dict[str, int]:
    changes: dict[str, int] = {}
    for adjustment in adjustments:
        for partner_id, minor in adjustment.payable_changes:
            changes[partner_id] = changes.get(partner_id, 0) + minor
    return changes

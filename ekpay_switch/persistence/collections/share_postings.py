"""The money of merchant payments: crediting shares and taking refunds from them, in the caller's transaction.

The caller has locked the payment, and with it its shares. The merchant's row is locked after refunds; its
running total `owed` changes with every posting to its accounts and its payees' (docs/adr/0045).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import Sums, owed_by_merchant_entry
from ekpay_switch.domain.merchants.merchant import ChargesOnRefund, is_merchant
from ekpay_switch.domain.merchants.shares import Split, Stake
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.share_reversals import reverse_shares
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.lock_and_read import sums_of
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.security.identifiers import uuid7

Row = Mapping[str, Any]

# The parts that a try adds to the price, each with its income account and the column of what was refunded.
CHARGES = (
    ("charge", "charge_income", "charge_refunded"),
    ("fee", "fee_income", "fee_refunded"),
    ("vat", "vat_payable", "vat_refunded"),
)
READ_SHARES = "SELECT account, amount, refunded FROM merchant_shares WHERE payment_id = $1 ORDER BY seq"
READ_RETURNED = "SELECT * FROM merchant_sums WHERE payment_id = $1"
# NO KEY UPDATE: new orders, which reference the row, need not wait.
LOCK_MERCHANT = """
SELECT owed + debt_limit AS room, refund_limit FROM merchants WHERE partner_id = $1 FOR NO KEY UPDATE
"""
OWE = "UPDATE merchants SET owed = owed + $2 WHERE partner_id = $1 RETURNING charges_on_refund"
# The row exists if the agreement at this moment returns charges; that holds for all refunds of the payment.
RETURNS_CHARGES = "INSERT INTO merchant_sums (payment_id) VALUES ($1)"
# A payment of the portal is of the cart whose id stands in the place of its bill.
WAKE_CART = """
INSERT INTO cart_work (cart_id, next_action_at) SELECT id, now() FROM bill_carts WHERE id = $1::text::uuid
ON CONFLICT (cart_id) DO UPDATE SET next_action_at = excluded.next_action_at
"""
WRITE_SHARES = """
UPDATE merchant_shares AS s SET refunded = n.refunded FROM (
  SELECT m.seq, u.refunded FROM (
    SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM merchant_shares WHERE payment_id = $1) AS m
  JOIN unnest($2::bigint[]) WITH ORDINALITY AS u (refunded, place) ON u.place = m.place) AS n
WHERE s.payment_id = $1 AND s.seq = n.seq
"""
WRITE_RETURNED = """
UPDATE merchant_sums SET charge_refunded = $2, fee_refunded = $3, vat_refunded = $4 WHERE payment_id = $1
"""


def sums_of_try(payment: Row, try_row: Row) -> Sums:
    """The sums of a try: its own charges where it has any, else its payment's."""
    if try_row["charge"] is None:
        return sums_of(payment)
    return sums_of({**payment, **{column: try_row[column] for column, _, _ in CHARGES}})


def accounts_of_shares(shares: Iterable[str]) -> set[str]:
    """Every account that crediting these shares may post to."""
    return {*shares, *(account for _, account, _ in CHARGES)}


def accounts_of_refunds(merchant: str, shares: Sequence[str]) -> set[str]:
    """Every account that refunds of a payment with these shares may post to; none where it has no shares."""
    if not shares:
        return set()
    beyond = {posting.account for posting in owed_by_merchant_entry(merchant, Money(1)).postings}
    return accounts_of_shares(shares) | beyond


async def read_shares(connection: Connection, payment_id: UUID) -> tuple[Stake, ...]:
    """The shares of a merchant payment in the merchant's order; none where a bill is paid."""
    return tuple(
        Stake(row["account"], Money(row["amount"]), Money(row["refunded"]))
        for row in await connection.fetch(READ_SHARES, payment_id)
    )


async def move_owed(connection: Connection, partner_id: str, minor: int) -> ChargesOnRefund:
    """Change what the merchant and its payees together are owed, by `minor` paisa; the caller posts it.

    To be called in the transaction of every posting to one of their accounts; locks the merchant's row.
    Returns what the merchant's agreement says of charges on refunds.

    Raises:
        asyncpg.CheckViolationError: the debt limit does not allow it.
    """
    return ChargesOnRefund(await connection.fetchval(OWE, partner_id, minor))


async def owe_merchant(connection: Connection, payment: Row) -> None:
    """Add the payment's amount to what the merchant is owed; the caller writes the entry.

    Where the merchant is the portal, its worker looks at the cart that was paid from now on.
    """
    agreement = await move_owed(connection, payment["partner_id"], payment["amount"])
    if agreement is ChargesOnRefund.RETURNED:
        await connection.execute(RETURNS_CHARGES, payment["id"])
    if payment["partner_id"] == PORTAL:
        await connection.execute(WAKE_CART, payment["bill_key"])


async def read_split(connection: Connection, payment: Row) -> Split | None:
    """The stakes that refunds of this payment are taken from, its merchant locked; None for a paid bill."""
    if not is_merchant(payment["biller_id"]):
        return None
    stakes = await read_shares(connection, payment["id"])
    returned = await connection.fetchrow(READ_RETURNED, payment["id"])
    if returned is not None:
        stakes += tuple(
            Stake(account, Money(payment[sum_]), Money(returned[column]), is_ours=True)
            for sum_, account, column in CHARGES
        )
    merchant = await connection.fetchrow(LOCK_MERCHANT, payment["partner_id"])
    return Split(payment["biller_id"], stakes, Money(merchant["room"]), Money(merchant["refund_limit"]))


async def write_share_reversal(
    connection: Connection, payment: Row, connector_id: str, change: Money
) -> None:
    """Take a refund of `change` from the shares of its merchant payment; below zero, return a failed one."""
    split = await read_split(connection, payment)
    assert split is not None, "the caller looked"
    unwound = reverse_shares(split, change, connector_id)
    refunded = [part.minor for part in unwound.refunded]
    count = sum(not stake.is_ours for stake in split.stakes)
    await connection.execute(WRITE_SHARES, payment["id"], refunded[:count])
    if refunded[count:]:
        await connection.execute(WRITE_RETURNED, payment["id"], *refunded[count:])
    await move_owed(connection, payment["partner_id"], unwound.payable_change.minor)
    await post_entries(connection, payment, unwound.entries)


async def post_entries(connection: Connection, payment: Row, entries: Iterable[Entry]) -> None:
    """Write entries of a payment in their order; its lane is locked and their accounts have rows."""
    posted = [PostEntry(uuid7(), payment["lane"], entry, payment["id"]) for entry in entries]
    if posted:
        await write_batch(connection, [*posted])

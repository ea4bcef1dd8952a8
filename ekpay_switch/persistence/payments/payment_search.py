"""Payments by any reference that somebody may have in hand: the caller's, ours, a provider's, a biller's.

Every place is looked up by an index; only receipts of billers that no closed window has frozen yet are looked
for among the newest payments. Nothing is locked.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# More payments than that share no reference that means anything.
FOUND_MAX = 1_000
# As many of the newest payments are looked through for a receipt that is not frozen yet.
NEWEST_LOOKED_THROUGH = 500_000
# The names of all far sides, each found by one look into the index.
_FAR_SIDES = """
WITH RECURSIVE sides (id) AS (
  (SELECT far_side FROM attempts ORDER BY far_side LIMIT 1)
  UNION ALL
  SELECT (SELECT a.far_side FROM attempts AS a WHERE a.far_side > s.id ORDER BY a.far_side LIMIT 1)
  FROM sides AS s WHERE s.id IS NOT NULL)
"""


def _of_side(table: str, key: str, column: str, wanted: str = "payment_id") -> str:
    """A look by an index of far sides and names. OFFSET 0 keeps each look an index's own."""
    look = f"SELECT {wanted} FROM {table} WHERE {key} = s.id AND {column} = :name OFFSET 0"  # noqa: S608 - constants
    return f"SELECT n.{wanted} FROM sides AS s, LATERAL ({look}) AS n"  # noqa: S608 - constants


def _of_partner(table: str, wanted: str) -> str:
    """The same by an index of partners and their references."""
    look = f"SELECT {wanted} FROM {table} WHERE partner_id = r.id AND reference = :name OFFSET 0"  # noqa: S608 - constants
    return f"SELECT n.{wanted} FROM partners AS r, LATERAL ({look}) AS n"  # noqa: S608 - constants


_FURTHER = _of_side("further_movements", "connector_id", "provider_transaction", "attempt_id")
_NEWEST = "SELECT id, facts FROM payments ORDER BY id DESC LIMIT :newest"
# What finds a payment, and by whose name.
_PLACES: Sequence[tuple[str, str]] = (
    ("the caller's reference", _of_partner("payments", "id")),
    ("the caller's reference", "SELECT payment_id FROM merchant_orders WHERE trnx_id = :name"),
    ("ekPay's trnx_id", "SELECT payment_id FROM merchant_orders WHERE ekpay_trnx_id = :name"),
    ("our reference", _of_side("attempts", "far_side", "reference")),
    ("our reference", "SELECT payment_id FROM ledger_lines WHERE our_reference = :name"),
    ("the provider's reference", _of_side("tries", "connector_id", "provider_reference")),
    ("the provider's transaction", _of_side("tries", "connector_id", "provider_transaction")),
    (
        "the provider's transaction",
        f"SELECT t.payment_id FROM ({_FURTHER}) AS f JOIN tries AS t USING (attempt_id)",  # noqa: S608 - constants
    ),
    ("the RRN of a host", _of_side("host_messages", "connector_id", "rrn")),
    ("the caller's reference of a refund", _of_partner("refunds", "payment_id")),
    ("our reference of a refund", "SELECT payment_id FROM refunds WHERE our_reference = :name"),
    ("the bank's reference of a refund", "SELECT payment_id FROM refunds WHERE bank_reference = :name"),
    ("the provider's reference of a refund", _of_side("refunds", "connector_id", "provider_refund")),
    ("the biller's receipt", "SELECT payment_id FROM used_receipts WHERE receipt = :name"),
    (
        "the biller's receipt",
        "SELECT id FROM payments WHERE facts ? 'final_receipt' AND facts ->> 'final_receipt' = :name",
    ),
    (
        "the biller's receipt",
        f"SELECT id FROM ({_NEWEST}) AS n WHERE facts ->> 'receipt' = :name",  # noqa: S608 - constants
    ),
    (
        "a far side's reference",
        "SELECT payment_id FROM ledger_lines WHERE their_reference = :name AND their_reference <> ''",
    ),
    ("the payment's id", "SELECT id FROM payments WHERE id = :id"),
    ("the id of a refund", "SELECT payment_id FROM refunds WHERE id = :id"),
)
_LOOKS = " UNION ALL ".join(
    f"SELECT found.*, {place} FROM ({query}) AS found"  # noqa: S608 - constants
    for place, (_, query) in enumerate(_PLACES)
)
SEARCH = f"""{_FAR_SIDES} SELECT payment_id, min(place) AS place FROM ({_LOOKS}) AS found (payment_id, place)
WHERE payment_id IS NOT NULL GROUP BY payment_id ORDER BY payment_id DESC LIMIT :most
"""  # noqa: S608 - constants


async def find_by_reference(connection: AsyncConnection, name: str) -> Mapping[UUID, str]:
    """The payments that anybody calls by this reference, each with whose name it is; the newest 1,000."""
    values = {"name": name, "id": _as_uuid(name), "newest": NEWEST_LOOKED_THROUGH, "most": FOUND_MAX}
    rows = await connection.execute(text(SEARCH), values)
    return {row.payment_id: _PLACES[row.place][0] for row in rows}


def _as_uuid(name: str) -> UUID | None:
    """An id as we or REST v1 write it."""
    try:
        return UUID(name.removeprefix("pay_").removeprefix("rfd_"))
    except ValueError:
        return None

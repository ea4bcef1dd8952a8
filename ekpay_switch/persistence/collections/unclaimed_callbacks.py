"""Callbacks that no payment or refund claims: kept for a while and in a limited number (docs/adr/0069).

Anybody can send one, so they are apart from the table `callbacks`, which is append-only. A callback that
names a page before its connector told us of it becomes one of those as soon as we are told.
"""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.persistence.payment_rows import Row
from ekpay_switch.persistence.short_transactions import Connection

UNCLAIMED_KEPT = timedelta(days=30)
# For each connector; the newest ones stay.
UNCLAIMED_KEPT_MAX = 2_000
# Enough for every message of a provider that we have seen; the rest is cut.
UNCLAIMED_BYTES_MAX = 8_192
UNCLAIMED_HEADERS_MAX, UNCLAIMED_HEADER_LENGTH_MAX = 32, 512
# So many callbacks of a try or refund are evidence; each further one still wakes it, and is unclaimed.
CLAIMED_MAX = 100
PRUNED_AT_ONCE = 20_000

_COLUMNS = (
    "connector_id, name, headers, body, provider_reference, reference, is_agreed, is_forged, why, consent"
)
_VALUES = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10"
KEEP = f"""
INSERT INTO callbacks ({_COLUMNS}) VALUES ({_VALUES})
ON CONFLICT (connector_id, name) DO NOTHING RETURNING true
"""  # noqa: S608 - constants
# One that was stored while its payment claimed it is not stored once more.
KEEP_UNCLAIMED = f"""
INSERT INTO unclaimed_callbacks ({_COLUMNS}) SELECT {_VALUES}
WHERE NOT EXISTS (SELECT FROM callbacks WHERE connector_id = $1 AND name = $2)
ON CONFLICT (connector_id, name) DO NOTHING RETURNING true
"""  # noqa: S608 - constants
# $4: whether it names a try, which is locked.
READ_CLAIM = f"""
SELECT $4 OR EXISTS (SELECT FROM refunds WHERE connector_id = $1 AND provider_refund = $2)
    OR EXISTS (SELECT FROM refunds WHERE our_reference = $3 AND connector_id = $1) AS is_ours,
  {CLAIMED_MAX} > (SELECT count(*) FROM (
    SELECT FROM callbacks WHERE connector_id = $1 AND provider_reference = $2 LIMIT {CLAIMED_MAX}) AS theirs)
  AND {CLAIMED_MAX} > (SELECT count(*) FROM (
    SELECT FROM callbacks WHERE connector_id = $1 AND reference = $3 LIMIT {CLAIMED_MAX}) AS ours) AS has_room
"""  # noqa: S608 - constants
# What earlier callbacks said of a page, once we are told of it: they are claimed from now on.
CLAIM = f"""
WITH claimed AS (
  DELETE FROM unclaimed_callbacks WHERE id = ANY (ARRAY(
    SELECT id FROM unclaimed_callbacks
    WHERE connector_id = $1 AND provider_reference = $2 AND NOT is_forged ORDER BY id LIMIT {CLAIMED_MAX}))
  RETURNING *
), kept AS (
  INSERT INTO callbacks ({_COLUMNS}, at) SELECT {_COLUMNS}, at FROM claimed ORDER BY id
  ON CONFLICT (connector_id, name) DO NOTHING)
SELECT bool_or(is_agreed) AS is_agreed,
  (array_agg(consent ORDER BY at, id) FILTER (WHERE consent IS NOT NULL))[1] AS consent
FROM (
  SELECT id, at, is_agreed, consent FROM claimed
  UNION ALL SELECT id, at, is_agreed, consent FROM callbacks
  WHERE connector_id = $1 AND provider_reference = $2 AND NOT is_forged) AS called
"""  # noqa: S608 - constants
FIND_OLD = text("""
SELECT id FROM unclaimed_callbacks WHERE at < now() - CAST(:kept AS interval) ORDER BY at LIMIT :most
""")
FIND_TOO_MANY = text("""
SELECT id FROM unclaimed_callbacks WHERE connector_id = :connector_id
ORDER BY id DESC OFFSET :kept_max LIMIT :most
""")
# One that is being claimed meanwhile is passed over.
DROP = text("""
DELETE FROM unclaimed_callbacks WHERE id = ANY (ARRAY(
  SELECT id FROM unclaimed_callbacks WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
  FOR UPDATE SKIP LOCKED))
""")


async def claim_callbacks(connection: Connection, connector_id: str, provider_reference: str) -> Row:
    """Claim the callbacks that named this page before we were told of it, and read what all of them said.

    The row says whether one agreed (`is_agreed`, None where no callback came) and the first `consent`. The
    caller has locked the reference.
    """
    claimed: Row = await connection.fetchrow(CLAIM, connector_id, provider_reference)
    return claimed


async def drop_unclaimed_callbacks(
    engine: AsyncEngine,
    connector_ids: Iterable[str],
    kept: timedelta = UNCLAIMED_KEPT,
    kept_max: int = UNCLAIMED_KEPT_MAX,
) -> int:
    """Drop what is older than `kept`, and of each connector all but its newest `kept_max`; how many.

    Drops at most `PRUNED_AT_ONCE` for each reason; what is left is dropped by the next call.
    """
    most = {"most": PRUNED_AT_ONCE}
    async with engine.begin() as connection:
        ids = set(await connection.scalars(FIND_OLD, {"kept": kept} | most))
        for connector_id in connector_ids:
            limits = {"connector_id": connector_id, "kept_max": kept_max} | most
            ids.update(await connection.scalars(FIND_TOO_MANY, limits))
        return (await connection.execute(DROP, {"ids": sorted(ids)})).rowcount if ids else 0

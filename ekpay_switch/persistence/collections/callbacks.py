"""The port `Callbacks` over PostgreSQL: a callback is stored once and makes its try or refund due (law 6).

What no payment claims is kept apart and for a while only (`unclaimed_callbacks`). Card numbers are masked in
all that is kept, before anything is cut (docs/adr/0084).
"""

import hashlib
from collections.abc import Callable, Mapping

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.persistence.collections.findings import CALM_SECONDS
from ekpay_switch.persistence.collections.unclaimed_callbacks import (
    KEEP,
    KEEP_UNCLAIMED,
    READ_CLAIM,
    UNCLAIMED_BYTES_MAX,
    UNCLAIMED_HEADER_LENGTH_MAX,
    UNCLAIMED_HEADERS_MAX,
)
from ekpay_switch.persistence.payment_rows import LEG, REFERENCE_LOCK, as_json, lock_name
from ekpay_switch.persistence.schema.collections import IS_UNBOOKED
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.collections import RawCallback, UnclaimedRefusedError
from ekpay_switch.security.card_numbers import (
    is_identifier_of_a_card,
    mask_card_bytes,
    mask_card_numbers,
)

BODY_BYTES_MAX = 65_536
# A longer name is none of ours, and would not fit into an index.
NAME_LENGTH_MAX = 200
# Credentials: who reads the table could act in somebody's name.
DROPPED_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-notification-secret"})
# In one order, so that two callbacks never deadlock on each other's tries.
LOCK_NAMED = f"""
SELECT attempt_id FROM tries WHERE connector_id = $1 AND attempt_id IN (
  SELECT attempt_id FROM tries WHERE connector_id = $1 AND provider_reference = $2
  UNION ALL SELECT id FROM attempts WHERE reference = $3 AND leg = '{LEG}')
ORDER BY attempt_id FOR UPDATE
"""  # noqa: S608 - constants
# Read again under the locks. A try that collected money is not asked about again, unless its connector tells
# money under it that no account has. The first consent stays: one that may be on its way to the provider is
# never replaced.
WAKE_TRIES = f"""
UPDATE tries AS t SET is_woken = true, is_agreed = t.is_agreed OR $2, consent = coalesce(t.consent, $3),
  next_action_at = least(t.next_action_at, greatest(now(), t.asked_at + interval '{CALM_SECONDS} seconds'))
FROM attempts AS a WHERE t.attempt_id = ANY($1) AND a.id = t.attempt_id
  AND (a.state <> 'closed' OR a.outcome NOT IN ('approved', 'second_success') OR EXISTS (
    SELECT FROM unbooked_movements AS u WHERE u.attempt_id = t.attempt_id AND {IS_UNBOOKED}))
"""  # noqa: S608 - constants
WAKE_REFUNDS = """
UPDATE refunds SET next_action_at = least(next_action_at, now()) WHERE id IN (
  SELECT id FROM refunds WHERE connector_id = $1 AND provider_refund = $2
  UNION ALL SELECT id FROM refunds WHERE our_reference = $3 AND connector_id = $1)
AND state IN ('sent', 'in_doubt', 'by_hand')
"""


class PostgresCallbacks:
    """Callbacks in PostgreSQL; one short transaction a call."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def keep(
        self,
        callback: RawCallback,
        hint: CallbackHint | None,
        may_keep_unclaimed: Callable[[], bool] = lambda: True,
    ) -> bool:
        """See `ports.collections.Callbacks`.

        The body is cut at 64 KiB, that of an unclaimed one at 8 KiB, and credentials are not stored.
        """
        is_believed = hint is not None and not callback.is_forged
        return await self._transactions.run(
            lambda connection: _keep(connection, callback, hint if is_believed else None, may_keep_unclaimed)
        )


async def _keep(
    connection: Connection,
    callback: RawCallback,
    hint: CallbackHint | None,
    may_keep_unclaimed: Callable[[], bool],
) -> bool:
    connector_id = callback.connector_id
    provider_reference = _storable_name(hint.provider_reference) if hint is not None else None
    reference = _storable_name(hint.reference) if hint is not None else None
    consent = _storable_name(hint.consent) if hint is not None and hint.is_agreed else None
    if provider_reference is not None:
        # Who records this provider reference for a try sees this callback, or this transaction sees that try.
        await lock_name(connection, REFERENCE_LOCK, connector_id, provider_reference)
    names = (connector_id, provider_reference, reference)
    named = await connection.fetch(LOCK_NAMED, *names) if hint is not None else []
    is_claimed = False
    if hint is not None:
        claim = await connection.fetchrow(READ_CLAIM, *names, bool(named))
        if not claim["is_ours"] and not may_keep_unclaimed():
            raise UnclaimedRefusedError
        is_claimed = claim["is_ours"] and claim["has_room"]
    headers = _headers_to_store(callback.headers)
    # What names a payment of ours is a reference; what a stranger sends may be anything.
    kept_names = [
        name if is_claimed or name is None or not is_identifier_of_a_card(name) else None
        for name in (provider_reference, reference, consent)
    ]
    is_new = await connection.fetchval(
        KEEP if is_claimed else KEEP_UNCLAIMED, connector_id,
        _name_or_digest(mask_card_numbers(callback.name)),
        as_json(headers if is_claimed else _short_headers(headers)),
        mask_card_bytes(callback.body)[: BODY_BYTES_MAX if is_claimed else UNCLAIMED_BYTES_MAX],
        *kept_names[:2], hint is not None and hint.is_agreed,
        callback.is_forged, mask_card_numbers(_storable_text(callback.why)), kept_names[2],
    )  # fmt: skip
    if hint is not None:
        await connection.execute(WAKE_TRIES, [row["attempt_id"] for row in named], hint.is_agreed, consent)
        await connection.execute(WAKE_REFUNDS, *names)
    return bool(is_new)


def _headers_to_store(headers: Mapping[str, str]) -> dict[str, str]:
    headers_to_store = (pair for pair in headers.items() if pair[0].lower() not in DROPPED_HEADERS)
    return {
        mask_card_numbers(_storable_text(name)): mask_card_numbers(_storable_text(value))
        for name, value in headers_to_store
    }


def _short_headers(headers: Mapping[str, str]) -> dict[str, str]:
    kept = list(headers.items())[:UNCLAIMED_HEADERS_MAX]
    return {name[:NAME_LENGTH_MAX]: value[:UNCLAIMED_HEADER_LENGTH_MAX] for name, value in kept}


def _storable_text(text: str) -> str:
    """Text that PostgreSQL can store: without NUL and unpaired surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _storable_name(name: str) -> str | None:
    return name if name and name.isprintable() and len(name) <= NAME_LENGTH_MAX else None


def _name_or_digest(name: str) -> str:
    """The name itself, or the SHA-256 of a name that cannot be stored."""
    return _storable_name(name) or hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()

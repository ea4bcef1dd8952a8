"""What books a line of our own bank's statement: each line is booked once, whatever books it.

A top-up, a transfer to a utility, a refund that was paid by hand, a decision that moves our bank, a decision
about a break, and an unidentified line all name the line by a reference. Whoever books one takes the lock of
that name first, so of two at once the second finds the first.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from ekpay_switch.ports.finance import BankBooking

# The driver does not type its methods.
Connection = Any

# A first key of the two-key advisory locks, beside those of `payment_rows`, of scrolls and of suspense.
_LOCK = """
SELECT pg_advisory_xact_lock(7, hashtext(w.name))
FROM (SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS u (name, place) ORDER BY place) AS w
"""
# Where a connector gave back another amount, the reference of the decision names its refund and then what our
# bank has paid, so each word with a digit may be the bank's, the last one first.
_NAMES_OF_DECISION = f"""
CROSS JOIN LATERAL (SELECT btrim(d.reference) AS name, 0 AS place UNION ALL
  SELECT word, place FROM regexp_split_to_table(d.reference, '[\\s,;]+') WITH ORDINALITY AS w (word, place)
  WHERE d.action = '{DecisionAction.PAID_BACK_OTHERWISE}' AND word ~ '[0-9]') AS n
"""  # noqa: S608 - constants
# One row for each booking that a person named by a reference, and for each name of one; amounts in paisa,
# above zero where money came.
_BOOKED = f"""
SELECT 'top-up' AS kind, id, amount, reference, approved_at AS at, reversed_at IS NOT NULL AS is_reversed,
  1::bigint AS place, '' AS bank
FROM public.top_ups WHERE approved_by IS NOT NULL
UNION ALL
SELECT 'deposit', id, -amount, reference, approved_at, reversed_at IS NOT NULL, 1, ''
FROM public.deposit_transfers WHERE approved_by IS NOT NULL
UNION ALL
SELECT 'by-hand', id, -amount, bank_reference, updated_at, false, 1, ''
FROM public.refunds WHERE state = 'done' AND confirmed_by IS NOT NULL AND bank_reference IS NOT NULL
UNION ALL
SELECT 'decision', d.id, m.amount, n.name, d.approved_at, false, n.place, ''
FROM public.decisions AS d
CROSS JOIN LATERAL (SELECT sum(o.amount)::bigint AS amount
  FROM jsonb_array_elements_text(d.entry_ids) AS e (id)
  JOIN public.postings AS o ON o.entry_id = e.id::uuid AND o.account = 'settlement_bank') AS m
{_NAMES_OF_DECISION}
WHERE d.approved_at IS NOT NULL AND m.amount <> 0 AND n.name <> ''
UNION ALL
SELECT l.booked_by, l.entry_id, l.amount, l.reference, l.at, EXISTS (SELECT FROM public.break_bank_lines AS r
  WHERE r.releases = l.entry_id AND r.reference = l.reference), 1, l.bank
FROM public.break_bank_lines AS l WHERE l.booked_by <> '{BankLineKind.BREAK}' AND l.releases IS NULL
"""  # noqa: S608 - constants
# A line may take a name over later, once the line that shared it is gone; it stays a single booking. The
# transfers by which parts of a line went back are lines of their own, which one entry books.
_ALL = f"""
SELECT kind, id, amount, min(at) AS at, is_reversed, bank,
  array_agg(reference ORDER BY place DESC, reference) AS names
FROM ({_BOOKED}) AS b
GROUP BY kind, id, amount, is_reversed, bank, CASE WHEN kind = '{BankLineKind.RETURN}' THEN reference END
ORDER BY kind, id, names
"""  # noqa: S608 - constants
# What waits for a second person and will book a line by its reference once that person approves it.
_REQUESTED = f"""
SELECT reference, amount FROM public.top_ups WHERE num_nonnulls(approved_by, rejected_by) = 0
UNION ALL
SELECT reference, -amount FROM public.deposit_transfers WHERE num_nonnulls(approved_by, rejected_by) = 0
UNION ALL
SELECT bank_reference, -amount FROM public.refunds WHERE state = 'by_hand' AND bank_reference IS NOT NULL
UNION ALL
SELECT n.name, m.amount FROM public.decisions AS d
CROSS JOIN LATERAL (SELECT sum((o ->> 1)::bigint)::bigint AS amount
  FROM jsonb_array_elements(d.entries) AS e (entry)
  CROSS JOIN LATERAL jsonb_array_elements(e.entry -> 'postings') AS p (o)
  WHERE o ->> 0 = 'settlement_bank') AS m
{_NAMES_OF_DECISION}
WHERE num_nonnulls(d.approved_at, d.rejected_at, d.lapsed_at) = 0 AND m.amount <> 0 AND n.name <> ''
"""  # noqa: S608 - constants
# What decisions about breaks have booked of a line, and no reversal has taken back.
_BY_BREAKS = f"""
SELECT '{BankLineKind.BREAK}' AS kind, (array_agg(entry_id ORDER BY at, entry_id))[1] AS id,
  sum(amount)::bigint AS amount, reference, min(at) AS at, false AS is_reversed,
  1::bigint AS place, '' AS bank
FROM public.break_bank_lines WHERE booked_by = '{BankLineKind.BREAK}'
GROUP BY reference HAVING sum(amount) <> 0
"""  # noqa: S608 - a constant
STANDING = f"SELECT * FROM ({_BOOKED} UNION ALL {_BY_BREAKS}) AS b WHERE NOT is_reversed"  # noqa: S608 - constants
_OF_NAMES = f"{STANDING} AND reference = ANY ($1::text[]) ORDER BY kind, id"
_BOOK = """
INSERT INTO break_bank_lines (reference, entry_id, amount, booked_by, bank)
SELECT n, $2, $3, $4, $5 FROM unnest($1::text[]) AS n ON CONFLICT DO NOTHING
"""
_RELEASE = """
INSERT INTO break_bank_lines (reference, entry_id, amount, booked_by, bank, releases)
SELECT reference, $2, -amount, booked_by, bank, $1 FROM break_bank_lines
WHERE entry_id = $1 AND releases IS NULL ORDER BY reference
ON CONFLICT DO NOTHING
"""

_IS_BOOKED = "where that was wrong, reverse it first"
_IS_UNIDENTIFIED = (
    "while this waits, ekpay settle credits lets an open line go: run it, then approve this again; one that "
    "is decided is reversed first (ekpay settle unidentified list --all, show, reverse)"
)


class BankLineBookedError(SwitchError):
    """The line of the bank's statement is booked already; what booked it is reversed first."""


def names_of_decision(action: DecisionAction, reference: str) -> list[str]:
    """The names by which a decision that moves our bank may mean a line of its statement."""
    words = reference.replace(",", " ").replace(";", " ").split()
    is_mixed = action is DecisionAction.PAID_BACK_OTHERWISE
    return [reference.strip(), *(word for word in words if is_mixed and any(map(str.isdigit, word)))]


async def refuse_booked_line(connection: Connection, names: Collection[str], booked_by: UUID) -> None:
    """Refuse to book a line that anything but `booked_by` has booked; nobody else books it meanwhile.

    Raises:
        BankLineBookedError: it is booked; the message names what has booked it.
    """
    for standing in await lock_lines(connection, names):
        if standing.id != booked_by:
            way = _IS_UNIDENTIFIED if standing.kind == BankLineKind.UNIDENTIFIED else _IS_BOOKED
            raise BankLineBookedError(
                f"reference: {standing} has booked {standing.names[0]} of the bank's statement; {way}"
            )


async def lock_lines(connection: Connection, names: Collection[str]) -> Sequence[BankBooking]:
    """Lock lines by their names until the transaction ends, and read what stands booked of them."""
    wanted = sorted({name for name in names if name})
    await connection.fetch(_LOCK, wanted)
    rows = await connection.fetch(_OF_NAMES, wanted)
    return [_booking(row, (row["reference"],)) for row in rows]


class BankLineRows:
    """`ports.finance.BankLines` in PostgreSQL."""

    async def bookings(self, connection: Connection) -> Sequence[BankBooking]:
        """See `ports.finance.BankLines`."""
        return [_booking(row, tuple(row["names"])) for row in await connection.fetch(_ALL)]

    async def requests(self, connection: Connection) -> Sequence[tuple[str, int]]:
        """See `ports.finance.BankLines`."""
        return [(row["reference"], row["amount"]) for row in await connection.fetch(_REQUESTED)]

    async def lock(self, connection: Connection, names: Collection[str]) -> Sequence[BankBooking]:
        """See `ports.finance.BankLines`."""
        return await lock_lines(connection, names)

    async def book(
        self,
        connection: Connection,
        entry_id: UUID,
        names: Collection[str],
        amount: int,
        *,
        kind: BankLineKind = BankLineKind.BREAK,
        bank: str = "",
    ) -> None:
        """See `ports.finance.BankLines`."""
        await connection.execute(_BOOK, sorted(names), entry_id, amount, kind.value, bank)

    async def release(self, connection: Connection, entry_id: UUID, reversal_id: UUID) -> None:
        """See `ports.finance.BankLines`."""
        await connection.execute(_RELEASE, entry_id, reversal_id)


def _booking(row: Any, names: tuple[str, ...]) -> BankBooking:  # noqa: ANN401 - a row of the driver
    return BankBooking(
        row["kind"], row["id"], row["amount"], names, row["at"], row["is_reversed"], row["bank"]
    )

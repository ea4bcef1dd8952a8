"""The payment behind each line, and what is known of its money: collected by whom, matched, received.

A payment is funded by its partner's prefund, which has come before it, or by one connector: the one whose
suspense two persons took for it, else the one that collected it, else the one that collected beside it. Of
another connector's money for the same payment nothing is paid out. All set-wise, without locks.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from reconciliation.results.table_values import Connection, Row
from reconciliation.settlement.positions.cycles import Cycle, Party, PartyRole
from reconciliation.settlement.positions.holdbacks import MissingFact, UnreceivedAmount

_LINK: Final = """
INSERT INTO reconciliation.settlement_line_payments (source, payment_id)
SELECT * FROM unnest($1::text[], $2::uuid[]) ON CONFLICT (source) DO NOTHING
"""
# What funded a payment stands before it is delivered and never changes. `prefund`, a connector, or empty.
_LINK_PAYEE: Final = """
INSERT INTO reconciliation.settlement_line_payments (source, payment_id, funded_by)
SELECT n.source, n.payment_id, coalesce((
  SELECT CASE j.moment WHEN 'accepted' THEN 'prefund' ELSE split_part(p.account, ':', 2) END
  FROM public.journal_entries AS j JOIN public.postings AS p ON p.entry_id = j.id
  WHERE j.payment_id = n.payment_id AND (
    (j.moment = 'accepted' AND starts_with(p.account, 'prefund:'))
    OR (j.moment = 'funded_from_suspense' AND starts_with(p.account, 'suspense:'))
    OR (j.moment IN ('collected', 'collected_without_payment') AND starts_with(p.account, 'receivable:')))
  ORDER BY array_position(
    ARRAY['accepted', 'funded_from_suspense', 'collected', 'collected_without_payment'], j.moment), j.at, j.id
  LIMIT 1), '')
FROM unnest($1::text[], $2::uuid[]) AS n (source, payment_id)
WHERE NOT EXISTS (SELECT FROM reconciliation.settlement_line_payments AS m WHERE m.source = n.source)
ON CONFLICT (source) DO NOTHING
"""
# Lines of merchants and payees are frozen lines of our books: `lines-<window>:<ordinal>`.
_OWN_PAYMENTS: Final = """
SELECT n.source, l.payment_id FROM unnest($1::text[]) AS n (source)
JOIN public.ledger_lines AS l ON l.window_id = split_part(substr(n.source, 7), ':', 1)::bigint
  AND l.ordinal = split_part(n.source, ':', 2)::integer
"""
_IS_LINKED: Final = "SELECT EXISTS (SELECT FROM reconciliation.settlement_line_payments)"
_CONNECTOR_CYCLES: Final = """
SELECT DISTINCT party, day, cycle FROM reconciliation.settlement_lines
WHERE role = 'connector' AND event = 'agreed'
"""
# A line withdrawn or reopened is one row of a file with the line that it follows.
_FILED_AMOUNTS: Final = """
SELECT split_part(l.source, ' ', 1) AS source, sum(l.amount)::bigint AS amount
FROM reconciliation.settlement_lines AS l
JOIN unnest($1::text[], $2::date[], $3::smallint[]) AS c (party, day, cycle)
  ON c.party = l.party AND c.day = l.day AND c.cycle = l.cycle
WHERE l.role = 'connector' AND l.event = 'agreed' AND NOT starts_with(l.source, 'lines-')
GROUP BY 1
"""
# Cycles of payees of which something was agreed so late that it may belong to a later value date.
_LATE_CYCLES: Final = """
SELECT DISTINCT role, party, day, cycle, night FROM reconciliation.settlement_lines
WHERE event = 'agreed' AND role IN ('biller', 'merchant', 'payee') AND (night >= $1 OR day >= $2)
"""
_FACTS: Final = """
WITH later AS (
  SELECT * FROM unnest($3::text[], $4::text[], $5::date[], $6::smallint[], $7::date[])
    AS n (role, party, day, cycle, night)),
rests AS (
  SELECT * FROM unnest($12::text[], $13::text[], $14::date[], $15::smallint[], $16::date[])
    AS n (role, party, day, cycle, night)),
agreed AS (
  SELECT l.role, l.party, m.payment_id, m.funded_by AS connector, -sum(l.amount) AS amount,
    greatest(0, -coalesce(sum(l.amount) FILTER (WHERE (l.role, l.party, l.day, l.cycle, l.night) IN (
      SELECT role, party, day, cycle, night FROM rests)), 0)) AS resting
  FROM reconciliation.settlement_lines AS l
  JOIN reconciliation.settlement_line_payments AS m ON m.source = split_part(l.source, ' ', 1)
  WHERE l.event = 'agreed' AND l.role IN ('biller', 'merchant', 'payee') AND m.funded_by <> 'prefund'
    AND ($1::text IS NULL OR (l.role = $1 AND l.party = $2))
    AND (l.role, l.party, l.day, l.cycle, l.night) NOT IN (SELECT role, party, day, cycle, night FROM later)
  GROUP BY l.role, l.party, m.payment_id, m.funded_by),
owed AS (
  SELECT role, party, payment_id, connector, (amount - resting)::bigint AS amount
  FROM agreed WHERE amount > resting),
money AS (
  SELECT m.payment_id, l.party AS connector, sum(l.amount) AS matched,
    coalesce(sum(l.amount) FILTER (WHERE NOT starts_with(l.source, 'lines-')
      AND ((l.party, l.day, l.cycle) IN (SELECT * FROM unnest($8::text[], $9::date[], $10::smallint[]))
        OR m.source IN (SELECT * FROM unnest($11::text[])))), 0) AS received
  FROM reconciliation.settlement_lines AS l
  JOIN reconciliation.settlement_line_payments AS m ON m.source = split_part(l.source, ' ', 1)
  WHERE l.role = 'connector' AND l.kind = 'payment' AND l.event = 'agreed'
  GROUP BY m.payment_id, l.party)
SELECT o.role, o.party, o.payment_id, o.amount, o.connector,
  CASE WHEN coalesce(m.matched, 0) > 0 THEN 'not_received' ELSE 'not_matched' END AS missing
FROM owed AS o
LEFT JOIN money AS m ON m.payment_id = o.payment_id AND m.connector = o.connector
WHERE coalesce(m.received, 0) <= 0
"""
_SUMS: Final = f"""
SELECT role, party, connector, missing, sum(amount)::bigint AS amount FROM ({_FACTS}) AS f
GROUP BY role, party, connector, missing
"""  # noqa: S608 - our own constant
_PAYMENTS: Final = f"SELECT * FROM ({_FACTS}) AS f ORDER BY payment_id"  # noqa: S608 - our own constant
# What comes and goes within its hold for one payment, or one row without a payment, rests as one sum; a
# refund of what was agreed before counts at once.
_RESTING: Final = """
SELECT role, party, sum(paisa)::bigint AS paisa FROM (
  SELECT l.role, l.party, greatest(0, -sum(l.amount)) AS paisa
  FROM unnest($1::text[], $2::text[], $3::date[], $4::smallint[], $5::date[])
    AS n (role, party, day, cycle, night)
  JOIN reconciliation.settlement_lines AS l ON l.role = n.role AND l.party = n.party AND l.day = n.day
    AND l.cycle = n.cycle AND l.night = n.night AND l.event = 'agreed'
  LEFT JOIN reconciliation.settlement_line_payments AS m ON m.source = split_part(l.source, ' ', 1)
  GROUP BY l.role, l.party, coalesce(m.payment_id::text, split_part(l.source, ' ', 1))) AS r
GROUP BY role, party HAVING sum(paisa) > 0
"""
# As for lines: a file is ten business days late at the most, and the longest holidays lie between.
_NIGHTS: Final = timedelta(days=30)
_DAYS: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class ReceivedMoney:
    """What connectors have paid out: cycles that are paid wholly, and single rows of those paid in part."""

    cycles: tuple[Cycle, ...] = ()
    rows: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AgreedCycle:
    """A cycle of which something was agreed in a night."""

    cycle: Cycle
    night: date


@dataclass(frozen=True, slots=True)
class UnreceivedPayment:
    """A payment that a payee is owed `amount` paisa for, whose money is not here."""

    payment_id: UUID
    connector: str
    missing: MissingFact
    amount: int


async def link_collections(connection: Connection, payments: Mapping[str, UUID]) -> None:
    """Keep the payment of each row of a connector's file; one that is known stays."""
    if payments:
        await connection.execute(_LINK, list(payments), list(payments.values()))


async def link_payees(connection: Connection, payments: Mapping[str, UUID]) -> None:
    """Keep the payment of each row that is owed to a payee, and what funded it; one that is known stays."""
    if payments:
        await connection.execute(_LINK_PAYEE, list(payments), list(payments.values()))


async def payments_of_own_lines(connection: Connection, sources: Collection[str]) -> dict[str, UUID]:
    """The payments of frozen lines of our books, by the names of the lines."""
    rows = await connection.fetch(_OWN_PAYMENTS, list(sources))
    return {row["source"]: row["payment_id"] for row in rows}


async def is_linked(connection: Connection) -> bool:
    """Whether any row has its payment yet."""
    found: bool = await connection.fetchval(_IS_LINKED)
    return found


async def connector_cycles(connection: Connection) -> tuple[Cycle, ...]:
    """Every cycle of a connector of which something is agreed."""
    return tuple(
        Cycle(Party(PartyRole.CONNECTOR, row["party"]), row["day"], row["cycle"])
        for row in await connection.fetch(_CONNECTOR_CYCLES)
    )


async def filed_amounts(connection: Connection, cycles: Sequence[Cycle]) -> list[tuple[str, int]]:
    """The agreed net amount of each row of a file in some cycles of connectors, in paisa."""
    rows = await connection.fetch(_FILED_AMOUNTS, *_columns(cycles))
    return [(row["source"], row["amount"]) for row in rows]


async def late_cycles(
    connection: Connection, value_date: date, earlier: timedelta = timedelta()
) -> tuple[AgreedCycle, ...]:
    """The cycles of payees that may be settled after a value date, though something of them is agreed.

    With `earlier` also those that may be settled so long before it.
    """
    rows = await connection.fetch(_LATE_CYCLES, value_date - _NIGHTS - earlier, value_date - _DAYS - earlier)
    return tuple(
        AgreedCycle(
            Cycle(Party(PartyRole(row["role"]), row["party"]), row["day"], row["cycle"]), row["night"]
        )
        for row in rows
    )


async def resting_amounts(connection: Connection, resting: Sequence[AgreedCycle]) -> dict[Party, int]:
    """What rests of each payee in some cycles, in paisa, less what was taken back of it meanwhile."""
    rows = await connection.fetch(_RESTING, *_agreed_columns(resting))
    return {Party(PartyRole(row["role"]), row["party"]): row["paisa"] for row in rows}


async def unreceived_amounts(
    connection: Connection,
    received: ReceivedMoney,
    later: Sequence[AgreedCycle],
    resting: Sequence[AgreedCycle] = (),
) -> list[UnreceivedAmount]:
    """What payees are owed for payments whose money is not here, by connector.

    Lines of `later` are left out, and so is what rests of a payment in the cycles `resting`.
    """
    rows = await connection.fetch(_SUMS, None, None, *_places(received, later), *_agreed_columns(resting))
    return [
        UnreceivedAmount(
            Party(PartyRole(row["role"]), row["party"]),
            row["connector"],
            MissingFact(row["missing"]),
            row["amount"],
        )
        for row in rows
    ]


async def unreceived_payments(
    connection: Connection, payee: Party, received: ReceivedMoney, later: Sequence[AgreedCycle]
) -> list[UnreceivedPayment]:
    """The same of one payee, payment by payment."""
    values = (payee.role.value, payee.name, *_places(received, later), *_agreed_columns(()))
    rows = await connection.fetch(_PAYMENTS, *values)
    return [_payment(row) for row in rows]


def _payment(row: Row) -> UnreceivedPayment:
    return UnreceivedPayment(row["payment_id"], row["connector"], MissingFact(row["missing"]), row["amount"])


def _columns(cycles: Iterable[Cycle]) -> tuple[list[str], list[date], list[int]]:
    listed = list(cycles)
    return (
        [item.party.name for item in listed],
        [item.day for item in listed],
        [item.number for item in listed],
    )


def _places(received: ReceivedMoney, later: Sequence[AgreedCycle]) -> tuple[Sequence[object], ...]:
    """The parameters of `_FACTS` after the payee, without what rests."""
    return (*_agreed_columns(later), *_columns(received.cycles), sorted(received.rows))


def _agreed_columns(cycles: Sequence[AgreedCycle]) -> tuple[Sequence[object], ...]:
    """Cycles with their nights as columns."""
    roles = [item.cycle.party.role.value for item in cycles]
    names, days, numbers = _columns(item.cycle for item in cycles)
    return (roles, names, days, numbers, [item.night for item in cycles])

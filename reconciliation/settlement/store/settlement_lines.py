"""Settlement lines in the tables of migration 0015, and the postings and frozen lines that become lines.

A line has one row for each decision; its first row has the night in which it was seen, its newest the state.
Rows never change.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.ports.finance import LineEvent, LineRole
from reconciliation.results.table_values import Columns, Connection, Row, insert
from reconciliation.settlement.positions.cycles import Cycle, Party, PartyRole
from reconciliation.settlement.positions.ledger_lines import AccountMovement, BookedLine
from reconciliation.settlement.positions.lines import (
    LineKind,
    LineName,
    SettlementLine,
    row_of,
    successor_sources,
)

_LINES: Final = """
SELECT l.role, l.party, l.day, l.cycle, l.source, l.kind, l.amount, l.event, l.night, l.because
FROM reconciliation.settlement_lines AS l
"""
_UNDECIDED: Final = """
l.event = 'held' AND NOT EXISTS (
  SELECT FROM reconciliation.settlement_lines AS d
  WHERE d.role = l.role AND d.party = l.party AND d.day = l.day AND d.cycle = l.cycle AND d.source = l.source
    AND d.kind = l.kind AND d.event <> 'held')
"""
# A line that is not agreed may still change by a decision; the others only where their rows change.
_WAITING: Final = f"""
SELECT DISTINCT l.source FROM reconciliation.settlement_lines AS l
WHERE l.role IN ('biller', 'connector') AND (l.event = 'dropped' OR {_UNDECIDED})
"""  # noqa: S608 - a constant
# Joined to the names, so that each is looked up by the index however many lines there are by now.
_ABOUT: Final = f"""
{_LINES} JOIN unnest($1::text[]) AS n (source) ON n.source = l.source
WHERE l.role IN ('biller', 'connector') ORDER BY l.id
"""
# A line that was first seen earlier may have been decided since, so all rows of each line are read.
_SINCE: Final = f"""
{_LINES} JOIN (
  SELECT DISTINCT l.role, l.party, l.day, l.cycle, l.source, l.kind FROM reconciliation.settlement_lines AS l
  WHERE l.night >= $1 OR l.day >= $2 OR {_UNDECIDED}) AS n
  ON n.source = l.source AND n.role = l.role AND n.party = l.party AND n.day = l.day AND n.cycle = l.cycle
  AND n.kind = l.kind
ORDER BY l.id
"""  # noqa: S608 - constants
_HELD_LINES: Final = f"{_LINES} WHERE {_UNDECIDED} ORDER BY l.id"
# The agreed total of each file, as one line.
_AGREED: Final = """
SELECT role, party, day, cycle, split_part(source, ':', 1) || ':0' AS source, 'payment' AS kind,
  sum(amount)::bigint AS amount, 'agreed' AS event, max(night) AS night, '' AS because
FROM reconciliation.settlement_lines WHERE role = 'connector' AND event = 'agreed'
GROUP BY role, party, day, cycle, split_part(source, ':', 1)
"""
_RUNS_ABOUT: Final = """
SELECT DISTINCT r.seq FROM unnest($1::text[]) AS n (source)
JOIN reconciliation.settlement_lines AS l ON l.source = n.source
JOIN reconciliation.runs AS r ON r.id = l.run_id
"""
# How long before a value date a line may have come or been agreed that it takes: a file is ten business days
# late at the most, and the longest holidays lie between.
_NIGHTS: Final = timedelta(days=30)
_DAYS: Final = timedelta(days=60)
_NOT_TAKEN: Final = """
SELECT r.seq FROM reconciliation.runs AS r WHERE NOT EXISTS (
  SELECT FROM reconciliation.settlement_takings AS t WHERE t.run_id = r.id) ORDER BY r.seq
"""
_MARK_TAKEN: Final = (
    "INSERT INTO reconciliation.settlement_takings (run_id) VALUES ($1) ON CONFLICT DO NOTHING"
)
_COLUMNS: Final[Columns] = (
    ("role", "text"),
    ("party", "text"),
    ("day", "date"),
    ("cycle", "smallint"),
    ("source", "text"),
    ("kind", "text"),
    ("amount", "bigint"),
    ("event", "text"),
    ("night", "date"),
    ("because", "text"),
    ("run_id", "uuid"),
)
# The newest revision counts; what failed moved nothing.
_BOOKED: Final = """
SELECT l.window_id, l.ordinal, l.role, l.party, l.account, l.event, l.business_date, l.gross, l.fee, l.vat
FROM public.ledger_lines AS l
WHERE l.role IN ('merchant', 'partner') AND l.status = 'success' AND l.currency = 'BDT' AND l.id <= $1
  AND l.id > (SELECT coalesce(max(r.last_line), 0) FROM reconciliation.settlement_takings AS t
    JOIN reconciliation.runs AS r ON r.id = t.run_id)
  AND NOT EXISTS (
    SELECT FROM reconciliation.settlement_lines AS s
    WHERE s.source = 'lines-' || l.window_id || ':' || l.ordinal
      AND s.role IN ('merchant', 'partner', 'payee'))
ORDER BY l.id
"""
# What moved on merchants' accounts beside payments and refunds, what agents earned, what partners withdrew,
# what we sweep or send to deposits, and what was paid of demands or written off, also of billers. A debt
# beyond the limit moves between two accounts of one party, and what settlement posts is not claimed again.
_OTHER_POSTINGS: Final = """
SELECT p.entry_id, p.seq, p.account, p.amount, j.business_date
FROM public.postings AS p JOIN public.journal_entries AS j ON j.id = p.entry_id
JOIN public.settlement_windows AS w ON w.id = j.window_id
WHERE w.state = 'closed' AND j.business_date <= $1
  AND (p.account LIKE 'payable:merchant:%' OR p.account LIKE 'commission_payable:%'
    OR p.account LIKE 'withdrawal_due:%' OR p.account LIKE 'sweep_due:%' OR p.account LIKE 'deposit_due:%'
    OR (p.account LIKE 'payable:%' OR p.account LIKE 'receivable:merchant:%')
      AND j.moment IN ('unidentified_settled', 'unidentified_reopened', 'demand_written_off'))
  AND j.moment NOT IN ('delivered', 'owed_back_by_shares', 'owed_back_by_shares_reversed',
    'owed_by_merchant')
  AND NOT starts_with(j.moment, 'settlement_')
  AND NOT EXISTS (
    SELECT FROM reconciliation.settlement_lines AS s WHERE s.source = 'entry-' || p.entry_id || ':' || p.seq)
ORDER BY j.business_date, p.entry_id, p.seq
"""
# Postings to an open window are no claims yet, except those of settlement itself.
_CLOSED: Final = """
SELECT p.account, sum(p.amount)::bigint AS amount FROM public.postings AS p
JOIN public.journal_entries AS j ON j.id = p.entry_id
JOIN public.settlement_windows AS w ON w.id = j.window_id
WHERE (w.state = 'closed' OR starts_with(j.moment, 'settlement_'))
  AND split_part(p.account, ':', 1)
    IN ('commission_payable', 'deposit_due', 'payable', 'receivable', 'sweep_due', 'withdrawal_due')
GROUP BY p.account
"""
_DEPOSITS: Final = """
SELECT split_part(code, ':', 2) AS biller FROM public.accounts WHERE starts_with(code, 'biller_deposit:')
"""
# All breaks of a reference together: while one of them has no decision, its rows are held.
_DECIDED: Final = """
SELECT b.institution, b.reference, min(e.fate) AS fate
FROM reconciliation.breaks AS b
CROSS JOIN LATERAL (
  SELECT n.facts ->> 'settlement' AS fate
  FROM reconciliation.break_events AS n
  WHERE n.break_id = b.id AND n.event IN ('approved', 'reversed') ORDER BY n.seq DESC LIMIT 1) AS e
WHERE NOT EXISTS (
  SELECT FROM reconciliation.breaks AS other
  WHERE other.institution = b.institution AND other.reference = b.reference AND (
    SELECT n.state FROM reconciliation.break_events AS n
    WHERE n.break_id = other.id ORDER BY n.seq DESC LIMIT 1) IN ('open', 'proposed'))
GROUP BY b.institution, b.reference HAVING count(e.fate) = count(*) AND min(e.fate) = max(e.fate)
"""


async def read_lines(connection: Connection, value_date: date | None = None) -> tuple[SettlementLine, ...]:
    """The lines that can be of a value date or a later one, or are held, as they stand; without one, all."""
    if value_date is None:
        return _lines(await connection.fetch(f"{_LINES} ORDER BY l.id"))
    return _lines(await connection.fetch(_SINCE, value_date - _NIGHTS, value_date - _DAYS))


async def read_held(connection: Connection) -> tuple[SettlementLine, ...]:
    """The held lines that are not decided."""
    return _lines(await connection.fetch(_HELD_LINES))


async def read_agreed(connection: Connection) -> tuple[SettlementLine, ...]:
    """What is agreed of the files of connectors, together as one line a file and cycle."""
    return _lines(await connection.fetch(_AGREED))


async def waiting_sources(connection: Connection) -> frozenset[str]:
    """The rows of files whose lines may change by a decision alone: those that are held or were dropped."""
    return frozenset(row_of(row["source"]) for row in await connection.fetch(_WAITING))


async def lines_about(connection: Connection, rows: Collection[str]) -> tuple[SettlementLine, ...]:
    """The lines of these rows, with those that withdraw or reopen them."""
    all_rows: list[Row] = []
    sources = sorted(rows)
    while sources:
        new_rows = await connection.fetch(_ABOUT, sources)
        all_rows += new_rows
        sources = sorted({name for row in new_rows for name in successor_sources(row["source"])})
    return _lines(all_rows)


async def runs_about(connection: Connection, rows: Collection[str]) -> tuple[int, ...]:
    """The numbers of the runs that wrote lines of these rows."""
    return tuple(row["seq"] for row in await connection.fetch(_RUNS_ABOUT, sorted(rows)))


def _lines(rows: Iterable[Row]) -> tuple[SettlementLine, ...]:
    lines_by_name: dict[LineName, SettlementLine] = {}
    for row in rows:
        line = _line(row, lines_by_name)
        lines_by_name[line.name] = line
    return tuple(lines_by_name.values())


async def runs_not_taken(connection: Connection) -> tuple[int, ...]:
    """The numbers of committed runs whose lines were not taken in yet, in their order."""
    return tuple(row["seq"] for row in await connection.fetch(_NOT_TAKEN))


async def write_lines(
    connection: Connection, run_id: UUID, before: Iterable[SettlementLine], after: Iterable[SettlementLine]
) -> int:
    """Write what a run decided beyond `before`, in the caller's transaction; how many rows."""
    known = {line.name: line for line in before}
    rows = [_values(line, run_id) for line in after if known.get(line.name) != line]
    await insert(connection, "settlement_lines", _COLUMNS, rows)
    await connection.execute(_MARK_TAKEN, run_id)
    return len(rows)


async def new_booked(connection: Connection, last_line: int) -> Sequence[BookedLine]:
    """Frozen lines of merchants and partners up to the newest that a run has taken, if they are none yet."""
    return [
        BookedLine(
            f"lines-{row['window_id']}:{row['ordinal']}",
            LineRole(row["role"]),
            row["party"],
            row["account"],
            LineEvent(row["event"]),
            row["business_date"],
            row["gross"],
            row["fee"],
            row["vat"],
        )
        for row in await connection.fetch(_BOOKED, last_line)
    ]


async def new_moved(connection: Connection, night: date) -> Sequence[AccountMovement]:
    """Other postings on accounts of merchants in windows closed up to a night, that are no lines yet."""
    return [
        AccountMovement(
            f"entry-{row['entry_id']}:{row['seq']}", row["account"], row["business_date"], row["amount"]
        )
        for row in await connection.fetch(_OTHER_POSTINGS, night)
    ]


async def billers_with_deposit(connection: Connection) -> frozenset[str]:
    """The billers at which we keep money, so that they are never paid by instruction."""
    return frozenset(row["biller"] for row in await connection.fetch(_DEPOSITS))


async def closed_balances(connection: Connection) -> Mapping[str, int]:
    """What we owe and are owed by closed windows, less what was instructed, each account in its direction."""
    return {
        row["account"]: row["amount"] if kind_of(row["account"]).is_debit_normal else -row["amount"]
        for row in await connection.fetch(_CLOSED)
    }


async def decided_fates(connection: Connection) -> Mapping[tuple[str, str], str]:
    """The decided fate of the rows of each reference, where all of its breaks are decided."""
    rows = await connection.fetch(_DECIDED)
    return {(row["institution"], row["reference"]): row["fate"] for row in rows}


def _line(row: Row, lines_by_name: Mapping[LineName, SettlementLine]) -> SettlementLine:
    cycle = Cycle(Party(PartyRole(row["role"]), row["party"]), row["day"], row["cycle"])
    event, night = row["event"], row["night"]
    before = lines_by_name.get((cycle, row["source"], LineKind(row["kind"])))
    return SettlementLine(
        cycle,
        row["source"],
        LineKind(row["kind"]),
        row["amount"],
        seen_on=before.seen_on if before else night,
        agreed_on=night if event == "agreed" else None,
        dropped_on=night if event == "dropped" else None,
        because=row["because"],
    )


def _values(line: SettlementLine, run_id: UUID) -> tuple[object, ...]:
    event = "agreed" if line.agreed_on else "dropped" if line.dropped_on else "held"
    night = line.agreed_on or line.dropped_on or line.seen_on
    party = line.cycle.party
    return (
        party.role.value,
        party.name,
        line.cycle.day,
        line.cycle.number,
        line.source,
        line.kind.value,
        line.amount,
        event,
        night,
        "" if event == "agreed" else line.because or event,
        run_id,
    )

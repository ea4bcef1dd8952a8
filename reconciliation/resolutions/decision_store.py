"""Decisions in PostgreSQL (migration 0014): rows are added and never changed; constraints enforce the rules.

No `if` of ours says that maker and checkers are different persons: a check carries its resolution's maker by
a foreign key, and a constraint refuses the row where the two are one. An end names the checks that it rests
on.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from ekpay_switch.ports.finance import Connection
from reconciliation.resolutions.decision_records import (
    CheckerVerdict,
    ProposalOutcome,
    Resolution,
    UnknownIdError,
)
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.results.table_values import Row, as_json, from_json

_RESOLUTIONS: Final = """
SELECT r.*, e.outcome, coalesce(c.approved, '{}') AS approved_by, coalesce(c.rejected, '{}') AS rejected_by,
  (SELECT b.id FROM reconciliation.resolutions b
    JOIN reconciliation.resolution_ends f ON f.resolution_id = b.id AND f.outcome = 'approved'
    WHERE b.reverses = r.id) AS reversed_by
FROM reconciliation.resolutions r
LEFT JOIN reconciliation.resolution_ends e ON e.resolution_id = r.id
LEFT JOIN LATERAL (
  SELECT array_agg(checker ORDER BY at, checker) FILTER (WHERE verdict = 'approved') AS approved,
    array_agg(checker ORDER BY at, checker) FILTER (WHERE verdict = 'rejected') AS rejected
  FROM reconciliation.resolution_checks WHERE resolution_id = r.id) c ON true
"""
_INSERT: Final = """
INSERT INTO reconciliation.resolutions (id, break_id, number, action, amount, entry_id, moment, postings,
  settlement, reason, maker, rule, checkers_needed, reverses, bank_reference)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11, $12, $13, $14, $15)
RETURNING short_number
"""
_CHECK: Final = """
INSERT INTO reconciliation.resolution_checks (resolution_id, checker, maker, verdict, reason)
VALUES ($1, $2, $3, $4, $5)
"""
_END: Final = """
INSERT INTO reconciliation.resolution_ends (resolution_id, outcome, checkers_needed, entry_id, first_checker,
  second_checker) VALUES ($1, $2, $3, $4, $5, $6)
"""
_MOVEMENTS: Final = """
SELECT DISTINCT movement FROM ledger_lines WHERE movement = ANY ($1::uuid[]) ORDER BY movement
"""
_NETS: Final = """
SELECT net FROM (
  SELECT DISTINCT ON (role, movement, account, event) id, status, net FROM ledger_lines
  WHERE movement = ANY ($1::uuid[]) AND party = $2 AND (event = 'payment') = $3
  ORDER BY role, movement, account, event, revision DESC) AS newest
WHERE status = 'success' ORDER BY id
"""
_INSTITUTIONS: Final = "SELECT id, institution FROM reconciliation.breaks WHERE id = ANY ($1::uuid[])"
_BY_PREFIX: Final = {
    table: f"SELECT id FROM reconciliation.{table}s WHERE id::text LIKE $1 || '%' ORDER BY id LIMIT 3"  # noqa: S608
    for table in ("break", "resolution")
}
_BY_NUMBER: Final = {
    table: f"SELECT id FROM reconciliation.{table}s WHERE short_number = $1"  # noqa: S608 - our own words
    for table in ("break", "resolution")
}
_HEX: Final = frozenset("0123456789abcdef-")
_SHORTEST = 4
_TOO_LONG: Final = 10  # nine digits fit into the column


async def id_by_name(connection: Connection, table: str, text: str) -> UUID:
    """The one `break` or `resolution` with this short number, or whose id begins with four or more digits.

    Raises:
        UnknownIdError: none, or several.
    """
    name = text.strip().lower()
    is_number = name.isascii() and name.isdecimal() and len(name) < _TOO_LONG
    is_prefix = len(name) >= _SHORTEST and set(name) <= _HEX
    if not is_number and not is_prefix:
        raise UnknownIdError(
            f"{text!r} names no {table}: give its number, or at least {_SHORTEST} digits of its id"
        )
    numbered = await connection.fetch(_BY_NUMBER[table], int(name)) if is_number else []
    prefixed = await connection.fetch(_BY_PREFIX[table], name) if is_prefix else []
    ids = list(dict.fromkeys(UUID(str(row["id"])) for row in (*numbered, *prefixed)))
    if not ids:
        raise UnknownIdError(f"no {table} has the number {name}, or an id that begins with it")
    if len(ids) > 1:
        raise UnknownIdError(f"{name} names several: {', '.join(map(str, ids))}")
    return ids[0]


async def waiting_resolutions(connection: Connection) -> list[Resolution]:
    """Every proposal that waits for its checkers, in the order of their short numbers."""
    rows = await connection.fetch(f"{_RESOLUTIONS} WHERE e.outcome IS NULL ORDER BY r.short_number")
    return [_resolution(row) for row in rows]


async def resolutions_of(connection: Connection, break_id: UUID) -> list[Resolution]:
    """Every decision about a break, in the order of their numbers."""
    rows = await connection.fetch(f"{_RESOLUTIONS} WHERE r.break_id = $1 ORDER BY r.number", break_id)
    return [_resolution(row) for row in rows]


async def resolutions_of_many(connection: Connection, break_ids: Sequence[UUID]) -> list[Resolution]:
    """Every decision about these breaks, each break's in the order of their numbers."""
    query = f"{_RESOLUTIONS} WHERE r.break_id = ANY ($1::uuid[]) ORDER BY r.break_id, r.number"
    return [_resolution(row) for row in await connection.fetch(query, list(break_ids))]


async def institutions_of(connection: Connection, break_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The institution of each of these breaks."""
    rows = await connection.fetch(_INSTITUTIONS, list(break_ids))
    return {UUID(str(row["id"])): row["institution"] for row in rows}


async def resolution_by(connection: Connection, resolution_id: UUID) -> Resolution | None:
    """One decision."""
    row = await connection.fetchrow(f"{_RESOLUTIONS} WHERE r.id = $1", resolution_id)
    return None if row is None else _resolution(row)


async def write_resolution(connection: Connection, resolution: Resolution) -> Resolution:
    """Write a proposal, and return it with its short number.

    Raises:
        asyncpg.IntegrityConstraintViolationError: it exists already, or has neither maker nor rule.
    """
    short_number = await connection.fetchval(
        _INSERT,
        resolution.id,
        resolution.break_id,
        resolution.number,
        resolution.action.value,
        resolution.amount,
        resolution.entry_id,
        resolution.moment,
        as_json(_postings(resolution)),
        resolution.settlement,
        resolution.reason,
        resolution.maker,
        resolution.rule,
        resolution.checkers_needed,
        resolution.reverses,
        resolution.bank_reference,
    )
    return replace(resolution, short_number=short_number)


def _postings(resolution: Resolution) -> dict[str, object]:
    payouts = {"payouts": dict(resolution.payouts)} if resolution.payouts else {}
    return {"lines": [list(line) for line in resolution.postings], **payouts}


async def write_check(
    connection: Connection, resolution: Resolution, checker: str, verdict: CheckerVerdict, reason: str
) -> None:
    """Write the verdict of a checker.

    Raises:
        asyncpg.CheckViolationError: the checker is the maker.
        asyncpg.UniqueViolationError: the checker has given a verdict already.
    """
    await connection.execute(_CHECK, resolution.id, checker, resolution.maker, verdict.value, reason)


async def write_outcome(
    connection: Connection, resolution: Resolution, outcome: ProposalOutcome, checkers: Sequence[str] = ()
) -> None:
    """Write the outcome of a proposal and the checks that it rests on.

    Raises:
        asyncpg.IntegrityConstraintViolationError: it has ended, or the checks are not there.
    """
    first, second = (*checkers, None, None)[:2]
    await connection.execute(
        _END, resolution.id, outcome.value, resolution.checkers_needed, resolution.entry_id, first, second
    )


async def known_movements(connection: Connection, movements: Sequence[UUID]) -> list[UUID]:
    """Which of these movements our books have frozen lines of."""
    rows = await connection.fetch(_MOVEMENTS, list(movements))
    return [UUID(str(row["movement"])) for row in rows]


async def nets_of(
    connection: Connection, institution: str, movements: Sequence[UUID], *, paid: bool
) -> list[int]:
    """The nets of movements' frozen lines in paisa: payments with `paid`, else refunds and reversals."""
    rows = await connection.fetch(_NETS, list(movements), institution, paid)
    return [int(row["net"]) for row in rows]


def _resolution(row: Row) -> Resolution:
    values = dict(row)
    postings = from_json(values["postings"])
    changed = {
        "action": ResolutionAction(values["action"]),
        "postings": tuple((str(account), int(paisa)) for account, paisa in postings["lines"]),
        "payouts": postings.get("payouts", {}),
        "approved_by": tuple(values["approved_by"]),
        "rejected_by": tuple(values["rejected_by"]),
        "outcome": None if values["outcome"] is None else ProposalOutcome(values["outcome"]),
    }
    return Resolution(**values | changed)

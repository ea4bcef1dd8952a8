"""Sheets, instructions and their files in the tables of migration 0015, written once."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from reconciliation.results.table_values import Columns, Connection, Row, insert
from reconciliation.settlement.instructions.account_registry import CreditorAccount
from reconciliation.settlement.instructions.creditor_instructions import Instruction
from reconciliation.settlement.instructions.value_date_record import BankFile, SettledPosition
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.net_positions import NetPosition
from reconciliation.settlement.store.withheld_taxes import withheld_tax

# Only one settlement at a time.
LOCK: Final = "SELECT pg_advisory_xact_lock(3, 2)"
_NEW_SHEET: Final = """
INSERT INTO reconciliation.settlement_sheets (value_date, run_id, digest, instructed_by, approved_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_SHEET: Final = """
SELECT value_date, run_id, digest, instructed_by, approved_by, made_at
FROM reconciliation.settlement_sheets WHERE value_date = $1
"""
_NEWEST: Final = "SELECT max(value_date) FROM reconciliation.settlement_sheets"
_FIGURES: Final = (
    "gross_in", "gross_out", "fees", "refunds", "chargebacks", "commissions", "adjustments", "held",
    "released", "net", "carried_in", "instructed", "carried_out", "pays_itself",
)  # fmt: skip
_POSITIONS: Final = f"""
SELECT role, party, {", ".join(_FIGURES)}, reason FROM reconciliation.settlement_positions
WHERE value_date = $1 ORDER BY role = 'ours', role, party
"""  # noqa: S608 - our own names
_POSITION_COLUMNS: Final[Columns] = (
    ("value_date", "date"),
    ("role", "text"),
    ("party", "text"),
    *((name, "bigint") for name in _FIGURES),
    ("reason", "text"),
)
_CARRIED: Final = """
SELECT role, party, carried_out AS amount FROM reconciliation.settlement_positions
WHERE value_date = $1 AND carried_out <> 0
"""
_INSTRUCTIONS: Final = """
SELECT i.end_to_end_id, i.value_date, i.role, i.party, i.amount, i.set_off, i.rail, i.statement,
  i.ledger_account, i.name, i.bic, i.routing_number, i.account, i.holds, i.entry_id, w.section, w.base,
  w.basis_points, w.gross, w.tax, w.gross_before, w.tax_before
FROM reconciliation.settlement_instructions AS i
LEFT JOIN reconciliation.withheld_taxes AS w ON w.end_to_end_id = i.end_to_end_id AND w.revision = 0
WHERE $1::date IS NULL OR i.value_date = $1 ORDER BY i.end_to_end_id
"""
_INSTRUCTION_COLUMNS: Final[Columns] = (
    ("end_to_end_id", "text"),
    ("value_date", "date"),
    ("role", "text"),
    ("party", "text"),
    ("amount", "bigint"),
    ("set_off", "bigint"),
    ("rail", "text"),
    ("statement", "text"),
    ("ledger_account", "text"),
    ("name", "text"),
    ("bic", "text"),
    ("routing_number", "text"),
    ("account", "text"),
    ("holds", "text"),
    ("entry_id", "uuid"),
    ("withheld", "bigint"),
)
_FILES: Final = """
SELECT rail, name, message_id, content, entries, amount, hash_total
FROM reconciliation.settlement_files WHERE value_date = $1 ORDER BY rail
"""
_FILE_COLUMNS: Final[Columns] = (
    ("value_date", "date"),
    ("rail", "text"),
    ("name", "text"),
    ("message_id", "text"),
    ("sha256", "text"),
    ("content", "bytea"),
    ("entries", "integer"),
    ("amount", "bigint"),
    ("hash_total", "bigint"),
)
_MESSAGES: Final = """
SELECT f.message_id, array_agg(i.end_to_end_id) AS ids
FROM reconciliation.settlement_files AS f
JOIN reconciliation.settlement_instructions AS i ON i.value_date = f.value_date AND i.rail = f.rail
GROUP BY f.message_id
"""


@dataclass(frozen=True, slots=True)
class SheetHead:
    """The header of a sheet: value date, run, persons and time; `digest` is that of its figures."""

    value_date: date
    run_id: UUID
    digest: str
    instructed_by: str
    approved_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedInstruction:
    """An issued instruction with its entry: the account, and the part of the party's debt that was set off.

    `statement` is the layout of our own bank's statements, which will name it.
    """

    instruction: Instruction
    statement: str
    ledger_account: str
    set_off: int
    entry_id: UUID


async def newest_sheet(connection: Connection) -> date | None:
    """The newest value date that was instructed, if any was."""
    value_date: date | None = await connection.fetchval(_NEWEST)
    return value_date


async def head_of(connection: Connection, value_date: date) -> SheetHead | None:
    """The sheet of a value date, if it stands."""
    row = await connection.fetchrow(_SHEET, value_date)
    return None if row is None else SheetHead(*row)


async def read_sheet(connection: Connection, value_date: date) -> tuple[SettledPosition, ...]:
    """The lines of a sheet, our own last."""
    return tuple(_settled(row) for row in await connection.fetch(_POSITIONS, value_date))


async def carried_from(connection: Connection, value_date: date | None) -> dict[Party, int]:
    """The amounts that the sheet of a value date carries to the next one."""
    rows = await connection.fetch(_CARRIED, value_date)
    return {Party(PartyRole(row["role"]), row["party"]): row["amount"] for row in rows}


async def write_sheet(connection: Connection, head: SheetHead, rows: Sequence[SettledPosition]) -> None:
    """Write a sheet whole, in the transaction of the connection.

    Raises:
        asyncpg.UniqueViolationError: the value date has a sheet.
        asyncpg.CheckViolationError: its net positions do not sum to zero, or a line loses something.
    """
    await connection.execute(_NEW_SHEET, *astuple(head))
    values = [_values(head.value_date, row) for row in rows]
    await insert(connection, "settlement_positions", _POSITION_COLUMNS, values)


async def write_instructions(connection: Connection, issued: Sequence[IssuedInstruction]) -> None:
    """Write instructions.

    Raises:
        asyncpg.UniqueViolationError: a party has one for the value date.
    """
    rows = []
    for issued_instruction in issued:
        paid, account = issued_instruction.instruction, issued_instruction.instruction.creditor
        rows.append(
            (
                paid.end_to_end_id,
                paid.value_date,
                account.role,
                account.party,
                paid.amount,
                issued_instruction.set_off,
                account.rail,
                issued_instruction.statement,
                issued_instruction.ledger_account,
                account.name,
                account.bic,
                account.routing_number,
                account.account,
                account.holds,
                issued_instruction.entry_id,
                paid.tax,
            )
        )
    await insert(connection, "settlement_instructions", _INSTRUCTION_COLUMNS, rows)


async def read_instructions(
    connection: Connection, value_date: date | None = None
) -> tuple[IssuedInstruction, ...]:
    """All instructions as they were issued, or those of one value date."""
    return tuple(_issued_instruction(row) for row in await connection.fetch(_INSTRUCTIONS, value_date))


async def store_bank_files(connection: Connection, value_date: date, files: Sequence[BankFile]) -> None:
    """Write the files of a value date with their bytes."""
    rows = [
        (
            value_date,
            file.rail,
            file.name,
            file.message_id,
            file.sha256,
            file.content,
            file.entries,
            file.amount,
            file.hash_total,
        )
        for file in files
    ]
    await insert(connection, "settlement_files", _FILE_COLUMNS, rows)


async def load_bank_files(connection: Connection, value_date: date) -> tuple[BankFile, ...]:
    """The files of a value date, byte by byte."""
    return tuple(BankFile(*row) for row in await connection.fetch(_FILES, value_date))


async def ids_by_message(connection: Connection) -> Mapping[str, frozenset[str]]:
    """The ids of the instructions of each issued message and batch."""
    return {row["message_id"]: frozenset(row["ids"]) for row in await connection.fetch(_MESSAGES)}


def _values(value_date: date, row: SettledPosition) -> tuple[object, ...]:
    position = row.position
    figures = (*astuple(position)[1:], row.carried_in, row.instructed, row.carried_out, row.pays_itself)
    return (value_date, position.party.role.value, position.party.name, *figures, row.reason)


def _settled(row: Row) -> SettledPosition:
    party = Party(PartyRole(row["role"]), row["party"])
    figures = [row[name] for name in _FIGURES]
    carried_in, instructed, carried, pays_itself = figures[-4:]
    position = NetPosition(party, *figures[:-4])
    return SettledPosition(position, carried_in, instructed, carried, pays_itself, row["reason"])


def _issued_instruction(row: Row) -> IssuedInstruction:
    account = CreditorAccount.of_row(row)
    withheld = None if row["section"] is None else withheld_tax(row)
    paid = Instruction(row["end_to_end_id"], row["value_date"], account, row["amount"], withheld)
    return IssuedInstruction(paid, row["statement"], row["ledger_account"], row["set_off"], row["entry_id"])

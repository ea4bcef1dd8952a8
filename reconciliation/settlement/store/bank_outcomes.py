"""Answers and movements of banks in the tables of migration 0015, each step a row of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from reconciliation.digests import sha256_of
from reconciliation.results.table_values import Columns, Connection, Row, insert
from reconciliation.settlement.instructions.bank_answers import AnswerKind, BankAnswer
from reconciliation.settlement.instructions.instruction_outcomes import Ending
from reconciliation.settlement.instructions.instruction_steps import InstructionStep
from reconciliation.settlement.positions.payout_credits import PayoutBatch, PayoutCredit

_ANSWERS: Final = """
SELECT message_id, end_to_end_id, said, reason FROM reconciliation.settlement_answers
ORDER BY file_sha256, ordinal
"""
_IS_READ: Final = "SELECT EXISTS (SELECT FROM reconciliation.settlement_answers WHERE file_sha256 = $1)"
_KEEP_FILE: Final = """
INSERT INTO reconciliation.settlement_answer_files (sha256, content, taken_by, approved_by)
VALUES ($1, $2, $3, $4)
"""
_ANSWER_COLUMNS: Final[Columns] = (
    ("file_sha256", "text"),
    ("ordinal", "integer"),
    ("message_id", "text"),
    ("end_to_end_id", "text"),
    ("said", "text"),
    ("reason", "text"),
)
_STEPS: Final = """
SELECT DISTINCT ON (end_to_end_id) end_to_end_id, revision, ending, moved, is_owed_again, why,
  contradicts
FROM reconciliation.settlement_endings ORDER BY end_to_end_id, revision DESC
"""
_STEP_COLUMNS: Final[Columns] = (
    ("end_to_end_id", "text"),
    ("revision", "smallint"),
    ("ending", "text"),
    ("moved", "bigint"),
    ("is_owed_again", "boolean"),
    ("why", "text"),
    ("moved_entry_id", "uuid"),
    ("rejected_entry_id", "uuid"),
    ("reinstated_entry_id", "uuid"),
    ("contradicts", "boolean"),
)
_CARRIES: Final = "SELECT end_to_end_id FROM reconciliation.settlement_carries"
_CARRY_COLUMNS: Final[Columns] = (("end_to_end_id", "text"), ("value_date", "date"))
_CREDITS: Final = """
SELECT DISTINCT ON (batch) batch, revision, bank, connector, payout_date, owed, credited, charge, receivable,
  suspense, rounding
FROM reconciliation.settlement_credits ORDER BY batch, revision DESC
"""
_CREDIT_COLUMNS: Final[Columns] = (
    ("batch", "text"),
    ("revision", "smallint"),
    ("run_id", "uuid"),
    ("bank", "text"),
    ("connector", "text"),
    ("payout_date", "date"),
    ("owed", "bigint"),
    ("credited", "bigint"),
    ("charge", "bigint"),
    ("receivable", "bigint"),
    ("suspense", "bigint"),
    ("rounding", "bigint"),
    ("ending", "text"),
    ("entry_id", "uuid"),
)
# The newest statement of each bank that counts. A bank that sends none has none.
_CLOSINGS: Final = """
SELECT DISTINCT ON (f.institution) f.institution, f.day, f.closing
FROM reconciliation.files AS f
CROSS JOIN LATERAL (
  SELECT s.state FROM reconciliation.file_states AS s JOIN reconciliation.runs AS r ON r.id = s.run_id
  WHERE s.file_id = f.id ORDER BY r.seq DESC LIMIT 1) AS s
WHERE f.closing IS NOT NULL AND s.state = 'loaded'
ORDER BY f.institution, f.day DESC, f.cycle DESC, f.correction DESC
"""


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """A bank's status report as two persons of finance, already verified, have taken it in."""

    content: bytes
    taken_by: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class StepEntries:
    """A step with the entries that it posted; None where nothing moved."""

    movement_entry_id: UUID | None = None
    rejection_entry_id: UUID | None = None
    reinstatement_entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ClosingBalance:
    """The closing balance of our account by a bank's statement, in paisa."""

    bank: str
    day: date
    balance: int


async def read_answers(connection: Connection) -> tuple[BankAnswer, ...]:
    """Every answer of every file."""
    rows = await connection.fetch(_ANSWERS)
    return tuple(
        BankAnswer(row["message_id"], row["end_to_end_id"], AnswerKind(row["said"]), row["reason"])
        for row in rows
    )


async def write_answers(connection: Connection, file: AnswerFile, answers: Sequence[BankAnswer]) -> bool:
    """Write a file as evidence with its answers, unless it was read before; whether it was new."""
    sha256 = sha256_of(file.content)
    if await connection.fetchval(_IS_READ, sha256):
        return False
    await connection.execute(_KEEP_FILE, sha256, file.content, file.taken_by, file.approved_by)
    rows = [
        (sha256, place, answer.message_id, answer.end_to_end_id, answer.kind.value, answer.reason)
        for place, answer in enumerate(answers, start=1)
    ]
    await insert(connection, "settlement_answers", _ANSWER_COLUMNS, rows)
    return True


async def read_steps(connection: Connection) -> dict[str, InstructionStep]:
    """The newest step of each instruction that has one."""
    return {row["end_to_end_id"]: _step(row) for row in await connection.fetch(_STEPS)}


async def write_steps(connection: Connection, steps: Sequence[tuple[InstructionStep, StepEntries]]) -> None:
    """Write steps with the entries that they posted.

    Raises:
        asyncpg.UniqueViolationError: the step stands.
        asyncpg.CheckViolationError: its entries are not those of the change to the step before.
    """
    rows = [
        (
            step.end_to_end_id,
            step.revision,
            step.ending.value,
            step.moved_amount,
            step.is_owed_again,
            step.reason,
            posted.movement_entry_id,
            posted.rejection_entry_id,
            posted.reinstatement_entry_id,
            step.contradicts,
        )
        for step, posted in steps
    ]
    await insert(connection, "settlement_endings", _STEP_COLUMNS, rows)


async def carried_ids(connection: Connection) -> frozenset[str]:
    """The rejected instructions whose amounts a later sheet has carried in."""
    return frozenset(row["end_to_end_id"] for row in await connection.fetch(_CARRIES))


async def write_carries(connection: Connection, ids: Sequence[str], value_date: date) -> None:
    """Record that a sheet has carried these in.

    Raises:
        asyncpg.UniqueViolationError: an earlier sheet has.
    """
    rows = [(name, value_date) for name in ids]
    await insert(connection, "settlement_carries", _CARRY_COLUMNS, rows)


async def read_credits(connection: Connection) -> Mapping[str, tuple[int, PayoutCredit]]:
    """The newest row of each credit, with its revision."""
    return {row["batch"]: (row["revision"], _credit(row)) for row in await connection.fetch(_CREDITS)}


async def write_credits(
    connection: Connection, run_id: UUID, credits_to_write: Sequence[tuple[int, PayoutCredit, UUID | None]]
) -> None:
    """Write credits with their revisions and entries.

    Raises:
        asyncpg.UniqueViolationError: the revision stands.
    """
    rows = [
        (
            credit.batch.key,
            revision,
            run_id,
            credit.batch.bank,
            credit.batch.connector,
            credit.batch.payout_date,
            credit.batch.owed_amount,
            credit.credited,
            credit.batch.charge,
            credit.receivable,
            credit.suspense,
            credit.rounding,
            credit.funds.value,
            entry_id,
        )
        for revision, credit, entry_id in credits_to_write
    ]
    await insert(connection, "settlement_credits", _CREDIT_COLUMNS, rows)


async def read_closings(connection: Connection) -> tuple[ClosingBalance, ...]:
    """The closing balance of the newest statement of each bank that was read."""
    return tuple(ClosingBalance(*row) for row in await connection.fetch(_CLOSINGS))


def _step(row: Row) -> InstructionStep:
    return InstructionStep(
        row["end_to_end_id"],
        row["revision"],
        Ending(row["ending"]),
        row["moved"],
        row["is_owed_again"],
        row["why"],
        row["contradicts"],
    )


def _credit(row: Row) -> PayoutCredit:
    batch = PayoutBatch(
        row["batch"],
        row["bank"],
        row["connector"],
        row["payout_date"],
        row["owed"],
        row["charge"],
        row["credited"],
    )
    return PayoutCredit(batch, row["credited"], row["receivable"], row["suspense"], row["rounding"])

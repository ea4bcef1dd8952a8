"""Outcomes of instructions: each matched with the bank's answers and the entries of statements.

Entries outweigh answers: an instruction is settled by entries that have its end-to-end id and sum to its
amount, whatever was answered, and it is missing if there are none once its value date is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.settlement.instructions.bank_answers import AnswerKind, BankAnswer
from reconciliation.settlement.instructions.creditor_instructions import Instruction
from reconciliation.statement.formats.account_entries import AccountStatement, StatementEntry


class StatementSide(StrEnum):
    """Whose statement is read: on our own the instruction is a debit, on the creditor's a credit."""

    DEBTOR = "debtor"
    CREDITOR = "creditor"


class Ending(StrEnum):
    """How an instruction ended; `WAITING` until its value date is over."""

    SETTLED = "settled"
    SHORT = "short"
    OVER = "over"
    REJECTED = "rejected"
    MISSING = "missing"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class InstructionOutcome:
    """One instruction with the amount that moved for it, in paisa, and the answers about it."""

    instruction: Instruction
    ending: Ending
    moved_amount: int
    answers: tuple[BankAnswer, ...]

    @property
    def difference(self) -> int:
        """What moved beyond the amount; negative for what is still owed."""
        return self.moved_amount - self.instruction.amount

    @property
    def contradicts(self) -> bool:
        """Whether the bank rejected it, and also accepted it or moved money, so that people must ask."""
        kinds = {answer.kind for answer in self.answers}
        return AnswerKind.REJECTED in kinds and (self.moved_amount != 0 or AnswerKind.ACCEPTED in kinds)


@dataclass(frozen=True, slots=True)
class MatchedInstructions:
    """All outcomes in the order of their ids, and entries and answers that belong to none of them."""

    outcomes: tuple[InstructionOutcome, ...]
    entries: tuple[StatementEntry, ...]
    answers: tuple[BankAnswer, ...]


@dataclass(frozen=True, slots=True)
class BankRecords:
    """All answers and statements of banks up to a day; `message_ids` are those of the sent messages."""

    answers: Sequence[BankAnswer]
    statements: Sequence[AccountStatement]
    side: StatementSide
    as_of: date
    message_ids: Mapping[str, frozenset[str]]


_SIGNS: Final = {StatementSide.DEBTOR: -1, StatementSide.CREDITOR: 1}


def match_instructions(instructions: Iterable[Instruction], records: BankRecords) -> MatchedInstructions:
    """Give each instruction its ending; order and repetition of answers and entries do not matter."""
    ordered = sorted(instructions, key=lambda instruction: instruction.end_to_end_id)
    known = {instruction.end_to_end_id for instruction in ordered}
    answers_by_id = _answers_by_instruction(known, records)
    entries = [
        part
        for entry in _unique_entries(records.statements)
        for part in _divide_entry(entry, ordered, answers_by_id, records)
    ]
    moved_by_id: dict[str, int] = {}
    strangers = []
    for entry in entries:
        if entry.reference in known and entry.currency == CURRENCY:
            moved_by_id[entry.reference] = (
                moved_by_id.get(entry.reference, 0) + _SIGNS[records.side] * entry.amount
            )
        else:
            strangers.append(entry)
    outcomes = []
    for instruction in ordered:
        amount, answers = (
            moved_by_id.get(instruction.end_to_end_id),
            answers_by_id.get(instruction.end_to_end_id, ()),
        )
        outcomes.append(
            InstructionOutcome(
                instruction, _ending(instruction, amount, answers, records.as_of), amount or 0, answers
            )
        )
    used = {answer for answers in answers_by_id.values() for answer in answers}
    unknown = tuple(answer for answer in dict.fromkeys(records.answers) if answer not in used)
    return MatchedInstructions(tuple(outcomes), tuple(strangers), unknown)


def whole_message_entries(
    instructions: Iterable[Instruction], records: BankRecords
) -> frozenset[tuple[str, int]]:
    """Reference and amount, in paisa, of the entries that are divided over the instructions of a message."""
    ordered = sorted(instructions, key=lambda instruction: instruction.end_to_end_id)
    answers_by_id = _answers_by_instruction({item.end_to_end_id for item in ordered}, records)
    return frozenset(
        (entry.reference, entry.amount)
        for entry in _unique_entries(records.statements)
        if _divide_entry(entry, ordered, answers_by_id, records) != [entry]
    )


def returned_ids(
    instructions: Iterable[Instruction], statements: Iterable[AccountStatement]
) -> frozenset[str]:
    """The ids that our own statements prove to have been moved and returned as a whole.

    Their entries with the id are one debit of the amount and one credit of it that is not earlier, and no
    other. Of entries of one day the order is not known.
    """
    entries_by_id: dict[str, list[StatementEntry]] = {}
    for entry in _unique_entries(statements):
        entries_by_id.setdefault(entry.reference, []).append(entry)
    return frozenset(
        instruction.end_to_end_id
        for instruction in instructions
        if _is_returned(instruction.amount, entries_by_id.get(instruction.end_to_end_id, []))
    )


def _is_returned(amount: int, entries: Sequence[StatementEntry]) -> bool:
    if len(entries) != 2 or any(entry.currency != CURRENCY for entry in entries):  # noqa: PLR2004 - a pair
        return False
    debit, credit = sorted(entries, key=lambda entry: entry.amount)
    return (debit.amount, credit.amount) == (-amount, amount) and debit.booked_on <= credit.booked_on


def _unique_entries(statements: Iterable[AccountStatement]) -> tuple[StatementEntry, ...]:
    """Each entry once, also where a statement was sent twice; two equal entries of one statement are two."""
    entries = {
        (statement.account, statement.identification, entry.ordinal, entry.fingerprint): entry
        for statement in statements
        for entry in statement.entries
    }
    return tuple(entries[key] for key in sorted(entries))


def _divide_entry(
    entry: StatementEntry,
    ordered: Sequence[Instruction],
    answers_by_id: Mapping[str, tuple[BankAnswer, ...]],
    records: BankRecords,
) -> list[StatementEntry]:
    """The parts of an entry that books a whole message, with or without its rejected instructions."""
    names = records.message_ids.get(entry.reference, frozenset())
    whole = [item for item in ordered if item.end_to_end_id in names]
    refused = {
        name
        for name in names
        if any(item.kind is AnswerKind.REJECTED for item in answers_by_id.get(name, ()))
    }
    for booked in (whole, [item for item in whole if item.end_to_end_id not in refused]):
        if booked and abs(entry.amount) == sum(item.amount for item in booked):
            sign = 1 if entry.amount > 0 else -1
            return [
                replace(entry, reference=item.end_to_end_id, amount=sign * item.amount) for item in booked
            ]
    return [entry]


def _answers_by_instruction(
    known: Iterable[str], records: BankRecords
) -> Mapping[str, tuple[BankAnswer, ...]]:
    """The answers about each instruction; one about a whole message is about all of its instructions."""
    answers_by_id: dict[str, set[BankAnswer]] = {name: set() for name in known}
    for answer in records.answers:
        whole = records.message_ids.get(answer.message_id, frozenset())
        for name in [answer.end_to_end_id] if answer.end_to_end_id else whole:
            if name in answers_by_id:
                answers_by_id[name].add(answer)
    ordered = {name: sorted(answers, key=_answer_order) for name, answers in answers_by_id.items()}
    return {name: tuple(answers) for name, answers in ordered.items()}


def _answer_order(answer: BankAnswer) -> tuple[str, str, str, str]:
    return answer.message_id, answer.end_to_end_id, answer.kind, answer.reason


def _ending(
    instruction: Instruction, moved_amount: int | None, answers: Iterable[BankAnswer], as_of: date
) -> Ending:
    """Booked and wholly returned is rejected; a rejection beside an acceptance alone is not final."""
    if moved_amount is None:
        kinds = {answer.kind for answer in answers}
        if AnswerKind.REJECTED in kinds and AnswerKind.ACCEPTED not in kinds:
            return Ending.REJECTED
        return Ending.MISSING if as_of > instruction.value_date else Ending.WAITING
    if moved_amount == 0:
        return Ending.REJECTED
    if moved_amount == instruction.amount:
        return Ending.SETTLED
    return Ending.SHORT if moved_amount < instruction.amount else Ending.OVER

"""What became of instructions: each against the bank's answers and the entries of a statement.

Money speaks louder than answers: an instruction is settled by entries that bear its end-to-end id and come to
its amount, whatever was answered, and it is missing if they are not there once its value date is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.settlement.instructions.bank_answers import Answer, Said
from reconciliation.settlement.instructions.creditor_instructions import Instruction
from reconciliation.settlement.positions.cycles import Party
from reconciliation.statement.formats.account_entries import AccountStatement, Entry


class Side(StrEnum):
    """Whose statement is read: on our own the instruction is a debit, on the creditor's a credit."""

    DEBTOR = "debtor"
    CREDITOR = "creditor"


class Ending(StrEnum):
    """What became of an instruction; `WAITING` until its value date is over."""

    SETTLED = "settled"
    SHORT = "short"
    OVER = "over"
    REJECTED = "rejected"
    MISSING = "missing"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One instruction with what moved for it, in paisa, and what was answered about it."""

    instruction: Instruction
    ending: Ending
    moved: int
    answers: tuple[Answer, ...]

    @property
    def difference(self) -> int:
        """What moved beyond the amount; negative for what is still owed."""
        return self.moved - self.instruction.amount

    @property
    def contradicts(self) -> bool:
        """Whether the bank said no and money moved all the same, so that people have to ask."""
        return self.moved != 0 and any(answer.said is Said.REJECTED for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Matched:
    """All outcomes in the order of their ids, and entries and answers that belong to none of them."""

    outcomes: tuple[Outcome, ...]
    entries: tuple[Entry, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that banks told up to the end of a day; `message_ids` name the messages that were sent."""

    answers: Sequence[Answer]
    statements: Sequence[AccountStatement]
    side: Side
    as_of: date
    message_ids: Mapping[str, frozenset[str]]


_SIGNS: Final = {Side.DEBTOR: -1, Side.CREDITOR: 1}


def match(instructions: Iterable[Instruction], records: Told) -> Matched:
    """Give each instruction its ending; order and repetition of what was told do not matter."""
    ordered = sorted(instructions, key=lambda instruction: instruction.end_to_end_id)
    known = {instruction.end_to_end_id for instruction in ordered}
    answers_by_id = _about(known, records)
    entries = [
        part
        for entry in _once(records.statements)
        for part in _divided(entry, ordered, answers_by_id, records)
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
            Outcome(instruction, _ending(instruction, amount, answers, records.as_of), amount or 0, answers)
        )
    used = {answer for answers in answers_by_id.values() for answer in answers}
    unknown = tuple(answer for answer in dict.fromkeys(records.answers) if answer not in used)
    return Matched(tuple(outcomes), tuple(strangers), unknown)


def owed_again(matched: Matched) -> Mapping[Party, int]:
    """What the next window has to carry, in paisa: what was rejected, and nothing that may still move."""
    again = (outcome.instruction for outcome in matched.outcomes if outcome.ending is Ending.REJECTED)
    return {instruction.creditor.creditor: instruction.amount for instruction in again}


def _once(statements: Iterable[AccountStatement]) -> tuple[Entry, ...]:
    """Each entry once, also where a statement was sent twice; two equal entries of one statement are two."""
    entries = {
        (statement.account, statement.identification, entry.ordinal, entry.fingerprint): entry
        for statement in statements
        for entry in statement.entries
    }
    return tuple(entries[key] for key in sorted(entries))


def _divided(
    entry: Entry,
    ordered: Sequence[Instruction],
    answers_by_id: Mapping[str, tuple[Answer, ...]],
    records: Told,
) -> list[Entry]:
    """The parts of an entry that books a whole message, with or without what the bank has rejected."""
    names = records.message_ids.get(entry.reference, frozenset())
    whole = [item for item in ordered if item.end_to_end_id in names]
    refused = {
        name for name in names if any(item.said is Said.REJECTED for item in answers_by_id.get(name, ()))
    }
    for booked in (whole, [item for item in whole if item.end_to_end_id not in refused]):
        if booked and abs(entry.amount) == sum(item.amount for item in booked):
            sign = 1 if entry.amount > 0 else -1
            return [
                replace(entry, reference=item.end_to_end_id, amount=sign * item.amount) for item in booked
            ]
    return [entry]


def _about(known: Iterable[str], records: Told) -> Mapping[str, tuple[Answer, ...]]:
    """The answers about each instruction; one about a whole message is about all of its instructions."""
    answers_by_id: dict[str, set[Answer]] = {name: set() for name in known}
    for answer in records.answers:
        whole = records.message_ids.get(answer.message_id, frozenset())
        for name in [answer.end_to_end_id] if answer.end_to_end_id else whole:
            if name in answers_by_id:
                answers_by_id[name].add(answer)
    ordered = {name: sorted(answers, key=_in_words) for name, answers in answers_by_id.items()}
    return {name: tuple(answers) for name, answers in ordered.items()}


def _in_words(answer: Answer) -> tuple[str, str, str, str]:
    return answer.message_id, answer.end_to_end_id, answer.said, answer.reason


def _ending(
    instruction: Instruction, moved_amount: int | None, answers: Iterable[Answer], as_of: date
) -> Ending:
    """What was booked and given back wholly is rejected; a no beside a yes and without money is no no."""
    if moved_amount is None:
        kinds = {answer.said for answer in answers}
        if Said.REJECTED in kinds and Said.ACCEPTED not in kinds:
            return Ending.REJECTED
        return Ending.MISSING if as_of > instruction.value_date else Ending.WAITING
    if moved_amount == 0:
        return Ending.REJECTED
    if moved_amount == instruction.amount:
        return Ending.SETTLED
    return Ending.SHORT if moved_amount < instruction.amount else Ending.OVER

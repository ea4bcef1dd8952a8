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


def match(instructions: Iterable[Instruction], told: Told) -> Matched:
    """Give each instruction its ending; order and repetition of what was told do not matter."""
    ordered = sorted(instructions, key=lambda one: one.end_to_end_id)
    known = {one.end_to_end_id for one in ordered}
    said = _about(known, told)
    entries = [part for entry in _once(told.statements) for part in _divided(entry, ordered, said, told)]
    moved: dict[str, int] = {}
    strangers = []
    for entry in entries:
        if entry.reference in known and entry.currency == CURRENCY:
            moved[entry.reference] = moved.get(entry.reference, 0) + _SIGNS[told.side] * entry.amount
        else:
            strangers.append(entry)
    outcomes = []
    for one in ordered:
        amount, answers = moved.get(one.end_to_end_id), said.get(one.end_to_end_id, ())
        outcomes.append(Outcome(one, _ending(one, amount, answers, told.as_of), amount or 0, answers))
    used = {answer for answers in said.values() for answer in answers}
    unknown = tuple(answer for answer in dict.fromkeys(told.answers) if answer not in used)
    return Matched(tuple(outcomes), tuple(strangers), unknown)


def owed_again(matched: Matched) -> Mapping[Party, int]:
    """What the next window has to carry, in paisa: what was rejected, and nothing that may still move."""
    again = (one.instruction for one in matched.outcomes if one.ending is Ending.REJECTED)
    return {instruction.creditor.creditor: instruction.amount for instruction in again}


def _once(statements: Iterable[AccountStatement]) -> tuple[Entry, ...]:
    """Each entry once, also where a statement was sent twice; two equal entries of one statement are two."""
    found = {
        (statement.account, statement.identification, entry.ordinal, entry.fingerprint): entry
        for statement in statements
        for entry in statement.entries
    }
    return tuple(found[key] for key in sorted(found))


def _divided(
    entry: Entry, ordered: Sequence[Instruction], said: Mapping[str, tuple[Answer, ...]], told: Told
) -> list[Entry]:
    """The parts of an entry that books a whole message, with or without what the bank has rejected."""
    names = told.message_ids.get(entry.reference, frozenset())
    whole = [one for one in ordered if one.end_to_end_id in names]
    refused = {name for name in names if any(one.said is Said.REJECTED for one in said.get(name, ()))}
    for booked in (whole, [one for one in whole if one.end_to_end_id not in refused]):
        if booked and abs(entry.amount) == sum(one.amount for one in booked):
            sign = 1 if entry.amount > 0 else -1
            return [replace(entry, reference=one.end_to_end_id, amount=sign * one.amount) for one in booked]
    return [entry]


def _about(known: Iterable[str], told: Told) -> Mapping[str, tuple[Answer, ...]]:
    """The answers about each instruction; one about a whole message is about all of its instructions."""
    found: dict[str, set[Answer]] = {name: set() for name in known}
    for answer in told.answers:
        whole = told.message_ids.get(answer.message_id, frozenset())
        for name in [answer.end_to_end_id] if answer.end_to_end_id else whole:
            if name in found:
                found[name].add(answer)
    ordered = {name: sorted(answers, key=_in_words) for name, answers in found.items()}
    return {name: tuple(answers) for name, answers in ordered.items()}


def _in_words(answer: Answer) -> tuple[str, str, str, str]:
    return answer.message_id, answer.end_to_end_id, answer.said, answer.reason


def _ending(one: Instruction, moved: int | None, answers: Iterable[Answer], as_of: date) -> Ending:
    """What was booked and given back wholly is rejected; a no beside a yes and without money is no no."""
    if moved is None:
        said = {answer.said for answer in answers}
        if Said.REJECTED in said and Said.ACCEPTED not in said:
            return Ending.REJECTED
        return Ending.MISSING if as_of > one.value_date else Ending.WAITING
    if moved == 0:
        return Ending.REJECTED
    if moved == one.amount:
        return Ending.SETTLED
    return Ending.SHORT if moved < one.amount else Ending.OVER

"""The progress of a partner's withdrawals: pure, from what was instructed and what the bank has moved.

A value date pays a partner everything that is due to it by one instruction. The oldest withdrawal is paid
first, so each one is told the instructions that pay it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class WithdrawalState(StrEnum):
    """The life of a withdrawal."""

    WAITS = "waits"  # for a second person
    REJECTED = "rejected"
    CANCELLED = "cancelled"  # back in the prefund
    DUE = "due"  # approved, in no instruction that stands
    INSTRUCTED = "instructed"
    PAID = "paid"  # the bank's statement says so


@dataclass(frozen=True, slots=True)
class PartnerInstruction:
    """An instruction to a partner that stands; amounts in paisa, `moved_amount` by the bank's statement."""

    end_to_end_id: str
    amount: int
    moved_amount: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the payment of a withdrawal is, and the end-to-end ids of the instructions that pay it."""

    state: WithdrawalState
    instructions: tuple[str, ...] = ()


def progress_of(amounts: Sequence[int], instructions: Sequence[PartnerInstruction]) -> tuple[Progress, ...]:
    """The progress of a partner's approved withdrawals, both in order of time; amounts in paisa."""
    found = []
    begin = 0
    for amount in amounts:
        end = begin + amount
        paying, covered = _paying(begin, end, instructions)
        if not covered:
            state = WithdrawalState.DUE
        elif all(item.moved_amount >= item.amount for item in paying):
            state = WithdrawalState.PAID
        else:
            state = WithdrawalState.INSTRUCTED
        found.append(Progress(state, tuple(item.end_to_end_id for item in paying)))
        begin = end
    return tuple(found)


def _paying(
    begin: int, end: int, instructions: Sequence[PartnerInstruction]
) -> tuple[list[PartnerInstruction], bool]:
    """The instructions that share paisa with a withdrawal, and whether they pay all of it."""
    paying, start = [], 0
    for item in instructions:
        if start < end and start + item.amount > begin:
            paying.append(item)
        start += item.amount
    return paying, start >= end

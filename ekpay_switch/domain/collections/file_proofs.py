"""What settlement files prove about money in doubt, beside the far side's answers.

A row of a file is the far side's statement of an earlier day: it triggers an inquiry and makes a negative
answer final; only where the far side cannot be asked does it replace an answer
(docs/adr/0055-what-a-settlement-file-proves-about-a-payment.md).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import assert_never

from ekpay_switch.domain.collections.connector_calls import (
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt
from ekpay_switch.domain.payment import State

# One file may lack what was paid at the very end of its day; the next one has it.
ABSENCES_NEEDED = 2


@dataclass(frozen=True, slots=True)
class FileStatements:
    """What settlement files have stated about one attempt or refund; days are those of the nights, in Dhaka.

    `amounts` are those of the rows that name it as done, in paisa, `their_reference` the far side's name of
    it in the newest of them. `is_news` says that there was no inquiry since the last of these statements.
    """

    amounts: frozenset[int] = frozenset()
    failed_on: frozenset[date] = frozenset()
    absent_on: frozenset[date] = frozenset()
    their_reference: str = ""
    is_news: bool = False


NO_FILES = FileStatements()


class FileProof(StrEnum):
    """What the statements prove together."""

    NONE = "none"  # nothing yet
    DONE = "done"  # a row names it as done
    FAILED = "failed"  # a row names it as failed
    ABSENT = "absent"  # two files that should name it do not
    DISPUTED = "disputed"  # rows contradict each other


SAYS_DONE = frozenset({FileProof.DONE, FileProof.DISPUTED})
SAYS_NOT_DONE = frozenset({FileProof.FAILED, FileProof.ABSENT})


def proof_of(files: FileStatements, begun_on: date) -> FileProof:
    """What files prove about an attempt or refund whose last send was begun on this Dhaka date.

    Failures and absences of earlier nights do not count: they are about an earlier send, or none.
    """
    has_failed = any(night >= begun_on for night in files.failed_on)
    if files.amounts:
        is_disputed = has_failed or len(files.amounts) > 1
        return FileProof.DISPUTED if is_disputed else FileProof.DONE
    if has_failed:
        return FileProof.FAILED
    absences = [night for night in files.absent_on if night >= begun_on]
    return FileProof.ABSENT if len(absences) >= ABSENCES_NEEDED else FileProof.NONE


class FileStep(StrEnum):
    """What a file leads to where the far side cannot be asked."""

    WAIT = "wait"
    BELIEVE = "believe"
    GIVE_BACK = "give_back"
    ASK_A_PERSON = "ask_a_person"


def step_without_inquiry(proof: FileProof, state: State, *, owes_us: bool) -> FileStep:
    """What files lead to for a delivery whose biller cannot be asked.

    `owes_us` says that the biller returns something for the money that no file contains, such as a token or a
    final receipt. A row that names it as failed counts as a decline; absence from all files is no statement
    and never gives money back.
    """
    is_in_doubt = state is State.DELIVERING
    if proof is FileProof.DONE and state in {State.DELIVERING, State.REFUNDED}:
        return FileStep.ASK_A_PERSON if is_in_doubt and owes_us else FileStep.BELIEVE
    if not is_in_doubt or proof is FileProof.NONE:
        return FileStep.WAIT
    return FileStep.GIVE_BACK if proof is FileProof.FAILED else FileStep.ASK_A_PERSON


def found_refund(order: RefundOrder, answer: RefundInquiry) -> RefundOutcome:
    """The outcome of a refund that is only asked about: files name it as done, or it is left to finance.

    The refund is the provider's one of the same name, or one that no other record of ours has, of the same
    amount.
    """
    if not isinstance(answer, RefundsFound):
        return InDoubt(f"a settlement file names it as done; asked for it: {answer.why}")
    ours = next((line for line in answer.lines if _matches_order(order, line)), None)
    return ours or InDoubt("a settlement file names it as done, and the connector does not know it")


def _matches_order(order: RefundOrder, line: RefundLine) -> bool:
    is_named = not order.provider_refund or line.provider_refund == order.provider_refund
    return is_named and line.provider_refund not in order.known_refunds and line.amount == order.amount


def refund_by_file(
    outcome: RefundOutcome, order: RefundOrder, files: FileStatements, begun_on: date
) -> RefundOutcome:
    """The outcome of a refund in doubt, by files, where its connector cannot be asked about refunds.

    An answer of the connector counts before files. A row of another amount leaves the doubt.
    """
    if not isinstance(outcome, InDoubt):
        return outcome
    proof = proof_of(files, begun_on)
    match proof:
        case FileProof.DONE:
            amount = Money(min(files.amounts), order.amount.currency)
            return RefundLine(order.provider_refund, amount, is_done=True)
        case FileProof.FAILED:
            return Declined("its settlement file names it as failed")
        case FileProof.NONE | FileProof.ABSENT | FileProof.DISPUTED:
            return outcome
        case _:
            assert_never(proof)

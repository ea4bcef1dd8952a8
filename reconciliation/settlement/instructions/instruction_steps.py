"""The steps of an instruction: the amount that the bank moved for it, and whether it is owed again.

A step is written only where something has changed, and posts the difference to the step before, so the same
answers and statements give the same steps however often they are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciliation.settlement.instructions.instruction_outcomes import Ending, InstructionOutcome

_EXECUTED = "the bank moved it in spite of its rejection"
_BOTH = "the bank both rejected and accepted it"
_AGAIN = "the bank moved it again after the money had come back"


@dataclass(frozen=True, slots=True)
class InstructionStep:
    """The state after `revision` steps: `moved` in paisa, and whether the party is owed it again.

    `contradicts` while the bank's answers and statements disagree; its payee is paid nothing until two
    persons have decided (`settlement.contradictions`).
    """

    end_to_end_id: str
    revision: int
    ending: Ending
    moved_amount: int = 0
    is_owed_again: bool = False
    reason: str = ""
    contradicts: bool = False

    @property
    def is_unmoved(self) -> bool:
        """Whether no statement books it and no answer has ended it."""
        return self.ending in {Ending.WAITING, Ending.MISSING} and not self.is_owed_again


def initial_step(end_to_end_id: str) -> InstructionStep:
    """The state of an instruction that was just issued; it is never written."""
    return InstructionStep(end_to_end_id, 0, Ending.WAITING)


def next_step(
    before: InstructionStep, outcome: InstructionOutcome, *, may_reinstate: bool = True
) -> InstructionStep | None:
    """The step behind `before`, or None where nothing has changed.

    The bank's statement outweighs its rejection: what moved is not owed again, if the instruction
    `may_reinstate`. It may not where a later sheet has brought the amount in, or our books owe less by now;
    then it stays owed again, and two persons decide, also where no answer has rejected it: the money has
    left, come back and left again.
    """
    is_owed_again = _is_owed_again(before, outcome, may_reinstate=may_reinstate)
    contradicts = outcome.contradicts or (is_owed_again and outcome.moved_amount > 0)
    step = InstructionStep(
        before.end_to_end_id,
        before.revision + 1,
        outcome.ending,
        outcome.moved_amount,
        is_owed_again,
        _contradiction_wording(outcome) if contradicts else _answer_wording(outcome),
        contradicts,
    )
    return None if replace(step, revision=before.revision) == before else step


def _is_owed_again(before: InstructionStep, outcome: InstructionOutcome, *, may_reinstate: bool) -> bool:
    if outcome.ending is Ending.REJECTED:
        return True
    return before.is_owed_again and not (outcome.moved_amount > 0 and may_reinstate)


def ids_owed_again(
    steps: Mapping[str, InstructionStep], carried: frozenset[str], undecided: frozenset[str]
) -> frozenset[str]:
    """The ids whose amounts the next value date has to carry in, without those still to be decided."""
    return frozenset(name for name, step in steps.items() if step.is_owed_again) - carried - undecided


def _contradiction_wording(outcome: InstructionOutcome) -> str:
    if not outcome.contradicts:
        return _AGAIN
    return _EXECUTED if outcome.moved_amount else _BOTH


def _answer_wording(outcome: InstructionOutcome) -> str:
    reasons = dict.fromkeys(f"{answer.kind} {answer.reason}".strip() for answer in outcome.answers)
    return ", ".join(reasons)

"""The steps of an instruction: the amount that the bank moved for it, and whether it is owed again.

A step is written only where something has changed, and posts the difference to the step before, so the same
answers and statements give the same steps however often they are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciliation.settlement.instructions.instruction_outcomes import Ending, InstructionOutcome

_CONTRADICTED = "the bank moved it in spite of its rejection"


@dataclass(frozen=True, slots=True)
class InstructionStep:
    """The state after `revision` steps: `moved` in paisa, and whether the party is owed it again.

    Once owed again it stays so, whatever comes later: the next value date pays it.
    """

    end_to_end_id: str
    revision: int
    ending: Ending
    moved_amount: int = 0
    is_owed_again: bool = False
    reason: str = ""


def initial_step(end_to_end_id: str) -> InstructionStep:
    """The state of an instruction that was just issued; it is never written."""
    return InstructionStep(end_to_end_id, 0, Ending.WAITING)


def next_step(before: InstructionStep, outcome: InstructionOutcome) -> InstructionStep | None:
    """The step behind `before`, or None where nothing has changed."""
    again = before.is_owed_again or outcome.ending is Ending.REJECTED
    why = _CONTRADICTED if again and outcome.moved_amount else _answer_wording(outcome)
    step = InstructionStep(
        before.end_to_end_id, before.revision + 1, outcome.ending, outcome.moved_amount, again, why
    )
    changed = (step.ending, step.moved_amount, step.is_owed_again, step.reason)
    return (
        None if changed == (before.ending, before.moved_amount, before.is_owed_again, before.reason) else step
    )


def ids_owed_again(steps: Mapping[str, InstructionStep], carried: frozenset[str]) -> frozenset[str]:
    """The ids whose amounts the next value date has to carry in."""
    return frozenset(name for name, step in steps.items() if step.is_owed_again) - carried


def _answer_wording(outcome: InstructionOutcome) -> str:
    reasons = dict.fromkeys(f"{answer.kind} {answer.reason}".strip() for answer in outcome.answers)
    return ", ".join(reasons)

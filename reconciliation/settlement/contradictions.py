"""What a bank says of an instruction against itself: rejected by its answer, executed by its statement.

The payee is paid nothing until two persons have asked the bank and decided. What our books owe meanwhile
follows the statement where they can, see `may_reinstate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import asyncpg

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, instruction_subject
from ekpay_switch.ports.finance import Adjustment, AlarmBooks, Connection
from reconciliation.errors import SettlementError
from reconciliation.settlement.current_state import SettlementWork, settlement_lock
from reconciliation.settlement.instructions.instruction_steps import InstructionStep
from reconciliation.settlement.journal_entries import (
    of_movement,
    of_reinstatement,
    of_rejection,
    of_tax,
    tax_movement_of_step,
)
from reconciliation.settlement.positions.ledger_lines import debt_of, owed_on_account
from reconciliation.settlement.store.bank_outcomes import StepEntries, read_steps, write_steps
from reconciliation.settlement.store.contradictions import (
    Contradiction,
    ContradictionDecision,
    Verdict,
    open_contradictions,
    write_contradiction_end,
)
from reconciliation.settlement.store.settlement_sheets import IssuedInstruction, read_instructions
from reconciliation.settlement.store.withheld_taxes import write_tax_movements

# As few characters of an id as may name it.
_BEGINNING_MIN = 4
_DECIDED = "two persons have decided it"
_AGREED = "the bank's answers and statements agree"


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step of an instruction with the one before it."""

    issued: IssuedInstruction
    step: InstructionStep
    before: InstructionStep


def may_reinstate(issued: IssuedInstruction, balances: Mapping[str, int]) -> bool:
    """Whether our books still owe all that the instruction pays, so that its rejection can be taken back."""
    instruction = issued.instruction
    owed = owed_on_account(issued.ledger_account, balances.get(issued.ledger_account, 0))
    debt = balances.get(debt_of(instruction.creditor.creditor), 0)
    return owed >= instruction.gross + issued.set_off and debt >= issued.set_off


async def write_new_steps(work: SettlementWork, new_steps: Sequence[NewStep]) -> None:
    """Write steps with what they move, tax that was withheld included, and post it.

    Raises:
        asyncpg.CheckViolationError: our books do not allow it.
    """
    posted = [(new, *entries_of_step(new)) for new in new_steps]
    await write_steps(work.connection, [(new.step, ids) for new, ids, _ in posted])
    taxed = [
        (new.issued, tax)
        for new in new_steps
        if (tax := tax_movement_of_step(new.issued, new.step, new.before))
    ]
    await write_tax_movements(work.connection, [movement for _, movement in taxed])
    entries = [entry for _, _, entries_of_new in posted for entry in entries_of_new]
    entries += [of_tax(issued, movement) for issued, movement in taxed]
    await work.setting.finance.books.post(work.connection, entries)


def entries_of_step(new: NewStep) -> tuple[StepEntries, tuple[Adjustment, ...]]:
    """The entries of the change from the step before, and their ids."""
    found = [
        build(new.issued, new.step, new.before) for build in (of_movement, of_rejection, of_reinstatement)
    ]
    movement, rejection, reinstatement = (entry.id if entry else None for entry in found)
    return StepEntries(movement, rejection, reinstatement), tuple(entry for entry in found if entry)


async def raise_contradiction_alarms(
    connection: Connection, alarms: AlarmBooks, steps: Sequence[NewStep]
) -> None:
    """Raise the alarm of each new contradiction, and end that of each which is over."""
    raised = [_alarm_of(new) for new in steps if new.step.contradicts]
    ended = [
        instruction_subject(new.step.end_to_end_id)
        for new in steps
        if new.before.contradicts and not new.step.contradicts
    ]
    if raised:
        await alarms.raise_alarms(connection, raised)
    if ended:
        await alarms.end_alarms(connection, ended, _AGREED)


async def decide_contradiction(work: SettlementWork, decision: ContradictionDecision) -> Contradiction:
    """Carry out what two persons say of an instruction, and release the payouts of its payee.

    The decision may name it by the beginning of its id, where no other that waits begins so.

    Raises:
        SettlementError: there is no such contradiction, the bank's statement books what was called rejected,
            or our books do not allow it.
    """
    connection = work.connection
    async with settlement_lock(work):
        contradiction = await _open_contradiction(connection, decision.end_to_end_id)
        decision = replace(decision, end_to_end_id=contradiction.end_to_end_id)
        if decision.verdict is Verdict.REJECTED and contradiction.moved_amount:
            raise SettlementError(
                f"the bank's statement books {decision.end_to_end_id}: wait until the money has come back"
            )
        revision = await _write_verdict(work, contradiction, decision.verdict)
        await write_contradiction_end(connection, decision, revision)
        subject = instruction_subject(decision.end_to_end_id)
        await work.setting.finance.alarms.end_alarms(connection, [subject], _DECIDED)
    return contradiction


async def _open_contradiction(connection: Connection, end_to_end_id: str) -> Contradiction:
    waiting = await open_contradictions(connection)
    found = [item for item in waiting if item.end_to_end_id.startswith(end_to_end_id)]
    if len(found) != 1 or len(end_to_end_id) < _BEGINNING_MIN:
        names = ", ".join(item.end_to_end_id for item in waiting) or "none"
        wrong = "may be several" if found else "waits for no decision"
        raise SettlementError(f"{end_to_end_id} {wrong}; waiting: {names}")
    return found[0]


async def _write_verdict(work: SettlementWork, contradiction: Contradiction, verdict: Verdict) -> int:
    """Write a further step where the verdict changes what is owed; the revision that was decided."""
    is_owed_again = verdict is Verdict.REJECTED
    if contradiction.is_owed_again == is_owed_again:
        return contradiction.revision
    name = contradiction.end_to_end_id
    before = (await read_steps(work.connection))[name]
    issued = {item.instruction.end_to_end_id: item for item in await read_instructions(work.connection)}
    step = replace(before, revision=before.revision + 1, is_owed_again=is_owed_again)
    try:
        await write_new_steps(work, [NewStep(issued[name], step, before)])
    except asyncpg.CheckViolationError as refused:
        raise SettlementError(
            f"our books owe {contradiction.party} less than {name} has paid: claim the rest first"
        ) from refused
    return step.revision


def _alarm_of(new: NewStep) -> RaisedAlarm:
    instruction = new.issued.instruction
    facts = {
        "party": str(instruction.creditor.creditor),
        "value_date": instruction.value_date.isoformat(),
        "moved": str(new.step.moved_amount),
        "why": new.step.reason,
    }
    subject = instruction_subject(new.step.end_to_end_id)
    return RaisedAlarm(Alarm.PAYOUT_CONTRADICTED, subject, amount=instruction.amount, facts=facts)

"""Journal entries of settlement, each with an id derived from its purpose.

The same instruction, step or credit gives the same id, and an existing entry is skipped, so a repeat after a
process died posts nothing twice.
"""

from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.settlement_postings import (
    PayoutParts,
    payout_received_entry,
    settlement_deposited_entry,
    settlement_instructed_entry,
    settlement_paid_entry,
    settlement_reinstated_entry,
    settlement_rejected_entry,
    settlement_tax_restored_entry,
    settlement_tax_withheld_entry,
)
from ekpay_switch.ports.finance import Adjustment
from reconciliation.settlement.instructions.instruction_steps import InstructionStep
from reconciliation.settlement.positions.cycles import PartyRole
from reconciliation.settlement.positions.ledger_lines import debt_of
from reconciliation.settlement.positions.payout_credits import PayoutCredit
from reconciliation.settlement.store.settlement_sheets import IssuedInstruction
from reconciliation.settlement.store.withheld_taxes import TaxMovement

_NAMESPACE: Final = uuid5(NAMESPACE_URL, "ekpay:settlement")


def entry_id(*words: object) -> UUID:
    """The id of the entry for this purpose."""
    return uuid5(_NAMESPACE, "\x1f".join(map(str, words)))


def id_of_instruction(end_to_end_id: str) -> UUID:
    """The id of the entry of an instruction."""
    return entry_id("instructed", end_to_end_id)


def of_instruction(issued: IssuedInstruction) -> Adjustment:
    """The entry of an instruction: the debt becomes clearing, less what the party owes us."""
    return Adjustment.of(issued.entry_id, _instructed(issued))


def of_movement(
    issued: IssuedInstruction, step: InstructionStep, before: InstructionStep
) -> Adjustment | None:
    """The entry of what the bank has moved since the step before, if anything."""
    moved_amount = step.moved_amount - before.moved_amount
    if moved_amount == 0:
        return None
    name = entry_id("moved", step.end_to_end_id, step.revision)
    return Adjustment.of(name, _movement_entry(issued, moved_amount))


def of_rejection(
    issued: IssuedInstruction, step: InstructionStep, before: InstructionStep
) -> Adjustment | None:
    """The reversal of the instruction, if this is a step in which it was rejected."""
    if before.is_owed_again or not step.is_owed_again:
        return None
    name = entry_id("rejected", step.end_to_end_id, step.revision)
    return Adjustment.of(name, settlement_rejected_entry(_instructed(issued)))


def of_reinstatement(
    issued: IssuedInstruction, step: InstructionStep, before: InstructionStep
) -> Adjustment | None:
    """The entry that takes a rejection back, if this is a step in which the bank carried it out after all."""
    if step.is_owed_again or not before.is_owed_again:
        return None
    name = entry_id("reinstated", step.end_to_end_id, step.revision)
    return Adjustment.of(name, settlement_reinstated_entry(_instructed(issued)))


def tax_movement(issued: IssuedInstruction, revision: int, *, is_restored: bool) -> TaxMovement | None:
    """The movement of what an instruction withholds by a step, 0 for itself; None without tax."""
    instruction = issued.instruction
    if instruction.withheld is None:
        return None
    name = entry_id("tax", instruction.end_to_end_id, revision)
    return TaxMovement(instruction.end_to_end_id, revision, instruction.withheld, name, is_restored)


def tax_movement_of_step(
    issued: IssuedInstruction, step: InstructionStep, before: InstructionStep
) -> TaxMovement | None:
    """The tax that a step restores or withholds again; None where what is owed stays as it is."""
    if step.is_owed_again == before.is_owed_again:
        return None
    return tax_movement(issued, step.revision, is_restored=step.is_owed_again)


def of_tax(issued: IssuedInstruction, movement: TaxMovement) -> Adjustment:
    """The entry of a movement of tax."""
    make = settlement_tax_restored_entry if movement.is_restored else settlement_tax_withheld_entry
    return Adjustment.of(movement.entry_id, make(issued.ledger_account, movement.withheld.tax))


def of_credit(credit: PayoutCredit, revision: int, before: PayoutCredit | None) -> Adjustment | None:
    """The entry of what has changed in a credit since its last revision, if anything moved."""
    parts = PayoutParts(
        credit.credited - (before.credited if before else 0),
        credit.batch.charge - (before.batch.charge if before else 0),
        credit.receivable - (before.receivable if before else 0),
        credit.suspense - (before.suspense if before else 0),
        credit.rounding - (before.rounding if before else 0),
    )
    if parts == PayoutParts(0, 0, 0, 0, 0):
        return None
    name = entry_id("payout", credit.batch.key, revision)
    return Adjustment.of(name, payout_received_entry(credit.batch.connector, parts))


def _movement_entry(issued: IssuedInstruction, amount: int) -> Entry:
    account = issued.instruction.creditor
    if account.creditor.role is PartyRole.DEPOSIT:
        return settlement_deposited_entry(account.rail, account.party, amount)
    return settlement_paid_entry(account.rail, amount)


def _instructed(issued: IssuedInstruction) -> Entry:
    instruction = issued.instruction
    debtor = debt_of(instruction.creditor.creditor)
    return settlement_instructed_entry(
        issued.ledger_account, instruction.creditor.rail, instruction.amount, issued.set_off, debtor
    )

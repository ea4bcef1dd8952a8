"""What one person proposes about a dispute and another approves, under the locks of `rows.lock_case`."""

from collections.abc import Mapping

from ekpay_switch.domain.disputes.dispute import DisputeEvent, MoneyStep, money_step
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.persistence.disputes.money import (
    burden_of,
    end_held_money,
    record_held_money,
    require_free_movement,
)
from ekpay_switch.persistence.disputes.rows import (
    NO_PROPOSAL,
    READ_STEPS,
    DisputeCase,
    StepContent,
    StepPersons,
    move_dispute,
    proposed_of,
)
from ekpay_switch.persistence.fact_texts import facts_as_json
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.payment_rows import update_row
from ekpay_switch.ports.disputes import DisputeProposal

READ_CHARGEBACK = "SELECT state FROM refunds WHERE id = $1"


class DisputeProposalError(SwitchError):
    """The proposal cannot be written down, or none waits."""


async def propose(case: DisputeCase, proposal: DisputeProposal, by: str) -> None:
    """Write a proposal down; nothing moves. The same one by the same person is written once.

    Raises:
        DisputeProposalError: another proposal waits, or a field is missing.
        IllegalTransitionError: it cannot happen in this state.
        HeldMoneyError: the money is recorded already, or is held where the claim is settled.
        MovementTakenError: the movement belongs to another dispute or refund.
    """
    facts = _proposal_facts(proposal)
    if case.row["proposed_event"] is not None:
        is_repeat = (case.row["proposed_event"], case.row["proposed_by"]) == (proposal.event, by)
        if is_repeat and proposed_of(case.row) == facts:
            return
        raise DisputeProposalError(
            f"event: {case.row['proposed_event']} waits already:"
            f" ekpay disputes approve {case.row['id']}, or reject it"
        )
    await _money_step(case, proposal.event)
    if proposal.event is DisputeEvent.MONEY_HELD:
        await require_free_movement(case, proposal.movement)
    waiting = {
        "proposed_event": str(proposal.event),
        "proposed_by": by,
        "proposed_at": case.payment["now"],
        "proposed_after": case.row["steps"],
        "proposed": facts_as_json(facts),
    }
    await update_row(case.connection, "disputes", {"id": case.row["id"]}, waiting)


def _proposal_facts(proposal: DisputeProposal) -> dict[str, str]:
    """What the proposal says, by name, without what is empty.

    Raises:
        DisputeProposalError: a field is missing; it names the field.
    """
    needed = {"word": proposal.word}
    if proposal.event is DisputeEvent.MONEY_HELD:
        needed["movement"] = proposal.movement
    if proposal.event is DisputeEvent.SETTLED_OTHERWISE:
        needed["settlement"] = proposal.settlement
    for name, value in needed.items():
        if not value.strip():
            raise DisputeProposalError(f"{name}: it is missing, and {proposal.event} rests on it")
    burden = proposal.burden
    borne = {
        "bearer": str(burden.bearer),
        "consent": burden.consent,
        "biller_takes_back": "yes" if burden.biller_takes_back else "",
    }
    facts = {**needed, **(borne if proposal.event is DisputeEvent.MONEY_HELD else {})}
    return {name: value.strip() for name, value in facts.items() if value.strip()}


async def approve(case: DisputeCase, by: str) -> None:
    """Carry out what waits, with its postings; idempotent for the same person.

    Raises:
        DisputeProposalError: nothing waits, or the dispute has moved on since it was proposed.
        OnePersonError: the approver has proposed it.
        NotAllowedError: the approver may decide nothing any more.
        LeftStaffError: who proposed it may not.
        ClaimSettledError: the claim of what comes back was settled already.
        MovementTakenError: the movement belongs to another dispute or refund.
        RefundRefusedError: this amount cannot have been taken.
    """
    row = case.row
    if row["proposed_event"] is None:
        steps = await case.connection.fetch(READ_STEPS, row["id"])
        if steps and steps[-1]["approved_by"] == by:
            return
        raise DisputeProposalError("dispute: nothing about it waits for approval")
    event, proposed_by = DisputeEvent(row["proposed_event"]), row["proposed_by"]
    if proposed_by == by:
        raise OnePersonError(f"approved_by: {by} has proposed it, and it takes a second person")
    if row["proposed_after"] != row["steps"] and event is not DisputeEvent.MONEY_HELD:
        raise DisputeProposalError("event: the dispute has moved on since it was proposed; reject it")
    await require_decider(case.connection, by)
    await refuse_without_asker(case.connection, proposed_by)
    await _carry_out(case, event, StepPersons(proposed_by, by))


async def _carry_out(case: DisputeCase, event: DisputeEvent, persons: StepPersons) -> None:
    proposed, stands = proposed_of(case.row), case.row["refund_id"]
    assert persons.actor is not None, "two persons decide it"
    assert persons.approved_by is not None, "two persons decide it"
    step = await _money_step(case, event)
    changes: dict[str, object] = {**NO_PROPOSAL}
    chargeback_id = stands
    if event is DisputeEvent.MONEY_HELD:
        chargeback_id = await record_held_money(
            case, step, proposed["movement"], burden_of(proposed), (persons.actor, persons.approved_by)
        )
        changes["refund_id"] = chargeback_id
    else:
        await end_held_money(case, step, persons.approved_by)
    if event is DisputeEvent.WON:
        changes["refund_id"] = None
    if event is DisputeEvent.SETTLED_OTHERWISE:
        changes["settlement"] = proposed["settlement"]
    facts: Mapping[str, str] = {**proposed, "money": str(step)}
    await move_dispute(case, event, persons, StepContent(facts, chargeback_id, changes))


async def _money_step(case: DisputeCase, event: DisputeEvent) -> MoneyStep:
    stands = case.row["refund_id"]
    state = None if stands is None else await case.connection.fetchval(READ_CHARGEBACK, stands)
    return money_step(case.state, event, None if state is None else RefundState(state))


async def reject(case: DisputeCase, reason: str, by: str) -> None:
    """Reject what waits, as a step with its reason; nothing moves.

    Raises:
        DisputeProposalError: nothing waits.
    """
    if case.row["proposed_event"] is None:
        raise DisputeProposalError("dispute: nothing about it waits for approval")
    facts = {**proposed_of(case.row), "rejected": case.row["proposed_event"], "reason": reason}
    content = StepContent(facts, changes=NO_PROPOSAL)
    await move_dispute(case, DisputeEvent.PROPOSAL_REJECTED, StepPersons(by), content)

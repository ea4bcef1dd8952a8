"""What `ekpay disputes` prints of a dispute."""

from collections.abc import Sequence

from ekpay_switch.cli.terminal import dhaka, facts_wording, taka
from ekpay_switch.ports.disputes import DisputeStep, DisputeView, EvidenceFile

HEADINGS = ("number", "connector", "name", ">taka", "state", "round", "answer due", "waits for approval")


def list_row(dispute: DisputeView) -> tuple[str, ...]:
    """A dispute in the list."""
    waits = "" if dispute.proposed_event is None else dispute.proposed_event.replace("_", " ")
    return (
        str(dispute.id),
        dispute.connector_id,
        dispute.name,
        taka(dispute.amount.minor),
        dispute.state.replace("_", " "),
        str(dispute.round),
        dispute.answer_due_on.isoformat(),
        waits,
    )


def dispute_lines(
    dispute: DisputeView, steps: Sequence[DisputeStep], files: Sequence[EvidenceFile]
) -> list[str]:
    """A dispute in full: its money, what happened, its evidence, and what waits for a second person."""
    state = f"{dispute.state.replace('_', ' ')}, round {dispute.round}"
    lines = [
        f"Dispute {dispute.id}, {dispute.name} at {dispute.connector_id}: {state}",
        f"  {taka(dispute.amount.minor)} taka of payment {dispute.payment_id}: {dispute.reason}",
        f"  answer due on {dispute.answer_due_on.isoformat()}",
        f"  opened by {dispute.opened_by} on {dhaka(dispute.opened_at)}",
    ]
    if dispute.refund_id is not None:
        lines.append(f"  its money: chargeback {dispute.refund_id}")
    if dispute.settlement:
        lines.append(f"  settled by {dispute.settlement}")
    lines += [_step_line(step) for step in steps]
    lines += [
        f"  evidence of round {file.round}: {file.name}, {file.size} bytes, {file.sha256[:12]},"
        f" added by {file.added_by} on {dhaka(file.added_at)}"
        for file in files
    ]
    return [*lines, *proposal_lines(dispute)]


def _step_line(step: DisputeStep) -> str:
    actor = step.actor or "a settlement file"
    persons = actor if not step.approved_by else f"{actor} and {step.approved_by}"
    said = facts_wording(step.facts)
    return f"  {dhaka(step.at)} round {step.round} {step.event.replace('_', ' ')} by {persons}: {said}"


def proposal_lines(dispute: DisputeView) -> list[str]:
    """What waits for a second person, and the command for it; nothing where nothing waits."""
    if dispute.proposed_event is None:
        return []
    event, said = dispute.proposed_event.replace("_", " "), facts_wording(dispute.proposed)
    chargeback = "" if dispute.refund_id is None else f", about chargeback {dispute.refund_id}"
    return [
        f"{event} by {dispute.proposed_by}{chargeback}: {said}",
        f"It waits: ekpay disputes approve {dispute.id} --by NAME",
    ]

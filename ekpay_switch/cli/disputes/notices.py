"""Recording a connector's notices about disputes, each as the command of a person would."""

from collections.abc import Awaitable, Callable

from ekpay_switch.cli.disputes.notice_file import NOTIFIED, Notice
from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.refunds.burden import Burden
from ekpay_switch.ports.disputes import DisputeProposal, Disputes, DisputeView, NewDispute


class NoticeRefusedError(SwitchError):
    """A notice cannot be recorded; those of the lines before it are."""

    def __init__(self, line: int, problem: SwitchError) -> None:
        super().__init__(f"line {line}: {str(problem) or type(problem).__doc__}; the lines before it stand")


BurdenOf = Callable[[DisputeView], Awaitable[Burden]]

_KNOWN_STATES = {DisputeEvent.WON: DisputeState.WON, DisputeEvent.LOST: DisputeState.LOST}


async def record_notice(
    desk: Disputes, connector_id: str, notice: Notice, burden_of: BurdenOf, by: str
) -> str:
    """Record one notice and say what became of it; one that is known already changes nothing.

    What moves money is proposed, and waits for a second person; `burden_of` says who bears it.

    Raises:
        NoticeRefusedError: it cannot be recorded; it names its line and says why.
    """
    try:
        if notice.event == NOTIFIED:
            dispute = await _opened(desk, connector_id, notice, by)
            return f"dispute {dispute.id} ({dispute.name}) is {dispute.state.replace('_', ' ')}"
        dispute = await desk.find_by_name(connector_id, notice.dispute)
        event = DisputeEvent(notice.event)
        if await _is_known(desk, dispute, notice, event):
            return f"dispute {dispute.id} ({dispute.name}): {event.replace('_', ' ')} is known"
        if event is DisputeEvent.EVIDENCE_REQUESTED:
            assert notice.due is not None, "the notice was read"
            await desk.request_evidence(dispute.id, notice.due, notice.word, by)
            return f"dispute {dispute.id} ({dispute.name}): evidence is due on {notice.due.isoformat()}"
        burden = await burden_of(dispute)
        proposal = DisputeProposal(event, notice.word, notice.movement, burden=burden)
        await desk.propose(dispute.id, proposal, by)
    except SwitchError as problem:
        raise NoticeRefusedError(notice.line, problem) from problem
    return f"dispute {dispute.id} ({dispute.name}): {event.replace('_', ' ')} waits for approval"


async def _opened(desk: Disputes, connector_id: str, notice: Notice, by: str) -> DisputeView:
    assert notice.amount is not None, "the notice was read"
    assert notice.due is not None, "the notice was read"
    payment_id, transaction = await desk.collected_as(connector_id, notice.collected)
    new = NewDispute(payment_id, notice.dispute, notice.amount, notice.reason, notice.due, transaction)
    return await desk.open(new, by)


async def _is_known(desk: Disputes, dispute: DisputeView, notice: Notice, event: DisputeEvent) -> bool:
    """Whether a file that is read again says nothing new by this notice."""
    if event is DisputeEvent.EVIDENCE_REQUESTED:
        is_asked = dispute.state is DisputeState.EVIDENCE_DUE
        return is_asked and dispute.answer_due_on == notice.due
    if event is DisputeEvent.MONEY_HELD:
        steps = await desk.steps(dispute.id)
        return any(step.facts.get("movement") == notice.movement for step in steps if step.event is event)
    return dispute.state is _KNOWN_STATES[event]

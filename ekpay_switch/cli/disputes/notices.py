"""Recording a connector's notices about disputes, each as the command of a person would.

What is known already is decided by the recorded steps: a file that is read again changes nothing, whatever
became of its disputes since.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from ekpay_switch.cli.disputes.notice_file import NOTIFIED, Notice
from ekpay_switch.domain.disputes.dispute import OPEN, DisputeEvent, DisputeState
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.refunds.burden import Burden
from ekpay_switch.persistence.disputes.rows import UnknownDisputeError
from ekpay_switch.ports.disputes import DisputeProposal, Disputes, DisputeStep, DisputeView, NewDispute


class NoticeRefusedError(SwitchError):
    """A notice cannot be recorded, and changed nothing."""

    def __init__(self, line: int, problem: SwitchError) -> None:
        super().__init__(f"line {line}: {str(problem) or type(problem).__doc__}")


BurdenOf = Callable[[DisputeView], Awaitable[Burden]]

_END_STATES = {DisputeEvent.WON: DisputeState.WON, DisputeEvent.LOST: DisputeState.LOST}


async def record_notice(
    desk: Disputes, connector_id: str, notice: Notice, burden_of: BurdenOf, by: str
) -> str:
    """Record one notice and say what became of it; one that is known already changes nothing.

    What moves money is proposed, and waits for a second person; `burden_of` says who bears it. What was
    rejected is proposed again.

    Raises:
        NoticeRefusedError: it cannot be recorded; it names its line and says why.
    """
    try:
        if notice.event == NOTIFIED:
            return _opened_wording(await _open(desk, connector_id, notice, by))
        dispute = await desk.find_by_name(connector_id, notice.dispute)
        wording = _known_wording(dispute, await desk.steps(dispute.id), notice)
        wording = wording or await _record(desk, dispute, notice, burden_of, by)
    except SwitchError as problem:
        raise NoticeRefusedError(notice.line, problem) from problem
    return f"dispute {dispute.id} ({dispute.name}): {wording}"


async def _open(desk: Disputes, connector_id: str, notice: Notice, by: str) -> DisputeView:
    """The dispute of a notice: the known one of the same content, or a new one."""
    assert notice.amount is not None, "the notice was read"
    assert notice.due is not None, "the notice was read"
    payment_id, transaction = await desk.collected_as(connector_id, notice.collected)
    new = NewDispute(payment_id, notice.dispute, notice.amount, notice.reason, notice.due, transaction)
    try:
        standing = await desk.find_by_name(connector_id, notice.dispute)
    except UnknownDisputeError:
        return await desk.open(new, by)
    content = (standing.payment_id, standing.amount, standing.reason)
    # After an end, another deadline may be the connector's word of a further round: `open` refuses that.
    if content == (new.payment_id, new.amount, new.reason) and (
        notice.due.isoformat() in _deadlines(standing, await desk.steps(standing.id))
    ):
        return standing
    return await desk.open(new, by)


def _deadlines(dispute: DisputeView, steps: Sequence[DisputeStep]) -> set[str]:
    """Every deadline that the dispute has had, in whichever round."""
    names = ("answer_due_on", "answer_was_due_on")
    dates = {step.facts[name] for step in steps for name in names if name in step.facts}
    return {dispute.answer_due_on.isoformat(), *dates}


def _opened_wording(dispute: DisputeView) -> str:
    wording = f"dispute {dispute.id} ({dispute.name}) is {dispute.state.replace('_', ' ')}"
    if dispute.state in OPEN:
        return wording
    return f"{wording}, round {dispute.round}; for a further round: ekpay disputes open-round {dispute.id}"


def _known_wording(dispute: DisputeView, steps: Sequence[DisputeStep], notice: Notice) -> str:
    """That a notice is recorded already, and an end in which round; empty where it is new."""
    event = DisputeEvent(notice.event)
    rounds = [step.round for step in steps if step.event is event and _is_same_notice(notice, step.facts)]
    if not rounds and not _is_present(dispute, notice, event):
        return ""
    wording = f"{event.replace('_', ' ')} is known"
    if event not in _END_STATES or max(rounds, default=dispute.round) == dispute.round:
        return wording
    hint = f"if round {dispute.round} is meant: ekpay disputes {event} {dispute.id}"
    return f"{wording} (round {max(rounds)}); {hint}"


def _is_same_notice(notice: Notice, facts: Mapping[str, str]) -> bool:
    """Whether these facts of a step or a proposal are those of the notice."""
    if notice.movement:
        return facts.get("movement") == notice.movement
    is_due = notice.due is None or facts.get("answer_due_on") == notice.due.isoformat()
    return is_due and facts.get("word") == notice.word


def _is_present(dispute: DisputeView, notice: Notice, event: DisputeEvent) -> bool:
    """Whether the dispute stands as the notice says, though by other words."""
    if event is DisputeEvent.EVIDENCE_REQUESTED:
        return (dispute.state, dispute.answer_due_on) == (DisputeState.EVIDENCE_DUE, notice.due)
    return dispute.state is _END_STATES.get(event)


async def _record(desk: Disputes, dispute: DisputeView, notice: Notice, burden_of: BurdenOf, by: str) -> str:
    event = DisputeEvent(notice.event)
    if event is DisputeEvent.EVIDENCE_REQUESTED:
        assert notice.due is not None, "the notice was read"
        await desk.request_evidence(dispute.id, notice.due, notice.word, by)
        return f"evidence is due on {notice.due.isoformat()}"
    if dispute.proposed_event is not event or not _is_same_notice(notice, dispute.proposed):
        proposal = DisputeProposal(event, notice.word, notice.movement, burden=await burden_of(dispute))
        await desk.propose(dispute.id, proposal, by)
    return f"{event.replace('_', ' ')} waits for approval"

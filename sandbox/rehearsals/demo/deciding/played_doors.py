"""What a door of a demo was: what waited, what two persons decided about it, and what that posted."""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.rehearsals.demo.deciding.finance_desk import (
    DecisionRequest,
    FinanceDesk,
    NothingWaitsError,
    WaitingProposal,
)


@dataclass(frozen=True, slots=True)
class PlayedDoor:
    """One door: what waited and why, and what two persons did about it."""

    name: str
    waited: str
    acts: Sequence[str]


async def decided(desk: FinanceDesk, request: DecisionRequest) -> str:
    """Propose and approve; what was done, in words.

    Raises:
        NothingWaitsError: it was not carried out; the text is the answer.
    """
    proposal = await desk.propose(request)
    return await approved(desk, proposal, proposed_words(desk, request))


async def approved(desk: FinanceDesk, proposal: WaitingProposal, proposed: str) -> str:
    """Approve; `proposed` in words, and what its approval posted.

    Raises:
        NothingWaitsError: it was not carried out; the text is the answer.
    """
    answer = await desk.approve(proposal)
    if not answer.endswith("is approved."):
        raise NothingWaitsError(answer)
    return f"{proposed}; {desk.second.name} approved it. Posted: {proposal.posted or 'nothing'}."


def proposed_words(desk: FinanceDesk, request: DecisionRequest) -> str:
    """Who proposed what, and why."""
    reference = f" ({request.reference})" if request.reference else ""
    return f"{desk.first.name} proposed {request.action.replace('_', ' ')}: {request.reason}{reference}"

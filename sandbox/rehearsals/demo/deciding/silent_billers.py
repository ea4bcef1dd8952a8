"""Two payments at billers that say nothing: one is decided by telephone, of the other a proposal lapses."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.deciding.finance_desk import DecisionRequest, FinanceDesk, NothingWaitsError
from sandbox.rehearsals.demo.deciding.played_doors import PlayedDoor, decided, proposed_words
from sandbox.rehearsals.demo.deciding.shortened_times import ANSWERING_BILLER, STUCK_BILLER
from sandbox.rehearsals.demo.deciding.waiting_payments import WaitingPayments
from sandbox.rehearsals.demo.paying.partner import Reference


@dataclass(frozen=True, slots=True)
class SilentPayment:
    """A payment whose biller is silent: the partner's reference of it, and its id."""

    reference: Reference
    payment_id: str


async def decide_silent(
    desk: FinanceDesk, waiting: WaitingPayments, stuck: SilentPayment, answering: SilentPayment
) -> Sequence[PlayedDoor]:
    """Decide about two payments at billers that are silent, until one of them answers.

    The network is repaired before both at once, so the one that needs the silence is decided first.
    """
    is_stuck_decided = asyncio.Event()

    async def decide_stuck() -> PlayedDoor:
        door = await _decide_stuck(desk, waiting, stuck)
        is_stuck_decided.set()
        return door

    return await asyncio.gather(decide_stuck(), _let_lapse(desk, waiting, answering, is_stuck_decided))


async def _decide_stuck(desk: FinanceDesk, waiting: WaitingPayments, stuck: SilentPayment) -> PlayedDoor:
    """The biller says nothing on the wire, and its desk says on the telephone what it holds."""
    reference, payment_id = stuck.reference, stuck.payment_id
    await desk.until_listed(payment_id, "stuck_delivery")
    receipt = await waiting.known_at_biller(STUCK_BILLER, reference)
    request = DecisionRequest(payment_id, "accept", "its desk names the receipt by telephone", receipt)
    waited = (
        f"payment {payment_id}, {lakh(reference.amount_paisa)} taka: {STUCK_BILLER} answers nobody, and the "
        "payment counts as stuck"
    )
    return PlayedDoor("a delivery without an answer", waited, [await decided(desk, request)])


async def _let_lapse(
    desk: FinanceDesk, waiting: WaitingPayments, answering: SilentPayment, may_answer: asyncio.Event
) -> PlayedDoor:
    """The biller answers while a proposal waits: what was proposed about another state is not carried out."""
    reference, payment_id = answering.reference, answering.payment_id
    await desk.until_listed(payment_id, "stuck_delivery")
    request = DecisionRequest(payment_id, "give_back", "the partner wants its money back")
    proposal = await desk.propose(request)
    await may_answer.wait()
    await waiting.let_answers_through()
    await waiting.until_paid(reference)
    answer = await desk.approve(proposal)
    if "is lapsed" not in answer:
        raise NothingWaitsError(answer)
    act = (
        f"{proposed_words(desk, request)}; meanwhile the biller answered that it is paid. "
        f"{desk.second.name} approved too late: {answer.partition(': ')[2]} Posted: nothing."
    )
    waited = f"payment {payment_id}, {lakh(reference.amount_paisa)} taka: {ANSWERING_BILLER} answers nobody"
    return PlayedDoor("a proposal that lapses", waited, [act])

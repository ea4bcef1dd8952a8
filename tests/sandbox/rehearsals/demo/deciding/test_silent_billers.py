"""In which order the doors of the wire are played, so that a slow machine makes none of them fail."""

import asyncio
from types import SimpleNamespace
from typing import Any

from sandbox.rehearsals.demo.deciding.finance_desk import DecisionRequest, WaitingProposal
from sandbox.rehearsals.demo.deciding.shortened_times import ANSWERING_BILLER, STUCK_BILLER
from sandbox.rehearsals.demo.deciding.silent_billers import SilentPayment, decide_silent
from sandbox.rehearsals.demo.paying.partner import Reference


def _silent(biller: str) -> SilentPayment:
    return SilentPayment(Reference(biller, "fetched", "bill", 100, 100, biller), biller)


class _SlowDesk:
    """Finance on a machine on which each command about the stuck payment takes long."""

    first, second = SimpleNamespace(name="rahima"), SimpleNamespace(name="karim")

    def __init__(self, acts: list[str]) -> None:
        self._acts = acts

    async def until_listed(self, subject: str, kind: str) -> None:
        """Every case is listed at once."""

    async def propose(self, request: DecisionRequest) -> WaitingProposal:
        return WaitingProposal(request.subject, "code", "")

    async def approve(self, proposal: WaitingProposal) -> str:
        for _ in range(20 if proposal.decision == STUCK_BILLER else 0):
            await asyncio.sleep(0)
        self._acts.append(f"approve {proposal.decision}")
        is_lapsed = proposal.decision == ANSWERING_BILLER
        return "Decision 1 is lapsed: changed." if is_lapsed else "Decision 2 is approved."


class _Wire:
    def __init__(self, acts: list[str]) -> None:
        self._acts = acts

    async def known_at_biller(self, _biller: str, _reference: Reference) -> str:
        return "receipt"

    async def let_answers_through(self) -> None:
        self._acts.append("answers")

    async def until_paid(self, _reference: Reference) -> None:
        """It is paid at once."""


async def test_no_biller_answers_before_the_payment_that_needs_its_silence_is_decided() -> None:
    acts: list[str] = []
    desk: Any = _SlowDesk(acts)
    wire: Any = _Wire(acts)

    stuck, lapsed = await decide_silent(desk, wire, _silent(STUCK_BILLER), _silent(ANSWERING_BILLER))

    assert acts == [f"approve {STUCK_BILLER}", "answers", f"approve {ANSWERING_BILLER}"]
    assert (stuck.name, lapsed.name) == ("a delivery without an answer", "a proposal that lapses")

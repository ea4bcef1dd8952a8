"""A conformance run: does an institution do what its manifest states of it?

The safety facts (law 13) are shown by what the far side does, not by what it says. What a run does, step by
step, is for billers in `cli.billers.conformance` and for connectors in `cli.connectors.conformance`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from ekpay_switch.cli.terminal import complain, screen
from ekpay_switch.domain.payments.inquiries import SafetyFacts

_LOOPBACK = re.compile(r"https?://(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::[0-9]{1,5})?(?:/[!-~]*)?")


class SafetyFact(StrEnum):
    """The four safety facts."""

    DEDUPLICATES = "deduplicates"
    CAN_BE_ASKED = "can be asked"
    CAN_BE_UNDONE = "can be undone"
    ECHOES_AMOUNT = "echoes the amount"


class FactVerdict(StrEnum):
    """What the run shows of one fact that the manifest states."""

    PROVEN = "proven"
    NOT_SHOWN = "not shown"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True)
class StepFinding:
    """One step of the run: what was asked, what it led to, and whether that is right.

    It bears on `fact`; None where it bears on no fact, so that a wrong one is only a fault.
    """

    step: str
    result: str
    is_right: bool
    fact: SafetyFact | None = None


@dataclass(kw_only=True)
class ConformanceRun(ABC):
    """One run; iterate over `run`, then ask for `verdicts`."""

    institution: ClassVar[str]
    findings: list[StepFinding] = field(default_factory=list)

    @property
    @abstractmethod
    def safety(self) -> SafetyFacts:
        """The safety facts that the manifest states."""

    @abstractmethod
    def steps(self) -> AsyncIterator[StepFinding]:
        """Every step in turn; ends early where nothing more can be shown."""

    async def run(self) -> AsyncIterator[StepFinding]:
        """Every step with its result; the run ends early where nothing more can be shown."""
        async for finding in self.steps():
            self.findings.append(finding)
            yield finding

    def verdicts(self) -> dict[SafetyFact, FactVerdict]:
        """What was shown; a fact that the manifest does not claim is never more than not shown."""
        claimed = {
            SafetyFact.DEDUPLICATES: self.safety.deduplicates,
            SafetyFact.CAN_BE_ASKED: self.safety.can_be_asked,
            SafetyFact.CAN_BE_UNDONE: self.safety.can_be_undone,
            SafetyFact.ECHOES_AMOUNT: self.safety.echoes_amount,
        }
        return {fact: self._verdict(fact) if claimed[fact] else FactVerdict.NOT_SHOWN for fact in SafetyFact}

    def _verdict(self, fact: SafetyFact) -> FactVerdict:
        results = [finding.is_right for finding in self.findings if finding.fact is fact]
        if not results:
            return FactVerdict.NOT_SHOWN
        return FactVerdict.PROVEN if all(results) else FactVerdict.CONTRADICTED


async def show_run(conformance: ConformanceRun) -> bool:
    """Print every step as it comes, then what was shown of each fact; True where nothing was wrong."""
    console = screen()
    async for finding in conformance.run():
        console.print(f"{'ok   ' if finding.is_right else 'WRONG'} {finding.step}: {finding.result}")
    verdicts = conformance.verdicts()
    for fact, verdict in verdicts.items():
        console.print(f"{fact}: {verdict}")
    if FactVerdict.CONTRADICTED in verdicts.values():
        complain(f"the manifest states what the {conformance.institution} does not do")
        return False
    if not all(finding.is_right for finding in conformance.findings):
        complain("the run did not come out as it must")
        return False
    return True


def is_on_this_machine(url: str) -> bool:
    """Whether an address of a far side is a loopback address, as that of our own sandbox is."""
    return _LOOPBACK.fullmatch(url) is not None

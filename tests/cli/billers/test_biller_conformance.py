"""A conformance run proves what is so, and contradicts what is not."""

from dataclasses import dataclass, replace
from datetime import date

import pytest
from typing_extensions import override

from ekpay_switch.cli.billers.conformance import BillerConformance
from ekpay_switch.cli.conformance.run import FactVerdict, SafetyFact, show_run
from ekpay_switch.domain.bill import BillFound, BillQuery, FetchReply
from ekpay_switch.domain.outcome import Approved, Declined, Inquiry, NoAnswer, NotFound, Outcome, Posted
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerProfile
from tests.factories import BILL_NO, a_bill
from tests.fakes.billers import PROFILE

TODAY = date(2026, 3, 1)


@dataclass
class Counter:
    """A biller as its manifest says, or wrong in one way."""

    profile: BillerProfile = PROFILE
    wrong: str = ""
    paid_by: str = ""
    paid_minor: int = 0
    is_void: bool = False

    async def fetch(self, query: BillQuery) -> FetchReply:
        assert query.parameters == {"bill_no": BILL_NO}
        return BillFound(a_bill(is_paid=bool(self.paid_by) and self.wrong != "forgets"))

    async def pay(self, order: PayOrder) -> Outcome:
        if self.wrong == "refuses":
            return Declined("refused")
        if self.paid_by == order.reference and self.wrong == "refuses a repeat":
            return Declined("already_paid")
        if self.paid_by not in {"", order.reference} and self.wrong != "takes twice":
            return Declined("already_paid")
        self.paid_by, self.paid_minor = order.reference, order.sums.billed_amount.minor
        return Approved({"receipt": "R-1"})

    async def inquire(self, order: PayOrder) -> Inquiry:
        if self.wrong == "cannot be asked" or (self.wrong == "is silent afterwards" and self.is_void):
            return NoAnswer("cut off")
        if self.wrong == "knows everything":
            return Posted(order.reference, order.sums.billed_amount.minor)
        if self.paid_by != order.reference:
            return NotFound()
        return Posted(
            order.reference, self.paid_minor + (100 if self.wrong == "echoes another amount" else 0)
        )


async def run(biller: Counter) -> BillerConformance:
    conformance = BillerConformance(biller, {"bill_no": BILL_NO}, TODAY)
    assert [finding async for finding in conformance.run()] == conformance.findings
    return conformance


async def test_an_honest_biller_is_proven_in_all_it_claims() -> None:
    done = await run(Counter())
    assert all(finding.is_right for finding in done.findings)
    assert done.verdicts() == {
        SafetyFact.DEDUPLICATES: FactVerdict.PROVEN,
        SafetyFact.CAN_BE_ASKED: FactVerdict.PROVEN,
        SafetyFact.CAN_BE_UNDONE: FactVerdict.NOT_SHOWN,
        SafetyFact.ECHOES_AMOUNT: FactVerdict.PROVEN,
    }


@pytest.mark.parametrize(
    ("wrong", "fact"),
    [
        ("refuses a repeat", SafetyFact.DEDUPLICATES),
        ("cannot be asked", SafetyFact.CAN_BE_ASKED),
        ("knows everything", SafetyFact.CAN_BE_ASKED),
        ("echoes another amount", SafetyFact.ECHOES_AMOUNT),
    ],
)
async def test_a_fact_that_is_not_so_is_contradicted(wrong: str, fact: SafetyFact) -> None:
    assert (await run(Counter(wrong=wrong))).verdicts()[fact] is FactVerdict.CONTRADICTED


@pytest.mark.parametrize("wrong", ["refuses", "takes twice", "forgets"])
async def test_what_bears_on_no_fact_is_a_fault_of_the_run(wrong: str) -> None:
    assert not all(finding.is_right for finding in (await run(Counter(wrong=wrong))).findings)


async def test_what_is_not_claimed_is_never_more_than_not_shown() -> None:
    modest = replace(PROFILE, safety=replace(PROFILE.safety, deduplicates=False, can_be_asked=False))
    verdicts = (await run(Counter(modest))).verdicts()
    assert verdicts[SafetyFact.DEDUPLICATES] is verdicts[SafetyFact.CAN_BE_ASKED] is FactVerdict.NOT_SHOWN


async def test_a_paid_bill_ends_the_run_before_anything_is_paid() -> None:
    biller = Counter(paid_by="somebody")
    assert [finding.is_right for finding in (await run(biller)).findings] == [False]
    assert biller.paid_minor == 0


@pytest.mark.parametrize(
    ("wrong", "is_well"), [("", True), ("takes twice", False), ("knows everything", False)]
)
async def test_the_run_is_shown_step_by_step(
    wrong: str, *, is_well: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    conformance = BillerConformance(Counter(wrong=wrong), {"bill_no": BILL_NO}, TODAY)
    assert await show_run(conformance) == is_well
    shown = capsys.readouterr()
    assert ("WRONG" in shown.out) == (not is_well)
    assert bool(shown.err) == (not is_well)


@dataclass
class UndoingCounter(Counter):
    """A biller that takes payments back, as its manifest says, or wrong in one way."""

    async def undo(self, order: PayOrder) -> Outcome:
        if self.wrong == "closed" or (self.wrong == "refuses a second time" and not self.paid_by):
            return Declined("not_open")
        assert self.paid_by in {"", order.reference}
        self.paid_by, self.is_void = self.paid_by if self.wrong == "keeps it" else "", True
        return Approved()


UNDOING = replace(PROFILE, safety=replace(PROFILE.safety, can_be_undone=True))


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [
        ("", FactVerdict.PROVEN),
        ("closed", FactVerdict.CONTRADICTED),
        ("refuses a second time", FactVerdict.CONTRADICTED),
        ("keeps it", FactVerdict.CONTRADICTED),
        ("is silent afterwards", FactVerdict.CONTRADICTED),
    ],
)
async def test_what_a_manifest_says_of_undoing_is_tried(wrong: str, verdict: FactVerdict) -> None:
    conformance = await run(UndoingCounter(UNDOING, wrong))
    assert conformance.verdicts()[SafetyFact.CAN_BE_UNDONE] is verdict


async def test_nothing_is_undone_where_the_manifest_does_not_say_so_or_no_call_exists() -> None:
    for biller in (UndoingCounter(), Counter(UNDOING)):
        conformance = await run(biller)
        assert conformance.verdicts()[SafetyFact.CAN_BE_UNDONE] is FactVerdict.NOT_SHOWN
        assert biller.paid_by


@dataclass
class TwoSteps(Counter):
    """A biller that saves and is then to be acknowledged."""

    steps: tuple[str, ...] = ()

    @override
    async def pay(self, order: PayOrder) -> Outcome:
        self.steps = (*self.steps, order.step)
        return await super().pay(order)


async def test_every_step_of_a_payment_is_sent() -> None:
    biller = TwoSteps(replace(PROFILE, steps=("save", "acknowledge")))
    await run(biller)
    assert biller.steps[:4] == ("save", "acknowledge") * 2

"""A demo in which everything is explained, around what its payers came to."""

from sandbox.rehearsals.day.injected_errors import InjectedError
from sandbox.rehearsals.demo.citizens.books import CitizenOutcome
from sandbox.rehearsals.demo.citizens.load import CitizenExperience
from sandbox.rehearsals.demo.collecting.book_reader import PayerOutcome
from sandbox.rehearsals.demo.comparison.biller_books import Comparison
from sandbox.rehearsals.demo.deciding.doors import DOORS, DoorsOutcome
from sandbox.rehearsals.demo.deciding.played_doors import PlayedDoor
from sandbox.rehearsals.demo.night.night_run import NightOutcome
from sandbox.rehearsals.demo.paying.load import PartnerExperience
from sandbox.rehearsals.demo.report import CLEAN, DemoOutcome
from sandbox.rehearsals.month.model.answer_key import Code as MonthCode
from tests.sandbox.rehearsals.demo.payouts.sample_payouts import OUTCOME as PAID

# As much as must have gone wrong in files, and was found again.
SEEDED = [InjectedError(code, "bkash", code.value, 0) for code in list(MonthCode)[:8]]
OPENED = [PlayedDoor(name, "something waited", ["it was decided"]) for name in sorted(DOORS)]


def proof_of(payers: PayerOutcome) -> DemoOutcome:
    return DemoOutcome(
        seed=1,
        seconds=1.0,
        time_divisor=20,
        payments=[],
        posted={"DESCO": 2},
        experience=PartnerExperience(),
        comparison=Comparison([], []),
        audit=CLEAN,
        payers=payers,
        citizens=CitizenOutcome(CitizenExperience(), carts=0, bills={}, paid_paisa=0),
        night=NightOutcome([], 0, SEEDED, [], [], [], [], [], [], {}, PAID),
        doors=DoorsOutcome(OPENED, []),
    )

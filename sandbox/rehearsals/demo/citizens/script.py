"""The script of the citizens: which bills each pays at the portal, by which provider, and in which course.

Everything follows from the seed, the providers and the bills; nothing is sent here.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from types import MappingProxyType

from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, DemoProvider
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse

# Numbers for which the SMS gateway has no fault of its own.
_FIRST_MOBILE = 1_712_500_000
# Payers of the shop have the numbers from 0 on.
_FIRST_PAYER = 5_000


class CitizenCourse(StrEnum):
    """The course of one citizen; the values are printed in the report."""

    ONE_BILL = "one_bill"
    CART = "three_bills_by_one_payment"
    ONE_REFUSED = "one_bill_of_three_refused"
    WRONG_NUMBER = "wrong_number_then_the_right_one"
    ANOTHER_WAY = "cancels_at_the_wallet_and_pays_another_way"
    CANCELLED = "cancels_at_the_checkout"
    LEFT = "leaves_the_cart"
    TRACKED = "follows_it_from_another_phone"

    @property
    def bills(self) -> int:
        """How many bills are put into the cart."""
        return len(_THREE) if self in {CitizenCourse.CART, CitizenCourse.ONE_REFUSED} else 1

    @property
    def is_ordered(self) -> bool:
        """Whether the cart gets as far as the checkout."""
        return self is not CitizenCourse.LEFT

    @property
    def is_paid(self) -> bool:
        """Whether the citizen pays."""
        return self not in {CitizenCourse.LEFT, CitizenCourse.CANCELLED}


_THREE = (DescoAdminClient.biller, BrebAdminClient.biller, NescoAdminClient.biller)
# Of twenty citizens.
_SHARES: Mapping[CitizenCourse, int] = MappingProxyType(
    {
        CitizenCourse.ONE_BILL: 8,
        CitizenCourse.CART: 4,
        CitizenCourse.ONE_REFUSED: 2,
        CitizenCourse.WRONG_NUMBER: 1,
        CitizenCourse.ANOTHER_WAY: 1,
        CitizenCourse.CANCELLED: 1,
        CitizenCourse.LEFT: 1,
        CitizenCourse.TRACKED: 2,
    }
)


@dataclass(frozen=True, slots=True)
class CitizenOrder:
    """One citizen: the bills of the cart in their order, how the cart is paid, and the mobile number.

    `nth` counts the citizens from 0. In the course with a refused bill it is the first.
    """

    nth: int
    course: CitizenCourse
    bills: Sequence[Payable]
    provider: DemoProvider
    mobile: str

    def number(self, provider: DemoProvider) -> str:
        """The citizen's wallet, card or account at a provider."""
        return provider.number(CollectionCourse.PLAIN, _FIRST_PAYER + self.nth)


@dataclass(frozen=True, slots=True)
class CitizenPlan:
    """How many citizens come, to which billers, and who collects from them; every course occurs."""

    seed: int
    citizens: int
    billers: Sequence[str]
    providers: Sequence[DemoProvider]

    def parts(self) -> list[tuple[CitizenCourse, Sequence[str]]]:
        """Each citizen's course and billers, in the order in which they come."""
        turn = [course for course, share in _SHARES.items() for _ in range(share)]
        rounds = -(-self.citizens // len(turn))
        courses = (list(CitizenCourse) + turn * rounds)[: max(self.citizens, len(CitizenCourse))]
        random.Random(self.seed).shuffle(courses)  # noqa: S311 - to be repeated, not to be unguessable
        billers = cycle(self.billers)
        return [(course, _THREE if course.bills > 1 else (next(billers),)) for course in courses]

    def payables_needed(self, biller: str) -> int:
        """How many bills of this biller are put into carts."""
        return Counter(name for _, billers in self.parts() for name in billers)[biller]


def write_citizen_script(plan: CitizenPlan, payables: Mapping[str, Sequence[Payable]]) -> list[CitizenOrder]:
    """The citizens in the order in which they come.

    `payables` are by the billers' ekPay ids and hold as many as `plan.payables_needed` says.
    """
    unassigned = {biller: list(bills) for biller, bills in payables.items()}
    refunding = [provider for provider in plan.providers if provider.parts_max]
    by_course = {course: cycle(_providers_of(course, plan.providers, refunding)) for course in CitizenCourse}
    return [
        CitizenOrder(
            nth=nth,
            course=course,
            bills=[unassigned[biller].pop() for biller in billers],
            provider=next(by_course[course]),
            mobile=f"0{_FIRST_MOBILE + nth}",
        )
        for nth, (course, billers) in enumerate(plan.parts())
    ]


def _providers_of(
    course: CitizenCourse, providers: Sequence[DemoProvider], refunding: Sequence[DemoProvider]
) -> Sequence[DemoProvider]:
    """Who may collect in a course: a refused bill goes back at once, and bKash's page can be cancelled."""
    match course:
        case CitizenCourse.ONE_REFUSED:
            return refunding
        case CitizenCourse.ANOTHER_WAY:
            return [provider for provider in refunding if provider.id != BKASH]
        case _:
            return providers

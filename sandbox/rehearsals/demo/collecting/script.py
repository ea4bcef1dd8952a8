"""The script of the payers: who pays what by which provider, and in which course.

Everything follows from the seed, the providers and the bills; nothing is sent here.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.admin_clients.nesco import NescoAdminClient
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, DemoProvider
from sandbox.rehearsals.demo.collecting.scenarios import STEPS_OF_COURSE, CollectionCourse, PayerOrder

COLLECTED_MIN = 20

BKASH_PERCENT = 20
"""The percentage of payments by bKash; the other providers share the rest equally."""
ODD_PERCENT = 50
"""The percentage of a family's payments that take another course than the plain one."""
_TWICE_EVERY = 10
# The billers of payers with a plain course, in turn; most others pay DESCO.
_PLAIN_BILLERS = (
    NescoAdminClient.biller, BrebAdminClient.biller, DescoAdminClient.biller, DescoAdminClient.biller,
    DescoAdminClient.biller,
)  # fmt: skip

# Courses begin in this order.
_PLACES, _ODD_PLACE = {CollectionCourse.LAPSED: 0, CollectionCourse.PLAIN: 2}, 1

ScriptPart = tuple[CollectionCourse, DemoProvider]


@dataclass(frozen=True, slots=True)
class PayerPlan:
    """How many payments a script of payers holds, and who collects them.

    Every course occurs at least once in each family that supports it, and each provider has a plain one, so a
    small plan has more payments than requested.
    """

    seed: int
    payments: int
    providers: Sequence[DemoProvider]

    def parts(self) -> list[ScriptPart]:
        """Every payment's course and provider, in the order in which they begin.

        Those that expire come first, as they take longest, and the plain ones last: what waits for clocks and
        doubts waits while others still pay.
        """
        families: defaultdict[str, list[DemoProvider]] = defaultdict(list)
        for provider in self.providers:
            families[provider.family].append(provider)
        dealt = [part for family in families.values() for part in self._family_parts(family)]
        random.Random(self.seed).shuffle(dealt)  # noqa: S311 - to be repeated, not to be unguessable
        return sorted(dealt, key=lambda part: _PLACES.get(part[0], _ODD_PLACE))

    def payables_needed(self, biller: str) -> int:
        """How many bills of this biller are paid."""
        return Counter(_billers(self.parts()))[biller]

    def _share(self, provider: DemoProvider) -> int:
        by_bkash = self.payments * BKASH_PERCENT // 100
        if provider.id == BKASH:
            return by_bkash
        return (self.payments - by_bkash) // max(1, sum(member.id != BKASH for member in self.providers))

    def _family_parts(self, family: Sequence[DemoProvider]) -> list[ScriptPart]:
        """The courses of one family: special ones by its providers in turn, the plain one by all of them."""
        courses = [
            course for course in CollectionCourse if any(course in member.courses() for member in family)
        ]
        courses.remove(CollectionCourse.PLAIN)
        share = sum(map(self._share, family))
        times = max(1, share * ODD_PERCENT // 100 // max(1, len(courses)))
        turns = cycle(family)
        odd = [
            (course, next(member for member in turns if course in member.courses()))
            for course in courses
            for _ in range(times)
        ]
        played = Counter(provider.id for _, provider in odd)
        return odd + [
            (CollectionCourse.PLAIN, provider)
            for provider in family
            for _ in range(max(1, self._share(provider) - played[provider.id]))
        ]


def write_payer_script(plan: PayerPlan, payables: Mapping[str, Sequence[Payable]]) -> list[PayerOrder]:
    """Return the orders in the order in which they begin.

    `payables` are by the billers' ekPay ids and hold as many as `plan.payables_needed` says.
    """
    unassigned = {biller: list(bills) for biller, bills in payables.items()}
    parts, orders = plan.parts(), []
    for number, ((course, provider), biller) in enumerate(zip(parts, _billers(parts), strict=True)):
        is_sent_twice = course is CollectionCourse.PLAIN and number % _TWICE_EVERY == 0
        orders.append(
            PayerOrder(
                course=course,
                connector=provider.id,
                bill=unassigned[biller].pop(),
                number=provider.number(course, number),
                other_number=provider.number(CollectionCourse.PLAIN, number),
                is_sent_twice=is_sent_twice,
                gives_back=provider.parts_max > 0,
            )
        )
    return orders


def _billers(parts: Sequence[ScriptPart]) -> list[str]:
    """The biller of each of these payments."""
    plain = cycle(_PLAIN_BILLERS)
    # Only NESCO's quotes expire within a demo, so payments that are too late go there. Only BREB is said to
    # take payments back, so who asks for a refund has paid there.
    fixed = {CollectionCourse.LAPSED: NescoAdminClient.biller}
    fixed |= {
        course: BrebAdminClient.biller for course, steps in STEPS_OF_COURSE.items() if steps.refund_percents
    }
    return [
        next(plain) if course is CollectionCourse.PLAIN else fixed.get(course, DescoAdminClient.biller)
        for course, _ in parts
    ]

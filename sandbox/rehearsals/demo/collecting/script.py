"""The script of the payers: who pays what by which provider, how it goes, and what the shop does next.

Everything follows from the seed, the providers and the bills; nothing here is sent.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.admin_clients.breb import BrebDesk
from sandbox.rehearsals.demo.admin_clients.desco import DescoDesk
from sandbox.rehearsals.demo.admin_clients.nesco import NescoDesk
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, DemoProvider
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse, PayerOrder

COLLECTED_MIN = 20

BKASH_PERCENT = 20
"""How much of all payments goes by bKash; the other providers share the rest alike."""
ODD_PERCENT = 50
"""How many of a family's payments take another course than the plain one."""
_TWICE_EVERY = 10
# The billers of payers to whom nothing happens, in turn; the others pay DESCO.
_PLAIN_BILLERS = (
    NescoDesk.biller, BrebDesk.biller, DescoDesk.biller, DescoDesk.biller, DescoDesk.biller,
)  # fmt: skip

ScriptPart = tuple[CollectionCourse, DemoProvider]


@dataclass(frozen=True, slots=True)
class PayerPlan:
    """How many payments a script of payers holds, and who collects them.

    Every course is taken once at least in each family that knows it, and each provider has a plain one, so a
    small plan comes to more payments than it asks for.
    """

    seed: int
    payments: int
    providers: Sequence[DemoProvider]

    def parts(self) -> list[ScriptPart]:
        """Every payment's course and provider, in the order in which they begin.

        Those that lapse come first, as they take longest.
        """
        families: defaultdict[str, list[DemoProvider]] = defaultdict(list)
        for provider in self.providers:
            families[provider.family].append(provider)
        dealt = [part for family in families.values() for part in self._family_parts(family)]
        random.Random(self.seed).shuffle(dealt)  # noqa: S311 - to be repeated, not to be unguessable
        return sorted(dealt, key=lambda part: part[0] is not CollectionCourse.LAPSED)

    def payables_needed(self, biller: str) -> int:
        """How many things of this biller are paid."""
        return Counter(_billers(self.parts()))[biller]

    def _share(self, provider: DemoProvider) -> int:
        by_bkash = self.payments * BKASH_PERCENT // 100
        if provider.id == BKASH:
            return by_bkash
        return (self.payments - by_bkash) // max(1, sum(member.id != BKASH for member in self.providers))

    def _family_parts(self, family: Sequence[DemoProvider]) -> list[ScriptPart]:
        """What one family plays: each odd course by its providers in turn, the plain one by all of them."""
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

    `payables` are by the billers' ekPay ids and hold what `plan.wanted` says.
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
    """Who is paid by each of these payments."""
    plain = cycle(_PLAIN_BILLERS)
    # Only NESCO's quotes die within a demo, so whoever is to be too late is late there.
    fixed = {CollectionCourse.LAPSED: NescoDesk.biller}
    return [
        next(plain) if course is CollectionCourse.PLAIN else fixed.get(course, DescoDesk.biller)
        for course, _ in parts
    ]

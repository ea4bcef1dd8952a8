"""The plan of a day: orders, instruments, and injected problems. Everything follows from the seed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sandbox.callers.ekshop.catalogue import AGENTS, DISTRICTS, GOODS, SELLERS
from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.callers.ekshop.orders import Standing
from sandbox.callers.ekshop.pricing import Purchase
from sandbox.callers.ekshop.wire import ShopCustomer
from sandbox.kit.institution.seeded_values import INVENTED_NAMES, invented_name
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, DemoProvider
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse as AtProvider

ORDERS_MIN = 20


class OrderCourse(StrEnum):
    """The course of one order; the values are printed in the report."""

    PAID = "paid"
    OTHER_INSTRUMENT = "refused, then paid by another instrument"
    REFUSED = "refused, then given up"
    CANCELLED = "cancelled at the checkout"
    PAID_ANEW = "cancelled, then paid by a new payment"
    CALLBACK_LOST = "paid, and never sent back"
    REOPENED = "left, then paid in another browser"
    TAB_CLOSED = "left for good"


_PER_MILLE: Mapping[OrderCourse, int] = MappingProxyType(
    {
        OrderCourse.OTHER_INSTRUMENT: 50,
        OrderCourse.REFUSED: 30,
        OrderCourse.CANCELLED: 40,
        OrderCourse.PAID_ANEW: 20,
        OrderCourse.CALLBACK_LOST: 40,
        OrderCourse.REOPENED: 20,
        OrderCourse.TAB_CLOSED: 30,
    }
)
"""How many of a thousand orders take each course; all others are simply paid."""

ENDS: Mapping[OrderCourse, Standing] = MappingProxyType(
    dict.fromkeys(OrderCourse, Standing.PAID)
    | {
        OrderCourse.REFUSED: Standing.FAILED,
        OrderCourse.CANCELLED: Standing.CANCELLED,
        OrderCourse.TAB_CLOSED: Standing.WAITING,
    }
)
"""The state that an order must have in the shop in the end."""

SENT_BACK = frozenset(OrderCourse) - {OrderCourse.CALLBACK_LOST, OrderCourse.TAB_CLOSED}
"""The courses in which the customer returns to the shop."""

# How the shop's listener fails on the first IPN of some orders, so that the switch must send it again.
_ODD_CONDUCTS = (
    Conduct.HTTP_500, Conduct.HTTP_401, Conduct.EMPTY, Conduct.TRUE, Conduct.HTML, Conduct.ASKING,
)  # fmt: skip
_ODD_EVERY = 40
_AGENT_PERCENT, _BKASH_PERCENT = 30, 55
_SELLERS_MAX = 6
_REFUND_PERCENTS = ((100,), (35,), (15, 20, 25), (40, 60))
_REFUNDS_EVERY = 60
_REFUND_PARTS_MIN = 3
_REFUSALS: Mapping[str, AtProvider] = MappingProxyType(
    {BKASH: AtProvider.INSUFFICIENT, "nagad": AtProvider.DECLINED}
)
"""The refusals of each wallet after which another instrument can be chosen at once."""

WALLETS = (BKASH, "nagad", "upay", "tap", "mcash", "mycash", "okwallet", "surecash")
"""The wallets that customers pay with."""


class TooFewProvidersError(ValueError):
    """The switch lacks a wallet that customers pay with."""


@dataclass(frozen=True, slots=True)
class InstrumentPlan:
    """One instrument, and the number entered at its page."""

    instrument: str
    number: str


@dataclass(frozen=True, slots=True)
class CustomerOrder:
    """One order of the day; `first_ipn` is how the shop's listener handles its first IPN.

    `refund_percents` of its price are refunded at the end, one after the other. `spares` are the instruments
    to use where the planned one is unavailable.
    """

    nth: int
    purchase: Purchase
    customer: ShopCustomer
    course: OrderCourse
    choices: tuple[InstrumentPlan, ...]
    first_ipn: Conduct = Conduct.HONEST
    refund_percents: tuple[int, ...] = ()
    spares: tuple[InstrumentPlan, ...] = ()


def write_day(seed: int, orders: int, providers: Sequence[DemoProvider]) -> list[CustomerOrder]:
    """Return the orders in the order in which they are placed; those that settle slowly come first.

    Raises:
        TooFewProvidersError: a required wallet is missing.
    """
    known = {provider.id: provider for provider in providers}
    if any(name not in known for name in WALLETS):
        raise TooFewProvidersError(TooFewProvidersError.__doc__)
    rng = random.Random(seed)  # noqa: S311 - to be repeated, not to be unguessable
    courses = list(_courses(orders))
    rng.shuffle(courses)
    courses.sort(key=lambda course: course not in {OrderCourse.CALLBACK_LOST, OrderCourse.TAB_CLOSED})
    day = []
    for nth, course in enumerate(courses):
        payings = tuple(_instrument_plans(rng, course, known, nth))
        is_paid = ENDS[course] is Standing.PAID
        refunds: tuple[int, ...] = ()
        if is_paid and nth % _REFUNDS_EVERY == 1:
            refunds = _affordable(known[payings[-1].instrument], nth // _REFUNDS_EVERY)
        day.append(
            CustomerOrder(
                nth=nth,
                purchase=_purchase(rng),
                customer=_customer(rng, nth),
                course=course,
                choices=payings,
                first_ipn=_first_ipn(nth, course),
                refund_percents=refunds,
                spares=tuple(
                    InstrumentPlan(name, known[name].number(AtProvider.PLAIN, nth)) for name in WALLETS
                ),
            )
        )
    return day


def _courses(orders: int) -> Iterator[OrderCourse]:
    """Every special course in its share, and at least once."""
    odd = [course for course, share in _PER_MILLE.items() for _ in range(max(1, orders * share // 1_000))]
    yield from odd[:orders]
    yield from (OrderCourse.PAID for _ in range(orders - len(odd)))


def _affordable(provider: DemoProvider, turn: int) -> tuple[int, ...]:
    """The refunds that the provider supports: at most as many parts as it allows."""
    percents = _REFUND_PERCENTS[turn % len(_REFUND_PERCENTS)]
    if provider.parts_max >= _REFUND_PARTS_MIN:
        return percents
    return percents[:1] if provider.parts_max else ()


def _first_ipn(nth: int, course: OrderCourse) -> Conduct:
    if nth % _ODD_EVERY or course is OrderCourse.TAB_CLOSED:
        return Conduct.HONEST
    return _ODD_CONDUCTS[nth // _ODD_EVERY % len(_ODD_CONDUCTS)]


def _instrument_plans(
    rng: random.Random, course: OrderCourse, known: Mapping[str, DemoProvider], nth: int
) -> Iterator[InstrumentPlan]:
    """The instruments chosen at the checkout, in order; none if the customer cancels there at once."""
    if course in {OrderCourse.OTHER_INSTRUMENT, OrderCourse.REFUSED}:
        refusing = rng.choice(list(_REFUSALS))
        yield InstrumentPlan(refusing, known[refusing].number(_REFUSALS[refusing], nth))
    if course in {OrderCourse.REFUSED, OrderCourse.CANCELLED}:
        return
    by_bkash = rng.randrange(100) < _BKASH_PERCENT
    paying = BKASH if by_bkash else rng.choice(WALLETS[1:])
    yield InstrumentPlan(paying, known[paying].number(AtProvider.PLAIN, nth))


def _purchase(rng: random.Random) -> Purchase:
    sellers = rng.sample([seller_entry.code for seller_entry in SELLERS], rng.randint(1, _SELLERS_MAX))
    quantities: dict[str, int] = {}
    for seller in sellers:
        own = [good.code for good in GOODS if good.seller == seller]
        for code in rng.sample(own, rng.randint(1, min(2, len(own)))):
            quantities[code] = rng.choice((1, 1, 1, 2))
    agent = rng.choice(AGENTS) if rng.randrange(100) < _AGENT_PERCENT else None
    district = agent.district if agent else rng.choice(list(DISTRICTS))
    return Purchase(quantities, district, agent.code if agent else None)


def _customer(rng: random.Random, nth: int) -> ShopCustomer:
    name = invented_name(rng.randrange(INVENTED_NAMES))
    email = f"buyer{nth}@shop.example" if rng.randrange(2) else ""
    return ShopCustomer(name, f"+8801{7_00000000 + nth:09d}", email, f"House {nth + 1}, Sandbox Road")

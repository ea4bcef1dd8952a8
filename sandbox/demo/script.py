"""The script of a demo: which partner pays which bill, what goes wrong with it, and what else is tried.

Everything follows from the seed and the bills; nothing here is sent. What depends on timing alone, such as
which payments are on their way when the biller goes down, is for the load to find out.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sandbox.demo.desco_desk import UnpaidBill
from sandbox.desco.faults import Fault

FAULTED_PERCENT = 3
REPEATED_PERCENT = 3
BAD_PERCENT = 3

_CONTRADICTIONS_MAX = 2
# Faults in the first part only: the doubts that they leave are settled while the rest is being paid.
_FAULTS_WITHIN_PERCENT = 70
_OUTAGE_AT_PERCENT = 40
_BEARERS_DIE_AT_PERCENT = (15, 55, 85)


class Again(StrEnum):
    """What a partner sends a second time."""

    AT_ONCE = "at_once"
    """The same order twice at the same moment."""
    LATER = "later"
    """The same order again when everything is over."""
    OTHER_REFERENCE = "other_reference"
    """The same bill under another reference."""
    OTHER_CONTENT = "other_content"
    """The same reference with another amount."""


class Bad(StrEnum):
    """A request that must be refused."""

    RUBBISH = "rubbish"
    WRONG_KEY = "wrong_key"
    DEAD_TOKEN = "dead_token"  # noqa: S105 - the name of a misdeed
    NO_TOKEN = "no_token"  # noqa: S105 - the name of a misdeed
    WRONG_PASS_KEY = "wrong_pass_key"  # noqa: S105 - the name of a misdeed
    UNKNOWN_BILLER = "unknown_biller"
    UNKNOWN_ACCOUNT = "unknown_account"
    PAID_BILL = "paid_bill"
    WRONG_AMOUNT = "wrong_amount"
    MALFORMED_AMOUNT = "malformed_amount"
    FOREIGN_REFNO_ACK = "foreign_refno_ack"
    OTHER_NODE = "other_node"


class Happening(StrEnum):
    """What befalls the biller as a whole."""

    GOES_DOWN = "desco_goes_down"
    """Its process is killed and started again; connections are refused meanwhile."""
    BEARERS_DIE = "desco_forgets_logins"
    """Every login dies at once."""


@dataclass(frozen=True, slots=True)
class Order:
    """One partner pays one bill; `is_whole` says whether it echoes the whole bill or the least it may."""

    partner: int
    bill: UnpaidBill
    fault: Fault | None = None
    again: Again | None = None
    by_account: bool = False
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class BadRequest:
    """One partner sends something that must be refused; `bill` stays unpaid."""

    partner: int
    kind: Bad
    bill: UnpaidBill


Scene = Order | BadRequest | Happening


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a script holds."""

    seed: int
    payments: int
    partners: int

    @property
    def bad_requests(self) -> int:
        """How many bad requests: each kind at least once."""
        return max(len(Bad), self.payments * BAD_PERCENT // 100)

    @property
    def bills(self) -> int:
        """How many unpaid bills it needs."""
        return self.payments + self.bad_requests


def write_script(plan: Plan, bills: Sequence[UnpaidBill]) -> list[Scene]:
    """Return the scenes in the order in which they begin.

    Every kind of fault strikes at least once, so a small script has more than its percentage of them.
    """
    chance = random.Random(plan.seed)  # noqa: S311 - a script is to be repeated, not to be unguessable
    order = chance.sample(bills, plan.bills)
    orders = [
        Order(
            partner=number % plan.partners,
            bill=bill,
            by_account=chance.choice((False, True)),
            is_whole=chance.choice((False, True)),
        )
        for number, bill in enumerate(order[: plan.payments])
    ]
    _put_faults(orders, chance)
    _put_repeats(orders, chance)
    scenes: list[Scene] = [*orders]
    kinds = list(Bad)
    for number, bill in enumerate(order[plan.payments :]):
        bad = BadRequest(chance.randrange(plan.partners), kinds[number % len(kinds)], bill)
        scenes.insert(chance.randrange(len(scenes) // 4, len(scenes)), bad)
    return _with_happenings(scenes)


def _put_faults(orders: list[Order], chance: random.Random) -> None:
    kinds = [fault for fault in Fault if fault is not Fault.ECHO_OTHER_AMOUNT]
    faulted = max(len(Fault), len(orders) * FAULTED_PERCENT // 100)
    contradictions = min(_CONTRADICTIONS_MAX, max(1, faulted // (2 * len(Fault))))
    struck = [Fault.ECHO_OTHER_AMOUNT] * contradictions
    struck += [kinds[number % len(kinds)] for number in range(faulted - contradictions)]
    within = max(faulted, len(orders) * _FAULTS_WITHIN_PERCENT // 100)
    for place, fault in zip(chance.sample(range(min(within, len(orders))), len(struck)), struck, strict=True):
        orders[place] = replace(orders[place], fault=fault)


def _put_repeats(orders: list[Order], chance: random.Random) -> None:
    repeated = max(len(Again), len(orders) * REPEATED_PERCENT // 100)
    kinds = list(Again)
    unharmed = [place for place, order in enumerate(orders) if order.fault is None]
    for number, place in enumerate(chance.sample(unharmed, min(repeated, len(unharmed)))):
        orders[place] = replace(orders[place], again=kinds[number % len(kinds)])
    # Whatever was in doubt is sent once more at the end, when it must have one answer.
    for place, order in enumerate(orders):
        if order.fault is not None:
            orders[place] = replace(order, again=Again.LATER)


def _with_happenings(scenes: list[Scene]) -> list[Scene]:
    happenings = [(percent, Happening.BEARERS_DIE) for percent in _BEARERS_DIE_AT_PERCENT]
    happenings.append((_OUTAGE_AT_PERCENT, Happening.GOES_DOWN))
    count = len(scenes)
    for percent, happening in sorted(happenings, reverse=True):
        scenes.insert(count * percent // 100, happening)
    return scenes

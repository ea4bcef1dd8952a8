"""The script of a demo: which partner pays which bill, with which fault, and which bad requests are sent.

Everything follows from the seed and the bills; nothing is sent here. What depends on timing, such as which
payments are under way when the billers go down, is decided by the load.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain, cycle

from sandbox.rehearsals.demo.admin_clients.admin_client import AvailableFaults, Payable
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.paying import network_faults as network

FAULTED_PERCENT = 3
REPEATED_PERCENT = 3
BAD_PERCENT = 3

SHARES_PERCENT = {"b9001": 25, "b9002": 15}
"""Share of the payments that go to BREB and NESCO; the rest goes to DESCO."""
# Faults in the first part only: the doubtful payments are settled while the rest is being paid.
_FAULTS_WITHIN_PERCENT = 70
_OUTAGE_AT_PERCENT = 40
_BEARERS_DIE_AT_PERCENT = (15, 55, 85)


class RepeatKind(StrEnum):
    """What a partner sends a second time."""

    AT_ONCE = "at_once"
    """The same order twice at the same time."""
    LATER = "later"
    """The same order again when everything is over."""
    OTHER_REFERENCE = "other_reference"
    """The same bill under another reference."""
    OTHER_CONTENT = "other_content"
    """The same reference with another amount."""


class BadRequestKind(StrEnum):
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


class BillerIncident(StrEnum):
    """What happens to the billers as a whole."""

    GOES_DOWN = "billers_go_down"
    """Their process is killed and started again; connections are refused meanwhile."""
    BEARERS_DIE = "billers_forget_logins"
    """Every login ends at once."""


@dataclass(frozen=True, slots=True)
class PartnerOrder:
    """One partner pays one thing; `is_whole` says whether it echoes the whole bill or the least it may.

    `named` is the identification that the partner uses. `fault` is one of the biller's, or one of the network
    after the prefix "network".
    """

    partner: int
    bill: Payable
    fault: str | None = None
    again: RepeatKind | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class BadRequest:
    """One partner sends something that must be refused; `bill` stays unpaid."""

    partner: int
    kind: BadRequestKind
    bill: Payable


Scene = PartnerOrder | BadRequest | BillerIncident


@dataclass(frozen=True, slots=True)
class PartnerPlan:
    """The size of a script."""

    seed: int
    payments: int
    partners: int
    per_house: int = 0

    @property
    def bad_requests(self) -> int:
        """How many bad requests: each kind at least once."""
        return max(len(BadRequestKind), self.payments * BAD_PERCENT // 100)

    def payables_needed(self, biller: str) -> int:
        """How many bills of this biller it needs, for payments and bad requests; the latter only use DESCO's.

        `per_house` are paid at each biller that has no share of the `payments`.
        """
        shares = {name: self.payments * percent // 100 for name, percent in SHARES_PERCENT.items()}
        if biller != DescoAdminClient.biller:
            return shares.get(biller, self.per_house)
        return self.payments - sum(shares.values()) + self.bad_requests


def write_script(
    plan: PartnerPlan, payables: Mapping[str, Sequence[Payable]], mischief: Mapping[str, AvailableFaults]
) -> list[Scene]:
    """Return the scenes in the order in which they begin.

    Both mappings are by the billers' ekPay ids, and `payables` holds as many as `plan.payables_needed` says.
    Every kind of fault occurs at least once if there are enough orders, so a small script has more than its
    percentage.
    """
    rng = random.Random(plan.seed)  # noqa: S311 - a script is to be repeated, not to be unguessable
    misused = list(payables[DescoAdminClient.biller][: plan.bad_requests])
    paid = [payable for biller in payables for payable in payables[biller] if payable not in misused]
    rng.shuffle(paid)
    orders = [
        PartnerOrder(
            partner=number % plan.partners,
            bill=bill,
            named=rng.choice(bill.named),
            is_whole=rng.choice((False, True)),
        )
        for number, bill in enumerate(paid)
    ]
    _put_faults(orders, mischief, rng)
    _put_repeats(orders, rng)
    scenes: list[Scene] = [*orders]
    kinds = list(BadRequestKind)
    for number, bill in enumerate(misused):
        bad = BadRequest(rng.randrange(plan.partners), kinds[number % len(kinds)], bill)
        scenes.insert(rng.randrange(len(scenes) // 4, len(scenes)), bad)
    return _with_happenings(scenes)


def _put_faults(
    orders: list[PartnerOrder], mischief: Mapping[str, AvailableFaults], chance: random.Random
) -> None:
    """Assign each biller's own faults and the network's in turn to a share of its orders."""
    for biller, wrong in mischief.items():
        places = [place for place, order in enumerate(orders) if order.bill.biller == biller]
        on_the_way = network.FAULTS if wrong.meets_network else ()
        kinds = [*wrong.faults, *(f"{network.PREFIX} {fault}" for fault in on_the_way)]
        chance.shuffle(kinds)
        once = [wrong.contradicting] if wrong.contradicting else []
        faulted = max(len(once) + len(kinds), len(places) * FAULTED_PERCENT // 100)
        within = places[: max(faulted, len(places) * _FAULTS_WITHIN_PERCENT // 100)]
        chosen = chance.sample(within, min(faulted, len(within)))
        for place, fault in zip(chosen, chain(once, cycle(kinds)), strict=False):
            orders[place] = replace(orders[place], fault=fault)


def _put_repeats(orders: list[PartnerOrder], chance: random.Random) -> None:
    repeated = max(len(RepeatKind), len(orders) * REPEATED_PERCENT // 100)
    kinds = list(RepeatKind)
    unharmed = [place for place, order in enumerate(orders) if order.fault is None]
    for number, place in enumerate(chance.sample(unharmed, min(repeated, len(unharmed)))):
        orders[place] = replace(orders[place], again=kinds[number % len(kinds)])
    # Every doubtful order is sent once more at the end, when it must have one answer.
    for place, order in enumerate(orders):
        if order.fault is not None:
            orders[place] = replace(order, again=RepeatKind.LATER)


def _with_happenings(scenes: list[Scene]) -> list[Scene]:
    happenings = [(percent, BillerIncident.BEARERS_DIE) for percent in _BEARERS_DIE_AT_PERCENT]
    happenings.append((_OUTAGE_AT_PERCENT, BillerIncident.GOES_DOWN))
    count = len(scenes)
    for percent, happening in sorted(happenings, reverse=True):
        scenes.insert(count * percent // 100, happening)
    return scenes

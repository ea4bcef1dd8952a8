"""The script of the payers: who pays what from which wallet, how it goes, and what the shop does next.

Everything follows from the seed and the bills; nothing here is sent.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sandbox.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet
from sandbox.client.messages import FAILED, PAID, PENDING, REFUNDED
from sandbox.demo.breb_desk import BrebDesk
from sandbox.demo.desco_desk import DescoDesk
from sandbox.demo.desks import Payable
from sandbox.demo.nesco_desk import NescoDesk
from sandbox.payer.payer import Does

WALLET_PAYMENTS_MIN = 20

# Of the payers to whom nothing happens, so many go to each of these; the others pay DESCO.
_PLAIN_PERCENT = {NescoDesk.biller: 20, BrebDesk.biller: 20}
_TWICE_EVERY = 10


class Course(StrEnum):
    """How the collection of one payment goes; the words are those of the report."""

    PLAIN = "plain"
    CANCELLED = "cancelled"
    LAPSED = "left_and_lapsed"
    SECOND_TRY = "left_and_paid_by_a_second_try"
    WRONG_PIN = "wrong_pin"
    INSUFFICIENT = "balance_too_low_then_another_wallet"
    EXECUTE_LOST_DONE = "execute_lost_done"
    EXECUTE_LOST_UNDONE = "execute_lost_undone"
    EXECUTE_HANGS_DONE = "execute_hangs_done"
    NEVER_BACK_NOTICE = "never_sent_back_but_notified"
    NEVER_BACK_CLOCK = "never_sent_back_but_the_clock"
    NOTICE_FIRST = "notice_before_the_answer"
    BILLER_REFUSES = "biller_refuses"
    OTHER_AMOUNT = "other_amount_told"
    REFUND_WHOLE = "refund_whole"
    REFUND_PARTS = "refund_in_three_parts"
    REFUND_LOST = "refund_answer_lost"


class Then(StrEnum):
    """What follows once the payer has left the page."""

    NOTHING = "nothing"
    SHOP_CANCELS = "shop_cancels"
    ANOTHER_TRY = "another_try"
    NOTICE = "notice"
    """The wallet notifies, before anybody has executed."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """What a course is made of; `end` is the status that the shop must be told last.

    `refund_percents` of the amount are asked back once it is paid.
    """

    wallet: WalletKind = WalletKind.NORMAL
    does: Does = Does.APPROVE
    is_followed: bool = True
    then: Then = Then.NOTHING
    biller_fault: str | None = None
    refund_percents: tuple[int, ...] = ()
    end: str = PAID


CONDUCT: Mapping[Course, Conduct] = MappingProxyType(
    {
        Course.PLAIN: Conduct(),
        Course.CANCELLED: Conduct(does=Does.CANCEL, then=Then.SHOP_CANCELS, end=FAILED),
        Course.LAPSED: Conduct(does=Does.LEAVE_AT_PIN, end=FAILED),
        Course.SECOND_TRY: Conduct(does=Does.LEAVE, then=Then.ANOTHER_TRY),
        Course.WRONG_PIN: Conduct(does=Does.WRONG_PIN, then=Then.SHOP_CANCELS, end=FAILED),
        Course.INSUFFICIENT: Conduct(WalletKind.INSUFFICIENT_BALANCE, then=Then.ANOTHER_TRY),
        Course.EXECUTE_LOST_DONE: Conduct(WalletKind.EXECUTE_LOST_DONE),
        Course.EXECUTE_LOST_UNDONE: Conduct(WalletKind.EXECUTE_LOST_UNDONE),
        Course.EXECUTE_HANGS_DONE: Conduct(WalletKind.EXECUTE_HANGS_DONE),
        Course.NEVER_BACK_NOTICE: Conduct(WalletKind.LEAVES, then=Then.NOTICE),
        Course.NEVER_BACK_CLOCK: Conduct(is_followed=False),
        Course.NOTICE_FIRST: Conduct(WalletKind.NOTICE_FIRST),
        Course.BILLER_REFUSES: Conduct(biller_fault="refuse", end=REFUNDED),
        Course.OTHER_AMOUNT: Conduct(WalletKind.OTHER_AMOUNT, end=PENDING),
        Course.REFUND_WHOLE: Conduct(refund_percents=(100,)),
        Course.REFUND_PARTS: Conduct(refund_percents=(15, 20, 25)),
        Course.REFUND_LOST: Conduct(WalletKind.REFUND_LOST_DONE, refund_percents=(40,)),
    }
)
# How many of 200 take a course; the others are plain, and each strikes once however few there are.
_OF_200: Mapping[Course, int] = MappingProxyType(
    {
        Course.CANCELLED: 8,
        Course.LAPSED: 4,
        Course.SECOND_TRY: 8,
        Course.WRONG_PIN: 4,
        Course.INSUFFICIENT: 4,
        Course.EXECUTE_LOST_DONE: 5,
        Course.EXECUTE_LOST_UNDONE: 4,
        Course.EXECUTE_HANGS_DONE: 4,
        Course.NEVER_BACK_NOTICE: 4,
        Course.NEVER_BACK_CLOCK: 4,
        Course.NOTICE_FIRST: 4,
        Course.BILLER_REFUSES: 4,
        Course.OTHER_AMOUNT: 2,
        Course.REFUND_WHOLE: 5,
        Course.REFUND_PARTS: 4,
        Course.REFUND_LOST: 4,
    }
)
_BASE = 200


@dataclass(frozen=True, slots=True)
class WalletOrder:
    """One payer at one bill; `other_wallet` is the one for another try.

    Where `is_sent_twice`, the shop sends the same order twice at the same moment.
    """

    course: Course
    bill: Payable
    wallet: str
    other_wallet: str
    is_sent_twice: bool = False

    @property
    def conduct(self) -> Conduct:
        """What its course is made of."""
        return CONDUCT[self.course]


@dataclass(frozen=True, slots=True)
class WalletPlan:
    """How much a script of payers holds."""

    seed: int
    payments: int

    def courses(self) -> dict[Course, int]:
        """How many payments take each course."""
        odd = {course: max(1, count * self.payments // _BASE) for course, count in _OF_200.items()}
        return {Course.PLAIN: self.payments - sum(odd.values()), **odd}

    def wanted(self, biller: str) -> int:
        """How many things of this biller are paid."""
        counts = self.courses()
        plain = {name: counts[Course.PLAIN] * percent // 100 for name, percent in _PLAIN_PERCENT.items()}
        # Only NESCO's quotes die within a demo, so whoever is to be too late is late there.
        plain[NescoDesk.biller] += counts[Course.LAPSED]
        if biller == DescoDesk.biller:
            return self.payments - sum(plain.values())
        return plain.get(biller, 0)


def write_wallet_script(plan: WalletPlan, payables: Mapping[str, Sequence[Payable]]) -> list[WalletOrder]:
    """Return the orders in the order in which they begin; those that lapse come first, as they take longest.

    `payables` are by the billers' ekPay ids and hold what `plan.wanted` says.
    """
    chance = random.Random(plan.seed)  # noqa: S311 - a script is to be repeated, not to be unguessable
    left = {biller: list(found) for biller, found in payables.items()}
    courses = [course for course, count in plan.courses().items() for _ in range(count)]
    lapsing = [course for course in courses if course is Course.LAPSED]
    others = [course for course in courses if course is not Course.LAPSED]
    chance.shuffle(others)
    orders = [_order(course, left[NescoDesk.biller].pop(), number) for number, course in enumerate(lapsing)]
    plain = [bill for biller in _PLAIN_PERCENT for bill in left[biller]]
    desco = left[DescoDesk.biller]
    for number, course in enumerate(others, start=len(lapsing)):
        bill = plain.pop() if course is Course.PLAIN and plain else desco.pop()
        orders.append(_order(course, bill, number))
    return orders


def _order(course: Course, bill: Payable, number: int) -> WalletOrder:
    kind, normal = CONDUCT[course].wallet, f"{FIRST_NORMAL_WALLET + number:0{WALLET_LENGTH}d}"
    wallet = normal if kind is WalletKind.NORMAL else magic_wallet(kind, number)
    is_sent_twice = course is Course.PLAIN and number % _TWICE_EVERY == 0
    return WalletOrder(course, bill, wallet, other_wallet=normal, is_sent_twice=is_sent_twice)

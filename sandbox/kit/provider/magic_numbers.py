"""The behaviour of payer numbers, one table for all institutions; a family may add kinds 90 to 99.

The payer types the number at the page. The kinds 70 to 79 strike before there is a page, so they work only
where the merchant names the payer when it opens the order (a mobile number of the customer, say).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.payer_numbers import NORMAL, PayerKind, digits_of, number_of

OTHER_AMOUNT_PAISA = 100
"""By how much the answers about an order of `other_amount` are wrong."""

FIRST_OWN, LAST_OWN = 90, 99
"""The kinds that a family may give a meaning of its own."""


class MoneyOutcome(StrEnum):
    """What becomes of the money once the payer has confirmed."""

    MOVES = "moves"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    """The payment is cancelled when the PIN is entered."""
    PENDING_THEN_MOVES = "pending_then_moves"
    PENDING_THEN_DECLINED = "pending_then_declined"
    PENDING = "pending"
    """For ever."""
    UNTOUCHED = "untouched"
    """Nothing happens at all; the order is as open as before."""


class ReportedOutcome(StrEnum):
    """The outcome that a browser or a push reports to the merchant, before a family writes it."""

    PAID = "paid"
    PENDING = "pending"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class PushPlan(StrEnum):
    """Which pushes an order has."""

    ONCE = "once"
    NEVER = "never"
    """By itself; an admin call can still send one."""
    TWICE = "twice"
    FIRST = "first"
    """The browser is sent back only after the push was tried."""
    FORGED = "forged"
    """In place of the right one comes one that is wrongly signed."""
    UNFOUNDED = "unfounded"
    """It is rightly signed and says that the order is paid, whatever has happened."""


class RefundOutcome(StrEnum):
    """What becomes of a refund that is allowed."""

    DONE = "done"
    REFUSED = "refused"
    PROCESSING_THEN_DONE = "processing_then_done"
    PROCESSING_THEN_FAILED = "processing_then_failed"


@dataclass(frozen=True, slots=True)
class PayerBehaviour:
    """Everything that a magic number can change; a normal one has the defaults.

    `reason` is why the money was declined, for a family that has codes for that. `browser_outcome` is what
    the browser reports in place of the truth. `returns` is how often it comes back: not at all, once, or once
    more by the provider itself. `reported_extra_paisa` and `reported_currency` make every answer about the
    order wrong. `failed_tries` is how many tries of the payer fail first. `facts` are the family's own.
    """

    money: MoneyOutcome = MoneyOutcome.MOVES
    reason: str = "declined"
    browser_outcome: ReportedOutcome | None = None
    returns: int = 1
    pushing: PushPlan = PushPlan.ONCE
    reported_extra_paisa: int = 0
    reported_currency: str = ""
    failed_tries: int = 0
    faults: Mapping[ProviderStep, ProviderFault] = field(default_factory=lambda: MappingProxyType({}))
    refund: RefundOutcome = RefundOutcome.DONE
    is_forged: bool = False
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PayerKindRow:
    """One row of the table: the digits KK, a name, what it means, and what it does."""

    digits: int
    name: str
    meaning: str
    behaviour: PayerBehaviour


NORMAL_PAYER = PayerKindRow(NORMAL, "normal", "pays", PayerBehaviour())


def _step(digits: int, step: ProviderStep, fault: ProviderFault, meaning: str) -> PayerKindRow:
    return PayerKindRow(digits, f"{step}_{fault}", meaning, PayerBehaviour(faults={step: fault}))


COMMON_KINDS: tuple[PayerKindRow, ...] = (
    PayerKindRow(10, "insufficient_funds", "declined: too little money",
          PayerBehaviour(money=MoneyOutcome.DECLINED, reason="insufficient_funds")),
    PayerKindRow(11, "declined", "declined by the issuer", PayerBehaviour(money=MoneyOutcome.DECLINED)),
    PayerKindRow(12, "wrong_pin", "no PIN is right: the first one ends the order",
          PayerBehaviour(money=MoneyOutcome.DECLINED, reason="wrong_pin")),
    PayerKindRow(13, "cancels", "whoever enters the PIN finds the order cancelled",
          PayerBehaviour(money=MoneyOutcome.CANCELLED)),
    PayerKindRow(14, "pending_then_paid", "pending for a while, then paid",
          PayerBehaviour(money=MoneyOutcome.PENDING_THEN_MOVES)),
    PayerKindRow(15, "pending_then_declined", "pending for a while, then declined",
          PayerBehaviour(money=MoneyOutcome.PENDING_THEN_DECLINED)),
    PayerKindRow(16, "pending", "pending for ever", PayerBehaviour(money=MoneyOutcome.PENDING)),
    PayerKindRow(17, "second_try", "a first try is declined, a second one pays",
          PayerBehaviour(failed_tries=1)),
    PayerKindRow(20, "says_paid", "the browser says paid, the truth is declined",
          PayerBehaviour(money=MoneyOutcome.DECLINED, browser_outcome=ReportedOutcome.PAID)),
    PayerKindRow(21, "says_declined", "the browser says declined, the truth is paid",
          PayerBehaviour(browser_outcome=ReportedOutcome.DECLINED)),
    PayerKindRow(22, "other_amount", "paid, and every answer tells 1.00 taka more",
          PayerBehaviour(reported_extra_paisa=OTHER_AMOUNT_PAISA)),
    PayerKindRow(23, "other_currency", "paid, and every answer tells US dollars",
          PayerBehaviour(reported_currency="USD")),
    PayerKindRow(30, "return_lost", "paid, and the browser is not sent back; opening the page again sends it",
          PayerBehaviour(returns=0)),
    PayerKindRow(31, "return_twice", "paid, and the browser's return comes a second time",
          PayerBehaviour(returns=2)),
    PayerKindRow(32, "return_forged", "nothing is paid, the order stays open, the browser says paid",
          PayerBehaviour(money=MoneyOutcome.UNTOUCHED, browser_outcome=ReportedOutcome.PAID, is_forged=True)),
    PayerKindRow(33, "nothing_comes", "paid, and neither browser nor push comes",
          PayerBehaviour(returns=0, pushing=PushPlan.NEVER)),
    PayerKindRow(40, "push_never", "paid, and no push comes by itself",
          PayerBehaviour(pushing=PushPlan.NEVER)),
    PayerKindRow(41, "push_twice", "paid, and the push comes twice", PayerBehaviour(pushing=PushPlan.TWICE)),
    PayerKindRow(42, "push_first", "paid, and the push comes before the browser returns",
          PayerBehaviour(pushing=PushPlan.FIRST)),
    PayerKindRow(43, "push_forged", "paid, and in place of the right push a wrongly signed one comes",
          PayerBehaviour(pushing=PushPlan.FORGED)),
    PayerKindRow(44, "push_unfounded", "declined, and a rightly signed push says paid",
          PayerBehaviour(money=MoneyOutcome.DECLINED, pushing=PushPlan.UNFOUNDED)),
    _step(50, ProviderStep.STATUS, ProviderFault.LOST_DONE, "paid; the first status answer is lost"),
    _step(51, ProviderStep.STATUS, ProviderFault.HTML, "paid; the first status answer is a web page"),
    _step(52, ProviderStep.STATUS, ProviderFault.HTTP_500, "paid; the first status answer is HTTP 500"),
    _step(53, ProviderStep.STATUS, ProviderFault.SLOW, "paid; the first status answer is late"),
    _step(54, ProviderStep.STATUS, ProviderFault.UNAUTHORISED, "paid; the first status call is turned away"),
    _step(60, ProviderStep.REFUND, ProviderFault.LOST_DONE,
          "paid; a first refund is done and its answer lost"),
    _step(61, ProviderStep.REFUND, ProviderFault.LOST_UNDONE,
          "paid; a first refund is not done and not answered"),
    _step(62, ProviderStep.REFUND, ProviderFault.HTML,
          "paid; a first refund is done and answered with a web page"),
    _step(63, ProviderStep.REFUND, ProviderFault.HTTP_500, "paid; a first refund is not done, HTTP 500"),
    _step(64, ProviderStep.REFUND, ProviderFault.SLOW, "paid; a first refund is answered late"),
    PayerKindRow(65, "refund_refused", "paid; every refund is refused",
          PayerBehaviour(refund=RefundOutcome.REFUSED)),
    PayerKindRow(66, "refund_processing", "paid; refunds are in work for a while, then done",
          PayerBehaviour(refund=RefundOutcome.PROCESSING_THEN_DONE)),
    PayerKindRow(67, "refund_fails", "paid; refunds are in work for a while, then fail",
          PayerBehaviour(refund=RefundOutcome.PROCESSING_THEN_FAILED)),
    _step(70, ProviderStep.CREATE, ProviderFault.LOST_DONE, "the order is opened, the answer lost"),
    _step(71, ProviderStep.CREATE, ProviderFault.LOST_UNDONE,
          "the order is not opened, the first time; no answer"),
    _step(72, ProviderStep.CREATE, ProviderFault.HTML, "the order is opened; the answer is a web page"),
    _step(73, ProviderStep.CREATE, ProviderFault.HTTP_500,
          "the order is not opened, the first time; HTTP 500"),
    _step(74, ProviderStep.CREATE, ProviderFault.SLOW, "the order is opened; the answer is late"),
    _step(75, ProviderStep.CREATE, ProviderFault.REFUSE, "the order is refused, the first time"),
    _step(80, ProviderStep.TAKE, ProviderFault.LOST_DONE, "taken, the answer lost"),
    _step(81, ProviderStep.TAKE, ProviderFault.LOST_UNDONE, "not taken the first time, no answer"),
    _step(82, ProviderStep.TAKE, ProviderFault.HTML, "taken, answered with a web page"),
    _step(83, ProviderStep.TAKE, ProviderFault.HTTP_500, "not taken the first time, HTTP 500"),
    _step(84, ProviderStep.TAKE, ProviderFault.SLOW, "taken, answered late"),
)  # fmt: skip
"""The kinds of every institution; those of `take` fail only where the merchant's own call takes the money."""


class DuplicateKindError(ValueError):
    """Two kinds of payer have the same digits or name, or a family's own are not its own."""


class Payers:
    """The payers of one institution: normal ones, the common magic ones, and those of its family."""

    def __init__(self, kind: PayerKind, accounts: int, own: Iterable[PayerKindRow] = ()) -> None:
        """Take the table of all institutions and the family's own rows.

        Raises:
            DuplicateKindError: an own row is outside 90 to 99, or there are two of one name or number.
        """
        self.kind = kind
        self.accounts = accounts
        mine = tuple(own)
        rows = (NORMAL_PAYER, *COMMON_KINDS, *mine)
        self._by_digits = {row.digits: row for row in rows}
        self._by_name = {row.name: row for row in rows}
        strays = [row.name for row in mine if not FIRST_OWN <= row.digits <= LAST_OWN]
        if strays or len({len(rows), len(self._by_digits), len(self._by_name)}) > 1:
            raise DuplicateKindError(", ".join(strays) or "two kinds of payer are one")

    def magic(self, number: str) -> PayerKindRow | None:
        """Return what a number does, or None if there is no such number."""
        digits = digits_of(self.kind, number, self.accounts)
        return None if digits is None else self._by_digits.get(digits)

    def behaviour(self, number: str) -> PayerBehaviour:
        """Return what a number does; one unknown behaves normally."""
        return (self.magic(number) or NORMAL_PAYER).behaviour

    def number_of(self, name: str, nth: int = 0) -> str | None:
        """Return the nth number of a kind, from 0 to 999, or None if there is no such kind."""
        row = self._by_name.get(name)
        return None if row is None else number_of(self.kind, row.digits, nth)

    def rows(self) -> Iterator[PayerKindRow]:
        """Yield every kind, the normal one first."""
        yield from self._by_digits.values()

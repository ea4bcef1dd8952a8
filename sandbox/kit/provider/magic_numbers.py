"""What the numbers of payers do, one table for all houses; a family may add kinds of its own from 90 to 99.

The payer types the number at the page. The kinds 70 to 79 strike before there is a page, so they work only
where the merchant names the payer when it opens the order (a mobile number of the customer, say).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from sandbox.kit.provider.faults import Fault, Step
from sandbox.kit.provider.payer_numbers import NORMAL, Kind, digits_of, number_of

OTHER_AMOUNT_PAISA = 100
"""By how much the answers about an order of `other_amount` are wrong."""

FIRST_OWN, LAST_OWN = 90, 99
"""The kinds that a family may give a meaning of its own."""


class Money(StrEnum):
    """What becomes of the money once the payer has confirmed."""

    MOVES = "moves"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    """Whoever enters the PIN finds the payment cancelled."""
    PENDING_THEN_MOVES = "pending_then_moves"
    PENDING_THEN_DECLINED = "pending_then_declined"
    PENDING = "pending"
    """For ever."""
    UNTOUCHED = "untouched"
    """Nothing happens at all; the order is as open as before."""


class Word(StrEnum):
    """What the payer's browser brings back to the merchant, or a push says, in no family's words."""

    PAID = "paid"
    PENDING = "pending"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Pushing(StrEnum):
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


class Fate(StrEnum):
    """What becomes of a refund that is allowed."""

    DONE = "done"
    REFUSED = "refused"
    PROCESSING_THEN_DONE = "processing_then_done"
    PROCESSING_THEN_FAILED = "processing_then_failed"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Everything that a magic number can change; a normal one has the defaults.

    `reason` is why the money was declined, for a family that has codes for that. `says` is what the browser
    brings back in place of the truth. `returns` is how often it comes back: not at all, once, or once more by
    the provider itself. Of `told_extra_paisa` and `told_currency` every answer about the order lies.
    `failed_tries` is how many tries of the payer came to nothing before. `facts` are the family's own.
    """

    money: Money = Money.MOVES
    reason: str = "declined"
    says: Word | None = None
    returns: int = 1
    pushing: Pushing = Pushing.ONCE
    told_extra_paisa: int = 0
    told_currency: str = ""
    failed_tries: int = 0
    faults: Mapping[Step, Fault] = field(default_factory=lambda: MappingProxyType({}))
    refund: Fate = Fate.DONE
    is_forged: bool = False
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Magic:
    """One row of the table: the digits KK, a name, what it means, and what it does."""

    digits: int
    name: str
    means: str
    does: Behaviour


NOTHING_ODD = Magic(NORMAL, "normal", "pays", Behaviour())


def _step(digits: int, step: Step, fault: Fault, means: str) -> Magic:
    return Magic(digits, f"{step}_{fault}", means, Behaviour(faults={step: fault}))


COMMON: tuple[Magic, ...] = (
    Magic(10, "insufficient_funds", "declined: too little money",
          Behaviour(money=Money.DECLINED, reason="insufficient_funds")),
    Magic(11, "declined", "declined by the issuer", Behaviour(money=Money.DECLINED)),
    Magic(12, "wrong_pin", "no PIN is right: the first one ends the order",
          Behaviour(money=Money.DECLINED, reason="wrong_pin")),
    Magic(13, "cancels", "whoever enters the PIN finds the order cancelled",
          Behaviour(money=Money.CANCELLED)),
    Magic(14, "pending_then_paid", "pending for a while, then paid",
          Behaviour(money=Money.PENDING_THEN_MOVES)),
    Magic(15, "pending_then_declined", "pending for a while, then declined",
          Behaviour(money=Money.PENDING_THEN_DECLINED)),
    Magic(16, "pending", "pending for ever", Behaviour(money=Money.PENDING)),
    Magic(17, "second_try", "a first try is declined, a second one pays", Behaviour(failed_tries=1)),
    Magic(20, "says_paid", "the browser says paid, the truth is declined",
          Behaviour(money=Money.DECLINED, says=Word.PAID)),
    Magic(21, "says_declined", "the browser says declined, the truth is paid",
          Behaviour(says=Word.DECLINED)),
    Magic(22, "other_amount", "paid, and every answer tells 1.00 taka more",
          Behaviour(told_extra_paisa=OTHER_AMOUNT_PAISA)),
    Magic(23, "other_currency", "paid, and every answer tells US dollars", Behaviour(told_currency="USD")),
    Magic(30, "return_lost", "paid, and the browser is not sent back; opening the page again sends it",
          Behaviour(returns=0)),
    Magic(31, "return_twice", "paid, and the browser's return comes a second time", Behaviour(returns=2)),
    Magic(32, "return_forged", "nothing is paid, the order stays open, the browser says paid",
          Behaviour(money=Money.UNTOUCHED, says=Word.PAID, is_forged=True)),
    Magic(33, "nothing_comes", "paid, and neither browser nor push comes",
          Behaviour(returns=0, pushing=Pushing.NEVER)),
    Magic(40, "push_never", "paid, and no push comes by itself", Behaviour(pushing=Pushing.NEVER)),
    Magic(41, "push_twice", "paid, and the push comes twice", Behaviour(pushing=Pushing.TWICE)),
    Magic(42, "push_first", "paid, and the push comes before the browser returns",
          Behaviour(pushing=Pushing.FIRST)),
    Magic(43, "push_forged", "paid, and in place of the right push a wrongly signed one comes",
          Behaviour(pushing=Pushing.FORGED)),
    Magic(44, "push_unfounded", "declined, and a rightly signed push says paid",
          Behaviour(money=Money.DECLINED, pushing=Pushing.UNFOUNDED)),
    _step(50, Step.STATUS, Fault.LOST_DONE, "paid; the first status answer is lost"),
    _step(51, Step.STATUS, Fault.HTML, "paid; the first status answer is a web page"),
    _step(52, Step.STATUS, Fault.HTTP_500, "paid; the first status answer is HTTP 500"),
    _step(53, Step.STATUS, Fault.SLOW, "paid; the first status answer is late"),
    _step(54, Step.STATUS, Fault.UNAUTHORISED, "paid; the first status call is turned away"),
    _step(60, Step.REFUND, Fault.LOST_DONE, "paid; a first refund is done and its answer lost"),
    _step(61, Step.REFUND, Fault.LOST_UNDONE, "paid; a first refund is not done and not answered"),
    _step(62, Step.REFUND, Fault.HTML, "paid; a first refund is done and answered with a web page"),
    _step(63, Step.REFUND, Fault.HTTP_500, "paid; a first refund is not done, HTTP 500"),
    _step(64, Step.REFUND, Fault.SLOW, "paid; a first refund is answered late"),
    Magic(65, "refund_refused", "paid; every refund is refused", Behaviour(refund=Fate.REFUSED)),
    Magic(66, "refund_processing", "paid; refunds are in work for a while, then done",
          Behaviour(refund=Fate.PROCESSING_THEN_DONE)),
    Magic(67, "refund_fails", "paid; refunds are in work for a while, then fail",
          Behaviour(refund=Fate.PROCESSING_THEN_FAILED)),
    _step(70, Step.CREATE, Fault.LOST_DONE, "the order is opened, the answer lost"),
    _step(71, Step.CREATE, Fault.LOST_UNDONE, "the order is not opened, the first time; no answer"),
    _step(72, Step.CREATE, Fault.HTML, "the order is opened; the answer is a web page"),
    _step(73, Step.CREATE, Fault.HTTP_500, "the order is not opened, the first time; HTTP 500"),
    _step(74, Step.CREATE, Fault.SLOW, "the order is opened; the answer is late"),
    _step(75, Step.CREATE, Fault.REFUSE, "the order is refused, the first time"),
    _step(80, Step.TAKE, Fault.LOST_DONE, "taken, the answer lost"),
    _step(81, Step.TAKE, Fault.LOST_UNDONE, "not taken the first time, no answer"),
    _step(82, Step.TAKE, Fault.HTML, "taken, answered with a web page"),
    _step(83, Step.TAKE, Fault.HTTP_500, "not taken the first time, HTTP 500"),
    _step(84, Step.TAKE, Fault.SLOW, "taken, answered late"),
)  # fmt: skip
"""What is the same at every house; the kinds of `take` are odd only where the merchant's own call takes."""


class DuplicateKindError(ValueError):
    """Two kinds of payer have the same digits or name, or a family's own are not its own."""


class Payers:
    """The payers of one house: its normal ones, the magic ones of all houses, and its family's own."""

    def __init__(self, kind: Kind, accounts: int, own: Iterable[Magic] = ()) -> None:
        """Take the table of all houses and the family's own rows.

        Raises:
            DuplicateKindError: an own row is outside 90 to 99, or there are two of one name or number.
        """
        self.kind = kind
        self.accounts = accounts
        mine = tuple(own)
        rows = (NOTHING_ODD, *COMMON, *mine)
        self._by_digits = {row.digits: row for row in rows}
        self._by_name = {row.name: row for row in rows}
        strays = [row.name for row in mine if not FIRST_OWN <= row.digits <= LAST_OWN]
        if strays or len({len(rows), len(self._by_digits), len(self._by_name)}) > 1:
            raise DuplicateKindError(", ".join(strays) or "two kinds of payer are one")

    def magic(self, number: str) -> Magic | None:
        """Return what a number does, or None if nobody has it."""
        digits = digits_of(self.kind, number, self.accounts)
        return None if digits is None else self._by_digits.get(digits)

    def behaviour(self, number: str) -> Behaviour:
        """Return what a number does; one that nobody has does nothing odd."""
        return (self.magic(number) or NOTHING_ODD).does

    def number_of(self, name: str, nth: int = 0) -> str | None:
        """Return the nth number of a kind, from 0 to 999, or None if there is no such kind."""
        row = self._by_name.get(name)
        return None if row is None else number_of(self.kind, row.digits, nth)

    def rows(self) -> Iterator[Magic]:
        """Yield every kind, the normal one first."""
        yield from self._by_digits.values()

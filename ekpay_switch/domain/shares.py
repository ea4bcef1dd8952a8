"""What a merchant payment is credited to, and how every refund of it is divided over the same shares.

After refunds totalling R, each stake has given back its largest-remainder part of R (architecture.md 4): its
exact proportion rounded down, and one paisa more where the rest that was cut off is largest, until all of
them sum to R. Of equal rests the earlier stake gives. So no stake is ever off its exact proportion by a whole
paisa, none gives back more than it was credited, and at the full amount each has given back all of it.

The price of the rule: a stake's part may shrink by a paisa while R grows (the Alabama paradox). What a refund
moves is the difference of two such parts, so one of its lines may give a stake a paisa back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ekpay_switch.domain.money import ZERO, Money, total


@dataclass(frozen=True, slots=True)
class Stake:
    """A share of a merchant payment, or a charge of it that its refunds return, with its ledger account.

    `refunded` is what it has given back of `amount`. `is_ours` marks a charge: it is nobody's share.
    """

    account: str
    amount: Money
    refunded: Money = field(default=ZERO)
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """What refunds of a merchant payment take money from, as read under lock.

    `merchant` stands in the place of a biller's id (`merchants.payee_of`). `room` is how much less the
    merchant and its payees together may be owed before its debt limit is reached. `alone_max` is what one
    person may give back of one payment.
    """

    merchant: str
    stakes: tuple[Stake, ...]
    room: Money
    alone_max: Money

    @property
    def amount(self) -> Money:
        """The most that all refunds together may give back."""
        return total(stake.amount for stake in self.stakes)

    def moved_by(self, change: Money) -> tuple[Money, ...]:
        """What each stake gives back beyond what it has, where refunds come to `change` more (or less)."""
        before = sum(stake.refunded.minor for stake in self.stakes)
        after = divide(before + change.minor, [stake.amount.minor for stake in self.stakes])
        return tuple(Money(part) - stake.refunded for part, stake in zip(after, self.stakes, strict=True))

    def taken_from_payees(self, change: Money) -> Money:
        """How much less the merchant and its payees are owed after it."""
        moved = zip(self.moved_by(change), self.stakes, strict=True)
        return total(part for part, stake in moved if not stake.is_ours)

    def covers(self, change: Money) -> bool:
        """Whether the debt limit allows it."""
        return self.taken_from_payees(change).minor <= self.room.minor


def divide(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """The largest-remainder parts of `amount`, which is at least 0, over weights of which one is above 0.

    They sum to `amount`, and each is its exact proportion rounded down or up.
    """
    whole = sum(weights)
    parts = [amount * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in by_rest[: amount - sum(parts)]:
        parts[place] += 1
    return tuple(parts)

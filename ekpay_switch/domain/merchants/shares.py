"""The shares of a merchant payment, and how every refund of it is divided over them.

After refunds totalling R, each stake has given back its largest-remainder part of R (architecture.md 4): its
exact proportion rounded down, and one paisa more for the largest remainders, until all parts sum to R. Of
equal remainders the earlier stake gives. So no stake is off its exact proportion by a whole paisa, none gives
back more than it was credited, and at the full amount each has given back all of it.

A stake's part may shrink by a paisa while R grows (the Alabama paradox). A refund moves the difference of two
such parts, so one of its lines may give a stake a paisa back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ekpay_switch.domain.money import ZERO, Money, total


@dataclass(frozen=True, slots=True)
class Stake:
    """A share of a merchant payment, or a charge of it that its refunds return, with its ledger account.

    `refunded` is what it has given back of `amount`. `is_ours` marks a charge, which is no payee's share.
    """

    account: str
    amount: Money
    refunded: Money = field(default=ZERO)
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """What refunds of a merchant payment take money from, as read under lock.

    `merchant` takes the place of a biller's id (`merchants.payee_of`). `debt_headroom` is how much less the
    merchant and its payees together may be owed before its debt limit is reached. `single_approval_max` is
    how much of one payment may be refunded without a second person.
    """

    merchant: str
    stakes: tuple[Stake, ...]
    debt_headroom: Money
    single_approval_max: Money

    @property
    def amount(self) -> Money:
        """The most that all refunds together may give back."""
        return total(stake.amount for stake in self.stakes)

    def stake_changes(self, change: Money) -> tuple[Money, ...]:
        """How much more each stake gives back when refunds grow by `change` (less where it is negative)."""
        before = sum(stake.refunded.minor for stake in self.stakes)
        after = apportion(before + change.minor, [stake.amount.minor for stake in self.stakes])
        return tuple(Money(part) - stake.refunded for part, stake in zip(after, self.stakes, strict=True))

    def payee_reduction(self, change: Money) -> Money:
        """How much less the merchant and its payees are owed after this change of the refunds."""
        changes = zip(self.stake_changes(change), self.stakes, strict=True)
        return total(part for part, stake in changes if not stake.is_ours)

    def covers(self, change: Money) -> bool:
        """Whether the debt limit allows it."""
        return self.payee_reduction(change).minor <= self.debt_headroom.minor


def apportion(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """The largest-remainder parts of `amount` (at least 0) by weights, at least one of them above 0.

    They sum to `amount`, and each is its exact proportion rounded down or up.
    """
    whole = sum(weights)
    parts = [amount * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in by_rest[: amount - sum(parts)]:
        parts[place] += 1
    return tuple(parts)

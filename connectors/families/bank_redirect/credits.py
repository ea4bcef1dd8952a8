"""The split of a payment over the accounts at the bank (connectors.md 9).

SPG refuses a split that does not add up. Shares are checked when the manifest is read; of the amounts, the
last account gets the remainder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.manifest_file import refuse_repeats
from ekpay_switch.wing_kit.manifest_sections import Section

_WHOLE_BASIS_POINTS = 10_000


class Share(Section):
    """One account and its share of every payment; the mode is TRN, or CHL for a treasury challan."""

    account: Annotated[str, Field(pattern=r"^[0-9]{10,20}$")]
    mode: Literal["TRN", "CHL"] = "TRN"
    basis_points: Annotated[int, Field(ge=1, le=_WHOLE_BASIS_POINTS)]


@dataclass(frozen=True, slots=True)
class Credit:
    """The amount that one account is credited with for one payment."""

    share: Share
    amount: Money


def refuse_unless_whole(shares: Sequence[Share]) -> None:
    """Raise ValueError where an account stands twice or the shares do not add up to the whole."""
    refuse_repeats("account", (share.account for share in shares))
    total = sum(share.basis_points for share in shares)
    if total != _WHOLE_BASIS_POINTS:
        raise ValueError(f"the shares of the credits add up to {total}, not {_WHOLE_BASIS_POINTS}")


def split(amount: Money, shares: Sequence[Share]) -> tuple[Credit, ...]:
    """The parts of an amount, which add up to it.

    The last share takes the remainder, and a part of zero is left out.
    """
    parts = [amount.minor * share.basis_points // _WHOLE_BASIS_POINTS for share in shares[:-1]]
    parts.append(amount.minor - sum(parts))
    amounts = (Money(part, amount.currency) for part in parts)
    return tuple(Credit(share, part) for share, part in zip(shares, amounts, strict=True) if part.minor)

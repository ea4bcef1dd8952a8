"""Who bears a refund of a completed payment.

A biller bears it only where it takes payments back, or has consented in writing; else it is our loss, and
somebody has to say so (docs/adr/0070).
"""

from dataclasses import dataclass
from enum import StrEnum


class Bearer(StrEnum):
    """Whose account a refund of a completed payment is taken from."""

    PAYEE = "payee"  # a merchant by its shares, or a biller that takes its payments back
    CONSENT = "consent"  # a biller that takes none back, with its written consent
    LOSS = "our_loss"  # we: the biller keeps what it was credited


@dataclass(frozen=True, slots=True)
class Burden:
    """Who bears a refund, and whether its biller may bear it without being asked.

    `biller_takes_back` is what the biller's facts say of a completed payment; of no account for a
    merchant's. `consent` is the reference of the biller's written consent, and is empty for any other bearer.
    """

    biller_takes_back: bool = False
    bearer: Bearer = Bearer.PAYEE
    consent: str = ""

    @property
    def is_named(self) -> bool:
        """Whether somebody has said who bears it."""
        return self.bearer is not Bearer.PAYEE


UNNAMED = Burden()

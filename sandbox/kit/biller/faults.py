"""The faults of a biller for single accounts and bills.

Magic accounts always have their fault, but it strikes only while nothing is paid under the reference: a
repeat is answered correctly, or no caller could ever learn of the payment. A fault set by an admin call
strikes every payment of its account or bill until it is used up. A call that would be refused anyway is
refused, and no fault loses or delays that answer.
"""

from collections.abc import Mapping
from enum import StrEnum

from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.institution import faults
from sandbox.kit.institution.faults import ANYBODY


class BillerFault(StrEnum):
    """One fault when a payment comes."""

    LOST_PAID = "lost_paid"
    """Taken, then the connection closes without an answer."""
    LOST_UNPAID = "lost_unpaid"
    """Not taken, and the connection closes without an answer."""
    SLOW = "slow"
    """Taken at once, answered late."""
    REFUSE = "refuse"
    """A payment that would have been taken is refused."""
    HTML = "html"
    """Taken, and answered with a web page under HTTP 200."""
    HTTP_500 = "http_500"
    """Not taken, HTTP 500."""
    ECHO_OTHER_AMOUNT = "echo_other_amount"
    """Taken, no answer, and every later answer reports 1.00 taka more."""
    EXPIRE_TOKENS = "expire_tokens"
    """Every login expires, once and at the order; no single call can be meant."""
    CLOSE_BEFORE = "close_before"
    """The connection closes before the call is read; strikes queries too."""


UNDONE = frozenset({BillerFault.LOST_UNPAID, BillerFault.HTTP_500, BillerFault.CLOSE_BEFORE})
"""The faults under which a payment is not looked at at all."""

MAGIC: Mapping[BillerAccountKind, BillerFault] = {
    BillerAccountKind.SLOW: BillerFault.SLOW,
    BillerAccountKind.LOST_PAID: BillerFault.LOST_PAID,
    BillerAccountKind.LOST_UNPAID: BillerFault.LOST_UNPAID,
    BillerAccountKind.REFUSES: BillerFault.REFUSE,
    BillerAccountKind.HTML: BillerFault.HTML,
    BillerAccountKind.ECHOES_OTHER: BillerFault.ECHO_OTHER_AMOUNT,
}
"""The kinds of account that fail when a payment comes."""

_CLOSE_ONLY = frozenset({BillerFault.CLOSE_BEFORE})


class BillerFaultTable(faults.FaultTable[BillerFault]):
    """The faults set by admin calls for one institution: for an account, a bill, or the next caller."""

    def takes_close(self, *numbers: str) -> bool:
        """Whether a call that moves no money is cut off; only `close_before` does that."""
        return self.take_if_in(_CLOSE_ONLY, *numbers, ANYBODY) is not None

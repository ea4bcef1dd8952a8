"""The faults of the simulated DESCO for single accounts and bills.

Magic accounts always have their fault, but it strikes only while the pair is not saved: a
repeat of a saved payment is always answered correctly, or no caller could ever learn of it.
A fault set by an admin call strikes every save of its account or bill until it is used up.
"""

from enum import StrEnum

from sandbox.billers.desco.bills import DescoAccountKind
from sandbox.kit.institution import faults


class DescoFault(StrEnum):
    """One fault when a payment is saved."""

    LOST_PAID = "lost_paid"
    """Saved, then the connection closes without an answer."""
    LOST_UNPAID = "lost_unpaid"
    """Not saved, and the connection closes without an answer."""
    SLOW = "slow"
    """Saved at once, answered late."""
    REFUSE = "refuse"
    """A payment that would have been saved is refused with 328."""
    HTML = "html"
    """Saved, and answered with a web page under HTTP 200."""
    HTTP_500 = "http_500"
    """Not saved, HTTP 500: one of the two ways an error can mean nothing or everything."""
    STATUS_500 = "status_500"
    """Saved, HTTP 200 with statusCode 500: the other way."""
    ECHO_OTHER_AMOUNT = "echo_other_amount"
    """Saved, no answer, and every later status call reports an amount 1.00 taka higher."""
    EXPIRE_TOKENS = "expire_tokens"
    """The bill token counts as expired (326). Set without account and bill: all bearers expire now."""
    CLOSE_BEFORE = "close_before"
    """The connection closes before anything is looked at; strikes list, info and status calls too."""


MAGIC = {
    DescoAccountKind.SLOW: DescoFault.SLOW,
    DescoAccountKind.ANSWER_LOST_PAID: DescoFault.LOST_PAID,
    DescoAccountKind.ANSWER_LOST_UNPAID: DescoFault.LOST_UNPAID,
    DescoAccountKind.REFUSES: DescoFault.REFUSE,
    DescoAccountKind.HTML_ANSWER: DescoFault.HTML,
    DescoAccountKind.ECHOES_OTHER_AMOUNT: DescoFault.ECHO_OTHER_AMOUNT,
}
"""The kinds of account that fail when a payment is saved."""

_CLOSE_ONLY = frozenset({DescoFault.CLOSE_BEFORE})


class DescoFaultTable(faults.FaultTable[DescoFault]):
    """The faults set by admin calls, each for one account or bill and a number of times."""

    def takes_close(self, *numbers: str) -> bool:
        """Whether a call that moves no money is cut off; only `close_before` does that."""
        return self.take_if_in(_CLOSE_ONLY, *numbers) is not None

"""The faults of the simulated NESCO, step by step.

Magic customers always have their fault, but it strikes only while the quote is not vended: a
repeat is answered correctly. A fault set by an admin call strikes every call of its step until it is
used up. A call that would be refused anyway is refused, and no fault loses or delays that answer.
"""

from enum import StrEnum

from sandbox.billers.nesco.customers import CustomerKind


class NescoStep(StrEnum):
    """The calls that a fault can strike."""

    QUOTE = "quote"
    VEND = "vend"
    HISTORY = "history"


class NescoFault(StrEnum):
    """One fault at a step."""

    LOST_DONE = "lost_done"
    """Done, then the connection closes without an answer."""
    LOST_UNDONE = "lost_undone"
    """Not done, and the connection closes without an answer."""
    SLOW = "slow"
    """Done at once, answered late."""
    REFUSE = "refuse"
    """What would have been done is refused with 10021; a history call is not."""
    LIMIT = "limit"
    """As above with 10022: the meter's vend limit is reached. Vends only."""
    HTML = "html"
    """Done, and answered with a web page under HTTP 200."""
    HTTP_500 = "http_500"
    """Not done, HTTP 500."""
    IN_DOUBT_DONE = "in_doubt_done"
    """Done, and answered with 10012, which leaves open whether it was."""
    IN_DOUBT_UNDONE = "in_doubt_undone"
    """Not done, and answered with 10113, which leaves open whether it was."""
    LATE_TOKEN = "late_token"  # noqa: S105 - the name of a misdeed
    """Vended and answered with 10115; the first history call tells no token yet. Vends only."""
    ECHO_OTHER_AMOUNT = "echo_other_amount"
    """Vended, and every answer reports a purchase 1.00 taka higher. Vends only."""
    EXPIRE_TOKENS = "expire_tokens"
    """Every login expires now and the call is answered with HTTP 401."""
    CLOSE_BEFORE = "close_before"
    """The connection closes and nothing is done; unless a step is named, at whichever comes next."""


VEND_ONLY = frozenset({NescoFault.LIMIT, NescoFault.LATE_TOKEN, NescoFault.ECHO_OTHER_AMOUNT})
"""Faults of vends only."""

DROPS_FIRST = frozenset({NescoFault.LOST_UNDONE, NescoFault.IN_DOUBT_UNDONE})
"""With a magic customer these strike the first vend of a quote only."""

MAGIC = {
    CustomerKind.IN_DOUBT_VENDED: NescoFault.IN_DOUBT_DONE,
    CustomerKind.IN_DOUBT_UNVENDED: NescoFault.IN_DOUBT_UNDONE,
    CustomerKind.LATE_TOKEN: NescoFault.LATE_TOKEN,
    CustomerKind.VEND_LIMIT: NescoFault.LIMIT,
    CustomerKind.SLOW: NescoFault.SLOW,
    CustomerKind.ANSWER_LOST_VENDED: NescoFault.LOST_DONE,
    CustomerKind.ANSWER_LOST_UNVENDED: NescoFault.LOST_UNDONE,
    CustomerKind.REFUSES: NescoFault.REFUSE,
    CustomerKind.HTML_ANSWER: NescoFault.HTML,
    CustomerKind.ECHOES_OTHER_AMOUNT: NescoFault.ECHO_OTHER_AMOUNT,
}
"""The kinds of customer whose vends go wrong."""

"""The faults of the simulated BREB, step by step.

Magic accounts always have their fault, but it strikes only while the step is not done: a repeat is always
answered correctly, or no caller could ever learn of it. A fault set by an admin call strikes every call of
its step until it is used up. A call that would be refused anyway is refused, and no fault loses or delays
that answer.
"""

from enum import StrEnum

from sandbox.billers.breb.bills import BrebAccountKind


class BrebStep(StrEnum):
    """The calls that a fault can strike."""

    BILL = "bill"
    SAVE = "save"
    ACKNOWLEDGE = "acknowledge"
    STATUS = "status"


class BrebFault(StrEnum):
    """One fault at a step."""

    LOST_DONE = "lost_done"
    """Done, then the connection closes without an answer."""
    LOST_UNDONE = "lost_undone"
    """Not done, and the connection closes without an answer."""
    SLOW = "slow"
    """Done at once, answered late."""
    REFUSE = "refuse"
    """What would have been done is refused with 1282; a status call is not."""
    HTML = "html"
    """Done, and answered with a web page under HTTP 200."""
    HTTP_500 = "http_500"
    """Not done, HTTP 500: one of the two ways an error can mean nothing or everything."""
    STRANGE_CODE = "strange_code"
    """Done, and answered with an undocumented code: the other way."""
    EXPIRE_TOKENS = "expire_tokens"
    """The access token expires now and the call is answered with 1265; the refresh token lives on."""
    EXPIRE_PAIRS = "expire_pairs"
    """As above, and the refresh token expires too."""
    CLOSE_BEFORE = "close_before"
    """The connection closes and nothing is done; unless a step is named, at whichever comes next."""


TOKEN_FAULTS = frozenset({BrebFault.EXPIRE_TOKENS, BrebFault.EXPIRE_PAIRS})
"""Set without a target and a step they strike at once."""

MAGIC = {
    (BrebAccountKind.SLOW_SAVE, BrebStep.SAVE): BrebFault.SLOW,
    (BrebAccountKind.SAVE_LOST_DONE, BrebStep.SAVE): BrebFault.LOST_DONE,
    (BrebAccountKind.SAVE_LOST_UNDONE, BrebStep.SAVE): BrebFault.LOST_UNDONE,
    (BrebAccountKind.REFUSES, BrebStep.SAVE): BrebFault.REFUSE,
    (BrebAccountKind.HTML_ANSWER, BrebStep.SAVE): BrebFault.HTML,
    (BrebAccountKind.SLOW_ACKNOWLEDGE, BrebStep.ACKNOWLEDGE): BrebFault.SLOW,
    (BrebAccountKind.ACKNOWLEDGE_LOST_DONE, BrebStep.ACKNOWLEDGE): BrebFault.LOST_DONE,
    (BrebAccountKind.ACKNOWLEDGE_LOST_UNDONE, BrebStep.ACKNOWLEDGE): BrebFault.LOST_UNDONE,
}
"""The fault of each magic kind at each step."""

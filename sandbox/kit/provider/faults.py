"""The faults of a provider, step by step.

The magic number of a payer lets its fault strike the first call of a step only, and the book remembers that;
a fault set by an admin call strikes until it is used up. A call that would be refused anyway is refused, and
no fault loses or delays that answer.
"""

from enum import StrEnum


class ProviderStep(StrEnum):
    """The calls that a fault can strike; what a family calls them on its wire is its own."""

    LOGIN = "login"
    """Giving out a token."""
    CREATE = "create"
    """Opening an order, whichever of its calls takes the merchant's reference."""
    PREPARE = "prepare"
    """A second call that an order needs before its page can be opened."""
    TAKE = "take"
    """The merchant's own call that takes what the payer has agreed to."""
    STATUS = "status"
    REFUND = "refund"
    REFUND_STATUS = "refund_status"


class ProviderFault(StrEnum):
    """One fault at a step."""

    LOST_DONE = "lost_done"
    """Done, then the connection closes without an answer."""
    LOST_UNDONE = "lost_undone"
    """Not done, and the connection closes without an answer."""
    HANG_DONE = "hang_done"
    """Done, and no answer for `hang_seconds`; then the connection closes."""
    HANG_UNDONE = "hang_undone"
    """Not done, and no answer for `hang_seconds`; then the connection closes."""
    SLOW = "slow"
    """Done at once, answered after `slow_seconds`."""
    HTML = "html"
    """Done, and answered with a web page under HTTP 200."""
    HTTP_500 = "http_500"
    """Not done, HTTP 500."""
    HTTP_500_DONE = "http_500_done"
    """Done, and answered with HTTP 500."""
    REFUSE = "refuse"
    """Not done, and refused in the family's own words."""
    UNAUTHORISED = "unauthorised"
    """Not done, and refused as if the credentials or the token were wrong."""
    EXPIRE_TOKENS = "expire_tokens"
    """Every login of the institution expires, at once and at the order; no step or order can be named."""


UNDONE = frozenset(
    {ProviderFault.LOST_UNDONE, ProviderFault.HANG_UNDONE, ProviderFault.HTTP_500, ProviderFault.UNAUTHORISED}
)
"""The faults under which a call is not looked at at all."""

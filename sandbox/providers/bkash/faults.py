"""How the simulated bKash misbehaves: at which step, and how.

Magic wallets carry their fault for ever, but it strikes only while the step is not done. A fault set by an
admin call strikes every call of its step until it is used up. Whatever would be refused anyway is refused,
and the answer to that is neither lost nor late.
"""

from enum import StrEnum

from sandbox.providers.bkash.wallets import WalletKind


class Step(StrEnum):
    """The calls that a fault can strike; refunds of both versions are one step, their status another."""

    GRANT = "grant"
    CREATE = "create"
    EXECUTE = "execute"
    STATUS = "status"
    SEARCH = "search"
    REFUND = "refund"
    REFUND_STATUS = "refund_status"


class Fault(StrEnum):
    """One way to misbehave at a step."""

    LOST_DONE = "lost_done"
    """Done, then the connection closes without an answer."""
    LOST_UNDONE = "lost_undone"
    """Not done, and the connection closes without an answer."""
    HANG_DONE = "hang_done"
    """Done, and no answer for `hang_seconds`; then the connection closes."""
    HANG_UNDONE = "hang_undone"
    """Not done, and no answer for `hang_seconds`; then the connection closes."""
    SLOW = "slow"
    """Done at once, answered late."""
    HTML = "html"
    """Done, and answered with a web page under HTTP 200."""
    HTTP_500 = "http_500"
    """Not done, HTTP 500 of the gateway."""
    STRANGE_CODE = "strange_code"
    """Done, and answered with a code that nobody knows."""
    FAILED_DONE = "failed_done"
    """Done, and answered with 2003, which leaves open whether it was."""
    FAILED_UNDONE = "failed_undone"
    """Not done, and answered with 2003, which leaves open whether it was."""
    REFUSE = "refuse"
    """What would have been done is refused with a code of the step; questions are not refused."""
    DUPLICATE = "duplicate"
    """What would have been done is refused with 2029; create and execute only."""
    INSUFFICIENT = "insufficient"
    """What would have been done is refused with 2023; execute only."""
    OTHER_AMOUNT = "other_amount"
    """Done, and every answer of the payment tells an amount 1.00 taka higher; execute only."""
    NOTICE_FIRST = "notice_first"
    """Done, and answered only after the notification has been tried; execute only."""
    EXPIRE_TOKENS = "expire_tokens"
    """Every id token dies now and the call is answered with HTTP 401; refresh tokens live on."""
    BLOCK_APP = "block_app"
    """The app is blocked for an hour, as if it had asked for too many tokens."""
    CLOSE_BEFORE = "close_before"
    """The connection closes and nothing is done; unless a step is named, at whichever comes next."""


AT_ONCE = frozenset({Fault.EXPIRE_TOKENS, Fault.BLOCK_APP})
"""Set without a target and a step they strike at once."""

EXECUTE_ONLY = frozenset({Fault.INSUFFICIENT, Fault.OTHER_AMOUNT, Fault.NOTICE_FIRST})
QUESTIONS = frozenset({Step.STATUS, Step.SEARCH, Step.REFUND_STATUS})
"""What changes nothing and is never refused."""

DROPS_FIRST = frozenset({Fault.LOST_UNDONE, Fault.HANG_UNDONE, Fault.FAILED_UNDONE, Fault.EXPIRE_TOKENS})
"""With a magic wallet these strike the first call of a step only."""

MAGIC = {
    (WalletKind.EXECUTE_LOST_DONE, Step.EXECUTE): Fault.LOST_DONE,
    (WalletKind.EXECUTE_LOST_UNDONE, Step.EXECUTE): Fault.LOST_UNDONE,
    (WalletKind.EXECUTE_HANGS_DONE, Step.EXECUTE): Fault.HANG_DONE,
    (WalletKind.EXECUTE_HANGS_UNDONE, Step.EXECUTE): Fault.HANG_UNDONE,
    (WalletKind.EXECUTE_SLOW, Step.EXECUTE): Fault.SLOW,
    (WalletKind.EXECUTE_HTML, Step.EXECUTE): Fault.HTML,
    (WalletKind.EXECUTE_STRANGE_CODE, Step.EXECUTE): Fault.STRANGE_CODE,
    (WalletKind.EXECUTE_FAILED_DONE, Step.EXECUTE): Fault.FAILED_DONE,
    (WalletKind.EXECUTE_FAILED_UNDONE, Step.EXECUTE): Fault.FAILED_UNDONE,
    (WalletKind.EXECUTE_DUPLICATE, Step.EXECUTE): Fault.DUPLICATE,
    (WalletKind.INSUFFICIENT_BALANCE, Step.EXECUTE): Fault.INSUFFICIENT,
    (WalletKind.BLOCKED, Step.EXECUTE): Fault.REFUSE,
    (WalletKind.OTHER_AMOUNT, Step.EXECUTE): Fault.OTHER_AMOUNT,
    (WalletKind.TOKEN_DIES, Step.EXECUTE): Fault.EXPIRE_TOKENS,
    (WalletKind.NOTICE_FIRST, Step.EXECUTE): Fault.NOTICE_FIRST,
    (WalletKind.REFUND_LOST_DONE, Step.REFUND): Fault.LOST_DONE,
    (WalletKind.REFUND_LOST_UNDONE, Step.REFUND): Fault.LOST_UNDONE,
    (WalletKind.REFUND_HANGS_DONE, Step.REFUND): Fault.HANG_DONE,
    (WalletKind.REFUND_HANGS_UNDONE, Step.REFUND): Fault.HANG_UNDONE,
    (WalletKind.REFUND_REFUSED, Step.REFUND): Fault.REFUSE,
    (WalletKind.REFUND_HTML, Step.REFUND): Fault.HTML,
}
"""What goes wrong with whom, and when."""

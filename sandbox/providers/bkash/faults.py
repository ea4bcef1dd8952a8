"""The faults of the simulated bKash, step by step.

Magic wallets always have their fault, but it strikes only while the step is not done. A fault set by an admin
call strikes every call of its step until it is used up. A call that would be refused anyway is refused, and
no fault loses or delays that answer.
"""

from enum import StrEnum

from sandbox.providers.bkash.wallets import WalletKind


class BkashStep(StrEnum):
    """The calls that a fault can strike; refunds of both versions are one step, their status another."""

    GRANT = "grant"
    CREATE = "create"
    EXECUTE = "execute"
    CAPTURE = "capture"
    VOID = "void"
    STATUS = "status"
    SEARCH = "search"
    REFUND = "refund"
    REFUND_STATUS = "refund_status"
    AGREEMENT_STATUS = "agreement_status"
    AGREEMENT_CANCEL = "agreement_cancel"


class BkashFault(StrEnum):
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
    """Done at once, answered late."""
    HTML = "html"
    """Done, and answered with a web page under HTTP 200."""
    HTTP_500 = "http_500"
    """Not done, HTTP 500 of the gateway."""
    STRANGE_CODE = "strange_code"
    """Done, and answered with an undocumented code."""
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
    """Done, and every answer about the payment reports an amount 1.00 taka higher; execute only."""
    NOTICE_FIRST = "notice_first"
    """Done, and answered only after the notification has been tried; execute only."""
    EXPIRE_TOKENS = "expire_tokens"
    """Every id token expires now and the call is answered with HTTP 401; refresh tokens live on."""
    BLOCK_APP = "block_app"
    """The app is blocked for an hour, as if it had asked for too many tokens."""
    CLOSE_BEFORE = "close_before"
    """The connection closes and nothing is done; unless a step is named, at whichever comes next."""


AT_ONCE = frozenset({BkashFault.EXPIRE_TOKENS, BkashFault.BLOCK_APP})
"""Set without a target and a step they strike at once."""

EXECUTE_ONLY = frozenset({BkashFault.INSUFFICIENT, BkashFault.OTHER_AMOUNT, BkashFault.NOTICE_FIRST})
QUESTIONS = frozenset(
    {BkashStep.STATUS, BkashStep.SEARCH, BkashStep.REFUND_STATUS, BkashStep.AGREEMENT_STATUS}
)
"""What changes nothing and is never refused."""

DROPS_FIRST = frozenset(
    {BkashFault.LOST_UNDONE, BkashFault.HANG_UNDONE, BkashFault.FAILED_UNDONE, BkashFault.EXPIRE_TOKENS}
)
"""With a magic wallet these strike the first call of a step only."""

MAGIC = {
    (WalletKind.EXECUTE_LOST_DONE, BkashStep.EXECUTE): BkashFault.LOST_DONE,
    (WalletKind.EXECUTE_LOST_UNDONE, BkashStep.EXECUTE): BkashFault.LOST_UNDONE,
    (WalletKind.EXECUTE_HANGS_DONE, BkashStep.EXECUTE): BkashFault.HANG_DONE,
    (WalletKind.EXECUTE_HANGS_UNDONE, BkashStep.EXECUTE): BkashFault.HANG_UNDONE,
    (WalletKind.EXECUTE_SLOW, BkashStep.EXECUTE): BkashFault.SLOW,
    (WalletKind.EXECUTE_HTML, BkashStep.EXECUTE): BkashFault.HTML,
    (WalletKind.EXECUTE_STRANGE_CODE, BkashStep.EXECUTE): BkashFault.STRANGE_CODE,
    (WalletKind.EXECUTE_FAILED_DONE, BkashStep.EXECUTE): BkashFault.FAILED_DONE,
    (WalletKind.EXECUTE_FAILED_UNDONE, BkashStep.EXECUTE): BkashFault.FAILED_UNDONE,
    (WalletKind.EXECUTE_DUPLICATE, BkashStep.EXECUTE): BkashFault.DUPLICATE,
    (WalletKind.INSUFFICIENT_BALANCE, BkashStep.EXECUTE): BkashFault.INSUFFICIENT,
    (WalletKind.BLOCKED, BkashStep.EXECUTE): BkashFault.REFUSE,
    (WalletKind.OTHER_AMOUNT, BkashStep.EXECUTE): BkashFault.OTHER_AMOUNT,
    (WalletKind.TOKEN_DIES, BkashStep.EXECUTE): BkashFault.EXPIRE_TOKENS,
    (WalletKind.NOTICE_FIRST, BkashStep.EXECUTE): BkashFault.NOTICE_FIRST,
    (WalletKind.REFUND_LOST_DONE, BkashStep.REFUND): BkashFault.LOST_DONE,
    (WalletKind.REFUND_LOST_UNDONE, BkashStep.REFUND): BkashFault.LOST_UNDONE,
    (WalletKind.REFUND_HANGS_DONE, BkashStep.REFUND): BkashFault.HANG_DONE,
    (WalletKind.REFUND_HANGS_UNDONE, BkashStep.REFUND): BkashFault.HANG_UNDONE,
    (WalletKind.REFUND_REFUSED, BkashStep.REFUND): BkashFault.REFUSE,
    (WalletKind.REFUND_HTML, BkashStep.REFUND): BkashFault.HTML,
}
"""The fault of each magic kind at each step."""

"""The wallets of the simulated bKash: normal ones, and magic ranges that make something go wrong.

A wallet is its number alone; its balance is what every wallet begins with and what the book has moved.
Magic wallets read `0199KK00NNN`: KK says what goes wrong and NNN is any of 1,000.
"""

from collections.abc import Iterator
from enum import Enum

WALLET_LENGTH = 11
FIRST_NORMAL_WALLET = 1_700_000_000
_MAGIC_PREFIX = 199
_KIND_UNIT = 100_000
_PREFIX_UNIT = 10_000_000
MAGIC_RANGE_LENGTH = 1_000


class WalletKind(Enum):
    """How a wallet behaves; the values are the digits KK of the magic ranges."""

    NORMAL = 0
    EXECUTE_LOST_DONE = 10
    EXECUTE_LOST_UNDONE = 11
    EXECUTE_HANGS_DONE = 12
    EXECUTE_HANGS_UNDONE = 13
    EXECUTE_SLOW = 14
    EXECUTE_HTML = 15
    EXECUTE_STRANGE_CODE = 16
    EXECUTE_FAILED_DONE = 17
    EXECUTE_FAILED_UNDONE = 18
    EXECUTE_DUPLICATE = 19
    INSUFFICIENT_BALANCE = 20
    BLOCKED = 21
    OTHER_AMOUNT = 22
    COMPLETED_ALREADY = 23
    """A second execute is answered with 2062 instead of 2117."""
    TOKEN_DIES = 24
    NOTICE_FIRST = 25
    WRONG_PIN = 30
    """No PIN is right: the first one ends the payment."""
    CANCELS = 31
    """The payment is cancelled when the PIN is entered."""
    SAYS_SUCCESS = 32
    """The browser is sent back with success although the PIN step was not finished."""
    LEAVES = 33
    """Approved, and the browser is never sent back; opening the page again sends it."""
    REFUND_LOST_DONE = 40
    REFUND_LOST_UNDONE = 41
    REFUND_HANGS_DONE = 42
    REFUND_HANGS_UNDONE = 43
    REFUND_REFUSED = 44
    REFUND_HTML = 45


_KIND_BY_DIGITS = {kind.value: kind for kind in WalletKind if kind is not WalletKind.NORMAL}


class BkashWallets:
    """All wallets of one simulator."""

    def __init__(self, accounts: int) -> None:
        self._accounts = accounts

    def kind(self, wallet: str) -> WalletKind | None:
        """Return how a wallet behaves, or None if it is not one."""
        # isdigit alone would let Bangla digits through, and int() would read them.
        if len(wallet) != WALLET_LENGTH or not (wallet.isascii() and wallet.isdigit()):
            return None
        number = int(wallet)
        if FIRST_NORMAL_WALLET <= number < FIRST_NORMAL_WALLET + self._accounts:
            return WalletKind.NORMAL
        prefix, rest = divmod(number, _PREFIX_UNIT)
        digits, last = divmod(rest, _KIND_UNIT)
        if prefix != _MAGIC_PREFIX or last >= MAGIC_RANGE_LENGTH:
            return None
        return _KIND_BY_DIGITS.get(digits)

    def normal_wallets(self) -> Iterator[str]:
        """Yield the normal wallets in the order of their numbers."""
        for number in range(FIRST_NORMAL_WALLET, FIRST_NORMAL_WALLET + self._accounts):
            yield f"{number:0{WALLET_LENGTH}d}"


def magic_wallet(kind: WalletKind, number: int = 0) -> str:
    """Return one of the 1,000 wallets of a magic kind."""
    whole = _MAGIC_PREFIX * _PREFIX_UNIT + kind.value * _KIND_UNIT + number
    return f"{whole:0{WALLET_LENGTH}d}"

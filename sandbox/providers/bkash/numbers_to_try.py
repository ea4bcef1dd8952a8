"""What each magic wallet is for, and those that the page shows to try."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sandbox.kit.payer_pages.language import Text
from sandbox.kit.payer_pages.payer_page import NumberToTry, TryThese
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet

WALLET_MEANINGS: Mapping[WalletKind, str] = MappingProxyType(
    {
        WalletKind.NORMAL: "pays",
        WalletKind.EXECUTE_LOST_DONE: "executed; the answer is lost",
        WalletKind.EXECUTE_LOST_UNDONE: "not executed the first time; no answer",
        WalletKind.EXECUTE_HANGS_DONE: "executed; the answer hangs",
        WalletKind.EXECUTE_HANGS_UNDONE: "not executed the first time; the answer hangs",
        WalletKind.EXECUTE_SLOW: "executed; answered late",
        WalletKind.EXECUTE_HTML: "executed; the answer is a web page",
        WalletKind.EXECUTE_STRANGE_CODE: "executed; answered with a code that nobody knows",
        WalletKind.EXECUTE_FAILED_DONE: "executed; answered with 2003, which leaves open whether it was",
        WalletKind.EXECUTE_FAILED_UNDONE: "not executed the first time; answered with 2003",
        WalletKind.EXECUTE_DUPLICATE: "not executed the first time; refused as a duplicate",
        WalletKind.INSUFFICIENT_BALANCE: "declined: too little money",
        WalletKind.BLOCKED: "declined: the wallet is blocked",
        WalletKind.OTHER_AMOUNT: "paid; every answer tells 1.00 taka more",
        WalletKind.COMPLETED_ALREADY: "paid; a second execute is answered with 2062",
        WalletKind.TOKEN_DIES: "the first execute finds its token expired",
        WalletKind.NOTICE_FIRST: "paid; the notification comes before the answer",
        WalletKind.WRONG_PIN: "no PIN is right: the first one ends the payment",
        WalletKind.CANCELS: "the PIN cancels the payment",
        WalletKind.SAYS_SUCCESS: "not approved; the browser is sent back with success",
        WalletKind.LEAVES: "approved, and the browser is not sent back; opening the page again sends it",
        WalletKind.REFUND_LOST_DONE: "paid; a first refund is done and its answer lost",
        WalletKind.REFUND_LOST_UNDONE: "paid; a first refund is not done and not answered",
        WalletKind.REFUND_HANGS_DONE: "paid; a first refund is done and its answer hangs",
        WalletKind.REFUND_HANGS_UNDONE: "paid; a first refund is not done and its answer hangs",
        WalletKind.REFUND_REFUSED: "paid; every refund is refused",
        WalletKind.REFUND_HTML: "paid; a first refund is answered with a web page",
    }
)
"""What becomes of a payment from a wallet of each kind."""

_ON_PAGE: Mapping[WalletKind, Text] = MappingProxyType(
    {
        WalletKind.NORMAL: Text("পেমেন্ট সফল হয়", "The payment succeeds"),
        WalletKind.INSUFFICIENT_BALANCE: Text("যথেষ্ট টাকা নেই", "Too little money"),
        WalletKind.BLOCKED: Text("ওয়ালেট বন্ধ", "The wallet is blocked"),
        WalletKind.WRONG_PIN: Text("কোনো পিনই ঠিক নয়", "No PIN is right"),
        WalletKind.CANCELS: Text("পিন দিলে বাতিল হয়", "The PIN cancels the payment"),
        WalletKind.EXECUTE_LOST_DONE: Text("সফল হয়, কিন্তু উত্তর হারিয়ে যায়", "Succeeds, and the answer is lost"),
        WalletKind.LEAVES: Text("সফল হয়, কিন্তু ফিরে যাওয়া যায় না", "Succeeds, and nobody is sent back"),
    }
)


def first_wallet(kind: WalletKind) -> str:
    """Return the first wallet of a kind."""
    if kind is WalletKind.NORMAL:
        return f"{FIRST_NORMAL_WALLET:0{WALLET_LENGTH}d}"
    return magic_wallet(kind)


def numbers_to_try(settings: BkashSettings) -> TryThese:
    """Return what may be typed at bKash's page."""
    numbers = [NumberToTry(first_wallet(kind), meaning) for kind, meaning in _ON_PAGE.items()]
    return TryThese(numbers, settings.otp, settings.pin)


def wallet_rows() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the first wallet and the meaning of each kind, the normal one first."""
    for kind, meaning in WALLET_MEANINGS.items():
        yield kind.name.lower(), first_wallet(kind), meaning

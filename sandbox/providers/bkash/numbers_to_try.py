"""The wallets that the page shows to try."""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.kit.payer_pages.language import Text
from sandbox.kit.payer_pages.payer_page import NumberToTry, TryThese
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet

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

"""The numbers that a provider's page shows to try: the normal one, and some that something becomes of."""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.kit.payer_pages.language import Text
from sandbox.kit.payer_pages.payer_page import NumberToTry, TryThese
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.kit.provider.settings import ProviderSettings

_MEANINGS: Mapping[str, Text] = MappingProxyType(
    {
        "normal": Text("পেমেন্ট সফল হয়", "The payment succeeds"),
        "insufficient_funds": Text("যথেষ্ট টাকা নেই", "Too little money"),
        "declined": Text("প্রত্যাখ্যান করা হয়", "Declined"),
        "wrong_pin": Text("কোনো পিনই ঠিক নয়", "No PIN is right"),
        "cancels": Text("পিন দিলে বাতিল হয়", "The PIN cancels the payment"),
        "pending_then_paid": Text("কিছুক্ষণ পরে সফল হয়", "Succeeds after a while"),
        "pending": Text("কখনও নিশ্চিত হয় না", "Stays unknown"),
        "return_lost": Text("সফল হয়, কিন্তু ফিরে যাওয়া যায় না", "Succeeds, and nobody is sent back"),
    }
)


def numbers_to_try(payers: Payers, settings: ProviderSettings) -> TryThese:
    """Return what may be typed at the pages of one institution."""
    named = ((payers.number_of(name), meaning) for name, meaning in _MEANINGS.items())
    numbers = [NumberToTry(number, meaning) for number, meaning in named if number is not None]
    return TryThese(numbers, settings.otp, settings.pin)

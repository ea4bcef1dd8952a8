"""What the three dialects of this family share."""

from typing_extensions import override

from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.provider.dialect_family import Dialect
from sandbox.kit.provider.hooks import OpenProvider, random_text
from sandbox.kit.provider.orders import ProviderOrder
from sandbox.kit.provider.provider import Provider

MERCHANT_REFERENCE = "asked_as"
"""The fact of an order that holds the merchant's reference as it was sent."""

APPROVAL_LENGTH = 6
DIGITS = "0123456789"
Json = dict[str, object]


class BankDialect(Dialect):
    """A dialect whose ids of movements are twelve digits."""

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        return random_text(12, DIGITS)


def unused_reference(provider: Provider, merchant_reference: str) -> str:
    """Return the name under which the book keeps an order: its reference, or that with a number."""
    name, nth = merchant_reference, 1
    while provider.find(name) is not None:
        nth += 1
        name = f"{merchant_reference}#{nth}"
    return name


def find_by_provider_reference(provider: Provider, name: object) -> ProviderOrder | None:
    """Return the order that the institution itself calls so; its other names are no keys to it."""
    order = provider.find_by_provider_name(name) if isinstance(name, str) else None
    return order if order is not None and order.provider_reference == name else None


def registered_address(address: str, provider: OpenProvider) -> str:
    """Return the address that the merchant has registered with an institution, or nothing."""
    url = address.replace("{house}", provider.institution.id)
    return url if is_web_address(url) else ""


def approval_code(rrn: str) -> str:
    """Return the issuer's code of a payment; here it is made of its number."""
    return rrn[-APPROVAL_LENGTH:]

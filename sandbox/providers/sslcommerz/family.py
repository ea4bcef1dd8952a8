"""The family of two houses; what each of them says stands in `v4` and in `aamarpay`."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors
from sandbox.kit.provider.family import GatewayFarSide, HouseCall
from sandbox.kit.provider.hooks import Push, Telling, WayBack, random_text
from sandbox.kit.provider.institution import House
from sandbox.kit.provider.magic_numbers import Magic
from sandbox.kit.provider.orders import Order
from sandbox.kit.provider.provider import NewOrder, Provider
from sandbox.providers.sslcommerz import aamarpay, v4
from sandbox.providers.sslcommerz.institutions import AAMARPAY, FAMILY, HOUSES, OWN_KINDS, STORE_ID


class Institution(GatewayFarSide):
    """SSLCommerz and aamarPay."""

    name: ClassVar[str] = "SSLCOMMERZ"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = v4.ERRORS
    houses: ClassVar[tuple[House, ...]] = HOUSES
    own_kinds: ClassVar[tuple[Magic, ...]] = OWN_KINDS

    @override
    def errors_of(self, house: House) -> Errors:
        return aamarpay.ERRORS if house.id == AAMARPAY else v4.ERRORS

    @override
    def house_calls(self, provider: Provider) -> Iterable[HouseCall]:
        return aamarpay.calls_of(provider) if _is_aamarpay(provider) else v4.calls_of(provider)

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        is_store = aamarpay.is_store if _is_aamarpay(provider) else v4.is_store
        return is_store(provider, request.fields())

    @override
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack | None:
        way_back = aamarpay.way_back if _is_aamarpay(provider) else v4.way_back
        return way_back(provider, order, telling)

    @override
    def push(self, provider: Provider, order: Order, telling: Telling) -> Push | None:
        return None if _is_aamarpay(provider) else v4.push(provider, order, telling)

    @override
    def new_provider_reference(self, provider: Provider, new: NewOrder) -> str:
        return f"AAM{random_text(20)}" if _is_aamarpay(provider) else random_text(32)

    @override
    def new_transaction_id(self, provider: Provider, order: Order) -> str:
        return v4.new_name(provider)

    @classmethod
    @override
    def secrets_for_switch(cls, house: House, password: str) -> Mapping[str, str]:
        secret = "SIGNATURE_KEY" if house.id == AAMARPAY else "STORE_PASSWORD"
        return {"STORE_ID": STORE_ID, secret: password}


def _is_aamarpay(provider: Provider) -> bool:
    return provider.house.id == AAMARPAY

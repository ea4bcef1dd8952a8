"""Seven providers that give a token, open a page and are asked how it ended; none of them pushes anything."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors
from sandbox.kit.provider.family import GatewayFarSide, HouseCall
from sandbox.kit.provider.hooks import Telling, WayBack
from sandbox.kit.provider.institution import House
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.provider import NewOrder, Provider
from sandbox.providers.token_init_status import generic_replies
from sandbox.providers.token_init_status.dialect import Dialect
from sandbox.providers.token_init_status.generic import Generic
from sandbox.providers.token_init_status.institutions import FAMILY, HOUSES
from sandbox.providers.token_init_status.shurjopay import Shurjopay
from sandbox.providers.token_init_status.upay import Upay

_DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {"generic": Generic(), "upay": Upay(), "shurjopay": Shurjopay()}
)


class Institution(GatewayFarSide):
    """The houses, each in the dialect that its data name."""

    name: ClassVar[str] = "TOKEN_INIT_STATUS"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = generic_replies.ERRORS
    houses: ClassVar[tuple[House, ...]] = HOUSES
    bearer_prefix: ClassVar[bytes] = b""
    pushes_on: ClassVar[frozenset[State]] = frozenset()

    @override
    def house_calls(self, provider: Provider) -> Iterable[HouseCall]:
        return _dialect(provider.house).calls(provider)

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        return _dialect(provider.house).is_admitted(provider, request)

    @override
    def errors_of(self, house: House) -> Errors:
        return _dialect(house).errors

    @override
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack:
        return _dialect(provider.house).way_back(provider, order, telling)

    @override
    def new_provider_reference(self, provider: Provider, new: NewOrder) -> str:
        return _dialect(provider.house).provider_reference(provider, new)

    @override
    def new_transaction_id(self, provider: Provider, order: Order) -> str:
        return _dialect(provider.house).transaction_id(provider, order)

    @classmethod
    @override
    def secrets_for_switch(cls, house: House, password: str) -> Mapping[str, str]:
        return _dialect(house).secrets(password)


def _dialect(house: House) -> Dialect:
    return _DIALECTS[house.more["dialect"]]

"""Four gateways of three banks behind one port, each in its dialect."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.replies import Errors, error_reply
from sandbox.kit.provider.family import GatewayFarSide, HouseCall, HousePage
from sandbox.kit.provider.hooks import Push, Telling, WayBack, random_text
from sandbox.kit.provider.institution import House
from sandbox.kit.provider.magic_numbers import Behaviour, Magic, Money
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.provider import NewOrder, Provider
from sandbox.providers.bank_redirect import dbbl, spg
from sandbox.providers.bank_redirect.city import City
from sandbox.providers.bank_redirect.dialect import DIGITS, Dialect
from sandbox.providers.bank_redirect.institutions import DIALECT, FAMILY, HOUSES

_DIALECTS: Mapping[str, Dialect] = {"dbbl": dbbl.Dbbl(), "spg": spg.Spg(), "city": City()}


class Institution(GatewayFarSide):
    """Banks with a gateway of their own."""

    name: ClassVar[str] = "Bank gateways"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = Errors(error_reply)
    houses: ClassVar[tuple[House, ...]] = HOUSES
    # City Bank's token stands in a body, where nothing is before it.
    bearer_prefix: ClassVar[bytes] = b""
    # Sonali alone pushes, and only that something was paid; a declined one may be pushed as if it were.
    pushes_on: ClassVar[frozenset[State]] = frozenset({State.PAID, State.DECLINED})
    own_kinds: ClassVar[tuple[Magic, ...]] = (
        Magic(
            90,
            "bad_hmac",
            "paid, and every result is wrongly signed (DBBL, Rocket)",
            Behaviour(facts={dbbl.BAD_HMAC: "yes"}),
        ),
        Magic(
            91,
            "failed_by_error",
            "not paid, and the result is FAILED 911, which settles nothing (DBBL, Rocket)",
            Behaviour(money=Money.DECLINED, reason="error"),
        ),
        Magic(
            92,
            "charges_on_top",
            "paid, with commission and VAT of the bank over the total (Sonali)",
            Behaviour(facts={spg.COMMISSION: "1000", spg.VAT: "150"}),
        ),
    )

    @override
    def house_calls(self, provider: Provider) -> Iterable[HouseCall]:
        return _of(provider.house).house_calls(provider)

    @override
    def house_pages(self, provider: Provider) -> Iterable[HousePage]:
        return (*super().house_pages(provider), *_of(provider.house).house_pages(provider))

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        # The others' credentials stand in the body.
        return provider.house.more[DIALECT] != "spg" or spg.is_admitted(provider, request)

    @override
    def errors_of(self, house: House) -> Errors:
        return _of(house).errors

    @override
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack | None:
        return _of(provider.house).way_back(provider, order, telling)

    @override
    def push(self, provider: Provider, order: Order, telling: Telling) -> Push | None:
        return _of(provider.house).push(provider, order, telling)

    @override
    def is_push_taken(self, status: int, body: bytes) -> bool:
        return super().is_push_taken(status, body) and spg.is_taken(body)

    @override
    def new_provider_reference(self, provider: Provider, new: NewOrder) -> str:
        return _of(provider.house).new_provider_reference()

    @override
    def new_transaction_id(self, provider: Provider, order: Order) -> str:
        return random_text(12, DIGITS)

    @classmethod
    @override
    def secrets_for_switch(cls, house: House, password: str) -> Mapping[str, str]:
        return _of(house).secrets_for_switch(password)


def _of(house: House) -> Dialect:
    return _DIALECTS[house.more[DIALECT]]

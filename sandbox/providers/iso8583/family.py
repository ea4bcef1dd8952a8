"""Seven hosts, each at a TCP port of its own; their pages and their desk behind one HTTP port."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.movements import Moved, Movement
from sandbox.kit.institution.pages import with_query
from sandbox.kit.institution.replies import Errors, Reply, error_reply, json_reply
from sandbox.kit.provider import payment_outcomes as paying
from sandbox.kit.provider.family import GatewayFarSide, HouseCall, HousePage
from sandbox.kit.provider.hooks import Telling, WayBack, random_text
from sandbox.kit.provider.institution import House
from sandbox.kit.provider.magic_numbers import Magic
from sandbox.kit.provider.movements import is_plain
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.payer_numbers import masked, normal_numbers
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.settings import ENVIRONMENT_PREFIX
from sandbox.kit.provider.settlement_file import Event, Row
from sandbox.providers.iso8583 import consent_page as consent
from sandbox.providers.iso8583.admin_api import HostsDesk
from sandbox.providers.iso8583.book import ALIAS, ASKED_BY, FinancialRequest, HostBook
from sandbox.providers.iso8583.faults import OWN_KINDS
from sandbox.providers.iso8583.host import Host
from sandbox.providers.iso8583.institutions import FAMILY, HOUSES, consent_secret_of, mac_key_of, terms_of
from sandbox.providers.iso8583.link import Listener
from sandbox.providers.iso8583.settings import HostSettings

_PAGE = "pay"
_APPROVAL_LENGTH = 6


class Institution(GatewayFarSide):
    """The banks that are reached over ISO 8583."""

    name: ClassVar[str] = "Bank hosts"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = Errors(error_reply)
    houses: ClassVar[tuple[House, ...]] = HOUSES
    own_kinds: ClassVar[tuple[Magic, ...]] = OWN_KINDS
    pushes_on: ClassVar[frozenset[State]] = frozenset()
    book_type: ClassVar[type[HostBook]] = HostBook
    settings_type: ClassVar[type[HostSettings]] = HostSettings
    settings: HostSettings
    book: HostBook

    def __init__(self, settings: HostSettings, clock: Clock) -> None:
        """Open the book below `settings.home`; errors as of `GatewayFarSide`."""
        super().__init__(settings, clock)
        self.hosts: Mapping[str, Host] = {
            name: Host(provider, self.book, settings) for name, provider in self.providers.items()
        }
        self.listeners: Mapping[str, Listener] = {}

    # ---- the consent page

    @override
    def house_calls(self, provider: Provider) -> Iterable[HouseCall]:
        return (HouseCall("approve", "POST", "_admin/approve", partial(self._approve, provider)),)

    @override
    def house_pages(self, provider: Provider) -> Iterable[HousePage]:
        return (
            HousePage(_PAGE, lambda request: consent.order_of_link(provider, request.query)),
            *super().house_pages(provider),
        )

    @override
    def agreed(self, provider: Provider, order: Order) -> None:
        consent.agree(provider, self.book, order, self.settings.alias_seconds)

    @override
    def way_back(self, provider: Provider, order: Order, telling: Telling) -> WayBack | None:
        return consent.way_back(provider, order, telling)

    @override
    def new_transaction_id(self, provider: Provider, order: Order) -> str:
        return random_text(_APPROVAL_LENGTH)

    # ---- what the switch is told

    @classmethod
    @override
    def secrets_for_switch(cls, house: House, password: str) -> Mapping[str, str]:
        return {
            "MAC_KEY": mac_key_of(house.id).hex().upper(),
            "CONSENT_SECRET": consent_secret_of(house.id),
        }

    @classmethod
    @override
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        """Return the environment variables by which a switch reaches every house.

        The hosts are expected as many ports above the pages as in the document; see `places_for_switch`.
        """
        parts = urlsplit(origin)
        ports = zip(cls.houses, cls.further_ports(parts.port or 0), strict=True)
        places = {house.id: f"{parts.hostname}:{port}" for house, port in ports}
        return super().settings_for_switch(origin, password) | _as_variables(places)

    @classmethod
    @override
    def further_ports(cls, port: int) -> Sequence[int]:
        """Return where the hosts listen beside pages at this port, unless they are told otherwise."""
        return [port + terms_of(house).port_above for house in cls.houses]

    @classmethod
    def hosts_at(cls, ports: Mapping[str, int]) -> dict[str, str]:
        """Return the environment variables by which hosts take these ports, and a switch finds them there."""
        told = {f"{ENVIRONMENT_PREFIX}HOST_PORTS": json.dumps(dict(ports))}
        return told | _as_variables({name: f"127.0.0.1:{port}" for name, port in ports.items()})

    def places_for_switch(self) -> dict[str, str]:
        """Return the environment variables that name where the hosts of this process listen."""
        return _as_variables({name: one.place for name, one in self.listeners.items()})

    # ---- what the server asks

    @override
    def learn_address(self, origin: str) -> None:
        """Be told where the pages are served, and take the ports of the hosts.

        Raises:
            OSError: one of them is taken.
        """
        super().learn_address(origin)
        parts, taken = urlsplit(origin), {}
        above = dict(zip(self.hosts, self.further_ports(parts.port or 0), strict=True))
        try:
            for name, host in self.hosts.items():
                port = self.settings.host_ports.get(name, above[name])
                taken[name] = Listener(host, parts.hostname or "", port)
        except OSError:
            for listener in taken.values():
                listener.close()
            raise
        self.listeners = taken

    @override
    async def work(self) -> None:
        try:
            for listener in self.listeners.values():
                await listener.serve()
            await super().work()
        finally:
            self._close_listeners()

    @override
    def desk(self) -> HostsDesk:
        return HostsDesk(self)

    @override
    def rows_of_day(self, house: House, day: date) -> list[Row]:
        """Return what was posted on a business day of the host, reversed since or not."""
        rows = []
        for seq, (request, order) in enumerate(self.book.posted_on(house.id, day), start=1):
            fees = (order.fee_paisa, order.fee_vat_paisa) if order.is_paid else (0, 0)
            rows.append(Row(seq, Event.PAYMENT, request.posted, order, None, request.amount_paisa, *fees))
        return rows

    @override
    def movements_of(self, house: House) -> Iterable[Movement]:
        """Return what was posted, under the RRN that it came with; what was reversed has not succeeded."""
        for request in self.book.requests_of(house.id):
            order = self.book.order(house.id, request.reference)
            if request.is_posted and order is not None:
                yield posted(self.providers[house.id], request, order)

    @override
    def close(self) -> None:
        self._close_listeners()
        super().close()

    def _close_listeners(self) -> None:
        for listener in self.listeners.values():
            listener.close()

    def _approve(self, provider: Provider, request: Request) -> Reply:
        """Let the first of the normal payers agree, and say where its browser would go.

        The order is named by the merchant's reference, or opened by the link as a browser would.
        """
        asked = request.fields()
        page = asked.get("page")
        if isinstance(page, str):
            found = consent.order_of_link(provider, dict(parse_qsl(urlsplit(page).query)))
        else:
            found = provider.find(str(asked.get("reference"))) or error_reply(404, "no such order")
        if not isinstance(found, Order):
            return found
        if provider.state(found) is State.OPENED:
            paying.confirm(provider, found, next(normal_numbers(provider.house.kind, 1)))
        if ALIAS not in found.facts:
            return error_reply(409, "the order is over")
        way = paying.leave(provider, found).way
        sent_to = "" if way is None else with_query(way.url, **way.fields)
        return json_reply({"approved": found.reference, "sent_to": sent_to})


def posted(provider: Provider, request: FinancialRequest, order: Order) -> Movement:
    """Return what one request moved."""
    is_standing = order.is_paid and order.facts.get(ASKED_BY) == request.identity
    return Movement(
        house=order.house,
        moved=Moved.PAYMENT,
        at=request.at,
        ours=request.identity.split()[2],
        theirs=request.approval_code,
        gross_paisa=request.amount_paisa,
        fee_paisa=order.fee_paisa if is_standing else 0,
        fee_vat_paisa=order.fee_vat_paisa if is_standing else 0,
        is_success=is_standing,
        is_plain=is_plain(provider, order),
        bill=order.reference,
        account=masked(order.payer),
    )


def _as_variables(places: Mapping[str, str]) -> dict[str, str]:
    return {f"EKPAY_{name.upper()}_HOST": place for name, place in places.items()}

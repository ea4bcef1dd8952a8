"""Seven hosts, each at a TCP port of its own; their pages and their admin API behind one HTTP port."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.movements import Movement, MovementKind
from sandbox.kit.institution.pages import with_query
from sandbox.kit.institution.replies import Errors, Reply, error_reply, json_reply
from sandbox.kit.provider import payment_outcomes
from sandbox.kit.provider.family import InstitutionCall, InstitutionPage, ProviderFamily
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, random_text
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import PayerKindRow
from sandbox.kit.provider.movements import is_plain
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.kit.provider.payer_numbers import masked, normal_numbers
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.settings import ENVIRONMENT_PREFIX
from sandbox.kit.provider.settlement_file import SettlementEvent, SettlementRow
from sandbox.providers.iso8583 import consent_page as consent
from sandbox.providers.iso8583.admin_api import HostsAdminApi
from sandbox.providers.iso8583.book import ALIAS, REQUEST_IDENTITY, FinancialRequest, HostBook
from sandbox.providers.iso8583.faults import OWN_KINDS
from sandbox.providers.iso8583.host import Host
from sandbox.providers.iso8583.institutions import (
    FAMILY,
    INSTITUTIONS,
    consent_secret_of,
    mac_key_of,
    terms_of,
)
from sandbox.providers.iso8583.link import HostListener
from sandbox.providers.iso8583.settings import HostSettings

_PAGE = "pay"
_APPROVAL_LENGTH = 6


class HostsFamily(ProviderFamily):
    """The banks that are reached over ISO 8583."""

    name: ClassVar[str] = "Bank hosts"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = Errors(error_reply)
    institutions: ClassVar[tuple[ProviderInstitution, ...]] = INSTITUTIONS
    own_kinds: ClassVar[tuple[PayerKindRow, ...]] = OWN_KINDS
    pushes_on: ClassVar[frozenset[OrderState]] = frozenset()
    book_type: ClassVar[type[HostBook]] = HostBook
    settings_type: ClassVar[type[HostSettings]] = HostSettings
    settings: HostSettings
    book: HostBook

    def __init__(self, settings: HostSettings, clock: Clock) -> None:
        """Open the book below `settings.home`; errors as of `ProviderFamily`."""
        super().__init__(settings, clock)
        self.hosts: Mapping[str, Host] = {
            name: Host(provider, self.book, settings) for name, provider in self.providers.items()
        }
        self.listeners: Mapping[str, HostListener] = {}

    # ---- the consent page

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        return (InstitutionCall("approve", "POST", "_admin/approve", partial(self._approve, provider)),)

    @override
    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        return (
            InstitutionPage(_PAGE, lambda request: consent.open_order_of_link(provider, request.visit())),
            *super().institution_pages(provider),
        )

    @override
    def on_payer_agreed(self, provider: OpenProvider, order: ProviderOrder) -> None:
        consent.record_consent(provider, self.book, order, self.settings.alias_seconds)

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        return consent.browser_return(provider, order, message)

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        return random_text(_APPROVAL_LENGTH)

    # ---- settings of a switch

    @classmethod
    @override
    def secrets_for_switch(cls, institution: ProviderInstitution, password: str) -> Mapping[str, str]:
        return {
            "MAC_KEY": mac_key_of(institution.id).hex().upper(),
            "CONSENT_SECRET": consent_secret_of(institution.id),
        }

    @classmethod
    @override
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        """Return the environment variables by which a switch reaches every institution.

        The hosts are expected as many ports above the pages as in the document; see `places_for_switch`.
        """
        parts = urlsplit(origin)
        ports = zip(cls.institutions, cls.further_ports(parts.port or 0), strict=True)
        places = {institution.id: f"{parts.hostname}:{port}" for institution, port in ports}
        return super().settings_for_switch(origin, password) | _as_variables(places)

    @classmethod
    @override
    def further_ports(cls, port: int) -> Sequence[int]:
        """Return where the hosts listen beside pages at this port, unless the settings name others."""
        return [port + terms_of(institution).port_above for institution in cls.institutions]

    @classmethod
    def host_port_variables(cls, ports: Mapping[str, int]) -> dict[str, str]:
        """Return the environment variables by which hosts take these ports, and a switch finds them there."""
        variables = {f"{ENVIRONMENT_PREFIX}HOST_PORTS": json.dumps(dict(ports))}
        return variables | _as_variables({name: f"127.0.0.1:{port}" for name, port in ports.items()})

    # ---- what the server asks

    @override
    def set_origin(self, origin: str) -> None:
        """Take the address of the pages and the ports of the hosts.

        Raises:
            OSError: one of them is taken.
        """
        super().set_origin(origin)
        parts, listeners = urlsplit(origin), {}
        above = dict(zip(self.hosts, self.further_ports(parts.port or 0), strict=True))
        try:
            for name, host in self.hosts.items():
                port = self.settings.host_ports.get(name, above[name])
                listeners[name] = HostListener(host, parts.hostname or "", port)
        except OSError:
            for listener in listeners.values():
                listener.close()
            raise
        self.listeners = listeners

    @override
    async def work(self) -> None:
        try:
            for listener in self.listeners.values():
                await listener.serve()
            await super().work()
        finally:
            self._close_listeners()

    @override
    def admin_api(self) -> HostsAdminApi:
        return HostsAdminApi(self)

    @override
    def rows_of_day(self, institution: ProviderInstitution, day: date) -> list[SettlementRow]:
        """Return what was posted on a business day of the host, reversed since or not."""
        rows = []
        for seq, (request, order) in enumerate(self.book.posted_on(institution.id, day), start=1):
            rows.append(
                SettlementRow(
                    seq=seq,
                    event=SettlementEvent.PAYMENT,
                    instant=request.posting_time,
                    order=order,
                    refund=None,
                    gross_paisa=request.amount_paisa,
                    fee_paisa=order.fee_paisa if order.is_paid else 0,
                    fee_vat_paisa=order.fee_vat_paisa if order.is_paid else 0,
                )
            )
        return rows

    @override
    def movements_of(self, institution: ProviderInstitution) -> Iterable[Movement]:
        """Return what was posted, under the RRN that it came with; what was reversed has not succeeded."""
        for request in self.book.requests_of(institution.id):
            order = self.book.order(institution.id, request.reference)
            if request.is_posted and order is not None:
                yield movement_of_request(self.providers[institution.id], request, order)

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
        fields = request.fields()
        page = fields.get("page")
        if isinstance(page, str):
            visit = request.visit()._replace(query=dict(parse_qsl(urlsplit(page).query)))
            order = consent.open_order_of_link(provider, visit)
        else:
            order = provider.find(str(fields.get("reference"))) or error_reply(404, "no such order")
        if not isinstance(order, ProviderOrder):
            return order
        if provider.state(order) is OrderState.OPENED:
            payment_outcomes.confirm_order(
                provider, order, next(normal_numbers(provider.institution.kind, 1))
            )
        if ALIAS not in order.facts:
            return error_reply(409, "the order is over")
        browser_return = payment_outcomes.leave_page(provider, order).browser_return
        sent_to = "" if browser_return is None else with_query(browser_return.url, **browser_return.fields)
        return json_reply({"approved": order.reference, "sent_to": sent_to})


def movement_of_request(provider: Provider, request: FinancialRequest, order: ProviderOrder) -> Movement:
    """Return what one request moved."""
    is_standing = order.is_paid and order.facts.get(REQUEST_IDENTITY) == request.identity
    return Movement(
        institution_id=order.institution_id,
        kind=MovementKind.PAYMENT,
        at=request.at,
        our_reference=request.identity.split()[2],
        their_reference=request.approval_code,
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

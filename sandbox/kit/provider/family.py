"""The institutions of one family behind one port: calls at `/<id>/<call>`, pages at `/<id>/page/<token>`.

A family subclasses `ProviderFamily`, names itself and its institutions, answers `institution_calls`, and says
where a browser goes with `browser_return`.
"""

import asyncio
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple, Self
from urllib.parse import urlencode

from typing_extensions import override

from sandbox.kit.institution.bearer_tokens import BearerTokens
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.http_request import Request, Route
from sandbox.kit.institution.movements import Movement
from sandbox.kit.institution.pages import METHODS, with_query
from sandbox.kit.institution.replies import Errors, Reply, error_reply, json_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, json_object
from sandbox.kit.provider import payment_outcomes
from sandbox.kit.provider.admin_api import ProviderAdminApi
from sandbox.kit.provider.book import OwedPush, ProviderBook
from sandbox.kit.provider.checkout import ProviderCheckout
from sandbox.kit.provider.hooks import FamilyHooks, OutcomeMessage, Push, PushKind
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import PayerKindRow, Payers
from sandbox.kit.provider.movements import movements_of
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.kit.provider.payer_numbers import normal_numbers
from sandbox.kit.provider.provider import Provider, Whereabouts
from sandbox.kit.provider.push_delivery import PushRules, PushSender
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.kit.provider.settlement_file import SettlementRow, rows_of_day

_PLACE = re.compile(r"\{([a-z_]+)\}")
_TICK_SECONDS = 0.2
# Where `ekpay connectors certify` finds a payer: below the address by which it knows the provider.
_APPROVE = "_admin/approve"


class InstitutionCall(NamedTuple):
    """One call of an institution: its name, its methods, its path below the institution, and what answers it.

    A path may have places, `payment/status/{reference}/`, each for one piece without a slash, which the
    request brings as `values`; a slash at the end may be there or not. The answer may raise
    `MalformedRequestError` and nothing else.
    """

    name: str
    methods: str
    path: str
    answer: Callable[[Request], Reply]
    needs_login: bool = True


class InstitutionPage(NamedTuple):
    """Where a browser finds the payer's page of an order: its path below the institution, as of a call.

    Instead of an order there may be a page of the family's own, that says why there is none.
    """

    path: str
    find: Callable[[Request], ProviderOrder | Reply | None]


class _ListedRoute(NamedTuple):
    pattern: re.Pattern[str]
    methods: frozenset[str]
    name: str
    answer: Callable[[Mapping[str, str], Request], Reply]


class ProviderFamily(FarSide, FamilyHooks):
    """All institutions of a family, with one book and one push sender; each has its own logins and faults."""

    family: ClassVar[str]
    institutions: ClassVar[Sequence[ProviderInstitution]]
    base_path: ClassVar[str] = ""
    own_kinds: ClassVar[Sequence[PayerKindRow]] = ()
    """Payers that only this family has, from 90 to 99."""
    bearer_prefix: ClassVar[bytes] = b"Bearer "
    """What stands before a token of `provider.bearers` in its header."""
    book_type: ClassVar[type[ProviderBook]] = ProviderBook
    """The book of a family that keeps more than orders, refunds and pushes."""
    settings_type: ClassVar[type[ProviderSettings]] = ProviderSettings
    """The settings of a family that has more of them than the others."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        """Open the book below `settings.home`, replaying its journal.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        self.settings = settings
        self.clock = clock
        self.book = self.book_type(settings.journal_of(self.family), settings.seed, clock.today())
        self.pushes = PushSender(self.book, clock)
        self._whereabouts = Whereabouts()
        self.providers: Mapping[str, Provider] = {
            institution.id: self._open_provider(institution) for institution in self.institutions
        }
        self._routes = [
            route for provider in self.providers.values() for route in self._list_routes(provider)
        ]

    @classmethod
    def open(cls, settings: ProviderSettings, clock: Clock) -> Self:
        """Open the family; errors as above."""
        return cls(settings, clock)

    # ---- what a family says; see also `Hooks`

    @abstractmethod
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        """Return the calls of one institution; called once, when it is opened."""

    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        """Return where the payer's page is found; at `page/<token>`, the address in `provider.page_url`.

        A family whose merchants build the address themselves, from a session or a query, adds its own.
        """
        return [InstitutionPage("page/{token}", partial(_by_token, provider))]

    def is_admitted(self, provider: Provider, request: Request) -> bool:  # noqa: ARG002
        """Whether a call that needs a login carries it; always by default.

        A family whose credentials stand in the body checks them in its calls.
        """
        return True

    def rows_of_day(self, institution: ProviderInstitution, day: date) -> list[SettlementRow]:
        """Return the rows of the file of a day; a day in Dhaka unless the institution has days of its own."""
        return rows_of_day(self.book.orders_of(institution.id), day)

    def movements_of(self, institution: ProviderInstitution) -> Iterable[Movement]:
        """Return whatever moved at an institution, or was declined there, since its book was begun."""
        return movements_of(self.providers[institution.id], self.book.orders_of(institution.id))

    def errors_of(self, institution: ProviderInstitution) -> Errors:  # noqa: ARG002
        """Return the envelopes of an institution, where they are not those of the whole family."""
        return self.errors

    @classmethod
    def secrets_for_switch(cls, institution: ProviderInstitution, password: str) -> Mapping[str, str]:  # noqa: ARG003
        """Return what a switch needs beside the address of an institution, as `EKPAY_<ID>_<NAME>`."""
        return {"PASSWORD": password}

    @classmethod
    def settings_of_home(cls, home: Path) -> Mapping[str, str]:  # noqa: ARG003
        """Return the environment variables of a switch that are this home's alone, such as keys.

        They are made there if need be, so that a switch can be started before the family is opened.
        """
        return {}

    @classmethod
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        """Return the environment variables by which a switch reaches every institution at this origin."""
        variables = {}
        for institution in cls.institutions:
            prefix = f"EKPAY_{institution.id.upper()}"
            variables[f"{prefix}_URL"] = f"{origin}/{institution.id}"
            secrets = cls.secrets_for_switch(institution, password)
            variables |= {f"{prefix}_{name}": value for name, value in secrets.items()}
        return variables

    @classmethod
    def further_ports(cls, port: int) -> Sequence[int]:  # noqa: ARG003
        """Return the other ports that the family takes when it is served at this one."""
        return ()

    # ---- what the server asks

    @override
    def calls(self) -> Mapping[str, Call]:
        return {}

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        return None

    @override
    def read(self, body: bytes) -> Form:
        return json_object(body)

    @override
    def route(self, method: str, path: str) -> Route | None:
        house_id = path.removeprefix("/").partition("/")[0]
        matching = [
            (listed, match)
            for listed in self._routes
            if (match := listed.pattern.fullmatch(path)) is not None
        ]
        for listed, match in matching:
            if method in listed.methods:
                return Route(f"{house_id}.{listed.name}", partial(listed.answer, match.groupdict()))
        return Route("other", lambda _: self.providers[house_id].errors.wrong_method) if matching else None

    @override
    def set_origin(self, origin: str) -> None:
        self._whereabouts.origin = origin

    @override
    async def work(self) -> None:
        rules = PushRules(self._compose, self._is_accepted, self._delays)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.pushes.work(rules))
            tasks.create_task(self._settle_periodically())

    @override
    def admin_api(self) -> ProviderAdminApi:
        return ProviderAdminApi(self)

    @override
    def close(self) -> None:
        self.book.close()

    def end_logins(self, house_id: str | None = None) -> None:
        """Let every bearer of an institution, or of all of them, expire at once."""
        for name, provider in self.providers.items():
            if house_id in {None, name}:
                provider.bearers.revoke_all()

    def settle_due_orders(self) -> None:
        """Decide every pending order and refund whose time has come."""
        for order in self.book.pending():
            self.providers[order.institution_id].settle(order)

    def _open_provider(self, institution: ProviderInstitution) -> Provider:
        return Provider(
            institution=institution,
            settings=self.settings,
            clock=self.clock,
            book=self.book,
            pushes=self.pushes,
            hooks=self,
            payers=Payers(institution.kind, self.settings.accounts, self.own_kinds),
            errors=self.errors_of(institution),
            bearers=BearerTokens(self.bearer_prefix),
            whereabouts=self._whereabouts,
        )

    def _list_routes(self, provider: Provider) -> Iterable[_ListedRoute]:
        house_id = provider.institution.id
        for call in self.institution_calls(provider):
            methods, answer = frozenset(call.methods.split()), partial(self._answer, provider, call)
            yield _ListedRoute(_pattern(house_id, call.path), methods, call.name, answer)
        yield _ListedRoute(
            _pattern(house_id, _APPROVE), frozenset({"POST"}), "approve", partial(_approve, provider)
        )
        checkout = ProviderCheckout(provider)
        for page in self.institution_pages(provider):
            yield _ListedRoute(
                _pattern(house_id, page.path), METHODS, "page", partial(_visit, checkout, page)
            )

    def _answer(
        self, provider: Provider, call: InstitutionCall, values: Mapping[str, str], request: Request
    ) -> Reply:
        self.book.record_call(provider.institution.id, call.name)
        call_request = request._replace(values=values)
        try:
            if call.needs_login and not self.is_admitted(provider, call_request):
                return provider.errors.unauthorised
            return call.answer(call_request)
        except MalformedRequestError as error:
            # The server would put it into the family's envelope, which need not be that of the institution.
            return provider.errors.malformed(str(error))

    async def _settle_periodically(self) -> None:
        while True:
            self.settle_due_orders()
            await asyncio.sleep(_TICK_SECONDS)

    def _compose(self, owed_push: OwedPush) -> Push | None:
        provider = self.providers.get(owed_push.institution_id)
        order = None if provider is None else self.book.order(owed_push.institution_id, owed_push.reference)
        if provider is None or order is None:
            return None
        kind = PushKind(owed_push.kind)
        if kind is PushKind.RETURN:
            return _repeated_return(provider, order)
        refund = next(
            (candidate for candidate in order.refunds if candidate.refund_id == owed_push.refund_id), None
        )
        word = payment_outcomes.pushed_outcome(provider, order, kind)
        return self.push(
            provider, order, OutcomeMessage(word, kind, datetime.fromisoformat(owed_push.dated), refund)
        )

    def _is_accepted(self, owed_push: OwedPush, status: int, body: bytes) -> bool:
        return owed_push.kind == PushKind.RETURN or self.is_push_accepted(
            self.providers[owed_push.institution_id], status, body
        )

    def _delays(self, owed_push: OwedPush) -> tuple[float, ...]:
        waits = (
            self.providers[owed_push.institution_id].institution.push_seconds
            if owed_push.institution_id in self.providers
            else ()
        )
        return tuple(wait / self.settings.push_times_divisor for wait in waits)


def _approve(provider: Provider, _values: Mapping[str, str], request: Request) -> Reply:
    """Let the first of the normal payers confirm the order that is open under the merchant's reference."""
    order = provider.find(str(request.fields().get("reference")))
    if order is None:
        return error_reply(404, "no such order")
    if provider.state(order) is not OrderState.OPENED:
        return error_reply(409, "the order is over")
    payment_outcomes.confirm_order(provider, order, next(normal_numbers(provider.institution.kind, 1)))
    return json_reply({"approved": order.reference})


def _visit(
    checkout: ProviderCheckout, page: InstitutionPage, values: Mapping[str, str], request: Request
) -> Reply:
    order = page.find(request._replace(values=values))
    return order if isinstance(order, Reply) else checkout.visit(order, request.visit(), request.browser_path)


def _by_token(provider: Provider, request: Request) -> ProviderOrder | None:
    order = provider.find_by_provider_name(request.values["token"])
    # An order has other names, which merchants know; they are no keys to its page.
    return order if order is not None and order.page_token == request.values["token"] else None


def _repeated_return(provider: Provider, order: ProviderOrder) -> Push | None:
    browser_return = payment_outcomes.browser_return(provider, order, provider.behaviour(order))
    if browser_return is None:
        return None
    if not browser_return.is_post:
        return Push(with_query(browser_return.url, **browser_return.fields), b"", method="GET")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return Push(browser_return.url, urlencode(browser_return.fields).encode(), form)


def _pattern(house_id: str, path: str) -> re.Pattern[str]:
    pieces = re.split(_PLACE, path.rstrip("/"))
    # Every other piece is the name of a place.
    written = "".join(
        f"(?P<{piece}>[^/]+)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)
    )
    return re.compile(f"/{re.escape(house_id)}/{written}/?")

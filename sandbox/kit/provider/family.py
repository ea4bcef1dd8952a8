"""The houses of one family behind one port: each at `/<house>/<call>`, its pages at `/<house>/page/<token>`.

A family subclasses `GatewayFarSide`, names itself and its houses, answers `house_calls`, and says where a
browser goes with `way_back`.
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

from sandbox.kit.institution.bearer_tokens import Bearers
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.http_request import Request, Route
from sandbox.kit.institution.movements import Movement
from sandbox.kit.institution.pages import METHODS, with_query
from sandbox.kit.institution.replies import Errors, Reply, error_reply, json_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, json_object
from sandbox.kit.provider import payment_outcomes as paying
from sandbox.kit.provider.admin_api import GatewayDesk
from sandbox.kit.provider.book import Book, OwedPush
from sandbox.kit.provider.checkout import Checkout
from sandbox.kit.provider.hooks import Hooks, Push, PushKind, Telling
from sandbox.kit.provider.institution import House
from sandbox.kit.provider.magic_numbers import Magic, Payers
from sandbox.kit.provider.movements import movements_of
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.payer_numbers import normal_numbers
from sandbox.kit.provider.provider import Provider, Whereabouts
from sandbox.kit.provider.push_delivery import Courier, Post
from sandbox.kit.provider.settings import GatewaySettings
from sandbox.kit.provider.settlement_file import Row, rows_of_day

_PLACE = re.compile(r"\{([a-z_]+)\}")
_TICK_SECONDS = 0.2
# Where `ekpay connectors certify` finds a payer: below the address by which it knows the provider.
_APPROVE = "_admin/approve"


class HouseCall(NamedTuple):
    """One call of a house: its name, its methods, its path below the house, and what answers it.

    A path may have places, `payment/status/{reference}/`, each for one piece without a slash, which the
    request brings as `values`; a slash at the end may be there or not. The answer may raise
    `MalformedRequestError` and nothing else.
    """

    name: str
    methods: str
    path: str
    answer: Callable[[Request], Reply]
    needs_login: bool = True


class HousePage(NamedTuple):
    """Where a browser finds the payer's page of an order: its path below the house, as of a call.

    Instead of an order there may be a page of the family's own, that says why there is none.
    """

    path: str
    find: Callable[[Request], Order | Reply | None]


class _Listed(NamedTuple):
    pattern: re.Pattern[str]
    methods: frozenset[str]
    name: str
    answer: Callable[[Mapping[str, str], Request], Reply]


class GatewayFarSide(FarSide, Hooks):
    """All houses of a family, with one book and one post; each house has logins and faults of its own."""

    family: ClassVar[str]
    houses: ClassVar[Sequence[House]]
    base_path: ClassVar[str] = ""
    own_kinds: ClassVar[Sequence[Magic]] = ()
    """Payers that only this family has, from 90 to 99."""
    bearer_prefix: ClassVar[bytes] = b"Bearer "
    """What stands before a token of `provider.bearers` in its header."""
    book_type: ClassVar[type[Book]] = Book
    """The book of a family that keeps more than orders, refunds and pushes."""
    settings_type: ClassVar[type[GatewaySettings]] = GatewaySettings
    """The settings of a family that has more of them than the others."""

    def __init__(self, settings: GatewaySettings, clock: Clock) -> None:
        """Open the book below `settings.home`, replaying its journal.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        self.settings = settings
        self.clock = clock
        self.book = self.book_type(settings.journal_of(self.family), settings.seed, clock.today())
        self.post = Post(self.book, clock)
        self._whereabouts = Whereabouts()
        self.providers: Mapping[str, Provider] = {house.id: self._open_house(house) for house in self.houses}
        self._listed = [one for provider in self.providers.values() for one in self._list(provider)]

    @classmethod
    def open(cls, settings: GatewaySettings, clock: Clock) -> Self:
        """Open the family; errors as above."""
        return cls(settings, clock)

    # ---- what a family says; see also `Hooks`

    @abstractmethod
    def house_calls(self, provider: Provider) -> Iterable[HouseCall]:
        """Return the calls of one house; asked once, when it is opened."""

    def house_pages(self, provider: Provider) -> Iterable[HousePage]:
        """Return where the payer's page is found; at `page/<token>`, which `provider.page_url` tells.

        A family whose merchants make up the address themselves, from a session or a query, adds its own.
        """
        return [HousePage("page/{token}", partial(_by_token, provider))]

    def is_admitted(self, provider: Provider, request: Request) -> bool:  # noqa: ARG002
        """Whether a call that needs a login carries what it must; so it is unless the family says otherwise.

        A family whose credentials stand in the body checks them in its calls.
        """
        return True

    def rows_of_day(self, house: House, day: date) -> list[Row]:
        """Return what the file of a day tells; a day in Dhaka unless the house has days of its own."""
        return rows_of_day(self.book.orders_of(house.id), day)

    def movements_of(self, house: House) -> Iterable[Movement]:
        """Return whatever moved at a house, or was declined there, since its book was begun."""
        return movements_of(self.providers[house.id], self.book.orders_of(house.id))

    def errors_of(self, house: House) -> Errors:  # noqa: ARG002
        """Return the envelopes of a house, where they are not those of the whole family."""
        return self.errors

    @classmethod
    def secrets_for_switch(cls, house: House, password: str) -> Mapping[str, str]:  # noqa: ARG003
        """Return what a switch has to know of a house beside its address, as `EKPAY_<HOUSE>_<NAME>`."""
        return {"PASSWORD": password}

    @classmethod
    def settings_of_home(cls, home: Path) -> Mapping[str, str]:  # noqa: ARG003
        """Return the environment variables of a switch that are this home's alone, such as keys.

        They are made there if need be, so that a switch can be told before the family is opened.
        """
        return {}

    @classmethod
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        """Return the environment variables by which a switch reaches every house at this origin."""
        variables = {}
        for house in cls.houses:
            prefix = f"EKPAY_{house.id.upper()}"
            variables[f"{prefix}_URL"] = f"{origin}/{house.id}"
            secrets = cls.secrets_for_switch(house, password)
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
    def turn_away(self, call: Call, headers: Headers) -> Reply | None:
        return None

    @override
    def read(self, body: bytes) -> Form:
        return json_object(body)

    @override
    def route(self, method: str, path: str) -> Route | None:
        house_id = path.removeprefix("/").partition("/")[0]
        found = [(one, match) for one in self._listed if (match := one.pattern.fullmatch(path)) is not None]
        for one, match in found:
            if method in one.methods:
                return Route(f"{house_id}.{one.name}", partial(one.answer, match.groupdict()))
        return Route("other", lambda _: self.providers[house_id].errors.wrong_method) if found else None

    @override
    def learn_address(self, origin: str) -> None:
        self._whereabouts.origin = origin

    @override
    async def work(self) -> None:
        courier = Courier(self._compose, self._is_taken, self._delays)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.post.work(courier))
            tasks.create_task(self._let_time_pass())

    @override
    def desk(self) -> GatewayDesk:
        return GatewayDesk(self)

    @override
    def close(self) -> None:
        self.book.close()

    def end_logins(self, house_id: str | None = None) -> None:
        """Let every bearer of a house, or of all of them, die at once."""
        for name, provider in self.providers.items():
            if house_id in {None, name}:
                provider.bearers.revoke_all()

    def settle_all(self) -> None:
        """Let everything that was pending be decided whose time has come."""
        for order in self.book.pending():
            self.providers[order.house].settle(order)

    def _open_house(self, house: House) -> Provider:
        return Provider(
            house=house,
            settings=self.settings,
            clock=self.clock,
            book=self.book,
            post=self.post,
            hooks=self,
            payers=Payers(house.kind, self.settings.accounts, self.own_kinds),
            errors=self.errors_of(house),
            bearers=Bearers(self.bearer_prefix),
            whereabouts=self._whereabouts,
        )

    def _list(self, provider: Provider) -> Iterable[_Listed]:
        house_id = provider.house.id
        for call in self.house_calls(provider):
            methods, answer = frozenset(call.methods.split()), partial(self._answer, provider, call)
            yield _Listed(_pattern(house_id, call.path), methods, call.name, answer)
        yield _Listed(
            _pattern(house_id, _APPROVE), frozenset({"POST"}), "approve", partial(_approve, provider)
        )
        checkout = Checkout(provider)
        for page in self.house_pages(provider):
            yield _Listed(_pattern(house_id, page.path), METHODS, "page", partial(_visit, checkout, page))

    def _answer(
        self, provider: Provider, call: HouseCall, values: Mapping[str, str], request: Request
    ) -> Reply:
        self.book.record_called(provider.house.id, call.name)
        asked = request._replace(values=values)
        try:
            if call.needs_login and not self.is_admitted(provider, asked):
                return provider.errors.unauthorised
            return call.answer(asked)
        except MalformedRequestError as error:
            # The server would put it into the family's envelope, which need not be that of the house.
            return provider.errors.malformed(str(error))

    async def _let_time_pass(self) -> None:
        while True:
            self.settle_all()
            await asyncio.sleep(_TICK_SECONDS)

    def _compose(self, owed: OwedPush) -> Push | None:
        provider = self.providers.get(owed.house)
        order = None if provider is None else self.book.order(owed.house, owed.reference)
        if provider is None or order is None:
            return None
        kind = PushKind(owed.kind)
        if kind is PushKind.RETURN:
            return _returned(provider, order)
        refund = next((one for one in order.refunds if one.refund_id == owed.refund_id), None)
        word = paying.word_of(provider, order, kind)
        return self.push(provider, order, Telling(word, kind, datetime.fromisoformat(owed.dated), refund))

    def _is_taken(self, owed: OwedPush, status: int, body: bytes) -> bool:
        return owed.kind == PushKind.RETURN or self.is_push_taken(status, body)

    def _delays(self, owed: OwedPush) -> tuple[float, ...]:
        waits = self.providers[owed.house].house.push_seconds if owed.house in self.providers else ()
        return tuple(wait / self.settings.push_times_divisor for wait in waits)


def _approve(provider: Provider, _values: Mapping[str, str], request: Request) -> Reply:
    """Let the first of the normal payers confirm the order that is open under the merchant's reference."""
    order = provider.find(str(request.fields().get("reference")))
    if order is None:
        return error_reply(404, "no such order")
    if provider.state(order) is not State.OPENED:
        return error_reply(409, "the order is over")
    paying.confirm(provider, order, next(normal_numbers(provider.house.kind, 1)))
    return json_reply({"approved": order.reference})


def _visit(checkout: Checkout, page: HousePage, values: Mapping[str, str], request: Request) -> Reply:
    found = page.find(request._replace(values=values))
    return found if isinstance(found, Reply) else checkout.visit(found, request.visit(), request.path)


def _by_token(provider: Provider, request: Request) -> Order | None:
    order = provider.find_named(request.values["token"])
    # An order has other names, which merchants know; they are no keys to its page.
    return order if order is not None and order.page_token == request.values["token"] else None


def _returned(provider: Provider, order: Order) -> Push | None:
    way = paying.way_back(provider, order, provider.behaviour(order))
    if way is None:
        return None
    if not way.is_post:
        return Push(with_query(way.url, **way.fields), b"", method="GET")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return Push(way.url, urlencode(way.fields).encode(), form)


def _pattern(house_id: str, path: str) -> re.Pattern[str]:
    pieces = re.split(_PLACE, path.rstrip("/"))
    # Every other piece is the name of a place.
    written = "".join(f"(?P<{one}>[^/]+)" if at % 2 else re.escape(one) for at, one in enumerate(pieces))
    return re.compile(f"/{re.escape(house_id)}/{written}/?")

"""Our desks at the simulated billers: what can be paid there, what goes wrong on purpose, what they believe.

One desk a biller, all of one shape, so that a script and a comparison need not know whom they speak of.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from sandbox.rehearsals.demo.comparison.biller_books import TheirLine

Document = dict[str, Any]

_CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Payable:
    """Something that a partner can pay.

    `named` are the members of `bll_inf` that name it, each of them one way; `target` is whom its biller sets
    a fault for.
    """

    biller: str
    target: str
    named: Sequence[Mapping[str, str]]
    amount_paisa: int


@dataclass(frozen=True, slots=True)
class AvailableFaults:
    """What a biller can do wrong: its faults, and the one after which it contradicts itself, if it can.

    `meets_network` says whether the network before it is spoiled as well.
    """

    faults: Sequence[str]
    contradicting: str = ""
    meets_network: bool = True


class AdminCallRefusedError(Exception):
    """A simulator refused an admin call; the text is its answer."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a simulator listens, such as http://127.0.0.1:8190, and what a bank logs in with."""

    url: str
    password: str = field(repr=False)


class AdminDesk:
    """A desk at whoever has admin calls; use it as an asynchronous context manager."""

    def __init__(self, address: Address) -> None:
        """Nothing is sent yet."""
        self.address = address
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_CALL_SECONDS))

    async def __aenter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def admin(self, method: str, path: str, order: Mapping[str, object] | None = None) -> Document:
        """One admin call.

        Raises:
            DeskClosedError: it was refused.
        """
        url = f"{self.address.url}/_admin/{path}"
        async with self._session.request(method, url, json=order) as answer:
            if not answer.ok:
                raise AdminCallRefusedError(await answer.text())
            document: Document = await answer.json()
            return document

    async def admin_text(self, path: str) -> str:
        """One admin call that asks for a document which is no JSON.

        Raises:
            DeskClosedError: it was refused.
        """
        async with self._session.get(f"{self.address.url}/_admin/{path}") as answer:
            if not answer.ok:
                raise AdminCallRefusedError(await answer.text())
            return await answer.text()

    async def call(self, path: str, body: Mapping[str, str] | bytes, headers: Mapping[str, str]) -> Document:
        """One call of the institution itself, with a form as JSON or a file as it is."""
        sent: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self._session.post(f"{self.address.url}{path}", headers=headers, **sent) as answer:
            document: Document = await answer.json()
            return document


class Desk(AdminDesk, ABC):
    """A desk at one biller, which partners know as `biller` and the switch as `known_as`.

    `parameters` are the biller's own names (`ekpay billers`) of the members of `bll_inf` that name a bill.
    """

    name: str
    biller: str
    known_as: str
    bucket: str
    mischief: AvailableFaults
    parameters: Mapping[str, str]

    @property
    def told_as(self) -> str:
        """The name under which a report counts what happened here."""
        return self.name

    @abstractmethod
    async def payables(self, count: int) -> list[Payable]:
        """Return `count` things that nobody has paid, or as many as there are."""

    @abstractmethod
    async def set_fault(self, target: str, fault: str) -> None:
        """Let one of the biller's faults strike the next payment of a target."""

    @abstractmethod
    async def book(self) -> list[TheirLine]:
        """Return every payment that the biller believes in."""

    async def whole_book(self) -> list[TheirLine]:
        """Return the same with what others have taken for this biller, where it has a second route."""
        return await self.book()

    @abstractmethod
    async def with_stated_amount(self, line: TheirLine) -> TheirLine:
        """The line with what the biller tells a bank about its amount when it is asked."""

    async def expire_logins(self) -> None:
        """Let every login at this simulator die now, those of all its houses."""
        await self.admin("POST", "faults", {"fault": "expire_tokens"})

    async def bank(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Document:
        """One call as a bank makes it, with a JSON body."""
        return await self.call(path, form, headers)


def by_own_names(parameters: Mapping[str, str], members: Mapping[str, str]) -> dict[str, str]:
    """What names a bill, by the biller's own names instead of those of the syndicate API."""
    return {parameters[member]: text for member, text in members.items()}

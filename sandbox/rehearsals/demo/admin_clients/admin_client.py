"""Clients of the simulated billers' admin APIs: unpaid bills, faults to inject, and posted payments.

All clients have the same methods, so scripts and comparisons need not know which biller they deal with.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from sandbox.rehearsals.demo.comparison.biller_books import TheirLine

Document = dict[str, Any]

# A simulator on a busy machine answers late, and never not at all.
_CALL_SECONDS = 300.0
_REFUSED_SECONDS, _PAUSE_SECONDS = 120.0, 0.5


@dataclass(frozen=True, slots=True)
class Payable:
    """Something that a partner can pay.

    `named` are alternative sets of members of `bll_inf` that identify it; `target` identifies it when a fault
    is set.
    """

    biller: str
    target: str
    named: Sequence[Mapping[str, str]]
    amount_paisa: int


@dataclass(frozen=True, slots=True)
class AvailableFaults:
    """The faults of a biller, and the one after which it contradicts itself, if there is one.

    `meets_network` says whether network faults are injected before it as well.
    """

    faults: Sequence[str]
    contradicting: str = ""
    meets_network: bool = True


class AdminCallRefusedError(Exception):
    """A simulator refused an admin call; the text is its answer."""


@dataclass(frozen=True, slots=True)
class SimulatorAddress:
    """A simulator's base URL, such as http://127.0.0.1:8190, and the login of a bank."""

    url: str
    password: str = field(repr=False)


class PatientSession:
    """Calls that wait out a busy or restarting simulator, and are sent once.

    Only a call that did not connect is repeated: setting the same fault twice would strike two payments. No
    connection is used twice, since a simulator that was killed may have dropped it.
    """

    def __init__(self) -> None:
        """Nothing is sent yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=_CALL_SECONDS),
        )

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        **sent: Any,  # noqa: ANN401 - as aiohttp takes it
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to one call; raises `aiohttp.ClientError` or `TimeoutError` if there is none."""
        tries = AsyncRetrying(
            retry=retry_if_exception_type(aiohttp.ClientConnectorError),
            stop=stop_after_delay(_REFUSED_SECONDS),
            wait=wait_fixed(_PAUSE_SECONDS),
            reraise=True,
        )
        answer: aiohttp.ClientResponse = await tries(self._send, method, url, sent)
        async with answer:
            yield answer

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _send(self, method: str, url: str, sent: Mapping[str, Any]) -> aiohttp.ClientResponse:
        return await self._session.request(method, url, **sent)


class AdminClient:
    """Client of a simulator's admin API; use it as an asynchronous context manager."""

    def __init__(self, address: SimulatorAddress) -> None:
        """Nothing is sent yet."""
        self.address = address
        self._session = PatientSession()

    async def __aenter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def admin(self, method: str, path: str, order: Mapping[str, object] | None = None) -> Document:
        """One admin call.

        Raises:
            AdminCallRefusedError: it was refused.
        """
        url = f"{self.address.url}/_admin/{path}"
        async with self._session.request(method, url, json=order) as answer:
            if not answer.ok:
                raise AdminCallRefusedError(await answer.text())
            document: Document = await answer.json()
            return document

    async def admin_text(self, path: str) -> str:
        """One admin call that returns a document other than JSON.

        Raises:
            AdminCallRefusedError: it was refused.
        """
        async with self._session.request("GET", f"{self.address.url}/_admin/{path}") as answer:
            if not answer.ok:
                raise AdminCallRefusedError(await answer.text())
            return await answer.text()

    async def call(self, path: str, body: Mapping[str, str] | bytes, headers: Mapping[str, str]) -> Document:
        """One call of the institution's own API, with a form as JSON or a file as it is."""
        sent: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self._session.request(
            "POST", f"{self.address.url}{path}", headers=headers, **sent
        ) as answer:
            document: Document = await answer.json()
            return document


class BillerAdminClient(AdminClient, ABC):
    """Client of one biller's admin API; partners know the biller as `biller`, the switch as `known_as`.

    `parameters` are the biller's own names (`ekpay billers`) of the members of `bll_inf` that identify a
    bill.
    """

    name: str
    biller: str
    known_as: str
    bucket: str
    mischief: AvailableFaults
    parameters: Mapping[str, str]

    @property
    def told_as(self) -> str:
        """The name under which a report counts this biller's payments."""
        return self.name

    @abstractmethod
    async def payables(self, count: int) -> list[Payable]:
        """Return `count` unpaid bills, or as many as there are."""

    @abstractmethod
    async def set_fault(self, target: str, fault: str) -> None:
        """Set one of the biller's faults for the next payment of a target."""

    @abstractmethod
    async def book(self) -> list[TheirLine]:
        """Return every payment in the biller's book."""

    async def whole_book(self) -> list[TheirLine]:
        """Return the book together with payments that reached this biller by a second route."""
        return await self.book()

    @abstractmethod
    async def with_stated_amount(self, line: TheirLine) -> TheirLine:
        """Return the line with the amount that the biller states when a bank queries the payment."""

    async def expire_logins(self) -> None:
        """End every login at this simulator, those of all its institutions."""
        await self.admin("POST", "faults", {"fault": "expire_tokens"})

    async def bank(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Document:
        """One call as a bank makes it, with a JSON body."""
        return await self.call(path, form, headers)


def by_own_names(parameters: Mapping[str, str], members: Mapping[str, str]) -> dict[str, str]:
    """What identifies a bill, by the biller's own names instead of those of the syndicate API."""
    return {parameters[member]: text for member, text in members.items()}

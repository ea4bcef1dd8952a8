"""Our desk at the simulated DESCO: its admin calls, and the one question that any bank may ask it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

Document = dict[str, Any]

_CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class UnpaidBill:
    """A bill that nobody has paid yet; the amount is what is owed today, in paisa."""

    number: str
    account: str
    amount_paisa: int


class DeskClosedError(Exception):
    """The simulator refused an admin call; the text is its answer."""


class DescoDesk:
    """Sets faults and reads the book; use it as an asynchronous context manager."""

    def __init__(self, address: str, password: str) -> None:
        """`address` is the simulator's, such as http://127.0.0.1:8190."""
        self._address = address
        self._password = password
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_CALL_SECONDS))

    async def __aenter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def unpaid(self, count: int) -> list[UnpaidBill]:
        """Return the first `count` bills that nobody has paid, or as many as there are."""
        answer = await self._admin("GET", f"unpaid?count={count}")
        return [UnpaidBill(one["bill_number"], one["account"], one["total_paisa"]) for one in answer["bills"]]

    async def set_fault(self, bill_number: str, fault: str) -> None:
        """Let a fault strike the next save of this bill."""
        await self._admin("POST", "faults", {"bill": bill_number, "fault": fault})

    async def expire_bearers(self) -> None:
        """Let every login die now."""
        await self._admin("POST", "faults", {"fault": "expire_tokens"})

    async def book(self) -> list[dict[str, Any]]:
        """Return every payment that DESCO believes in."""
        payments: list[dict[str, Any]] = (await self._admin("GET", "dump"))["payments"]
        return payments

    async def told_amount(self, bill_number: str, transaction_id: str) -> str | None:
        """What DESCO tells a bank about a payment's amount, in taka as text; None if it knows of none."""
        login = await self._bank("login", {"user": "ekpay", "password": self._password}, {})
        bearer = {"Authorization": f"Bearer {login['token']}"}
        pair = {"billNumber": bill_number, "transactionId": transaction_id}
        lines = (await self._bank("payment-status", pair, bearer))["data"]
        return str(lines[0]["paymentAmount"]) if lines else None

    async def _admin(self, method: str, path: str, order: Mapping[str, object] | None = None) -> Document:
        url = f"{self._address}/_admin/{path}"
        async with self._session.request(method, url, json=order) as answer:
            if not answer.ok:
                raise DeskClosedError(await answer.text())
            document: Document = await answer.json()
            return document

    async def _bank(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Document:
        async with self._session.post(
            f"{self._address}/desco/api/{path}", json=form, headers=headers
        ) as answer:
            document: Document = await answer.json()
            return document

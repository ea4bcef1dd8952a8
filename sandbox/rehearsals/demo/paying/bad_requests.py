"""Requests that must be refused, each with its expected code and without effect on any book."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sandbox.callers.partner.client import RawAnswer, json_object, result_code
from sandbox.callers.partner.messages import Message, Payout, new_reference
from sandbox.kit.jwe import seal
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.paying.partner import PartnerSide, send_until_answered
from sandbox.rehearsals.demo.paying.script import BadRequestKind

EXPECTED: Mapping[BadRequestKind, frozenset[str]] = MappingProxyType(
    {
        BadRequestKind.RUBBISH: frozenset({"2001"}),
        BadRequestKind.WRONG_KEY: frozenset({"2001"}),
        BadRequestKind.DEAD_TOKEN: frozenset({"2002"}),
        BadRequestKind.NO_TOKEN: frozenset({"2002"}),
        # After several wrong guesses the answer is a request to wait instead.
        BadRequestKind.WRONG_PASS_KEY: frozenset({"2003", "2004"}),
        BadRequestKind.UNKNOWN_BILLER: frozenset({"1001"}),
        BadRequestKind.UNKNOWN_ACCOUNT: frozenset({"1002"}),
        BadRequestKind.PAID_BILL: frozenset({"1003"}),
        BadRequestKind.WRONG_AMOUNT: frozenset({"1004"}),
        BadRequestKind.MALFORMED_AMOUNT: frozenset({"2001"}),
        BadRequestKind.FOREIGN_REFNO_ACK: frozenset({"1005"}),
        BadRequestKind.OTHER_NODE: frozenset({"2003"}),
    }
)

_BILLER = DescoAdminClient.biller
_UNKNOWN_BILLER = "b998"
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class BadRequestSender:
    """Sends bad requests as one partner, with data of another one and an ended token."""

    side: PartnerSide
    other_side: PartnerSide
    dead_token: str

    async def send(self, kind: BadRequestKind, bill: Payable) -> str:
        """Send one and return the code of the answer; `bill` must stay unpaid."""
        senders: dict[BadRequestKind, Callable[[Payable], Awaitable[str]]] = {
            BadRequestKind.RUBBISH: lambda _: self._raw(b"this is no envelope"),
            BadRequestKind.WRONG_KEY: self._wrong_key,
            BadRequestKind.DEAD_TOKEN: lambda bill: self._raw(self._sealed_fetch(bill), self.dead_token),
            BadRequestKind.NO_TOKEN: self._no_token,
            BadRequestKind.WRONG_PASS_KEY: self._wrong_pass_key,
            BadRequestKind.UNKNOWN_BILLER: self._unknown_biller,
            BadRequestKind.UNKNOWN_ACCOUNT: self._unknown_account,
            BadRequestKind.PAID_BILL: self._paid_bill,
            BadRequestKind.WRONG_AMOUNT: lambda bill: self._paid_with(bill, "1.23"),
            BadRequestKind.MALFORMED_AMOUNT: lambda bill: self._paid_with(bill, "1e3"),
            BadRequestKind.FOREIGN_REFNO_ACK: self._foreign_refno_ack,
            BadRequestKind.OTHER_NODE: self._other_node,
        }
        return await senders[kind](bill)

    async def _raw(self, body: bytes, token: str | None = None) -> str:
        client = self.side.client

        async def _send() -> RawAnswer:
            return await client.send("fetch-bill", body, token=token or await client.get_token())

        return await _code_of(_send)

    def _sealed_fetch(self, bill: Payable, secret: str | None = None) -> bytes:
        message = self.side.client.write.fetch(_BILLER, bll_no=bill.target)
        return seal(json.dumps(message).encode(), secret or self.side.player.secret).encode()

    async def _wrong_key(self, bill: Payable) -> str:
        return await self._raw(self._sealed_fetch(bill, secrets.token_hex(16)))

    async def _no_token(self, bill: Payable) -> str:
        body = self._sealed_fetch(bill)
        return await _code_of(lambda: self.side.client.send("fetch-bill", body))

    async def _wrong_pass_key(self, _: Payable) -> str:
        login = {"user_id": self.side.player.user_id, "pass_key": secrets.token_urlsafe(16)}
        body = json.dumps(login).encode()
        return await _code_of(lambda: self.side.client.send("get-token", body), waits=False)

    async def _unknown_biller(self, bill: Payable) -> str:
        return result_code(await self.side.fetch(_UNKNOWN_BILLER, bll_no=bill.target))

    async def _unknown_account(self, bill: Payable) -> str:
        return result_code(await self.side.fetch(_BILLER, bllr_accno=f"92000{bill.target[-3:]}"))

    async def _paid_bill(self, bill: Payable) -> str:
        fetched = await self.side.fetch(_BILLER, bllr_accno=f"91000{bill.target[-3:]}")
        if fetched["bllr_inf"]["is_bll_pd"] != "Y":
            return result_code(fetched)
        return await self.side.pay(fetched, self.side.new_reference_for(fetched))

    async def _paid_with(self, bill: Payable, amount: str) -> str:
        fetched = await self.side.fetch(_BILLER, bll_no=bill.target)
        return await self.side.pay(fetched, self.side.new_reference_for(fetched), amount=amount)

    async def _foreign_refno_ack(self, bill: Payable) -> str:
        fetched = await self.other_side.fetch(_BILLER, bll_no=bill.target)
        return await self.side.pay(fetched, self.side.new_reference_for(fetched))

    async def _other_node(self, bill: Payable) -> str:
        fetched: Mapping[str, Any] = await self.side.fetch(_BILLER, bll_no=bill.target)
        message: Message = self.side.client.write.payment(fetched, Payout(new_reference()))
        message["hdrs"]["nd_id"] = self.other_side.player.node_id
        return result_code(
            await send_until_answered(lambda: self.side.client.exchange("update-billPayment", message))
        )


async def _code_of(send: Callable[[], Awaitable[RawAnswer]], *, waits: bool = True) -> str:
    """The code of the answer to bytes that are sent until they are answered; without `waits`, also a 429."""

    async def _read() -> Message:
        answer = await send()
        is_answer = answer.status == _TOO_MANY and not waits
        return json_object(answer.body) | ({} if is_answer else {"http_status": answer.status})

    return result_code(await send_until_answered(_read))

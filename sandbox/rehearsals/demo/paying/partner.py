"""A partner on the stage: its client, and its own record of every reference it has ever used.

It behaves as a careful partner does. An unanswered order is sent again under the same reference, one that was
not sent to the biller is paid under a new one, and one in progress is queried and never paid twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.billers.desco.wire import amount_field
from sandbox.callers.partner.client import (
    PartnerClient,
    TokenRefusedError,
    UnreadableAnswerError,
    result_code,
)
from sandbox.callers.partner.messages import Payout, new_reference
from sandbox.rehearsals.demo.comparison.biller_books import IN_PROGRESS, PartnerLine
from sandbox.rehearsals.installation.parties import StagePartner

NOTHING_SENT = "1007"

_TRIES_MAX = 240
_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = 180.0
_BUSY = frozenset({429, 503})


class SwitchSilentError(Exception):
    """The switch gave no usable answer for longer than a caller waits; the text says what it gave last."""


class UnexpectedAnswerError(Exception):
    """An existing bill was not returned; the text is the code of the answer."""


class UnlistedBillersError(Exception):
    """The switch's master data lacks billers whose bills the partner is to pay."""


@dataclass(slots=True)
class Reference:
    """One reference of a partner: what it pays, and the codes of its answers."""

    text: str
    fetch_reference: str
    bill_number: str
    amount_paisa: int
    charged_paisa: int
    biller: str
    codes: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The code that counts for the partner: the last final answer, else "in progress"."""
        return next((code for code in reversed(self.codes) if code != IN_PROGRESS), IN_PROGRESS)

    @property
    def is_two_valued(self) -> bool:
        """Whether it got two different final answers or tokens, which must never happen."""
        return len(set(self.codes) - {IN_PROGRESS}) > 1 or len(set(self.tokens)) > 1

    def record_answer(self, answer: Mapping[str, Any]) -> str:
        """Record an answer and return its code."""
        self.codes.append(result_code(answer))
        if token := answer.get("bllr_inf", {}).get("token"):
            self.tokens.append(token)
        return self.codes[-1]


@dataclass(slots=True)
class PartnerSide:
    """One partner: its identity, its client, and its record of references."""

    player: StagePartner
    client: PartnerClient
    references: dict[str, Reference] = field(default_factory=dict)

    async def require_listed(self, billers: Iterable[str]) -> None:
        """Fetch the master data, as a bank does each morning, and look for these billers in it.

        Raises:
            UnlistedBillersError: some are not in it, or the switch gave no list.
        """
        answer = await send_until_answered(self.client.master_data)
        if missing := sorted({*billers} - {row["bllr_id"] for row in answer.get("mdm_data", ())}):
            raise UnlistedBillersError(f"the master data for {self.player.id} lacks {', '.join(missing)}")

    async def fetch(self, biller: str, **bill: str) -> Mapping[str, Any]:
        """Fetch a bill, repeatedly while the biller is unavailable; the answer may be a refusal."""
        for _ in range(_TRIES_MAX):
            answer = await send_until_answered(lambda: self.client.fetch_bill(biller, **bill))
            if result_code(answer) != NOTHING_SENT:
                return answer
            await asyncio.sleep(_PAUSE_SECONDS)
        raise SwitchSilentError(f"the biller was unavailable for {_TRIES_MAX} tries")

    def new_reference_for(self, fetched: Mapping[str, Any]) -> Reference:
        """Record a new reference for a fetched bill, before anything is sent under it.

        Raises:
            UnexpectedAnswerError: the fetch was refused.
        """
        if "bllr_inf" not in fetched:
            raise UnexpectedAnswerError(f"a fetch was answered {result_code(fetched)}")
        bill = fetched["bllr_inf"]
        reference = Reference(
            text=new_reference(),
            fetch_reference=fetched["hdrs"]["ref_id"],
            bill_number=bill["bll_no"],
            amount_paisa=amount_field(bill, "bll_amnt_ttl"),
            charged_paisa=amount_field(bill, "ekpay_fee"),
            biller=bill["bllr_id"],
        )
        self.references[reference.text] = reference
        return reference

    async def pay(
        self,
        fetched: Mapping[str, Any],
        reference: Reference,
        *,
        amount: str | None = None,
        is_whole: bool = True,
    ) -> str:
        """Send an order until it is answered; record and return the code."""
        payout = Payout(reference.text, amount)
        answer = await send_until_answered(lambda: self.client.pay(fetched, payout, is_whole=is_whole))
        return reference.record_answer(answer)

    async def ask(self, reference: Reference) -> str:
        """Query the state of an order; record and return the code."""
        question = reference.fetch_reference
        answer = await send_until_answered(lambda: self.client.status(question, reference.biller))
        return reference.record_answer(answer)

    def pending(self) -> list[Reference]:
        """The references whose last answer was "in progress"."""
        return [
            reference
            for reference in self.references.values()
            if reference.codes and reference.code == IN_PROGRESS
        ]

    def partner_lines(self) -> list[PartnerLine]:
        """Its complete record."""
        return [
            PartnerLine(
                self.player.id,
                reference.text,
                reference.bill_number,
                reference.amount_paisa,
                reference.charged_paisa,
                reference.code,
                reference.tokens[-1] if reference.tokens else "",
            )
            for reference in self.references.values()
        ]


async def send_until_answered(
    send: Callable[[], Awaitable[dict[str, Any]]], patience_seconds: float = _PATIENCE_SECONDS
) -> dict[str, Any]:
    """Repeat a request until it gets a readable answer other than "too busy"; a refused token is one too.

    Raises:
        SwitchSilentError: none came within the patience.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + patience_seconds
    while True:
        try:
            answer = await send()
        except (aiohttp.ClientError, TimeoutError, UnreadableAnswerError, TokenRefusedError) as problem:
            silence = f"{type(problem).__name__} {problem}".strip()
        else:
            if answer.get("http_status") not in _BUSY:
                return answer
            silence = f"HTTP {answer['http_status']}"
        if loop.time() >= give_up_at:
            raise SwitchSilentError(f"no usable answer in {patience_seconds:.0f} s, the last was: {silence}")
        await asyncio.sleep(_PAUSE_SECONDS)

"""Writes the history of a run down, line by line, and adds the books of both sides in the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson

from sandbox.callers.partner.client import TokenRefusedError, UnreadableAnswerError, result_code
from sandbox.callers.partner.messages import Message
from tests.faults.crashes.paying_partner import Purchase
from tests.faults.crashes.payment_checks import DONE
from tests.faults.crashes_under_load.history import FINAL_CODES, IN_PROGRESS, NOT_THERE
from tests.faults.installation import PATIENCE_SECONDS, Installation

FAR_SIDE = "desco_postpaid"
LOOK_SECONDS = 0.5
# One admin call of a far side: method and path.
Asking = Callable[[str, str], Awaitable[Any]]
TOLD = FINAL_CODES | {IN_PROGRESS}
# What may come instead of an answer when the other side is killed.
SILENCE = (aiohttp.ClientError, OSError, TokenRefusedError, UnreadableAnswerError)

PAYMENTS = """
SELECT p.id::text AS payment, p.partner_id AS partner, p.reference, p.bill_key AS bill, p.state, p.amount,
  p.amount + p.rounding + p.charge + p.fee + p.vat AS total,
  coalesce(array_agg(a.reference) FILTER (WHERE a.id IS NOT NULL), '{}') AS sent_as
FROM payments AS p LEFT JOIN attempts AS a ON a.payment_id = p.id WHERE p.partner_id = ANY($1) GROUP BY p.id
"""
STEPS = """
SELECT h.payment_id::text AS payment, h.seq, h.from_state AS "from", h.event, h.to_state AS "to"
FROM history AS h JOIN payments AS p ON p.id = h.payment_id WHERE p.partner_id = ANY($1)
ORDER BY h.payment_id, h.seq
"""
POSTINGS = """
SELECT e.lane, e.seq, e.moment, o.account, sum(o.amount)::bigint AS amount
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id
JOIN accounts AS a ON a.code = o.account AND a.floor IS NOT NULL
WHERE split_part(o.account, ':', 2) = ANY($1) GROUP BY e.lane, e.seq, e.moment, o.account
ORDER BY e.lane, e.seq
"""
FLOORS = """
SELECT code AS account, floor AS paisa FROM accounts
WHERE floor IS NOT NULL AND split_part(code, ':', 2) = ANY($1)
"""
BOOKS = {"payment": PAYMENTS, "step": STEPS, "posting": POSTINGS, "floor": FLOORS}
LATE = """
SELECT e.payment_id::text AS payment, extract(epoch FROM now() - e.at)::float AS seconds_ago
FROM evidence AS e JOIN payments AS p ON p.id = e.payment_id
WHERE p.partner_id = ANY($1) AND e.kind LIKE 'late:%'
"""
# A payer's money is back some time after the question that proved the loss, and the watch begins then.
BACK = """
SELECT h.payment_id::text AS payment, extract(epoch FROM now() - h.at)::float AS seconds_ago
FROM history AS h JOIN payments AS p ON p.id = h.payment_id
WHERE p.partner_id = ANY($1) AND h.from_state = 'refunding' AND h.to_state = 'refunded'
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """What questions must keep to, and when an answer says nothing.

    `inquiries_at_once` may come in a bunch: they were let through one after the other and held up on the way.
    `spacing_seconds` is the shortest time of the schedule between two questions about one payment. After
    `unsure_after_seconds` the switch gives up waiting for its database and says that it does not know.
    """

    inquiries_per_second: float
    inquiries_at_once: int
    spacing_seconds: float
    unsure_after_seconds: float


@dataclass(slots=True)
class Recorder:
    """One history file. Every line is with the operating system before the call goes on."""

    path: Path
    calls: int = 0
    # When the newest of the payments that were acknowledged was asked for.
    last_success_asked_at: float = 0.0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def questions(self) -> Path:
        """Where workers note their inquiries, to be added in the end."""
        return self.path.with_suffix(".questions")

    def note(self, kind: str, **facts: object) -> float:
        """Write one line; the monotonic time that it bears, now unless it is among the facts."""
        line: dict[str, Any] = {"kind": kind, "at": time.monotonic(), **facts}
        with self.path.open("ab", buffering=0) as file:
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        return float(line["at"])

    async def pay(self, partner: str, purchase: Purchase, asked: Awaitable[Message]) -> None:
        """Note a payment and the code that is heard, if one is."""
        began = time.monotonic()
        code = await self._call(Call("pay", partner, purchase), asked, _code)
        if code in TOLD:
            purchase.codes.append(code)
        if code == DONE:
            self.last_success_asked_at = max(began, self.last_success_asked_at)
            self._news.set()

    async def success_since(self, at: float) -> None:
        """Wait until a payment that was asked for after this time was acknowledged."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.last_success_asked_at <= at:
                self._news.clear()
                await self._news.wait()

    async def ask(self, partner: str, purchase: Purchase, asked: Awaitable[Message]) -> None:
        """Note a status call about a bill that is paid under one reference only."""
        await self._call(Call("status", partner, purchase), asked, _status)

    async def balance(self, partner: str, asked: Awaitable[Message]) -> None:
        """Note a balance and what it was told to be."""
        await self._call(Call("balance", partner, None), asked, _balance)

    async def _call(self, call: "Call", asked: Awaitable[Message], read: "Reading") -> str:
        self.calls += 1
        number = self.calls
        self.note("call", id=number, **call.facts())
        try:
            heard = read(await asked)
        except SILENCE:
            self.note("silence", id=number)
            return ""
        self.note("answer", id=number, **heard)
        return str(heard["code"])

    @asynccontextmanager
    async def watching(self, far_side: str, ask: Asking, rules: Rules) -> AsyncIterator[Self]:
        """Look at a far side's counter of inquiries again and again meanwhile; `ask` is its admin call."""
        self.note("rules", far_side=far_side, **asdict(rules))
        watcher = asyncio.create_task(self._watch(far_side, ask))
        try:
            yield self
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher

    async def _watch(self, far_side: str, ask: Asking) -> None:
        while True:
            began = time.monotonic()
            stats = await ask("GET", "stats")
            self.note("inquiries", far_side=far_side, began=began, count=stats["calls"].get("status", 0))
            await asyncio.sleep(LOOK_SECONDS)

    async def add_the_books(
        self, site: Installation, partners: Collection[str], bystanders: Collection[str] = ()
    ) -> None:
        """Add what stands in our books about these partners, and the far side's whole book.

        Of bystanders, who are judged by themselves, only what their inquiries are judged by.
        """
        connection = await site.database.connect("audit")
        try:
            for kind, query in BOOKS.items():
                for row in await connection.fetch(query, list(partners)):
                    self.note(kind, **row)
            for kind, query in (("late", LATE), ("back", BACK)):
                for row in await connection.fetch(query, [*partners, *bystanders]):
                    written_at = time.monotonic() - row["seconds_ago"]
                    self.note(kind, payment=row["payment"], at=written_at)
        finally:
            await connection.close()
        dump = await site.ask_far_side("GET", "dump")
        for line in dump["payments"]:
            self.note(
                "saved",
                bill=line["bill_number"],
                transaction=line["transaction_id"],
                amount=line["amount_paisa"],
                saves=line["saves"],
            )
        for pair in dump["rejected_duplicates"]:
            self.note("rejected", bill=pair["bill_number"])
        if self.questions.exists():
            with self.path.open("ab") as file:
                file.write(self.questions.read_bytes())


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of the switch, for whom."""

    op: str
    partner: str
    purchase: Purchase | None

    def facts(self) -> dict[str, str]:
        """The members of its line."""
        facts = {"op": self.op, "partner": self.partner}
        if self.purchase is not None:
            facts |= {"reference": self.purchase.reference, "bill": self.purchase.bill}
        return facts


Reading = Callable[[Message], dict[str, Any]]


def _code(answer: Message) -> dict[str, Any]:
    # What is refused before it is read has an HTTP status, and says nothing about the payment.
    return {"code": f"http {answer['http_status']}" if "http_status" in answer else result_code(answer)}


def _status(answer: Message) -> dict[str, Any]:
    heard = _code(answer)
    if heard["code"] == DONE and answer["bllr_inf"]["is_bll_pd"] == "N":
        heard["code"] = NOT_THERE
    return heard


def _balance(answer: Message) -> dict[str, Any]:
    heard = _code(answer)
    if heard["code"] == DONE:
        taka, _, hundredths = answer["bckt_blnc_inf"]["bckt_blnc"].partition(".")
        heard["paisa"] = int(taka + hundredths)
    return heard

"""Books to test with: a database of its own in the session's server, with partners, quotes and orders."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from ekpay_switch.composition.switch import CUSTOMERS as CUSTOMERS_USE
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.ledger.posting_rules import prefund_account, topped_up_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, Outcome
from ekpay_switch.domain.payments.claims import Claim, ClaimAnswer, RefusedClaim, RepeatedClaim, StartedClaim
from ekpay_switch.domain.payments.delivery import (
    Delivery,
    DeliveryPlan,
    RecordAnswer,
    Recording,
    plan_outcome,
)
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.audit.run import AuditFinding, run
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.group_commit.committer import GroupCommit, GroupCommitLimits
from ekpay_switch.persistence.group_commit.steps import PostEntry, SaveQuote, Step
from ekpay_switch.persistence.merchants.customer_seal import CustomerSeal
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.sealed_fields import Sealer
from tests.database import database_of
from tests.factories import a_bill, a_quote

BILLER = "desco_postpaid"
APPROVED = Approved({"receipt": "R-1"})
REFUSED = Declined("account_closed", "205")
SILENT = InDoubt("no answer in time")
SEALER = Sealer(bytes(32))
# As an application seals whose master key opens nothing.
OPENS_NOTHING = b"01234567890123456789012345678901"
CUSTOMERS = CustomerSeal(Sealer(KeyRing(OPENS_NOTHING).sub_key(CUSTOMERS_USE)))
NEW_PARTNER = """
INSERT INTO partners (id, name, nd_id, syndct_id, user_id, pass_key_hash, secret_sealed, lane)
VALUES ($1, $1, $2, $3, $1, '', '', $4)
"""
NEW_PREFUNDS = """
INSERT INTO accounts (code, kind, balance, floor) SELECT c, 'liability', 0, 0 FROM unnest($1::text[]) AS c
"""


@dataclass
class Books:
    """One test's database and a group commit upon it.

    Who `keeps_connections` closes the books, too: a new connection costs more than most queries.
    """

    endpoint: Endpoint
    group_commit: GroupCommit
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    keeps_connections: bool = False
    _spare: list[asyncpg.Connection] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return database_of(self.endpoint)

    # ---- as a superuser, whom no grant holds back

    async def superuser(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.endpoint.dsn("postgres"))

    async def tell(self, statement: str, *values: object) -> str:
        async with self._borrowed() as connection:
            return str(await connection.execute(statement, *values))

    async def rows(self, query: str, *values: object) -> list[Any]:
        async with self._borrowed() as connection:
            return list(await connection.fetch(query, *values))

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection that nobody else uses meanwhile, without a cache: a test may change the schema."""
        connection = self._spare.pop() if self._spare else None
        if connection is None or connection.is_closed():
            connection = await asyncpg.connect(self.endpoint.dsn("postgres"), statement_cache_size=0)
        try:
            yield connection
        except BaseException:
            await connection.close()
            raise
        if self.keeps_connections:
            self._spare.append(connection)
        else:
            await connection.close()

    async def close(self) -> None:
        """Close what was kept."""
        for connection in self._spare:
            await connection.close()

    async def value(self, query: str, *values: object) -> Any:  # noqa: ANN401 - whatever the query asks for
        return (await self.rows(query, *values))[0][0]

    async def audit(self) -> AuditFinding | None:
        return await run(self.database)

    # ---- what stands before anything is paid

    async def partner(self, name: str = "bank1", lane: int = 0, *, prefund: int = 0) -> str:
        number = next(self.numbers)
        await self.tell(NEW_PARTNER, name, f"NS{number}", f"s{number}", lane)
        accounts = [prefund_account(name, bucket) for bucket in ("postpaid", "prepaid")]
        await self.tell(NEW_PREFUNDS, accounts)
        if prefund:
            await self.top_up(name, prefund, lane)
        return name

    async def top_up(self, partner_id: str, amount: int, lane: int = 0) -> None:
        await self.submit(a_top_up(partner_id, amount, lane))

    async def quote(
        self,
        partner_id: str = "bank1",
        total: int = 6_000,
        *,
        bill: str = "",
        lane: int = 0,
        is_paid: bool = False,
    ) -> Quote:
        """A stored quote that will cost exactly `total`; on a bill of its own unless one is given."""
        number = next(self.numbers)
        stated = a_bill(bill or f"{number:012d}", total - 575, is_paid=is_paid)
        quote = a_quote(f"Q{number}", replace(stated, details={"customer": "রাহেলা"}), partner_id=partner_id)
        quote = replace(quote, expires_at=datetime.now(UTC) + timedelta(minutes=15))
        await self.submit(SaveQuote(quote, lane))
        return quote

    def claim_on(self, quote: Quote, reference: str = "", *, lane: int = 0) -> Claim:
        payment_id = uuid7()
        return Claim(
            payment_id=payment_id,
            attempt_id=uuid7(),
            attempt_reference=f"A{payment_id.hex}",
            partner_id=quote.partner_id,
            lane=lane,
            reference=reference or f"R{payment_id.hex}",
            fingerprint=f"{quote.quote_id} {quote.bill.total.minor}".encode(),
            quote_id=quote.quote_id,
            biller_id=BILLER,
            paid=quote.bill.total,
            stated_total=None,
            stated_fee=None,
            send_seconds=10,
            lease_seconds=30,
            scroll_series=BILLER,
        )

    # ---- what is done

    async def submit(self, step: Step) -> Any:  # noqa: ANN401 - the answer is of the step's own kind
        return await self.group_commit.submit(step)

    async def submit_all(self, steps: Sequence[Step]) -> list[Any]:
        return list(await asyncio.gather(*map(self.submit, steps), return_exceptions=True))

    async def start(
        self, partner_id: str = "bank1", total: int = 6_000, *, bill: str = "", lane: int = 0
    ) -> StartedClaim:
        """A payment that is being delivered."""
        quote = await self.quote(partner_id, total, bill=bill, lane=lane)
        answer = await self.submit(self.claim_on(quote, lane=lane))
        assert isinstance(answer, StartedClaim), answer
        return answer

    async def finish(self, started: StartedClaim, outcome: Outcome = APPROVED) -> RecordAnswer:
        answer: RecordAnswer = await self.submit(recording_of(started, outcome))
        return answer

    # ---- what is asked

    async def balance(self, partner_id: str = "bank1", bucket: str = "postpaid") -> int:
        code = prefund_account(partner_id, bucket)
        return int(await self.value("SELECT balance FROM accounts WHERE code = $1", code))

    async def count(self, table: str, condition: str = "true") -> int:
        return int(await self.value(f"SELECT count(*) FROM {table} WHERE {condition}"))  # noqa: S608 - our own words

    async def state_of(self, payment_id: UUID) -> str:
        return str(await self.value("SELECT state FROM payments WHERE id = $1", payment_id))


def a_top_up(partner_id: str, amount: int, lane: int = 0) -> PostEntry:
    return PostEntry(uuid7(), lane, topped_up_entry(prefund_account(partner_id, "postpaid"), Money(amount)))


def delivery_of(started: StartedClaim, epoch: int = 1) -> Delivery:
    claim, quote = started.claim, started.quote
    return Delivery(
        payment_id=claim.payment_id,
        attempt_id=claim.attempt_id,
        partner_id=claim.partner_id,
        lane=claim.lane,
        epoch=epoch,
        biller_id=claim.biller_id,
        prefund=prefund_account(claim.partner_id, quote.bucket),
        sums=quote.sums,
    )


def recording_of(started: StartedClaim, outcome: Outcome, epoch: int = 1) -> Recording:
    delivery = delivery_of(started, epoch)
    plan: DeliveryPlan = plan_outcome(delivery, outcome)
    return Recording(delivery, plan, None if plan.events else 90.0)


def refusals(answers: Sequence[ClaimAnswer]) -> list[Refusal]:
    return [answer.refusal for answer in answers if isinstance(answer, RefusedClaim)]


def kinds(answers: Sequence[object]) -> dict[str, int]:
    names = [type(answer).__name__ for answer in answers]
    return {name: names.count(name) for name in sorted(set(names))}


def standing_ids(answers: Sequence[ClaimAnswer]) -> set[UUID]:
    """Which payment each caller was told of."""
    told = {answer.payment.payment_id for answer in answers if isinstance(answer, RepeatedClaim)}
    return told | {answer.claim.payment_id for answer in answers if isinstance(answer, StartedClaim)}


def group_commit_of(database: Database, **limits: Any) -> GroupCommit:  # noqa: ANN401 - fields of the limits
    return GroupCommit(database.connect_hot, GroupCommitLimits(**limits))

"""One batch of the group commit: many callers' steps in one durable transaction."""

import hashlib

import asyncpg
import orjson

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.claims import Accepted, Claim, ClaimAnswer, Refused, Verdict
from ekpay_switch.domain.delivery import NextSend, Recording
from ekpay_switch.persistence.batch_judge import Judge, Row, series_wanted
from ekpay_switch.persistence.batch_read import Seen, lock_and_read
from ekpay_switch.persistence.batch_write import write_changes, write_quotes
from ekpay_switch.persistence.steps import Answer, PostEntry, SaveQuote, SealedRecording, Step

# Sorted by the ORDER BY of its source, so two batches never wait for each other's counters crosswise.
ALLOCATE = """
INSERT INTO scroll_counters (series, business_date, last)
SELECT series, $3, wanted FROM unnest($1::text[], $2::bigint[]) AS w (series, wanted) ORDER BY series
ON CONFLICT (series, business_date) DO UPDATE SET last = scroll_counters.last + excluded.last
RETURNING series, last
"""


async def write_batch(connection: asyncpg.Connection, steps: list[Step]) -> list[Answer]:
    """Do all steps or none, durably, and answer each in order.

    A refused step is an answer and fails nobody else; an error of the database undoes the whole batch.
    """
    answers: dict[int, Answer] = {}
    async with connection.transaction():
        quotes = [quote_row(step.quote) for step in steps if isinstance(step, SaveQuote)]
        if quotes:
            await write_quotes(connection, quotes)
        money: list[Step] = [step for step in steps if not isinstance(step, SaveQuote)]
        if money:
            seen = await lock_and_read(connection, money)
            judge = Judge(seen)
            await _judge(connection, judge, money, answers)
            await write_changes(connection, judge.changes)
    return [answers.get(id(step)) for step in steps]


async def _judge(
    connection: asyncpg.Connection, judge: Judge, steps: list[Step], answers: dict[int, Answer]
) -> None:
    claims: list[Claim] = []
    for step in steps:
        if isinstance(step, Recording):
            answers[id(step)] = judge.record(step)
        elif isinstance(step, SealedRecording):
            answers[id(step)] = judge.record(step.recording, step.lines)
        elif isinstance(step, NextSend):
            answers[id(step)] = judge.begin(step)
        elif isinstance(step, PostEntry):
            judge.post_alone(step)
        elif isinstance(step, Claim):
            claims.append(step)
    verdicts = judge.claim(claims)
    numbers = await _allocate(connection, verdicts, judge.seen)
    for claim, verdict in zip(claims, verdicts, strict=True):
        answers[id(claim)] = _answer(judge, verdict, numbers)


def _answer(judge: Judge, verdict: Verdict, numbers: dict[str, int]) -> ClaimAnswer:
    if isinstance(verdict, Accepted):
        series, number = verdict.claim.scroll_series, 0
        if series and verdict.claim.payment_id not in judge.seen.scrolls:
            number = numbers[series]
            numbers[series] += 1
        return judge.start(verdict, number)
    if isinstance(verdict, Refused):
        judge.refuse(verdict)
    return verdict


async def _allocate(connection: asyncpg.Connection, verdicts: list[Verdict], seen: Seen) -> dict[str, int]:
    """The first new scroll number of each series that the accepted claims need."""
    wanted = series_wanted(verdicts, seen)
    if not wanted:
        return {}
    rows = await connection.fetch(ALLOCATE, list(wanted), list(wanted.values()), seen.business_date)
    return {row["series"]: row["last"] - wanted[row["series"]] + 1 for row in rows}


def quote_row(quote: Quote) -> Row:
    """A quote as a row of `quotes`, in the order of `batch_write.QUOTES`."""
    bill, sums = quote.bill, quote.sums
    return (
        quote.quote_id, quote.partner_id, quote.request_reference, quote.biller_id, quote.bucket,
        quote.bill_key, bill_lock(quote.biller_id, quote.bill_key), bill.is_paid, sums.amount.currency,
        sums.amount.minor, sums.charge.minor, sums.fee.minor, sums.vat.minor, sums.rounding.minor,
        quote.fee.version,
        orjson.dumps(_bill_facts(quote)).decode(), orjson.dumps(dict(bill.biller_quote)).decode(),
        quote.expires_at,
    )  # fmt: skip


def bill_lock(biller_id: str, bill_key: str) -> int:
    """The number that the advisory lock of a bill is taken on; two bills may share one at no harm."""
    digest = hashlib.sha256(f"{biller_id}\x1f{bill_key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _bill_facts(quote: Quote) -> dict[str, object]:
    bill = quote.bill
    return {
        "bill_number": bill.bill_number,
        "account": bill.account,
        "amount": bill.amount.minor,
        "vat": bill.vat.minor,
        "late_fee": bill.late_fee.minor,
        "charges": [{"label": line.label, "amount": line.amount.minor} for line in bill.charges],
        "issued_on": bill.issued_on,
        "due_on": bill.due_on,
        **bill.details,
    }

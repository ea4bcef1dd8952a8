"""One batch of the group commit: many callers' steps in one durable transaction."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import asyncpg
import orjson

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.claims import Accepted, Claim, ClaimAnswer, Refused, Started, Verdict
from ekpay_switch.domain.delivery import NextSend, Recording
from ekpay_switch.persistence.group_commit.decide import Judge, Row
from ekpay_switch.persistence.group_commit.lock_and_read import lock_and_read, under_window_lock
from ekpay_switch.persistence.group_commit.steps import Answer, PostEntry, SaveQuote, SealedRecording, Step
from ekpay_switch.persistence.group_commit.write import write_changes, write_quotes


async def write_batch(connection: asyncpg.Connection, steps: list[Step]) -> list[Answer]:
    """Do all steps or none, durably, and answer each in order.

    A refused step is an answer and fails nobody else; an error of the database undoes the whole batch.
    """
    quotes = [quote_row(step.quote) for step in steps if isinstance(step, SaveQuote)]
    money: list[Step] = [step for step in steps if not isinstance(step, SaveQuote)]
    if not money:
        # One statement is a transaction of its own.
        if quotes:
            await write_quotes(connection, quotes)
        return [None] * len(steps)
    async with under_window_lock(connection):
        if quotes:
            await write_quotes(connection, quotes)
        judge = Judge(await lock_and_read(connection, money))
        answers = _judged(judge, money)
        firsts = await write_changes(connection, judge.changes, judge.seen.business_date)
        return [_numbered(answers.get(id(step)), judge.changes.ranks, firsts) for step in steps]


def _judged(judge: Judge, steps: list[Step]) -> dict[int, Answer]:
    """The answer to each step by its identity; the rows that follow stand in the changes of the judge."""
    answers: dict[int, Answer] = {}
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
    for claim, verdict in zip(claims, judge.claim(claims), strict=True):
        answers[id(claim)] = _answer(judge, verdict)
    return answers


def _answer(judge: Judge, verdict: Verdict) -> ClaimAnswer:
    if isinstance(verdict, Accepted):
        return judge.start(verdict)
    if isinstance(verdict, Refused):
        judge.refuse(verdict)
    return verdict


def _numbered(answer: Answer, ranks: Mapping[UUID, int], firsts: Mapping[str, int]) -> Answer:
    """A start with the scroll number that the write gave it; any other answer as it is."""
    if not isinstance(answer, Started) or answer.claim.payment_id not in ranks:
        return answer
    number = firsts[answer.claim.scroll_series] + ranks[answer.claim.payment_id]
    return replace(answer, scroll_no=number)


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

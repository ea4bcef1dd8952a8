"""One batch of the group commit: the steps of many callers in one durable transaction."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import asyncpg
import orjson

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.payments.claims import (
    AcceptedClaim,
    Claim,
    ClaimAnswer,
    ClaimVerdict,
    RefusedClaim,
    StartedClaim,
)
from ekpay_switch.domain.payments.delivery import NextSend, Recording
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.group_commit.decide import BatchDecider, Row
from ekpay_switch.persistence.group_commit.lock_and_read import lock_and_read, under_window_lock
from ekpay_switch.persistence.group_commit.steps import Answer, PostEntry, SaveQuote, SealedRecording, Step
from ekpay_switch.persistence.group_commit.write import write_changes, write_quotes


async def write_batch(
    connection: asyncpg.Connection, steps: list[Step], lock_seconds: float | None = None
) -> list[Answer]:
    """Do all steps or none, durably, and answer each in order.

    A refused step is an answer and fails nobody else; an error of the database undoes the whole batch, and so
    does a lock of a row that is not granted within `lock_seconds` (None: as long as the session waits).
    """
    quotes = [quote_row(step.quote) for step in steps if isinstance(step, SaveQuote)]
    money: list[Step] = [step for step in steps if not isinstance(step, SaveQuote)]
    if not money:
        # One statement is a transaction of its own.
        if quotes:
            await write_quotes(connection, quotes)
        return [None] * len(steps)
    async with under_window_lock(connection, lock_seconds):
        if quotes:
            await write_quotes(connection, quotes)
        decider = BatchDecider(await lock_and_read(connection, money))
        answers = _decide_steps(decider, money)
        first_numbers = await write_changes(connection, decider.changes, decider.snapshot.business_date)
        # Hardly ever any, so not a part of the one statement.
        await raise_alarms(connection, decider.changes.alarms)
        ranks = decider.changes.scroll_ranks
        return [_with_scroll_number(answers.get(id(step)), ranks, first_numbers) for step in steps]


def _decide_steps(decider: BatchDecider, steps: list[Step]) -> dict[int, Answer]:
    """The answer to each step by the step's identity; the rows to write are in the decider's changes."""
    answers: dict[int, Answer] = {}
    claims: list[Claim] = []
    for step in steps:
        if isinstance(step, Recording):
            answers[id(step)] = decider.record(step)
        elif isinstance(step, SealedRecording):
            answers[id(step)] = decider.record(step.recording, step.lines)
        elif isinstance(step, NextSend):
            answers[id(step)] = decider.begin_send(step)
        elif isinstance(step, PostEntry):
            decider.add_entry_once(step)
        elif isinstance(step, Claim):
            claims.append(step)
    for claim, verdict in zip(claims, decider.decide_claims(claims), strict=True):
        answers[id(claim)] = _claim_answer(decider, verdict)
    return answers


def _claim_answer(decider: BatchDecider, verdict: ClaimVerdict) -> ClaimAnswer:
    if isinstance(verdict, AcceptedClaim):
        return decider.start_payment(verdict)
    if isinstance(verdict, RefusedClaim) and not verdict.claim.is_recovered:
        decider.burn_reference(verdict)
    return verdict


def _with_scroll_number(
    answer: Answer, ranks: Mapping[UUID, int], first_numbers: Mapping[str, int]
) -> Answer:
    """A started payment with the scroll number that the write allocated; any other answer as it is."""
    if not isinstance(answer, StartedClaim) or answer.claim.payment_id not in ranks:
        return answer
    number = first_numbers[answer.claim.scroll_series] + ranks[answer.claim.payment_id]
    return replace(answer, scroll_no=number)


def quote_row(quote: Quote) -> Row:
    """A quote as a row of `quotes`, in the order of `write.QUOTES`."""
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
    """The key of a bill's advisory lock; two bills with the same key only wait for each other."""
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
        "charges": [line.as_json() for line in bill.charges],
        "issued_on": bill.issued_on,
        "due_on": bill.due_on,
        **bill.details,
    }

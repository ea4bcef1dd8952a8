"""The port `Disputes` over PostgreSQL; each call is one transaction, and none is open around a wire call."""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date
from functools import partial
from uuid import UUID

import asyncpg

from ekpay_switch.domain.disputes.chargeback_rows import dispute_of_row
from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.disputes import proposals
from ekpay_switch.persistence.disputes.chargeback_rows import read_collection
from ekpay_switch.persistence.disputes.money import MovementTakenError
from ekpay_switch.persistence.disputes.rows import (
    NEW_DISPUTE,
    READ_LAST,
    READ_LIST,
    READ_NAMED,
    TARGET_OF_DISPUTE,
    DisputeCase,
    StepContent,
    StepPersons,
    UnknownDisputeError,
    deadline_facts,
    lock_case,
    move_dispute,
    open_next_round,
    raise_notified,
    read_files,
    read_steps,
    read_view,
    view_of,
)
from ekpay_switch.persistence.refunds.rows import (
    TARGET_OF_ATTEMPT,
    TARGET_OF_CHARGEBACK,
    TARGET_OF_TRANSACTION,
    RefundTarget,
    lock_target,
    read_target,
)
from ekpay_switch.persistence.schema.disputes import FILE_BYTES_MAX
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.disputes import DisputeProposal, DisputeStep, DisputeView, EvidenceFile, NewDispute
from ekpay_switch.security.card_numbers import mask_card_numbers

NEW_FILE = """
INSERT INTO dispute_files (dispute_id, sha256, round, name, content, added_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
"""
HAS_EVIDENCE = "SELECT EXISTS (SELECT FROM dispute_files WHERE dispute_id = $1 AND round = $2)"
READ_CONTENT = """
SELECT content FROM dispute_files WHERE dispute_id = $1 AND starts_with(encode(sha256, 'hex'), lower($2))
"""
# By the connector's name of the movement, or by our reference that it was sent.
READ_COLLECTED = """
SELECT t.payment_id, t.provider_transaction FROM tries AS t
WHERE t.connector_id = $1 AND t.provider_transaction = $2 AND t.collected IS NOT NULL
UNION ALL
SELECT t.payment_id, t.provider_transaction FROM attempts AS a JOIN tries AS t ON t.attempt_id = a.id
WHERE a.far_side = $1 AND a.reference = $2 AND t.collected IS NOT NULL
LIMIT 1
"""
ONE_PER_MOVEMENT = "uq_refunds_provider_refund"
Work = Callable[[DisputeCase], Awaitable[None]]


class DisputeTargetError(SwitchError):
    """Nothing of this payment, or no so much, was collected by what the dispute names."""


class OtherDisputeError(SwitchError):
    """The connector's name is that of a dispute with other content, or of one whose round has ended."""


class WrongRoundError(SwitchError):
    """The next round of the dispute has another number."""


class EvidenceError(SwitchError):
    """The file cannot be kept as evidence, or there is none."""


class PostgresDisputes:
    """Disputes in PostgreSQL."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    # ---- reading

    async def list(self, states: Collection[DisputeState], count_max: int) -> Sequence[DisputeView]:
        """See `ports.disputes.Disputes`."""
        rows = await self._transactions.run(
            lambda connection: connection.fetch(READ_LIST, sorted(states), count_max)
        )
        return [view_of(row) for row in rows]

    async def find(self, dispute_id: int) -> DisputeView:
        """See `ports.disputes.Disputes`."""
        return await self._transactions.run(partial(read_view, dispute_id=dispute_id))

    async def last(self) -> DisputeView:
        """See `ports.disputes.Disputes`."""
        row = await self._transactions.run(lambda connection: connection.fetchrow(READ_LAST))
        if row is None:
            raise UnknownDisputeError("dispute: there is none yet")
        return view_of(row)

    async def find_by_name(self, connector_id: str, name: str) -> DisputeView:
        """See `ports.disputes.Disputes`."""
        row = await self._transactions.run(
            lambda connection: connection.fetchrow(READ_NAMED, connector_id, name)
        )
        if row is None:
            raise UnknownDisputeError(f"dispute: {connector_id} has told of none of the name {name}")
        return view_of(row)

    async def collected_as(self, connector_id: str, name: str) -> tuple[UUID, str]:
        """See `ports.disputes.Disputes`."""
        row = await self._transactions.run(
            lambda connection: connection.fetchrow(READ_COLLECTED, connector_id, name)
        )
        if row is None:
            raise DisputeTargetError(f"collected: {connector_id} collected nothing under {name}")
        return row["payment_id"], row["provider_transaction"] or ""

    async def steps(self, dispute_id: int) -> Sequence[DisputeStep]:
        """See `ports.disputes.Disputes`."""
        return await self._transactions.run(partial(read_steps, dispute_id=dispute_id))

    async def files(self, dispute_id: int) -> Sequence[EvidenceFile]:
        """See `ports.disputes.Disputes`."""
        return await self._transactions.run(partial(read_files, dispute_id=dispute_id))

    async def file(self, dispute_id: int, sha256: str) -> bytes:
        """See `ports.disputes.Disputes`."""
        rows = await self._transactions.run(
            lambda connection: connection.fetch(READ_CONTENT, dispute_id, sha256)
        )
        if len(rows) != 1:
            raise EvidenceError(f"file: {len(rows)} files of dispute {dispute_id} begin with {sha256}")
        return bytes(rows[0]["content"])

    # ---- one person

    async def open(self, new: NewDispute, by: str) -> DisputeView:
        """See `ports.disputes.Disputes`."""
        query, names = TARGET_OF_CHARGEBACK, list[str]()
        if new.transaction:
            query, names = TARGET_OF_TRANSACTION, [new.transaction]
        target = await self._transactions.run(
            lambda connection: read_target(connection, query, new.payment_id, *names)
        )
        if target is None:
            raise DisputeTargetError("payment: nothing of it was collected by such a movement")
        try:
            return await self._transactions.run(partial(_open, new=new, by=by, target=target))
        except asyncpg.UniqueViolationError as problem:
            # The same name for another payment at the same moment, under other locks.
            raise OtherDisputeError(f"name: another dispute has {new.name} already") from problem

    async def open_round(self, dispute_id: int, number: int, answer_due_on: date, word: str, by: str) -> None:
        """See `ports.disputes.Disputes`."""

        async def _open_round(case: DisputeCase) -> None:
            following = case.row["round"] + 1
            if number != following:
                raise WrongRoundError(f"round: the next round of dispute {dispute_id} is {following}")
            await open_next_round(case, StepPersons(by), {"word": word}, answer_due_on)

        await self._work_on(dispute_id, _open_round)

    async def request_evidence(self, dispute_id: int, answer_due_on: date, word: str, by: str) -> None:
        """See `ports.disputes.Disputes`."""

        async def _request(case: DisputeCase) -> None:
            facts, changes = (
                deadline_facts(case, {"word": word}, answer_due_on),
                {"answer_due_on": answer_due_on},
            )
            content = StepContent(facts, changes=changes)
            await move_dispute(case, DisputeEvent.EVIDENCE_REQUESTED, StepPersons(by), content)

        await self._work_on(dispute_id, _request)

    async def attach(self, dispute_id: int, name: str, content: bytes, by: str) -> EvidenceFile:
        """See `ports.disputes.Disputes`. Nobody can read a card number in what is no text."""
        _require_evidence(content)
        digest = hashlib.sha256(content).digest()

        async def _attach(case: DisputeCase) -> None:
            shown = mask_card_numbers(name)
            number = case.row["round"]
            await case.connection.execute(NEW_FILE, dispute_id, digest, number, shown, content, by)

        await self._work_on(dispute_id, _attach)
        return next(file for file in await self.files(dispute_id) if file.sha256 == digest.hex())

    async def represent(self, dispute_id: int, word: str, by: str) -> None:
        """See `ports.disputes.Disputes`."""

        async def _represent(case: DisputeCase) -> None:
            if not await case.connection.fetchval(HAS_EVIDENCE, dispute_id, case.row["round"]):
                raise EvidenceError(f"file: no evidence was added in round {case.row['round']}")
            await move_dispute(case, DisputeEvent.REPRESENTED, StepPersons(by), StepContent({"word": word}))

        await self._work_on(dispute_id, _represent)

    # ---- two persons

    async def propose(self, dispute_id: int, proposal: DisputeProposal, by: str) -> DisputeView:
        """See `ports.disputes.Disputes`."""
        return await self._work_on(dispute_id, partial(proposals.propose, proposal=proposal, by=by))

    async def approve(self, dispute_id: int, by: str) -> DisputeView:
        """See `ports.disputes.Disputes`."""
        try:
            return await self._work_on(dispute_id, partial(proposals.approve, by=by))
        except asyncpg.UniqueViolationError as problem:
            if problem.constraint_name != ONE_PER_MOVEMENT:
                raise
            # Another refund has taken the name at the same moment, under the locks of another payment.
            raise MovementTakenError("movement: another refund has this reference") from problem

    async def reject(self, dispute_id: int, reason: str, by: str) -> DisputeView:
        """See `ports.disputes.Disputes`."""
        return await self._work_on(dispute_id, partial(proposals.reject, reason=reason, by=by))

    async def _work_on(self, dispute_id: int, work: Work) -> DisputeView:
        """Do one thing with a dispute under its locks; returns how it stands then.

        Raises:
            UnknownDisputeError: there is no such dispute.
        """
        target = await self._target(dispute_id)

        async def _locked(connection: Connection) -> DisputeView:
            await work(await lock_case(connection, dispute_id, target))
            return await read_view(connection, dispute_id)

        return await self._transactions.run(_locked, target.accounts)

    async def _target(self, dispute_id: int) -> RefundTarget:
        async def _read(connection: Connection) -> RefundTarget:
            await read_view(connection, dispute_id)
            attempt_id: UUID = await connection.fetchval(TARGET_OF_DISPUTE, dispute_id)
            target = await read_target(connection, TARGET_OF_ATTEMPT, attempt_id)
            assert target is not None, "a dispute has a try"
            return target

        return await self._transactions.run(_read)


async def _open(connection: Connection, new: NewDispute, by: str, target: RefundTarget) -> DisputeView:
    payment, try_row = await lock_target(connection, target)
    standing = await connection.fetchrow(READ_NAMED, target.connector_id, new.name)
    if standing is not None:
        return _same_or_raise(new, target, view_of(standing), standing["attempt_id"])
    collected = Money(try_row["collected"], payment["currency"])
    if new.amount.currency != collected.currency or new.amount > collected:
        raise DisputeTargetError(f"amount: {collected} were collected, and no more")
    of_row = dispute_of_row(new.amount, await read_collection(connection, payment, try_row))
    if of_row is not None:
        raise OtherDisputeError(
            f"name: dispute {of_row.id} has this money, which a row of a settlement file has opened;"
            f" what {new.name} says of it is recorded there: ekpay disputes show {of_row.id}"
        )
    dispute_id = await connection.fetchval(
        NEW_DISPUTE, new.payment_id, target.attempt_id, target.connector_id, new.name, new.amount.minor,
        new.amount.currency, mask_card_numbers(new.reason), new.answer_due_on, by, None,
    )  # fmt: skip
    view = await read_view(connection, dispute_id)
    await raise_notified(connection, view)
    return view


def _same_or_raise(
    new: NewDispute, target: RefundTarget, standing: DisputeView, attempt_id: UUID
) -> DisputeView:
    content = (attempt_id, standing.amount, standing.reason, standing.round)
    is_same = content == (target.attempt_id, new.amount, mask_card_numbers(new.reason), 1)
    if is_same and standing.state not in {DisputeState.WON, DisputeState.LOST}:
        return standing
    raise OtherDisputeError(
        f"name: dispute {standing.id} has it already, of {standing.amount} and for {standing.reason},"
        f" in round {standing.round} and {standing.state};"
        f" a further round is opened as such: ekpay disputes open-round {standing.id}"
    )


def _require_evidence(content: bytes) -> None:
    """Raise EvidenceError unless this can be kept as evidence."""
    if not 0 < len(content) <= FILE_BYTES_MAX:
        raise EvidenceError(f"file: it has {len(content)} bytes; between 1 and {FILE_BYTES_MAX} are kept")
    try:
        shown = content.decode()
    except UnicodeDecodeError:
        return
    if mask_card_numbers(shown) != shown:
        raise EvidenceError("file: it shows a card number; black it out, and add it then")

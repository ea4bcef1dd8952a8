"""The port `DecisionDesk` over PostgreSQL.

    propose   lock the subject, read the case, check the action, write the proposal with the case's digest
    approve   lock the subject and its proposal, read the case again; if it is the same: carry it out and end
              the proposal, all in one transaction

Locks are taken in one order: the subject, the proposal, the two persons.
Every action can be repeated after a COMMIT that was not acknowledged: ids are made before the first try.
"""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import asyncpg

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import Case, CaseKind, PaymentCase, case_digest
from ekpay_switch.domain.decisions.host_requests import HostRequest, HostRequestOpenError
from ekpay_switch.domain.decisions.journal import JournalChart
from ekpay_switch.domain.decisions.option import Option
from ekpay_switch.domain.decisions.options import option_named, options_of
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import keeps_balance
from ekpay_switch.domain.ledger.settlement_postings import SETTLEMENT_BANK
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.persistence.alarms.rows import AlarmEnd, end_alarms
from ekpay_switch.persistence.bank_lines import names_of_decision, refuse_booked_line
from ekpay_switch.persistence.collections.held import accounts_of_held
from ekpay_switch.persistence.decisions.carry_out import Approval, carry_out
from ekpay_switch.persistence.decisions.cases import (
    Billers,
    list_cases,
    lock_subject,
    read_balances,
    read_case,
    read_evidence,
)
from ekpay_switch.persistence.decisions.journals import (
    end_settled_item,
    list_suspense,
    post_journal,
    proposed_entry,
    show_suspense,
)
from ekpay_switch.persistence.decisions.proposals import (
    NewProposal,
    Row,
    add_proposal,
    entry_ids_of,
    lock_proposal,
    lock_waiting,
    read_proposal,
    read_proposals,
    view_of,
    write_approval,
    write_lapse,
    write_rejection,
)
from ekpay_switch.persistence.ledger.transfer_corrections import PrefundTooLowError
from ekpay_switch.persistence.parties.staff import may_decide, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.payment_rows import PROPOSAL_LOCK, lock_name
from ekpay_switch.persistence.refunds.rows import TARGET_IN_SUSPENSE, read_target
from ekpay_switch.persistence.refunds.staff_actions import ReferenceTakenError
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.decisions import (
    CaseLine,
    CaseView,
    JournalProposal,
    Proposal,
    ProposalState,
    ProposalView,
    SuspenseView,
)

_NOT_COVERED = "ck_accounts_balance"
# How connectors name a refund, and a movement of money: each belongs to one.
_NAMES = ("uq_refunds_provider_refund", "uq_tries_provider_transaction", "tries_movement_once")
_HELD_TRIES = "SELECT attempt_id FROM tries WHERE payment_id = $1 AND held_at IS NOT NULL"


class NoCaseError(SwitchError):
    """Nothing about this payment or refund waits for a decision of two persons."""


class UnknownProposalError(SwitchError):
    """There is no such proposal."""


class UnfitActionError(SwitchError):
    """The case does not allow this action."""


class MissingFieldError(SwitchError):
    """A field is missing."""


class ProposalWaitsError(SwitchError):
    """Another proposal about it waits: it is approved or rejected first."""


class ProposalEndedError(SwitchError):
    """The proposal has ended."""


class WrongCodeError(SwitchError):
    """The code is not the one of this proposal: read it first, `show` prints it."""


class PostgresDecisionDesk:
    """The desk in PostgreSQL.

    `billers` are the traits of billers, by id; `chart` says which accounts may meet in an entry that is
    written by hand.
    """

    def __init__(self, transactions: ShortTransactions, billers: Billers, chart: JournalChart) -> None:
        self._transactions = transactions
        self._billers = billers
        self._chart = chart

    # ---- reading

    async def list(self, kind: CaseKind | None, limit: int, after: UUID | None = None) -> Sequence[CaseLine]:
        """See `ports.decisions.DecisionDesk`."""
        return await self._transactions.run(partial(list_cases, kind=kind, limit=limit, after=after))

    async def show(self, subject: UUID) -> CaseView:
        """See `ports.decisions.DecisionDesk`."""

        async def _show(connection: Connection) -> CaseView:
            case = await self._case(connection, subject)
            return CaseView(
                case,
                options_of(case),
                await read_balances(connection, case.payment_id),
                await read_evidence(connection, case.payment_id),
                await read_proposals(connection, subject),
            )

        return await self._transactions.run(_show)

    async def find(self, proposal_id: UUID) -> ProposalView | None:
        """See `ports.decisions.DecisionDesk`."""

        async def _read(connection: Connection) -> ProposalView | None:
            row = await read_proposal(connection, proposal_id)
            return None if row is None else view_of(row)

        return await self._transactions.run(_read)

    async def list_suspense(self, limit: int, after: UUID | None = None) -> Sequence[SuspenseView]:
        """See `ports.decisions.DecisionDesk`."""
        return await self._transactions.run(partial(list_suspense, limit=limit, after=after))

    async def show_suspense(self, entry_id: UUID) -> Sequence[SuspenseView]:
        """See `ports.decisions.DecisionDesk`."""
        return await self._transactions.run(partial(show_suspense, entry_id=entry_id))

    # ---- the first person

    async def propose(self, proposal: Proposal) -> ProposalView:
        """See `ports.decisions.DecisionDesk`."""
        _require("reason", proposal.reason)

        async def _propose(connection: Connection) -> ProposalView:
            if standing := await _standing(connection, proposal.id):
                return view_of(standing)
            await lock_subject(connection, proposal.subject)
            case = await self._case(connection, proposal.subject)
            option = _fitting_option(case, proposal)
            if option.needs_reference:
                _require("reference", proposal.reference)
            await _make_room(connection, proposal.subject, case)
            new = NewProposal(
                proposal.id,
                case.kind,
                proposal.subject,
                case.payment_id,
                proposal.action,
                option.amount,
                proposal.reason,
                proposal.reference,
                option.entries,
                option.is_delegated,
                case_digest(case),
                proposal.by,
                None if proposal.stated is None else proposal.stated.minor,
            )
            return await add_proposal(connection, new)

        return await self._transactions.run(_propose)

    async def propose_journal(self, proposal: JournalProposal) -> ProposalView:
        """See `ports.decisions.DecisionDesk`."""
        _require("reason", proposal.reason)
        _require("reference", proposal.reference)

        async def _propose(connection: Connection) -> ProposalView:
            if standing := await _standing(connection, proposal.id):
                return view_of(standing)
            entry = await proposed_entry(connection, proposal, self._chart)
            new = NewProposal(
                proposal.id,
                CaseKind.JOURNAL,
                proposal.id,
                None,
                DecisionAction.JOURNAL,
                sum(max(posting.amount, 0) for posting in entry.postings),
                proposal.reason,
                proposal.reference,
                (entry,),
                is_delegated=False,
                seen=b"",
                by=proposal.by,
                takes_from=proposal.takes_from,
            )
            return await add_proposal(connection, new)

        return await self._transactions.run(_propose)

    # ---- the second person

    async def approve(self, proposal_id: UUID, code: str, by: str) -> ProposalView:
        """See `ports.decisions.DecisionDesk`."""
        accounts = await self._transactions.run(partial(_accounts_of, proposal_id=proposal_id))
        work = partial(self._approve, proposal_id=proposal_id, code=code, by=by)
        try:
            return await self._transactions.run(work, accounts)
        except asyncpg.IntegrityConstraintViolationError as problem:
            refusal = _refusal_of(problem)
            if refusal is None:
                raise
            raise refusal from problem

    async def _approve(self, connection: Connection, proposal_id: UUID, code: str, by: str) -> ProposalView:
        row = await _waiting_proposal(connection, proposal_id, by)
        view = view_of(row)
        if view.state is ProposalState.APPROVED:
            return view
        await _require_second_person(connection, view, code, by)
        if any(posting.account == SETTLEMENT_BANK for entry in view.entries for posting in entry.postings):
            names = names_of_decision(view.action, view.reference)
            await refuse_booked_line(connection, names, view.id)
        why = await self._carry_out(connection, row, by)
        if why:
            await write_lapse(connection, proposal_id, why)
        else:
            await write_approval(connection, proposal_id, by)
            if view.takes_from is not None:
                await end_settled_item(connection, view.takes_from, proposal_id)
        end = AlarmEnd.EVIDENCE if why else AlarmEnd.DECISION
        await end_alarms(connection, [f"decision {proposal_id}"], end, why or f"approved by {by}")
        return view_of(await _written(connection, proposal_id))

    async def reject(self, proposal_id: UUID, reason: str, by: str) -> ProposalView:
        """See `ports.decisions.DecisionDesk`."""
        _require("reason", reason)

        async def _reject(connection: Connection) -> ProposalView:
            row = await lock_proposal(connection, proposal_id)
            if row is None:
                raise UnknownProposalError
            if row["rejected_by"] == by:
                return view_of(row)
            if view_of(row).state is not ProposalState.WAITING:
                raise ProposalEndedError
            await write_rejection(connection, proposal_id, by, reason.strip())
            await end_alarms(connection, [f"decision {proposal_id}"], AlarmEnd.DECISION, f"rejected by {by}")
            return view_of(await _written(connection, proposal_id))

        return await self._transactions.run(_reject)

    # ---- the case

    async def _case(self, connection: Connection, subject: UUID) -> Case:
        case = await read_case(connection, subject, self._billers)
        if case is None or not (options_of(case) or _is_at_host(case)):
            raise NoCaseError
        return case

    async def _carry_out(self, connection: Connection, row: Row, by: str) -> str:
        """Carry a proposal out; returns why it has lapsed instead, or nothing."""
        if not await may_decide(connection, row["proposed_by"]):
            return f"{row['proposed_by']} may decide nothing any more"
        approval = Approval(
            decision_id=row["id"],
            action=DecisionAction(row["action"]),
            reason=row["reason"],
            reference=row["reference"],
            proposed_by=row["proposed_by"],
            approved_by=by,
            entry_ids=entry_ids_of(row),
        )
        if approval.action is DecisionAction.JOURNAL:
            return await post_journal(connection, view_of(row), approval, self._chart)
        case = await read_case(connection, row["subject"], self._billers)
        if case is None or case_digest(case) != row["seen"]:
            return "the case has changed since it was proposed"
        stated = None if row["stated"] is None else Money(row["stated"])
        option = option_named(case, approval.action, stated)
        assert option is not None, "the same case has the same options"
        await carry_out(connection, case, option, approval)
        return ""


def _require(name: str, text: str) -> None:
    if not text.strip():
        raise MissingFieldError(f"{name}: it is missing")


def _is_at_host(case: Case) -> bool:
    """Whether the host decides a collection: its request over a host link is open."""
    return isinstance(case, PaymentCase) and case.host_request is HostRequest.OPEN


def _fitting_option(case: Case, proposal: Proposal) -> Option:
    if _is_at_host(case):
        raise HostRequestOpenError
    option = option_named(case, proposal.action, proposal.stated)
    if option is None:
        allowed = ", ".join(sorted(option.action for option in options_of(case)))
        raise UnfitActionError(f"action: {proposal.action} does not fit; it allows {allowed}")
    if option.states_amount and (proposal.stated is None or proposal.stated <= ZERO):
        raise MissingFieldError("amount: it is missing; say what was really given back")
    return option


async def _standing(connection: Connection, proposal_id: UUID) -> Row | None:
    """The proposal if it is stored; a repeat waits for a process that died in the middle of its COMMIT."""
    await lock_name(connection, PROPOSAL_LOCK, "", str(proposal_id))
    return await read_proposal(connection, proposal_id)


async def _make_room(connection: Connection, subject: UUID, case: Case) -> None:
    """Refuse a second proposal about a subject; one about a case that has changed since has lapsed."""
    waiting = await lock_waiting(connection, subject)
    if waiting is None:
        return
    if waiting["seen"] == case_digest(case):
        raise ProposalWaitsError(f"proposal {waiting['id']} of {waiting['proposed_by']} waits already")
    await write_lapse(connection, waiting["id"], "the case has changed since it was proposed")


async def _written(connection: Connection, proposal_id: UUID) -> Row:
    row = await read_proposal(connection, proposal_id)
    assert row is not None, "it was written in this transaction"
    return row


async def _waiting_proposal(connection: Connection, proposal_id: UUID, by: str) -> Row:
    """The proposal and its subject under lock: one that waits, or that the same person has approved."""
    found = await read_proposal(connection, proposal_id)
    if found is None:
        raise UnknownProposalError
    names_movement = found["action"] == DecisionAction.COLLECTED
    await lock_subject(connection, found["subject"], found["reference"] if names_movement else "")
    row = await lock_proposal(connection, proposal_id)
    assert row is not None, "a proposal is never deleted"
    if view_of(row).state is not ProposalState.WAITING and row["approved_by"] != by:
        raise ProposalEndedError
    return row


async def _require_second_person(connection: Connection, view: ProposalView, code: str, by: str) -> None:
    """Raise unless another person than the first, who may decide, has seen this proposal."""
    if view.proposed_by == by:
        raise OnePersonError("whoever proposes a decision is not the second person that it takes")
    if view.code != code:
        raise WrongCodeError
    await require_decider(connection, by)


def _refusal_of(problem: asyncpg.IntegrityConstraintViolationError) -> SwitchError | None:
    """What a condition of the database means to the person who approves; None where it is our fault."""
    if problem.constraint_name == _NOT_COVERED:
        return PrefundTooLowError("amount: the prefund does not cover the decision")
    if problem.constraint_name in _NAMES:
        return ReferenceTakenError("reference: it names another refund or payment of this connector")
    return None


async def _accounts_of(connection: Connection, proposal_id: UUID) -> set[str]:
    """The accounts that the approval may post to and that need a row; prefunds have theirs."""
    row = await read_proposal(connection, proposal_id)
    if row is None:
        raise UnknownProposalError
    accounts = {posting.account for entry in view_of(row).entries for posting in entry.postings}
    for held in await connection.fetch(_HELD_TRIES, row["subject"]):
        accounts |= await accounts_of_held(connection, held["attempt_id"])
    target = await read_target(connection, TARGET_IN_SUSPENSE, row["subject"])
    if target is not None:
        accounts |= target.accounts
    return {account for account in accounts if not keeps_balance(account)}

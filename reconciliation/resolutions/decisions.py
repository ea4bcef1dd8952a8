"""Proposing and checking decisions about breaks: each is one short transaction with its entry and event.

    propose   check the rules, write the proposal and its event, fix the id of its entry
    check     write the verdict; the last needed approval ends the proposal and posts its entry, with an event

Both take the lock of the event chain first, so two of them, or one and a night's run, never see half of each
other. Both can be repeated after a lost COMMIT: the ids were made before the first try.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.ports.finance import Connection, Finance
from ekpay_switch.security.identifiers import uuid7
from reconciliation.calendar import Calendar, read_calendar
from reconciliation.resolutions.booked_transfers import BookedTransferError, refuse_booked, release_booked
from reconciliation.resolutions.break_lookup import break_by, newest_night
from reconciliation.resolutions.claimed_lines import book_line, line_of_claim
from reconciliation.resolutions.deciding_persons import refuse_removed
from reconciliation.resolutions.decision_records import (
    BooksRefuseError,
    CheckerVerdict,
    OnePersonError,
    ProposalOutcome,
    Resolution,
    UnfitError,
    UnknownIdError,
    decision_of,
    posting_lines,
)
from reconciliation.resolutions.decision_rules import (
    ResolutionPlan,
    plan_of,
    refuse_unless_open,
    reversal_entry_id,
    reversal_of,
    state_after,
)
from reconciliation.resolutions.decision_store import (
    known_movements,
    resolution_by,
    resolutions_of,
    write_check,
    write_outcome,
    write_resolution,
)
from reconciliation.resolutions.disputed_rows import keep_decided_row, refuse_disputed
from reconciliation.resolutions.fitting_decisions import break_amounts, refuse_without_movements
from reconciliation.resolutions.institution_sides import side_of_break
from reconciliation.resolutions.missing_payouts import (
    missing_payouts,
    payouts_of,
    refuse_changed_payouts,
    refuse_paid_payout,
)
from reconciliation.resolutions.resolution_actions import (
    ResolutionAction,
    ResolutionRules,
    read_resolution_rules,
)
from reconciliation.resolutions.resolution_postings import suspense_of, touches_our_bank
from reconciliation.resolutions.stale_breaks import (
    StaleBreakError,
    keep_owed_back,
    movements_of_break,
    moves_money,
    release_owed_back,
)
from reconciliation.results.break_alarms import end_break_alarms, raise_break_alarms
from reconciliation.results.event_chain import CHAIN_LOCK, NewEvent, append
from reconciliation.results.records import BreakEventKind, BreakRecord, BreakState

_TWO_PERSONS = "ck_resolution_checks_two_persons"
_SPOKEN = "pk_resolution_checks"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal of a person; its id is made here, so that a repeat after a lost answer writes nothing new.

    `gains` is for rounding in our favour, `payouts` names the payouts that a line of our bank pays, and
    `bank_reference` the line of money that moved at our bank.
    `reverses` takes an approved decision back, whatever `action` says.
    """

    break_id: UUID
    action: ResolutionAction
    reason: str
    maker: str
    gains: bool = False
    payouts: tuple[str, ...] = ()
    reverses: UUID | None = None
    bank_reference: str = ""
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """The verdict of another person on a proposal."""

    resolution_id: UUID
    checker: str
    verdict: CheckerVerdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResolutionActions:
    """The actions of finance on breaks. Callers have verified the persons; the database demands two."""

    finance: Finance
    rules: ResolutionRules
    calendar: Calendar

    @classmethod
    def of(cls, finance: Finance) -> "ResolutionActions":
        """The actions by the rules of this installation; raises ConfigurationError."""
        config: Path = finance.config
        rules = read_resolution_rules(config / "resolutions.toml")
        return cls(finance, rules, read_calendar(config / "calendar.toml"))

    async def propose(self, proposal: Proposal) -> Resolution:
        """Write a proposal down.

        Raises:
            BookedTransferError: it moves money, and the break is about a booked transfer.
            StaleBreakError: it moves money, and the break's movement has changed since the night.
            UnfitError: it does not fit the break as it stands.
            UnknownIdError: there is no such break, or no such decision to reverse.
        """
        if not proposal.reason.strip():
            raise UnfitError("a decision needs a reason")
        connection = await self.finance.connect()
        try:
            async with connection.transaction():
                await connection.execute(CHAIN_LOCK)
                standing = await resolution_by(connection, proposal.id)
                return standing or await self._write_proposal(connection, proposal)
        finally:
            await connection.close()

    async def _write_proposal(self, connection: Connection, proposal: Proposal) -> Resolution:
        broken = await break_by(connection, proposal.break_id, self.calendar)
        decisions = await resolutions_of(connection, proposal.break_id)
        if proposal.reverses is None:
            refuse_unless_open(broken, decisions)
            if moves_money(proposal.action):
                await refuse_booked(connection, self.finance, broken, proposal.action)
                await refuse_paid_payout(connection, broken)
                await refuse_disputed(connection, self.finance, broken)
            amounts = await break_amounts(connection, broken, gains=proposal.gains)
            side = side_of_break(self.finance.config, broken)
            missing = await missing_payouts(connection, self.finance.config, self.calendar, broken)
            payouts = payouts_of(proposal.action, missing, proposal.payouts)
            plan = plan_of(proposal.action, broken, amounts, side, decisions, self.rules, payouts=payouts)
            entry_id = uuid5(proposal.id, "entry")
            await refuse_without_movements(connection, proposal.action, broken)
        else:
            payouts, reversed_ = (), decision_of(decisions, proposal.reverses)
            plan = self._plan_of_reversal(broken, reversed_, decisions)
            proposal = replace(proposal, action=reversed_.action)
            entry_id = reversal_entry_id(reversed_)
        resolution = replace(
            _resolution_from(proposal, plan, entry_id, len(decisions) + 1),
            payouts={payout.key: payout.amount for payout in payouts},
        )
        await line_of_claim(connection, self.finance, resolution)
        resolution = await write_resolution(connection, resolution)
        event = await _event(
            connection, resolution, proposal.maker, BreakEventKind.PROPOSED, BreakState.PROPOSED
        )
        await append(connection, [replace(event, facts={**event.facts, "reason": resolution.reason})])
        if proposal.reverses is not None:
            # A resolved break stands again until this is decided.
            await raise_break_alarms(connection, self.finance, [broken.institution])
        return resolution

    def _plan_of_reversal(
        self, broken: BreakRecord, reversed_: Resolution, decisions: Sequence[Resolution]
    ) -> ResolutionPlan:
        if broken.state is not BreakState.RESOLVED:
            refuse_unless_open(broken, decisions)
        entry = reversal_of(reversed_, decisions)
        below = [decision for decision in decisions if decision.stands and decision.id != reversed_.id]
        settlement = below[-1].settlement if below else ""
        return ResolutionPlan(reversed_.amount, entry, settlement, self.rules.checkers(reversed_.amount))

    async def check(self, order: CheckOrder) -> Resolution:
        """Write the verdict of a checker; the last needed approval posts. Returns the updated proposal.

        Raises:
            BooksRefuseError: a floor or limit of the books does not allow the entry.
            OnePersonError: the checker is the maker.
            BookedTransferError: the money is a transfer's that is booked; the attempt is written down.
            StaleBreakError: it moves money, and the movement has changed; the attempt is written down.
            UnfitError: the proposal has ended, the break was closed meanwhile, the checker has spoken, or
                one of its persons may decide nothing any more.
            UnknownIdError: there is no such proposal.
        """
        connection = await self.finance.connect()
        try:
            resolution = await existing_resolution(connection, order.resolution_id)
            accounts = {account for account, _ in resolution.postings}
            if touches_our_bank(resolution.action):
                broken = await break_by(connection, resolution.break_id, self.calendar)
                accounts.add(suspense_of(broken.institution))
            if order.verdict is CheckerVerdict.APPROVED and accounts:
                await self.finance.books.open_accounts(accounts)
            try:
                async with connection.transaction():
                    return await self._write_check(connection, order)
            except asyncpg.IntegrityConstraintViolationError as problem:
                why = {"constraint": problem.constraint_name or ""}
                await self._write_refused_attempt(connection, resolution, order, why)
                raise _refusal_of(problem) from problem
            except (BookedTransferError, StaleBreakError) as problem:
                await self._write_refused_attempt(connection, resolution, order, {"why": str(problem)})
                raise
        finally:
            await connection.close()

    async def _write_check(self, connection: Connection, order: CheckOrder) -> Resolution:
        await connection.execute(CHAIN_LOCK)
        resolution = await existing_resolution(connection, order.resolution_id)
        if order.checker in (
            resolution.approved_by if order.verdict is CheckerVerdict.APPROVED else resolution.rejected_by
        ):
            return resolution  # a repeat after a lost answer
        if resolution.outcome is not None:
            raise UnfitError(f"the proposal has ended: {resolution.outcome.value}")
        broken = await break_by(connection, resolution.break_id, self.calendar)
        if broken.state is not BreakState.PROPOSED:
            raise UnfitError(f"the break is {broken.state.value} meanwhile, so nothing is decided any more")
        is_approval = order.verdict is CheckerVerdict.APPROVED and resolution.reverses is None
        if is_approval and moves_money(resolution.action):
            await refuse_booked(connection, self.finance, broken, resolution.action)
            await refuse_paid_payout(connection, broken)
            await refuse_disputed(connection, self.finance, broken)
            missing = await missing_payouts(connection, self.finance.config, self.calendar, broken)
            refuse_changed_payouts(resolution, missing)
        if order.verdict is CheckerVerdict.APPROVED:
            await refuse_removed(connection, self.finance, {order.checker, *resolution.persons})
        await write_check(connection, resolution, order.checker, order.verdict, order.reason)
        approvals = [*resolution.approved_by, order.checker]
        facts: dict[str, object] = {"reason": order.reason} if order.reason else {}
        if order.verdict is CheckerVerdict.REJECTED:
            await write_outcome(connection, resolution, ProposalOutcome.REJECTED, [order.checker])
        elif len(approvals) < resolution.checkers_needed:
            facts["check"] = f"{len(approvals)} of {resolution.checkers_needed}"
        else:
            await write_outcome(connection, resolution, ProposalOutcome.APPROVED, approvals)
            facts |= await self._carry_out(connection, resolution, broken)
        await self._append_check_event(connection, resolution, order, facts)
        await end_break_alarms(connection, self.finance, broken.institution)
        return await existing_resolution(connection, resolution.id)

    async def _carry_out(
        self, connection: Connection, resolution: Resolution, broken: BreakRecord
    ) -> dict[str, object]:
        if resolution.action is ResolutionAction.REPOST and resolution.reverses is None:
            movements = await known_movements(connection, movements_of_break(broken))
            return {"woken": await self.finance.evidence.wake(connection, movements)}
        await line_of_claim(connection, self.finance, resolution)
        await self.finance.books.post(connection, resolution.adjustments)
        await keep_decided_row(connection, self.finance, resolution, broken)
        if resolution.reverses is None:
            await keep_owed_back(connection, self.finance, resolution, broken)
            await book_line(connection, self.finance, resolution, broken)
        else:
            owed = await existing_resolution(connection, resolution.reverses)
            await release_owed_back(connection, self.finance, owed, resolution)
            await release_booked(connection, self.finance, owed, resolution)
        return {"settlement": resolution.settlement} if resolution.settlement else {}

    async def _append_check_event(
        self, connection: Connection, resolution: Resolution, order: CheckOrder, facts: dict[str, object]
    ) -> None:
        decisions = await resolutions_of(connection, resolution.break_id)
        waits = any(decision.waits for decision in decisions)
        state = BreakState.PROPOSED if waits else state_after(decisions, self.rules)
        kind = BreakEventKind.REJECTED
        if order.verdict is CheckerVerdict.APPROVED:
            is_undone = resolution.reverses is not None and not waits
            kind = BreakEventKind.REVERSED if is_undone else BreakEventKind.APPROVED
        event = await _event(connection, resolution, order.checker, kind, state)
        await append(connection, [replace(event, facts={**event.facts, **facts})])

    async def _write_refused_attempt(
        self, connection: Connection, resolution: Resolution, order: CheckOrder, why: Mapping[str, str]
    ) -> None:
        """Record a refusal, in a transaction of its own: the first was rolled back."""
        async with connection.transaction():
            await connection.execute(CHAIN_LOCK)
            broken = await break_by(connection, resolution.break_id, self.calendar)
            event = await _event(connection, resolution, order.checker, BreakEventKind.REFUSED, broken.state)
            facts = {**event.facts, "attempt": order.verdict.value, **why}
            await append(connection, [replace(event, facts=facts)])

    async def note(self, break_id: UUID, text: str, by: str) -> None:
        """Keep a word about a break; its state stays.

        Raises:
            UnfitError: there are no words.
            UnknownIdError: there is no such break.
        """
        if not text.strip():
            raise UnfitError("a note needs words")
        connection = await self.finance.connect()
        try:
            async with connection.transaction():
                await connection.execute(CHAIN_LOCK)
                broken = await break_by(connection, break_id, self.calendar)
                night = await newest_night(connection)
                facts = {"text": text.strip()}
                event = NewEvent(break_id, night, by, BreakEventKind.NOTED, broken.state, facts)
                await append(connection, [event])
        finally:
            await connection.close()


async def existing_resolution(connection: Connection, resolution_id: UUID) -> Resolution:
    """A decision that must be there; raises UnknownIdError."""
    resolution = await resolution_by(connection, resolution_id)
    if resolution is None:
        raise UnknownIdError(f"there is no resolution {resolution_id}")
    return resolution


def _resolution_from(proposal: Proposal, plan: ResolutionPlan, entry_id: UUID, number: int) -> Resolution:
    entry: Entry | None = plan.entry
    return Resolution(
        id=proposal.id,
        break_id=proposal.break_id,
        number=number,
        action=proposal.action,
        amount=plan.amount,
        entry_id=entry_id,
        moment="" if entry is None else entry.moment,
        postings=posting_lines(entry),
        settlement=plan.settlement,
        reason=proposal.reason.strip(),
        maker=proposal.maker,
        rule="",
        made_at=datetime.now(UTC),
        checkers_needed=plan.checkers,
        reverses=proposal.reverses,
        approved_by=(),
        rejected_by=(),
        outcome=None,
        reversed_by=None,
        bank_reference=proposal.bank_reference.strip(),
    )


async def _event(
    connection: Connection, resolution: Resolution, actor: str, kind: BreakEventKind, state: BreakState
) -> NewEvent:
    night = await newest_night(connection)
    return NewEvent(resolution.break_id, night, actor, kind, state, resolution_facts(resolution))


def resolution_facts(resolution: Resolution) -> dict[str, object]:
    """The facts of a decision for its event."""
    facts: dict[str, object] = {
        "resolution": str(resolution.id),
        "action": resolution.action.value,
        "amount": resolution.amount,
    }
    if resolution.postings:
        facts["entry"] = str(resolution.entry_id)
    if resolution.reverses is not None:
        facts["reverses"] = str(resolution.reverses)
    return facts


def _refusal_of(problem: asyncpg.PostgresError) -> Exception:
    match problem.constraint_name:
        case name if name == _TWO_PERSONS:
            return OnePersonError()
        case name if name == _SPOKEN:
            return UnfitError("this checker has spoken already")
        case _:
            return BooksRefuseError(f"the books do not allow it ({problem.constraint_name})")

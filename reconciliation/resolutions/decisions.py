"""Proposing and checking decisions about breaks: each is one short transaction with its entry and event.

    propose   the rules are asked, the proposal and its event are written; the entry's id is fixed
    check     the check is written; the last needed approval ends the proposal, posts its entry and says so

Both take the lock of the event chain first, so two of them, or one and a night's run, never see half of each
other. Both can be repeated after a lost COMMIT: the ids were made before the first try.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.ports.finance import Connection, Finance
from ekpay_switch.security.identifiers import uuid7
from reconciliation.breaks.codes import Code
from reconciliation.calendar import Calendar, read_calendar
from reconciliation.resolutions.break_lookup import break_by, newest_night
from reconciliation.resolutions.decision_records import (
    BooksRefuseError,
    OnePersonError,
    Outcome,
    Resolution,
    UnfitError,
    UnknownIdError,
    Verdict,
    lines_of,
)
from reconciliation.resolutions.decision_rules import (
    Plan,
    plan_of,
    refuse_unless_open,
    reversal_entry_id,
    reversible,
    state_after,
)
from reconciliation.resolutions.decision_store import (
    add,
    add_check,
    add_end,
    movements_that_stand,
    nets_of,
    resolution_by,
    resolutions_of,
)
from reconciliation.resolutions.institution_sides import side_of
from reconciliation.resolutions.resolution_actions import Action, ResolutionRules, read_resolution_rules
from reconciliation.resolutions.resolution_postings import Apart, suspense_of, touches_our_bank
from reconciliation.results.event_chain import CHAIN_LOCK, NewEvent, append
from reconciliation.results.records import BreakEventKind, BreakRecord, BreakState

_TWO_PERSONS = "ck_resolution_checks_two_persons"
_SPOKEN = "pk_resolution_checks"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a person asks for; its id is made here, so that asking again after a lost answer asks once.

    `gains` is for rounding in our favour. `reverses` takes an approved decision back, whatever `action` says.
    """

    break_id: UUID
    action: Action
    reason: str
    maker: str
    gains: bool = False
    reverses: UUID | None = None
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """What another person says of a proposal."""

    resolution_id: UUID
    checker: str
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where finance decides. Callers have verified the persons; that they are two, the database says."""

    finance: Finance
    rules: ResolutionRules
    calendar: Calendar

    @classmethod
    def of(cls, finance: Finance) -> "Desk":
        """The desk by the rules of this installation; raises ConfigurationError."""
        config: Path = finance.config
        rules = read_resolution_rules(config / "resolutions.toml")
        return cls(finance, rules, read_calendar(config / "calendar.toml"))

    async def propose(self, proposal: Proposal) -> Resolution:
        """Write a proposal down.

        Raises:
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
                return standing or await self._write(connection, proposal)
        finally:
            await connection.close()

    async def _write(self, connection: Connection, proposal: Proposal) -> Resolution:
        broken = await break_by(connection, proposal.break_id, self.calendar)
        decisions = await resolutions_of(connection, proposal.break_id)
        if proposal.reverses is None:
            refuse_unless_open(broken, decisions)
            apart = await _apart(connection, broken, gains=proposal.gains)
            seen = (apart, side_of(self.finance.config, broken.institution))
            plan = plan_of(proposal.action, broken, seen, decisions, self.rules)
            entry_id = uuid5(proposal.id, "entry")
            await _refuse_unless_it_can_be_told(connection, proposal.action, broken)
        else:
            reversed_ = _named(decisions, proposal.reverses)
            plan = self._plan_of_reversal(broken, reversed_, decisions)
            proposal = replace(proposal, action=reversed_.action)
            entry_id = reversal_entry_id(reversed_)
        one = _drawn_up(proposal, plan, entry_id, len(decisions) + 1)
        await add(connection, one)
        event = await _event(connection, one, proposal.maker, BreakEventKind.PROPOSED, BreakState.PROPOSED)
        await append(connection, [replace(event, facts={**event.facts, "reason": one.reason})])
        return one

    def _plan_of_reversal(
        self, broken: BreakRecord, reversed_: Resolution, decisions: Sequence[Resolution]
    ) -> Plan:
        if broken.state is not BreakState.RESOLVED:
            refuse_unless_open(broken, decisions)
        entry = reversible(reversed_, decisions)
        below = [one for one in decisions if one.stands and one.id != reversed_.id]
        settlement = below[-1].settlement if below else ""
        return Plan(reversed_.amount, entry, settlement, self.rules.checkers(reversed_.amount))

    async def check(self, order: CheckOrder) -> Resolution:
        """Write down what a checker says; the last needed approval posts. The proposal as it then stands.

        Raises:
            BooksRefuseError: a floor or limit of the books does not allow the entry.
            OnePersonError: the checker is the maker.
            UnfitError: the proposal has ended, the break was closed meanwhile, or the checker has spoken.
            UnknownIdError: there is no such proposal.
        """
        connection = await self.finance.connect()
        try:
            one = await the_resolution(connection, order.resolution_id)
            accounts = {account for account, _ in one.postings}
            if touches_our_bank(one.action):
                broken = await break_by(connection, one.break_id, self.calendar)
                accounts.add(suspense_of(broken.institution))
            if order.verdict is Verdict.APPROVED and accounts:
                await self.finance.books.open_accounts(accounts)
            try:
                async with connection.transaction():
                    return await self._record(connection, order)
            except asyncpg.IntegrityConstraintViolationError as problem:
                await self._keep_attempt(connection, one, order, problem)
                raise _in_words(problem) from problem
        finally:
            await connection.close()

    async def _record(self, connection: Connection, order: CheckOrder) -> Resolution:
        await connection.execute(CHAIN_LOCK)
        one = await the_resolution(connection, order.resolution_id)
        if order.checker in (one.approved_by if order.verdict is Verdict.APPROVED else one.rejected_by):
            return one  # said before; the answer was lost
        if one.outcome is not None:
            raise UnfitError(f"the proposal has ended: {one.outcome.value}")
        broken = await break_by(connection, one.break_id, self.calendar)
        if broken.state is not BreakState.PROPOSED:
            raise UnfitError(f"the break is {broken.state.value} meanwhile, so nothing is decided any more")
        await add_check(connection, one, order.checker, order.verdict, order.reason)
        approvals = [*one.approved_by, order.checker]
        facts: dict[str, object] = {"reason": order.reason} if order.reason else {}
        if order.verdict is Verdict.REJECTED:
            await add_end(connection, one, Outcome.REJECTED, [order.checker])
        elif len(approvals) < one.checkers_needed:
            facts["check"] = f"{len(approvals)} of {one.checkers_needed}"
        else:
            await add_end(connection, one, Outcome.APPROVED, approvals)
            facts |= await self._carry_out(connection, one, broken)
        await self._tell(connection, one, order, facts)
        return await the_resolution(connection, one.id)

    async def _carry_out(
        self, connection: Connection, one: Resolution, broken: BreakRecord
    ) -> dict[str, object]:
        if one.action is Action.REPOST and one.reverses is None:
            movements = await movements_that_stand(connection, movements_of(broken))
            return {"woken": await self.finance.evidence.wake(connection, movements)}
        await self.finance.books.post(connection, one.adjustments)
        return {"settlement": one.settlement} if one.settlement else {}

    async def _tell(
        self, connection: Connection, one: Resolution, order: CheckOrder, facts: dict[str, object]
    ) -> None:
        decisions = await resolutions_of(connection, one.break_id)
        waits = any(other.waits for other in decisions)
        state = BreakState.PROPOSED if waits else state_after(decisions, self.rules)
        kind = BreakEventKind.REJECTED
        if order.verdict is Verdict.APPROVED:
            is_undone = one.reverses is not None and not waits
            kind = BreakEventKind.REVERSED if is_undone else BreakEventKind.APPROVED
        event = await _event(connection, one, order.checker, kind, state)
        await append(connection, [replace(event, facts={**event.facts, **facts})])

    async def _keep_attempt(
        self, connection: Connection, one: Resolution, order: CheckOrder, problem: asyncpg.PostgresError
    ) -> None:
        """Write down that the database refused somebody, in a transaction of its own: the other is gone."""
        async with connection.transaction():
            await connection.execute(CHAIN_LOCK)
            broken = await break_by(connection, one.break_id, self.calendar)
            event = await _event(connection, one, order.checker, BreakEventKind.REFUSED, broken.state)
            why = {"attempt": order.verdict.value, "constraint": problem.constraint_name or ""}
            await append(connection, [replace(event, facts={**event.facts, **why})])

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


async def the_resolution(connection: Connection, resolution_id: UUID) -> Resolution:
    """A decision that must be there; raises UnknownIdError."""
    one = await resolution_by(connection, resolution_id)
    if one is None:
        raise UnknownIdError(f"there is no resolution {resolution_id}")
    return one


def movements_of(broken: BreakRecord) -> list[UUID]:
    """The movements of our books that a break is about."""
    told = broken.told.get("movements", ())
    return [UUID(str(movement)) for movement in told] if isinstance(told, Sequence) else []


async def _apart(connection: Connection, broken: BreakRecord, *, gains: bool) -> Apart:
    """The break as postings see it, with what both sides come to after fees."""
    code = Code(broken.code)
    movements = movements_of(broken)
    nets = await nets_of(connection, broken.institution, movements, paid=code is not Code.REVERSAL_PENDING)
    # Of a payment that stands twice, one is right.
    ours = nets[-1:] if code is Code.DUP_IN_LEDGER else nets
    theirs = broken.told.get("net")
    return Apart(
        code,
        broken.amount,
        broken.difference,
        our_net=sum(ours) if ours else None,
        their_net=theirs if isinstance(theirs, int) else None,
        gains=gains,
    )


async def _refuse_unless_it_can_be_told(connection: Connection, action: Action, broken: BreakRecord) -> None:
    if action is Action.REPOST and not await movements_that_stand(connection, movements_of(broken)):
        raise UnfitError("no payment of ours is known to this break, so nothing can be asked again")


def _named(decisions: Sequence[Resolution], wanted: UUID) -> Resolution:
    for one in decisions:
        if one.id == wanted:
            return one
    raise UnknownIdError(f"the break has no decision {wanted}")


def _drawn_up(proposal: Proposal, plan: Plan, entry_id: UUID, number: int) -> Resolution:
    entry: Entry | None = plan.entry
    return Resolution(
        id=proposal.id,
        break_id=proposal.break_id,
        number=number,
        action=proposal.action,
        amount=plan.amount,
        entry_id=entry_id,
        moment="" if entry is None else entry.moment,
        postings=lines_of(entry),
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
    )


async def _event(
    connection: Connection, one: Resolution, actor: str, kind: BreakEventKind, state: BreakState
) -> NewEvent:
    night = await newest_night(connection)
    return NewEvent(one.break_id, night, actor, kind, state, facts_of(one))


def facts_of(one: Resolution) -> dict[str, object]:
    """What an event says of a decision."""
    facts: dict[str, object] = {"resolution": str(one.id), "action": one.action.value, "amount": one.amount}
    if one.postings:
        facts["entry"] = str(one.entry_id)
    if one.reverses is not None:
        facts["reverses"] = str(one.reverses)
    return facts


def _in_words(problem: asyncpg.PostgresError) -> Exception:
    match problem.constraint_name:
        case name if name == _TWO_PERSONS:
            return OnePersonError()
        case name if name == _SPOKEN:
            return UnfitError("this checker has spoken already")
        case _:
            return BooksRefuseError(f"the books do not allow it ({problem.constraint_name})")

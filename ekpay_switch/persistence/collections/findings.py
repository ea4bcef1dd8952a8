"""Writing a finding about a try under locks in one transaction, as `collections.funding.decide` plans it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import (
    LockedTry,
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryEnd,
    TryFinding,
    TryPlan,
    TrySnapshot,
    TryState,
    decide_try,
)
from ekpay_switch.domain.collections.further_movements import (
    is_other_movement,
    name_of_own_movement,
    own_movement_left_over,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.merchants.shares import Stake
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refunds.refund import RefundKind, refund_due_entry
from ekpay_switch.domain.routing.breaker import BreakerRules
from ekpay_switch.persistence.collections.break_refunds import is_owed_at_desk
from ekpay_switch.persistence.collections.finding_evidence import (
    HELD,
    IS_FIRST_HELD,
    facts_of_finding,
    further_alarm,
    is_worth_keeping,
    kind_of_finding,
)
from ekpay_switch.persistence.collections.further_movements import (
    MoneyBeside,
    is_further_movement,
    keep_told,
    keep_unbooked,
    open_unexpected_refund,
    read_money_beside,
    write_money_beside,
)
from ekpay_switch.persistence.collections.held_contradictions import tell_contradiction
from ekpay_switch.persistence.collections.refusals_left import read_refusals_left
from ekpay_switch.persistence.collections.route_outcomes import note_outcome
from ekpay_switch.persistence.collections.share_postings import (
    owe_merchant,
    post_entries,
    read_shares,
    sums_of_try,
)
from ekpay_switch.persistence.collections.unclaimed_callbacks import claim_callbacks
from ekpay_switch.persistence.payment_rows import (
    LEG,
    LOCK_TRY,
    MOVEMENT_LOCK,
    REFERENCE_LOCK,
    Row,
    add_notification,
    keep_evidence,
    lock_books,
    lock_name,
    lock_payment,
    move_payment,
    update_row,
)
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import TryRecorded

# A try is asked about at most once in so many seconds, however many callbacks come (architecture.md 5).
CALM_SECONDS = 5.0
OTHER_WITH = "SELECT true FROM tries WHERE connector_id = $1 AND attempt_id <> $2 AND {} = $3"
ABANDON_OTHERS = """
UPDATE attempts SET state = 'abandoned'
WHERE payment_id = $1 AND leg = $2 AND state = 'open' AND id <> $3
"""
# The ends at which money came in, and the alarm that each raises.
_MONEY_ENDS: Mapping[str, Alarm | None] = {
    TryEnd.APPROVED: None,
    TryEnd.SECOND_SUCCESS: Alarm.UNEXPECTED_MONEY,
    TryEnd.DISAGREED: Alarm.COLLECTED_MISMATCH,
}


async def record_finding(
    connection: Connection, locked_try: LockedTry, finding: TryFinding, breaker: BreakerRules
) -> TryRecorded | None:
    """See `ports.collections.Collections.record`; `breaker` says when this connector's opens.

    An epoch has one holder, who records one finding: where the epoch has recorded already, a COMMIT was not
    acknowledged. A try collects money once; whatever comes after that is evidence.
    """
    await _lock_names(connection, locked_try, finding)
    payment = await lock_payment(connection, locked_try.payment_id)
    try_row = await connection.fetchrow(LOCK_TRY, locked_try.attempt_id)
    assert payment is not None, "a locked try has its payment"
    case = _LockedFinding(connection, locked_try, payment, try_row)
    first = None if try_row["collected"] is None else case.name
    beside = await read_money_beside(connection, try_row, finding, first)
    has_recorded = try_row["recorded"] == locked_try.epoch == try_row["epoch"]
    if has_recorded and not beside.to_book and case.is_recorded(finding):
        return await case.recorded_before(finding)
    if has_recorded or try_row["epoch"] != locked_try.epoch:
        await case.keep_late(finding, beside)
        return None
    if try_row["collected"] is not None:
        return await case.keep_after_collecting(finding, beside)
    if isinstance(finding, PageOpened) and await case.is_named_twice(finding):
        finding = NothingCollected(TryEnd.NO_PAGE, "the connector returned another try's reference")
    recorded = await case.write(finding)
    await note_outcome(connection, locked_try, finding, breaker)
    return recorded


async def write_decision(
    connection: Connection, locked_try: LockedTry, finding: MoneyCollected | NothingCollected
) -> TryRecorded:
    """Write what persons decided about held money, under the new epoch that the caller has given the try.

    It locks as `record_finding` does, and says nothing of the connector's record.
    """
    await _lock_names(connection, locked_try, finding)
    payment = await lock_payment(connection, locked_try.payment_id)
    try_row = await connection.fetchrow(LOCK_TRY, locked_try.attempt_id)
    assert payment is not None, "a locked try has its payment"
    return await _LockedFinding(connection, locked_try, payment, try_row).write(finding)


async def _lock_names(connection: Connection, locked_try: LockedTry, finding: TryFinding) -> None:
    """Take the locks that come before the payment's row: the books, if money came, and the provider's names.

    A callback that names the same page, and another try with the same movement of money, are written before
    or after this transaction, never during it.
    """
    match finding:
        case MoneyCollected(judged=judged):
            await lock_books(connection, locked_try.lane)
            movements = (judged.collected, *judged.collected.further)
            for name in sorted({movement.provider_transaction for movement in movements}):
                await lock_name(connection, MOVEMENT_LOCK, locked_try.connector_id, name)
        case PageOpened(created=created):
            await lock_name(connection, REFERENCE_LOCK, locked_try.connector_id, created.provider_reference)
        case NothingCollected() | StillOpen() | MoneyHeld():
            pass
        case _:
            assert_never(finding)


@dataclass(frozen=True, slots=True)
class _LockedFinding:
    """The payment and the try of a finding, under lock."""

    connection: Connection
    locked_try: LockedTry
    payment: Row
    try_row: Row

    @property
    def now(self) -> datetime:
        now: datetime = self.payment["now"]
        return now

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    @property
    def name(self) -> str:
        """The provider's name of the movement that the try has collected."""
        return self.try_row["provider_transaction"] or ""

    def is_recorded(self, finding: TryFinding) -> bool:
        """Whether a finding whose epoch has recorded is written: of money, only an end with money is."""
        return not isinstance(finding, MoneyCollected) or self.try_row["outcome"] in _MONEY_ENDS

    def alarm_of_repeat(self, finding: TryFinding) -> Alarm | None:
        """The alarm that this finding raised when it was written."""
        is_beside = self.try_row["collected"] is not None and is_other_movement(finding, self.name)
        return Alarm.COLLECTED_MISMATCH if is_beside else _alarm_of(self.try_row)

    async def keep_late(self, finding: TryFinding, beside: MoneyBeside) -> None:
        """Keep a finding under an older epoch as evidence; if unbooked money came, make the try due."""
        await keep_unbooked(self.connection, self.locked_try.attempt_id, beside.unbooked)
        await keep_evidence(
            self.connection, self.locked_try, f"late:{kind_of_finding(finding)}", facts_of_finding(finding)
        )
        await tell_contradiction(self.connection, self.locked_try, finding)
        is_first = isinstance(finding, MoneyCollected) and self.try_row["collected"] is None
        if is_first or beside.to_book:
            await self._set_try({"next_action_at": self.now, "is_woken": True})

    async def keep_after_collecting(self, finding: TryFinding, beside: MoneyBeside) -> TryRecorded:
        """Keep a finding about a try that has collected its money; another movement raises an alarm.

        Who was woken meanwhile is asked again: this answer may be older than the news.
        """
        await keep_evidence(
            self.connection, self.locked_try, kind_of_finding(finding), facts_of_finding(finding)
        )
        await tell_contradiction(self.connection, self.locked_try, finding)
        news = await self._write_beside(finding, beside)
        again = self._due_when_woken(None, self.now) if self.try_row["is_woken"] else None
        unleased: dict[str, object] = {"lease_until": None, "next_action_at": again, "is_woken": False}
        await self._set_try({"recorded": self.locked_try.epoch, **unleased})
        is_other = is_other_movement(finding, self.name)
        if isinstance(finding, MoneyCollected):
            news -= {finding.judged.collected.provider_transaction}
        return TryRecorded(
            State(self.payment["state"]),
            Alarm.COLLECTED_MISMATCH if is_other else None,
            Alarm.PAID_TWICE if news else None,
        )

    async def _write_beside(self, finding: TryFinding, beside: MoneyBeside) -> set[str]:
        """Book and keep what came beside the try's own money; the provider's names of what is new."""
        if isinstance(finding, MoneyCollected):
            await keep_told(self.connection, self.locked_try, finding)
        return await write_money_beside(self.connection, self.payment, self.try_row, beside)

    async def recorded_before(self, finding: TryFinding) -> TryRecorded:
        """What was answered when this finding was recorded under its epoch; nothing is written."""
        state, alarm = State(self.payment["state"]), self.alarm_of_repeat(finding)
        named = (self.locked_try.payment_id, self.locked_try.attempt_id)
        if isinstance(finding, MoneyHeld) and await self.connection.fetchval(
            IS_FIRST_HELD, *named, HELD, self.try_row["held_at"]
        ):
            alarm = Alarm.HELD_FOR_RISK
        return TryRecorded(state, alarm, further_alarm(finding, alarm))

    async def is_named_twice(self, page: PageOpened) -> bool:
        return await self._belongs_to_other_try("provider_reference", page.created.provider_reference)

    async def write(self, finding: TryFinding) -> TryRecorded:
        """Decide the finding and write everything that its plan says."""
        snapshot = await self._snapshot(finding)
        plan = decide_try(snapshot, finding)
        state = State(self.payment["state"])
        if plan.events:
            state = await self._move(plan)
        elif is_worth_keeping(finding):
            facts = {**facts_of_finding(finding), **plan.facts}
            await keep_evidence(self.connection, self.locked_try, plan.end or kind_of_finding(finding), facts)
        await self._end_attempt(plan)
        await self._set_try(await self._try_columns(plan, finding))
        if plan.gives_back is not None:
            await open_unexpected_refund(self.connection, self.payment, self.try_row, plan.gives_back)
        await self._post(plan)
        if plan.notice:
            version = self.payment["steps"] + len(plan.events)
            await add_notification(self.connection, self.payment, plan.notice, version)
        await self._write_beside(finding, await self._beside(snapshot, plan, finding))
        return TryRecorded(state, plan.alarm, further_alarm(finding, plan.alarm))

    async def _beside(self, snapshot: TrySnapshot, plan: TryPlan, finding: TryFinding) -> MoneyBeside:
        """What came beside the money that the try collects by this plan, and what the plan leaves over."""
        first = name_of_own_movement(finding, plan)
        beside = await read_money_beside(self.connection, self.try_row, finding, first)
        own = own_movement_left_over(finding, plan, is_known=snapshot.is_movement_known)
        return beside if own is None else replace(beside, unbooked=(own, *beside.unbooked))

    async def _snapshot(self, finding: TryFinding) -> TrySnapshot:
        is_known = isinstance(finding, MoneyCollected) and await self._is_movement_known(
            finding.judged.collected.provider_transaction
        )
        return TrySnapshot(
            payment_state=State(self.payment["state"]),
            state=TryState(self.try_row["state"]),
            connector_id=self.locked_try.connector_id,
            sums=sums_of_try(self.payment, self.try_row),
            is_quote_expired=self.now >= self.payment["quote_expires_at"],
            is_movement_known=is_known,
            is_held=self.try_row["held_at"] is not None,
            shares=await self._shares(finding),
            refusals_left=await read_refusals_left(self.connection, self.payment, self.locked_try, finding),
            is_owed_at_desk=isinstance(finding, MoneyCollected)
            and await is_owed_at_desk(self.connection, self.locked_try.attempt_id),
        )

    async def _shares(self, finding: TryFinding) -> tuple[Stake, ...] | None:
        """The shares of a merchant's payment if money came; None for the payment of a bill."""
        if not isinstance(finding, MoneyCollected) or not is_merchant(self.payment["biller_id"]):
            return None
        return await read_shares(self.connection, self.locked_try.payment_id)

    async def _is_movement_known(self, name: str) -> bool:
        return await self._belongs_to_other_try("provider_transaction", name) or await is_further_movement(
            self.connection, self.locked_try.connector_id, name
        )

    async def _belongs_to_other_try(self, column: str, name: str) -> bool:
        connector_id, attempt_id = self.locked_try.connector_id, self.locked_try.attempt_id
        query = OTHER_WITH.format(column)
        return bool(name) and bool(await self.connection.fetchval(query, connector_id, attempt_id, name))

    async def _move(self, plan: TryPlan) -> State:
        due: datetime | None = None
        if plan.payment_due_seconds is not None:
            due = self.after(plan.payment_due_seconds)
        elif plan.events[-1:] == (Event.COLLECTION_CAME_TO_NOTHING,):
            due = self.payment["quote_expires_at"]
        new: dict[str, object] = {"next_action_at": due} | ({"refusal": plan.refusal} if plan.refusal else {})
        if plan.end is TryEnd.APPROVED:
            new |= {"collected_by": self.locked_try.connector_id, **self._price()}
            payment_id, attempt_id = self.locked_try.payment_id, self.locked_try.attempt_id
            await self.connection.execute(ABANDON_OTHERS, payment_id, LEG, attempt_id)
        return await move_payment(self.connection, self.payment, plan.events, plan.facts, new)

    def _price(self) -> dict[str, object]:
        """The columns of the payment's price: that of the try that funded it."""
        sums = sums_of_try(self.payment, self.try_row)
        return {"charge": sums.charge.minor, "fee": sums.fee.minor, "vat": sums.vat.minor}

    async def _end_attempt(self, plan: TryPlan) -> None:
        """Close the attempt; one that ended without money keeps its end, unless money came after all."""
        if plan.end is None or (self.try_row["state"] == TryState.CLOSED and plan.end not in _MONEY_ENDS):
            return
        closed = {"state": plan.state, "outcome": plan.end, "closed_at": self.now}
        await update_row(self.connection, "attempts", {"id": self.locked_try.attempt_id}, closed)

    async def _try_columns(self, plan: TryPlan, finding: TryFinding) -> dict[str, object]:
        """The new columns of the try: its lease is over, and it is due again where the finding says so."""
        new: dict[str, object] = {"recorded": self.locked_try.epoch, "lease_until": None, "is_woken": False}
        is_woken, is_agreed = bool(self.try_row["is_woken"]), bool(self.try_row["is_agreed"])
        asked_at, due = self.try_row["asked_at"], None
        match finding:
            case PageOpened(created=page, ask_again_seconds=again, life_seconds=life):
                due = self.after(again)
                new |= {"provider_reference": page.provider_reference, "page_url": page.page_url}
                new["page_until"] = self.after(life)
                connector_id = self.locked_try.connector_id
                claimed = await claim_callbacks(self.connection, connector_id, page.provider_reference)
                is_woken = is_woken or claimed["is_agreed"] is not None
                is_agreed = is_agreed or bool(claimed["is_agreed"])
                new["consent"] = self.try_row["consent"] or claimed["consent"]
            case StillOpen(ask_again_seconds=again):
                due = None if again is None else self.after(again)
                asked_at = self.now if finding.was_asked else asked_at
                inquiries = 0 if finding.is_new_doubt else self.try_row["asked"]
                new |= {"asked": inquiries + finding.was_asked, "asked_at": asked_at}
                new["executes_begun"] = self.try_row["executes_begun"] - finding.is_execute_undone
            case MoneyHeld(ask_again_seconds=again):
                due, asked_at = self.after(again), self.now
                new |= {"asked": self.try_row["asked"] + 1, "asked_at": asked_at}
                new["held_at"] = self.try_row["held_at"] or self.now
            case MoneyCollected(judged=judged):
                new["held_at"] = None
                new |= self._collected_columns(plan, judged.collected.provider_transaction)
                is_woken = False
            case NothingCollected(look_again_seconds=again):
                new["held_at"] = None
                due = None if again is None else self.after(again)
            case _:
                assert_never(finding)
        new["is_agreed"] = is_agreed and is_woken
        new["next_action_at"] = self._due_when_woken(due, asked_at) if is_woken else due
        return new

    def _due_when_woken(self, due: datetime | None, asked_at: datetime | None) -> datetime:
        soon = self.now if asked_at is None else max(self.now, asked_at + timedelta(seconds=CALM_SECONDS))
        return soon if due is None else min(due, soon)

    def _collected_columns(self, plan: TryPlan, name: str) -> dict[str, object]:
        if plan.collected is None:
            return {}
        return {
            "collected": plan.collected.minor,
            "collected_at": self.now,
            "provider_transaction": name or None,
            "refunded": 0 if plan.gives_back is None else plan.gives_back.minor,
        }

    async def _post(self, plan: TryPlan) -> None:
        entries = [*plan.entries]
        if plan.gives_back is not None:
            payee, connector_id = self.payment["biller_id"], self.locked_try.connector_id
            entry = refund_due_entry(RefundKind.UNEXPECTED, payee, connector_id, plan.gives_back)
            entries += [] if entry is None else [entry]
        await post_entries(self.connection, self.payment, entries)
        if Event.MERCHANT_CREDITED in plan.events:
            await owe_merchant(self.connection, self.payment)

    async def _set_try(self, new: Mapping[str, object]) -> None:
        key = {"attempt_id": self.locked_try.attempt_id, "epoch": self.try_row["epoch"]}
        await update_row(self.connection, "tries", key, new)


def _alarm_of(try_row: Row) -> Alarm | None:
    """The alarm of a try whose end was recorded before."""
    if try_row["outcome"] == TryEnd.SECOND_SUCCESS and not try_row["refunded"]:
        return Alarm.PAID_BACK_AT_DESK
    return _MONEY_ENDS.get(try_row["outcome"])

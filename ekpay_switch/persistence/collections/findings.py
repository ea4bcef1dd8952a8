"""Writing what was found out about a try, as `domain.funding.decide` says, under locks in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import (
    CameToNothing,
    Finding,
    HeldTry,
    MoneyCame,
    PageOpened,
    SeenTry,
    Step,
    StillOpen,
    TryEnd,
    TryPlan,
    TryState,
    decide,
)
from ekpay_switch.domain.merchants import is_merchant
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState, owing
from ekpay_switch.domain.routing.breaker import BreakerRules
from ekpay_switch.domain.shares import Stake
from ekpay_switch.persistence.collections.route_outcomes import note_outcome
from ekpay_switch.persistence.collections.share_postings import (
    owe_merchant,
    post_all,
    read_shares,
    sums_of_try,
)
from ekpay_switch.persistence.own_transactions import Connection
from ekpay_switch.persistence.payment_rows import (
    LEG,
    LOCK_TRY,
    MOVEMENT_LOCK,
    REFERENCE_LOCK,
    Row,
    change,
    keep_evidence,
    lock_books,
    lock_name,
    lock_payment,
    move_payment,
    tell,
)
from ekpay_switch.ports.collections import TryRecorded
from ekpay_switch.security.identifiers import unguessable, uuid7

# A try is asked about at most once in so many seconds, however many callbacks come (architecture.md 5).
CALM_SECONDS = 5.0
IS_BEGUN = """
SELECT true FROM evidence WHERE payment_id = $1 AND attempt_id = $2 AND epoch = $3 AND kind = $4
"""
OTHER_WITH = "SELECT true FROM tries WHERE connector_id = $1 AND attempt_id <> $2 AND {} = $3"
CALLED_BACK = """
SELECT bool_or(is_agreed) AS is_agreed, (array_agg(consent ORDER BY id) FILTER (WHERE consent IS NOT NULL))[1]
  AS consent FROM callbacks
WHERE connector_id = $1 AND provider_reference = $2 AND NOT is_forged
"""
ABANDON_OTHERS = """
UPDATE attempts SET state = 'abandoned'
WHERE payment_id = $1 AND leg = $2 AND state = 'open' AND id <> $3
"""
NEW_REFUND = """
INSERT INTO refunds (id, payment_id, attempt_id, partner_id, connector_id, kind, reference, fingerprint,
  amount, reason, state, asked_by, our_reference, next_action_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, 'the payment did not wait for this money', $9, 'switch', $10,
  now())
"""
# The ends that say that money came, and what a person is told then.
_MONEY_ENDS: Mapping[str, Alarm | None] = {
    TryEnd.APPROVED: None,
    TryEnd.SECOND_SUCCESS: Alarm.UNEXPECTED_MONEY,
    TryEnd.DISAGREED: Alarm.COLLECTED_MISMATCH,
}


async def begin_execute(
    connection: Connection, held: HeldTry, send_seconds: float, hold_seconds: float
) -> bool:
    """See `collect_ports.Collections.begin_execute`; written twice it is begun once."""
    payment = await lock_payment(connection, held.payment_id)
    one = await connection.fetchrow(LOCK_TRY, held.attempt_id)
    assert payment is not None, "a try that is held has its payment"
    if one["epoch"] != held.epoch or one["recorded"] == held.epoch or one["state"] != TryState.OPEN:
        return False
    if State(payment["state"]) is not State.COLLECTING or payment["now"] >= payment["quote_expires_at"]:
        return False
    count = held.executes_begun + 1
    kind = f"begun:{Step.EXECUTE}:{count}"
    if await connection.fetchval(IS_BEGUN, held.payment_id, held.attempt_id, held.epoch, kind):
        return True
    now: datetime = payment["now"]
    hold_until = now + timedelta(seconds=hold_seconds)
    holding = {"executes_begun": count, "asked": 0, "lease_until": hold_until, "next_action_at": hold_until}
    await change(connection, "tries", {"attempt_id": held.attempt_id, "epoch": held.epoch}, holding)
    send_until = now + timedelta(seconds=send_seconds)
    sending = {"step": Step.EXECUTE, "sends": one["sends"] + 1, "send_until": send_until}
    await change(connection, "attempts", {"id": held.attempt_id}, sending)
    await keep_evidence(connection, held, kind, {})
    return True


async def record_finding(
    connection: Connection, held: HeldTry, finding: Finding, breaker: BreakerRules
) -> TryRecorded | None:
    """See `collect_ports.Collections.record`; `breaker` says when this connector's opens.

    An epoch has one holder, who records one finding: where the epoch has recorded already, a COMMIT was not
    heard of. Money is believed once a try, whatever comes after it is evidence.
    """
    await _lock_names(connection, held, finding)
    payment = await lock_payment(connection, held.payment_id)
    one = await connection.fetchrow(LOCK_TRY, held.attempt_id)
    assert payment is not None, "a try that is held has its payment"
    case = _Case(connection, held, payment, one)
    has_recorded = one["recorded"] == held.epoch == one["epoch"]
    if has_recorded and (not isinstance(finding, MoneyCame) or one["outcome"] in _MONEY_ENDS):
        return TryRecorded(State(payment["state"]), _MONEY_ENDS.get(one["outcome"]))
    if has_recorded or one["epoch"] != held.epoch:
        await case.keep_late(finding)
        return None
    if one["collected"] is not None:
        return await case.keep_beside(finding)
    if isinstance(finding, PageOpened) and await case.is_named_twice(finding):
        finding = CameToNothing(TryEnd.NO_PAGE, "the connector told another try's name")
    recorded = await case.write(finding)
    await note_outcome(connection, held, finding, breaker)
    return recorded


async def _lock_names(connection: Connection, held: HeldTry, finding: Finding) -> None:
    """What comes before the payment's row: the books where money may be posted, and names over there.

    A callback that names a page, and another try that names the same movement of money, are written before
    or after this, never beside it.
    """
    match finding:
        case MoneyCame(judged=judged):
            await lock_books(connection, held.lane)
            name = judged.collected.provider_transaction
            await lock_name(connection, MOVEMENT_LOCK, held.connector_id, name)
        case PageOpened(created=created):
            await lock_name(connection, REFERENCE_LOCK, held.connector_id, created.provider_reference)
        case CameToNothing() | StillOpen():
            pass
        case _:
            assert_never(finding)


@dataclass(frozen=True, slots=True)
class _Case:
    """A finding's payment and try, under lock."""

    connection: Connection
    held: HeldTry
    payment: Row
    one: Row

    @property
    def now(self) -> datetime:
        now: datetime = self.payment["now"]
        return now

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    async def keep_late(self, finding: Finding) -> None:
        """Somebody else took the try over: money is asked about at once, nothing else is done."""
        await keep_evidence(self.connection, self.held, f"late:{_kind(finding)}", _facts(finding))
        if isinstance(finding, MoneyCame) and self.one["collected"] is None:
            await self._set_try({"next_action_at": self.now, "is_woken": True})

    async def keep_beside(self, finding: Finding) -> TryRecorded:
        """The money of this try stands already; another movement under it is a matter for people."""
        await keep_evidence(self.connection, self.held, _kind(finding), _facts(finding))
        await self._set_try(
            {"recorded": self.held.epoch, "lease_until": None, "next_action_at": None, "is_woken": False}
        )
        is_another = (
            isinstance(finding, MoneyCame)
            and finding.judged.collected.provider_transaction != self.one["provider_transaction"]
        )
        return TryRecorded(State(self.payment["state"]), Alarm.COLLECTED_MISMATCH if is_another else None)

    async def is_named_twice(self, page: PageOpened) -> bool:
        return await self._is_anothers("provider_reference", page.created.provider_reference)

    async def write(self, finding: Finding) -> TryRecorded:
        """Judge the finding and write all that follows."""
        plan = decide(await self._seen(finding), finding)
        state = State(self.payment["state"])
        if plan.events:
            state = await self._move(plan)
        elif _is_kept(finding):
            facts = {**_facts(finding), **plan.facts}
            await keep_evidence(self.connection, self.held, plan.end or _kind(finding), facts)
        await self._end_attempt(plan)
        await self._set_try(await self._try_after(plan, finding))
        if plan.gives_back is not None:
            await self._open_refund(plan)
        await self._post(plan)
        if plan.notice:
            version = self.payment["steps"] + len(plan.events)
            await tell(self.connection, self.payment, plan.notice, version)
        return TryRecorded(state, plan.alarm)

    async def _seen(self, finding: Finding) -> SeenTry:
        is_known = False
        if isinstance(finding, MoneyCame):
            is_known = await self._is_anothers(
                "provider_transaction", finding.judged.collected.provider_transaction
            )
        return SeenTry(
            payment_state=State(self.payment["state"]),
            state=TryState(self.one["state"]),
            connector_id=self.held.connector_id,
            sums=sums_of_try(self.payment, self.one),
            is_over=self.now >= self.payment["quote_expires_at"],
            is_movement_known=is_known,
            shares=await self._shares(finding),
        )

    async def _shares(self, finding: Finding) -> tuple[Stake, ...] | None:
        """Those of a merchant's payment, where they may be credited; None where a bill is paid."""
        if not isinstance(finding, MoneyCame) or not is_merchant(self.payment["biller_id"]):
            return None
        return await read_shares(self.connection, self.held.payment_id)

    async def _is_anothers(self, column: str, name: str) -> bool:
        of = (self.held.connector_id, self.held.attempt_id, name)
        return bool(name) and bool(await self.connection.fetchval(OTHER_WITH.format(column), *of))

    async def _move(self, plan: TryPlan) -> State:
        due: datetime | None = None
        if plan.payment_due_seconds is not None:
            due = self.after(plan.payment_due_seconds)
        elif plan.events[-1:] == (Event.COLLECTION_CAME_TO_NOTHING,):
            due = self.payment["quote_expires_at"]
        new: dict[str, object] = {"next_action_at": due}
        if plan.end is TryEnd.APPROVED:
            new |= {"collected_by": self.held.connector_id, **self._price()}
            others = (self.held.payment_id, LEG, self.held.attempt_id)
            await self.connection.execute(ABANDON_OTHERS, *others)
        return await move_payment(self.connection, self.payment, plan.events, plan.facts, new)

    def _price(self) -> dict[str, object]:
        """The payment's row shows the price that counts: of the try that funded it."""
        sums = sums_of_try(self.payment, self.one)
        return {"charge": sums.charge.minor, "fee": sums.fee.minor, "vat": sums.vat.minor}

    async def _end_attempt(self, plan: TryPlan) -> None:
        """A try that had come to nothing before keeps its end, unless money came after all."""
        if plan.end is None or (self.one["state"] == TryState.CLOSED and plan.end not in _MONEY_ENDS):
            return
        closed = {"state": plan.state, "outcome": plan.end, "closed_at": self.now}
        await change(self.connection, "attempts", {"id": self.held.attempt_id}, closed)

    async def _try_after(self, plan: TryPlan, finding: Finding) -> dict[str, object]:
        """The columns of the try: nobody holds it, and it is looked at again when there is reason to."""
        new: dict[str, object] = {"recorded": self.held.epoch, "lease_until": None, "is_woken": False}
        is_woken, is_agreed = bool(self.one["is_woken"]), bool(self.one["is_agreed"])
        asked_at, due = self.one["asked_at"], None
        match finding:
            case PageOpened(created=page, ask_again_seconds=again, life_seconds=life):
                due = self.after(again)
                new |= {"provider_reference": page.provider_reference, "page_url": page.page_url}
                new["page_until"] = self.after(life)
                claimed = await self._called_back(page.provider_reference)
                is_woken = is_woken or claimed["is_agreed"] is not None
                is_agreed = is_agreed or bool(claimed["is_agreed"])
                new["consent"] = self.one["consent"] or claimed["consent"]
            case StillOpen(ask_again_seconds=again):
                due = None if again is None else self.after(again)
                asked_at = self.now if finding.was_asked else asked_at
                asked = 0 if finding.is_new_doubt else self.one["asked"]
                new |= {"asked": asked + finding.was_asked, "asked_at": asked_at}
                new["executes_begun"] = self.one["executes_begun"] - finding.is_execute_undone
            case MoneyCame(judged=judged):
                new |= self._brought_in(plan, judged.collected.provider_transaction)
                is_woken = False
            case CameToNothing(look_again_seconds=again):
                due = None if again is None else self.after(again)
            case _:
                assert_never(finding)
        new["is_agreed"] = is_agreed and is_woken
        new["next_action_at"] = self._soon(due, asked_at) if is_woken else due
        return new

    async def _called_back(self, provider_reference: str) -> Row:
        """What callbacks before this answer claimed of the page: agreement or not, None where none came."""
        claimed: Row = await self.connection.fetchrow(CALLED_BACK, self.held.connector_id, provider_reference)
        return claimed

    def _soon(self, due: datetime | None, asked_at: datetime | None) -> datetime:
        soon = self.now if asked_at is None else max(self.now, asked_at + timedelta(seconds=CALM_SECONDS))
        return soon if due is None else min(due, soon)

    def _brought_in(self, plan: TryPlan, name: str) -> dict[str, object]:
        if plan.collected is None:
            return {}
        return {
            "collected": plan.collected.minor,
            "collected_at": self.now,
            "provider_transaction": name or None,
            "refunded": 0 if plan.gives_back is None else plan.gives_back.minor,
        }

    async def _open_refund(self, plan: TryPlan) -> None:
        """The refund of money that its payment did not wait for; nobody has to ask for it."""
        assert plan.gives_back is not None, "the caller looked"
        kind, attempt_id = RefundKind.UNEXPECTED, self.held.attempt_id
        of = (uuid7(), self.held.payment_id, attempt_id, self.payment["partner_id"], self.held.connector_id)
        told = (kind, f"{kind}:{attempt_id}", plan.gives_back.minor, RefundState.APPROVED, unguessable())
        await self.connection.execute(NEW_REFUND, *of, *told)

    async def _post(self, plan: TryPlan) -> None:
        entries = [*plan.entries]
        if plan.gives_back is not None:
            payee, connector_id = self.payment["biller_id"], self.held.connector_id
            owed = owing(RefundKind.UNEXPECTED, payee, connector_id, plan.gives_back)
            entries += [] if owed is None else [owed]
        await post_all(self.connection, self.payment, entries)
        if Event.MERCHANT_CREDITED in plan.events:
            await owe_merchant(self.connection, self.payment)

    async def _set_try(self, new: Mapping[str, object]) -> None:
        key = {"attempt_id": self.held.attempt_id, "epoch": self.one["epoch"]}
        await change(self.connection, "tries", key, new)


def _is_kept(finding: Finding) -> bool:
    """Whether a finding that moves nothing is worth a row: not that we waited for our own inquiry budget."""
    match finding:
        case StillOpen():
            return finding.was_asked or finding.is_new_doubt
        case PageOpened(created=created):
            return bool(created.facts)
        case MoneyCame() | CameToNothing():
            return True
        case _:
            assert_never(finding)


def _kind(finding: Finding) -> str:
    """The word under which a finding is kept as evidence."""
    match finding:
        case PageOpened():
            return "page_opened"
        case MoneyCame():
            return "money_came"
        case CameToNothing(end=end):
            return end.value
        case StillOpen(is_new_doubt=True):
            return "execute_in_doubt"
        case StillOpen(was_asked=was_asked):
            return "inquiry" if was_asked else "still_open"
        case _:
            assert_never(finding)


def _facts(finding: Finding) -> dict[str, str]:
    match finding:
        case PageOpened(created=created):
            return {**created.facts, "provider_reference": created.provider_reference}
        case MoneyCame(judged=judged):
            came = judged.collected
            told = {"provider_transaction": came.provider_transaction, "reference": came.reference}
            amount = {"collected_amount": str(came.amount.minor), "collected_currency": came.amount.currency}
            return {**came.facts, **told, **amount}
        case CameToNothing(why=why) | StillOpen(why=why):
            return {"why": why}
        case _:
            assert_never(finding)

"""What a step of a refund writes: its history, its entry, its payment's own step and the notification.

All of it is written under the locks of `rows.lock_target` and in their transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import Event, State, walk
from ekpay_switch.domain.payments.delivery import LATE_TO_ASK_ABOUT, AttemptEnd
from ekpay_switch.domain.refunds.burden import Bearer
from ekpay_switch.domain.refunds.refund import (
    LockedRefund,
    RefundEvent,
    RefundKind,
    RefundPlan,
    RefundState,
    refund_after,
    refund_due_entry,
)
from ekpay_switch.persistence.collections.share_postings import write_share_reversal
from ekpay_switch.persistence.fact_texts import facts_as_json
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.decide import ACTOR
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.payment_rows import (
    NEW_EVIDENCE,
    NEW_HISTORY,
    add_notification,
    update_row,
)
from ekpay_switch.persistence.refunds.rows import Row, change_running_totals
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.security.identifiers import uuid7

NEW_STEP = """
INSERT INTO refund_history (refund_id, seq, from_state, event, to_state, actor, facts)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_LATE_KINDS = ", ".join(f"'late:{end}'" for end in sorted(LATE_TO_ASK_ABOUT))
# "Not posted" rests on an inquiry or on a second send, or an answer under an older epoch contradicts it
# (docs/adr/0024, law 14).
MAY_BE_POSTED = f"""
SELECT EXISTS (SELECT FROM attempts AS a WHERE a.payment_id = $1 AND a.leg = 'delivery' AND (
  a.outcome = '{AttemptEnd.NOT_POSTED}' OR a.sends > 1
  OR EXISTS (SELECT FROM evidence AS e
    WHERE e.payment_id = a.payment_id AND e.attempt_id = a.id AND e.kind IN ({_LATE_KINDS}))))
"""  # noqa: S608 - constants
ASK_SOONER = """
UPDATE refunds SET next_action_at = least(next_action_at, now()) WHERE id = $1 AND next_action_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class StepDetails:
    """Who moves a refund, and which further columns of it change."""

    actor: str = ACTOR
    changes: Mapping[str, object] = field(default_factory=dict)


async def write_plan(
    connection: Connection, payment: Row, refund: Row, plan: RefundPlan, details: StepDetails
) -> RefundState:
    """Write everything that a plan for a refund says, which ends its epoch; returns its new state.

    Raises:
        IllegalTransitionError: the refund or its payment is not in a state that allows it.
    """
    again, now = plan.ask_again_seconds, payment["now"]
    written: dict[str, object] = {
        "next_action_at": None if again is None else now + timedelta(seconds=again),
        "lease_until": None,
        "epoch": refund["epoch"] + 1,
        "asked": refund["asked"] + (plan.event is RefundEvent.DOUBTED),
        "provider_refund": plan.provider_refund or refund["provider_refund"],
        **details.changes,
    }
    state = await move_refund(connection, refund, plan.event, plan.facts, StepDetails(details.actor, written))
    if plan.frees:
        await change_running_totals(connection, refund, -1)
        if is_merchant(payment["biller_id"]):
            moves_back = Money(-refund["amount"], refund["currency"])
            await write_share_reversal(connection, payment, refund["connector_id"], moves_back)
    if plan.entry is not None:
        await post(connection, refund, plan.entry)
    version = await move_payment_of_refund(
        connection, payment, plan.payment_events, plan.facts, details.actor
    )
    if plan.notice:
        await add_notification(connection, payment, plan.notice, version)
    return state


async def move_refund(
    connection: Connection, refund: Row, event: RefundEvent, facts: Mapping[str, str], details: StepDetails
) -> RefundState:
    """Write one step of the refund and the further columns of `details`; returns its new state.

    Raises:
        IllegalTransitionError: the event is not allowed in the refund's state.
    """
    before = RefundState(refund["state"])
    following, seq = refund_after(before, event), refund["steps"] + 1
    await connection.execute(
        NEW_STEP,
        refund["id"],
        seq,
        str(before),
        str(event),
        str(following),
        details.actor,
        facts_as_json(facts),
    )
    changed = {"state": str(following), "steps": seq, "updated_at": refund["now"], **details.changes}
    await update_row(connection, "refunds", {"id": refund["id"]}, changed)
    return following


async def post(connection: Connection, refund: Row, entry: Entry) -> None:
    """Write an entry of the refund's payment; the head of its lane is locked."""
    await write_batch(connection, [PostEntry(uuid7(), refund["lane"], entry, refund["payment_id"])])


async def owe(connection: Connection, payment: Row, refund: Row) -> None:
    """Post what becomes owed to the payer by an approved refund, taken from whoever was credited.

    What a chargeback takes from suspense is another entry.
    """
    kind = RefundKind(refund["kind"])
    amount = Money(refund["amount"] - refund["from_suspense"], refund["currency"])
    bearer = Bearer(refund["bearer"])
    entry = refund_due_entry(kind, payment["biller_id"], refund["connector_id"], amount, bearer)
    if entry is not None:
        await post(connection, refund, entry)
    elif kind in {RefundKind.REFUND, RefundKind.CHARGEBACK}:
        await write_share_reversal(connection, payment, refund["connector_id"], amount)


async def move_payment_of_refund(
    connection: Connection, payment: Row, events: Iterable[Event], facts: Mapping[str, str], actor: str
) -> int:
    """Move the payment through these events; returns its number of steps then.

    The payment keeps its facts: how the money went back is in its refund.

    Raises:
        IllegalTransitionError: the payment is not in a state that allows them.
    """
    steps, before = walk(State(payment["state"]), events), int(payment["steps"])
    if not steps:
        return before
    for seq, step in enumerate(steps, before + 1):
        facts_json = facts_as_json(facts)
        await connection.execute(NEW_HISTORY, payment["id"], seq, *map(str, step), actor, facts_json)
    state, version = steps[-1][2], before + len(steps)
    is_watched = state is State.REFUNDED and await connection.fetchval(MAY_BE_POSTED, payment["id"])
    now = payment["now"]
    columns = {
        "state": str(state),
        "steps": version,
        "updated_at": now,
        "lease_until": None,
        "next_action_at": now if is_watched else None,
    }
    await update_row(connection, "payments", {"id": payment["id"]}, columns)
    return version


async def keep_as_evidence(connection: Connection, locked_refund: LockedRefund, plan: RefundPlan) -> None:
    """Store an answer that came too late to set anything, and make the refund due at once (law 14).

    The refund's id takes the place of an attempt id.
    """
    await connection.execute(
        NEW_EVIDENCE, locked_refund.payment_id, locked_refund.refund_id, locked_refund.epoch,
        f"late_refund:{plan.event}", facts_as_json(plan.facts),
    )  # fmt: skip
    await connection.execute(ASK_SOONER, locked_refund.refund_id)

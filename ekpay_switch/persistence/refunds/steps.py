"""What a step of a refund writes: its history, its entry, its payment's own step and who is told of it.

All of it is written under the locks of `refund_rows.lock_place` and in their transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ekpay_switch.domain.delivery import LATE_TO_ASK_ABOUT, AttemptEnd
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.merchants import is_merchant
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import Event, State, walk
from ekpay_switch.domain.refunds.refund import (
    HeldRefund,
    RefundEvent,
    RefundKind,
    RefundPlan,
    RefundState,
    owing,
    refund_after,
)
from ekpay_switch.persistence.collections.share_postings import write_unwound
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.decide import ACTOR
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.own_transactions import Connection
from ekpay_switch.persistence.payment_rows import NEW_EVIDENCE, NEW_HISTORY, as_json, change, tell
from ekpay_switch.persistence.refunds.rows import HOLD, Row
from ekpay_switch.security.identifiers import uuid7

NEW_STEP = """
INSERT INTO refund_history (refund_id, seq, from_state, event, to_state, actor, facts)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_LATE_KINDS = ", ".join(f"'late:{end}'" for end in sorted(LATE_TO_ASK_ABOUT))
# Only a question, or a second sending, said that it was not posted; or an answer under an old epoch said
# otherwise (docs/adr/0024, law 14).
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
class Doing:
    """Who moves a refund, and which further columns of it they set."""

    actor: str = ACTOR
    changes: Mapping[str, object] = field(default_factory=dict)


async def write_plan(
    connection: Connection, payment: Row, refund: Row, plan: RefundPlan, doing: Doing
) -> RefundState:
    """Write all that a finding about a refund leads to, which ends its epoch; what the refund is then.

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
        **doing.changes,
    }
    state = await move_refund(connection, refund, plan.event, plan.facts, Doing(doing.actor, written))
    if plan.frees:
        await connection.execute(HOLD, refund["attempt_id"], -refund["amount"])
        if is_merchant(payment["biller_id"]):
            moves_back = Money(-refund["amount"], refund["currency"])
            await write_unwound(connection, payment, refund["connector_id"], moves_back)
    if plan.entry is not None:
        await post(connection, refund, plan.entry)
    version = await move_payment_of_refund(connection, payment, plan.payment_events, plan.facts, doing.actor)
    if plan.notice:
        await tell(connection, payment, plan.notice, version)
    return state


async def move_refund(
    connection: Connection, refund: Row, event: RefundEvent, facts: Mapping[str, str], doing: Doing
) -> RefundState:
    """Write one step of the refund and what else changes of it.

    Raises:
        IllegalTransitionError: the table has no such step.
    """
    before = RefundState(refund["state"])
    following, seq = refund_after(before, event), refund["steps"] + 1
    step = (refund["id"], seq, str(before), str(event), str(following), doing.actor)
    await connection.execute(NEW_STEP, *step, as_json(dict(facts)))
    changed = {"state": str(following), "steps": seq, "updated_at": refund["now"], **doing.changes}
    await change(connection, "refunds", {"id": refund["id"]}, changed)
    return following


async def post(connection: Connection, refund: Row, entry: Entry) -> None:
    """Write an entry of the refund's payment; the head of its lane is locked."""
    await write_batch(connection, [PostEntry(uuid7(), refund["lane"], entry, refund["payment_id"])])


async def owe(connection: Connection, payment: Row, refund: Row) -> None:
    """Make the money of a refund, which is approved now, owed to its payer by whoever was credited."""
    kind, amount = RefundKind(refund["kind"]), Money(refund["amount"], refund["currency"])
    entry = owing(kind, payment["biller_id"], refund["connector_id"], amount)
    if entry is not None:
        await post(connection, refund, entry)
    elif kind in {RefundKind.REFUND, RefundKind.CHARGEBACK}:
        await write_unwound(connection, payment, refund["connector_id"], amount)


async def move_payment_of_refund(
    connection: Connection, payment: Row, events: Iterable[Event], facts: Mapping[str, str], actor: str
) -> int:
    """Let the payment take these steps; how many it has then.

    What it was refused for stays what it says of itself: how the money went back is told by its refund.

    Raises:
        IllegalTransitionError: the payment is not in a state that allows them.
    """
    steps, before = walk(State(payment["state"]), events), int(payment["steps"])
    if not steps:
        return before
    for seq, step in enumerate(steps, before + 1):
        told = as_json(dict(facts))
        await connection.execute(NEW_HISTORY, payment["id"], seq, *map(str, step), actor, told)
    state, version = steps[-1][2], before + len(steps)
    is_watched = state is State.REFUNDED and await connection.fetchval(MAY_BE_POSTED, payment["id"])
    now = payment["now"]
    moved = {"state": str(state), "steps": version, "updated_at": now, "lease_until": None}
    due = {"next_action_at": now if is_watched else None}
    await change(connection, "payments", {"id": payment["id"]}, moved | due)
    return version


async def keep_as_evidence(connection: Connection, held: HeldRefund, plan: RefundPlan) -> None:
    """Keep an answer that came too late to set anything, and have the refund asked about at once (law 14).

    A refund is an attempt of its own at giving back, so its id stands in the place of an attempt's.
    """
    kind = f"late_refund:{plan.event}"
    of = (held.payment_id, held.refund_id, held.epoch)
    await connection.execute(NEW_EVIDENCE, *of, kind, as_json(dict(plan.facts)))
    await connection.execute(ASK_SOONER, held.refund_id)

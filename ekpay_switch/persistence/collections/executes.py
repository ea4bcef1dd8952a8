"""Beginning an execute: durable before it is sent, and never while money of the payment is held."""

from datetime import datetime, timedelta

from ekpay_switch.domain.collections.funding import LockedTry, Step, TryState
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.payment_rows import (
    LOCK_TRY,
    is_money_held,
    keep_evidence,
    lock_payment,
    update_row,
)
from ekpay_switch.persistence.short_transactions import Connection

IS_BEGUN = """
SELECT true FROM evidence WHERE payment_id = $1 AND attempt_id = $2 AND epoch = $3 AND kind = $4
"""


async def begin_execute(
    connection: Connection, locked_try: LockedTry, send_seconds: float, hold_seconds: float
) -> bool:
    """See `ports.collections.Collections.begin_execute`; repeated, it begins the execute once."""
    payment = await lock_payment(connection, locked_try.payment_id)
    try_row = await connection.fetchrow(LOCK_TRY, locked_try.attempt_id)
    assert payment is not None, "a locked try has its payment"
    if (
        try_row["epoch"] != locked_try.epoch
        or try_row["recorded"] == locked_try.epoch
        or try_row["state"] != TryState.OPEN
    ):
        return False
    if State(payment["state"]) is not State.COLLECTING or payment["now"] >= payment["quote_expires_at"]:
        return False
    if await is_money_held(connection, locked_try.payment_id):
        return False
    count = locked_try.executes_begun + 1
    kind = f"begun:{Step.EXECUTE}:{count}"
    if await connection.fetchval(
        IS_BEGUN, locked_try.payment_id, locked_try.attempt_id, locked_try.epoch, kind
    ):
        return True
    now: datetime = payment["now"]
    hold_until = now + timedelta(seconds=hold_seconds)
    holding = {"executes_begun": count, "asked": 0, "lease_until": hold_until, "next_action_at": hold_until}
    await update_row(
        connection, "tries", {"attempt_id": locked_try.attempt_id, "epoch": locked_try.epoch}, holding
    )
    send_until = now + timedelta(seconds=send_seconds)
    sending = {"step": Step.EXECUTE, "sends": try_row["sends"] + 1, "send_until": send_until}
    await update_row(connection, "attempts", {"id": locked_try.attempt_id}, sending)
    await keep_evidence(connection, locked_try, kind, {})
    return True

"""Telling a partner's endpoint about a payment: build, sign, send once, record what it answered.

The message is built from the rows alone and reads the same on every try; only its time and its signatures
are new. It holds no token, no account and nothing of the payer: whoever wants to know more asks the API.
"""

from datetime import UTC, datetime

import orjson

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.notices import NOTICES, Pace, after_try
from ekpay_switch.domain.payment import public
from ekpay_switch.notice_ports import LeasedNotice, PostOffice


async def notify(leased: LeasedNotice, office: PostOffice) -> None:
    """Try one delivery that we hold; killed anywhere in here, it is tried again when the lease ends."""
    biller = office.billers.by_id(leased.biller_id)
    # A biller whose manifest is gone is told by our own name for it.
    body = message_body(leased, biller.profile.ekpay_id if biller else leased.biller_id)
    timestamp = int(office.clock.now().timestamp())
    headers = office.signer.headers(
        leased.endpoint_id, leased.key_generations, message_id(leased), timestamp, body
    )
    began_at = office.clock.monotonic()
    tried = await office.sender.send(leased.url, headers, body)
    took_ms = round((office.clock.monotonic() - began_at) * 1_000)
    pace = Pace(office.time_divisor, office.luck())
    decision = after_try(tried, leased.tries + 1, leased.age_seconds, pace)
    disabled_why = await office.notifications.record(leased, tried, decision, took_ms)
    telemetry.NOTIFICATION_TRIES.labels(decision.outcome).inc()
    telemetry.log(
        "notification_tried",
        notification_id=leased.notification_id,
        endpoint_id=leased.endpoint_id,
        payment_id=leased.payment_id,
        outcome=decision.outcome,
        reason=tried.why,
        tries=leased.tries + 1,
        duration_ms=took_ms,
    )
    if disabled_why:
        office.alarms.raise_alarm(
            Alarm.NOTIFICATION_ENDPOINT_DISABLED,
            leased.payment_id,
            partner_id=leased.partner_id,
            endpoint_id=str(leased.endpoint_id),
            reason=disabled_why,
        )


def message_id(leased: LeasedNotice) -> str:
    """The `webhook-id`: the same on each try and replay, different for each endpoint."""
    return f"msg_{leased.notification_id.hex}_{leased.endpoint_id.hex}"


def message_body(leased: LeasedNotice, ekpay_id: str) -> bytes:
    """The JSON that is sent; `amount` is what the payment takes from the prefund, fees included."""
    told = NOTICES[leased.notice]
    return orjson.dumps(
        {
            "type": told.event.value,
            "timestamp": _instant(leased.noticed_at),
            "data": {
                "payment_id": str(leased.payment_id),
                "reference": leased.reference,
                "refno_ack": leased.quote_id,
                "biller_id": ekpay_id,
                "status": public(told.state).value,
                "amount": format_taka(leased.total.minor),
                "version": leased.version,
            },
        }
    )


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

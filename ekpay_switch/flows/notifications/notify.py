"""Sending one notification to a partner's endpoint: build, sign, send once, record the answer.

An event is built from the rows alone and reads the same on every try; only its time and its signatures are
new. It contains no token, no account and no payer data: the API has the rest.

An IPN is the document that get-status returns at the moment of the try, posted to the address of the order.
It is committed before: a merchant that calls get-status from within the IPN gets the same answer.
"""

from datetime import UTC, datetime

import orjson

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants.merchant import code_of
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.notifications import (
    NOTICES,
    EndpointKind,
    RetryDecision,
    RetryPace,
    SendResult,
    WithheldIpn,
    decide_retry,
    most_tries,
    withhold_ipn,
)
from ekpay_switch.domain.payment import public_state
from ekpay_switch.flows.merchants.merchant_document import instrument_lookup, payment_document
from ekpay_switch.ports.notifications import LeasedNotification, NotificationPorts


class NoSuchOrderError(SwitchError):
    """An IPN is due for a payment that is not a merchant's."""


async def notify(leased: LeasedNotification, ports: NotificationPorts) -> None:
    """Try one leased delivery; if the process dies anywhere in here, it is retried when the lease ends."""
    body = await _build_body(leased, ports)
    if isinstance(body, WithheldIpn):
        await _record(leased, SendResult(None, body.why), RetryDecision(body.state, is_unsent=True), ports)
        return
    timestamp = int(ports.clock.now().timestamp())
    headers = ports.signer.headers(
        leased.endpoint_id,
        leased.key_generations,
        message_id(leased),
        timestamp,
        body,
        has_shared_secret=leased.has_shared_secret,
    )
    began_at = ports.clock.monotonic()
    tried = await ports.sender.send(leased.url, headers, body, leased.plain_hosts)
    took_ms = round((ports.clock.monotonic() - began_at) * 1_000)
    pace = RetryPace(ports.time_divisor, ports.luck())
    tries_max = most_tries(leased.notice, leased.kind)
    decision = decide_retry(tried, leased.tries + 1, leased.age_seconds, pace, tries_max)
    await _record(leased, tried, decision, ports, took_ms)


async def _build_body(leased: LeasedNotification, ports: NotificationPorts) -> bytes | WithheldIpn:
    if leased.kind is EndpointKind.IPN:
        return await _ipn_body(leased, ports)
    biller = ports.billers.by_id(leased.biller_id)
    # A biller whose manifest is gone is named by our own id.
    return message_body(leased, biller.profile.ekpay_id if biller else leased.biller_id)


async def _ipn_body(leased: LeasedNotification, ports: NotificationPorts) -> bytes | WithheldIpn:
    merchants = ports.merchants
    payment = await merchants.payments.by_id(leased.payment_id)
    if payment is None:
        raise NoSuchOrderError
    code = code_of(payment.state, payment.refusal)
    withheld = withhold_ipn(leased.notice, code, leased.siblings, is_replay=leased.is_replay)
    if withheld:
        return withheld
    return orjson.dumps(
        payment_document(payment, merchants.token_of(payment), instrument_lookup(merchants.connectors))
    )


async def _record(
    leased: LeasedNotification,
    tried: SendResult,
    decision: RetryDecision,
    ports: NotificationPorts,
    took_ms: int = 0,
) -> None:
    why = await ports.notifications.record(leased, tried, decision, took_ms)
    telemetry.NOTIFICATION_TRIES.labels(decision.outcome).inc()
    telemetry.log(
        "notification_tried",
        notification_id=leased.notification_id,
        endpoint_id=leased.endpoint_id,
        payment_id=leased.payment_id,
        kind=leased.kind.value,
        outcome=decision.outcome,
        reason=tried.why,
        tries=leased.tries + (not decision.is_unsent),
        is_replay=leased.is_replay,
        duration_ms=took_ms,
    )
    if why:
        is_ipn = leased.kind is EndpointKind.IPN
        ports.alarms.announce(
            Alarm.IPNS_NOT_TAKEN if is_ipn else Alarm.NOTIFICATION_ENDPOINT_DISABLED,
            leased.payment_id,
            partner_id=leased.partner_id,
            endpoint_id=str(leased.endpoint_id),
            reason=why,
        )


def message_id(leased: LeasedNotification) -> str:
    """The `webhook-id`: the same on each try and replay, different for each endpoint."""
    return f"msg_{leased.notification_id.hex}_{leased.endpoint_id.hex}"


def message_body(leased: LeasedNotification, ekpay_id: str) -> bytes:
    """The JSON that is sent; `amount` is what the payment takes from the prefund, fees included."""
    terms = NOTICES[leased.notice]
    return orjson.dumps(
        {
            "type": terms.event.value,
            "timestamp": _instant(leased.noticed_at),
            "data": {
                "payment_id": str(leased.payment_id),
                "reference": leased.reference,
                "refno_ack": leased.quote_id,
                "biller_id": ekpay_id,
                "status": public_state(terms.state).value,
                "amount": format_taka(leased.total.minor),
                "version": leased.version,
            },
        }
    )


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

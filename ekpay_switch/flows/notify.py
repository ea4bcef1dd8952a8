"""Telling a partner's endpoint about a payment: build, sign, send once, record what it answered.

An event is built from the rows alone and reads the same on every try; only its time and its signatures are
new. It holds no token, no account and nothing of the payer: whoever wants to know more asks the API.

An IPN is the document that get-status answers at the moment of the try, posted to the address of the order.
It has been true there since the commit: whoever asks from within the IPN is told the same.
"""

from datetime import UTC, datetime

import orjson

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants import code_of
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.notices import (
    NOTICES,
    Decision,
    EndpointKind,
    KeptBack,
    Pace,
    Tried,
    after_try,
    keep_back,
)
from ekpay_switch.domain.payment import public
from ekpay_switch.flows.merchant_document import document, instruments_of
from ekpay_switch.ports.notifications import LeasedNotice, PostOffice


class NoSuchOrderError(SwitchError):
    """An IPN is to be sent about a payment that is no merchant's."""


async def notify(leased: LeasedNotice, office: PostOffice) -> None:
    """Try one delivery that we hold; killed anywhere in here, it is tried again when the lease ends."""
    said = await _what_to_say(leased, office)
    if isinstance(said, KeptBack):
        await _record(leased, Tried(None, said.why), Decision(said.state, is_unsent=True), office)
        return
    timestamp = int(office.clock.now().timestamp())
    headers = office.signer.headers(
        leased.endpoint_id, leased.key_generations, message_id(leased), timestamp, said
    )
    began_at = office.clock.monotonic()
    tried = await office.sender.send(leased.url, headers, said)
    took_ms = round((office.clock.monotonic() - began_at) * 1_000)
    pace = Pace(office.time_divisor, office.luck())
    await _record(
        leased, tried, after_try(tried, leased.tries + 1, leased.age_seconds, pace), office, took_ms
    )


async def _what_to_say(leased: LeasedNotice, office: PostOffice) -> bytes | KeptBack:
    if leased.kind is EndpointKind.IPN:
        return await _ipn_body(leased, office)
    biller = office.billers.by_id(leased.biller_id)
    # A biller whose manifest is gone is told by our own name for it.
    return message_body(leased, biller.profile.ekpay_id if biller else leased.biller_id)


async def _ipn_body(leased: LeasedNotice, office: PostOffice) -> bytes | KeptBack:
    merchants = office.merchants
    payment = await merchants.payments.by_id(leased.payment_id)
    if payment is None:
        raise NoSuchOrderError
    now = code_of(payment.state, payment.refusal)
    kept = keep_back(leased.notice, now, leased.siblings, is_replay=leased.is_replay)
    if kept:
        return kept
    return orjson.dumps(document(payment, merchants.token_of(payment), instruments_of(merchants.connectors)))


async def _record(
    leased: LeasedNotice, tried: Tried, decision: Decision, office: PostOffice, took_ms: int = 0
) -> None:
    why = await office.notifications.record(leased, tried, decision, took_ms)
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
        office.alarms.raise_alarm(
            Alarm.IPNS_NOT_TAKEN if is_ipn else Alarm.NOTIFICATION_ENDPOINT_DISABLED,
            leased.payment_id,
            partner_id=leased.partner_id,
            endpoint_id=str(leased.endpoint_id),
            reason=why,
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

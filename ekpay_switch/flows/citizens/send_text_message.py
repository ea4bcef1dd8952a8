"""Sending one text message: once a try, under an id of its own, and recorded before the next try."""

from ekpay_switch import telemetry
from ekpay_switch.domain.citizens.text_messages import MessageEnd, retry_after
from ekpay_switch.ports.citizens import LeasedMessage, MessagePorts, SendAnswer, SendVerdict

_ENDS = {SendVerdict.SENT: MessageEnd.SENT, SendVerdict.REFUSED: MessageEnd.REFUSED}
_TOO_LATE = SendAnswer(SendVerdict.AGAIN, "it was not sent in time")


async def send_text_message(leased: LeasedMessage, ports: MessagePorts) -> None:
    """Try a leased message. If the process dies in here, the lease ends and it is sent under the same id."""
    answer = _TOO_LATE if leased.is_lapsed else await ports.gateway.send(leased)
    end = MessageEnd.LAPSED if leased.is_lapsed else _ENDS.get(answer.verdict)
    if end is None:
        await ports.messages.retry(leased, retry_after(leased.tries + 1), answer.why)
    else:
        await ports.messages.end(leased, end, answer)
    outcome = (end or answer.verdict).value
    telemetry.TEXT_MESSAGES.labels(outcome).inc()
    telemetry.log(
        "text_message_tried",
        message_id=leased.message_id,
        outcome=outcome,
        reason=answer.why,
        tries=leased.tries + 1,
    )

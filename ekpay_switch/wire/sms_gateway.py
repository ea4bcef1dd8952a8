"""Text messages through a gateway that speaks `POST /api/v3/send-sms` (ADR 0122).

The call is that of SSL Wireless' SMS Plus API, which other gateways of Bangladesh have taken over; names and
codes are those of public integrators, since the vendor's own page asks for a login [~]. The gateway refuses a
`csms_id` that it has seen on the same day, so a message whose answer was lost is sent again under its own and
reaches its phone once.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import UUID

from ekpay_switch.ports.citizens import LeasedMessage, SendAnswer, SendVerdict
from ekpay_switch.ports.world import Wire, WireAnswer, WireRequest

FAR_SIDE = "sms_gateway"
_PATH = "/api/v3/send-sms"
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_TRY_SECONDS = 15.0
_COUNTRY = "88"
_ID_BYTES = 12
_DUPLICATE = 4023
# Of a message or a number, and so for ever; every other code is about us or the moment.
_REFUSED = frozenset({4020, 4022, 4025, 4026, 4027, 4028})
_SENT, _REPEATED, _INVALID = "SUCCESS", "DUPLICATE", "INVALID"


@dataclass(frozen=True, slots=True)
class GatewayAccess:
    """Where the gateway is, without a slash at the end, and who we are there."""

    url: str
    sender_id: str
    api_token: str = field(repr=False)


class SmsGateway:
    """The port `MessageGateway` over the wire of all far sides."""

    def __init__(self, wire: Wire, access: GatewayAccess) -> None:
        self._wire = wire
        self._access = access

    async def send(self, message: LeasedMessage) -> SendAnswer:
        """See `ports.citizens.MessageGateway`."""
        body = {
            "api_token": self._access.api_token,
            "sid": self._access.sender_id,
            "msisdn": f"{_COUNTRY}{message.number}",
            "sms": message.text,
            "csms_id": csms_id(message.message_id),
        }
        encoded = json.dumps(body, ensure_ascii=False).encode()
        request = WireRequest("POST", f"{self._access.url}{_PATH}", _HEADERS, encoded, _TRY_SECONDS)
        reply = await self._wire.send(FAR_SIDE, request)
        if not isinstance(reply, WireAnswer):
            return SendAnswer(SendVerdict.AGAIN, reply.why)
        if reply.status != HTTPStatus.OK:
            return SendAnswer(SendVerdict.AGAIN, f"HTTP {reply.status}")
        return read_answer(reply.body)


def csms_id(message_id: UUID) -> str:
    """Our name of a message at the gateway: at most 20 letters and digits, the same for every try."""
    return base64.b32encode(message_id.bytes[-_ID_BYTES:]).decode("ascii").rstrip("=")


def read_answer(body: bytes) -> SendAnswer:
    """What an answer says; one that cannot be read says nothing, and the message is sent again."""
    try:
        answer = json.loads(body)
        code, told = answer["status_code"], answer.get("smsinfo")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return SendAnswer(SendVerdict.AGAIN, "the answer cannot be read")
    if code == HTTPStatus.OK and isinstance(told, list) and told and isinstance(told[0], Mapping):
        return _of_message(told[0])
    if code == _DUPLICATE:
        return SendAnswer(SendVerdict.SENT, "it was taken before")
    verdict = SendVerdict.REFUSED if code in _REFUSED else SendVerdict.AGAIN
    return SendAnswer(verdict, f"code {code}" if isinstance(code, int) else "the answer has no code")


def _of_message(told: Mapping[str, object]) -> SendAnswer:
    status, reference = told.get("sms_status"), told.get("reference_id")
    if status == _SENT:
        return SendAnswer(SendVerdict.SENT, "", reference if isinstance(reference, str) else "")
    if status == _REPEATED:
        return SendAnswer(SendVerdict.SENT, "it was taken before")
    if status == _INVALID:
        return SendAnswer(SendVerdict.REFUSED, "the gateway calls it invalid")
    return SendAnswer(SendVerdict.AGAIN, "the answer has no status of the message")

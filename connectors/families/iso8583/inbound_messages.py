"""What comes back over a link: answers of the host, each recorded before anything follows from it.

An answer that is none of ours, or says another field than was asked, changes nothing: its request stays
without an answer, and is taken back.
"""

import asyncio

from connectors.families.iso8583.codec import MTI, Fields, decode
from connectors.families.iso8583.host import Host
from connectors.families.iso8583.messages import (
    CODE,
    CONFIRMS_REVERSAL,
    NETWORK_ANSWER,
    NO_SUCH_ORIGINAL,
    REQUEST_ANSWER,
    REVERSAL_ANSWER,
    RRN,
    STAN,
    kept_fields,
    require_answer,
    require_network_answer,
    require_reversal_answer,
)
from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.host_messages import HostMessage, HostReply, MessageKey
from ekpay_switch.ports.host_links import HostPorts, Noted
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError


class Hearing:
    """Takes in what one connection brings; `unanswered` are the requests that were written to it."""

    def __init__(self, host: Host, ports: HostPorts) -> None:
        self._host = host
        self._ports = ports
        self._network: dict[str, tuple[Fields, asyncio.Future[str]]] = {}
        self.unanswered: set[MessageKey] = set()

    def await_network(self, asked: Fields) -> "asyncio.Future[str]":
        """The response code of the answer to a network message, once it comes."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._network[asked[STAN]] = (asked, future)
        return future

    async def take_in(self, message: bytes) -> None:
        """Record one message.

        Raises:
            BrokenReplyError: it cannot be read, or its MAC is wrong; nothing after it can be trusted.
        """
        is_network = message.startswith(NETWORK_ANSWER.encode())
        answer = decode(message, None if is_network else self._host.key)
        try:
            if answer[MTI] == NETWORK_ANSWER:
                self._network_answered(answer)
            elif answer[MTI] == REQUEST_ANSWER:
                await self._answered(answer)
            elif answer[MTI] == REVERSAL_ANSWER:
                await self._reversal_answered(answer)
            else:
                self._strange("a message that answers nothing")
        except BrokenReplyError as error:
            self._strange(str(error))

    def _network_answered(self, answer: Fields) -> None:
        asked, future = self._network.pop(answer.get(STAN, ""), (None, None))
        if asked is None or future is None:
            self._strange("an answer to nothing")
            return
        require_network_answer(answer, asked)
        if not future.done():
            future.set_result(answer.get(CODE, ""))

    async def _answered(self, answer: Fields) -> None:
        message = await self._sent(answer)
        require_answer(answer, message.new, self._host.settings)
        self.unanswered.discard(message.key)
        code = answer[CODE]
        reply = HostReply(code, self._host.decides(code), kept_fields(answer, self._host.settings))
        noted = await self._ports.links.answer(message.key, reply)
        self._tell("host_answered", message, code=code, outcome=noted)
        if self._host.approves(code) and (noted is Noted.LATE or self._is_contrary(noted, message)):
            self._alarm(Alarm.LATE_APPROVAL, message, code)

    def _is_contrary(self, noted: Noted, message: HostMessage) -> bool:
        """Whether an answer that counts no more says yes to what was refused, or never left us."""
        is_approved = message.reply is not None and self._host.approves(message.reply.code)
        return noted is Noted.NOT_AWAITED and not is_approved

    async def _reversal_answered(self, answer: Fields) -> None:
        message = await self._sent(answer)
        if message.reversal is None:
            self._strange("an answer to a reversal that was not asked for")
            return
        require_reversal_answer(answer, message, self._host.settings)
        code = answer[CODE]
        is_confirmed = code in CONFIRMS_REVERSAL
        if not await self._ports.links.answer_reversal(message.key, code, is_confirmed=is_confirmed):
            return
        self._tell("host_answered_reversal", message, code=code)
        if code == NO_SUCH_ORIGINAL:
            self._alarm(Alarm.REVERSAL_NOT_KNOWN, message, code)
        elif not is_confirmed:
            self._alarm(Alarm.REVERSAL_NOT_CONFIRMED, message, code)

    async def _sent(self, answer: Fields) -> HostMessage:
        """The request that is answered; raises BrokenReplyError where we sent none."""
        message = await self._ports.links.find(self._host.connector_id, answer.get(RRN, ""))
        if message is None:
            raise BrokenReplyError("an answer to a request that was never sent")
        return message

    def _strange(self, why: str) -> None:
        telemetry.log_warning("host_said_nothing_usable", connector_id=self._host.connector_id, reason=why)

    def _tell(self, event: str, message: HostMessage, **fields: object) -> None:
        of = {"connector_id": self._host.connector_id, "payment_id": message.new.payment_id}
        telemetry.log(event, **of, **fields)

    def _alarm(self, alarm: Alarm, message: HostMessage, code: str) -> None:
        payment_id, connector_id = message.new.payment_id, self._host.connector_id
        self._ports.alarms.raise_alarm(alarm, payment_id, connector_id=connector_id, code=code)

"""Inbound messages of a link: the host's answers, each recorded before anything follows from it.

An answer to no request of ours, or with a field that does not echo the request, changes nothing: the request
stays unanswered and is reversed.
"""

import asyncio
from collections.abc import Mapping

from connectors.families.iso8583.codec import MTI, Fields, decode
from connectors.families.iso8583.host import Host
from connectors.families.iso8583.messages import (
    CODE,
    NETWORK_ANSWER,
    REQUEST_ANSWER,
    REVERSAL_ANSWER,
    RRN,
    STAN,
    evidence_fields,
    require_answer,
    require_network_answer,
    require_reversal_answer,
)
from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.host_messages import (
    NO_SUCH_ORIGINAL,
    HostMessage,
    HostReply,
    MessageKey,
    ReversalRecord,
)
from ekpay_switch.ports.host_links import AnswerRecord, HostPorts
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError


class InboundMessages:
    """Records the messages of one connection; `unanswered` has the requests that were written to it."""

    def __init__(self, host: Host, ports: HostPorts) -> None:
        self._host = host
        self._ports = ports
        self._network_requests: dict[str, tuple[Fields, asyncio.Future[str]]] = {}
        self._late_approvals: set[MessageKey] = set()
        self.unanswered: set[MessageKey] = set()

    def expect_network_answer(self, request: Fields) -> "asyncio.Future[str]":
        """A future with the response code of the answer to a network management message."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._network_requests[request[STAN]] = (request, future)
        return future

    async def record(self, message: bytes) -> None:
        """Record one message.

        Raises:
            BrokenReplyError: it is malformed or its MAC is wrong, so that nothing after it can be trusted.
        """
        is_network = message.startswith(NETWORK_ANSWER.encode())
        answer = decode(message, None if is_network else self._host.key)
        try:
            if answer[MTI] == NETWORK_ANSWER:
                self._record_network_answer(answer)
            elif answer[MTI] == REQUEST_ANSWER:
                await self._record_answer(answer)
            elif answer[MTI] == REVERSAL_ANSWER:
                await self._record_reversal_answer(answer)
            else:
                self._log_unusable("a message that answers nothing")
        except BrokenReplyError as error:
            self._log_unusable(str(error))

    def _record_network_answer(self, answer: Fields) -> None:
        request, future = self._network_requests.pop(answer.get(STAN, ""), (None, None))
        if request is None or future is None:
            self._log_unusable("an answer to nothing")
            return
        require_network_answer(answer, request)
        if not future.done():
            future.set_result(answer.get(CODE, ""))

    async def _record_answer(self, answer: Fields) -> None:
        message = await self._find_request(answer)
        require_answer(answer, message.new, self._host.settings)
        self.unanswered.discard(message.key)
        code = answer[CODE]
        fields, is_approval = evidence_fields(answer, self._host.settings), self._host.approves(code)
        reply = HostReply(code, self._host.decides(code), fields, is_approval)
        alarms = self._alarms_of_approval(message, code) if is_approval else {}
        recorded = await self._ports.links.answer(message.key, reply, alarms)
        self._log("host_answered", message, code=code, outcome=recorded)
        if recorded in alarms:
            self._late_approvals.add(message.key)
            self._announce(alarms[recorded])

    def _alarms_of_approval(self, message: HostMessage, code: str) -> Mapping[str, RaisedAlarm]:
        """The alarm of an approval that comes late, or contradicts a request declined or never sent.

        An approval that comes twice is one.
        """
        if message.key in self._late_approvals:
            return {}
        alarm = self._alarm(Alarm.LATE_APPROVAL, message, code)
        is_approved = message.reply is not None and self._host.approves(message.reply.code)
        late: dict[str, RaisedAlarm] = {AnswerRecord.LATE: alarm}
        return late if is_approved else {**late, AnswerRecord.NOT_AWAITED: alarm}

    async def _record_reversal_answer(self, answer: Fields) -> None:
        message = await self._find_request(answer)
        if message.reversal is None:
            self._log_unusable("an answer to a reversal that was not asked for")
            return
        require_reversal_answer(answer, message, self._host.settings)
        code = answer[CODE]
        not_confirmed = self._alarm(Alarm.REVERSAL_NOT_CONFIRMED, message, code)
        alarms: dict[str, RaisedAlarm] = {ReversalRecord.UNCONFIRMED: not_confirmed}
        if code == NO_SUCH_ORIGINAL:
            alarms[ReversalRecord.CONFIRMED] = self._alarm(Alarm.REVERSAL_NOT_KNOWN, message, code)
        recorded = await self._ports.links.answer_reversal(message.key, code, alarms)
        if recorded is None:
            return
        self._log("host_answered_reversal", message, code=code, outcome=recorded)
        if recorded in alarms:
            self._announce(alarms[recorded])

    async def _find_request(self, answer: Fields) -> HostMessage:
        """The request of an answer; raises BrokenReplyError where we sent none."""
        message = await self._ports.links.find(self._host.connector_id, answer.get(RRN, ""))
        if message is None:
            raise BrokenReplyError("an answer to a request that was never sent")
        return message

    def _log_unusable(self, why: str) -> None:
        telemetry.log_warning("host_said_nothing_usable", connector_id=self._host.connector_id, reason=why)

    def _log(self, event: str, message: HostMessage, **fields: object) -> None:
        ids = {"connector_id": self._host.connector_id, "payment_id": message.new.payment_id}
        telemetry.log(event, **ids, **fields)

    def _alarm(self, alarm: Alarm, message: HostMessage, code: str) -> RaisedAlarm:
        facts = {"connector_id": self._host.connector_id, "code": code}
        return RaisedAlarm.of_payment(alarm, message.new.payment_id, facts)

    def _announce(self, alarm: RaisedAlarm) -> None:
        """Announce an alarm that was raised with the record of an answer."""
        if alarm.payment_id is not None:
            self._ports.alarms.announce(alarm.kind, alarm.payment_id, **alarm.facts)

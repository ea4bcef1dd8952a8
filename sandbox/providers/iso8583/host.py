"""One bank's host: what it says to each message, and what it writes into the book before it says so."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.kit.provider.book import Decision
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.provider import Provider
from sandbox.providers.iso8583 import authorisation as judging
from sandbox.providers.iso8583.book import ASKED_BY, FinancialRequest, HostBook, Identity, Reversal
from sandbox.providers.iso8583.codec import Message, UnreadableMessageError, decode
from sandbox.providers.iso8583.faults import (
    NOTHING_ODD,
    Fault,
    Mischief,
    Step,
    mischief_of,
    request_mischief,
    reversal_mischief,
)
from sandbox.providers.iso8583.institutions import APPROVED, DAY, POSTED_AT, fact_of, mac_key_of
from sandbox.providers.iso8583.responses import Answer, Right, answers
from sandbox.providers.iso8583.settings import HostSettings

SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"

_REQUEST, _REVERSALS, _NETWORK = "0200", frozenset({"0420", "0421"}), "0800"
_ANSWERED_BY = {"0200": "0210", "0420": "0430", "0421": "0430"}
_ECHOED = frozenset({2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 48, 49, 90, 102})
_KEPT = (3, 7, 11, 12, 13, 32, 37)
_WHOLE_BP = 10_000


class _WrongMacError(UnreadableMessageError):
    """The MAC is missing or wrong."""


@dataclass(slots=True)
class Habits:
    """What the desk may change about a host while it runs; a restart forgets it."""

    cut_over_hour: int
    is_repeat_94: bool
    slow_seconds: float


@dataclass(slots=True)
class Line:
    """One connection, as far as the host knows it."""

    is_signed_on: bool = False


@dataclass
class Host:
    """The host of one house; `counted` is of this process only.

    Each message is answered to its end before the next is looked at, so nothing is posted twice.
    """

    provider: Provider
    book: HostBook
    settings: HostSettings
    faults: StepFaults[Fault] = field(default_factory=lambda: StepFaults(Step))
    counted: Counter[str] = field(default_factory=Counter)
    _held: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = mac_key_of(self.provider.house.id)
        self.habits = Habits(
            self.settings.cut_over_hour, self.settings.is_repeat_94, self.settings.slow_seconds
        )

    @property
    def day(self) -> date:
        """The host's business day."""
        return judging.business_day(self.provider.clock.now(), self.habits.cut_over_hour)

    def hear(self, line: Line, content: bytes) -> Sequence[Answer] | None:
        """Return what is sent for one message, nothing perhaps; None ends the connection."""
        try:
            message = self._read(content)
        except UnreadableMessageError as error:
            self.counted["wrong_mac" if isinstance(error, _WrongMacError) else "unreadable"] += 1
            return None
        self.counted[message.mti] += 1
        if message.mti == _NETWORK:
            return self._network(line, message)
        if not line.is_signed_on:
            self.counted["not_signed_on"] += 1
            return self._answer(message, judging.NOT_SIGNED_ON)
        return self._request(message) if message.mti == _REQUEST else self._reversal(message)

    def _read(self, content: bytes) -> Message:
        message = decode(content)
        if message.mti == _NETWORK:
            if not message.fields.keys() >= {7, 11, 70}:
                raise UnreadableMessageError("a network message misses a field")
        elif message.mti not in _ANSWERED_BY:
            raise UnreadableMessageError("there is no such MTI here")
        elif not message.is_sealed(self.key):
            raise _WrongMacError("the MAC is wrong")
        return message

    # ---- network messages

    def _network(self, line: Line, message: Message) -> Sequence[Answer]:
        asked = message.fields[70]
        step = {SIGN_ON: Step.SIGN_ON, ECHO: Step.ECHO}.get(asked)
        mischief = self._struck(step)
        code = mischief.code or (APPROVED if asked in {SIGN_ON, SIGN_OFF, ECHO} else "12")
        if asked in {SIGN_ON, SIGN_OFF} and code == APPROVED and mischief.is_done:
            line.is_signed_on = asked == SIGN_ON
        fields = {number: message.fields[number] for number in (7, 11, 70)} | {39: code}
        return answers(Right("0810", fields), mischief, None, self.habits.slow_seconds)

    def _struck(self, step: Step | None, *names: str) -> Mischief:
        fault = None if step is None else self.faults.take(step, *names)
        return NOTHING_ODD if fault is None else mischief_of(fault)

    # ---- 0200

    def _request(self, message: Message) -> Sequence[Answer]:
        fields = message.fields
        if not judging.is_request_whole(self.provider, fields):
            self.counted["format_error"] += 1
            return self._answer(message, judging.FORMAT_ERROR)
        identity = judging.identity_of_request(fields)
        known = self.book.request(self.provider.house.id, identity)
        if known is not None:
            return self._repeat(message, known)
        order = judging.order_of_alias(self.provider, fields)
        reference = "" if order is None else order.reference
        mischief = self._struck(Step.REQUEST, *_names(order))
        if mischief.fault is None and order is not None and not order.calls.get(_REQUEST):
            does, wait = self.provider.behaviour(order), self.settings.pending_seconds
            mischief = request_mischief(does, order.payer, wait)
        if self.book.reversal(self.provider.house.id, identity) is not None:
            self.book.record_heard(self.provider.house.id, reference, _REQUEST)
            return self._answer(message, judging.DUPLICATE)
        if mischief.fault is Fault.LOST_UNDONE:
            self.book.record_heard(self.provider.house.id, reference, _REQUEST)
            return []
        request = self._judged(message, identity, order, mischief)
        return self._told(message, request, mischief)

    def _repeat(self, message: Message, known: FinancialRequest) -> Sequence[Answer]:
        self.book.record_request_repeated(known)
        is_same = int(message.fields[4]) == known.amount_paisa
        if self.habits.is_repeat_94 or not is_same or self._reversed(known):
            return self._answer(message, judging.DUPLICATE)
        return self._told(message, known, self._struck(Step.REQUEST, known.reference))

    def _reversed(self, known: FinancialRequest) -> bool:
        identity = Identity(*known.identity.split(" "))
        return self.book.reversal(self.provider.house.id, identity) is not None

    def _judged(
        self, message: Message, identity: Identity, order: Order | None, mischief: Mischief
    ) -> FinancialRequest:
        """Judge a new 0200, write it down with all that follows from it, and return it."""
        fields, now, day = message.fields, self.provider.clock.now(), self.day
        code = judging.judge(self.provider, self.book, fields, order, day)
        is_posted = code == APPROVED and mischief.is_done
        if code == APPROVED and mischief.code:
            code = mischief.code
        decision, facts = None, {}
        if order is not None and self._is_unused(order):
            decision = self._decision(order, code, is_posted=is_posted)
            facts = {fact_of(number): fields[number] for number in _KEPT}
            facts |= {ASKED_BY: identity.name, DAY: day.isoformat(), POSTED_AT: now.isoformat()}
        request = FinancialRequest(
            house=self.provider.house.id,
            identity=identity.name,
            reference="" if order is None else order.reference,
            amount_paisa=int(fields[4]),
            at=now.isoformat(),
            day=day.isoformat(),
            code=code,
            is_posted=is_posted,
            approval_code=decision.transaction_id if decision is not None else "",
        )
        self.book.record_request(request, facts, decision)
        return request

    def _is_unused(self, order: Order) -> bool:
        return self.provider.state(order) is State.AGREED and ASKED_BY not in order.facts

    def _decision(self, order: Order, code: str, *, is_posted: bool) -> Decision | None:
        """Return how an order ends by the answer to its 0200; not at all where only a reversal can end it."""
        now = self.provider.clock.now()
        if not is_posted:
            reason = judging.reason_of(code)
            return Decision(State.DECLINED, now, reason=reason) if code in judging.DECLINES else None
        house = self.provider.house
        fee = share_half_up(order.amount_paisa, house.fee_bp, _WHOLE_BP)
        return Decision(
            state=State.PAID,
            at=now,
            transaction_id=self.provider.new_transaction_id(order),
            fee_paisa=fee,
            fee_vat_paisa=share_half_up(fee, house.fee_vat_bp, _WHOLE_BP),
        )

    def _told(self, message: Message, request: FinancialRequest, mischief: Mischief) -> Sequence[Answer]:
        more = {15: _month_and_day(request.day)}
        if request.code == APPROVED:
            more[38] = request.approval_code
        told = self._answer(message, request.code, more, mischief, request.reference)
        if mischief.fault is Fault.AFTER_REVERSAL and told:
            self._held[request.identity] = told[0]
            return []
        return told

    # ---- 0420 and 0421

    def _reversal(self, message: Message) -> Sequence[Answer]:
        fields, house_id = message.fields, self.provider.house.id
        if not judging.is_reversal_whole(self.provider, fields):
            self.counted["format_error"] += 1
            return self._answer(message, judging.FORMAT_ERROR)
        identity = judging.identity_of_original(fields)
        order = judging.order_of_alias(self.provider, fields)
        mischief = self._mischief_at_reversal(order)
        if not mischief.is_done:
            self.book.record_heard(house_id, "" if order is None else order.reference, message.mti)
            return self._answer(message, mischief.code, None, mischief) if mischief.code else []
        known = self.book.reversal(house_id, identity)
        if known is not None:
            self.book.record_reversal_repeated(known, message.mti)
        else:
            known = self._reversed_now(message, identity, order, mischief)
        if known is None:
            return self._answer(message, judging.INVALID_AMOUNT)
        code = mischief.code or known.code
        told = self._answer(message, code, {15: _month_and_day(known.day)}, mischief)
        # What was not confirmed is asked for again, and the late answer waits for that.
        late = self._held.pop(known.identity, None) if told else None
        return told if late is None else [*told, late]

    def _mischief_at_reversal(self, order: Order | None) -> Mischief:
        mischief = self._struck(Step.REVERSAL, *_names(order))
        if mischief.fault is not None or order is None:
            return mischief
        heard = sum(order.calls.get(mti, 0) for mti in _REVERSALS)
        return reversal_mischief(self.provider.behaviour(order), order.payer, heard)

    def _reversed_now(
        self, message: Message, identity: Identity, order: Order | None, mischief: Mischief
    ) -> Reversal | None:
        """Reverse a 0200, come or not, and write it down; None if its amount is another."""
        fields, house_id = message.fields, self.provider.house.id
        original = self.book.request(house_id, identity)
        if original is not None and original.amount_paisa != int(fields[4]):
            self.counted["reversal_of_another_amount"] += 1
            return None
        is_unknown = original is None or mischief.fault is Fault.NO_ORIGINAL
        of_alias = "" if order is None else order.reference
        reversal = Reversal(
            house=house_id,
            identity=identity.name,
            reference=of_alias if original is None else original.reference,
            amount_paisa=int(fields[4]),
            at=self.provider.clock.now().isoformat(),
            day=self.day.isoformat(),
            code=judging.NO_ORIGINAL if is_unknown else APPROVED,
            stan=fields[11],
            has_original=original is not None,
            is_moved_back=original is not None and original.is_posted,
        )
        self.book.record_reversal(reversal, message.mti)
        return reversal

    # ---- answers

    def _answer(
        self,
        message: Message,
        code: str,
        more: dict[int, str] | None = None,
        mischief: Mischief = NOTHING_ODD,
        reference: str = "",
    ) -> list[Answer]:
        fields = {number: text for number, text in message.fields.items() if number in _ECHOED}
        fields |= {39: code, **(more or {})}
        order = self.provider.find(reference) if reference else None
        does = None if order is None else self.provider.behaviour(order)
        mti = _ANSWERED_BY[message.mti]
        return answers(Right(mti, fields, self.key), mischief, does, self.habits.slow_seconds)


def _names(order: Order | None) -> tuple[str, ...]:
    return () if order is None else (order.reference, order.payer)


def _month_and_day(day: str) -> str:
    return f"{date.fromisoformat(day):%m%d}"

"""One bank's host: it records the effect of each message in the book, then answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.kit.provider.book import Decision
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.iso8583 import authorisation
from sandbox.providers.iso8583.book import (
    REQUEST_IDENTITY,
    FinancialRequest,
    HostBook,
    RequestIdentity,
    Reversal,
)
from sandbox.providers.iso8583.codec import IsoMessage, UnreadableMessageError, decode
from sandbox.providers.iso8583.faults import (
    NO_EFFECT,
    FaultEffect,
    HostFault,
    HostStep,
    effect_of_fault,
    effect_on_request,
    effect_on_reversal,
)
from sandbox.providers.iso8583.institutions import APPROVED, DAY, POSTED_AT, fact_of, mac_key_of
from sandbox.providers.iso8583.responses import CorrectAnswer, HostAnswer, build_answers
from sandbox.providers.iso8583.settings import HostSettings

SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"

_REQUEST, _REVERSALS, _NETWORK = "0200", frozenset({"0420", "0421"}), "0800"
_ANSWERED_BY = {"0200": "0210", "0420": "0430", "0421": "0430"}
_ECHOED = frozenset({2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 48, 49, 90, 102})
_STORED_FIELDS = (3, 7, 11, 12, 13, 32, 37)
_WHOLE_BP = 10_000


class _WrongMacError(UnreadableMessageError):
    """The MAC is missing or wrong."""


@dataclass(slots=True)
class Habits:
    """What the admin API may change about a host while it runs; a restart forgets it."""

    cut_over_hour: int
    is_repeat_94: bool
    slow_seconds: float


@dataclass(slots=True)
class LinkState:
    """One connection, as far as the host knows it."""

    is_signed_on: bool = False


@dataclass
class Host:
    """The host of one institution; `counted` is of this process only.

    Each message is answered to its end before the next is looked at, so nothing is posted twice.
    """

    provider: Provider
    book: HostBook
    settings: HostSettings
    faults: StepFaults[HostFault] = field(default_factory=lambda: StepFaults(HostStep))
    counted: Counter[str] = field(default_factory=Counter)
    _withheld_answers: dict[str, HostAnswer] = field(default_factory=dict)
    _overtaken: dict[str, IsoMessage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = mac_key_of(self.provider.institution.id)
        self.habits = Habits(
            self.settings.cut_over_hour, self.settings.is_repeat_94, self.settings.slow_seconds
        )

    @property
    def day(self) -> date:
        """The host's business day."""
        return authorisation.business_day(self.provider.clock.now(), self.habits.cut_over_hour)

    def receive(self, line: LinkState, content: bytes) -> Sequence[HostAnswer] | None:
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
            return self._answer(message, authorisation.NOT_SIGNED_ON)
        return self._request(message) if message.mti == _REQUEST else self._reversal(message)

    def _read(self, content: bytes) -> IsoMessage:
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

    def _network(self, line: LinkState, message: IsoMessage) -> Sequence[HostAnswer]:
        function_code = message.fields[70]
        step = {SIGN_ON: HostStep.SIGN_ON, ECHO: HostStep.ECHO}.get(function_code)
        effect = self._effect_at_step(step)
        code = effect.code or (APPROVED if function_code in {SIGN_ON, SIGN_OFF, ECHO} else "12")
        if function_code in {SIGN_ON, SIGN_OFF} and code == APPROVED and effect.is_done:
            line.is_signed_on = function_code == SIGN_ON
        fields = {number: message.fields[number] for number in (7, 11, 70)} | {39: code}
        return build_answers(CorrectAnswer("0810", fields), effect, None, self.habits.slow_seconds)

    def _effect_at_step(self, step: HostStep | None, *names: str) -> FaultEffect:
        fault = None if step is None else self.faults.take(step, *names)
        return NO_EFFECT if fault is None else effect_of_fault(fault)

    # ---- 0200

    def _request(self, message: IsoMessage) -> Sequence[HostAnswer]:
        fields = message.fields
        if not authorisation.is_request_whole(self.provider, fields):
            self.counted["format_error"] += 1
            return self._answer(message, authorisation.FORMAT_ERROR)
        identity = authorisation.identity_of_request(fields)
        known = self.book.request(self.provider.institution.id, identity)
        if known is not None:
            return self._repeat(message, known)
        order = authorisation.order_of_alias(self.provider, fields)
        reference = "" if order is None else order.reference
        effect = self._effect_at_step(HostStep.REQUEST, *_names(order))
        if effect.fault is None and order is not None and not order.calls.get(_REQUEST):
            behaviour, wait = self.provider.behaviour(order), self.settings.pending_seconds
            effect = effect_on_request(behaviour, order.payer, wait)
        if self.book.reversal(self.provider.institution.id, identity) is not None:
            self.book.record_message(self.provider.institution.id, reference, _REQUEST)
            return self._answer(message, authorisation.DUPLICATE)
        if effect.fault in {HostFault.LOST_UNDONE, HostFault.BEHIND_REVERSAL}:
            if effect.fault is HostFault.BEHIND_REVERSAL:
                self._overtaken[identity.name] = message
            self.book.record_message(self.provider.institution.id, reference, _REQUEST)
            return []
        request = self._record_request(message, identity, order, effect)
        return self._request_answers(message, request, effect)

    def _repeat(self, message: IsoMessage, known: FinancialRequest) -> Sequence[HostAnswer]:
        self.book.record_request_repeated(known)
        is_same = int(message.fields[4]) == known.amount_paisa
        if self.habits.is_repeat_94 or not is_same or self._is_reversed(known):
            return self._answer(message, authorisation.DUPLICATE)
        return self._request_answers(message, known, self._effect_at_step(HostStep.REQUEST, known.reference))

    def _is_reversed(self, known: FinancialRequest) -> bool:
        identity = RequestIdentity(*known.identity.split(" "))
        return self.book.reversal(self.provider.institution.id, identity) is not None

    def _record_request(
        self, message: IsoMessage, identity: RequestIdentity, order: ProviderOrder | None, effect: FaultEffect
    ) -> FinancialRequest:
        """Judge a new 0200, write it down with all that follows from it, and return it."""
        fields, now, day = message.fields, self.provider.clock.now(), self.day
        code = authorisation.authorise(self.provider, self.book, fields, order, day)
        is_posted = code == APPROVED and effect.is_done
        if code == APPROVED and effect.code:
            code = effect.code
        decision, facts = None, {}
        if order is not None and self._is_unused(order):
            decision = self._decision(order, code, is_posted=is_posted)
            facts = {fact_of(number): fields[number] for number in _STORED_FIELDS}
            facts |= {REQUEST_IDENTITY: identity.name, DAY: day.isoformat(), POSTED_AT: now.isoformat()}
        request = FinancialRequest(
            institution_id=self.provider.institution.id,
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

    def _is_unused(self, order: ProviderOrder) -> bool:
        return self.provider.state(order) is OrderState.AGREED and REQUEST_IDENTITY not in order.facts

    def _decision(self, order: ProviderOrder, code: str, *, is_posted: bool) -> Decision | None:
        """Return how an order ends by the answer to its 0200; not at all where only a reversal can end it."""
        now = self.provider.clock.now()
        if not is_posted:
            reason = authorisation.reason_of(code)
            return (
                Decision(OrderState.DECLINED, now, reason=reason) if code in authorisation.DECLINES else None
            )
        institution = self.provider.institution
        fee = share_half_up(order.amount_paisa, institution.fee_bp, _WHOLE_BP)
        return Decision(
            state=OrderState.PAID,
            at=now,
            transaction_id=self.provider.new_transaction_id(order),
            fee_paisa=fee,
            fee_vat_paisa=share_half_up(fee, institution.fee_vat_bp, _WHOLE_BP),
        )

    def _request_answers(
        self, message: IsoMessage, request: FinancialRequest, effect: FaultEffect
    ) -> Sequence[HostAnswer]:
        more = {15: _month_and_day(request.day)}
        if request.code == APPROVED:
            more[38] = request.approval_code
        host_answers = self._answer(message, request.code, more, effect, request.reference)
        if effect.fault is HostFault.AFTER_REVERSAL and host_answers:
            self._withheld_answers[request.identity] = host_answers[0]
            return []
        return host_answers

    # ---- 0420 and 0421

    def _reversal(self, message: IsoMessage) -> Sequence[HostAnswer]:
        fields, house_id = message.fields, self.provider.institution.id
        if not authorisation.is_reversal_whole(self.provider, fields):
            self.counted["format_error"] += 1
            return self._answer(message, authorisation.FORMAT_ERROR)
        identity = authorisation.identity_of_original(fields)
        order = authorisation.order_of_alias(self.provider, fields)
        effect = self._effect_on_reversal(order)
        if not effect.is_done:
            self.book.record_message(house_id, "" if order is None else order.reference, message.mti)
            return self._answer(message, effect.code, None, effect) if effect.code else []
        overtaken = self._overtaken.pop(identity.name, None)
        if overtaken is not None:
            return self._answer_before_request(message, overtaken, identity, order)
        known = self.book.reversal(house_id, identity)
        if known is not None:
            self.book.record_reversal_repeated(known, message.mti)
        else:
            known = self._record_reversal(message, identity, order, effect)
        if known is None:
            return self._answer(message, authorisation.INVALID_AMOUNT)
        code = effect.code or known.code
        host_answers = self._answer(message, code, {15: _month_and_day(known.day)}, effect)
        # An unconfirmed reversal is sent again, and the late answer waits for that.
        late = self._withheld_answers.pop(known.identity, None) if host_answers else None
        return host_answers if late is None else [*host_answers, late]

    def _answer_before_request(
        self, message: IsoMessage, request: IsoMessage, identity: RequestIdentity, order: ProviderOrder | None
    ) -> Sequence[HostAnswer]:
        """Answer a reversal that knows no original and is not kept, then the 0200 that it has overtaken."""
        self.book.record_message(
            self.provider.institution.id, "" if order is None else order.reference, message.mti
        )
        recorded = self._record_request(request, identity, order, NO_EFFECT)
        no_original = self._answer(message, authorisation.NO_ORIGINAL)
        return [*no_original, *self._request_answers(request, recorded, NO_EFFECT)]

    def _effect_on_reversal(self, order: ProviderOrder | None) -> FaultEffect:
        effect = self._effect_at_step(HostStep.REVERSAL, *_names(order))
        if effect.fault is not None or order is None:
            return effect
        heard = sum(order.calls.get(mti, 0) for mti in _REVERSALS)
        return effect_on_reversal(self.provider.behaviour(order), order.payer, heard)

    def _record_reversal(
        self, message: IsoMessage, identity: RequestIdentity, order: ProviderOrder | None, effect: FaultEffect
    ) -> Reversal | None:
        """Reverse a 0200, come or not, and write it down; None if its amount is another."""
        fields, house_id = message.fields, self.provider.institution.id
        original = self.book.request(house_id, identity)
        if original is not None and original.amount_paisa != int(fields[4]):
            self.counted["reversal_of_another_amount"] += 1
            return None
        is_unknown = original is None or effect.fault is HostFault.NO_ORIGINAL
        of_alias = "" if order is None else order.reference
        reversal = Reversal(
            institution_id=house_id,
            identity=identity.name,
            reference=of_alias if original is None else original.reference,
            amount_paisa=int(fields[4]),
            at=self.provider.clock.now().isoformat(),
            day=self.day.isoformat(),
            code=authorisation.NO_ORIGINAL if is_unknown else APPROVED,
            stan=fields[11],
            has_original=original is not None,
            is_moved_back=original is not None and original.is_posted,
        )
        self.book.record_reversal(reversal, message.mti)
        return reversal

    # ---- answers

    def _answer(
        self,
        message: IsoMessage,
        code: str,
        more: dict[int, str] | None = None,
        effect: FaultEffect = NO_EFFECT,
        reference: str = "",
    ) -> list[HostAnswer]:
        fields = {number: text for number, text in message.fields.items() if number in _ECHOED}
        fields |= {39: code, **(more or {})}
        order = self.provider.find(reference) if reference else None
        behaviour = None if order is None else self.provider.behaviour(order)
        mti = _ANSWERED_BY[message.mti]
        return build_answers(
            CorrectAnswer(mti, fields, self.key), effect, behaviour, self.habits.slow_seconds
        )


def _names(order: ProviderOrder | None) -> tuple[str, ...]:
    return () if order is None else (order.reference, order.payer)


def _month_and_day(day: str) -> str:
    return f"{date.fromisoformat(day):%m%d}"

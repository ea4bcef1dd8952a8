"""One open institution: it opens orders, takes money, reports, and refunds.

Every method is synchronous and runs to its end before the next begins, so no order is paid twice. Each takes
what a family has read from a call and a function that writes the result on its wire; faults strike around
that function, so that no family has to know of them.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hmac import compare_digest
from typing import TypeVar

from sandbox.kit.institution.bearer_tokens import BearerTokens
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.replies import LOST, Errors, Reply, html_page
from sandbox.kit.provider import payment_outcomes, refunds
from sandbox.kit.provider.book import OwedPush, ProviderBook, QueuedPush
from sandbox.kit.provider.call_results import RefundResult, Refusal, ReportedOrder
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.hooks import FamilyHooks, PushKind
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import PayerBehaviour, Payers
from sandbox.kit.provider.orders import NewOrder, OrderState, ProviderOrder, ProviderRefund
from sandbox.kit.provider.push_delivery import PushSender
from sandbox.kit.provider.settings import ProviderSettings

ResultT = TypeVar("ResultT", ProviderOrder, ReportedOrder, RefundResult)


_NAMES_MAX = 1_000


class ExhaustedNamesError(Exception):
    """A family has no name left that its institution has not given before."""


@dataclass(slots=True)
class Whereabouts:
    """Where a browser finds the pages."""

    origin: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """One institution that is open, with what it shares with the others of its family."""

    institution: ProviderInstitution
    settings: ProviderSettings
    clock: Clock
    book: ProviderBook
    pushes: PushSender
    hooks: FamilyHooks
    payers: Payers
    errors: Errors
    bearers: BearerTokens
    whereabouts: Whereabouts
    faults: StepFaults[ProviderFault] = field(default_factory=lambda: StepFaults(ProviderStep))

    # ---- what a family's calls do

    def create(self, new: NewOrder, to_reply: Callable[[ProviderOrder | Refusal], Reply]) -> Reply:
        """Open an order; its reference must be new for ever."""
        known = self.find(new.reference)
        if known is not None:
            self.book.record_order_call(known, ProviderStep.CREATE)
        magic = {} if known is not None else self.payers.behaviour(new.payer).faults
        fault = self._fault(ProviderStep.CREATE, (new.reference, new.payer), magic)
        return self._answer_with_fault(fault, lambda: self.open(new), to_reply)

    def open(self, new: NewOrder) -> ProviderOrder | Refusal:
        """Open an order with none of the faults of a call, where a browser opens it and no call."""
        if self.find(new.reference) is not None:
            return Refusal.DUPLICATE
        now = self.clock.now()
        seconds = (new.page_seconds or self.institution.page_seconds) / self.settings.page_times_divisor
        order = ProviderOrder(
            institution_id=self.institution.id,
            reference=new.reference,
            provider_reference=self.unused_name(lambda: self.hooks.new_provider_reference(self, new)),
            page_token=secrets.token_urlsafe(18),
            amount_paisa=new.amount_paisa,
            created_at=now.isoformat(),
            page_ends_at=(now + timedelta(seconds=seconds)).isoformat(),
            currency=new.currency,
            facts=dict(new.facts),
        )
        self.book.record_opened(order)
        self.book.record_order_call(order, ProviderStep.CREATE)
        return self.book.order(self.institution.id, new.reference) or order

    def prepare(
        self, order: ProviderOrder | None, to_reply: Callable[[ProviderOrder | Refusal], Reply]
    ) -> Reply:
        """Answer a second call of an order that its page needs; `to_reply` may store facts with the order."""
        return self._answer_about_order(ProviderStep.PREPARE, order, lambda known: known, to_reply)

    def take(
        self, order: ProviderOrder | None, to_reply: Callable[[ProviderOrder | Refusal], Reply]
    ) -> Reply:
        """Take the money of what its payer has agreed to, once; a repeat gets the same order again."""
        return self._answer_about_order(
            ProviderStep.TAKE, order, lambda known: payment_outcomes.take_payment(self, known), to_reply
        )

    def status(
        self, order: ProviderOrder | None, to_reply: Callable[[ReportedOrder | Refusal], Reply]
    ) -> Reply:
        """Report what has become of an order; changes nothing."""
        return self._answer_about_order(ProviderStep.STATUS, order, self.report_of, to_reply)

    def refund(
        self,
        order: ProviderOrder | None,
        new: refunds.NewRefund,
        to_reply: Callable[[RefundResult | Refusal], Reply],
    ) -> Reply:
        """Give back what was paid, or a part of it; the same reference again changes nothing more."""
        return self._answer_about_order(
            ProviderStep.REFUND, order, lambda known: refunds.give_back(self, known, new), to_reply
        )

    def refund_status(self, name: str, to_reply: Callable[[RefundResult | Refusal], Reply]) -> Reply:
        """Report what has become of a refund, by the merchant's or the provider's name for it."""
        order, refund = self.find_refund(name) or (None, None)

        def look(known: ProviderOrder) -> RefundResult | Refusal:
            return Refusal.UNKNOWN if refund is None else RefundResult(known, refund)

        return self._answer_about_order(ProviderStep.REFUND_STATUS, order, look, to_reply)

    def refunds_of(
        self, order: ProviderOrder | None, to_reply: Callable[[ProviderOrder | Refusal], Reply]
    ) -> Reply:
        """Report of all refunds of an order, where a family asks for them by the order."""
        return self._answer_about_order(ProviderStep.REFUND_STATUS, order, lambda known: known, to_reply)

    def log_in(self, answer: Callable[[], Reply]) -> Reply:
        """Answer a call for a token, with whatever fault strikes it."""
        fault = self.faults.take(ProviderStep.LOGIN)
        if fault is ProviderFault.REFUSE:
            return self.errors.unauthorised
        return self._undone_reply(fault) or self._distort(fault, answer())

    # ---- what a family looks up and keeps

    def find(self, reference: str) -> ProviderOrder | None:
        """Return the order under the merchant's reference."""
        return self._settle_first(self.book.order(self.institution.id, reference))

    def find_by_provider_name(self, name: str) -> ProviderOrder | None:
        """Return the order under the provider's reference, its page token or its transaction id."""
        return self._settle_first(self.book.order_by_provider_name(self.institution.id, name))

    def find_refund(self, name: str) -> tuple[ProviderOrder, ProviderRefund] | None:
        """Return a refund under the merchant's or the provider's name, with its order."""
        order_and_refund = self.book.refund(self.institution.id, name)
        if order_and_refund is not None:
            self._settle_first(order_and_refund[0])
        return order_and_refund

    def report_of(self, order: ProviderOrder) -> ReportedOrder:
        """Return an order as the answers report it."""
        behaviour = self.behaviour(order)
        amount_paisa = order.amount_paisa + behaviour.reported_extra_paisa
        return ReportedOrder(
            order, self.state(order), amount_paisa, behaviour.reported_currency or order.currency
        )

    def state(self, order: ProviderOrder) -> OrderState:
        """Return where an order stands in truth."""
        return order.state(self.clock.now())

    def behaviour(self, order: ProviderOrder) -> PayerBehaviour:
        """Return what the payer of an order does; the family's own magic shows in its `facts`."""
        return self.payers.behaviour(order.payer)

    def keep(self, order: ProviderOrder, **facts: str) -> None:
        """Add facts to an order; one of the same name is replaced."""
        self.book.record_facts(order, facts)

    def set_amount(self, order: ProviderOrder, amount_paisa: int) -> None:
        """Set what an open order is about, where the family names the amount only in its second call."""
        self.book.record_priced(order, amount_paisa)

    def balance_paisa(self, payer: str) -> int:
        """Return what a payer can pay."""
        return self.settings.balance_paisa + self.book.moved_paisa(self.institution.id, payer)

    def url(self, path: str) -> str:
        """Return the address of a path below the institution, for a browser."""
        return f"{self.settings.public_url or self.whereabouts.origin}/{self.institution.id}/{path}"

    def page_url(self, order: ProviderOrder) -> str:
        """Return where the payer of an order goes."""
        return self.url(f"page/{order.page_token}")

    def is_user(self, user: str) -> bool:
        """Whether a text is the user that every institution has."""
        return compare_digest(user.encode(), self.settings.user.encode())

    def is_password(self, password: str) -> bool:
        """Whether a text is the password that every institution has."""
        return compare_digest(password.encode(), self.settings.password.get_secret_value().encode())

    @property
    def secret(self) -> str:
        """What the institution signs with, where its family has a shared secret."""
        return self.settings.secret.get_secret_value()

    # ---- what the kit itself does

    def send(self, order: ProviderOrder, kind: PushKind, dated: str, refund_id: str = "") -> QueuedPush:
        """Send a push about an order; `dated` is the instant that it tells, in UTC."""
        owed_push = OwedPush(
            secrets.token_hex(8), order.institution_id, order.reference, kind, dated, refund_id
        )
        return self.pushes.send(owed_push)

    def new_transaction_id(self, order: ProviderOrder) -> str:
        """Return a name for a payment, a refund or a try, that the institution has not given before."""
        return self.unused_name(lambda: self.hooks.new_transaction_id(self, order))

    def unused_name(self, make: Callable[[], str]) -> str:
        """Return the first name made that the institution has not given before.

        Raises:
            ExhaustedNamesError: the family makes the same ones again and again.
        """
        for _ in range(_NAMES_MAX):
            name = make()
            is_used = self.book.order_by_provider_name(self.institution.id, name) or self.book.refund(
                self.institution.id, name
            )
            if not is_used:
                return name
        raise ExhaustedNamesError(self.institution.id)

    def settle(self, order: ProviderOrder) -> None:
        """Let whatever was pending of an order be decided, if its time has come."""
        payment_outcomes.settle_order(self, order)
        refunds.settle_refunds(self, order)

    def _settle_first(self, order: ProviderOrder | None) -> ProviderOrder | None:
        if order is not None:
            self.settle(order)
        return order

    def _answer_about_order(
        self,
        step: ProviderStep,
        order: ProviderOrder | None,
        look: Callable[[ProviderOrder], ResultT | Refusal],
        to_reply: Callable[[ResultT | Refusal], Reply],
    ) -> Reply:
        def find() -> ResultT | Refusal:
            return Refusal.UNKNOWN if order is None else look(order)

        if order is None:
            return self._answer_with_fault(self._fault(step, (), {}), find, to_reply)
        self.book.record_order_call(order, step)
        names = (order.reference, order.provider_reference, order.payer)
        fault = self._fault(step, names, self.behaviour(order).faults)
        return self._answer_with_fault(fault, find, to_reply)

    def _fault(
        self, step: ProviderStep, names: tuple[str, ...], magic: Mapping[ProviderStep, ProviderFault]
    ) -> ProviderFault | None:
        """Return what fault strikes a call; the merchant's reference comes first among its names."""
        fault = self.faults.take(step, *names)
        if fault is not None or step not in magic:
            return fault
        struck = (self.institution.id, names[0])
        if self.book.was_struck(struck, step):
            return None
        self.book.record_struck_step(struck, step)
        return magic[step]

    def _answer_with_fault(
        self,
        fault: ProviderFault | None,
        do: Callable[[], ResultT | Refusal],
        to_reply: Callable[[ResultT | Refusal], Reply],
    ) -> Reply:
        undone = self._undone_reply(fault)
        if undone is not None:
            return undone
        result = Refusal.REFUSED if fault is ProviderFault.REFUSE else do()
        reply = to_reply(result)
        return reply if isinstance(result, Refusal) else self._distort(fault, reply)

    def _undone_reply(self, fault: ProviderFault | None) -> Reply | None:
        match fault:
            case ProviderFault.LOST_UNDONE:
                return LOST
            case ProviderFault.HANG_UNDONE:
                return LOST._replace(delay_seconds=self.settings.hang_seconds)
            case ProviderFault.HTTP_500:
                return self.errors.http_500
            case ProviderFault.UNAUTHORISED:
                return self.errors.unauthorised
            case _:
                return None

    def _distort(self, fault: ProviderFault | None, reply: Reply) -> Reply:
        match fault:
            case ProviderFault.LOST_DONE:
                distorted = LOST
            case ProviderFault.HANG_DONE:
                distorted = LOST._replace(delay_seconds=self.settings.hang_seconds)
            case ProviderFault.SLOW:
                distorted = reply._replace(delay_seconds=self.settings.slow_seconds)
            case ProviderFault.HTML:
                distorted = html_page(self.institution.name.english)
            case ProviderFault.HTTP_500_DONE:
                distorted = self.errors.http_500
            case _:
                distorted = reply
        return distorted

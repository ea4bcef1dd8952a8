"""One house that is open: it opens orders, takes, tells, and gives back.

Every method is synchronous and runs to its end before the next begins, so no order is paid twice. The verbs
take what a family has read from a call and a function that puts the verdict into the family's words; faults
strike around that function, so that no family has to know of them.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hmac import compare_digest
from typing import TypeVar

from sandbox.kit.institution.bearer_tokens import Bearers
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.replies import LOST, Errors, Reply, html_page
from sandbox.kit.provider import payment_outcomes as paying
from sandbox.kit.provider import refunds
from sandbox.kit.provider.book import Book, OwedPush
from sandbox.kit.provider.call_results import Refusal, Returned, Told
from sandbox.kit.provider.faults import Fault, Step
from sandbox.kit.provider.hooks import Hooks, PushKind
from sandbox.kit.provider.institution import House
from sandbox.kit.provider.magic_numbers import Behaviour, Payers
from sandbox.kit.provider.orders import Order, Refund, State
from sandbox.kit.provider.push_delivery import Parcel, Post
from sandbox.kit.provider.settings import GatewaySettings

VerdictT = TypeVar("VerdictT", Order, Told, Returned)


_NAMES_MAX = 1_000


class ExhaustedNamesError(Exception):
    """A family has no name left that its house has not given before."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a merchant asks a house to collect.

    `payer` is the payer's number if the merchant names it, for the magic of a create alone. `facts` are kept
    with the order: everything that a later call, a return or a push has to repeat. `page_seconds` is how
    long the payer has, if the merchant says so and not the house.
    """

    reference: str
    amount_paisa: int
    currency: str = "BDT"
    payer: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    page_seconds: int | None = None


@dataclass(slots=True)
class Whereabouts:
    """Where a browser finds the pages."""

    origin: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """One house that is open, with what it shares with the others of its family."""

    house: House
    settings: GatewaySettings
    clock: Clock
    book: Book
    post: Post
    hooks: Hooks
    payers: Payers
    errors: Errors
    bearers: Bearers
    whereabouts: Whereabouts
    faults: StepFaults[Fault] = field(default_factory=lambda: StepFaults(Step))

    # ---- what a family's calls do

    def create(self, new: NewOrder, tell: Callable[[Order | Refusal], Reply]) -> Reply:
        """Open an order; its reference must be new for ever."""
        known = self.find(new.reference)
        if known is not None:
            self.book.record_asked(known, Step.CREATE)
        magic = {} if known is not None else self.payers.behaviour(new.payer).faults
        fault = self._fault(Step.CREATE, (new.reference, new.payer), magic)
        return self._around(fault, lambda: self.open(new), tell)

    def open(self, new: NewOrder) -> Order | Refusal:
        """Open an order with nothing that can befall a call, where a browser opens it and no call."""
        if self.find(new.reference) is not None:
            return Refusal.DUPLICATE
        now = self.clock.now()
        seconds = (new.page_seconds or self.house.page_seconds) / self.settings.page_times_divisor
        order = Order(
            house=self.house.id,
            reference=new.reference,
            provider_reference=self.unused(lambda: self.hooks.new_provider_reference(self, new)),
            page_token=secrets.token_urlsafe(18),
            amount_paisa=new.amount_paisa,
            created_at=now.isoformat(),
            page_ends_at=(now + timedelta(seconds=seconds)).isoformat(),
            currency=new.currency,
            facts=dict(new.facts),
        )
        self.book.record_opened(order)
        self.book.record_asked(order, Step.CREATE)
        return self.book.order(self.house.id, new.reference) or order

    def prepare(self, order: Order | None, tell: Callable[[Order | Refusal], Reply]) -> Reply:
        """Answer a second call of an order that its page needs; `tell` may keep facts with the order."""
        return self._about(Step.PREPARE, order, lambda known: known, tell)

    def take(self, order: Order | None, tell: Callable[[Order | Refusal], Reply]) -> Reply:
        """Take the money of what its payer has agreed to, once; a repeat is told the same order again."""
        return self._about(Step.TAKE, order, lambda known: paying.take(self, known), tell)

    def status(self, order: Order | None, tell: Callable[[Told | Refusal], Reply]) -> Reply:
        """Tell what has become of an order; changes nothing."""
        return self._about(Step.STATUS, order, self.told, tell)

    def refund(
        self, order: Order | None, new: refunds.NewRefund, tell: Callable[[Returned | Refusal], Reply]
    ) -> Reply:
        """Give back what was paid, or a part of it; the same reference again changes nothing more."""
        return self._about(Step.REFUND, order, lambda known: refunds.give(self, known, new), tell)

    def refund_status(self, name: str, tell: Callable[[Returned | Refusal], Reply]) -> Reply:
        """Tell what has become of a refund, by the merchant's or the provider's name for it."""
        order, refund = self.find_refund(name) or (None, None)

        def look(known: Order) -> Returned | Refusal:
            return Refusal.UNKNOWN if refund is None else Returned(known, refund)

        return self._about(Step.REFUND_STATUS, order, look, tell)

    def refunds_of(self, order: Order | None, tell: Callable[[Order | Refusal], Reply]) -> Reply:
        """Tell of all refunds of an order, where a family asks for them by the order."""
        return self._about(Step.REFUND_STATUS, order, lambda known: known, tell)

    def log_in(self, answer: Callable[[], Reply]) -> Reply:
        """Answer a call for a token, with whatever fault befalls it."""
        fault = self.faults.take(Step.LOGIN)
        if fault is Fault.REFUSE:
            return self.errors.unauthorised
        return self._undone(fault) or self._distorted(fault, answer())

    # ---- what a family looks up and keeps

    def find(self, reference: str) -> Order | None:
        """Return the order under the merchant's reference."""
        return self._settled(self.book.order(self.house.id, reference))

    def find_named(self, name: str) -> Order | None:
        """Return the order under the provider's reference, its page token or its transaction id."""
        return self._settled(self.book.named(self.house.id, name))

    def find_refund(self, name: str) -> tuple[Order, Refund] | None:
        """Return a refund under the merchant's or the provider's name, with its order."""
        found = self.book.refund(self.house.id, name)
        if found is not None:
            self._settled(found[0])
        return found

    def told(self, order: Order) -> Told:
        """Return an order as the answers tell it."""
        does = self.behaviour(order)
        amount_paisa = order.amount_paisa + does.told_extra_paisa
        return Told(order, self.state(order), amount_paisa, does.told_currency or order.currency)

    def state(self, order: Order) -> State:
        """Return where an order stands in truth."""
        return order.state(self.clock.now())

    def behaviour(self, order: Order) -> Behaviour:
        """Return what the payer of an order does; the family's own magic shows in its `facts`."""
        return self.payers.behaviour(order.payer)

    def keep(self, order: Order, **facts: str) -> None:
        """Add facts to an order; one of the same name is replaced."""
        self.book.record_facts(order, facts)

    def price(self, order: Order, amount_paisa: int) -> None:
        """Set what an open order is about, where the family names the amount only in its second call."""
        self.book.record_priced(order, amount_paisa)

    def balance_paisa(self, payer: str) -> int:
        """Return what a payer can pay."""
        return self.settings.balance_paisa + self.book.moved_paisa(self.house.id, payer)

    def url(self, path: str) -> str:
        """Return the address of a path below the house, for a browser."""
        return f"{self.settings.public_url or self.whereabouts.origin}/{self.house.id}/{path}"

    def page_url(self, order: Order) -> str:
        """Return where the payer of an order goes."""
        return self.url(f"page/{order.page_token}")

    def is_user(self, user: str) -> bool:
        """Whether a text is the user that every house has."""
        return compare_digest(user.encode(), self.settings.user.encode())

    def is_password(self, password: str) -> bool:
        """Whether a text is the password that every house has."""
        return compare_digest(password.encode(), self.settings.password.get_secret_value().encode())

    @property
    def secret(self) -> str:
        """What the house signs with, where its family has a shared secret."""
        return self.settings.secret.get_secret_value()

    # ---- what the kit itself does

    def send(self, order: Order, kind: PushKind, dated: str, refund_id: str = "") -> Parcel:
        """Send a push about an order; `dated` is the instant that it tells, in UTC."""
        owed = OwedPush(secrets.token_hex(8), order.house, order.reference, kind, dated, refund_id)
        return self.post.send(owed)

    def new_transaction_id(self, order: Order) -> str:
        """Return a name for a payment, a refund or a try, that the house has not given before."""
        return self.unused(lambda: self.hooks.new_transaction_id(self, order))

    def unused(self, make: Callable[[], str]) -> str:
        """Return the first name made that the house has not given before.

        Raises:
            ExhaustedNamesError: the family makes the same ones again and again.
        """
        for _ in range(_NAMES_MAX):
            name = make()
            is_used = self.book.named(self.house.id, name) or self.book.refund(self.house.id, name)
            if not is_used:
                return name
        raise ExhaustedNamesError(self.house.id)

    def settle(self, order: Order) -> None:
        """Let whatever was pending of an order be decided, if its time has come."""
        paying.settle(self, order)
        refunds.settle(self, order)

    def _settled(self, order: Order | None) -> Order | None:
        if order is not None:
            self.settle(order)
        return order

    def _about(
        self,
        step: Step,
        order: Order | None,
        look: Callable[[Order], VerdictT | Refusal],
        tell: Callable[[VerdictT | Refusal], Reply],
    ) -> Reply:
        def find() -> VerdictT | Refusal:
            return Refusal.UNKNOWN if order is None else look(order)

        if order is None:
            return self._around(self._fault(step, (), {}), find, tell)
        self.book.record_asked(order, step)
        names = (order.reference, order.provider_reference, order.payer)
        fault = self._fault(step, names, self.behaviour(order).faults)
        return self._around(fault, find, tell)

    def _fault(self, step: Step, names: tuple[str, ...], magic: Mapping[Step, Fault]) -> Fault | None:
        """Return what befalls a call; the merchant's reference comes first among its names."""
        fault = self.faults.take(step, *names)
        if fault is not None or step not in magic:
            return fault
        struck = (self.house.id, names[0])
        if self.book.was_struck(struck, step):
            return None
        self.book.record_struck(struck, step)
        return magic[step]

    def _around(
        self,
        fault: Fault | None,
        do: Callable[[], VerdictT | Refusal],
        tell: Callable[[VerdictT | Refusal], Reply],
    ) -> Reply:
        undone = self._undone(fault)
        if undone is not None:
            return undone
        verdict = Refusal.REFUSED if fault is Fault.REFUSE else do()
        reply = tell(verdict)
        return reply if isinstance(verdict, Refusal) else self._distorted(fault, reply)

    def _undone(self, fault: Fault | None) -> Reply | None:
        match fault:
            case Fault.LOST_UNDONE:
                return LOST
            case Fault.HANG_UNDONE:
                return LOST._replace(delay_seconds=self.settings.hang_seconds)
            case Fault.HTTP_500:
                return self.errors.http_500
            case Fault.UNAUTHORISED:
                return self.errors.unauthorised
            case _:
                return None

    def _distorted(self, fault: Fault | None, reply: Reply) -> Reply:
        match fault:
            case Fault.LOST_DONE:
                distorted = LOST
            case Fault.HANG_DONE:
                distorted = LOST._replace(delay_seconds=self.settings.hang_seconds)
            case Fault.SLOW:
                distorted = reply._replace(delay_seconds=self.settings.slow_seconds)
            case Fault.HTML:
                distorted = html_page(self.house.name.english)
            case Fault.HTTP_500_DONE:
                distorted = self.errors.http_500
            case _:
                distorted = reply
        return distorted

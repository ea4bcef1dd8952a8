"""What all parts of the simulated bKash share: its book, its clock, its post, and its faults."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.replies import LOST, Reply
from sandbox.providers.bkash import replies, tokens
from sandbox.providers.bkash.book import Book
from sandbox.providers.bkash.faults import DROPS_FIRST, MAGIC, Fault, Step
from sandbox.providers.bkash.notification_delivery import Post
from sandbox.providers.bkash.payment import Payment
from sandbox.providers.bkash.replies import FINE, Refusal
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.bkash.wallets import World

_UNDONE = {
    Fault.LOST_UNDONE: LOST,
    Fault.CLOSE_BEFORE: LOST,
    Fault.HTTP_500: replies.ERRORS.http_500,
}
_DONE_BUT = {Fault.LOST_DONE: LOST, Fault.HTML: replies.HTML_PAGE, Fault.STRANGE_CODE: replies.STRANGE}
_REFUSED_WITH = {
    (Fault.REFUSE, Step.CREATE): "2067",
    (Fault.REFUSE, Step.EXECUTE): "2037",
    (Fault.REFUSE, Step.REFUND): "2074",
    (Fault.DUPLICATE, Step.CREATE): "2029",
    (Fault.DUPLICATE, Step.EXECUTE): "2029",
    (Fault.INSUFFICIENT, Step.EXECUTE): "2023",
}


class Aim(NamedTuple):
    """What a fault may strike: a step, under the numbers it can be set for.

    The magic of a payment's wallet strikes only while `is_open`.
    """

    step: Step
    numbers: tuple[str, ...] = ()
    payment: Payment | None = None
    is_open: bool = False


class Envelopes(NamedTuple):
    """How one version of the interface says no, and how it says that it does not know."""

    refused: Refusal
    troubled: Refusal


V1 = Envelopes(replies.refused, replies.troubled)
V2 = Envelopes(replies.refused_v2, replies.refused_v2)


@dataclass(slots=True)
class Whereabouts:
    """Where a browser finds the payer's page."""

    origin: str = ""


@dataclass(frozen=True)
class House:
    """The parts of one simulator."""

    settings: BkashSettings
    clock: Clock
    world: World
    book: Book
    faults: StepFaults[Fault]
    post: Post
    whereabouts: Whereabouts = field(default_factory=Whereabouts)

    def struck(self, aim: Aim, envelopes: Envelopes, answer: Callable[[Fault | None], Reply]) -> Reply:
        """Answer a call, with whatever fault befalls it; the answer is told which, and may refuse for it."""
        fault = self._fault(aim)
        undone = self._undone(fault, envelopes)
        if undone is not None:
            return undone
        reply = answer(fault)
        return reply if reply.code != FINE else self._distorted(fault, envelopes, reply)

    def refusal_code(self, fault: Fault | None, step: Step) -> str | None:
        """Return the code with which a fault refuses a step, if it does."""
        return None if fault is None else _REFUSED_WITH.get((fault, step))

    def expire_tokens(self) -> None:
        """Let every id token die now."""
        self.book.record(tokens.expired(self.clock.now()))

    def block_app(self) -> None:
        """Turn every call away for an hour."""
        self.book.record(tokens.blocked(self.clock.now()))

    def balance_paisa(self, wallet: str) -> int:
        """Return what a wallet can pay."""
        return self.settings.balance_paisa + self.book.moved_paisa(wallet)

    def _fault(self, aim: Aim) -> Fault | None:
        fault = self.faults.take(aim.step, *aim.numbers)
        payment = aim.payment
        if fault is not None or payment is None or payment.wallet is None or not aim.is_open:
            return fault
        kind = self.world.kind(payment.wallet)
        magic = MAGIC.get((kind, aim.step)) if kind is not None else None
        if magic in DROPS_FIRST:
            if self.book.was_dropped(aim.step, payment.payment_id):
                return None
            self.book.record_dropped(aim.step, payment.payment_id)
        return magic

    def _undone(self, fault: Fault | None, envelopes: Envelopes) -> Reply | None:
        match fault:
            case Fault.HANG_UNDONE:
                return self._hanging()
            case Fault.FAILED_UNDONE:
                return envelopes.troubled("2003")
            case Fault.EXPIRE_TOKENS | Fault.BLOCK_APP:
                return self._turned_away(fault)
            case _:
                return None if fault is None else _UNDONE.get(fault)

    def _turned_away(self, fault: Fault) -> Reply:
        if fault is Fault.BLOCK_APP:
            self.block_app()
            return replies.APP_BLOCKED
        self.expire_tokens()
        return replies.TOKEN_EXPIRED

    def _distorted(self, fault: Fault | None, envelopes: Envelopes, reply: Reply) -> Reply:
        match fault:
            case Fault.HANG_DONE:
                return self._hanging()
            case Fault.SLOW:
                return reply._replace(delay_seconds=self.settings.slow_seconds)
            case Fault.FAILED_DONE:
                return envelopes.troubled("2003")
            case _:
                return reply if fault is None else _DONE_BUT.get(fault, reply)

    def _hanging(self) -> Reply:
        return LOST._replace(delay_seconds=self.settings.hang_seconds)

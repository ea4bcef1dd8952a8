"""What all parts of the simulated bKash share: its book, its clock, its notifications, and its faults."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.replies import LOST, Reply
from sandbox.providers.bkash import replies, tokens
from sandbox.providers.bkash.book import BkashBook
from sandbox.providers.bkash.faults import DROPS_FIRST, MAGIC, BkashFault, BkashStep
from sandbox.providers.bkash.notification_delivery import NotificationSender
from sandbox.providers.bkash.payment import BkashPayment
from sandbox.providers.bkash.replies import SUCCESS, RefusalReply
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.bkash.wallets import BkashWallets

_UNDONE = {
    BkashFault.LOST_UNDONE: LOST,
    BkashFault.CLOSE_BEFORE: LOST,
    BkashFault.HTTP_500: replies.ERRORS.http_500,
}
_DONE_BUT = {
    BkashFault.LOST_DONE: LOST,
    BkashFault.HTML: replies.HTML_PAGE,
    BkashFault.STRANGE_CODE: replies.STRANGE,
}
_REFUSED_WITH = {
    (BkashFault.REFUSE, BkashStep.CREATE): "2067",
    (BkashFault.REFUSE, BkashStep.EXECUTE): "2037",
    (BkashFault.REFUSE, BkashStep.CAPTURE): "2037",
    (BkashFault.REFUSE, BkashStep.VOID): "2067",
    (BkashFault.REFUSE, BkashStep.REFUND): "2074",
    (BkashFault.REFUSE, BkashStep.AGREEMENT_CANCEL): "2067",
    (BkashFault.DUPLICATE, BkashStep.CREATE): "2029",
    (BkashFault.DUPLICATE, BkashStep.EXECUTE): "2029",
    (BkashFault.INSUFFICIENT, BkashStep.EXECUTE): "2023",
}


class FaultTarget(NamedTuple):
    """What a fault may strike: a step, under the numbers it can be set for.

    The magic of a payment's wallet strikes only while `is_open`.
    """

    step: BkashStep
    numbers: tuple[str, ...] = ()
    payment: BkashPayment | None = None
    is_open: bool = False


class Envelopes(NamedTuple):
    """How one version of the interface says no, how it says that it does not know, and how it says yes."""

    refusal_reply: RefusalReply
    trouble_reply: RefusalReply
    success_reply: Callable[..., Reply]


V1 = Envelopes(replies.refusal_reply, replies.trouble_reply, replies.success)
V2 = Envelopes(replies.refusal_reply_v2, replies.refusal_reply_v2, replies.success_v2)
IN_FRAME = Envelopes(replies.trouble_reply, replies.trouble_reply, replies.success_in_frame)


@dataclass(slots=True)
class Whereabouts:
    """Where a browser finds the payer's page."""

    origin: str = ""


@dataclass(frozen=True)
class BkashSharedState:
    """The parts of one simulator."""

    settings: BkashSettings
    clock: Clock
    wallets: BkashWallets
    book: BkashBook
    faults: StepFaults[BkashFault]
    notifications: NotificationSender
    whereabouts: Whereabouts = field(default_factory=Whereabouts)

    def apply_fault(
        self, aim: FaultTarget, envelopes: Envelopes, answer: Callable[[BkashFault | None], Reply]
    ) -> Reply:
        """Answer a call, with whatever fault strikes it; `answer` gets the fault, and may refuse for it."""
        fault = self._fault(aim)
        undone = self._undone_reply(fault, envelopes)
        if undone is not None:
            return undone
        reply = answer(fault)
        return reply if reply.code != SUCCESS else self._distort(fault, envelopes, reply)

    def refusal_code(self, fault: BkashFault | None, step: BkashStep) -> str | None:
        """Return the code with which a fault refuses a step, if it does."""
        return None if fault is None else _REFUSED_WITH.get((fault, step))

    def expire_tokens(self) -> None:
        """Let every id token die now."""
        self.book.record(tokens.expiry_event(self.clock.now()))

    def block_app(self) -> None:
        """Refuse every call for an hour."""
        self.book.record(tokens.block_event(self.clock.now()))

    def balance_paisa(self, wallet: str) -> int:
        """Return what is in a wallet, with what authorisations hold there."""
        return self.settings.balance_paisa + self.book.moved_paisa(wallet)

    def spendable_paisa(self, wallet: str) -> int:
        """Return what of its balance no authorisation holds."""
        return self.balance_paisa(wallet) - self.book.held_paisa(wallet)

    def _fault(self, aim: FaultTarget) -> BkashFault | None:
        fault = self.faults.take(aim.step, *aim.numbers)
        payment = aim.payment
        if fault is not None or payment is None or payment.wallet is None or not aim.is_open:
            return fault
        kind = self.wallets.kind(payment.wallet)
        magic = MAGIC.get((kind, aim.step)) if kind is not None else None
        if magic in DROPS_FIRST:
            if self.book.was_dropped(aim.step, payment.payment_id):
                return None
            self.book.record_dropped(aim.step, payment.payment_id)
        return magic

    def _undone_reply(self, fault: BkashFault | None, envelopes: Envelopes) -> Reply | None:
        match fault:
            case BkashFault.HANG_UNDONE:
                return self._hang_reply()
            case BkashFault.FAILED_UNDONE:
                return envelopes.trouble_reply("2003")
            case BkashFault.EXPIRE_TOKENS | BkashFault.BLOCK_APP:
                return self._refuse_login(fault)
            case _:
                return None if fault is None else _UNDONE.get(fault)

    def _refuse_login(self, fault: BkashFault) -> Reply:
        if fault is BkashFault.BLOCK_APP:
            self.block_app()
            return replies.APP_BLOCKED
        self.expire_tokens()
        return replies.TOKEN_EXPIRED

    def _distort(self, fault: BkashFault | None, envelopes: Envelopes, reply: Reply) -> Reply:
        match fault:
            case BkashFault.HANG_DONE:
                return self._hang_reply()
            case BkashFault.SLOW:
                return reply._replace(delay_seconds=self.settings.slow_seconds)
            case BkashFault.FAILED_DONE:
                return envelopes.trouble_reply("2003")
            case _:
                return reply if fault is None else _DONE_BUT.get(fault, reply)

    def _hang_reply(self) -> Reply:
        return LOST._replace(delay_seconds=self.settings.hang_seconds)

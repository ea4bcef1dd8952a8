"""Citizens' contacts, codes and messages in memory: `ports.citizens`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.citizens.accounts import CitizenSession, SignedIn
from ekpay_switch.domain.citizens.one_time_codes import LIFE, TRIES_MAX, CodeCheck, CodePurpose, CodeVerdict
from ekpay_switch.domain.citizens.reminders import Reminder, StandingOrder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.citizens.text_messages import MessageEnd
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.citizens import (
    CartContact,
    CitizenPorts,
    LeasedMessage,
    NewCode,
    NewSession,
    NewTextMessage,
    SendAnswer,
    SendVerdict,
)
from tests.fakes.carts import FakeCarts
from tests.fakes.world import FakeClock

CONTACT_DAYS, REMIND_DAYS_BEFORE = 90, 3


@dataclass
class FakeContacts:
    """The contacts of the carts of a scene."""

    carts: FakeCarts
    kept: dict[UUID, CartContact] = field(default_factory=dict)

    async def keep(self, cart_id: UUID, contact: CartContact) -> None:
        if not self.carts.carts[cart_id].is_ordered:
            self.kept[cart_id] = contact

    async def cart_of(self, payment_number: str, number: str) -> str | None:
        for cart_id, contact in self.kept.items():
            cart = self.carts.standing(cart_id)
            payment = None if cart.payment is None else await self.carts.orders.by_id(cart.payment.payment_id)
            if payment is not None and (payment.ekpay_trnx_id, number) == (payment_number, contact.number):
                return cart.reference
        return None


@dataclass
class StoredCode:
    """A code with what became of it."""

    new: NewCode
    expires_at: datetime
    tries: int = 0
    is_over: bool = False


@dataclass
class FakeCodes:
    """Codes and the messages that bring them; nothing is sent."""

    clock: FakeClock
    codes: dict[UUID, StoredCode] = field(default_factory=dict)
    messages: list[NewTextMessage] = field(default_factory=list)

    async def issue(self, new: NewCode, message: NewTextMessage | None) -> None:
        if new.replaces in self.codes:
            self.codes[new.replaces].is_over = True
        self.codes[new.code_id] = StoredCode(new, self.clock.now() + LIFE)
        self.messages += [] if message is None else [message]

    async def check(self, code_id: UUID, purpose: CodePurpose, code: str) -> CodeCheck:
        stored = self.codes.get(code_id)
        if stored is None or stored.is_over or stored.new.purpose is not purpose:
            return CodeCheck(CodeVerdict.DEAD)
        if stored.tries >= TRIES_MAX or stored.expires_at <= self.clock.now():
            return CodeCheck(CodeVerdict.DEAD)
        stored.tries += 1
        if stored.new.subject is not None and stored.new.code == code:
            stored.is_over = True
            return CodeCheck(CodeVerdict.RIGHT, stored.new.subject)
        left = TRIES_MAX - stored.tries
        return CodeCheck(CodeVerdict.WRONG if left else CodeVerdict.DEAD, tries_left=left)


@dataclass
class FakeAccounts:
    """Accounts by number, sessions by secret, and whose which cart is."""

    clock: FakeClock
    citizens: dict[str, UUID] = field(default_factory=dict)
    live: dict[str, tuple[SignedIn, CitizenSession]] = field(default_factory=dict)
    carts: dict[UUID, UUID] = field(default_factory=dict)
    claimed_at: dict[UUID, datetime] = field(default_factory=dict)

    async def sign_in(self, new: NewSession) -> None:
        self.live.pop(new.instead_of, None)
        citizen_id = self.citizens.setdefault(new.number, new.citizen_id)
        now = self.clock.now()
        self.live[new.secret] = (
            SignedIn(citizen_id, new.session_id, new.number, now, now),
            CitizenSession(new.session_id, new.device, now, now),
        )

    async def by_secret(self, secret: str) -> SignedIn | None:
        found = self.live.get(secret)
        return None if found is None else replace(found[0], now=self.clock.now())

    async def sessions(self, citizen_id: UUID) -> Sequence[CitizenSession]:
        return [seen for who, seen in reversed(self.live.values()) if who.citizen_id == citizen_id]

    async def end_session(self, citizen_id: UUID, session_id: UUID) -> None:
        self._keep(lambda who: (who.citizen_id, who.session_id) != (citizen_id, session_id))

    async def end_other_sessions(self, citizen_id: UUID, session_id: UUID) -> None:
        self._keep(lambda who: who.citizen_id != citizen_id or who.session_id == session_id)

    async def claim_cart(self, citizen_id: UUID, cart_id: UUID) -> None:
        self.carts.setdefault(cart_id, citizen_id)
        self.claimed_at.setdefault(cart_id, self.clock.now())

    async def owns_cart(self, citizen_id: UUID, cart_id: UUID) -> bool:
        return self.carts.get(cart_id) == citizen_id

    async def cart_ids(self, citizen_id: UUID, count_max: int) -> Sequence[UUID]:
        return [cart for cart, whose in reversed(self.carts.items()) if whose == citizen_id][:count_max]

    async def cart_ids_between(
        self, citizen_id: UUID, since: datetime, until: datetime, count_max: int
    ) -> Sequence[UUID]:
        own = await self.cart_ids(citizen_id, len(self.carts))
        return [cart for cart in own if since <= self.claimed_at[cart] < until][:count_max]

    async def close(self, citizen_id: UUID) -> None:
        self.citizens = {number: known for number, known in self.citizens.items() if known != citizen_id}
        self._keep(lambda who: who.citizen_id != citizen_id)
        self.carts = {cart: whose for cart, whose in self.carts.items() if whose != citizen_id}

    def _keep(self, is_kept: Callable[[SignedIn], bool]) -> None:
        self.live = {secret: pair for secret, pair in self.live.items() if is_kept(pair[0])}


@dataclass
class FakeSavedBills:
    """Saved bills by citizen."""

    kept: dict[UUID, list[SavedBill]] = field(default_factory=dict)
    is_full: bool = False

    async def save(self, citizen_id: UUID, bill: SavedBill) -> bool:
        own = self.kept.setdefault(citizen_id, [])
        for place, known in enumerate(own):
            if (known.biller_id, known.fields) == (bill.biller_id, bill.fields):
                own[place] = replace(known, nickname=bill.nickname)
                return True
        if not self.is_full:
            own.append(bill)
        return not self.is_full

    async def of_citizen(self, citizen_id: UUID) -> Sequence[SavedBill]:
        return list(self.kept.get(citizen_id, ()))

    async def remove(self, citizen_id: UUID, saved_id: UUID) -> None:
        self.kept[citizen_id] = [bill for bill in self.kept.get(citizen_id, []) if bill.saved_id != saved_id]


@dataclass
class FakeReminders:
    """The reminders that are on, of any citizen."""

    on: dict[UUID, Reminder] = field(default_factory=dict)
    whose: dict[UUID, UUID] = field(default_factory=dict)
    saved: FakeSavedBills = field(default_factory=FakeSavedBills)

    async def switch_on(self, citizen_id: UUID, saved_id: UUID) -> None:
        if any(bill.saved_id == saved_id for bill in self.saved.kept.get(citizen_id, ())):
            self.whose[saved_id] = citizen_id
            self.on.setdefault(saved_id, Reminder())

    async def switch_off(self, citizen_id: UUID, saved_id: UUID) -> None:
        if self.whose.get(saved_id) == citizen_id:
            self.on.pop(saved_id, None)

    async def set_order(self, citizen_id: UUID, saved_id: UUID, cap: Money) -> None:
        await self.switch_on(citizen_id, saved_id)
        self._change(citizen_id, saved_id, StandingOrder(cap))

    async def pause_order(self, citizen_id: UUID, saved_id: UUID, *, is_paused: bool) -> None:
        order = self.on[saved_id].order if saved_id in self.on else None
        if order is not None:
            self._change(citizen_id, saved_id, replace(order, is_paused=is_paused))

    async def end_order(self, citizen_id: UUID, saved_id: UUID) -> None:
        self._change(citizen_id, saved_id, None)

    async def begin_payment(self, citizen_id: UUID, saved_id: UUID) -> None:
        if self.whose.get(saved_id) == citizen_id:
            self.on[saved_id] = replace(self.on[saved_id], owed=None, due_on=None)

    def _change(self, citizen_id: UUID, saved_id: UUID, order: StandingOrder | None) -> None:
        if self.whose.get(saved_id) == citizen_id and saved_id in self.on:
            self.on[saved_id] = replace(self.on[saved_id], order=order)

    async def of_citizen(self, citizen_id: UUID) -> Mapping[UUID, Reminder]:
        return {saved_id: state for saved_id, state in self.on.items() if self.whose[saved_id] == citizen_id}


@dataclass
class FakeLimits:
    """Limits that a test closes."""

    is_open: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def allow(self, address: str, number: str) -> bool:
        self.asked.append((address, number))
        return self.is_open


@dataclass
class FakeMessages:
    """Waiting messages, with what was recorded of each."""

    due: list[LeasedMessage] = field(default_factory=list)
    ends: list[tuple[UUID, MessageEnd, str]] = field(default_factory=list)
    retries: list[tuple[UUID, timedelta, str]] = field(default_factory=list)

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[LeasedMessage]:  # noqa: ARG002 - memory
        leased, self.due = self.due[:limit], self.due[limit:]
        return leased

    async def end(self, leased: LeasedMessage, end: MessageEnd, answer: SendAnswer) -> None:
        self.ends.append((leased.message_id, end, answer.reference))

    async def retry(self, leased: LeasedMessage, after: timedelta, why: str) -> None:
        self.retries.append((leased.message_id, after, why))


@dataclass
class FakeGateway:
    """A gateway that answers what a test wants."""

    answer: SendAnswer = field(default_factory=lambda: SendAnswer(SendVerdict.SENT, "", "R-1"))
    sent: list[LeasedMessage] = field(default_factory=list)

    async def send(self, message: LeasedMessage) -> SendAnswer:
        self.sent.append(message)
        return self.answer


def citizens_of(carts: FakeCarts, clock: FakeClock) -> CitizenPorts:
    """The ports over the carts of a scene."""
    names = {PayerLanguage.BANGLA: "একপে", PayerLanguage.ENGLISH: "ekPay"}
    saved = FakeSavedBills()
    return CitizenPorts(
        FakeContacts(carts),
        FakeCodes(clock),
        FakeLimits(),
        FakeAccounts(clock),
        saved,
        FakeReminders(saved=saved),
        names,
        CONTACT_DAYS,
        REMIND_DAYS_BEFORE,
    )

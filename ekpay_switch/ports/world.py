"""What flows need of the outside world, as protocols.

The core's own packages (`persistence`, `wire`) and the wings implement them; flows know nothing else. Fakes
in tests/fakes implement the same protocols.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.bill import Bill, BillQuery, LockedBill, Quote
from ekpay_switch.domain.collections.file_proofs import NO_FILES, FileStatements
from ekpay_switch.domain.fees import FeeTable
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import (
    USUAL_FETCHES,
    USUAL_MESSAGES,
    FetchTerms,
    MessageWindow,
)
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import Claim, ClaimAnswer, PaymentRecord
from ekpay_switch.domain.payments.delivery import (
    Delivery,
    NextSend,
    PayOrder,
    RecordAnswer,
    Recording,
    SendAnswer,
)
from ekpay_switch.domain.payments.inquiries import DoubtfulSend
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.ports.billers import Billers
from ekpay_switch.ports.collections import Callbacks, Collections, Refunds
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.merchants import MerchantPayments, Merchants
from ekpay_switch.ports.routing import Routing
from ekpay_switch.ports.sends import LostPayments, SendsJournal


class Clock(Protocol):
    """The clock of this process; for deadlines, never for anything that is stored."""

    def monotonic(self) -> float:
        """A reading of the monotonic clock, in seconds; it goes on while the machine is suspended."""
        ...

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking other tasks."""
        ...


@dataclass(frozen=True, slots=True)
class LeasedPayment:
    """A payment that the resolver has leased: no other process may record about it under this epoch.

    `ask_before` is a reading of the monotonic clock, in seconds, after which no inquiry may be sent: the next
    holder may be inquiring already. `files` are the statements of its biller's settlement files about the
    attempt when it was leased. `undo_wanted` is the decision by which its biller is to undo it, or empty;
    `known_to_hold` is what two persons have decided about that its biller holds (`KnownHolding`), or empty.
    """

    delivery: Delivery
    order: PayOrder
    state: State
    send: DoubtfulSend
    questions: int
    now: datetime
    ask_before: float = math.inf
    files: FileStatements = NO_FILES
    undo_wanted: str = ""
    known_to_hold: str = ""


class Payments(Protocol):
    """Stored payments; each call is one durable transaction, never around a wire call."""

    async def save_quote(self, quote: Quote) -> None:
        """Store a quote; it is durable on return."""
        ...

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """Take the prefund and open the attempt, or say why not; durable on return.

        Raises:
            OverloadedError: the queue is full; nothing was done.
            CommitUnknownError: the connection was lost during the commit; send nothing.
        """
        ...

    async def record(self, recording: Recording) -> RecordAnswer:
        """Write what an answer leads to, under its epoch; raises like `claim`."""
        ...

    async def lease_due(
        self,
        limit: int,
        lease_seconds: float,
        *,
        per_far_side: int = 16,
        passing_over: Collection[str] = (),
    ) -> Sequence[LeasedPayment]:
        """Lease payments whose next inquiry is due and that are not leased; each gets a new epoch.

        At most `per_far_side` of one far side, and none of the far sides in `passing_over`. Money in doubt
        comes first, then completed payments whose final receipt is still to come; the longest due first.
        """
        ...

    async def postpone(
        self, leased: LeasedPayment, ask_again_seconds: float | None, why: str, *, was_asked: bool
    ) -> None:
        """Release the payment until its next inquiry, None for never; `was_asked` counts one more inquiry."""
        ...

    async def begin_send(self, send: NextSend) -> SendAnswer:
        """Make one more send of the same attempt durable before it happens; raises like `claim`."""
        ...

    async def by_id(self, payment_id: UUID) -> PaymentRecord | None:
        """The stored payment, or None."""
        ...

    async def tokens(self, payment_id: UUID) -> Sequence[TokenLine]:
        """What a prepaid biller returned for this payment, in order; empty where it returned nothing."""
        ...


class LockedBills(Protocol):
    """Bills that a fetch has locked at their biller: until the lock ends, fetches are answered from here.

    `bill_name` is `BillQuery.bill_name`. Times are seconds from the database's now.
    """

    async def current(self, biller_id: str, bill_name: str) -> LockedBill | None:
        """The bill if its lock has not ended and no payment of ours has paid it, else None."""
        ...

    async def lease(self, biller_id: str, bill_name: str, seconds: float) -> int | None:
        """The right to ask the biller, durable before it is asked, or None while another process has it."""
        ...

    async def keep(self, query: BillQuery, epoch: int, bill: Bill, life_seconds: float) -> LockedBill:
        """Store the bill that the biller locked for us; under an old epoch nothing is written."""
        ...

    async def release(self, biller_id: str, bill_name: str, epoch: int) -> None:
        """Release the right to ask, after an answer that locked nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner as the API needs it; `secrets` holds the current key, then in an overlap the one before.

    By its agreement it may take `tokens_per_second` at get-token, and fetch bills within `fetches`; its
    messages are sent within `messages`.
    """

    id: str
    nd_id: str
    syndct_id: str
    user_id: str
    lane: int
    generation: int
    is_active: bool
    pass_key_hash: bytes = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)
    tokens_per_second: int = 1_000
    fetches: FetchTerms = USUAL_FETCHES
    messages: MessageWindow = USUAL_MESSAGES


class PartnerDirectory(Protocol):
    """The partners of the syndicate API."""

    async def by_user_id(self, user_id: str) -> Partner | None:
        """The partner that logs in under this name as it is now, or None.

        A token of the generation before would be refused a second later, and the partner would hold it for an
        hour.
        """
        ...

    async def by_id(self, partner_id: str, generation: int = 0) -> Partner | None:
        """The partner of a token, or None; at most a second old, and never older than this generation."""
        ...

    async def prefunds(self, partner_id: str) -> Mapping[str, Money]:
        """The balance of each bucket now."""
        ...


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """The state of a fetch: the biller and amount of its quote, and the payment of it, if any."""

    biller_id: str
    is_bill_paid: bool
    amount: Money
    standing: PaymentRecord | None


class FailedLogins(Protocol):
    """Failed logins of every door, counted for all processes together."""

    async def count(self, address: str, name: str) -> bool:
        """Count a failure; False where this address has failed too often, with this name or with any.

        An empty name stands for a door without names.
        """
        ...


class Permits(Protocol):
    """How often a partner may do something, such as take a token, counted for all processes together."""

    async def take(self, holder: str, per_second: int) -> bool:
        """Take a permit for once; False where `per_second` were taken within a second."""
        ...


class CallerLimit(Protocol):
    """How often a caller may do something that costs others, counted for all processes together."""

    async def allows(self, caller: str) -> bool:
        """Count once; False where this caller has to wait."""
        ...


class Enquiries(Protocol):
    """Answers to partners' status calls, from our database without a wire call (architecture.md 5)."""

    async def status_of_request(self, partner_id: str, request_reference: str) -> RequestStatus | None:
        """The newest fetch under this hdrs.ref_id; a paid one takes precedence."""
        ...


class Budget(Protocol):
    """The rate of inquiries to each far side (architecture.md 5), shared by all processes."""

    async def take(self, far_side: str, per_second: float) -> float:
        """Take one inquiry from the budget and return 0, or the seconds until one is available."""
        ...


class Tokens(Protocol):
    """Bearer tokens of far sides: one process at a time fetches a new one for all processes."""

    async def current(self, far_side: str) -> str | None:
        """The stored token if it is still valid, else None."""
        ...

    async def lease(self, far_side: str, seconds: float) -> int | None:
        """The right to log in, as an epoch, or None while another process has it."""
        ...

    async def count_login(self, far_side: str, epoch: int, per_hour: int) -> bool:
        """Count one login of all processes, durable before it is sent.

        False, and nothing counted, where `per_hour` were counted within an hour or the lease was lost.
        """
        ...

    async def uncount_login(self, far_side: str, epoch: int) -> None:
        """Undo the last count of a login: provably not a byte of it was sent."""
        ...

    async def store(self, far_side: str, epoch: int, token: str, life_seconds: float) -> bool:
        """Store a new token, sealed; False if the lease was lost meanwhile."""
        ...

    async def release(self, far_side: str, epoch: int) -> None:
        """Release the right to log in after a failed login, so that the next caller may try."""
        ...

    async def drop(self, far_side: str, token: str) -> None:
        """Delete a token that the far side refused; a newer one is not deleted."""
        ...


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Our TLS client certificate: the paths of two PEM files, the key without a passphrase."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request to a far side, complete.

    `send_before` is a monotonic reading after which not a byte may leave, or None where the request moves no
    money. `client_certificate` is used where the far side asks for one, and ignored over plain http.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_seconds: float
    send_before: float | None = None
    client_certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """A complete HTTP answer of a far side; its family interprets it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not a byte of the request left us."""

    why: str


@dataclass(frozen=True, slots=True)
class NoUsableAnswer:
    """At least a part of the request left us, and no complete answer came back."""

    why: str


WireReply = WireAnswer | NotSent | NoUsableAnswer


class Wire(Protocol):
    """HTTP to far sides. Never sends a request twice and never follows a redirect (law 4)."""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """Send one request over the far side's own pool; raises nothing for what the far side does."""
        ...


class Alarms(Protocol):
    """Alarms are rows; a line of the log and the metrics announce each time that one is raised."""

    async def raise_alarm(self, alarm: RaisedAlarm) -> None:
        """Write the alarm in a transaction of its own, and announce it; one that is open counts once more.

        For what no other write goes with: call it before the step after which nobody would notice again.
        """
        ...

    def announce(self, event: Alarm, payment_id: UUID, **facts: str) -> None:
        """Announce an alarm that a store has written in the transaction of its cause."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """Everything that flows use; `public_url` is our address for payers' browsers, without a final slash."""

    billers: Billers
    connectors: Connectors
    payments: Payments
    collections: Collections
    callbacks: Callbacks
    refunds: Refunds
    routing: Routing
    locked_bills: LockedBills
    fees: FeeTable
    budget: Budget
    clock: Clock
    alarms: Alarms
    public_url: str
    merchants: Merchants
    merchant_payments: MerchantPayments
    sends: SendsJournal
    lost_payments: LostPayments

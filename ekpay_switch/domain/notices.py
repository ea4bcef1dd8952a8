"""What partners are told by themselves, and when an endpoint that did not take it is tried again.

A notice is the word that a delivery plan carries; partners know event types. The state they are told is that
of the moment, not of the sending, since the same notification must read the same on each try. Pure: answers,
times and luck come in, decisions go out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ekpay_switch.domain.merchants import MerchantCode
from ekpay_switch.domain.payment import State


class EventType(StrEnum):
    """The types that partners may ask for; the names are those of the messages."""

    COMPLETED = "payment.completed"
    REFUNDED = "payment.refunded"
    IN_REVIEW = "payment.in_review"
    LATE_SUCCESS = "payment.late_success"
    FAILED = "payment.failed"
    RECEIPT_ISSUED = "payment.receipt_issued"
    REFUND_DONE = "refund.done"
    REFUND_FAILED = "refund.failed"


@dataclass(frozen=True, slots=True)
class Told:
    """How one notice is told: its type, the state that it reports, and what it means to the receiver."""

    event: EventType
    state: State
    meaning: str


_DISAGREED = "What the biller says does not agree with our books; two persons decide, so do nothing yet."
_HELD_AFTER_ALL = (
    "The biller holds the refunded payment after all; it stays refunded while two persons decide."
)
NOTICES: Mapping[str, Told] = MappingProxyType(
    {
        "completed": Told(
            EventType.COMPLETED, State.COMPLETED, "The biller acknowledged the payment; it is final."
        ),
        "refunded": Told(
            EventType.REFUNDED,
            State.REFUNDED,
            "The bill was not paid; everything, fees included, is back in the prefund.",
        ),
        # What was refused stays refused to the partner, whatever two persons are looking at (law 14).
        "late_success": Told(EventType.LATE_SUCCESS, State.REFUNDED, _HELD_AFTER_ALL),
        "late_echo_mismatch": Told(EventType.LATE_SUCCESS, State.REFUNDED, _HELD_AFTER_ALL),
        "half_done_after_give_back": Told(EventType.LATE_SUCCESS, State.REFUNDED, _HELD_AFTER_ALL),
        "amount_echo_mismatch": Told(EventType.IN_REVIEW, State.IN_REVIEW, _DISAGREED),
        "collected_mismatch": Told(
            EventType.IN_REVIEW,
            State.IN_REVIEW,
            "A connector collected something else than asked for; two persons decide, so do nothing yet.",
        ),
        "receipt_used_twice": Told(EventType.IN_REVIEW, State.IN_REVIEW, _DISAGREED),
        "receipt_issued": Told(
            EventType.RECEIPT_ISSUED,
            State.COMPLETED,
            "The final receipt of a completed payment has come.",
        ),
        "expired": Told(EventType.FAILED, State.EXPIRED, "The payer never paid; no money moved."),
        "cancelled": Told(
            EventType.FAILED, State.DECLINED, "The payment was cancelled before it was paid; no money moved."
        ),
        "given_back": Told(
            EventType.REFUNDED,
            State.REFUNDED,
            "The bill was not paid; everything, charges included, is back with the payer.",
        ),
        "refund_done": Told(
            EventType.REFUND_DONE, State.COMPLETED, "A refund is with the payer; the payment stays paid."
        ),
        "refund_failed": Told(
            EventType.REFUND_FAILED,
            State.COMPLETED,
            "The connector did not give a refund back; no money moved, and the payment stays paid.",
        ),
    }
)


class EndpointKind(StrEnum):
    """Who is told, and how; these are the words in `notification_endpoints.kind`."""

    WEBHOOK = "webhook"  # a partner at one URL of its own, by signed events
    IPN = "ipn"  # a merchant, by the document of the payment, at the address that its order names


# The ends of a merchant's payment, by the code that its document then has. Nothing else is an IPN: clients
# take an unknown code for a failure, and a second success for a second payment (ekpay-merchant-api.md 3.3).
IPN_CODES: Mapping[str, MerchantCode] = MappingProxyType(
    {
        "completed": MerchantCode.SUCCESS,
        "expired": MerchantCode.FAILED,
        "given_back": MerchantCode.FAILED,
        "cancelled": MerchantCode.CANCELLED,
    }
)


class DeliveryState(StrEnum):
    """How a notification stands with one endpoint."""

    WAITING = "waiting"  # it is still to be taken, or is being sent
    DELIVERED = "delivered"  # the endpoint answered with success
    GIVEN_UP = "given_up"  # nobody tries any more, unless it is replayed


# Seconds before each try (Standard Webhooks 1.0.0): 75 h 35 min in all.
RETRY_SECONDS = (0.0, 5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
TRIES_MAX = len(RETRY_SECONDS)
# Where pauses held tries back, a notification is over when its tries could have been.
AGE_SECONDS_MAX = sum(RETRY_SECONDS) * 1.1
JITTER_PART = 0.1
RETRY_AFTER_SECONDS_MAX = 86_400.0
THROTTLE_SECONDS = 60.0
FAILURES_MAX = 5
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 30.0, 1_800.0
# The other orders of a merchant may name addresses that work, and a payer may be waiting for one of them.
IPN_PAUSE_SECONDS_MAX = 60.0
GIVEN_UP_MAX = 3
GONE = 410
THROTTLING = frozenset({429, 502, 504})
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Tried:
    """What one try came to; `status` is None where no answer came, and `why` says so in our words."""

    status: int | None
    why: str = ""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How times are stretched: divided by `divisor` in demos, up to a tenth longer by `luck` in [0, 1)."""

    divisor: float = 1.0
    luck: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one try.

    `again_seconds` counts while it is waiting; `throttle_seconds` is how long the endpoint wants to be left
    alone; `is_gone` says that it wants nothing any more; `is_unsent` that it was not even tried.
    """

    state: DeliveryState
    again_seconds: float = 0.0
    throttle_seconds: float = 0.0
    is_gone: bool = False
    is_unsent: bool = False

    @property
    def outcome(self) -> str:
        """One word for the numbers of /metrics."""
        if self.is_unsent:
            return "unsent"
        if self.is_gone:
            return "gone"
        if self.state is DeliveryState.WAITING:
            return "throttled" if self.throttle_seconds else "again"
        return self.state.value


def after_try(tried: Tried, tries: int, age_seconds: float, pace: Pace) -> Decision:
    """What a try leads to; `tries` counts it, `age_seconds` runs since the sending was asked for.

    Success is 2xx alone: a redirect is a failure. What an endpoint asks for by Retry-After is believed up to
    a day and never shortens our own schedule.
    """
    if tried.status in _SUCCESS:
        return Decision(DeliveryState.DELIVERED)
    if tried.status == GONE:
        return Decision(DeliveryState.GIVEN_UP, is_gone=True)
    asked = min(tried.retry_after_seconds or 0.0, RETRY_AFTER_SECONDS_MAX)
    throttle = max(THROTTLE_SECONDS / pace.divisor, asked) if tried.status in THROTTLING else 0.0
    if tries >= TRIES_MAX or age_seconds >= AGE_SECONDS_MAX / pace.divisor:
        return Decision(DeliveryState.GIVEN_UP, throttle_seconds=throttle)
    scheduled = RETRY_SECONDS[tries] * (1 + JITTER_PART * pace.luck) / pace.divisor
    return Decision(DeliveryState.WAITING, max(scheduled, asked, throttle), throttle)


@dataclass(frozen=True, slots=True)
class KeptBack:
    """An IPN that must not leave (any more), what becomes of it and why, in our words."""

    state: DeliveryState
    why: str


@dataclass(frozen=True, slots=True)
class Siblings:
    """The other IPNs of the same payment: whether one is newer, and the code that was taken last, or None."""

    has_newer: bool = False
    taken: MerchantCode | None = None


def keep_back(notice: str, now: MerchantCode, siblings: Siblings, *, is_replay: bool) -> KeptBack | None:
    """Whether the IPN of this notice must stay; `now` is the code of the payment's document at this moment.

    What a merchant hears never goes back in time, and says the same end twice only where it is replayed.
    """
    if siblings.has_newer:
        return KeptBack(DeliveryState.GIVEN_UP, "a newer notice of the payment took its place")
    if IPN_CODES.get(notice) is not now:
        return KeptBack(DeliveryState.GIVEN_UP, f"the payment reads {now} meanwhile")
    if siblings.taken is now and not is_replay:
        return KeptBack(DeliveryState.DELIVERED, "the merchant took the same before")
    return None


@dataclass(frozen=True, slots=True)
class Health:
    """What an endpoint did lately: tries that failed in a row, and notifications given up in a row."""

    failures_in_a_row: int = 0
    given_up_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """An endpoint after a try: its health, how long it is left alone, and why it is disabled if it is.

    `alarming` says what a person must know of one that is not disabled, or is empty.
    """

    health: Health
    pause_seconds: float = 0.0
    disabled_why: str = ""
    alarming: str = ""


def after_decision(
    health: Health, decision: Decision, divisor: float, kind: EndpointKind = EndpointKind.WEBHOOK
) -> Verdict:
    """What a try means for the endpoint: five failures in a row pause it, longer each time.

    The first try after a pause is a probe. Three notifications given up in a row disable a webhook. IPNs go
    to as many addresses as there are orders: 410, a wish to be left alone and giving up concern that order
    alone, a pause is short, and nothing disables them; the first one given up in a row is alarming.
    """
    if decision.is_unsent:
        return Verdict(health)
    if decision.state is DeliveryState.DELIVERED:
        return Verdict(Health())
    is_given_up = decision.state is DeliveryState.GIVEN_UP
    after = Health(health.failures_in_a_row + 1, health.given_up_in_a_row + is_given_up)
    if kind is EndpointKind.IPN:
        is_first = is_given_up and after.given_up_in_a_row == 1
        pause = _pause(after, IPN_PAUSE_SECONDS_MAX, divisor)
        return Verdict(after, pause, alarming="a merchant did not take an IPN" if is_first else "")
    pause = max(decision.throttle_seconds, _pause(after, PAUSE_SECONDS_MAX, divisor))
    why = ""
    if decision.is_gone:
        why = "it answered 410 Gone"
    elif after.given_up_in_a_row >= GIVEN_UP_MAX:
        why = f"{GIVEN_UP_MAX} notifications in a row were given up"
    return Verdict(after, pause, why)


def _pause(health: Health, seconds_max: float, divisor: float) -> float:
    if health.failures_in_a_row < FAILURES_MAX:
        return 0.0
    doubled: float = PAUSE_SECONDS * 2.0 ** min(health.failures_in_a_row - FAILURES_MAX, 10)
    return min(doubled, seconds_max) / divisor

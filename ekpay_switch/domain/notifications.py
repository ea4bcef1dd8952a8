"""Which notifications partners get, and when delivery to an endpoint is retried.

A notice is the key that a plan carries and the database stores; partners see event types. A notification
reports the state at the event, not at the sending, so that it reads the same on each retry. All functions are
pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ekpay_switch.domain.merchants.merchant import MerchantCode
from ekpay_switch.domain.payment import State


class EventType(StrEnum):
    """The event types that partners may subscribe to, as named in the messages."""

    COMPLETED = "payment.completed"
    REFUNDED = "payment.refunded"
    IN_REVIEW = "payment.in_review"
    LATE_SUCCESS = "payment.late_success"
    FAILED = "payment.failed"
    RECEIPT_ISSUED = "payment.receipt_issued"
    REFUND_DONE = "refund.done"
    REFUND_FAILED = "refund.failed"


@dataclass(frozen=True, slots=True)
class NoticeTerms:
    """What a notice sends: the event type, the state that it reports, and its meaning for the receiver."""

    event: EventType
    state: State
    meaning: str


_DISAGREED = "What the biller says does not agree with our books; two persons decide, so do nothing yet."
_POSTED_AFTER_REFUND = (
    "The biller holds the refunded payment after all; it stays refunded while two persons decide."
)
NOTICES: Mapping[str, NoticeTerms] = MappingProxyType(
    {
        "completed": NoticeTerms(
            EventType.COMPLETED, State.COMPLETED, "The biller acknowledged the payment; it is final."
        ),
        "refunded": NoticeTerms(
            EventType.REFUNDED,
            State.REFUNDED,
            "The bill was not paid; everything, fees included, is back in the prefund.",
        ),
        # A refused payment stays refused to its partner, even while it is in review (law 14).
        "late_success": NoticeTerms(EventType.LATE_SUCCESS, State.REFUNDED, _POSTED_AFTER_REFUND),
        "late_echo_mismatch": NoticeTerms(EventType.LATE_SUCCESS, State.REFUNDED, _POSTED_AFTER_REFUND),
        "half_done_after_give_back": NoticeTerms(
            EventType.LATE_SUCCESS, State.REFUNDED, _POSTED_AFTER_REFUND
        ),
        "amount_echo_mismatch": NoticeTerms(EventType.IN_REVIEW, State.IN_REVIEW, _DISAGREED),
        "collected_mismatch": NoticeTerms(
            EventType.IN_REVIEW,
            State.IN_REVIEW,
            "A connector collected something else than asked for; two persons decide, so do nothing yet.",
        ),
        "receipt_used_twice": NoticeTerms(EventType.IN_REVIEW, State.IN_REVIEW, _DISAGREED),
        "receipt_issued": NoticeTerms(
            EventType.RECEIPT_ISSUED,
            State.COMPLETED,
            "The final receipt of a completed payment has come.",
        ),
        "expired": NoticeTerms(EventType.FAILED, State.EXPIRED, "The payer never paid; no money moved."),
        "cancelled": NoticeTerms(
            EventType.FAILED, State.DECLINED, "The payment was cancelled before it was paid; no money moved."
        ),
        "instrument_refused": NoticeTerms(
            EventType.FAILED,
            State.DECLINED,
            "The payer was refused, and gave up or had tried often enough; no money moved.",
        ),
        "given_back": NoticeTerms(
            EventType.REFUNDED,
            State.REFUNDED,
            "The bill was not paid; everything, charges included, is back with the payer.",
        ),
        "refund_done": NoticeTerms(
            EventType.REFUND_DONE, State.COMPLETED, "A refund is with the payer; the payment stays paid."
        ),
        "refund_failed": NoticeTerms(
            EventType.REFUND_FAILED,
            State.COMPLETED,
            "The connector did not give a refund back; no money moved, and the payment stays paid.",
        ),
    }
)


class EndpointKind(StrEnum):
    """Who is notified, and how; the values of `notification_endpoints.kind`."""

    WEBHOOK = "webhook"  # a partner at one URL of its own, by signed events
    IPN = "ipn"  # a merchant, by the document of the payment, at the address that its order names


# The final notices of a merchant's payment, with the code of its document. No other notice is sent as an IPN:
# clients take an unknown code for a failure, a second success for a second payment (ekpay-merchant-api.md
# 3.3).
IPN_CODES: Mapping[str, MerchantCode] = MappingProxyType(
    {
        "completed": MerchantCode.SUCCESS,
        "expired": MerchantCode.FAILED,
        "instrument_refused": MerchantCode.FAILED,
        "given_back": MerchantCode.FAILED,
        "cancelled": MerchantCode.CANCELLED,
    }
)


class DeliveryState(StrEnum):
    """The state of a notification at one endpoint."""

    WAITING = "waiting"  # not accepted yet, or being sent
    DELIVERED = "delivered"  # the endpoint answered with success
    GIVEN_UP = "given_up"  # no further retry, unless it is replayed


# Seconds before each try (Standard Webhooks 1.0.0): 75 h 35 min in all.
RETRY_SECONDS = (0.0, 5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
TRIES_MAX = len(RETRY_SECONDS)
# A notification whose tries were delayed by pauses is given up once all of them could have been made.
AGE_SECONDS_MAX = sum(RETRY_SECONDS) * 1.1
JITTER_PART = 0.1
# The IPN of an order that was not paid is tried for 7 h 35 min at most: nobody waits with goods.
UNPAID_TRIES_MAX = 6
RETRY_AFTER_SECONDS_MAX = 86_400.0
THROTTLE_SECONDS = 60.0
FAILURES_MAX = 5
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 30.0, 1_800.0
# Short, since the merchant's other orders may name addresses that work, and a payer may be waiting.
IPN_PAUSE_SECONDS_MAX = 60.0
GIVEN_UP_MAX = 3
HTTP_GONE = 410
THROTTLING = frozenset({429, 502, 504})
_SUCCESS = range(200, 300)
# 408 is a server that did not read the message in time, 429 one that asks for fewer.
_REJECTIONS = frozenset(range(400, 500)) - {408, 429}


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one try; `status` is the HTTP status, None where no answer came, and `why` says why."""

    status: int | None
    why: str = ""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RetryPace:
    """How retry times are scaled: divided by `divisor` in demos, up to a tenth longer by `luck` in [0, 1)."""

    divisor: float = 1.0
    luck: float = 0.0


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What follows from one try.

    `retry_seconds` is when a waiting one is retried; `throttle_seconds` is how long the endpoint asks for no
    messages; `is_gone`: the endpoint answered 410; `is_rejected`: it answered and will not take this message;
    `is_unsent`: nothing was sent.
    """

    state: DeliveryState
    retry_seconds: float = 0.0
    throttle_seconds: float = 0.0
    is_gone: bool = False
    is_rejected: bool = False
    is_unsent: bool = False

    @property
    def outcome(self) -> str:
        """The label value in /metrics."""
        if self.is_unsent:
            return "unsent"
        if self.is_gone:
            return "gone"
        if self.state is DeliveryState.WAITING:
            return "throttled" if self.throttle_seconds else "again"
        return self.state.value


def most_tries(notice: str, kind: EndpointKind) -> int:
    """How often a notification is tried; the IPN of a payment that was not paid less often than a success."""
    is_unpaid = kind is EndpointKind.IPN and IPN_CODES.get(notice) is not MerchantCode.SUCCESS
    return UNPAID_TRIES_MAX if is_unpaid else TRIES_MAX


def decide_retry(
    tried: SendResult, tries: int, age_seconds: float, pace: RetryPace, tries_max: int = TRIES_MAX
) -> RetryDecision:
    """What a try leads to; `tries` includes it, `age_seconds` is the age of the notification.

    Only 2xx is a success: a redirect is a failure. Retry-After is followed up to a day and never shortens our
    own schedule.
    """
    if tried.status in _SUCCESS:
        return RetryDecision(DeliveryState.DELIVERED)
    if tried.status == HTTP_GONE:
        return RetryDecision(DeliveryState.GIVEN_UP, is_gone=True, is_rejected=True)
    is_rejected = tried.status in _REJECTIONS
    requested_seconds = min(tried.retry_after_seconds or 0.0, RETRY_AFTER_SECONDS_MAX)
    throttle = max(THROTTLE_SECONDS / pace.divisor, requested_seconds) if tried.status in THROTTLING else 0.0
    if tries >= tries_max or age_seconds >= AGE_SECONDS_MAX / pace.divisor:
        return RetryDecision(DeliveryState.GIVEN_UP, throttle_seconds=throttle, is_rejected=is_rejected)
    scheduled = RETRY_SECONDS[tries] * (1 + JITTER_PART * pace.luck) / pace.divisor
    retry = max(scheduled, requested_seconds, throttle)
    return RetryDecision(DeliveryState.WAITING, retry, throttle, is_rejected=is_rejected)


@dataclass(frozen=True, slots=True)
class WithheldIpn:
    """An IPN that must not be sent (any more), its state and the reason."""

    state: DeliveryState
    why: str


@dataclass(frozen=True, slots=True)
class Siblings:
    """The other IPNs of the same payment: whether one is newer, and the code last accepted, or None."""

    has_newer: bool = False
    accepted_code: MerchantCode | None = None


def withhold_ipn(
    notice: str, code: MerchantCode, siblings: Siblings, *, is_replay: bool
) -> WithheldIpn | None:
    """Whether the IPN of this notice must not be sent; `code` is that of the payment's document now.

    A merchant never gets an older state after a newer one, and the same end twice only by a replay.
    """
    if siblings.has_newer:
        return WithheldIpn(DeliveryState.GIVEN_UP, "a newer notice of the payment took its place")
    if IPN_CODES.get(notice) is not code:
        return WithheldIpn(DeliveryState.GIVEN_UP, f"the payment reads {code} meanwhile")
    if siblings.accepted_code is code and not is_replay:
        return WithheldIpn(DeliveryState.DELIVERED, "the merchant took the same before")
    return None


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """The health of an endpoint: failed tries in a row, and notifications given up in a row."""

    failures_in_a_row: int = 0
    given_up_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class EndpointVerdict:
    """An endpoint after a try: its health, how long it is paused, and why it is disabled, or empty.

    `alarming` is the reason for an alarm about an endpoint that is not disabled, or empty.
    """

    health: EndpointHealth
    pause_seconds: float = 0.0
    disabled_why: str = ""
    alarming: str = ""


def judge_endpoint(
    health: EndpointHealth, decision: RetryDecision, divisor: float, kind: EndpointKind = EndpointKind.WEBHOOK
) -> EndpointVerdict:
    """What a try means for the endpoint: five failures in a row pause it, longer each time.

    The first try after a pause is a probe. Three notifications given up in a row disable a webhook. IPNs go
    to as many addresses as there are orders: 4xx, throttling and giving up concern that order alone, a pause
    is short, and nothing disables them; the first one given up in a row raises an alarm.
    """
    if decision.is_unsent:
        return EndpointVerdict(health)
    if decision.state is DeliveryState.DELIVERED:
        return EndpointVerdict(EndpointHealth())
    is_given_up = decision.state is DeliveryState.GIVEN_UP
    if kind is EndpointKind.IPN:
        # A server that says no is up: the merchant's other orders need not wait.
        is_failure = not decision.is_rejected
        after = EndpointHealth(health.failures_in_a_row + is_failure, health.given_up_in_a_row + is_given_up)
        is_first = is_given_up and after.given_up_in_a_row == 1
        pause = _pause(after, IPN_PAUSE_SECONDS_MAX, divisor) if is_failure else 0.0
        return EndpointVerdict(after, pause, alarming="a merchant did not take an IPN" if is_first else "")
    after = EndpointHealth(health.failures_in_a_row + 1, health.given_up_in_a_row + is_given_up)
    pause = max(decision.throttle_seconds, _pause(after, PAUSE_SECONDS_MAX, divisor))
    why = ""
    if decision.is_gone:
        why = "it answered 410 Gone"
    elif after.given_up_in_a_row >= GIVEN_UP_MAX:
        why = f"{GIVEN_UP_MAX} notifications in a row were given up"
    return EndpointVerdict(after, pause, why)


def _pause(health: EndpointHealth, seconds_max: float, divisor: float) -> float:
    if health.failures_in_a_row < FAILURES_MAX:
        return 0.0
    doubled: float = PAUSE_SECONDS * 2.0 ** min(health.failures_in_a_row - FAILURES_MAX, 10)
    return min(doubled, seconds_max) / divisor

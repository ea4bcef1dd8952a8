"""The sections of a connector's manifest that only a connector has."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ekpay_switch.wing_kit.manifest_sections import Name, Section, Taka


class Reason(StrEnum):
    """The reasons of a provider's decline; far-side codes are mapped to them in `replies` only."""

    WRONG_CREDENTIAL = "wrong_credential"
    TRIES_EXCEEDED = "tries_exceeded"
    TIMED_OUT = "timed_out"
    NO_SUCH_WALLET = "no_such_wallet"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    NOT_ALLOWED = "not_allowed"
    MALFORMED = "malformed"
    UNKNOWN_PAYMENT = "unknown_payment"
    AGREEMENT = "agreement"
    REFUND_TOO_LATE = "refund_too_late"
    REFUND_TOO_LARGE = "refund_too_large"
    NOT_REFUNDABLE = "not_refundable"
    ENDED = "ended"
    REFUSED_BY_ISSUER = "refused_by_issuer"
    NO_SUCH_ACCOUNT = "no_such_account"
    LIMIT_EXCEEDED = "limit_exceeded"
    NOT_AVAILABLE = "not_available"


class Means(StrEnum):
    """What a reply code means; a code that is not in the manifest is in doubt (law 4).

    `awaiting_payer`: not paid yet. `ended`: finally cancelled or lapsed. `not_found` answers a search only.
    """

    DONE = "done"
    DECLINED = "declined"
    IN_DOUBT = "in_doubt"
    AWAITING_PAYER = "awaiting_payer"
    ENDED = "ended"
    NOT_FOUND = "not_found"


class Reply(Section):
    """The meaning of one reply code."""

    means: Means
    reason: Reason | None = None

    @model_validator(mode="after")
    def _only_a_decline_has_a_reason(self) -> Self:
        if (self.means is Means.DECLINED) != (self.reason is not None):
            raise ValueError("a decline, and only a decline, has a reason")
        return self


class Role(StrEnum):
    """The verb of ours that an operation of the far side serves.

    `validate` is the second call of an inquiry, by which a provider confirms its result. Over a host link
    money is requested by a `request` and reversed by a `reverse`.
    """

    LOG_IN = "log_in"
    RENEW = "renew"
    CREATE = "create"
    EXECUTE = "execute"
    INQUIRE = "inquire"
    VALIDATE = "validate"
    SEARCH = "search"
    REFUND = "refund"
    INQUIRE_REFUNDS = "inquire_refunds"
    REQUEST = "request"
    REVERSE = "reverse"


class Operation(Section):
    """One call of the far side: its path below the endpoint, and what it is for.

    A `{name}` in the path is one part of it, which the family fills in. Where several operations have one
    path, each is known by the query parameter `told_by`. Over a host link the path is the message's type.
    """

    path: Annotated[str, Field(pattern=r"^/(?:[A-Za-z0-9_./-]|\{[a-z_]+\})+$")]
    method: Literal["GET", "POST", "PUT"] = "POST"
    role: Role
    told_by: Name | None = None


class Refunds(Section):
    """The provider's refunds: until when, in how many parts, and whether there is a refund inquiry.

    Without a refund inquiry a refund is sent once; a send that may have arrived stays in doubt.
    """

    days_max: Annotated[int, Field(ge=1)]
    parts_max: Annotated[int, Field(ge=1)]
    can_be_asked: bool = True


class Example(Section):
    """A recorded reply and the result that is expected of it.

    `amount` is what was collected, refunded or found; `lines` is the number of refunds. `after` is the title
    of another example, with which its own operation answers before this one. A host's answer over a link is
    `body` in hexadecimal digits, empty where the link ended instead.
    """

    title: Annotated[str, Field(min_length=1)]
    operation: Name
    http_status: Annotated[int, Field(ge=100, le=599)] = 200
    body: str = ""
    expect: Literal[
        "logged_in",
        "no_login",
        "renewed",
        "not_renewed",
        "created",
        "collected",
        "held",
        "awaiting_payer",
        "may_execute",
        "never_paid",
        "declined",
        "in_doubt",
        "found",
        "not_found",
        "refunded",
        "refund_pending",
        "refunds_found",
        "no_answer",
    ]
    reason: Reason | None = None
    amount: Taka | None = None
    lines: Annotated[int, Field(ge=0)] | None = None
    after: str = ""

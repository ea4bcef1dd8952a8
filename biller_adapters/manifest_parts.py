"""The sections of a biller's manifest that only a biller has."""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ekpay_switch.wing_kit.manifest_sections import Name, Section, SettingName, Taka


class Reason(StrEnum):
    """Why a biller said no, in our words; far-side codes become one of these in `replies` alone."""

    NO_SUCH_BILL = "no_such_bill"
    ALREADY_PAID = "already_paid"
    AMOUNT_DIFFERS = "amount_differs"
    QUOTE_EXPIRED = "quote_expired"
    SCROLL_REFUSED = "scroll_refused"
    BEGUN_ELSEWHERE = "begun_elsewhere"
    UNACKNOWLEDGED = "unacknowledged"
    NOTHING_SAVED = "nothing_saved"
    LIMIT_REACHED = "limit_reached"
    NOT_AUTHENTICATED = "not_authenticated"
    REFUSED = "refused"


class Means(StrEnum):
    """What a reply code means; a code that is not in the manifest is in doubt (law 4).

    The last two answer an inquiry only.
    """

    APPROVED = "approved"
    DECLINED = "declined"
    IN_DOUBT = "in_doubt"
    NOT_FOUND = "not_found"
    HALF_DONE = "half_done"


class Reply(Section):
    """The meaning of one reply code; `next_step` is what the far side waits for where it is half done."""

    means: Means
    reason: Reason | None = None
    next_step: Name | Literal[""] = ""

    @model_validator(mode="after")
    def _only_a_decline_has_a_reason(self) -> Self:
        if (self.means is Means.DECLINED) != (self.reason is not None):
            message = "a decline, and only a decline, has a reason"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _only_half_done_has_a_next_step(self) -> Self:
        if (self.means is Means.HALF_DONE) != bool(self.next_step):
            message = "what is half done, and nothing else, has a next step"
            raise ValueError(message)
        return self


class Role(StrEnum):
    """Which of our verbs an operation of the far side serves."""

    LOG_IN = "log_in"
    RENEW = "renew"
    FETCH = "fetch"
    PAY = "pay"
    INQUIRE = "inquire"


class Operation(Section):
    """One call of the far side: its path below the endpoint, what it is for, what its codes mean."""

    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_/-]+$")]
    role: Role
    replies: Mapping[str, Reply]

    @model_validator(mode="after")
    def _only_an_inquiry_finds_things_out(self) -> Self:
        found_out = {Means.NOT_FOUND, Means.HALF_DONE}
        if self.role is not Role.INQUIRE and any(reply.means in found_out for reply in self.replies.values()):
            message = "only the answer to an inquiry means not_found or half_done"
            raise ValueError(message)
        return self


class ParameterEntry(Section):
    """One field that a payer fills in; a bill is named by all required fields of one group.

    One that `names_payer` says who pays and is no part of the bill's name.
    """

    name: Name
    wire_name: Literal[
        "bll_no",
        "bll_period",
        "meter_no",
        "bllr_accno",
        "bill_mobno",
        "bll_typ",
        "bll_loc_cd",
        "bll_cstnm",
        "xchng_code",
        "last_pay_dt",
        "amount",
    ]
    label_en: Annotated[str, Field(min_length=1)]
    label_bn: Annotated[str, Field(min_length=1)]
    pattern: str
    example: str
    group: Annotated[str, Field(pattern=r"^[A-Z]$")]
    is_required: bool = True
    names_payer: bool = False

    @model_validator(mode="after")
    def _example_fits(self) -> Self:
        try:
            found = re.fullmatch(self.pattern, self.example, re.ASCII)
        except re.error as error:
            message = f"pattern of {self.name}: {error}"
            raise ValueError(message) from error
        if found is None:
            message = f"the example of {self.name} does not fit its own pattern"
            raise ValueError(message)
        return self


class LateFee(Section):
    """What is added once a bill is overdue."""

    rule: Literal["none", "stated_after_due_date"]


class Stamp(Section):
    """Revenue stamps on the receipt: `count` of them when more than `threshold_taka` is paid."""

    threshold_taka: Taka
    count: Annotated[int, Field(ge=1)]


class Scroll(Section):
    """Whether payments are numbered by the day without a gap, and which number is the first."""

    present: bool
    base: Annotated[int, Field(ge=1)] = 1


class Secrets(Section):
    """The names of the settings that hold credentials; never a credential."""

    user_setting: SettingName
    user_default: str = ""
    password_setting: SettingName


class Example(Section):
    """A recorded reply and what must be understood by it.

    `ask` are the parameters of a fetch. `dhaka_date` is the day on which it is run, the first effective day
    if not given. `amount` is the total of the bill, or what an inquiry echoes; `tokens` is how many lines a
    prepaid biller returns.
    """

    title: Annotated[str, Field(min_length=1)]
    operation: Name
    http_status: Annotated[int, Field(ge=100, le=599)] = 200
    body: str = ""
    ask: Mapping[str, str] = Field(default_factory=dict)
    dhaka_date: date | None = None
    expect: Literal[
        "logged_in",
        "no_login",
        "renewed",
        "not_renewed",
        "approved",
        "declined",
        "in_doubt",
        "unreached",
        "bill_found",
        "bill_paid",
        "bill_missing",
        "biller_silent",
        "posted",
        "half_done",
        "not_found",
        "no_answer",
    ]
    reason: Reason | None = None
    amount: Taka | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None

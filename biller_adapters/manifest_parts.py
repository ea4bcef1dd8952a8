"""The sections of a biller's manifest that only a biller has."""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ekpay_switch.domain.amount_bounds import AmountBounds
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.domain.scrolls.scroll import ScrollTerms
from ekpay_switch.wing_kit.manifest_sections import Name, Section, SettingName, Taka

# A member of the syndicate API's bll_inf, or one of ours where it has none that fits (x_<name>).
WireName = Annotated[
    str,
    Field(
        pattern=r"^(bll_no|bll_period|meter_no|bllr_accno|bill_mobno|bll_typ|bll_loc_cd|bll_cstnm|xchng_code"
        r"|last_pay_dt|amount|x_[a-z0-9_]{2,40})$"
    ),
]


class Reason(StrEnum):
    """Why a biller said no, in our words; far-side codes become one of these in `replies` alone."""

    NO_SUCH_BILL = "no_such_bill"
    ALREADY_PAID = "already_paid"
    AMOUNT_DIFFERS = "amount_differs"
    QUOTE_EXPIRED = "quote_expired"
    SCROLL_REFUSED = "scroll_refused"
    BEGUN_ELSEWHERE = "begun_elsewhere"
    NOT_OPEN = "not_open"
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
            raise ValueError("a decline, and only a decline, has a reason")
        return self

    @model_validator(mode="after")
    def _only_half_done_has_a_next_step(self) -> Self:
        if (self.means is Means.HALF_DONE) != bool(self.next_step):
            raise ValueError("what is half done, and nothing else, has a next step")
        return self


class Role(StrEnum):
    """Which of our verbs an operation of the far side serves."""

    LOG_IN = "log_in"
    RENEW = "renew"
    FETCH = "fetch"
    PAY = "pay"
    INQUIRE = "inquire"
    ACKNOWLEDGE = "acknowledge"
    UNDO = "undo"
    SLIP = "slip"


class Operation(Section):
    """One call of the far side: its path below the endpoint, what it is for, what its codes mean."""

    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_/-]+$")]
    role: Role
    replies: Mapping[str, Reply]

    @model_validator(mode="after")
    def _only_an_inquiry_has_inquiry_meanings(self) -> Self:
        inquiry_only = {Means.NOT_FOUND, Means.HALF_DONE}
        if self.role is not Role.INQUIRE and any(
            reply.means in inquiry_only for reply in self.replies.values()
        ):
            raise ValueError("only the answer to an inquiry means not_found or half_done")
        return self


class Choice(Section):
    """One of the values that a field takes, in the words of those who fill it in."""

    value: Annotated[str, Field(min_length=1)]
    label_en: Annotated[str, Field(min_length=1)]
    label_bn: Annotated[str, Field(min_length=1)]


class ParameterEntry(Section):
    """One field that a payer fills in; a bill is named by all required fields of one group.

    One that `names_payer` says who pays and is no part of the bill's name. Where there are `choices`, the
    value is one of them. A member of ours that ekPay's clients do not send has a `default`. `hint_en` and
    `hint_bn` say where a payer finds it, and `on_bill` where it is printed on a paper bill: at the `top`, or
    beside the `customer`. One that `is_standing` is the same for the next bill of the same customer, so a
    citizen may save it.
    """

    name: Name
    wire_name: WireName
    label_en: Annotated[str, Field(min_length=1)]
    label_bn: Annotated[str, Field(min_length=1)]
    hint_en: str = ""
    hint_bn: str = ""
    on_bill: Literal["", "top", "customer"] = ""
    pattern: str
    example: str
    group: Annotated[str, Field(pattern=r"^[A-Z]$")]
    is_required: bool = True
    names_payer: bool = False
    is_standing: bool = False
    choices: tuple[Choice, ...] = ()
    default: str = ""

    @model_validator(mode="after")
    def _default_is_a_choice(self) -> Self:
        if self.default and (self.is_required or self.default not in self.values):
            raise ValueError(f"the default of {self.name} must be a choice of a field that is not required")
        return self

    @model_validator(mode="after")
    def _an_amount_is_of_one_bill(self) -> Self:
        if self.is_standing and self.wire_name == "amount":
            raise ValueError(f"{self.name} is an amount, which is_standing cannot be said of")
        return self

    @model_validator(mode="after")
    def _example_fits(self) -> Self:
        try:
            pattern = re.compile(self.pattern, re.ASCII)
        except re.error as error:
            raise ValueError(f"pattern of {self.name}: {error}") from error
        labels = {self.example: "the example", **dict.fromkeys(self.values, "a choice")}
        for value, label in labels.items():
            if pattern.fullmatch(value) is None:
                raise ValueError(f"{label} of {self.name} does not fit its own pattern")
        if self.choices and self.example not in self.values:
            raise ValueError(f"the example of {self.name} is none of its choices")
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """What may be chosen; empty where anything that fits the pattern goes."""
        return tuple(choice.value for choice in self.choices)


class LateFee(Section):
    """What is added once a bill is overdue.

    `stated`: the biller's total of the day holds it already, and we only show it. `stated_after_due_date`:
    the biller states it apart and it counts from the day after the due date.
    """

    rule: Literal["none", "stated", "stated_after_due_date"]


class Stamp(Section):
    """Revenue stamps on the receipt: `count` of them when more than `threshold_taka` is paid."""

    threshold_taka: Taka
    count: Annotated[int, Field(ge=1)]


class ScheduleRow(Section):
    """One fee of a schedule: what is due where every parameter in `when` has that value."""

    when: Mapping[Name, str]
    taka: Taka


class Amount(Section):
    """The bounds of what may be paid where the payer chooses, and the fees where we know them beforehand.

    `step_taka` is the smallest step of a chosen amount. `schedule` is read in its order and the first row
    that fits counts, so that a row without conditions at its end is the fee of everybody else.
    """

    min_taka: Taka | None = None
    max_taka: Taka | None = None
    step_taka: Taka = "0.01"
    schedule: tuple[ScheduleRow, ...] = ()

    @model_validator(mode="after")
    def _bounds_admit_an_amount(self) -> Self:
        bounds = self.bounds
        is_inverted = bounds.least is not None and bounds.most is not None and bounds.most < bounds.least
        if bounds.step.minor == 0 or is_inverted:
            raise ValueError("the bounds of the amount admit nothing")
        return self

    @property
    def bounds(self) -> AmountBounds:
        """The same for the core."""
        least, most = (None if taka is None else parse_taka(taka) for taka in (self.min_taka, self.max_taka))
        return AmountBounds(least, most, parse_taka(self.step_taka))


class Scroll(Section):
    """How a biller wants a day's payments told in files, and whether each is numbered as it is paid.

    `present`: payments are numbered by the day without a gap, from `base` on, while they are paid.
    `layout` names the columns of the file (docs/how-to/add-a-biller.md); `cycles_per_day` is how many files
    of one day there may be.
    """

    present: bool
    base: Annotated[int, Field(ge=1)] = 1
    layout: Literal["common", "nesco", "wasa", "gas"] = "common"
    cycles_per_day: Annotated[int, Field(ge=1, le=24)] = 1

    @property
    def terms(self) -> ScrollTerms:
        """The same for the core."""
        return ScrollTerms(self.layout, self.cycles_per_day, self.present, self.base)


class Deposit(Section):
    """Money that we keep at a prefunded utility (settlement H2): each vend lowers it.

    An alarm is raised, and a top-up proposed, below what `alarm_below_days` days of vending took.
    """

    alarm_below_days: Annotated[float, Field(gt=0, le=31)] = 1.0


class Secrets(Section):
    """The names of the settings that hold credentials; never a credential.

    `more` are those beyond user and password that a family asks for by name.
    """

    user_setting: SettingName
    user_default: str = ""
    password_setting: SettingName
    more: Mapping[Name, SettingName] = Field(default_factory=dict)


class Example(Section):
    """A recorded reply and what must be understood by it.

    `ask` are the parameters of a fetch. `dhaka_date` is the day on which it is run, the first effective day
    if not given. `amount` is the total of the bill, or what an inquiry echoes; `tokens` is how many lines a
    prepaid biller returns, 0 where it credits the meter from afar.
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
        "amount_refused",
        "posted",
        "half_done",
        "not_found",
        "no_answer",
    ]
    reason: Reason | None = None
    amount: Taka | None = None
    tokens: Annotated[int, Field(ge=0)] | None = None

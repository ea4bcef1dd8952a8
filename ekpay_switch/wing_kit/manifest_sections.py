"""The sections that manifests of every wing share, as models that take nothing they do not know.

Amounts are taka as text with two decimals ("400.00"), times are seconds.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ekpay_switch.domain.parties.brands import LAST_PLACE, Brand
from ekpay_switch.domain.payments.inquiries import SafetyFacts, Timing

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
SettingName = Annotated[str, Field(pattern=r"^EKPAY_[A-Z0-9_]{2,60}$")]
Taka = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,12})\.[0-9]{2}$")]
Seconds = Annotated[float, Field(gt=0, le=366 * 86_400)]


class Section(BaseModel):
    """What all sections share: strict types, unknown keys refused, unchanging once read."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class BrandEntry(Section):
    """The tile of an institution on the pages of payers: a colour and one to three letters or digits.

    `place` is where it stands among those that payers choose most, from 1, while nothing is known of that.
    """

    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    initials: Annotated[str, Field(pattern=r"^[A-Za-z0-9\u0980-\u09ff]{1,3}$")]
    place: Annotated[int, Field(ge=1, le=LAST_PLACE)] = LAST_PLACE

    @property
    def brand(self) -> Brand:
        """The same for the core."""
        return Brand(self.colour, self.initials, self.place)


class Safety(Section):
    """The four facts that decide safety (law 13), every one of them stated.

    Deduplication is by our reference for `deduplicates_for`; a "not found" is final
    `not_found_settle_seconds` after the send deadline, or never. `answers_repeats_alike` goes beyond
    deduplication: what was taken is answered as taken on every repeat, never as declined or paid already. It
    is false where not stated, and counts for payments to billers.
    """

    deduplicates: bool
    deduplicates_for: Literal["ever", "day", "never"]
    can_be_asked: bool
    not_found_settle_seconds: Annotated[float, Field(ge=0)] | Literal["never"]
    can_be_undone: bool
    echoes_amount: bool
    answers_repeats_alike: bool = False

    @model_validator(mode="after")
    def _only_what_deduplicates_answers_alike(self) -> Self:
        if self.answers_repeats_alike and not self.deduplicates:
            raise ValueError("answers_repeats_alike goes with deduplicates")
        return self

    def facts(self, divisor: float) -> SafetyFacts:
        """The same for the core, its time divided by `divisor`."""
        settle = self.not_found_settle_seconds
        return SafetyFacts(
            # The core may send again under the same reference at any later time, so a limited time counts as
            # no.
            deduplicates=self.deduplicates and self.deduplicates_for == "ever",
            can_be_asked=self.can_be_asked,
            not_found_settle_seconds=None if settle == "never" else settle / divisor,
            can_be_undone=self.can_be_undone,
            echoes_amount=self.echoes_amount,
            answers_repeats_alike=self.answers_repeats_alike,
        )


class TimingEntry(Section):
    """When to give up and when to ask again, in seconds of real life (architecture.md 5).

    A payment that was given back on a "not found" is asked about for `watch_seconds` more, two days if not
    stated: a late success must be noticed. A final receipt that comes later is asked for until
    `receipt_seconds` after the payment, two weeks if not stated; then a person has to.
    """

    answer_seconds: Seconds
    send_seconds: Seconds
    ask_after_seconds: tuple[Seconds, ...]
    ask_every_seconds: Seconds
    settle_margin_seconds: Annotated[float, Field(ge=0)]
    watch_seconds: Seconds = 172_800
    receipt_seconds: Seconds = 1_209_600

    @model_validator(mode="after")
    def _questions_come_in_order(self) -> Self:
        if list(self.ask_after_seconds) != sorted(set(self.ask_after_seconds)):
            raise ValueError("ask_after_seconds must grow")
        return self

    def timing(self, quote_life_seconds: float, divisor: float) -> Timing:
        """The same for the core, every time divided by `divisor`."""
        return Timing(
            answer_seconds=self.answer_seconds / divisor,
            send_seconds=self.send_seconds / divisor,
            ask_after_seconds=tuple(seconds / divisor for seconds in self.ask_after_seconds),
            ask_every_seconds=self.ask_every_seconds / divisor,
            settle_margin_seconds=self.settle_margin_seconds / divisor,
            quote_life_seconds=quote_life_seconds / divisor,
            watch_seconds=self.watch_seconds / divisor,
            receipt_seconds=self.receipt_seconds / divisor,
        )


class Endpoint(Section):
    """Where the far side is: the setting that names it, and the sandbox where that is not set."""

    url_setting: SettingName
    url_default: Annotated[str, Field(pattern=r"^https?://[^\s?#]+[^\s?#/]$")]

"""A biller's manifest: everything that is true of one biller, as data (config/billers/<id>.toml).

A manifest renames and looks up; it has no conditions. Unknown keys are refused, the four safety facts are
required (law 13), secrets appear by the name of their setting only, and the recorded replies in it are run
as tests by `biller_adapters.rehearsal`. The JSON Schema for editors comes from `manifest_schema`.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from biller_adapters.manifest_parts import (
    Amount,
    Deposit,
    Example,
    LateFee,
    Operation,
    ParameterEntry,
    Role,
    Scroll,
    Secrets,
    Stamp,
)
from ekpay_switch.domain.money import PAISA_PER_TAKA, ZERO, Money
from ekpay_switch.ports.billers import BillerProfile, Parameter
from ekpay_switch.wing_kit.manifest_file import read_manifest_file, refuse_repeats
from ekpay_switch.wing_kit.manifest_sections import (
    BrandEntry,
    Endpoint,
    Name,
    Safety,
    Seconds,
    Section,
    TimingEntry,
)
from ekpay_switch.wing_kit.opening_hours import Downtime, Hours, Opening

# The least that the examples of each verb must show (law 4); each step of paying shows all of them by itself,
# and an empty reply as well.
_EXPECTATIONS_MIN = {
    Role.LOG_IN: frozenset({"logged_in", "no_login"}),
    Role.RENEW: frozenset({"renewed", "not_renewed"}),
    Role.FETCH: frozenset({"bill_found", "bill_missing", "biller_silent"}),
    Role.PAY: frozenset({"approved", "declined", "in_doubt"}),
    Role.INQUIRE: frozenset({"posted", "not_found", "no_answer"}),
}
_ONE_STEP = ("pay",)
_BRINGS_TOKENS = frozenset({"approved", "posted"})


class Manifest(Section):
    """One biller.

    `steps` are the calls that post one payment, in order; where there are more than the usual one, each is
    named after its operation. `rounding` is what the payer gives beyond the exact bill.
    `pending_policy` says how long a doubt is asked about, `undo_until` until when the biller takes a posted
    payment back. `receipt` says what the payer gets: a reference of the biller's, or a treasury challan of
    which each buys one service; a `final_receipt` may come `later` than the payment. A manifest with a
    `route_of` is a second way to that biller and no biller of its own.
    `brand` is the tile that payers see, derived from id and name where it is missing.
    `stand_in_hours` says how long after a citizen's payment the biller pardons that the bill is paid there,
    where it could not be reached before (docs/adr/0129).
    `family_settings` is read by the family alone, which refuses keys that it does not know.
    """

    id: Name
    ekpay_id: Annotated[str, Field(pattern=r"^b[0-9]{3,5}$")]
    family: Name
    name_en: Annotated[str, Field(min_length=1)]
    name_bn: Annotated[str, Field(min_length=1)]
    category: Name
    bucket: Literal["postpaid", "prepaid"]
    status: Literal["active", "down", "suspended"]
    fetch_mode: Literal["mandatory", "optional", "none", "validate"]
    amount_rule: Literal["exact", "exact_after_late_fee", "part", "range", "fixed", "schedule"]
    several_bills: Literal["one", "oldest_first"] = "one"
    takes_bill_once: bool
    fetch_has_side_effects: bool
    gives_tokens: bool = False
    rounding: Literal["none", "up_to_whole_taka"] = "none"
    steps: Annotated[tuple[Name, ...], Field(min_length=1)] = _ONE_STEP
    pending_policy: Literal["ask", "ask_until_token"] = "ask"
    undo_until: Literal["never", "acknowledge", "scroll"] = "never"
    receipt: Literal["biller_reference", "challan"] = "biller_reference"
    final_receipt: Literal["at_once", "later"] = "at_once"
    route_of: Name | None = None
    charges: Annotated[str, Field(pattern=r"^CH-[egi]$")]
    settlement: Annotated[str, Field(pattern=r"^H[1-5]$")]
    settlement_days: Annotated[int, Field(ge=0, le=30)] = 1
    quote_life_seconds: Seconds
    inquiries_per_second: Annotated[float, Field(gt=0)]
    effective_from: date
    effective_until: date | None = None
    parameters: Annotated[tuple[ParameterEntry, ...], Field(min_length=1)]
    amount: Amount = Amount()
    late_fee: LateFee
    stamp: Stamp | None = None
    scroll: Scroll
    deposit: Deposit | None = None
    brand: BrandEntry | None = None
    stand_in_hours: Annotated[float, Field(ge=0, le=72)] = 0.0
    hours: Hours | None = None
    downtime: tuple[Downtime, ...] = ()
    safety: Safety
    timing: TimingEntry
    endpoint: Endpoint
    secrets: Secrets
    family_settings: Mapping[str, str] = Field(default_factory=dict)
    operations: Mapping[Name, Operation]
    examples: tuple[Example, ...]

    @model_validator(mode="after")
    def _parameters_are_distinct(self) -> Self:
        # A field may stand in several groups, such as who pays, if it is the same one in all of them.
        parameters = {(entry.name, entry.wire_name) for entry in self.parameters}
        refuse_repeats("parameter", (name for name, _ in sorted(parameters)))
        refuse_repeats("wire name", (f"{entry.group} {entry.wire_name}" for entry in self.parameters))
        return self

    @model_validator(mode="after")
    def _dates_are_in_order(self) -> Self:
        if self.effective_until is not None and self.effective_until < self.effective_from:
            raise ValueError("effective_until lies before effective_from")
        return self

    @model_validator(mode="after")
    def _deposit_goes_with_settlement(self) -> Self:
        if (self.deposit is not None) != (self.settlement == "H2"):
            raise ValueError("a deposit, and only a deposit, is what settlement H2 needs")
        return self

    @model_validator(mode="after")
    def _chosen_amount_has_bounds(self) -> Self:
        is_chosen = self.amount_rule == "range"
        if is_chosen and (self.amount.min_taka is None or self.amount.max_taka is None):
            raise ValueError("a range needs min_taka and max_taka")
        if self.amount_rule in {"part", "range"} and not any(
            entry.wire_name == "amount" for entry in self.parameters
        ):
            raise ValueError("an amount that the payer chooses needs a parameter that carries it")
        return self

    @model_validator(mode="after")
    def _stand_in_can_wait(self) -> Self:
        hands_out = self.gives_tokens or self.receipt == "challan"
        if self.stand_in_hours and (hands_out or self.fetch_has_side_effects or not self.takes_bill_once):
            raise ValueError(
                "stand_in_hours: for bills that are taken once, whose fetch changes nothing and whose payment"
                " hands out no token and no challan"
            )
        return self

    @model_validator(mode="after")
    def _steps_are_operations(self) -> Self:
        refuse_repeats("step", self.steps)
        paying = {name for name, operation in self.operations.items() if operation.role is Role.PAY}
        if self.steps != _ONE_STEP and set(self.steps) != paying:
            raise ValueError("the steps must be the operations of the role pay")
        waited_for = {reply.next_step for call in self.operations.values() for reply in call.replies.values()}
        if not waited_for <= {"", *self.steps[1:]}:
            raise ValueError("next_step must be one of the later steps")
        return self

    @model_validator(mode="after")
    def _examples_cover_every_verb(self) -> Self:
        for example in self.examples:
            if example.operation not in self.operations:
                raise ValueError(f"example {example.title!r} names an operation that is not there")
        for role, expectations in _EXPECTATIONS_MIN.items():
            for examples in self._examples_of(role):
                if not expectations <= {example.expect for example in examples}:
                    raise ValueError(f"examples of {role} must show {', '.join(sorted(expectations))}")
        if any(all(example.body for example in examples) for examples in self._examples_of(Role.PAY)):
            raise ValueError("examples of pay must show an empty reply")
        return self

    @model_validator(mode="after")
    def _examples_count_their_tokens(self) -> Self:
        for example in self.examples:
            if (example.tokens is not None) != (self.gives_tokens and example.expect in _BRINGS_TOKENS):
                raise ValueError(f"example {example.title!r} must say how many tokens there are, or none")
        return self

    def _examples_of(self, role: Role) -> list[list[Example]]:
        """The examples of a verb in one group; for paying, one group for each step."""
        names = [name for name, operation in self.operations.items() if operation.role is role]
        groups = [[name] for name in names] if role is Role.PAY else [names][: len(names)]
        return [[example for example in self.examples if example.operation in group] for group in groups]

    @property
    def opening(self) -> Opening:
        """When the biller can be called."""
        return Opening(self.hours, self.downtime, self.effective_from, self.effective_until)

    def parameter_value(self, wire_name: str, parameters: Mapping[str, str]) -> str:
        """What the payer gave for the parameter with this wire name (a member of `bll_inf`), or empty."""
        names = (entry.name for entry in self.parameters if entry.wire_name == wire_name)
        return next((parameters[name] for name in names if parameters.get(name)), "")

    def rounding_of(self, exact: Money) -> Money:
        """What the payer gives beyond the exact bill."""
        if self.rounding == "none":
            return ZERO
        return Money(-exact.minor % PAISA_PER_TAKA, exact.currency)

    def profile(self, divisor: float = 1.0) -> BillerProfile:
        """What the core must know, every time divided by `divisor` (1 or more) as demos and tests do."""
        return BillerProfile(
            id=self.id,
            ekpay_id=self.ekpay_id,
            name_en=self.name_en,
            name_bn=self.name_bn,
            category=self.category,
            bucket=self.bucket,
            status=self.status,
            parameters=tuple(_parameter(entry, self.amount) for entry in self.parameters),
            takes_bill_once=self.takes_bill_once,
            has_scroll=self.scroll.present,
            scroll=self.scroll.terms,
            safety=self.safety.facts(divisor),
            timing=self.timing.timing(self.quote_life_seconds, divisor),
            inquiries_per_second=self.inquiries_per_second,
            steps=self.steps,
            fetch_has_side_effects=self.fetch_has_side_effects,
            gives_tokens=self.gives_tokens,
            fetch_mode=self.fetch_mode,
            pays_from_deposit=self.deposit is not None,
            deposit_alarm_days=self.deposit.alarm_below_days if self.deposit else 0.0,
            has_unique_receipt=self.receipt == "challan",
            url_setting=self.endpoint.url_setting,
            url_default=self.endpoint.url_default,
            brand=self.brand.brand if self.brand else None,
            receipt_comes_later=self.final_receipt == "later",
            stand_in_seconds=self.stand_in_hours * 3_600 / divisor,
            stops=tuple(planned.stop for planned in self.downtime),
        )


def _parameter(entry: ParameterEntry, amount: Amount) -> Parameter:
    shared = entry.model_dump(exclude={"choices"})
    choices = tuple((choice.value, choice.label_en, choice.label_bn) for choice in entry.choices)
    return Parameter(**shared, choices=choices, bounds=amount.bounds if entry.wire_name == "amount" else None)


def read_manifest(path: Path) -> Manifest:
    """Read one manifest, which must be named after the id in it.

    Raises:
        ManifestError: it is no TOML, breaks a rule, or has another id than its file name.
    """
    return read_manifest_file(path, Manifest)


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest, for editors and for whoever writes one outside this project."""
    return Manifest.model_json_schema()

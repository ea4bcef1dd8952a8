"""A connector's manifest: everything that is true of one provider, as data (config/connectors/<id>.toml).

A manifest renames and looks up; it has no conditions. Unknown keys are refused, the four safety facts are
required (law 13), secrets appear by the name of their setting only, and the recorded replies in it are run
as tests by `connectors.rehearsal`.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from connectors.manifest_parts import Example, Operation, Refunds, Reply, Role
from connectors.payer_page import TOLD_NOTHING, PayerPage
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.ports.connectors import ConnectorProfile, RefundRules
from ekpay_switch.wing_kit.manifest_file import read_manifest_file, refuse_repeats
from ekpay_switch.wing_kit.manifest_sections import (
    BrandEntry,
    Endpoint,
    Name,
    Safety,
    Seconds,
    Section,
    SettingName,
    Taka,
    TimingEntry,
)

# The least that the examples of each operation must show (law 4), by its role; where money may move, an empty
# reply as well.
_EXPECTATIONS_MIN = {
    Role.LOG_IN: frozenset({"logged_in", "no_login"}),
    Role.RENEW: frozenset({"renewed", "not_renewed"}),
    Role.CREATE: frozenset({"created", "declined", "in_doubt"}),
    Role.EXECUTE: frozenset({"collected", "awaiting_payer", "declined", "in_doubt"}),
    Role.INQUIRE: frozenset({"collected", "awaiting_payer", "never_paid", "no_answer"}),
    Role.VALIDATE: frozenset({"collected", "no_answer"}),
    Role.SEARCH: frozenset({"found", "not_found", "no_answer"}),
    Role.REFUND: frozenset({"refunded", "declined", "in_doubt"}),
    Role.INQUIRE_REFUNDS: frozenset({"refunds_found", "no_answer"}),
    Role.REQUEST: frozenset({"collected", "declined", "in_doubt"}),
    Role.REVERSE: frozenset({"never_paid", "no_answer"}),
}
_MOVES_MONEY = frozenset({Role.EXECUTE, Role.REFUND, Role.REQUEST, Role.REVERSE})
_ASKS_REFUNDS = frozenset({Role.REFUND, Role.INQUIRE_REFUNDS})
_LOOPBACK = re.compile(r"https?://(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::[0-9]{1,5})?(?:/.*)?")


class Manifest(Section):
    """One connector.

    Where `executes`, we take the money ourselves once the payer has agreed. A page lapses `page_life_seconds`
    after it was created and is asked about `page_ask_after_seconds` after that. The provider keeps
    `charge_basis_points`. Our references have `reference_length` characters there. `protocol` says how its
    protocol is known: `public`, `borrowed` from an institution whose protocol is, or our `generic` dialect.
    What it sends unasked is answered with the JSON text `callback_answer`. `ekpay_gateway` is the
    `pi_gateway` that ekPay's merchants read of it, where one is recorded. `brand` is the tile that payers
    see, derived from id and name where it is missing. `payer_page` is what the provider's page is told of
    payee and language. `secrets` are settings by what each holds; `family_settings` and what `secrets` must
    hold are read by the family alone. All operations share the codes of `replies`.
    """

    id: Name
    family: Name
    name_en: Annotated[str, Field(min_length=1)]
    name_bn: Annotated[str, Field(min_length=1)]
    instrument: Literal["wallet", "card", "account"]
    status: Literal["active", "down", "suspended"]
    amount_min: Taka
    amount_max: Taka
    executes: bool
    page_life_seconds: Seconds
    page_ask_after_seconds: tuple[Seconds, ...]
    charge_basis_points: Annotated[int, Field(ge=0, le=10_000)]
    payer_charge_basis_points: Annotated[int, Field(ge=0, le=10_000)]
    inquiries_per_second: Annotated[float, Field(gt=0)]
    effective_from: date
    protocol: Literal["public", "borrowed", "generic"]
    reference_length: Annotated[int, Field(ge=20, le=32)] = 26
    callback_answer: Annotated[str, Field(max_length=500)] = '{"received": true}'
    registers_return: bool = False
    ekpay_gateway: Annotated[str, Field(max_length=64)] = ""
    brand: BrandEntry | None = None
    payer_page: PayerPage = TOLD_NOTHING
    refunds: Refunds | None = None
    safety: Safety
    timing: TimingEntry
    endpoint: Endpoint
    secrets: Mapping[Name, SettingName]
    family_settings: Mapping[str, JsonValue] = Field(default_factory=dict)
    operations: Mapping[Name, Operation]
    replies: Mapping[str, Reply]
    examples: tuple[Example, ...]

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> Self:
        if not 0 < parse_taka(self.amount_min).minor <= parse_taka(self.amount_max).minor:
            raise ValueError("amount_min must be more than nothing and no more than amount_max")
        return self

    @model_validator(mode="after")
    def _inquiries_end_before_the_page_lapses(self) -> Self:
        ask_times = list(self.page_ask_after_seconds)
        if ask_times != sorted(set(ask_times)) or any(
            seconds >= self.page_life_seconds for seconds in ask_times
        ):
            raise ValueError("page_ask_after_seconds must grow and end before the page does")
        return self

    @model_validator(mode="after")
    def _settings_are_its_own(self) -> Self:
        own = f"EKPAY_{self.id.upper()}_"
        refuse_repeats("setting", self.secrets.values())
        if self.endpoint.url_setting != f"{own}URL" or not all(
            name.startswith(own) for name in self.secrets.values()
        ):
            raise ValueError(f"the settings must be {own}URL and others that begin with {own}")
        if not _LOOPBACK.fullmatch(self.endpoint.url_default):
            raise ValueError("url_default must be the sandbox: no real provider is asked by default")
        return self

    @field_validator("callback_answer")
    @classmethod
    def _a_callback_is_answered_with_json(cls, text: str) -> str:
        json.loads(text)  # raises ValueError
        return text

    @model_validator(mode="after")
    def _refunds_have_calls(self) -> Self:
        roles = {operation.role for operation in self.operations.values()} & _ASKS_REFUNDS
        required = _ASKS_REFUNDS if self.refunds else frozenset()
        if self.refunds and not self.refunds.can_be_asked:
            required = frozenset({Role.REFUND})
        if roles != required:
            raise ValueError(
                "refunds, the call that gives back and the call that asks come together or not at all"
            )
        return self

    @model_validator(mode="after")
    def _examples_cover_every_call(self) -> Self:
        for example in self.examples:
            if example.operation not in self.operations:
                raise ValueError(f"example {example.title!r} names an operation that is not there")
            if example.after not in {"", *(recorded.title for recorded in self.examples)}:
                raise ValueError(f"example {example.title!r} comes after one that is not there")
        for name, operation in self.operations.items():
            examples = [example for example in self.examples if example.operation == name]
            expectations = _EXPECTATIONS_MIN[operation.role]
            if not expectations <= {example.expect for example in examples}:
                raise ValueError(f"examples of {name} must show {', '.join(sorted(expectations))}")
            if operation.role in _MOVES_MONEY and all(example.body for example in examples):
                raise ValueError(f"examples of {name} must show an empty reply")
        return self

    def url(self, environ: Mapping[str, str]) -> str:
        """The provider's base URL, without a slash at its end."""
        return environ.get(self.endpoint.url_setting, self.endpoint.url_default).rstrip("/")

    def profile(self, environ: Mapping[str, str], divisor: float = 1.0) -> ConnectorProfile:
        """What the core must know, every time divided by `divisor` (1 or more) as demos and tests do."""
        return ConnectorProfile(
            id=self.id,
            name_en=self.name_en,
            name_bn=self.name_bn,
            instrument=self.instrument,
            status=self.status,
            amount_min=parse_taka(self.amount_min),
            amount_max=parse_taka(self.amount_max),
            executes=self.executes,
            page_life_seconds=self.page_life_seconds / divisor,
            refunds=RefundRules(**self.refunds.model_dump()) if self.refunds else None,
            charge_basis_points=self.charge_basis_points,
            safety=self.safety.facts(divisor),
            timing=self.timing.timing(self.page_life_seconds, divisor),
            inquiries_per_second=self.inquiries_per_second,
            page_ask_after_seconds=tuple(seconds / divisor for seconds in self.page_ask_after_seconds),
            url=self.url(environ),
            payer_charge_basis_points=self.payer_charge_basis_points,
            reference_length=self.reference_length,
            protocol=self.protocol,
            callback_answer=self.callback_answer,
            registers_return=self.registers_return,
            ekpay_gateway=self.ekpay_gateway,
            brand=self.brand.brand if self.brand else None,
        )


def read_manifest(path: Path) -> Manifest:
    """Read one manifest, which must be named after the id in it.

    Raises:
        ManifestError: it is no TOML, breaks a rule, or has another id than its file name.
    """
    return read_manifest_file(path, Manifest)


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest, for editors and for whoever writes one outside this project."""
    return Manifest.model_json_schema()

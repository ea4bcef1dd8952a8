"""The names that a public office uses, as settings of its manifest (`application_fee`).

A setting names or lists parameters or heads, or has one condition on one parameter; there are no expressions.
Each is explained at its field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from biller_adapters.fee_heads import HeadPlan, plan_of
from biller_adapters.manifest import Manifest
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section

_NAME = r"[a-z][a-z0-9_]{1,40}"
_NAMES = rf"{_NAME}( {_NAME})*"
_PAIR = rf"[a-z][A-Za-z]{{0,39}}={_NAME}"
_WHEN = rf"{_NAME}=[A-Za-z0-9_-]{{1,40}}"
_SEPARATOR = "/"


class ApplicationFeeSettings(Section):
    """The section `family_settings` of a manifest of this family.

    Parameters are written by their names in the manifest, heads by their codes.
    """

    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    # The parameters that name a demand, in order and as far as they are filled in: `roll year` is sent as the
    # reference `123456/2025`. The first must be.
    reference: Annotated[str, Field(pattern=f"^{_NAMES}$")]
    # Further members of a call: the office's name, then the parameter.
    details: Annotated[str, Field(pattern=rf"^({_PAIR}( {_PAIR})*)?$")] = ""
    # The parameter that says which step of a service is paid, where there are several.
    stage: Annotated[str, Field(pattern=f"^({_NAME})?$")] = ""
    vat_heads: Annotated[str, Field(pattern=f"^({_NAMES})?$")] = ""
    late_fee_heads: Annotated[str, Field(pattern=f"^({_NAMES})?$")] = ""
    # The heads of a scheduled fee where the office states none (`fee_heads.plan_of`).
    schedule_heads: str = "fee"
    # Parameters that must be filled in where another one has a value: `delivery=post: address postcode`.
    needed_when: Annotated[str, Field(pattern=rf"^({_WHEN}: {_NAMES})?$")] = ""
    # The condition under which a part may be paid; empty where nobody may.
    part_when: Annotated[str, Field(pattern=f"^({_WHEN})?$")] = ""
    paid_word: str = "paid"


@dataclass(frozen=True, slots=True)
class OfficeWording:
    """The parsed settings of one office.

    `part_when` is a parameter and the value with which a part may be paid, or None where nobody may;
    `needed` are the parameters that become required under `needed_when`.
    """

    service: str
    reference_names: tuple[str, ...]
    details: Mapping[str, str]
    stage_name: str
    vat_heads: tuple[str, ...]
    late_fee_heads: tuple[str, ...]
    plan: HeadPlan
    needed_when: tuple[str, str] | None
    needed: tuple[str, ...]
    part_when: tuple[str, str] | None
    paid_word: str

    def reference(self, parameters: Mapping[str, str]) -> str:
        """The office's reference of the demand that these parameters name."""
        return _SEPARATOR.join(parameters[name] for name in self.reference_names if parameters.get(name))

    def stage(self, parameters: Mapping[str, str]) -> str:
        """The stage that is to be paid; empty where there is only one."""
        return parameters[self.stage_name] if self.stage_name else ""

    def detail_fields(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """The further members of a call that the payer filled in."""
        return {theirs: parameters[ours] for theirs, ours in self.details.items() if parameters.get(ours)}

    def is_whole(self, parameters: Mapping[str, str]) -> bool:
        """Whether all parameters that are required under `needed_when` are filled in."""
        return not _is_met(self.needed_when, parameters) or all(parameters.get(name) for name in self.needed)

    def may_pay_part(self, parameters: Mapping[str, str]) -> bool:
        """Whether these parameters allow the payer to pay a part."""
        return _is_met(self.part_when, parameters)


def office_wording_of(manifest: Manifest, operations: frozenset[str]) -> OfficeWording:
    """The wording of one office, checked against its parameters and its schedule.

    Raises:
        ManifestError: a setting or an operation is missing, malformed, or names what is not there.
    """
    settings = settings_of(manifest, ApplicationFeeSettings, operations)
    condition, _, needed = settings.needed_when.partition(": ")
    try:
        plan = plan_of(settings.schedule_heads)
        for row in manifest.amount.schedule:
            plan.heads(parse_taka(row.taka))
    except ValueError as error:
        raise ManifestError(f"{manifest.id}: {error}") from error
    wording = OfficeWording(
        service=settings.service,
        reference_names=tuple(settings.reference.split()),
        details=dict(_parse_pair(pair) for pair in settings.details.split()),
        stage_name=settings.stage,
        vat_heads=tuple(settings.vat_heads.split()),
        late_fee_heads=tuple(settings.late_fee_heads.split()),
        plan=plan,
        needed_when=_parse_pair(condition) if condition else None,
        needed=tuple(needed.split()),
        part_when=_parse_pair(settings.part_when) if settings.part_when else None,
        paid_word=settings.paid_word,
    )
    _require_known_parameters(manifest, wording)
    return wording


def _require_known_parameters(manifest: Manifest, wording: OfficeWording) -> None:
    """Raise ManifestError where a setting names a parameter that is not defined, or that may be missing."""
    known = {entry.name for entry in manifest.parameters}
    required = {entry.name for entry in manifest.parameters if entry.is_required or entry.default}
    conditions = [when[0] for when in (wording.needed_when, wording.part_when) if when is not None]
    must_be_required = {
        wording.reference_names[0],
        *conditions,
        *([wording.stage_name] if wording.stage_name else []),
    }
    must_exist = {*wording.reference_names, *wording.details.values(), *wording.needed}
    faulty = sorted((must_be_required - required) | (must_exist - known))
    if faulty:
        raise ManifestError(f"{manifest.id}: no parameter {', '.join(faulty)}, or it may be left out")


def _is_met(when: tuple[str, str] | None, parameters: Mapping[str, str]) -> bool:
    return when is not None and parameters.get(when[0]) == when[1]


def _parse_pair(pair_text: str) -> tuple[str, str]:
    first, _, second = pair_text.partition("=")
    return first, second

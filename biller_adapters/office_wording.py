"""What a public office calls things, as settings of its manifest (`application_fee`).

A setting renames, lists or names one condition on one parameter; there are no expressions. What each is for
stands at its field.
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
_APART = "/"


class FamilySettings(Section):
    """The section `family_settings` of a manifest of this family.

    Parameters stand in it by their names in the manifest, heads by their codes.
    """

    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    # The parameters that name a demand, in order and as far as they are filled in: `roll year` is sent as the
    # reference `123456/2025`. The first must be.
    reference: Annotated[str, Field(pattern=f"^{_NAMES}$")]
    # What else the office is told: its name for it, then the parameter.
    details: Annotated[str, Field(pattern=rf"^({_PAIR}( {_PAIR})*)?$")] = ""
    # The parameter that says which step of a service is paid, where there are several.
    stage: Annotated[str, Field(pattern=f"^({_NAME})?$")] = ""
    vat_heads: Annotated[str, Field(pattern=f"^({_NAMES})?$")] = ""
    late_fee_heads: Annotated[str, Field(pattern=f"^({_NAMES})?$")] = ""
    # What a scheduled fee is made of where no office says (`fee_heads.plan_of`).
    schedule_heads: str = "fee"
    # Parameters that must be filled in where another one has a value: `delivery=post: address postcode`.
    needed_when: Annotated[str, Field(pattern=rf"^({_WHEN}: {_NAMES})?$")] = ""
    # Who may pay a part, where anybody may.
    part_when: Annotated[str, Field(pattern=f"^({_WHEN})?$")] = ""
    paid_word: str = "paid"


@dataclass(frozen=True, slots=True)
class OfficeWords:
    """The settings of one office, read once.

    `part_when` is a parameter and the value with which a part may be paid, or None where nobody may;
    `needed` are the parameters that `needed_when` makes necessary.
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

    def reference(self, named: Mapping[str, str]) -> str:
        """What the demand is called that these parameters name."""
        return _APART.join(named[name] for name in self.reference_names if named.get(name))

    def stage(self, named: Mapping[str, str]) -> str:
        """The step that is to be paid; empty where there is one only."""
        return named[self.stage_name] if self.stage_name else ""

    def told(self, named: Mapping[str, str]) -> dict[str, str]:
        """What else the office is told, as far as the payer said it."""
        return {theirs: named[ours] for theirs, ours in self.details.items() if named.get(ours)}

    def is_whole(self, named: Mapping[str, str]) -> bool:
        """Whether everything is filled in that the other parameters make necessary."""
        return not _holds(self.needed_when, named) or all(named.get(name) for name in self.needed)

    def may_pay_part(self, named: Mapping[str, str]) -> bool:
        """Whether this payer may choose to pay a part."""
        return _holds(self.part_when, named)


def words_of(manifest: Manifest, operations: frozenset[str]) -> OfficeWords:
    """The words of one office, once they fit its parameters and its schedule.

    Raises:
        ManifestError: a setting or an operation is missing, malformed, or names what is not there.
    """
    settings = settings_of(manifest, FamilySettings, operations)
    condition, _, needed = settings.needed_when.partition(": ")
    try:
        plan = plan_of(settings.schedule_heads)
        for row in manifest.amount.schedule:
            plan.heads(parse_taka(row.taka))
    except ValueError as error:
        raise ManifestError(f"{manifest.id}: {error}") from error
    words = OfficeWords(
        service=settings.service,
        reference_names=tuple(settings.reference.split()),
        details=dict(_pair(pair) for pair in settings.details.split()),
        stage_name=settings.stage,
        vat_heads=tuple(settings.vat_heads.split()),
        late_fee_heads=tuple(settings.late_fee_heads.split()),
        plan=plan,
        needed_when=_pair(condition) if condition else None,
        needed=tuple(needed.split()),
        part_when=_pair(settings.part_when) if settings.part_when else None,
        paid_word=settings.paid_word,
    )
    _refuse_strangers(manifest, words)
    return words


def _refuse_strangers(manifest: Manifest, words: OfficeWords) -> None:
    """Raise ManifestError where a setting names a parameter that is not there, or may be missing."""
    all_of_them = {entry.name for entry in manifest.parameters}
    required = {entry.name for entry in manifest.parameters if entry.is_required}
    conditions = [when[0] for when in (words.needed_when, words.part_when) if when is not None]
    always = {words.reference_names[0], *conditions, *([words.stage_name] if words.stage_name else [])}
    sometimes = {*words.reference_names, *words.details.values(), *words.needed}
    strange = sorted((always - required) | (sometimes - all_of_them))
    if strange:
        raise ManifestError(f"{manifest.id}: no parameter {', '.join(strange)}, or it may be left out")


def _holds(when: tuple[str, str] | None, named: Mapping[str, str]) -> bool:
    return when is not None and named.get(when[0]) == when[1]


def _pair(told: str) -> tuple[str, str]:
    first, _, second = told.partition("=")
    return first, second

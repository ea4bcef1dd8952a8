"""Which decision fits which code, who must check it and what blocks a closing, from config/resolutions.toml.

The enum lists the actions that have postings; the file must define each of them and nothing else, and every
code needs an action, or nothing can be decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_tables
from reconciliation.breaks.codes import BreakCode, SentenceField
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError


class ResolutionAction(StrEnum):
    """The actions that two persons can decide on a break."""

    WRITE_OFF = "write_off"
    ACCEPT_FEE = "accept_fee"
    ACCEPT_ROUNDING = "accept_rounding"
    TO_SUSPENSE = "to_suspense"
    FROM_SUSPENSE_TO_REFUND = "from_suspense_to_refund"
    PAY_BACK_BY_HAND = "pay_back_by_hand"
    CLAIM = "claim_from_institution"
    CLAIM_RECEIVED = "claim_received"
    CLAIM_WRITTEN_OFF = "claim_written_off"
    REPOST = "repost"
    CORRECT_BOOKS = "correct_books"
    BANK_FEE = "bank_fee"
    PAYS_PAYOUTS = "pays_payouts"
    NO_ACTION = "no_action"


# A file has members as text, so these two are not strict.
_Code = Annotated[BreakCode, Field(strict=False)]
_Action = Annotated[ResolutionAction, Field(strict=False)]


class ActionRule(BaseModel):
    """What one action means. `after` must stand before it, `ends` says whether it resolves the break."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: _Action
    codes: tuple[_Code, ...] = Field(strict=False, min_length=1)
    after: _Action | None = None
    ends: bool
    en: str = SentenceField
    bn: str = SentenceField
    reverse: str = SentenceField


class ApprovalBand(BaseModel):
    """Up to which amount so many checkers are enough, beside the maker; all of them have the role."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    up_to_paisa: int | None = Field(default=None, ge=0)
    checkers: Literal[1, 2]
    role: Literal["finance"]


class ClosingRules(BaseModel):
    """What keeps a night from being closed; see the comments of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    invariants: bool
    unwatched: bool
    proposals: bool
    unnoted: frozenset[_Code] = Field(strict=False)
    open: frozenset[_Code] = Field(strict=False)
    overdue: frozenset[_Code] = Field(strict=False)


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    bands: tuple[ApprovalBand, ...] = Field(strict=False, min_length=1)
    actions: tuple[ActionRule, ...] = Field(strict=False)
    closing: ClosingRules


@dataclass(frozen=True, slots=True)
class ResolutionRules:
    """Every decision by its name, the bands in their order and what blocks a closing."""

    version: str
    bands: tuple[ApprovalBand, ...]
    rules: Mapping[ResolutionAction, ActionRule]
    closing: ClosingRules

    def checkers(self, amount: int) -> int:
        """How many persons beside the maker must approve an amount of so many paisa."""
        reaching = (band for band in self.bands if band.up_to_paisa is None or amount <= band.up_to_paisa)
        return next(reaching).checkers

    def actions_for(self, code: BreakCode) -> tuple[ResolutionAction, ...]:
        """The decisions that fit a code, in the order of the file."""
        return tuple(name for name, rule in self.rules.items() if code in rule.codes)


def read_resolution_rules(path: Path) -> ResolutionRules:
    """The rules of a file.

    Raises:
        ConfigurationError: an action is missing or there twice, a code has none, or the bands do not rise.
    """
    try:
        table = _Table.model_validate(toml_tables(path))
    except (ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{path.name}: {fault_wording(problem)}") from problem
    stated_actions = [rule.name for rule in table.actions]
    if sorted(stated_actions) != sorted(ResolutionAction):
        wrong = sorted(set(stated_actions) ^ set(ResolutionAction)) or "one of them twice"
        raise ConfigurationError(f"{path.name} must say each action once: {wrong}")
    bare = set(BreakCode) - {code for rule in table.actions for code in rule.codes}
    if bare:
        raise ConfigurationError(f"{path.name} has no action for {', '.join(sorted(bare))}")
    rules = {rule.name: rule for rule in table.actions}
    _refuse_broken_chains(path.name, rules)
    _refuse_bands_that_fall(path.name, table.bands)
    return ResolutionRules(table.version, table.bands, rules, table.closing)


def _refuse_broken_chains(name: str, rules: Mapping[ResolutionAction, ActionRule]) -> None:
    for rule in rules.values():
        before = rules.get(rule.after) if rule.after else None
        if before is None:
            continue
        if before.ends or not set(rule.codes) <= set(before.codes):
            raise ConfigurationError(f"{name}: {rule.name} cannot come after {before.name}")


def _refuse_bands_that_fall(name: str, bands: tuple[ApprovalBand, ...]) -> None:
    *bounded, last = bands
    limits = [band.up_to_paisa for band in bounded]
    known = [limit for limit in limits if limit is not None]
    checkers = [band.checkers for band in bands]
    if last.up_to_paisa is not None or len(known) != len(limits):
        raise ConfigurationError(f"{name}: the last band, and no other, is without a bound")
    if known != sorted(set(known)) or checkers != sorted(checkers):
        raise ConfigurationError(f"{name}: bands rise, in amount and in checkers")

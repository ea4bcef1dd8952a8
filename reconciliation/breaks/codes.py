"""The codes of a break and what each means for people, from config/breaks.toml.

The enum is the taxonomy of reconciliation.md 1.4; the file must define every member, completely, and nothing
else, or nothing runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_tables
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError


class BreakCode(StrEnum):
    """Why a file, a row or a payment is a break."""

    FILE_MISSING = "FILE_MISSING"
    FILE_DUPLICATE = "FILE_DUPLICATE"
    FILE_REPLAYED = "FILE_REPLAYED"
    FILE_SUPERSEDED = "FILE_SUPERSEDED"
    SEQUENCE_GAP = "SEQUENCE_GAP"
    CONTROL_TOTAL = "CONTROL_TOTAL"
    ROW_REJECTED = "ROW_REJECTED"
    LEDGER_ONLY = "LEDGER_ONLY"
    FILE_ONLY = "FILE_ONLY"
    BILLER_NOT_POSTED = "BILLER_NOT_POSTED"
    BILLER_DOUBLE_POST = "BILLER_DOUBLE_POST"
    DUP_IN_FILE = "DUP_IN_FILE"
    DUP_ACROSS_FILES = "DUP_ACROSS_FILES"
    DUP_IN_LEDGER = "DUP_IN_LEDGER"
    AMBIGUOUS = "AMBIGUOUS"
    AMOUNT = "AMOUNT"
    FEE_VARIANCE = "FEE_VARIANCE"
    ROUNDING = "ROUNDING"
    CURRENCY = "CURRENCY"
    THEY_SUCCESS_WE_FAILED = "THEY_SUCCESS_WE_FAILED"
    WE_SUCCESS_THEY_FAILED = "WE_SUCCESS_THEY_FAILED"
    UNKNOWN_OPEN = "UNKNOWN_OPEN"
    TIMING = "TIMING"
    REVERSAL_PENDING = "REVERSAL_PENDING"


class DifferenceCause(StrEnum):
    """Possible causes of a difference of amounts, in the order tried, and what a row says of itself.

    That is what a chargeback row is, and that they have paid in stand-in or advised us late.
    """

    FEE_AND_VAT = "fee_and_vat"
    FEE = "fee"
    VAT = "vat"
    REFUND = "refund"
    HUNDREDFOLD = "hundredfold"
    HUNDREDTH = "hundredth"
    SWAPPED_DIGITS = "swapped_digits"
    COMPENSATING = "compensating"
    BATCH = "batch"
    MISSING_CYCLE = "missing_cycle"
    ROUND_TAKA = "round_taka"
    UNEXPLAINED = "unexplained"
    CHARGEBACK = "chargeback"
    CHARGEBACK_OF_NO_PAYMENT = "chargeback_of_no_payment"
    CHARGEBACK_IN_OTHER_CURRENCY = "chargeback_in_other_currency"
    CHARGEBACK_BEYOND_PAYMENT = "chargeback_beyond_payment"
    PAID_IN_STAND_IN = "paid_in_stand_in"
    PAID_AND_ADVISED_LATE = "paid_and_advised_late"


# Rules that were kept before there was a member lack its sentence.
_ADDED_LATER = frozenset({DifferenceCause.PAID_IN_STAND_IN, DifferenceCause.PAID_AND_ADVISED_LATE})


Exposure = Literal["none", "amount", "difference", "file_total", "open_total"]
SentenceField = Field(min_length=4)


class CodeMeaning(BaseModel):
    """What one code means: owner, deadline, default action, automatic rule with its reverse, words.

    Where it is set, `action_delivery` is the action at a biller, to which we owe what it has posted, and
    `action_taken_back` that about money which they took back, so that nobody is told to give that back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    code: str
    level: Literal["file", "row"]
    owner: str = SentenceField
    deadline_business_days: int = Field(ge=1, le=30)
    action: str = SentenceField
    action_delivery: str = ""
    action_taken_back: str = ""
    automatic: str = SentenceField
    reverse: str = SentenceField
    exposure: Exposure
    en: str = SentenceField
    bn: str = SentenceField

    def action_about(self, amount: int, *, is_delivery: bool) -> str:
        """What to do about a row of this amount in paisa; money that is taken back is below zero."""
        special = self.action_taken_back if amount < 0 else self.action_delivery if is_delivery else ""
        return special or self.action


class Phrase(BaseModel):
    """One sentence in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    en: str = SentenceField
    bn: str = SentenceField


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    rounding_bound_paisa: int = Field(ge=0)
    breaks: list[CodeMeaning]
    diagnoses: Mapping[str, Phrase]


@dataclass(frozen=True, slots=True)
class BreakRules:
    """The meaning of every code, the sentence of every diagnosis, and the rounding bound of a file."""

    version: str
    rounding_bound_paisa: int
    meanings: Mapping[BreakCode, CodeMeaning]
    diagnoses: Mapping[DifferenceCause, Phrase]


def read_rules(path: Path, *, are_kept: bool = False) -> BreakRules:
    """The meaning of every code, and the limits beside them; `are_kept` are rules of an earlier run.

    Raises:
        ConfigurationError: a code is missing, unknown or there twice, or one of them lacks something.
    """
    try:
        table = _Table.model_validate(toml_tables(path))
    except (ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{path.name}: {fault_wording(problem)}") from problem
    stated_codes = [meaning.code for meaning in table.breaks]
    if sorted(stated_codes) != sorted(BreakCode):
        wrong = sorted(set(stated_codes) ^ set(BreakCode)) or "one of them twice"
        raise ConfigurationError(f"{path.name} must say each code once: {wrong}")
    for meaning in table.breaks:
        if (meaning.automatic == "none") != (meaning.reverse == "none"):
            raise ConfigurationError(f"{path.name}: {meaning.code} has an automatic rule without its reverse")
    meanings = {BreakCode(meaning.code): meaning for meaning in table.breaks}
    lacking = set(DifferenceCause) - set(table.diagnoses)
    if set(table.diagnoses) - set(DifferenceCause) or lacking - (_ADDED_LATER if are_kept else set()):
        wrong = sorted(set(table.diagnoses) ^ set(DifferenceCause))
        raise ConfigurationError(f"{path.name} must say each diagnosis: {wrong}")
    diagnoses = {DifferenceCause(cause): phrase for cause, phrase in table.diagnoses.items()}
    return BreakRules(table.version, table.rounding_bound_paisa, meanings, diagnoses)

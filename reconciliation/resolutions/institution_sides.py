"""The kind and the account of an institution, from config/statements and config/billers."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from ekpay_switch.config_files.toml_file import toml_tables
from reconciliation.breaks.codes import BreakCode
from reconciliation.resolutions.decision_records import UnfitError
from reconciliation.resolutions.missing_payouts import payer_of
from reconciliation.resolutions.resolution_postings import InstitutionSide
from reconciliation.results.records import BreakRecord
from reconciliation.statement.layout import read_layouts

# The breaks about a payout of which settlement books what came.
_OF_A_PAYOUT: Final = frozenset(
    {
        BreakCode.LEDGER_ONLY,
        BreakCode.AMOUNT,
        BreakCode.AMBIGUOUS,
        BreakCode.DUP_IN_FILE,
        BreakCode.DUP_ACROSS_FILES,
    }
)


def side_of_break(config: Path, broken: BreakRecord) -> InstitutionSide:
    """The side of the institution of a break; of our bank, whose payout it is about.

    Raises:
        ConfigurationError: a layout cannot be read.
        UnfitError: the institution has no layout.
    """
    side = institution_side(config, broken.institution)
    if side.kind != "statement" or broken.code not in _OF_A_PAYOUT:
        return side
    return replace(side, payer=payer_of(config, broken.institution, broken.reference))


def institution_side(config: Path, institution: str) -> InstitutionSide:
    """The side of one institution.

    Raises:
        ConfigurationError: a layout cannot be read.
        UnfitError: the institution has no layout.
    """
    layout = read_layouts(config / "statements").get(institution)
    if layout is None:
        raise UnfitError(f"config/statements does not know {institution}")
    return InstitutionSide(
        institution, layout.kind, has_deposit=_has_deposit(config / "billers" / f"{institution}.toml")
    )


def _has_deposit(manifest: Path) -> bool:
    """Whether we keep money at a biller, which it takes each bill off; then nothing is owed to it."""
    return manifest.is_file() and "deposit" in toml_tables(manifest)

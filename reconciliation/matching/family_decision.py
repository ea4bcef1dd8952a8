"""The decision about a family: its findings and the fate of each row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reconciliation.breaks.codes import BreakCode, DifferenceCause
from reconciliation.breaks.diagnosis import ComparedAmounts
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.canonical_row import BROKEN, TAKES_BACK
from reconciliation.matching.reference_keys import STRANGER
from reconciliation.matching.row_family import Family, PoolRow, RowIdentity


@dataclass(slots=True)
class FamilyDecision:
    """Findings and the fate of every row of one family.

    `rounded` are rows of theirs that are one paisa off: they are matched only if their file stays inside its
    bound. `passes` are the passes that were tried, with the reason each refused; every finding gets them.
    """

    findings: list[BreakFinding] = field(default_factory=list)
    fates: dict[RowIdentity, str] = field(default_factory=dict)
    rounded: list[PoolRow] = field(default_factory=list)
    passes: list[str] = field(default_factory=list)

    def settle(self, rows: Iterable[PoolRow], fate: str) -> None:
        """Set the fate of rows; a later call replaces an earlier one."""
        for row in rows:
            self.fates[row.identity] = fate

    def note_refused_pass(self, number: int, reason: str) -> None:
        """Note a pass that did not match, with the reason."""
        self.passes.append(f"{number}: {reason}")

    def raise_finding(
        self,
        code: BreakCode,
        family: Family,
        row: PoolRow,
        reason: str = "",
        *,
        ours: PoolRow | None = None,
        surplus: int = 0,
        diagnosis: DifferenceCause | None = None,
    ) -> None:
        """Raise a finding about a row, beside the row of ours that it was compared with.

        `surplus` is what several rows of theirs come to beyond our books. `diagnosis` is what it is where no
        difference of amounts tells.
        """
        compared = None if ours is None else _compared(ours, row)
        self.findings.append(
            BreakFinding(
                FindingKey(code, family.institution, family.reference.removeprefix(STRANGER)),
                amount=row.amount,
                difference=surplus if compared is None else compared.difference,
                file=row.origin,
                reason=reason,
                day=row.due_date or row.business_date,
                passes=tuple(self.passes),
                compared=compared,
                refunds=tuple(back.amount for back in family.side(TAKES_BACK).ours),
                diagnosis=diagnosis,
                rows=(row.raw_hash,) if row.raw_hash else (),
            )
        )

    def raise_duplicate(self, family: Family, row: PoolRow, candidates: Sequence[PoolRow]) -> None:
        """Raise that a row of theirs says what an earlier one of the candidates has said, and settle it."""
        earlier = candidates[: candidates.index(row)]
        same_file = any(previous.origin == row.origin and previous.says == row.says for previous in earlier)
        self.note_refused_pass(1, "another row with the same words stands for the payment")
        self.raise_finding(BreakCode.DUP_IN_FILE if same_file else BreakCode.DUP_ACROSS_FILES, family, row)
        self.settle([row], BROKEN)

    def append(self, later: "FamilyDecision") -> None:
        """Add what was decided apart about further rows of the same family."""
        self.findings += later.findings
        self.fates |= later.fates


def _compared(ours: PoolRow, theirs: PoolRow) -> ComparedAmounts:
    """Gross against gross; net against net where the gross agrees or is missing."""
    if theirs.gross is None or theirs.gross == ours.gross:
        return ComparedAmounts(ours.net, theirs.net, ours.fee, ours.vat)
    return ComparedAmounts(ours.amount, theirs.gross, ours.fee, ours.vat)

"""A finding: one code about one file, payment or payout, as it is known when it is first seen."""

from dataclasses import dataclass
from datetime import date

from reconciliation.breaks.codes import BreakCode, DifferenceCause
from reconciliation.breaks.diagnosis import ComparedAmounts


@dataclass(frozen=True, slots=True, order=True)
class FindingKey:
    """The natural key of a finding; each key is counted once."""

    code: BreakCode
    institution: str
    reference: str


@dataclass(frozen=True, slots=True)
class BreakFinding:
    """One finding. Amounts in paisa; `file` is that of its row, `reason` says why in a few words.

    `passes` lists the passes that were tried with the reason each one refused, `nearest` is the closest
    candidate and `compared` the amounts of both sides. `open_total` is what waits for the file, `refunds` are
    our refunds of the same payment.
    """

    key: FindingKey
    amount: int = 0
    difference: int = 0
    file: str = ""
    reason: str = ""
    day: date | None = None
    cycle: int = 0
    passes: tuple[str, ...] = ()
    nearest: str = ""
    compared: ComparedAmounts | None = None
    refunds: tuple[int, ...] = ()
    open_total: int = 0
    diagnosis: DifferenceCause | None = None
    rows: tuple[str, ...] = ()

    @property
    def waits_for_a_file(self) -> bool:
        """Whether it is about a file none of whose rows is loaded: missing, or refused whole."""
        if self.key.code is BreakCode.ROW_REJECTED:
            return self.key.reference == self.file
        return self.key.code in {BreakCode.FILE_MISSING, BreakCode.CONTROL_TOTAL}

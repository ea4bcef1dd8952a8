"""Findings against seeded errors, as the JSON of docs/protocols/reconciliation-month.md."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import FindingKey
from reconciliation.engine.seal import Seal
from reconciliation.month.sealed_key import Entry, Key

LISTED_MAX = 100


@dataclass(frozen=True, slots=True)
class MonthComparison:
    """The result of a month; a seeded entry counts as found with code, institution, reference and night."""

    seeded: frozenset[Entry]
    findings: frozenset[Entry]
    run_digest: str
    key_sha256: str
    rows: int = 0
    invariants: str = ""

    @property
    def found_entries(self) -> frozenset[Entry]:
        """What was seeded and found."""
        return self.seeded & self.findings

    @property
    def missed_entries(self) -> frozenset[Entry]:
        """What was seeded and not found."""
        return self.seeded - self.findings

    @property
    def invented_entries(self) -> frozenset[Entry]:
        """What was found and not seeded."""
        return self.findings - self.seeded

    @property
    def is_perfect(self) -> bool:
        """Everything found, nothing invented, every invariant holds."""
        return not self.missed_entries and not self.invented_entries and self.invariants == "hold"

    def by_code(self) -> Mapping[str, Mapping[str, int]]:
        """The three numbers of each code."""
        return {
            code.value: {
                "seeded": _count(self.seeded, code),
                "found": _count(self.found_entries, code),
                "invented": _count(self.invented_entries, code),
            }
            for code in BreakCode
        }

    def as_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(
            {
                "rows": self.rows,
                "seeded": len(self.seeded),
                "found": len(self.found_entries),
                "invented": len(self.invented_entries),
                "invariants": self.invariants,
                "run_digest": self.run_digest,
                "key_sha256": self.key_sha256,
                "by_code": self.by_code(),
                "missed": _listed(self.missed_entries),
                "inventions": _listed(self.invented_entries),
            },
            indent=2,
        )


def compare(nights_by_finding: Mapping[FindingKey, date], key: Key, seal: Seal) -> MonthComparison:
    """Compare the findings with the key."""
    findings = frozenset(
        (str(key_of_finding.code), key_of_finding.institution, key_of_finding.reference, night)
        for key_of_finding, night in nights_by_finding.items()
    )
    return MonthComparison(key.entries, findings, seal.run_digest, key.sha256)


def _count(entries: Iterable[Entry], code: BreakCode) -> int:
    return sum(entry[0] == code for entry in entries)


def _listed(entries: Iterable[Entry]) -> list[list[str]]:
    return [[*entry[:3], entry[3].isoformat()] for entry in sorted(entries)[:LISTED_MAX]]

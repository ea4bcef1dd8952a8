"""What a run changes about breaks: new, reopened, closed. A break's first night never changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID, uuid5

from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.digests import sha256_of_lines
from reconciliation.engine.break_endings import endings
from reconciliation.engine.night import Night, RunProgress
from reconciliation.results.run_state import StandingBreaks

# A random namespace; a break has the same id in every run that finds it.
_BREAKS: Final = UUID("6d1f5f3e-2c1b-5b59-9d6e-7a1f0d9b41c7")


def break_id(key: FindingKey) -> UUID:
    """The id of a break follows from its natural key."""
    return uuid5(_BREAKS, f"{key.code}\x1f{key.institution}\x1f{key.reference}")


@dataclass(frozen=True, slots=True)
class BreakChanges:
    """Breaks by what happened to them in a run; `reopened` have their first night, `closed` the reason."""

    new_findings: tuple[BreakFinding, ...]
    reopened: Mapping[FindingKey, tuple[date, BreakFinding]]
    closed: Mapping[FindingKey, str]

    def lines(self, night: date) -> list[str]:
        """One line a change in one order, for the digest."""
        changes = [(finding.key, f"found {night}") for finding in self.new_findings]
        changes += [(key, f"reopened {first}") for key, (first, _) in self.reopened.items()]
        changes += [(key, f"closed {reason}") for key, reason in self.closed.items()]
        return sorted(f"{key.code},{key.institution},{key.reference},{change}" for key, change in changes)

    def digest(self, before: str, night: date) -> str:
        """SHA-256 over these changes and the digest of the run before, so over all breaks so far."""
        return sha256_of_lines([f"before {before}", *self.lines(night)])

    def standing_after(self, standing: StandingBreaks, night: date) -> StandingBreaks:
        """The breaks that stand after the run."""
        remaining = {
            key: standing_break for key, standing_break in standing.items() if key not in self.closed
        }
        return (
            remaining | dict(self.reopened) | {finding.key: (night, finding) for finding in self.new_findings}
        )


def changes_of(
    night: Night, standing: StandingBreaks, known: Mapping[FindingKey, date], progress: RunProgress
) -> BreakChanges:
    """Sort a night's findings: `standing` breaks stood before it, `known` ones any night has found."""
    reopened = {
        finding.key: (known[finding.key], finding) for finding in night.findings if finding.key in known
    }
    new_findings = tuple(
        sorted(
            (finding for finding in night.findings if finding.key not in known),
            key=lambda finding: finding.key,
        )
    )
    closed = endings(night, {key: finding for key, (_, finding) in standing.items()}, progress.register)
    return BreakChanges(new_findings, dict(sorted(reopened.items())), dict(sorted(closed.items())))

"""The seal: a digest of all findings, written to disk before the key may be opened."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from reconciliation.breaks.findings import FindingKey
from reconciliation.digests import sha256_of_lines


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The digests of a run's inputs: same identity and same code give the same findings."""

    ledger_sha256: str
    files_sha256: str
    rules_sha256: str
    calendar_version: str

    def lines(self) -> list[str]:
        """The parts by name, for a digest."""
        return [
            f"ledger {self.ledger_sha256}",
            f"files {self.files_sha256}",
            f"rules {self.rules_sha256}",
            f"calendar {self.calendar_version}",
        ]


@dataclass(frozen=True, slots=True)
class Seal:
    """The run digest and where it was written."""

    run_digest: str
    path: Path

    def is_written(self) -> bool:
        """Whether the digest lies on disk as it was computed."""
        try:
            return bool(json.loads(self.path.read_text(encoding="utf-8"))["run_digest"] == self.run_digest)
        except (OSError, ValueError, KeyError, TypeError):
            return False


def finding_lines(nights_by_finding: Mapping[FindingKey, date]) -> Iterable[str]:
    """Every finding as one line, in order."""
    return sorted(
        f"{key.code},{key.institution},{key.reference},{night.isoformat()}"
        for key, night in nights_by_finding.items()
    )


def seal(nights_by_finding: Mapping[FindingKey, date], identity: RunIdentity, folder: Path) -> Seal:
    """Write the digest of findings and identity, through to the disk."""
    digest = sha256_of_lines([*finding_lines(nights_by_finding), *identity.lines()])
    path = folder / "seal.json"
    content = {"run_digest": digest, "findings": len(nights_by_finding), "identity": identity.lines()}
    with path.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    return Seal(digest, path)

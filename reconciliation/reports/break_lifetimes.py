"""The lifetime of a break: the night in which it was found, and the one in which it ended by itself.

See `engine.break_endings`. A break that ended and is found again continues from its first night.
"""

from datetime import date

from reconciliation.breaks.findings import FindingKey
from reconciliation.engine.break_endings import endings, keys_raised_in
from reconciliation.engine.night import Night, RunProgress


class Lifetimes:
    """When each finding ended, up to the last night that was added."""

    def __init__(self) -> None:
        self._ended: dict[FindingKey, date] = {}

    def end_night(self, key: FindingKey) -> date | None:
        """The night in which a finding ended, or None while it is open."""
        return self._ended.get(key)

    def after(self, night: Night, progress: RunProgress) -> int:
        """Add a night; returns how many findings ended in it."""
        for key in keys_raised_in(night):
            self._ended.pop(key, None)
        standing = {key: finding for key, (_, finding) in progress.findings.items() if key not in self._ended}
        self._ended |= dict.fromkeys(endings(night, standing, progress.register), night.date)
        return sum(night.date == when for when in self._ended.values())

"""When a night may be closed: after its cut-off, and on a run that began when its day was over."""

from dataclasses import dataclass
from datetime import date, datetime

from ekpay_switch.domain.business_day import business_date, in_dhaka
from reconciliation.resolutions.decision_records import UnfitError
from reconciliation.results.records import RunRecord


@dataclass(frozen=True, slots=True)
class ClosingTime:
    """The instant of a closing, and the cut-off of its night until which files are awaited; both in UTC.

    Only a rehearsal may close before its cut-off: no money is real there, and it does not wait for midnight.
    """

    now: datetime
    cut_off: datetime
    is_rehearsal: bool = False

    def refuse_before_cut_off(self, night: date) -> None:
        """Refuse to close a night before its cut-off.

        Raises:
            UnfitError: its cut-off has not passed.
        """
        if not self.is_rehearsal and self.now < self.cut_off:
            until = f"{in_dhaka(self.cut_off):%Y-%m-%d %H:%M}"
            raise UnfitError(f"{night} cannot be closed before its cut-off, {until} in Dhaka")

    def refuse_early_run(self, run: RunRecord) -> None:
        """Refuse to close on a run that began before the day was over: its figures are of a part of the day.

        Raises:
            UnfitError: the run was a rehearsal of its night.
        """
        if not self.is_rehearsal and business_date(run.started_at) <= run.night:
            raise UnfitError(
                f"run {run.seq} of {run.night} began before the day was over: run the night again, then close"
            )

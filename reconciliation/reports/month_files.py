"""Writes a run's reports into a folder: a workbook for each night, a workbook and a PDF of the month."""

from pathlib import Path
from tempfile import TemporaryDirectory

from reconciliation.engine.invariants import MonthChecks
from reconciliation.engine.night import Night
from reconciliation.engine.seal import RunIdentity, Seal
from reconciliation.reports.pdf import pdf
from reconciliation.reports.report_model import Report
from reconciliation.reports.run_collector import Collector
from reconciliation.reports.workbook import write_workbook


class MonthReports:
    """The reports of one run; each night's workbook is written as soon as the night is over."""

    def __init__(self, folder: Path, checks: MonthChecks) -> None:
        self._folder = folder
        self._collector = Collector(checks)
        folder.mkdir(parents=True, exist_ok=True)

    def after(self, night: Night) -> None:
        """Write the workbook of a night that was judged and checked."""
        self._workbook(self._collector.night(night))

    def at_the_end(self, identity: RunIdentity, seal: Seal) -> None:
        """Write the workbook and the PDF of the month.

        Raises:
            ReportError: the PDF could not be set; the workbooks are there.
        """
        report = self._collector.month(identity, seal)
        self._workbook(report)
        (self._folder / f"{report.name}.pdf").write_bytes(pdf(report))

    def _workbook(self, report: Report) -> None:
        with TemporaryDirectory(prefix="ekpay-workbook-") as scratch:
            write_workbook(report, self._folder / f"{report.name}.xlsx", Path(scratch))

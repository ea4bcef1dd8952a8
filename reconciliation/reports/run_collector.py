"""Collects the reports of a month's run: one after each night, one of the month at the end.

Between nights it keeps one line for each night and ledger day, and when each break ended; no rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.explanation import Explainer
from reconciliation.canonical_row import BROKEN, FILE, LEDGER, MATCHED, REJECTED
from reconciliation.digests import sha256_of, sha256_of_lines
from reconciliation.engine.invariants import Invariant, MonthChecks
from reconciliation.engine.night import Night
from reconciliation.engine.seal import RunIdentity, Seal, finding_lines
from reconciliation.intake.file_names import LogicalKey, expected_name
from reconciliation.intake.file_register import Arrival, FileState
from reconciliation.reports.break_lifetimes import Lifetimes
from reconciliation.reports.report_model import (
    BookLine,
    BreakLine,
    FeeLine,
    FileLine,
    InstitutionLine,
    InvariantCheck,
    NightLine,
    OutcomeLine,
    Period,
    PositionLine,
    RateLine,
    Report,
    Tally,
    by_age,
    by_code,
)
from reconciliation.reports.tallies import (
    Fates,
    by_file,
    by_institution,
    fees_of,
    newly_matched,
    open_rows_of,
    outcomes_of,
    positions_of,
    rates_of,
    rows_decided_in,
)

_AT_THE_END = (Invariant.CONSERVATION, Invariant.NETTING, Invariant.NO_DOUBLE_USE)
_DECIDED = (MATCHED, BROKEN, REJECTED)
MISSING = "missing"


@dataclass(frozen=True, slots=True)
class PeriodContent:
    """The content of a period's report; `fees` as `tallies.fees_of` has them."""

    institutions: tuple[InstitutionLine, ...]
    fees: Mapping[str, tuple[int, int, int]]
    breaks: tuple[BreakLine, ...]
    files: tuple[FileLine, ...]
    positions: tuple[PositionLine, ...] = ()
    outcomes: tuple[OutcomeLine, ...] = ()


class Collector:
    """Makes the reports of one run; `checks` belong to that run."""

    def __init__(self, checks: MonthChecks) -> None:
        self._checks = checks
        self._setting = checks.setting
        self._progress = checks.progress
        self._lifetimes = Lifetimes()
        self._nights: list[NightLine] = []
        self._books: list[BookLine] = []
        self._rates: list[RateLine] = []

    def night(self, night: Night) -> Report:
        """The report of the night that was just judged and checked."""
        ended = self._lifetimes.after(night, self._progress)
        self._books.append(self._book(night))
        breaks = self._breaks(night.date, lambda when: when is None or when == night.date)
        decided = rows_decided_in(night)
        files = self._files(
            by_file(night.judged.rows), lambda arrival: arrival.night == night.date, night.date
        )
        self._nights.append(self._line(night, decided, breaks, ended))
        self._rates.extend(rates_of(night.date, decided))
        lines_of_findings = finding_lines({item.key: night.date for item in night.findings})
        evidence = {
            "findings": sha256_of_lines(lines_of_findings),
            "ledger": self._books[-1].sha256,
            "files": sha256_of_lines(
                f"{item.name} {item.sha256}" for item in files if item.arrived_on == night.date
            ),
        }
        rows = pl.concat([decided, open_rows_of(night)])
        return self._report(
            "night",
            PeriodContent(
                self._institutions(rows),
                fees_of(newly_matched(night, decided)),
                breaks,
                files,
                outcomes=outcomes_of(rows),
            ),
            evidence,
        )

    def month(self, identity: RunIdentity, seal: Seal) -> Report:
        """The report of all nights, once the run is sealed."""
        last = self._nights[-1].night
        rows = self._progress.store.all_rows()
        breaks = self._breaks(last, lambda _: True)
        files = self._files(by_file(rows), lambda _: True, last)
        evidence = {
            "run": seal.run_digest,
            "ledger": identity.ledger_sha256,
            "files": identity.files_sha256,
            "rules": identity.rules_sha256,
        }
        return self._report(
            "month",
            PeriodContent(
                self._institutions(rows), fees_of(rows), breaks, files, positions_of(rows), outcomes_of(rows)
            ),
            evidence,
        )

    def _report(self, period: Period, content: PeriodContent, digests: Mapping[str, str]) -> Report:
        last = self._nights[-1].night
        first = last if period == "night" else self._nights[0].night
        versions = {
            "calendar_version": self._setting.calendar.version,
            "rules_version": self._setting.rules.version,
        }
        return Report(
            period=period,
            first=first,
            last=last,
            institutions=content.institutions,
            codes=by_code(content.breaks, first, last),
            ages=by_age(content.breaks),
            breaks=content.breaks,
            fees=fee_lines(content.fees, content.breaks),
            files=content.files,
            books=tuple(self._books[-1:] if period == "night" else self._books),
            nights=tuple(self._nights),
            checks=self._invariant_checks(period),
            evidence={**digests, **versions},
            rates=tuple(self._rates),
            positions=content.positions,
            outcomes=content.outcomes,
        )

    def _institutions(self, rows: pl.DataFrame) -> tuple[InstitutionLine, ...]:
        ours, theirs = by_institution(rows, LEDGER), by_institution(rows, FILE)
        return tuple(
            InstitutionLine(name, self._setting.layouts[name].kind, ours.get(name, {}), theirs.get(name, {}))
            for name in sorted(ours.keys() | theirs.keys())
        )

    def _breaks(self, as_of: date, is_selected: Callable[[date | None], bool]) -> tuple[BreakLine, ...]:
        """Findings so far, open and large ones first."""
        explainer = Explainer(self._setting.rules, self._setting.calendar, self._setting.billers)
        lines = []
        for key, (night, finding) in self._progress.findings.items():
            ended = self._lifetimes.end_night(key)
            if is_selected(ended):
                lines.append(BreakLine(explainer.explain(finding, night, as_of), ended))
        return tuple(sorted(lines, key=_place))

    def _files(
        self, fates: Mapping[str, Fates], is_selected: Callable[[Arrival], bool], night: date
    ) -> tuple[FileLine, ...]:
        """The files that arrived, and those that are due by this night and missing."""
        arrived = [
            self._arrived_line(arrival, fates)
            for arrival in self._progress.register.arrivals
            if is_selected(arrival)
        ]
        missing = [
            self._missing_line(key, night)
            for key in self._setting.schedule.due_by(night)
            if not self._progress.register.has_come(key)
        ]
        return tuple(
            sorted([*arrived, *missing], key=lambda line: (line.institution, line.name, str(line.arrived_on)))
        )

    def _arrived_line(self, arrival: Arrival, fates: Mapping[str, Fates]) -> FileLine:
        name = arrival.name
        due = self._setting.schedule.arrivals.get(name.key)
        late = 0 if due is None else self._setting.calendar.age(due, arrival.night)
        counts = arrival.state is FileState.LOADED
        return FileLine(
            name=name.text,
            institution=name.key.institution,
            day=name.key.day,
            cycle=name.key.cycle,
            state=arrival.state.value,
            due=due,
            arrived_on=arrival.night,
            late=late,
            stated=Tally(arrival.rows, arrival.settled),
            fates=fates.get(name.text, {}) if counts else {},
            sha256=arrival.sha256,
        )

    def _missing_line(self, key: LogicalKey, night: date) -> FileLine:
        due = self._setting.schedule.arrivals[key]
        return FileLine(
            name=expected_name(key, self._setting.layouts[key.institution]),
            institution=key.institution,
            day=key.day,
            cycle=key.cycle,
            state=MISSING,
            due=due,
            arrived_on=None,
            late=self._setting.calendar.age(due, night),
            stated=Tally(),
            fates={},
            sha256="",
        )

    def _book(self, night: Night) -> BookLine:
        path = self._checks.month.ledger(night.date)
        mine = night.judged.rows.filter((pl.col("source") == LEDGER) & (pl.col("origin") == path.name))
        gross, net = mine.select(pl.col("gross").sum(), pl.col("net").sum()).row(0)
        return BookLine(night.date, mine.height, gross, net, sha256_of(path.read_bytes()))

    def _line(
        self, night: Night, decided: pl.DataFrame, breaks: tuple[BreakLine, ...], ended: int
    ) -> NightLine:
        register, schedule = self._progress.register, self._setting.schedule
        arrivals = [arrival for arrival in reversed(register.arrivals) if arrival.fulfils]
        first = {arrival.name.key: arrival.night for arrival in arrivals}
        tonight = [key for key, when in first.items() if when == night.date]
        on_time = sum(night.date <= schedule.arrivals.get(key, night.date) for key in tonight)
        open_lines = [arrival for arrival in breaks if arrival.ended is None]
        return NightLine(
            night=night.date,
            on_time=on_time,
            late=len(tonight) - on_time,
            missing=sum(due == night.date and key not in first for key, due in schedule.arrivals.items()),
            matched=decided.filter(pl.col("verdict") == MATCHED).height,
            decided=decided.filter(pl.col("verdict").is_in(_DECIDED)).height,
            found_count=len(night.findings),
            ended=ended,
            open=len(open_lines),
            exposure=sum(arrival.explained.exposure for arrival in open_lines),
        )

    def _invariant_checks(self, period: Period) -> tuple[InvariantCheck, ...]:
        broken = self._checks.broken
        checks = []
        for invariant in Invariant:
            later = period == "night" and invariant in _AT_THE_END
            passed = InvariantCheck(invariant.value, "later" if later else "held", "")
            checks.append(
                InvariantCheck(invariant.value, "failed", broken[invariant])
                if invariant in broken
                else passed
            )
        return tuple(checks)


def _place(line: BreakLine) -> tuple[bool, int, str, str, str]:
    explained = line.explained
    return (
        line.ended is not None,
        -explained.exposure,
        explained.code,
        explained.institution,
        explained.reference,
    )


def fee_lines(fees: Mapping[str, tuple[int, int, int]], breaks: tuple[BreakLine, ...]) -> tuple[FeeLine, ...]:
    """Fees as charged, and beside them the open breaks of fees."""
    off: dict[str, list[int]] = {}
    for line in breaks:
        if line.explained.code == BreakCode.FEE_VARIANCE and line.ended is None:
            off.setdefault(line.explained.institution, []).append(line.explained.difference)
    return tuple(
        FeeLine(name, *fees.get(name, (0, 0, 0)), len(off.get(name, [])), sum(off.get(name, [])))
        for name in sorted(fees.keys() | off.keys())
    )

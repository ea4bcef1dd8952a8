"""Tables for finance: summary, institutions, breaks, ages, nights and fees."""

from collections.abc import Iterable

from reconciliation.canonical_row import BROKEN, MATCHED, OPEN, QUIET, REJECTED
from reconciliation.reports.bilingual_table import INSTITUTION, Amount, BilingualTable, Cell, columns, share
from reconciliation.reports.report_model import BreakLine, Report, Tally
from reconciliation.reports.wording import AS_OF, FATES, KINDS, OUTCOMES, STATES, BilingualText

_NOTHING = Tally()


NONE = "none · একটিও নয়"
_EXPOSURE = ("Exposure, taka", "ঝুঁকির অঙ্ক, টাকা", 17)
_OPEN = ("Open", "খোলা", 10)


def facts(report: Report) -> BilingualTable:
    """The summary of the report."""
    open_breaks = report.open_breaks
    ours = [line.ours for line in report.institutions]
    theirs = [line.theirs for line in report.institutions]
    matched = _sum(fates.get(MATCHED) for fates in (*ours, *theirs)).rows
    decided = (
        matched + _sum(fates.get(fate) for fates in (*ours, *theirs) for fate in (BROKEN, REJECTED)).rows
    )
    failed = [check.name for check in report.checks if check.result == "failed"]
    counted = [item for item in report.files if item.state == "loaded"]
    facts: tuple[tuple[str, str, Cell], ...] = (
        ("First night", "প্রথম রাত", report.first),
        ("Last night", "শেষ রাত", report.last),
        ("Matched at connectors, net taka", "টাকা আসার পথে মিলেছে, নিট টাকা", _matched(report, "funds")),
        ("Matched at billers, taka", "বিলারের কাছে মিলেছে, টাকা", _matched(report, "delivery")),
        ("Matched on bank statements, taka", "ব্যাংক বিবরণীতে মিলেছে, টাকা", _matched(report, "statement")),
        ("Rows matched", "মিলে যাওয়া সারি", matched),
        ("Matched of all that was decided", "নিষ্পন্ন সারির মধ্যে মিলেছে", share(matched, decided)),
        ("Open breaks", "অনিষ্পন্ন গরমিল", len(open_breaks)),
        (
            "Open breaks behind their deadline",
            "সময়সীমা পেরোনো গরমিল",
            sum(item.is_overdue for item in open_breaks),
        ),
        ("Exposure, taka", "ঝুঁকির অঙ্ক, টাকা", Amount(sum(item.explained.exposure for item in open_breaks))),
        ("Files loaded", "নেওয়া ফাইল", len(counted)),
        ("Files missing", "না আসা ফাইল", sum(item.arrived_on is None for item in report.files)),
        *_cover(report),
        ("Institutions nobody watches", "যাদের ফাইল আসে না", ", ".join(report.unwatched) or NONE),
        ("Invariants that fail", "যে শর্ত টেকেনি", ", ".join(failed) or NONE),
    )
    return BilingualTable(
        BilingualText("Summary", "সারসংক্ষেপ"),
        columns(("What", "কী", 34), ("In Bangla", "বাংলায়", 34), ("Value", "মান", 20)),
        facts,
    )


def _cover(report: Report) -> Iterable[tuple[str, str, Cell]]:
    """Whether the money at our banks covers what belongs to others; below zero is short."""
    named = {
        "strict": ("Trust cover, strict, taka", "আমানতের পর্যাপ্ততা, টাকা"),
        "strict_by_statement": ("The same by the banks' statements", "ব্যাংক বিবরণী অনুযায়ী, টাকা"),
        "with_receivables": ("With what connectors owe us, taka", "পাওনা ধরলে, টাকা"),
    }
    for name, (en, bn) in named.items():
        if name in report.cover:
            yield en, bn, Amount(report.cover[name])


def institutions(report: Report) -> BilingualTable:
    """Rows of both sides by their verdict."""
    rows = []
    for line in report.institutions:
        ours, theirs = line.ours, line.theirs
        matched = _sum([ours.get(MATCHED), theirs.get(MATCHED)]).rows
        unmatched = _sum(side.get(fate) for side in (ours, theirs) for fate in (BROKEN, REJECTED)).rows
        rows.append(
            (
                line.institution,
                KINDS[line.kind].bilingual,
                *_pair(ours.get(MATCHED)),
                *_pair(theirs.get(MATCHED)),
                *_pair(ours.get(BROKEN)),
                *_pair(_sum([theirs.get(BROKEN), theirs.get(REJECTED)])),
                *_pair(ours.get(OPEN)),
                *_pair(theirs.get(OPEN)),
                share(matched, matched + unmatched),
            )
        )
    return BilingualTable(
        BilingualText("By institution (net taka)", "প্রতিষ্ঠান অনুযায়ী (নিট টাকা)"),
        columns(
            INSTITUTION,
            ("Kind", "ধরন", 20),
            ("Ours matched", "আমাদের মিলেছে", 10),
            ("Ours matched, taka", "আমাদের মিলেছে, টাকা", 17),
            ("Theirs matched", "তাদের মিলেছে", 10),
            ("Theirs matched, taka", "তাদের মিলেছে, টাকা", 17),
            ("Ours apart", "আমাদের গরমিল", 10),
            ("Ours apart, taka", "আমাদের গরমিল, টাকা", 17),
            ("Theirs apart", "তাদের গরমিল", 10),
            ("Theirs apart, taka", "তাদের গরমিল, টাকা", 17),
            ("Ours waiting", "আমাদের অপেক্ষমাণ", 10),
            ("Ours waiting, taka", "আমাদের অপেক্ষমাণ, টাকা", 17),
            ("Theirs waiting", "তাদের অপেক্ষমাণ", 10),
            ("Theirs waiting, taka", "তাদের অপেক্ষমাণ, টাকা", 17),
            ("Match rate", "মিলের হার", 11),
        ),
        tuple(rows),
    )


def codes(report: Report) -> BilingualTable:
    """Breaks by code; `Exposure before` is where a code's step of the waterfall begins."""
    rows, before = [], 0
    for line in report.codes:
        rows.append(
            (
                line.code,
                line.owner,
                line.found_count,
                line.ended,
                line.open,
                line.overdue,
                line.oldest,
                Amount(line.exposure),
                Amount(before),
            )
        )
        before += line.exposure
    return BilingualTable(
        BilingualText("Breaks by code", "কোড অনুযায়ী গরমিল"),
        columns(
            ("Code", "কোড", 26),
            ("Owner", "দায়িত্ব", 20),
            ("Found", "পাওয়া গেছে", 10),
            ("Ended", "মিটেছে", 10),
            _OPEN,
            ("Overdue", "সময়সীমা পেরিয়েছে", 12),
            ("Oldest, business days", "সবচেয়ে পুরোনো, কর্মদিবস", 14),
            _EXPOSURE,
            ("Exposure before", "আগের যোগফল, টাকা", 17),
        ),
        tuple(rows),
    )


def ages(report: Report) -> BilingualTable:
    """Open breaks by their age in business days."""
    rows = []
    for line in report.ages:
        days = f"{line.first}+" if line.last is None else f"{line.first}-{line.last}"
        days = str(line.first) if line.first == line.last else days
        rows.append((days, line.open, Amount(line.exposure)))
    return BilingualTable(
        BilingualText("Age of open breaks", "অনিষ্পন্ন গরমিলের বয়স"),
        columns(("Business days", "কর্মদিবস", 34), _OPEN, _EXPOSURE),
        tuple(rows),
    )


def nights(report: Report) -> BilingualTable:
    """Every night so far: arrival against deadline, match rate, breaks."""
    rows = [
        (
            line.night,
            line.on_time,
            line.late,
            line.missing,
            line.matched,
            share(line.matched, line.decided),
            line.found_count,
            line.ended,
            line.open,
            Amount(line.exposure),
        )
        for line in report.nights
    ]
    return BilingualTable(
        BilingualText("Night by night", "রাত অনুযায়ী"),
        columns(
            ("Night", "রাত", 34),
            ("Files on time", "সময়ে আসা ফাইল", 10),
            ("Files late", "দেরিতে আসা ফাইল", 10),
            ("Files missing", "না আসা ফাইল", 10),
            ("Rows matched", "মিলে যাওয়া সারি", 12),
            ("Match rate", "মিলের হার", 11),
            ("Breaks found", "পাওয়া গরমিল", 10),
            ("Breaks ended", "মিটে যাওয়া গরমিল", 10),
            ("Open breaks", "অনিষ্পন্ন গরমিল", 10),
            _EXPOSURE,
        ),
        tuple(rows),
    )


def breaks(lines: Iterable[BreakLine]) -> BilingualTable:
    """Breaks one by one."""
    return BilingualTable(
        BilingualText("Breaks", "গরমিল"),
        columns(
            ("Code", "কোড", 26),
            INSTITUTION,
            ("Reference", "রেফারেন্স", 30),
            ("State", "অবস্থা", 20),
            ("Found", "পাওয়া গেছে", 12),
            ("Age, business days", "বয়স, কর্মদিবস", 10),
            ("Deadline", "সময়সীমা", 12),
            ("Ended", "মিটেছে", 12),
            _EXPOSURE,
            ("Amount, taka", "অঙ্ক, টাকা", 15),
            ("Difference, taka", "পার্থক্য, টাকা", 15),
            ("Owner", "দায়িত্ব", 14),
            ("Action", "করণীয়", 40),
            ("In words", "ইংরেজিতে", 70),
            ("In Bangla", "বাংলায়", 70),
            ("Diagnosis", "কারণ", 16),
            ("Nearest", "কাছাকাছি", 40),
            ("Passes", "ধাপ", 60),
            ("File", "ফাইল", 34),
        ),
        tuple(_break(line) for line in lines),
    )


def _break(line: BreakLine) -> tuple[Cell, ...]:
    explained = line.explained
    state = "ended" if line.ended is not None else "overdue" if line.is_overdue else "open"
    return (
        explained.code,
        explained.institution,
        explained.reference,
        STATES[state].bilingual,
        explained.night,
        explained.age if line.ended is None else None,
        explained.deadline,
        line.ended,
        Amount(explained.exposure),
        Amount(explained.amount),
        Amount(explained.difference),
        explained.owner,
        explained.action,
        explained.en,
        explained.bn,
        explained.diagnosis,
        explained.nearest,
        "; ".join(explained.passes),
        explained.file,
    )


def fees(report: Report, institution: str | None = None) -> BilingualTable:
    """Fee and VAT by schedule against what was kept, of what is matched; variances stand apart."""
    rows = [
        (
            line.institution,
            Amount(line.gross),
            Amount(line.scheduled),
            Amount(line.charged),
            Amount(line.charged - line.scheduled),
            line.variances,
            Amount(line.variance),
        )
        for line in report.fees
        if institution in {None, line.institution}
    ]
    return BilingualTable(
        BilingualText("Fees", "ফি"),
        columns(
            INSTITUTION,
            ("Gross matched, taka", "মিলে যাওয়া মোট, টাকা", 19),
            ("Fee and VAT by schedule, taka", "নির্ধারিত ফি ও ভ্যাট, টাকা", 19),
            ("Fee and VAT kept, taka", "কেটে রাখা ফি ও ভ্যাট, টাকা", 19),
            ("Rounding, taka", "ভগ্নাংশ, টাকা", 15),
            ("Open fee breaks", "অনিষ্পন্ন ফি গরমিল", 12),
            ("Their difference, taka", "সেগুলোর পার্থক্য, টাকা", 17),
        ),
        tuple(rows),
    )


def outcomes(report: Report) -> BilingualTable:
    """Rows that were not paid in the normal way, by institution and code."""
    return BilingualTable(
        BilingualText("How rows were paid", "সারিগুলো কীভাবে পরিশোধ হয়েছে"),
        columns(
            INSTITUTION,
            ("Code", "কোড", 26),
            ("Rows", "সারি", 10),
            ("Net, taka", "নিট, টাকা", 17),
        ),
        tuple(
            (line.institution, OUTCOMES[line.code].bilingual, line.rows, Amount(line.paisa))
            for line in report.outcomes
        ),
    )


def fates(report: Report, institution: str) -> BilingualTable:
    """One institution's rows by verdict, ours and theirs."""
    line = next(item for item in report.institutions if item.institution == institution)
    return BilingualTable(
        BilingualText("Rows and net taka", "সারি ও নিট টাকা"),
        columns(
            ("What became of them", "কী হলো", 38),
            ("Our rows", "আমাদের সারি", 18),
            ("Ours, taka", "আমাদের, টাকা", 17),
            ("Their rows", "তাদের সারি", 17),
            ("Theirs, taka", "তাদের, টাকা", 17),
        ),
        tuple(
            (FATES[fate].bilingual, *_pair(line.ours.get(fate)), *_pair(line.theirs.get(fate)))
            for fate in (MATCHED, BROKEN, REJECTED, OPEN, QUIET)
        ),
    )


def positions(report: Report) -> BilingualTable:
    """What each institution owes for its files, and its parts; the rest of each line is zero."""
    return BilingualTable(
        BilingualText("Net positions", "নিট অবস্থান"),
        columns(
            INSTITUTION,
            ("Settled, taka", "পরিশোধ্য, টাকা", 19),
            ("Gross agreed, taka", "মিলে যাওয়া মোট, টাকা", 19),
            ("Fees, taka", "ফি, টাকা", 17),
            ("Rounding, taka", "ভগ্নাংশ, টাকা", 15),
            ("Suspense, taka", "অমীমাংসিত, টাকা", 17),
        ),
        tuple(
            (
                line.institution,
                Amount(line.settled),
                Amount(line.gross),
                Amount(line.fees),
                Amount(line.rounding),
                Amount(line.suspense),
            )
            for line in report.positions
        ),
    )


def title(report: Report) -> BilingualText:
    """The title of the report."""
    name = AS_OF[report.period]
    span = f"{report.last}" if report.period == "night" else f"{report.first} - {report.last}"
    return BilingualText(f"{name.en}, {span}", f"{name.bn}, {span}")


def _pair(tally: Tally | None) -> tuple[int, Amount]:
    counted = tally or _NOTHING
    return counted.rows, Amount(counted.paisa)


def _sum(tallies: Iterable[Tally | None]) -> Tally:
    return sum((tally for tally in tallies if tally is not None), Tally())


def _matched(report: Report, kind: str) -> Amount:
    """The net of matched rows of theirs at institutions of a kind."""
    lines = [line for line in report.institutions if line.kind == kind]
    return Amount(_sum(line.theirs.get(MATCHED) for line in lines).paisa)

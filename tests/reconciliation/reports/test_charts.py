"""The five pictures: what they show in words, the same bytes again, and nothing to show."""

import hashlib
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta

import pytest

from reconciliation.reports.charts import LISTED_MAX, NIGHTS_SHOWN, pictures
from reconciliation.reports.report_model import BreakLine, CodeLine, PositionLine, RateLine, Report, by_code
from tests.reconciliation.reports.stage import reported, two_breaks

NIGHT = date(2026, 4, 7)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return reported(two_breaks(tmp_path_factory.mktemp("drawn") / "month")).whole


def told(report: Report) -> dict[str, str]:
    return {one.title.en: one.description for one in pictures(report)}


def test_all_five_are_drawn_and_say_in_words_what_they_show(report: Report) -> None:
    words = told(report)
    assert list(words) == [
        "Open exposure by code",
        "Age of open breaks by institution",
        "Match rate over 30 nights",
        "Net positions",
        "Arrival of files against their deadline",
    ]
    assert words["Open exposure by code"].startswith(
        "Open exposure of 1,999.98 taka in 1 codes; the largest: "
    )
    assert words["Age of open breaks by institution"].startswith("1 open breaks at 1 institutions; ")


def test_the_same_report_gives_the_same_bytes_whenever_it_is_drawn(report: Report) -> None:
    assert pictures(report) == pictures(report)
    assert all("<dc:date>" not in one.svg for one in pictures(report))


def test_text_is_drawn_and_no_font_is_asked_for(report: Report) -> None:
    for one in pictures(report):
        assert "<text" not in one.svg
        assert "font-family" not in one.svg
        assert re.search(r"<path", one.svg)


def test_where_there_is_nothing_nothing_is_drawn(report: Report) -> None:
    empty = replace(report, codes=(), breaks=(), rates=(), positions=(), files=())
    assert pictures(empty) == ()


def test_rates_are_rounded_down_and_older_nights_are_left_out(report: Report) -> None:
    nights = [NIGHT + timedelta(days=place) for place in range(NIGHTS_SHOWN + 1)]
    lines = [RateLine("bkash", night, 99_999, 100_000) for night in nights]
    lines.append(RateLine("nagad", nights[0], 0, 10))
    words = told(replace(report, rates=tuple(lines)))["Match rate over 30 nights"]
    assert words == "Match rates of 1 institutions over 30 nights; the lowest is bkash with 99.99%."


def test_a_missing_and_a_late_file_are_counted(report: Report) -> None:
    first = report.files[0]
    files = (first, replace(first, arrived_on=None, late=2), replace(first, late=1))
    words = told(replace(report, files=files))["Arrival of files against their deadline"]
    assert words == "Of 3 files that were expected, late: 1, missing: 1."


def test_many_institutions_with_long_names_and_odd_text_can_be_drawn(report: Report) -> None:
    one = report.open_breaks[0].explained
    names = [f"{'x' * 200}{place}<&>$^_{{ক্ষ" for place in range(LISTED_MAX + 5)]
    lines = tuple(
        BreakLine(replace(one, institution=name, age=place, exposure=place), None)
        for place, name in enumerate(names)
    )
    made = replace(
        report,
        breaks=lines,
        codes=by_code(lines, NIGHT, NIGHT),
        positions=tuple(PositionLine(name, -5, 0, 0, 0, -5) for name in names),
        rates=tuple(RateLine(name, NIGHT, 1, 2) for name in names),
    )
    assert len(pictures(made)) == 5


def test_an_overdue_code_is_red(report: Report) -> None:
    line = CodeLine("AMOUNT", "finance", 1, 0, 1, 500, 1, 9)
    red, green = (pictures(replace(report, codes=(one,)))[0].svg for one in (line, replace(line, overdue=0)))
    assert "#b5362b" in red
    assert "#b5362b" not in green


def test_other_processes_draw_the_same(report: Report) -> None:
    program = (
        "import sys, pickle, hashlib\n"
        "from reconciliation.reports.charts import pictures\n"
        "report = pickle.load(sys.stdin.buffer)\n"
        "print(hashlib.sha256(''.join(one.svg for one in pictures(report)).encode()).hexdigest())\n"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], input=pickle.dumps(report), capture_output=True, check=True
    )
    here = hashlib.sha256("".join(one.svg for one in pictures(report)).encode()).hexdigest()
    assert done.stdout.decode().strip() == here

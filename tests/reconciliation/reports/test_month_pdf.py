"""The PDF of a month: what it says, its standard, its bounds, and text of others that means no harm."""

import json
import re
import subprocess
import sys
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ekpay_switch.web.receipts.typeset import MEMORY_BYTES_MAX, compile_template, drawable
from reconciliation.errors import ReportError
from reconciliation.intake.file_names import LogicalKey
from reconciliation.reports import pdf as module
from reconciliation.reports.pdf import BREAKS_LISTED_MAX, PROGRAM, page_content, pdf
from reconciliation.reports.report_model import BreakLine, Report
from reconciliation.reports.typeset import INPUT_BYTES_MAX, TEMPLATE
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.reports.stage import reported, two_breaks
from tests.reconciliation.small_month import FIRST, SmallMonth


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return reported(two_breaks(tmp_path_factory.mktemp("told") / "month")).whole


def with_breaks(report: Report, count: int, reference: str = "R") -> Report:
    """The report with so many open breaks of one reference."""
    told = report.open_breaks[0].explained
    lines = [
        BreakLine(
            replace(told, reference=f"{reference}{n}", en=f"About {reference}{n}.", exposure=count - n), None
        )
        for n in range(count)
    ]
    return replace(report, breaks=tuple(lines))


def test_the_page_is_made_of_what_the_report_says(report: Report) -> None:
    told = page_content(report)
    facts = {fact["en"]: fact["value"] for fact in told["facts"]}
    assert (facts["Open breaks"], facts["Exposure, taka"]) == ("1", "1,999.98")
    assert facts["Matched at connectors, net taka"] == "8,000.36"
    assert [check["held"] for check in told["checks"]] == ["held"] * 7
    assert {part["heading"]["en"] for part in told["parts"]} == {
        "Breaks by code",
        "By institution (net taka)",
        "Net positions",
        "Fees",
        "Night by night",
        "Files late, corrected or missing",
        "Breaks",
    }
    assert told["evidence"][0] == {"en": "Run digest", "bn": "পুরো হিসাবের সারাংক", "value": "4" * 64}


def test_no_table_heads_two_columns_alike(report: Report) -> None:
    told = page_content(report)
    for part in (*told["parts"], told["ages"]):
        for language in ("en", "bn"):
            headings = [column[language] for column in part["columns"]]
            headings += [part["bar"][language]] if part["bars"] is not None else []
            assert len(headings) == len(set(headings)), headings


def test_where_nothing_was_decided_no_bar_stands_beside_the_rate(tmp_path: Path) -> None:
    month = SmallMonth(tmp_path / "month", ["npsb"], days=2, absent={LogicalKey("npsb", FIRST, 4)})
    row = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000)
    told = page_content(reported(month.book("npsb", row)).nights[0])
    (part,) = (one for one in told["parts"] if one["heading"]["en"].startswith("By institution"))
    assert [row[-1] for row in part["rows"]] == [""]
    assert part["bars"] is None


def test_a_bar_of_a_rate_shows_what_lacks(report: Report) -> None:
    nights = next(part for part in page_content(report)["parts"] if part["heading"]["en"] == "Night by night")
    assert nights["bars"] == [1000, 0, 0]
    assert nights["rows"][0][4] == "80.00%"


def test_only_the_largest_breaks_are_listed_and_the_rest_is_counted(report: Report) -> None:
    listed = page_content(with_breaks(report, BREAKS_LISTED_MAX + 1_234))["parts"][-1]
    assert len(listed["rows"]) == len(listed["under"]) == BREAKS_LISTED_MAX
    assert listed["note"]["en"] == "The largest are listed; 1,234 more stand in the workbook."
    assert page_content(with_breaks(report, BREAKS_LISTED_MAX))["parts"][-1]["note"] is None


def test_it_is_pdf_a_for_people_who_listen_too_and_the_same_bytes_again(report: Report) -> None:
    made = pdf(report)
    whole = made + b"".join(_unpacked(made))
    for mark in (b"<pdfaid:part>2", b"<pdfaid:conformance>A", b"<pdfuaid:part>1", b"/StructTreeRoot"):
        assert mark in whole
    assert b"D:20260430" not in made, "dated by its own last night"
    assert b"D:20260407" in made
    assert pdf(report) == made


def _unpacked(made: bytes) -> list[bytes]:
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", made, re.DOTALL)
    return [zlib.decompress(one) if one[:1] == b"x" else one for one in found]


@pytest.mark.parametrize(
    "reference",
    ["#set page(width: 1pt)", "$x", "\u202e\u0000\u0e01", "\u09cd\u09be", "x" * 5_000, "<a>@b", '"\\', ""],
)
def test_text_of_a_far_side_is_never_markup_and_never_stops_the_report(
    report: Report, reference: str
) -> None:
    assert pdf(with_breaks(report, 2, reference)).startswith(b"%PDF-")


def test_every_word_of_ours_can_be_drawn(report: Report) -> None:
    assert drawable(page_content(report)) == page_content(report)


def test_it_can_be_looked_at_as_pictures(report: Report) -> None:
    told = page_content(report)
    made = compile_template(TEMPLATE, told, told["dated"], "png")
    assert all(one.startswith(b"\x89PNG") for one in (made if isinstance(made, list) else [made]))


@pytest.mark.parametrize("count", [1, 22, 24, 25, 60])
def test_nothing_runs_into_the_foot_of_a_page_or_off_it(report: Report, count: int) -> None:
    """Every row is a code, a reference and two sentences, so some twenty fill a page."""
    content = page_content(with_breaks(report, count))
    made = compile_template(TEMPLATE, content, content["dated"], "png")
    for page in made if isinstance(made, list) else [made]:
        picture = Image.open(BytesIO(page)).convert("L")
        millimetre = picture.height / 297
        for begins, ends in ((281.5, 285.0), (291.5, 297.0)):
            band = picture.crop((0, int(begins * millimetre), picture.width, int(ends * millimetre)))
            assert band.getextrema() == (255, 255)


def test_an_empty_report_can_be_set(report: Report) -> None:
    empty = replace(report, institutions=(), codes=(), breaks=(), fees=(), files=(), nights=())
    assert pdf(empty).startswith(b"%PDF-")


def test_an_invariant_that_fails_is_printed_in_a_few_words(report: Report) -> None:
    failed = replace(report.checks[0], result="failed", words="a row has no fate " * 100)
    told = page_content(replace(report, checks=(failed, *report.checks[1:])))
    assert (told["checks"][0]["held"], len(told["checks"][0]["words"])) == ("failed", 300)
    assert {"en": "Invariants that fail", "bn": "যে শর্ত টেকেনি", "value": "conservation"} in told["facts"]


# ---- the child


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "print('no PDF')", "raise ValueError('x')"])
def test_a_child_that_breaks_off_is_a_refusal(report: Report, program: str) -> None:
    with pytest.raises(ReportError, match="could not be set"):
        pdf(report, (sys.executable, "-c", program))


def test_a_child_that_cannot_start_or_never_ends_is_a_refusal(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReportError, match="FileNotFoundError"):
        pdf(report, ("no-such-program",))
    monkeypatch.setattr(module, "SECONDS_MAX", 0.2)
    with pytest.raises(ReportError, match="TimeoutExpired"):
        pdf(report, (sys.executable, "-c", "import time; time.sleep(60)"))


def test_the_child_bounds_itself_before_it_reads() -> None:
    program = """
import json, resource, sys
from reconciliation.reports import typeset

def loads(_):
    sys.exit(str(resource.getrlimit(resource.RLIMIT_AS)))

json.loads = loads
typeset.main()
"""
    done = subprocess.run([sys.executable, "-c", program], input=b"{}", capture_output=True, check=False)  # noqa: S603
    assert done.stderr.decode().strip() == str((MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))


def test_the_child_refuses_what_is_too_long() -> None:
    told = json.dumps({"dated": 0, "title": "x" * INPUT_BYTES_MAX}).encode()
    done = subprocess.run([sys.executable, "-m", PROGRAM], input=told, capture_output=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (1, b"")

"""The five pictures of a report, as SVG: what is at risk, its age, match rates, who owes, who is late.

Text is drawn as paths with our own fonts, so that Bangla looks the same everywhere, and nothing in a picture
says when it was made: the same report gives the same bytes. Each picture has a description in words, for
screen readers and for the document's tags.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from ekpay_switch.domain.money import group_digits, grouped_taka
from reconciliation.reports.report_model import AGES, FileLine, Report
from reconciliation.reports.wording import BilingualText

NIGHTS_SHOWN: Final = 30
LISTED_MAX: Final = 24
_FONTS = Path(__file__).parents[2] / "ekpay_switch" / "web" / "fonts"
_GREEN, _AMBER, _RED, _GREY = "#1F6F54", "#D9952B", "#B5362B", "#6B7280"
_HEAT = LinearSegmentedColormap.from_list("heat", ["#FFFFFF", "#F9E3B4", "#D9952B", "#B5362B"])
_RATES = LinearSegmentedColormap.from_list("rates", [_RED, "#F9E3B4", "#DCE6E2", _GREEN])
_WIDTH, _ROW, _MARGIN = 7.0, 0.19, 1.1
_LAKH = 100_000 * 100
_STYLE: Final[Any] = {
    "font.family": ["Noto Sans", "Noto Sans Bengali"],
    "font.size": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9CA3AF",
    "svg.fonttype": "path",
    "svg.hashsalt": "ekpay",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its title, what it shows in words, and the SVG."""

    title: BilingualText
    description: str
    svg: str


def pictures(report: Report) -> tuple[Picture, ...]:
    """Every picture of which there is something to show, in the order of the report."""
    _know_fonts()
    charts: tuple[tuple[BilingualText, Callable[[Report], tuple[str, str]]], ...] = (
        (BilingualText("Open exposure by code", "কোড অনুযায়ী খোলা ঝুঁকি"), _waterfall),
        (BilingualText("Age of open breaks by institution", "প্রতিষ্ঠান অনুযায়ী অনিষ্পন্ন গরমিলের বয়স"), _ageing),
        (BilingualText("Match rate over 30 nights", "৩০ রাতের মিলের হার"), _rates),
        (BilingualText("Net positions", "নিট অবস্থান"), _positions),
        (BilingualText("Arrival of files against their deadline", "সময়সীমার তুলনায় ফাইল আসা"), _arrivals),
    )
    made = []
    for title, draw in charts:
        description, svg = draw(report)
        if svg:
            made.append(Picture(title, description, svg))
    return tuple(made)


def _know_fonts() -> None:
    known = {font.fname for font in fontManager.ttflist}
    for path in sorted(_FONTS.glob("*.ttf")):
        if str(path) not in known:
            fontManager.addfont(path)


def _svg_of(rows: int, draw: Callable[[Axes], None]) -> str:
    """The SVG of one set of axes that is high enough for so many rows."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _MARGIN + _ROW * max(rows, 4)), layout="constrained")
        draw(figure.subplots())
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue().decode()


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(length=0)


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _length(minor: int) -> float:
    """The length of a bar in lakh taka; for the eye alone, exact figures are beside it."""
    return minor / _LAKH


# ---- what is at risk


def _waterfall(report: Report) -> tuple[str, str]:
    """Each code's open exposure begins where the one before it ends."""
    lines = [line for line in report.codes if line.exposure][:LISTED_MAX]
    total = sum(line.exposure for line in lines)

    def draw(axes: Axes) -> None:
        before = 0
        for place, line in enumerate(lines):
            colour = _RED if line.overdue else _GREEN
            axes.barh(place, _length(line.exposure), left=_length(before), color=colour, height=0.65)
            before += line.exposure
            axes.text(_length(before), place, f" {grouped_taka(line.exposure)} ({line.open})", va="center")
        axes.barh(len(lines), _length(total), color=_GREY, height=0.65)
        axes.text(_length(total), len(lines), f" {grouped_taka(total)}", va="center", weight="bold")
        _rows(axes, [*(line.code for line in lines), "all · সব"])
        axes.set_xlabel("lakh taka, red: one behind its deadline · লাখ টাকা, লাল: সময়সীমা পেরিয়েছে")
        axes.set_xlim(0, max(_length(total) * 1.3, 0.001))

    largest = ", ".join(f"{line.code} {grouped_taka(line.exposure)}" for line in lines[:3])
    description = (
        f"Open exposure of {grouped_taka(total)} taka in {len(lines)} codes; the largest: {largest}."
    )
    return description, _svg_of(len(lines) + 1, draw) if lines else ""


# ---- how old it is


def _ageing(report: Report) -> tuple[str, str]:
    """Institutions by groups of business days; the colour is exposure, the number how many."""
    open_breaks = [explained.explained for explained in report.open_breaks]
    names = _largest(dict.fromkeys((explained.institution for explained in open_breaks), 0), report)
    count = [[0] * len(AGES) for _ in names]
    exposure = [[0] * len(AGES) for _ in names]
    for explained in open_breaks:
        if explained.institution in names:
            row, column = names.index(explained.institution), _group(explained.age)
            count[row][column] += 1
            exposure[row][column] += explained.exposure

    def draw(axes: Axes) -> None:
        # One large break must not make all others white.
        scale = PowerNorm(0.4, vmin=0, vmax=max(map(max, exposure)) or 1)
        axes.imshow(exposure, aspect="auto", cmap=_HEAT, norm=scale)
        for row, counts in enumerate(count):
            for column, number in enumerate(counts):
                if number:
                    axes.text(column, row, group_digits(number), ha="center", va="center")
        _rows(axes, names)
        axes.set_xticks(range(len(AGES)), [_days(place) for place in range(len(AGES))])
        axes.set_xlabel("business days; colour: exposure, number: breaks · কর্মদিবস; রং: ঝুঁকি, সংখ্যা: গরমিল")

    oldest = max((explained.age for explained in open_breaks), default=0)
    description = (
        f"{len(open_breaks)} open breaks at {len(names)} institutions;"
        f" the oldest is {oldest} business days old."
    )
    return description, _svg_of(len(names), draw) if names else ""


def _largest(totals: dict[str, int], report: Report) -> list[str]:
    for line in report.open_breaks:
        totals[line.explained.institution] += line.explained.exposure
    return sorted(totals, key=lambda name: (-totals[name], name))[:LISTED_MAX]


def _group(age: int) -> int:
    return max(place for place, first in enumerate(AGES) if first <= age)


def _days(place: int) -> str:
    if place + 1 == len(AGES):
        return f"{AGES[place]}+"
    last = AGES[place + 1] - 1
    return str(last) if last == AGES[place] else f"{AGES[place]}-{last}"


# ---- how well it matches


def _rates(report: Report) -> tuple[str, str]:
    """Institutions by night: green is everything matched, white is nothing decided."""
    nights = sorted({rate.night for rate in report.rates})[-NIGHTS_SHOWN:]
    rates_shown = [rate for rate in report.rates if rate.night in nights]
    totals: dict[str, list[int]] = {}
    for rate in rates_shown:
        matched_of = totals.setdefault(rate.institution, [0, 0])
        matched_of[0] += rate.matched
        matched_of[1] += rate.decided
    names = sorted(totals, key=lambda name: (totals[name][0] / max(totals[name][1], 1), name))[:LISTED_MAX]
    grid = [[float("nan")] * len(nights) for _ in names]
    for rate in rates_shown:
        if rate.institution in names and rate.decided:
            grid[names.index(rate.institution)][nights.index(rate.night)] = rate.matched / rate.decided

    def draw(axes: Axes) -> None:
        axes.imshow(grid, aspect="auto", cmap=_RATES, vmin=0.9, vmax=1)
        for row, name in enumerate(names):
            axes.text(len(nights) - 0.4, row, f" {_per_cent(*totals[name])}", va="center")
        _rows(axes, names)
        _nights(axes, nights)
        axes.set_xlim(-0.5, len(nights) - 0.5)
        axes.set_xlabel("night; red: 90 % or less, right: of all · রাত; লাল: ৯০ % বা কম, ডানে: সব মিলিয়ে")

    worst = f"; the lowest is {names[0]} with {_per_cent(*totals[names[0]])}" if names else ""
    description = f"Match rates of {len(names)} institutions over {len(nights)} nights{worst}."
    return description, _svg_of(len(names), draw) if names else ""


def _per_cent(matched: int, decided: int) -> str:
    """Rounded down, as everywhere: nothing short of all is 100 %."""
    hundredths = matched * 10_000 // decided if decided else 0
    return f"{hundredths // 100}.{hundredths % 100:02d}%"


def _nights(axes: Axes, nights: Sequence[date]) -> None:
    step = max(1, len(nights) // 10)
    axes.set_xticks(range(0, len(nights), step), [f"{night:%d.%m.}" for night in nights[::step]])


# ---- who owes what


def _positions(report: Report) -> tuple[str, str]:
    """What each institution owes for its files, agreed and in suspense."""
    lines = sorted(report.positions, key=lambda line: -abs(line.settled))[:LISTED_MAX]

    def draw(axes: Axes) -> None:
        for place, line in enumerate(lines):
            agreed = line.settled - line.suspense
            axes.barh(place, _length(agreed), color=_GREEN, height=0.65)
            axes.barh(place, _length(line.suspense), left=_length(agreed), color=_AMBER, height=0.65)
            end = max(_length(line.settled), _length(agreed), 0)
            axes.text(end, place, f" {grouped_taka(line.settled)}", va="center")
        axes.axvline(0, color=_GREY, linewidth=0.6)
        _rows(axes, [line.institution for line in lines])
        low, high = axes.get_xlim()
        axes.set_xlim(low, high + (high - low) * 0.18)
        axes.set_xlabel("lakh taka; amber: in suspense · লাখ টাকা; হলুদ: অমীমাংসিত")

    suspense = sum(line.suspense for line in report.positions)
    description = (
        f"Positions of {len(lines)} institutions; {grouped_taka(suspense)} taka of all are in suspense."
    )
    return description, _svg_of(len(lines), draw) if lines else ""


# ---- who is late


def _arrivals(report: Report) -> tuple[str, str]:
    """A mark for each file: in its night, behind it by so many business days, or missing."""
    files = [file for file in report.files if file.due is not None]
    late_of: dict[str, int] = {}
    for file in files:
        late_of[file.institution] = late_of.get(file.institution, 0) + (
            file.late or (file.arrived_on is None)
        )
    names = sorted(late_of, key=lambda name: (-late_of[name], name))[:LISTED_MAX]
    nights = sorted({_mark(file)[0] for file in files})

    def draw(axes: Axes) -> None:
        for colour, sign, size in ((_GREEN, "o", 9), (_AMBER, "D", 16), (_RED, "X", 22)):
            marked = [file for file in files if file.institution in names and _mark(file)[1] == colour]
            axes.scatter(
                [nights.index(_mark(file)[0]) for file in marked],
                [names.index(file.institution) for file in marked],
                s=size,
                c=colour,
                marker=sign,
                linewidths=0,
            )
        _rows(axes, names)
        _nights(axes, nights)
        axes.set_xlim(-0.6, len(nights) - 0.4)
        axes.grid(visible=True, axis="y", color="#E5E7EB", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlabel(
            "night; dot: on time, diamond: late, cross: missing · রাত; বিন্দু: সময়ে, হীরা: দেরিতে, ক্রস: আসেনি"
        )

    missing = sum(file.arrived_on is None for file in files)
    late = sum(bool(file.late) and file.arrived_on is not None for file in files)
    description = f"Of {len(files)} files that were expected, late: {late}, missing: {missing}."
    return description, _svg_of(len(names), draw) if names else ""


def _mark(file: FileLine) -> tuple[date, str]:
    """In which night a file is marked, and in which colour."""
    if file.arrived_on is None:
        assert file.due is not None, "the caller looked"
        return file.due, _RED
    return file.arrived_on, _AMBER if file.late else _GREEN

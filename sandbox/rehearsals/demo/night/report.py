"""The report on a demo's nights, for people and for programs."""

from collections import Counter
from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.night.night_run import NightOutcome
from sandbox.rehearsals.demo.payouts.report import payouts_json, show_payouts

_LINES_MAX = 20


def night_json(night: NightOutcome) -> Mapping[str, object]:
    """The nights for programs; found = seeded + explained unless something is missed or unexplained."""
    return {
        "nights": [f"{item}" for item in night.nights],
        "files": night.files,
        "seeded": dict(Counter(item.code.value for item in night.injected)),
        "explained": list(night.explained),
        "missed": list(night.missed),
        "unexplained": list(night.unexplained),
        "decided": list(night.decided),
        "closed": [f"{item}" for item in night.closed],
        "waiting": list(night.waiting),
        "positions": night.positions,
        "position_sum_paisa": night.position_sum_paisa,
        "cover_paisa": night.cover_paisa,
        "payouts": payouts_json(night.payouts),
        "reports": [f"{path}" for path in night.reports],
        "seconds": round(night.seconds, 1),
    }


def show_night(night: NightOutcome, screen: Console) -> None:
    """Print the injected errors, whether they were found, and how they were resolved."""
    screen.print(_injected_errors_table(night))
    for line in night.explained:
        screen.print(f"Found as well, rightly: {line}.")
    for line in night.missed[:_LINES_MAX]:
        screen.print(f"MISSED {line}", style="bold red")
    for line in night.unexplained[:_LINES_MAX]:
        screen.print(f"UNEXPLAINED {line}", style="bold red")
    for line in night.decided:
        screen.print(f"Decided by two persons: {line}.")
    show_payouts(night.payouts, screen)
    days = ", ".join(f"{day}" for day in night.closed)
    screen.print(
        f"{night.files} files and statements in {len(night.nights)} nights; closed by two persons: {days}. "
        f"Positions of {night.positions} parties sum to {lakh(night.position_sum_paisa)}; trust cover "
        f"{lakh(night.cover_paisa)}; {len(night.waiting)} breaks wait for people; "
        f"{len(night.reports)} reports; {night.seconds:.0f} s."
    )


def _injected_errors_table(night: NightOutcome) -> Table:
    table = Table(
        title="Errors injected into files, and found",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for heading in ("what", "of", "reference", "night"):
        table.add_column(heading)
    for error in sorted(night.injected, key=lambda error: (error.night, error.code)):
        table.add_row(error.code, error.institution, error.reference, error.night_date.isoformat())
    return table

"""A demo has opened every kind of door, and what is open afterwards has a cause; else it is not proven."""

import io

import pytest
from rich.console import Console

from sandbox.rehearsals.demo.deciding.doors import DOORS, DoorsOutcome
from sandbox.rehearsals.demo.deciding.open_alarms import OpenAlarm
from sandbox.rehearsals.demo.deciding.played_doors import PlayedDoor
from sandbox.rehearsals.demo.deciding.report import doors_json, show_doors

OPENED = [PlayedDoor(name, "something waited", ["it was decided"]) for name in sorted(DOORS)]
CASES = [
    (OPENED, "", False, "UNEXPLAINED ALARM shut out, biller B: nobody knows why"),
    (OPENED, "it was away", True, "Alarm left open, rightly: shut out, biller B: it was away."),
    (
        OPENED[1:],
        "it was away",
        False,
        f"Doors opened: {len(OPENED) - 1}; alarms left open: 1, unexplained: 0",
    ),
]


@pytest.mark.parametrize(("played", "cause", "is_explained", "said"), CASES)
def test_what_waits_for_people_is_decided_or_explained(
    played: list[PlayedDoor], cause: str, *, is_explained: bool, said: str
) -> None:
    doors = DoorsOutcome(played, [OpenAlarm("shut_out", "biller B", cause)])
    screen = Console(width=140, record=True, file=io.StringIO())
    show_doors(doors, screen)

    assert doors.is_explained is is_explained
    assert said in screen.export_text()
    assert len(doors_json(doors)["unexplained"]) == (0 if cause else 1)  # type: ignore[arg-type]

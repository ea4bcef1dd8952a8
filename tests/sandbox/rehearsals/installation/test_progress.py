"""The display of a rehearsal says how long the whole is going to take."""

import io

import pytest
from rich.console import Console

from sandbox.rehearsals.installation.progress import ProgressSteps, time_left_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (340.0, "about 6 min left"), (61.0, "about 1 min left"), (29.0, "less than a minute left"),
        (-1.0, "longer than expected"),
    ],
)  # fmt: skip
def test_the_time_that_is_left_is_said_in_minutes(seconds: float, text: str) -> None:
    assert time_left_text(seconds) == text


def test_a_pipe_gets_the_estimate_and_each_step_once() -> None:
    screen = Console(file=io.StringIO(), width=100, record=True)
    with ProgressSteps(screen, 340.0) as steps, steps.step("paying", total=2) as step:
        step.advance()
    assert screen.export_text().splitlines() == [
        "It takes about 6 min alone on two quiet cores.", "paying …",
    ]  # fmt: skip


def test_a_terminal_gets_a_bar_for_the_whole_with_the_time_that_is_left() -> None:
    screen = Console(file=io.StringIO(), width=100, record=True, force_terminal=True)
    with ProgressSteps(screen, 340.0) as steps:
        with steps.step("paying", total=2) as step:
            step.advance()
        steps._progress.refresh()  # noqa: SLF001 - as its clock does
        assert "about 6 min left" in screen.export_text()
    assert "longer than expected" not in screen.export_text()

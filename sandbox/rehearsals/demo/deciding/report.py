"""The report on the doors of a demo, for people and for programs."""

from collections.abc import Mapping

from rich.console import Console

from sandbox.rehearsals.demo.deciding.doors import DoorsOutcome

_LINES_MAX = 20


def doors_json(doors: DoorsOutcome) -> Mapping[str, object]:
    """The doors for programs; `alarms` are those that are open at the end, each with its cause."""
    return {
        "played": [
            {"door": door.name, "waited": door.waited, "acts": list(door.acts)} for door in doors.played
        ],
        "alarms": [
            {"kind": alarm.kind, "subject": alarm.subject, "cause": alarm.cause} for alarm in doors.alarms
        ],
        "unexplained": [str(alarm) for alarm in doors.unexplained],
        "seconds": round(doors.seconds, 1),
    }


def show_doors(doors: DoorsOutcome, screen: Console) -> None:
    """Print for each door what waited and what two persons did, and every alarm that is still open."""
    screen.print("What waited for two persons, and what they decided:")
    for door in doors.played:
        screen.print(f"  {door.name}: {door.waited}.")
        for act in door.acts:
            screen.print(f"    {act}")
    explained = [alarm for alarm in doors.alarms if alarm.cause]
    for alarm in explained[:_LINES_MAX]:
        screen.print(f"Alarm left open, rightly: {alarm}.")
    if len(explained) > _LINES_MAX:
        screen.print(f"… and {len(explained) - _LINES_MAX} more, each with its cause.")
    for alarm in doors.unexplained[:_LINES_MAX]:
        screen.print(f"UNEXPLAINED ALARM {alarm}", style="bold red")
    screen.print(
        f"Doors opened: {len(doors.played)}; alarms left open: {len(doors.alarms)}, unexplained: "
        f"{len(doors.unexplained)}; {doors.seconds:.0f} s."
    )

"""Commands of other packages, by the entry point group `ekpay.apps`.

They are loaded only for a command that is not the core's own, so that `ekpay serve` never imports the
sandbox. How the list names them stands in the group `ekpay.app_summaries`: under the same name a mapping with
`summary` and `heading`, in a module that imports nothing heavy. A command that cannot be loaded says so.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

import typer

from ekpay_switch.cli.terminal import complain


@dataclass(frozen=True, slots=True)
class Listing:
    """How `ekpay --help` lists a command: under which heading, and with which summary."""

    heading: str
    summary: str


GROUP = "ekpay.apps"
SUMMARIES = "ekpay.app_summaries"
OTHER_HEADING = "Of other packages"


def installed_apps() -> Iterable[EntryPoint]:
    """The installed commands, by name."""
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def listing_of(point: EntryPoint) -> Listing:
    """How the package that brings a command wants it listed; the command is not loaded for that."""
    try:
        for known in entry_points(group=SUMMARIES, name=point.name):
            words = known.load()
            return Listing(str(words["heading"]), str(words["summary"]))
    except Exception as problem:  # noqa: BLE001 - whatever a stranger's module does at import
        return Listing(OTHER_HEADING, f"Not available: {type(problem).__name__}.")
    return Listing(OTHER_HEADING, f"A command of {point.value}.")


def add_plugin_commands(
    app: typer.Typer, points: Iterable[EntryPoint], reserved_names: Collection[str]
) -> None:
    """Add each command or group under its name; a name of the core cannot be replaced."""
    for point in points:
        if is_reserved(point, reserved_names):
            continue
        try:
            loaded = point.load()
        except Exception as problem:  # noqa: BLE001 - whatever a stranger's module does at import
            _add_failed_command(app, point, problem)
            continue
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=point.name)
        else:
            app.command(point.name)(loaded)


def is_reserved(point: EntryPoint, reserved_names: Collection[str]) -> bool:
    """Whether a command takes a name of the core, which is complained about."""
    if point.name not in reserved_names:
        return False
    complain(f"the command {point.name} of {point.value} is ignored: ekpay has one of its own")
    return True


def _add_failed_command(app: typer.Typer, point: EntryPoint, problem: Exception) -> None:
    reason = f"{point.name} cannot be loaded from {point.value}: {type(problem).__name__}: {problem}"

    def _say_why() -> None:
        complain(reason)
        raise typer.Exit(1)

    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(point.name, help=f"Not available: {type(problem).__name__}.", context_settings=settings)(
        _say_why
    )

"""Commands of other packages, by the entry point group `ekpay.apps`.

They are loaded only for a command that is not the core's own, so that `ekpay serve` never imports the
sandbox. One that cannot be loaded becomes a command that says so: `ekpay --help` must work even then.
"""

from collections.abc import Collection, Iterable
from importlib.metadata import EntryPoint, entry_points

import typer

from ekpay_switch.cli.terminal import complain

GROUP = "ekpay.apps"


def installed_apps() -> Iterable[EntryPoint]:
    """The installed commands, by name."""
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def add_plugin_commands(
    app: typer.Typer, points: Iterable[EntryPoint], reserved_names: Collection[str]
) -> None:
    """Add each command or group under its name; a name of the core cannot be replaced."""
    for point in points:
        if point.name in reserved_names:
            complain(f"the command {point.name} of {point.value} is ignored: ekpay has one of its own")
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


def _add_failed_command(app: typer.Typer, point: EntryPoint, problem: Exception) -> None:
    reason = f"{point.name} cannot be loaded from {point.value}: {type(problem).__name__}: {problem}"

    def _say_why() -> None:
        complain(reason)
        raise typer.Exit(1)

    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(point.name, help=f"Not available: {type(problem).__name__}.", context_settings=settings)(
        _say_why
    )

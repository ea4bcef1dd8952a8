"""Every command of `ekpay`, each loaded as if it was typed."""

from typing import Any

import typer

from ekpay_switch.cli.command_table import CORE
from ekpay_switch.cli.main import build
from ekpay_switch.cli.operations.plugin_commands import installed_apps


def load_all_commands() -> dict[str, Any]:
    """The loaded commands and groups by name."""
    names = [*CORE, *(point.name for point in installed_apps())]
    groups = [typer.main.get_command(build([name])) for name in names]
    return {name: group.commands[name] for name, group in zip(names, groups, strict=True)}  # type: ignore[attr-defined]

"""`ekpay billers show`: what names a bill of one biller, and a command line that fetches and pays one."""

import asyncio
import os
import shlex
from collections.abc import Mapping
from typing import Annotated

import typer

from ekpay_switch.cli.billers.profiles import profiles_of
from ekpay_switch.cli.billers.sandbox_bills import open_bill_of_sandbox
from ekpay_switch.cli.conformance.run import is_on_this_machine
from ekpay_switch.cli.terminal import screen, show_json, show_table
from ekpay_switch.ports.billers import BillerProfile, Parameter
from ekpay_switch.settings import read_settings
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wire.http import HttpWire

_SANDBOX_SECONDS = 2.0


def show(
    biller_id: Annotated[str, typer.Argument(metavar="ID", help="The biller, by its own or its ekPay id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what names a bill of a biller, and an example that pays one in a rehearsal.

    While the sandbox runs, the example names a bill that is open there; else one as the biller writes it.
    """
    profile = next(
        (known for known in profiles_of(read_settings()) if biller_id in {known.id, known.ekpay_id}), None
    )
    if profile is None:
        raise typer.BadParameter(f"there is no biller {biller_id}; `ekpay billers list` names them")
    fields = asyncio.run(_open_bill(profile))
    example = example_command(profile, fields or example_fields(profile))
    if as_json:
        show_json(
            {"id": profile.id, "ekpay_id": profile.ekpay_id, "example": example, "is_open_bill": bool(fields)}
        )
        return
    headings = ("way", "member", "field", "as", "example", "needed")
    rows = (_row(parameter) for parameter in profile.parameters)
    show_table(f"{profile.ekpay_id} {profile.name_en} / {profile.name_bn}", headings, rows)
    screen().print(
        "Pay a bill that is open in the sandbox:" if fields else "Pay a bill, named like this one:"
    )
    screen().print(f"  {example}", soft_wrap=True)


def example_fields(profile: BillerProfile) -> dict[str, str]:
    """Return the examples of the manifest for the first group of fields that names a bill."""
    return {
        parameter.name: parameter.example
        for parameter in _group(profile, profile.parameters[0].group)
        if parameter.is_required
    }


def example_command(profile: BillerProfile, fields: Mapping[str, str]) -> str:
    """Return the command line that pays a bill which is named by these fields of the manifest.

    Where a bill can be named in several ways, it is the first one for which every field is there.
    """
    groups = dict.fromkeys(parameter.group for parameter in profile.parameters)
    whole = (
        _group(profile, group)
        for group in groups
        if all(entry.name in fields for entry in _group(profile, group) if entry.is_required)
    )
    named = [
        f"--param {shlex.quote(f'{parameter.wire_name}={fields[parameter.name]}')}"
        for parameter in next(whole, profile.parameters)
        if parameter.name in fields
    ]
    return " ".join(["ekpay sandbox pay --biller", profile.ekpay_id, *named])


def _group(profile: BillerProfile, group: str) -> tuple[Parameter, ...]:
    return tuple(parameter for parameter in profile.parameters if parameter.group == group)


async def _open_bill(profile: BillerProfile) -> dict[str, str]:
    url = os.environ.get(profile.url_setting, profile.url_default)
    if not is_on_this_machine(url):
        return {}
    wire = HttpWire(SystemClock())
    try:
        return await open_bill_of_sandbox(wire, url, profile.id, _SANDBOX_SECONDS)
    finally:
        await wire.close()


def _row(parameter: Parameter) -> tuple[str, ...]:
    label = f"{parameter.label_en} / {parameter.label_bn}"
    choices = ", ".join(value for value, _, _ in parameter.choices)
    needed = "always" if parameter.is_required else "may be empty"
    form = choices or parameter.pattern
    return parameter.group, parameter.wire_name, label, form, parameter.example, needed

"""`ekpay billers`: which billers this installation can pay, as their manifests say."""

from typing import Annotated

import typer

from ekpay_switch.cli.terminal import show_json, show_table
from ekpay_switch.plugins import offline_billers
from ekpay_switch.ports import BillerProfile
from ekpay_switch.settings import read_settings

app = typer.Typer(help="The billers that can be paid.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `list` a command of its own while it is the only one."""


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List billers with the safety facts that decide how they are asked."""
    profiles = [adapter.profile for adapter in offline_billers(read_settings().config).all()]
    if as_json:
        show_json([_for_programs(profile) for profile in profiles])
        return
    headings = ("ekPay id", "biller", "name", "category", "prefund", "status", "named by")
    show_table("Billers", headings, (_for_people(profile) for profile in profiles))


def _for_people(profile: BillerProfile) -> tuple[str, ...]:
    fields = ", ".join(parameter.name for parameter in profile.parameters)
    return (
        profile.ekpay_id,
        profile.id,
        f"{profile.name_en} / {profile.name_bn}",
        profile.category,
        profile.bucket,
        profile.status,
        fields,
    )


def _for_programs(profile: BillerProfile) -> dict[str, object]:
    return {
        "id": profile.id,
        "ekpay_id": profile.ekpay_id,
        "name_en": profile.name_en,
        "name_bn": profile.name_bn,
        "category": profile.category,
        "bucket": profile.bucket,
        "status": profile.status,
        "takes_bill_once": profile.takes_bill_once,
        "parameters": [
            {"name": one.name, "pattern": one.pattern, "example": one.example, "is_required": one.is_required}
            for one in profile.parameters
        ],
    }

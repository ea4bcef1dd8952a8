"""`ekpay billers`: which billers this installation can pay, as their manifests say."""

from typing import Annotated

import typer

from ekpay_switch.cli.terminal import show_json, show_table
from ekpay_switch.plugins import load_billers
from ekpay_switch.ports import BillerProfile, NotSent, WireReply, WireRequest
from ekpay_switch.settings import Settings, read_settings
from ekpay_switch.system_clock import SystemClock

app = typer.Typer(help="The billers that can be paid.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `list` a command of its own while it is the only one."""


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List billers, and the fields that name a bill of each."""
    profiles = profiles_of(read_settings())
    if as_json:
        show_json([_for_programs(profile) for profile in profiles])
        return
    headings = ("ekPay id", "biller", "name", "category", "prefund", "status", "named by", "steps")
    show_table("Billers", headings, (_for_people(profile) for profile in profiles))


class NoWire:
    """Reaches nobody: what is listed is read from manifests."""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """See `ports.Wire`."""
        return NotSent(f"{far_side} is not asked for {request.method}")


class NoTokens:
    """Keeps nothing, for the same reason."""

    async def current(self, far_side: str) -> str | None:
        """See `ports.Tokens`."""

    async def lease(self, far_side: str, seconds: float) -> int | None:
        """See `ports.Tokens`."""

    async def count_login(self, *_: object, **__: object) -> bool:
        """See `ports.Tokens`."""
        return False

    async def uncount_login(self, far_side: str, epoch: int) -> None:
        """See `ports.Tokens`."""

    async def store(self, *_: object, **__: object) -> bool:
        """See `ports.Tokens`."""
        return False

    async def release(self, far_side: str, epoch: int) -> None:
        """See `ports.Tokens`."""

    async def drop(self, far_side: str, token: str) -> None:
        """See `ports.Tokens`."""


def profiles_of(settings: Settings) -> list[BillerProfile]:
    """The profile of every biller whose manifest can be read; raises what the wings raise for the others."""
    found = load_billers(settings.config, NoWire(), NoTokens(), SystemClock(), settings.time_divisor)
    return [adapter.profile for adapter in found.all()]


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
        _way(profile),
    )


def _way(profile: BillerProfile) -> str:
    """How a payment goes, where that is more than one call, one lock or no token."""
    words = [", then ".join(profile.steps)]
    if profile.fetch_has_side_effects:
        words.append("a fetch locks, so never in bulk")
    if profile.gives_tokens:
        words.append("brings a token")
    return "; ".join(words)


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
        "steps": list(profile.steps),
        "fetch_has_side_effects": profile.fetch_has_side_effects,
        "gives_tokens": profile.gives_tokens,
        "parameters": [
            {"name": one.name, "pattern": one.pattern, "example": one.example, "is_required": one.is_required}
            for one in profile.parameters
        ],
    }

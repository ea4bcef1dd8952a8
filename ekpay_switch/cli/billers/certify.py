"""`ekpay billers certify`: pay one bill of a sandbox, to see whether a manifest's safety facts hold."""

import os
import re
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.billers.conformance import BillerConformance
from ekpay_switch.cli.billers.profiles import profiles_of
from ekpay_switch.cli.billers.sandbox_bills import open_bill_of_sandbox
from ekpay_switch.cli.conformance.run import is_on_this_machine, show_run
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import complain
from ekpay_switch.composition.switch import FAR_SIDE_TOKENS
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.flows.bills.fetch_bill import ParameterFault, chosen_parameters
from ekpay_switch.persistence.far_sides import FarSides
from ekpay_switch.plugins import load_billers
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.security.sealed_fields import Sealer
from ekpay_switch.settings import read_settings
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wire.http import HttpWire

_NAMED = re.compile(r"([a-z][a-z0-9_]{0,40})=(.{1,128})")
_SANDBOX_SECONDS = 10.0


def certify(
    biller_id: Annotated[str, typer.Argument(metavar="ID", help="The biller, as `list` names it.")],
    *,
    bill: Annotated[
        list[str] | None,
        typer.Option(help="A parameter as name=value, once for each; our own sandbox names a bill itself."),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes-this-is-a-sandbox", help="The biller is not on this machine, and is a sandbox."),
    ] = False,
) -> None:
    """Pay one bill, twice under one reference, to see whether the four safety facts hold.

    Runs against the address that EKPAY_<ID>_URL names. Exit code 1 if a fact is contradicted, or if a step
    came out otherwise than it must.
    """
    profile = next((known for known in profiles_of(read_settings()) if known.id == biller_id), None)
    if profile is None:
        raise typer.BadParameter(f"there is no biller {biller_id}")
    if profile.has_bill_files:
        raise typer.BadParameter(f"{biller_id} is never called: its bills come and leave in files")
    url = os.environ.get(profile.url_setting, profile.url_default)
    if not yes and not is_on_this_machine(url):
        raise typer.BadParameter(
            f"{url} is not this machine, and the run pays a bill; "
            "if it is a sandbox, say --yes-this-is-a-sandbox"
        )
    parameters = _read_parameters(bill or [])
    session = open_session()
    if not session.run(lambda engine: _certify(session, engine, profile, url, parameters)):
        raise typer.Exit(1)


def _read_parameters(texts: list[str]) -> dict[str, str]:
    parameters = {}
    for text in texts:
        match = _NAMED.fullmatch(text)
        if match is None:
            raise typer.BadParameter("a bill is named as name=value")
        parameters[match[1]] = match[2]
    return parameters


async def _certify(
    session: Session, engine: AsyncEngine, profile: BillerProfile, url: str, named: dict[str, str]
) -> bool:
    """One run under the cluster's own tokens."""
    clock = SystemClock()
    wire = HttpWire(clock)
    try:
        tokens = FarSides(engine, Sealer(session.keys().sub_key(FAR_SIDE_TOKENS)))
        biller = load_billers(session.settings.config, wire, tokens, clock, 1.0).by_id(profile.id)
        assert biller is not None, "it was there a moment ago"
        named_bill = named or await open_bill_of_sandbox(wire, url, profile.id, _SANDBOX_SECONDS)
        fields = {
            parameter.wire_name: named_bill[parameter.name]
            for parameter in profile.parameters
            if parameter.name in named_bill
        }
        parameters = chosen_parameters(profile, fields)
        if isinstance(parameters, ParameterFault):
            complain("no bill is named whole and well formed: name one with --bill name=value")
            return False
        return await show_run(BillerConformance(biller, parameters, business_date(clock.now())))
    finally:
        await wire.close()

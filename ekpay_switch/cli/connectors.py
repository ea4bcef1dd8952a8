"""`ekpay connectors`: which ways for money to come in there are, and whether one keeps its promises."""

import asyncio
import json
import re
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.biller_profiles import NoTokens, NoWire
from ekpay_switch.cli.connector_conformance import Conformance, Verdict
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import complain, screen, show_json, show_table, taka
from ekpay_switch.connector_ports import Connector, ConnectorProfile
from ekpay_switch.domain.collecting import AwaitingPayer, Collected, CollectOrder, Created
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, parse_taka
from ekpay_switch.main import FAR_SIDE_TOKENS
from ekpay_switch.persistence.far_sides import FarSides
from ekpay_switch.plugins import load_connectors
from ekpay_switch.ports import Wire, WireAnswer, WireRequest
from ekpay_switch.security.sealed_fields import Sealer
from ekpay_switch.settings import Settings, read_settings
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wire.http import HttpWire

_OK = 200
_LOOPBACK = re.compile(r"https?://(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::[0-9]{1,5})?(?:/[!-~]*)?")
_HEADINGS = (
    "connector", "name", "instrument", "status", ">least", ">most", ">keeps", "refunds", "protocol", "at",
)  # fmt: skip
_LOOK_SECONDS, _ROBOT_SECONDS = 3.0, 10.0

app = typer.Typer(help="The ways for money to come in.", no_args_is_help=True)


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List connectors, what each takes and what it lets us give back."""
    profiles = profiles_of(read_settings())
    if as_json:
        show_json([_for_programs(profile) for profile in profiles])
        return
    show_table("Connectors", _HEADINGS, (_for_people(profile) for profile in profiles))


@app.command("certify")
def certify(
    connector_id: Annotated[str, typer.Argument(metavar="ID", help="The connector, as `list` names it.")],
    *,
    amount: Annotated[
        str, typer.Option(help="Taka that the run takes, half of which it gives back.")
    ] = "10.00",
    wait_seconds: Annotated[float, typer.Option(min=0, help="How long to wait for a payer.")] = 300.0,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes-this-is-a-sandbox", help="The provider is not on this machine, and is a sandbox."
        ),
    ] = False,
) -> None:
    """Take one small payment and give half of it back, to see whether the four safety facts hold.

    Runs against the address that EKPAY_<ID>_URL names. Exit code 1 if a fact is contradicted, or if a step
    came out otherwise than it must.
    """
    settings = read_settings()
    profile = next((one for one in profiles_of(settings) if one.id == connector_id), None)
    if profile is None:
        raise typer.BadParameter(f"there is no connector {connector_id}")
    if not yes and not _LOOPBACK.fullmatch(profile.url):
        raise typer.BadParameter(
            f"{profile.url} is not this machine, and the run moves money; "
            "if it is a sandbox, say --yes-this-is-a-sandbox"
        )
    try:
        taken = parse_taka(amount)
    except MalformedAmountError as error:
        raise typer.BadParameter(f"{amount} is no amount in taka") from error
    session = open_session()
    is_right = session.run(lambda engine: _certify(session, engine, profile.id, taken, wait_seconds))
    if not is_right:
        raise typer.Exit(1)


def profiles_of(settings: Settings) -> list[ConnectorProfile]:
    """The profile of every connector whose manifest can be read; raises what the wings raise."""
    found = load_connectors(settings.config, NoWire(), NoTokens(), SystemClock(), settings.time_divisor)
    return [connector.profile for connector in found.all()]


async def _certify(
    session: Session, engine: AsyncEngine, connector_id: str, amount: Money, wait_seconds: float
) -> bool:
    """One run under the cluster's own tokens, which a provider may give only so often."""
    clock = SystemClock()
    wire = HttpWire(clock)
    try:
        tokens = FarSides(engine, Sealer(session.keys().sub_key(FAR_SIDE_TOKENS)))
        found = load_connectors(session.settings.config, wire, tokens, clock, 1.0).by_id(connector_id)
        assert found is not None, "it was there a moment ago"
        payer = _Payer(found, wire, wait_seconds)
        conformance = Conformance(found, payer.agree, amount, found.profile.timing.send_seconds)
        return await show_run(conformance)
    finally:
        await wire.close()


async def show_run(conformance: Conformance) -> bool:
    """Print every step as it comes, then what was shown of each fact; whether nothing was wrong."""
    console = screen()
    async for finding in conformance.run():
        console.print(f"{'ok   ' if finding.is_right else 'WRONG'} {finding.step}: {finding.told}")
    verdicts = conformance.verdicts()
    for fact, verdict in verdicts.items():
        console.print(f"{fact}: {verdict}")
    if Verdict.CONTRADICTED in verdicts.values():
        complain("the manifest states what the provider does not do")
        return False
    if not all(finding.is_right for finding in conformance.findings):
        complain("the run did not come out as it must")
        return False
    return True


class _Payer:
    """Who agrees on the page: a sandbox's own robot where there is one, else a person."""

    def __init__(self, connector: Connector, wire: Wire, wait_seconds: float) -> None:
        self._connector = connector
        self._wire = wire
        self._wait_seconds = wait_seconds

    async def agree(self, order: CollectOrder, created: Created) -> bool:
        """Whether somebody agreed in time."""
        url = self._connector.profile.url
        if _LOOPBACK.fullmatch(url) and await self._robot_agrees(url, order, created):
            return True
        screen().print(f"Open {created.page_url} and pay; waiting {self._wait_seconds:.0f} s.")
        return await self._seen_to_agree(order)

    async def _robot_agrees(self, url: str, order: CollectOrder, created: Created) -> bool:
        names = {"paymentID": created.provider_reference, "reference": order.reference}
        body = json.dumps(names).encode()
        headers = {"Content-Type": "application/json"}
        request = WireRequest("POST", f"{url}/_admin/approve", headers, body, _ROBOT_SECONDS)
        answer = await self._wire.send("certify", request)
        return isinstance(answer, WireAnswer) and answer.status == _OK

    async def _seen_to_agree(self, order: CollectOrder) -> bool:
        for _ in range(int(self._wait_seconds // _LOOK_SECONDS)):
            await asyncio.sleep(_LOOK_SECONDS)
            told = await self._connector.inquire(order)
            if isinstance(told, Collected) or (isinstance(told, AwaitingPayer) and told.may_execute):
                return True
        return False


def _for_people(profile: ConnectorProfile) -> tuple[str, ...]:
    refunds = profile.refunds
    return (
        profile.id,
        f"{profile.name_en} / {profile.name_bn}",
        profile.instrument,
        profile.status,
        taka(profile.amount_min.minor),
        taka(profile.amount_max.minor),
        f"{taka(profile.charge_basis_points)} %",
        f"{refunds.parts_max} within {refunds.days_max} days" if refunds else "by hand",
        profile.protocol,
        profile.url,
    )


def _for_programs(profile: ConnectorProfile) -> dict[str, object]:
    refunds, safety = profile.refunds, profile.safety
    return {
        "id": profile.id,
        "name_en": profile.name_en,
        "name_bn": profile.name_bn,
        "instrument": profile.instrument,
        "status": profile.status,
        "amount_min_paisa": profile.amount_min.minor,
        "amount_max_paisa": profile.amount_max.minor,
        "charge_basis_points": profile.charge_basis_points,
        "executes": profile.executes,
        "page_life_seconds": profile.page_life_seconds,
        "protocol": profile.protocol,
        "refunds": {"days_max": refunds.days_max, "parts_max": refunds.parts_max} if refunds else None,
        "safety": {
            "deduplicates": safety.deduplicates,
            "can_be_asked": safety.can_be_asked,
            "can_be_undone": safety.can_be_undone,
            "echoes_amount": safety.echoes_amount,
        },
        "url": profile.url,
    }

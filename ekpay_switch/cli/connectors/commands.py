"""`ekpay connectors`: list connectors, and certify the safety facts of one."""

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.conformance.run import is_on_this_machine, show_run
from ekpay_switch.cli.connectors.conformance import ConnectorConformance
from ekpay_switch.cli.connectors.profiles import profiles_of
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import screen, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.composition.switch import FAR_SIDE_TOKENS
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectOrder,
    PageCreated,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.rules import RoutingRules
from ekpay_switch.jobs.host_links import keep_host_links
from ekpay_switch.persistence.alarms.store import PostgresAlarms
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import DATABASE_AWAY, open_database
from ekpay_switch.persistence.far_sides import FarSides
from ekpay_switch.persistence.host_links.store import PostgresHosts
from ekpay_switch.persistence.routing.store import read_breakers
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.plugins import load_connectors
from ekpay_switch.ports.connectors import Connector, ConnectorProfile
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.ports.world import Wire, WireAnswer, WireRequest
from ekpay_switch.security.sealed_fields import Sealer
from ekpay_switch.settings import Settings, read_settings
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wire.http import HttpWire
from ekpay_switch.wire.tcp import TcpLines

_OK = 200
_HEADINGS = (
    "connector", "name", "instrument", "status", "breaker", "taken by", ">least", ">most", ">keeps",
    "refunds", "protocol", "at",
)  # fmt: skip
_LOOK_SECONDS, _ROBOT_SECONDS = 3.0, 10.0

# What a run of certify takes unless told otherwise.
_CERTIFIED = Money(1_000)

app = typer.Typer(help="The ways for money to come in.", no_args_is_help=True)


@app.command("list")
@prints_list
def list_() -> PrintedList:
    """List connectors, what each takes and lets us give back, and whether its breaker lets payments go.

    Without a running database nobody knows the breakers.
    """
    settings = read_settings()
    profiles, states = profiles_of(settings), _breakers(settings)
    rows = (_for_people(profile, _state(profile, states) or "?") for profile in profiles)
    return PrintedList(
        "Connectors",
        _HEADINGS,
        rows,
        (_for_programs(profile) | {"breaker": _state(profile, states)} for profile in profiles),
    )


@app.command("certify")
def certify(
    connector_id: Annotated[str, typer.Argument(metavar="ID", help="The connector, as `list` names it.")],
    *,
    amount: Annotated[
        Money | None,
        typer.Option(
            parser=typed_taka,
            metavar="TAKA",
            help="What the run takes, half of which it gives back; 10.00 if left out.",
        ),
    ] = None,
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
    profile = next((known for known in profiles_of(settings) if known.id == connector_id), None)
    if profile is None:
        raise typer.BadParameter(f"there is no connector {connector_id}")
    elsewhere = [url for url in (profile.url, *_link_of(profile)) if not is_on_this_machine(url)]
    if not yes and elsewhere:
        raise typer.BadParameter(
            f"{elsewhere[0]} is not this machine, and the run moves money; "
            "if it is a sandbox, say --yes-this-is-a-sandbox"
        )
    session = open_session()
    is_right = session.run(
        lambda engine: _certify(session, engine, profile.id, amount or _CERTIFIED, wait_seconds)
    )
    if not is_right:
        raise typer.Exit(1)


def _link_of(profile: ConnectorProfile) -> list[str]:
    """The address of the host link as a URL, if there is one."""
    return [f"http://{profile.host}"] if profile.host else []


async def _certify(
    session: Session, engine: AsyncEngine, connector_id: str, amount: Money, wait_seconds: float
) -> bool:
    """One run under the cluster's own tokens, since a provider may limit logins."""
    clock = SystemClock()
    wire, hosts = HttpWire(clock), PostgresHosts(session.database.connect_hot)
    transactions = ShortTransactions(session.database.connect_hot)
    ports = HostPorts(hosts.messages, hosts.links, TcpLines(clock), PostgresAlarms(transactions))
    try:
        tokens = FarSides(engine, Sealer(session.keys().sub_key(FAR_SIDE_TOKENS)))
        connectors = load_connectors(session.settings.config, wire, tokens, clock, 1.0, ports)
        connector = connectors.by_id(connector_id)
        assert connector is not None, "it was there a moment ago"
        payer = PayerAtPage(connector, wire, wait_seconds)
        conformance = ConnectorConformance(
            connector, payer.agree, amount, connector.profile.timing.send_seconds
        )
        # A running switch may own the link already: then the run goes over that one.
        async with keep_host_links([connector]):
            return await show_run(conformance)
    finally:
        await transactions.close()
        await hosts.close()
        await wire.close()


class PayerAtPage:
    """The payer on the page: a sandbox's own robot where there is one, else a person."""

    def __init__(self, connector: Connector, wire: Wire, wait_seconds: float) -> None:
        self._connector = connector
        self._wire = wire
        self._wait_seconds = wait_seconds

    @property
    def _brings_agreement(self) -> bool:
        """Whether the browser brings the agreement, and the provider cannot be asked for it."""
        profile = self._connector.profile
        return profile.executes and not profile.safety.can_be_asked

    async def agree(self, order: CollectOrder, created: PageCreated) -> bool | str:
        """Whether the payer agreed in time, or the consent that the agreement brought."""
        url = self._connector.profile.url
        if is_on_this_machine(url):
            sent_to = await self._robot_agrees(url, order, created)
            if sent_to is not None:
                return await self._read_consent(sent_to) if sent_to else True
        if self._brings_agreement:
            screen().print(f"Open {created.page_url} and pay.")
            return await self._read_consent(typer.prompt("Where was the browser sent to?"))
        screen().print(f"Open {created.page_url} and pay; waiting {self._wait_seconds:.0f} s.")
        return await self._await_agreement(order)

    async def _robot_agrees(self, url: str, order: CollectOrder, created: PageCreated) -> str | None:
        """Where the robot's browser was sent to, empty where it does not say; None without a robot."""
        names = {"paymentID": created.provider_reference, "reference": order.reference}
        if self._brings_agreement:
            # Its page was opened without a call.
            names["page"] = created.page_url
        body = json.dumps(names).encode()
        headers = {"Content-Type": "application/json"}
        request = WireRequest("POST", f"{url}/_admin/approve", headers, body, _ROBOT_SECONDS)
        answer = await self._wire.send("certify", request)
        if not isinstance(answer, WireAnswer) or answer.status != _OK:
            return None
        try:
            reply = json.loads(answer.body)
        except ValueError:
            return ""
        sent_to = reply.get("sent_to") if isinstance(reply, dict) and "page" in names else ""
        return sent_to if isinstance(sent_to, str) else ""

    async def _read_consent(self, sent_to: str) -> str:
        """The consent in the query of a return address; empty where it holds no agreement."""
        hint = await self._connector.read_callback({}, urlsplit(sent_to).query.encode())
        return hint.consent if isinstance(hint, CallbackHint) and hint.is_agreed else ""

    async def _await_agreement(self, order: CollectOrder) -> bool:
        for _ in range(int(self._wait_seconds // _LOOK_SECONDS)):
            await asyncio.sleep(_LOOK_SECONDS)
            inquiry = await self._connector.inquire(order)
            if isinstance(inquiry, Collected) or (isinstance(inquiry, AwaitingPayer) and inquiry.may_execute):
                return True
        return False


def _breakers(settings: Settings) -> Mapping[str, BreakerState] | None:
    """The state of every breaker that ever opened; None without a running database, which is not started."""
    if settings.database_url is None and not EmbeddedPostgres(settings.home).is_running():
        return None
    try:
        breakers = Session(settings, open_database(settings)).run(
            lambda engine: read_breakers(engine, RoutingRules())
        )
    except DATABASE_AWAY:
        return None
    return {line.connector_id: line.breaker.state for line in breakers}


def _state(profile: ConnectorProfile, states: Mapping[str, BreakerState] | None) -> str | None:
    return None if states is None else states.get(profile.id, BreakerState.CLOSED).value


def _for_people(profile: ConnectorProfile, breaker: str) -> tuple[str, ...]:
    refunds = profile.refunds
    return (
        profile.id,
        f"{profile.name_en} / {profile.name_bn}",
        profile.instrument,
        profile.status,
        breaker.replace("_", " "),
        "our call" if profile.executes else "its page",
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
        "payer_charge_basis_points": profile.payer_charge_basis_points,
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

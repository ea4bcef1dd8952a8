"""`ekpay notifications endpoints`: the webhook endpoints of partners, and the keys they check us with."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.acting import visible_text
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.parties.access import ApprovedBy, AskedBy, ask_for
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.composition.switch import address_rules
from ekpay_switch.domain.notifications import EndpointKind, EventType
from ekpay_switch.persistence.access.client_access import (
    endpoint_key_order,
    endpoint_order,
    endpoint_secret_order,
    endpoint_without_secrets,
)
from ekpay_switch.persistence.notifications.endpoints import EndpointLine, Endpoints
from ekpay_switch.wire.public_addresses import AddressRules, UnsafeAddressError, target_of
from ekpay_switch.wire.webhooks import NameResolver, resolve_checked

app = typer.Typer(help="Endpoints of partners and their keys.", no_args_is_help=True)

_LOOKUP_SECONDS = 10.0
EndpointId = Annotated[UUID, typer.Argument(metavar="ENDPOINT", help="The endpoint's id.")]


@app.command()
def add(
    partner_id: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's id.")],
    url: Annotated[str, typer.Argument(help="https URL on a public address.")],
    events: Annotated[
        list[EventType] | None, typer.Option("--event", help="Only this type; may be repeated.")
    ] = None,
    *,
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    as_json: AsJson = False,
) -> None:
    """Ask for an endpoint; the approval prints the public key that its messages are checked with."""
    session = open_session()
    try:
        asyncio.run(_check(url, address_rules(session.settings)))
    except UnsafeAddressError as problem:
        raise typer.BadParameter(str(problem), param_hint="URL") from problem
    ask_for(endpoint_order(partner_id, url, events or []), asked_by, approved_by, as_json=as_json)


@app.command("list")
@prints_list
def list_(
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
) -> PrintedList:
    """List endpoints and how they do."""
    session = open_session()
    lines: Sequence[EndpointLine] = session.run(lambda engine: Endpoints(engine).list(partner))
    headings = ("endpoint", "partner", "URL", "events", "state", ">failed in a row", "since (Dhaka)")
    keys = session.keys()
    records = (endpoint_without_secrets(line, keys) for line in lines)
    return PrintedList("Endpoints", headings, (_for_people(line) for line in lines), records)


@app.command()
def disable(
    endpoint_id: EndpointId,
    why: Annotated[
        str, typer.Option("--reason", callback=visible_text, help="What to tell whoever asks.")
    ] = "disabled by an operator",
) -> None:
    """Send nothing there any more; what waits is given up, and can be replayed."""
    line = open_session().run(lambda engine: Endpoints(engine).disable(endpoint_id, why))
    typer.echo(f"Endpoint {line.id} is disabled: {line.disabled_why}.")


@app.command()
def enable(endpoint_id: EndpointId) -> None:
    """Send there again; what was given up meanwhile is sent by `replay --failed`."""
    line = open_session().run(lambda engine: Endpoints(engine).enable(endpoint_id))
    typer.echo(f"Endpoint {line.id} is active.")


@app.command("share-secret")
def share_secret(
    endpoint_id: EndpointId,
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    *,
    stop: Annotated[bool, typer.Option("--stop", help="Sign under the public key alone again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask for a shared secret beside the key, for libraries that know no public keys; printed once."""
    order = endpoint_secret_order(endpoint_id, is_shared=not stop)
    ask_for(order, asked_by, approved_by, as_json=as_json)


@app.command("rotate-key")
def rotate_key(
    endpoint_id: EndpointId,
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="How long the key before signs beside the new one.")
    ] = 72,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for a new key; until the overlap ends each message carries both signatures."""
    order = endpoint_key_order(endpoint_id, timedelta(hours=overlap_hours))
    ask_for(order, asked_by, approved_by, as_json=as_json)


async def _check(url: str, rules: AddressRules) -> None:
    names = NameResolver()
    try:
        async with asyncio.timeout(_LOOKUP_SECONDS):
            await resolve_checked(target_of(url, rules), names.resolve)
    except TimeoutError as problem:
        raise UnsafeAddressError("its name could not be resolved in time") from problem
    finally:
        names.close()


def _events(line: EndpointLine) -> str:
    if line.kind is EndpointKind.IPN:
        return "the end of each payment"
    return ", ".join(line.events) or "all"


def _state(line: EndpointLine) -> str:
    if line.disabled_why:
        return f"{line.state}: {line.disabled_why}"
    if line.paused_until and line.paused_until > datetime.now(UTC):
        return f"{line.state}, paused until {dhaka(line.paused_until)}"
    return line.state


def _for_people(line: EndpointLine) -> tuple[str, ...]:
    failed = str(line.failures_in_a_row)
    since = dhaka(line.created_at)
    return str(line.id), line.partner_id, _place(line), _events(line), _state(line), failed, since


def _place(line: EndpointLine) -> str:
    return "(IPNs: as each order says)" if line.kind is EndpointKind.IPN else line.url

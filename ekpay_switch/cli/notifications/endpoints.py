"""`ekpay notifications endpoints`: the webhook endpoints of partners, and the keys they check us with."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.api.webhook_keys import PATH
from ekpay_switch.cli.acting import visible_text
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import dhaka, show_json, show_table
from ekpay_switch.composition.switch import address_rules
from ekpay_switch.domain.notifications import EndpointKind, EventType
from ekpay_switch.persistence.notifications.endpoints import EndpointLine, Endpoints
from ekpay_switch.security.webhook_signatures import WebhookKeys
from ekpay_switch.wire.public_addresses import AddressRules, UnsafeAddressError, target_of
from ekpay_switch.wire.webhooks import NameResolver, resolve_checked

app = typer.Typer(help="Endpoints of partners and their keys.", no_args_is_help=True)

_AS_JSON = typer.Option("--json", help="For programs.")
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
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Add an endpoint, and print the public key that its messages are checked with."""
    session = open_session()
    try:
        asyncio.run(_check(url, address_rules(session.settings)))
    except UnsafeAddressError as problem:
        raise typer.BadParameter(str(problem), param_hint="URL") from problem
    line = session.run(lambda engine: Endpoints(engine).add(partner_id, url, events or []))
    _show_keys(session, line, as_json=as_json)


@app.command("list")
def list_(
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    *,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """List endpoints and how they do."""
    session = open_session()
    lines: Sequence[EndpointLine] = session.run(lambda engine: Endpoints(engine).list(partner))
    if as_json:
        keys = WebhookKeys(session.keys())
        show_json([_for_programs(line, keys) for line in lines])
        return
    headings = ("endpoint", "partner", "URL", "events", "state", ">failed in a row", "since (Dhaka)")
    show_table("Endpoints", headings, (_for_people(line) for line in lines))


@app.command()
def disable(
    endpoint_id: EndpointId,
    why: Annotated[
        str, typer.Option(callback=visible_text, help="What to tell whoever asks.")
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
    *,
    stop: Annotated[bool, typer.Option("--stop", help="Sign under the public key alone again.")] = False,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Sign under a shared secret as well, for libraries that know no public keys, and print the secret."""
    session = open_session()
    line = session.run(lambda engine: Endpoints(engine).share_secret(endpoint_id, is_shared=not stop))
    _show_keys(session, line, as_json=as_json)


@app.command("rotate-key")
def rotate_key(
    endpoint_id: EndpointId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="How long the key before signs beside the new one.")
    ] = 72,
    *,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Sign with a new key; until the overlap ends each message carries both signatures."""
    session, overlap = open_session(), timedelta(hours=overlap_hours)
    line = session.run(lambda engine: Endpoints(engine).rotate_key(endpoint_id, overlap))
    _show_keys(session, line, as_json=as_json)


async def _check(url: str, rules: AddressRules) -> None:
    names = NameResolver()
    try:
        async with asyncio.timeout(_LOOKUP_SECONDS):
            await resolve_checked(target_of(url, rules), names.resolve)
    except TimeoutError as problem:
        raise UnsafeAddressError("its name could not be resolved in time") from problem
    finally:
        names.close()


def _show_keys(session: Session, line: EndpointLine, *, as_json: bool) -> None:
    keys = WebhookKeys(session.keys())
    secrets = _shared_secrets(line, keys)
    if as_json:
        show_json(_for_programs(line, keys) | ({"shared_secrets": secrets} if secrets else {}))
        return
    rows = [("endpoint", str(line.id)), ("URL", _place(line)), ("events", _events(line))]
    rows += [("public key", key) for key in _public_keys(line, keys)]
    rows += [("keys at", f"{PATH}/{line.id}")]
    rows += [("shared secret, hand it over safely", secret) for secret in secrets]
    show_table("Give the partner its public key", ("what", "value"), rows)


def _shared_secrets(line: EndpointLine, keys: WebhookKeys) -> list[str]:
    """The secrets of the valid generations, the newest first; none where none is shared."""
    if not line.has_shared_secret:
        return []
    return [keys.shared_secret(line.id, generation) for generation in line.key_generations]


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


def _public_keys(line: EndpointLine, keys: WebhookKeys) -> list[str]:
    return [keys.public_key(line.id, generation) for generation in line.key_generations]


def _for_programs(line: EndpointLine, keys: WebhookKeys) -> dict[str, object]:
    return {
        "id": line.id,
        "partner_id": line.partner_id,
        "kind": line.kind.value,
        "url": line.url,
        "events": list(line.events),
        "state": line.state,
        "disabled_why": line.disabled_why,
        "public_keys": _public_keys(line, keys),
        "previous_key_until": line.previous_key_until,
        "failures_in_a_row": line.failures_in_a_row,
        "paused_until": line.paused_until,
        "created_at": line.created_at,
    }

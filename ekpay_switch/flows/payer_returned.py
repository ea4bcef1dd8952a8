"""The payer's browser is back, or a connector told us something unasked: look at once (architecture.md 5)."""

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.deliver_collected import deliver_collected
from ekpay_switch.flows.resolve_collection import follow_up
from ekpay_switch.ports.collections import RawCallback, Returning
from ekpay_switch.ports.connectors import Connector
from ekpay_switch.ports.world import World


class Received(StrEnum):
    """What was made of a message that came unasked."""

    UNDERSTOOD = "understood"
    NOT_UNDERSTOOD = "not_understood"  # kept as it came
    FORGED = "forged"  # kept as it came
    NOT_KEPT = "not_kept"  # not understood, and too many of that kind came at once


async def come_back(
    reference: str, headers: Mapping[str, str], brought: bytes, world: World
) -> Returning | None:
    """Keep what the browser brought, find out about its try, deliver what was paid for, say how that stands.

    None where no try has this reference. What the browser claims only decides that we look now: whoever types
    the address of somebody's page learns the state of a payment and changes nothing. A browser that brings
    nothing, as when the page is looked at again, leaves nothing behind.
    """
    returning = await world.collections.returning(reference)
    connector = world.connectors.by_id(returning.connector_id) if returning else None
    if returning is None or connector is None:
        return returning
    if brought:
        await receive_callback(connector, headers, brought, world)
    held = await world.collections.lease_try(reference, connector.profile.timing.lease_seconds)
    if held is not None and await follow_up(held, world) is State.FUNDED:
        await deliver_collected(held.payment_id, held.biller_id, world)
    return await world.collections.returning(reference)


async def find_page(
    connector: Connector, headers: Mapping[str, str], brought: bytes, world: World
) -> str | None:
    """Which page is meant by a browser at the address that is registered with a connector; None for nobody's.

    The browser brings the provider's own name of its payment. What names a payment of ours is kept like every
    message, and makes its question due; what names none is not, since anybody may come to that address.
    """
    read = await connector.read_callback(headers, brought)
    if not isinstance(read, CallbackHint) or not read.provider_reference:
        return None
    connector_id = connector.profile.id
    reference = await world.collections.reference_of(connector_id, read.provider_reference)
    if reference is not None:
        await world.callbacks.keep(RawCallback(connector_id, read.event_id, headers, brought), read)
    return reference


def _always() -> bool:
    return True


async def receive_callback(
    connector: Connector,
    headers: Mapping[str, str],
    body: bytes,
    world: World,
    may_keep_strange: Callable[[], bool] = _always,
) -> Received:
    """Store the message as it came, before anything is done about it; a hint makes its question due (law 6).

    `may_keep_strange` is asked before one is stored that names no payment: anybody can send those, and the
    disk is not for anybody to fill.
    """
    read = await connector.read_callback(headers, body)
    if isinstance(read, CallbackHint):
        await world.callbacks.keep(RawCallback(connector.profile.id, read.event_id, headers, body), read)
        return Received.UNDERSTOOD
    if not may_keep_strange():
        return Received.NOT_KEPT
    name = hashlib.sha256(body).hexdigest()
    kept = RawCallback(connector.profile.id, name, headers, body, read.why, read.is_forged)
    await world.callbacks.keep(kept, None)
    return Received.FORGED if read.is_forged else Received.NOT_UNDERSTOOD

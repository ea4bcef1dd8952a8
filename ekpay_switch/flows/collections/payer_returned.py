"""The payer's browser is back, or a connector sent a callback: inquire at once (architecture.md 5)."""

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.collections.deliver_collected import deliver_collected
from ekpay_switch.flows.collections.resolve_collection import resolve_collection
from ekpay_switch.ports.collections import RawCallback, ReturnPage, UnclaimedRefusedError
from ekpay_switch.ports.connectors import Connector
from ekpay_switch.ports.world import World
from ekpay_switch.security.card_numbers import mask_card_bytes


class CallbackReceipt(StrEnum):
    """How a callback was received."""

    UNDERSTOOD = "understood"
    NOT_UNDERSTOOD = "not_understood"  # stored with card numbers masked (docs/adr/0084)
    FORGED = "forged"  # stored with card numbers masked
    NOT_KEPT = "not_kept"  # not understood or of nobody we know, and over the limit of such callbacks


async def payer_returned(
    reference: str, headers: Mapping[str, str], body: bytes, world: World
) -> ReturnPage | None:
    """Store the browser's data, inquire about its try, deliver a funded payment; the data of its page.

    None where no try has this reference. The browser's data only triggers the inquiry: whoever opens the
    address of another payer's page learns the state of a payment and changes nothing. Without data, as when
    the page is reloaded, nothing is stored.
    """
    returning = await world.collections.return_page(reference)
    connector = world.connectors.by_id(returning.connector_id) if returning else None
    if returning is None or connector is None:
        return returning
    if body:
        await receive_callback(connector, headers, body, world)
    locked_try = await world.collections.lease_try(reference, connector.profile.timing.lease_seconds)
    if locked_try is not None and await resolve_collection(locked_try, world) is State.FUNDED:
        await deliver_collected(locked_try.payment_id, locked_try.biller_id, world)
    return await world.collections.return_page(reference)


async def find_page(
    connector: Connector, headers: Mapping[str, str], body: bytes, world: World
) -> str | None:
    """Find the page of a browser at the address that is registered with a connector; None without one.

    The browser's data contains the provider's own name of its payment. Data that names a payment of ours is
    stored like a callback and makes its inquiry due; other data is not, since anybody may open that address.
    """
    hint = await connector.read_callback(headers, body)
    if not isinstance(hint, CallbackHint) or not hint.provider_reference:
        return None
    connector_id = connector.profile.id
    reference = await world.collections.reference_of(connector_id, hint.provider_reference)
    if reference is not None:
        await world.callbacks.keep(RawCallback(connector_id, hint.event_id, headers, body), hint)
    return reference


def _always() -> bool:
    return True


async def receive_callback(
    connector: Connector,
    headers: Mapping[str, str],
    body: bytes,
    world: World,
    may_keep_strange: Callable[[], bool] = _always,
) -> CallbackReceipt:
    """Store the callback before acting on it; a hint makes its inquiry due (law 6).

    `may_keep_strange` limits the storing of callbacks that name no payment of ours, whether nobody can read
    them or their names are invented: anybody can send those, and they must not fill the disk.
    """
    hint = await connector.read_callback(headers, body)
    if isinstance(hint, CallbackHint):
        callback = RawCallback(connector.profile.id, hint.event_id, headers, body)
        try:
            await world.callbacks.keep(callback, hint, may_keep_strange)
        except UnclaimedRefusedError:
            return CallbackReceipt.NOT_KEPT
        return CallbackReceipt.UNDERSTOOD
    if not may_keep_strange():
        return CallbackReceipt.NOT_KEPT
    # Beside the masked body, a hash of the whole one would give a card number away.
    name = hashlib.sha256(mask_card_bytes(body)).hexdigest()
    callback = RawCallback(connector.profile.id, name, headers, body, hint.why, hint.is_forged)
    await world.callbacks.keep(callback, None)
    return CallbackReceipt.FORGED if hint.is_forged else CallbackReceipt.NOT_UNDERSTOOD

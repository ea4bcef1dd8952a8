"""Partners, merchants and their keys, each by two persons: what an approval makes, and what it shows once.

A request is tried in a transaction that is rolled back, so what could not be carried out is refused to who
asks. The approval carries it out in its own transaction; what was shown is in no row (docs/adr/0083).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.notifications import EventType
from ekpay_switch.domain.parties.access import STAFF_KINDS, AccessKind
from ekpay_switch.persistence.agents.operators import NewOperator, add_operator_within, refuse_operator
from ekpay_switch.persistence.bill_notices.issuers import NewIssuer, add_issuer_within, refuse_issuer
from ekpay_switch.persistence.challans.users import ChallanGrant, grant_within
from ekpay_switch.persistence.challans.users import rotate_key_within as rotate_challan_key
from ekpay_switch.persistence.merchants.agreements import (
    agreement_document,
    agreement_from,
    agreement_of,
    terms_document,
    terms_from,
)
from ekpay_switch.persistence.merchants.staff_actions import (
    MerchantKey,
    NewMerchant,
    add_within,
    change_within,
    rotate_key_within,
)
from ekpay_switch.persistence.notifications import endpoints
from ekpay_switch.persistence.parties.access_changes import (
    AccessChange,
    AccessChanges,
    AccessOrder,
    AccessState,
)
from ekpay_switch.persistence.parties.api_keys import ApiKeys
from ekpay_switch.persistence.parties.partners import Credentials, NewPartner, Partners
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.webhook_signatures import WebhookKeys

CLIENT_KINDS = frozenset(AccessKind) - STAFF_KINDS
# What is shown once, by name: secrets with what they belong to.
Shown = Mapping[str, Any]


def partner_order(new: NewPartner) -> AccessOrder:
    """A request for a new partner; ids that it leaves out are assigned by the approval."""
    return AccessOrder(AccessKind.PARTNER_ADDED, new.id, asdict(new))


def secret_order(partner_id: str, overlap: timedelta) -> AccessOrder:
    """A request for a new shared secret of a partner."""
    return AccessOrder(AccessKind.PARTNER_SECRET, partner_id, {"overlap_seconds": overlap.total_seconds()})


def api_key_order(partner_id: str, return_hosts: Sequence[str]) -> AccessOrder:
    """A request for an API key of REST v1."""
    return AccessOrder(AccessKind.API_KEY_ADDED, partner_id, {"return_hosts": list(return_hosts)})


def merchant_order(new: NewMerchant) -> AccessOrder:
    """A request for a new merchant under its agreement."""
    terms = {"mer_reg_id": new.mer_reg_id, "agreement": agreement_document(new.agreement)}
    return AccessOrder(AccessKind.MERCHANT_ADDED, new.partner_id, terms)


def merchant_key_order(partner_id: str, overlap: timedelta) -> AccessOrder:
    """A request for a new pass key of a merchant."""
    return AccessOrder(AccessKind.MERCHANT_KEY, partner_id, {"overlap_seconds": overlap.total_seconds()})


def merchant_terms_order(partner_id: str, terms: Mapping[str, Any]) -> AccessOrder:
    """A request for other terms of a merchant's agreement; fields that are not named stay."""
    return AccessOrder(AccessKind.MERCHANT_TERMS, partner_id, terms_document(terms))


def challan_access_order(grant: ChallanGrant) -> AccessOrder:
    """A request that a merchant may raise challans."""
    return AccessOrder(
        AccessKind.CHALLAN_ACCESS, grant.partner_id, {"username": grant.username, "bin": grant.bin}
    )


def challan_key_order(partner_id: str) -> AccessOrder:
    """A request for a new key of a merchant that raises challans."""
    return AccessOrder(AccessKind.CHALLAN_KEY, partner_id, {})


def endpoint_order(partner_id: str, url: str, events: Sequence[EventType]) -> AccessOrder:
    """A request for an endpoint of webhooks; the caller has checked that its URL is safe."""
    terms = {"url": url, "events": sorted({event.value for event in events})}
    return AccessOrder(AccessKind.ENDPOINT_ADDED, partner_id, terms)


def endpoint_key_order(endpoint_id: UUID, overlap: timedelta) -> AccessOrder:
    """A request for a new key that an endpoint's messages are signed with."""
    terms = {"overlap_seconds": overlap.total_seconds()}
    return AccessOrder(AccessKind.ENDPOINT_KEY, str(endpoint_id), terms)


def endpoint_secret_order(endpoint_id: UUID, *, is_shared: bool) -> AccessOrder:
    """A request that an endpoint's messages are signed under a shared secret as well, or no more."""
    return AccessOrder(AccessKind.ENDPOINT_SECRET, str(endpoint_id), {"is_shared": is_shared})


def operator_order(partner_id: str, citizen_id: UUID, name: str) -> AccessOrder:
    """A request that a citizen's account be that of an operator of an agent (docs/adr/0135)."""
    terms = {"partner_id": partner_id, "citizen_id": str(citizen_id), "name": name}
    return AccessOrder(AccessKind.AGENT_OPERATOR, f"{partner_id}:{citizen_id}", terms)


def issuer_order(partner_id: str, biller_id: str) -> AccessOrder:
    """A request that a partner may raise the bills of a biller over REST v1 (docs/adr/0138)."""
    terms = {"partner_id": partner_id, "biller_id": biller_id}
    return AccessOrder(AccessKind.BILL_ISSUER, f"{partner_id}:{biller_id}", terms)


class ClientAccess:
    """The changes of clients' access in PostgreSQL. The caller has verified the person."""

    def __init__(self, engine: AsyncEngine, keys: KeyRing) -> None:
        self._engine = engine
        self._keys = keys
        self._changes = AccessChanges(engine)

    async def ask(self, order: AccessOrder, asked_by: str) -> UUID:
        """Ask for a change; nothing is given yet. Returns its id.

        Raises: what carrying it out would raise now, such as PartnerExistsError or UnknownMerchantError; and
        see `AccessChanges.ask`.
        """
        async with self._engine.connect() as connection, connection.begin() as trial:
            await self._carry_out(connection, _as_if(order, asked_by))
            await trial.rollback()
        return await self._changes.ask(order, asked_by)

    async def approve(self, change_id: UUID, approved_by: str) -> Shown:
        """Approve what another person has asked for; returns what is shown once.

        Raises: see `AccessChanges.approve`; what is refused meanwhile, such as a taken id, waits on.
        """
        return await self._changes.approve(change_id, approved_by, self._carry_out, kinds=CLIENT_KINDS)

    async def reject(self, change_id: UUID, reason: str, rejected_by: str) -> AccessChange:
        """See `AccessChanges.reject`."""
        return await self._changes.reject(change_id, reason, rejected_by, kinds=CLIENT_KINDS)

    async def list(self, *, is_all: bool = False) -> Sequence[AccessChange]:
        """What waits or has lapsed, or every change; the oldest first."""
        return await self._changes.list(kinds=CLIENT_KINDS, is_all=is_all)

    async def _carry_out(self, connection: AsyncConnection, change: AccessChange) -> Shown:
        return await _CARRIED[change.kind](_Desk(self._engine, self._keys, connection), change)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What carrying out needs; `connection` is in the transaction of the approval."""

    engine: AsyncEngine
    keys: KeyRing
    connection: AsyncConnection


async def _add_partner(desk: _Desk, change: AccessChange) -> Shown:
    adding = Partners(desk.engine, desk.keys)
    return _partner_shown(await adding.add_within(desk.connection, NewPartner(**change.terms)))


async def _rotate_secret(desk: _Desk, change: AccessChange) -> Shown:
    rotating, overlap = Partners(desk.engine, desk.keys), _overlap(change)
    return _partner_shown(await rotating.rotate_secret_within(desk.connection, change.subject, overlap))


async def _add_api_key(desk: _Desk, change: AccessChange) -> Shown:
    hosts = change.terms["return_hosts"]
    key = await ApiKeys(desk.engine).add_within(desk.connection, change.subject, hosts)
    return {"partner_id": change.subject, "key": key, "return_hosts": hosts}


async def _add_merchant(desk: _Desk, change: AccessChange) -> Shown:
    agreement = agreement_from(change.terms["agreement"])
    new = NewMerchant(change.subject, change.terms["mer_reg_id"], agreement)
    added = await add_within(desk.connection, new, change.asked_by, change.approved_by)
    return _merchant_shown(added, desk.keys)


async def _rotate_merchant_key(desk: _Desk, change: AccessChange) -> Shown:
    rotated = await rotate_key_within(
        desk.connection, change.subject, _overlap(change), change.asked_by, change.approved_by
    )
    return _merchant_shown(rotated, desk.keys)


async def _change_merchant_terms(desk: _Desk, change: AccessChange) -> Shown:
    terms = terms_from(change.terms)
    line = await change_within(desk.connection, change.subject, terms, change.asked_by, change.approved_by)
    return {"partner_id": change.subject, **agreement_document(agreement_of(line.merchant))}


async def _give_challan_access(desk: _Desk, change: AccessChange) -> Shown:
    grant = ChallanGrant(change.subject, **change.terms)
    return asdict(await grant_within(desk.connection, grant, change.asked_by, change.approved_by))


async def _rotate_challan_key(desk: _Desk, change: AccessChange) -> Shown:
    return asdict(
        await rotate_challan_key(desk.connection, change.subject, change.asked_by, change.approved_by)
    )


async def _add_endpoint(desk: _Desk, change: AccessChange) -> Shown:
    events = [EventType(word) for word in change.terms["events"]]
    line = await endpoints.add_within(desk.connection, change.subject, change.terms["url"], events)
    return _endpoint_shown(line, desk.keys)


async def _rotate_endpoint_key(desk: _Desk, change: AccessChange) -> Shown:
    endpoint_id = UUID(change.subject)
    line = await endpoints.rotate_key_within(desk.connection, endpoint_id, _overlap(change))
    return _endpoint_shown(line, desk.keys)


async def _share_endpoint_secret(desk: _Desk, change: AccessChange) -> Shown:
    endpoint_id, is_shared = UUID(change.subject), change.terms["is_shared"]
    line = await endpoints.share_secret_within(desk.connection, endpoint_id, is_shared=is_shared)
    return _endpoint_shown(line, desk.keys)


async def _add_operator(desk: _Desk, change: AccessChange) -> Shown:
    terms = change.terms
    citizen_id = UUID(terms["citizen_id"])
    new = NewOperator(uuid7(), terms["partner_id"], citizen_id, terms["name"], change.change_id)
    if change.approved_by is None:
        # The trial of a request, whose change is in no row that the operator could name.
        await refuse_operator(desk.connection, new)
    else:
        await add_operator_within(desk.connection, new)
    return {"partner_id": new.partner_id, "operator_id": str(new.operator_id), "name": new.name}


async def _add_issuer(desk: _Desk, change: AccessChange) -> Shown:
    terms = change.terms
    new = NewIssuer(uuid7(), terms["partner_id"], terms["biller_id"], change.change_id)
    if change.approved_by is None:
        # The trial of a request, whose change is in no row that the issuer could name.
        await refuse_issuer(desk.connection, new)
    else:
        await add_issuer_within(desk.connection, new)
    return {"partner_id": new.partner_id, "issuer_id": str(new.issuer_id), "biller_id": new.biller_id}


_CARRIED: Mapping[AccessKind, Callable[[_Desk, AccessChange], Awaitable[Shown]]] = MappingProxyType(
    {
        AccessKind.PARTNER_ADDED: _add_partner,
        AccessKind.PARTNER_SECRET: _rotate_secret,
        AccessKind.API_KEY_ADDED: _add_api_key,
        AccessKind.MERCHANT_ADDED: _add_merchant,
        AccessKind.MERCHANT_KEY: _rotate_merchant_key,
        AccessKind.MERCHANT_TERMS: _change_merchant_terms,
        AccessKind.CHALLAN_ACCESS: _give_challan_access,
        AccessKind.CHALLAN_KEY: _rotate_challan_key,
        AccessKind.ENDPOINT_ADDED: _add_endpoint,
        AccessKind.ENDPOINT_KEY: _rotate_endpoint_key,
        AccessKind.ENDPOINT_SECRET: _share_endpoint_secret,
        AccessKind.AGENT_OPERATOR: _add_operator,
        AccessKind.BILL_ISSUER: _add_issuer,
    }
)


def _overlap(change: AccessChange) -> timedelta:
    return timedelta(seconds=change.terms["overlap_seconds"])


def _partner_shown(credentials: Credentials) -> Shown:
    shown = {
        "partner_id": credentials.partner_id,
        "nd_id": credentials.nd_id,
        "syndct_id": credentials.syndct_id,
        "user_id": credentials.user_id,
        "shared_secret": credentials.shared_secret,
    }
    return shown | ({"pass_key": credentials.pass_key} if credentials.pass_key else {})


def _merchant_shown(key: MerchantKey, keys: KeyRing) -> Shown:
    shown = {"partner_id": key.partner_id, "mer_reg_id": key.mer_reg_id, "pass_key": key.pass_key}
    if key.ipn_endpoint_id is None:
        return shown
    public_key = WebhookKeys(keys).public_key(key.ipn_endpoint_id, 1)
    return shown | {"ipn_endpoint": str(key.ipn_endpoint_id), "ipn_public_key": public_key}


def _endpoint_shown(line: endpoints.EndpointLine, keys: KeyRing) -> Shown:
    shown = endpoint_without_secrets(line, keys)
    if not line.has_shared_secret:
        return shown
    webhook_keys = WebhookKeys(keys)
    secrets = [webhook_keys.shared_secret(line.id, number) for number in line.key_generations]
    return shown | {"shared_secrets": secrets}


def endpoint_without_secrets(line: endpoints.EndpointLine, keys: KeyRing) -> dict[str, object]:
    """An endpoint with its public keys, the newest first."""
    webhook_keys = WebhookKeys(keys)
    return {
        "id": line.id,
        "partner_id": line.partner_id,
        "kind": line.kind.value,
        "url": line.url,
        "events": list(line.events),
        "state": line.state,
        "disabled_why": line.disabled_why,
        "public_keys": [webhook_keys.public_key(line.id, number) for number in line.key_generations],
        "previous_key_until": line.previous_key_until,
        "failures_in_a_row": line.failures_in_a_row,
        "paused_until": line.paused_until,
        "created_at": line.created_at,
    }


def _as_if(order: AccessOrder, asked_by: str) -> AccessChange:
    """The change as it would be carried out."""
    return AccessChange(
        change_id=uuid7(),
        kind=order.kind,
        subject=order.subject,
        terms=order.terms,
        reason=order.reason,
        state=AccessState.WAITS,
        asked_by=asked_by,
        asked_at=datetime.now(UTC),
        approved_by=None,
        approved_at=None,
        rejected_by=None,
        rejection_reason="",
    )

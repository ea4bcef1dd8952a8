"""Asking connectors for the page on which a payer pays: one after the other, each a try of its own.

Whoever collects money comes through here: a client's order, a further try, a payer at our own checkout.
"""

from dataclasses import replace
from typing import assert_never

from ekpay_switch.domain.collections.connector_calls import TECHNICAL_DECLINES, Created
from ekpay_switch.domain.collections.funding import (
    CameToNothing,
    Finding,
    HeldTry,
    NewTry,
    PageOpened,
    TryEnd,
)
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.routing.decision import Decision
from ekpay_switch.domain.routing.outcomes import may_ask_another
from ekpay_switch.flows.resolve_collection import log_answer, record_finding
from ekpay_switch.flows.route import Routed, route_on
from ekpay_switch.ports.collections import NoNewTry
from ekpay_switch.ports.connectors import Connector, ConnectorProfile
from ekpay_switch.ports.world import World
from ekpay_switch.security.identifiers import unguessable

RETURN_PATH = "/pay/return"
CALLBACK_PATH = "/callbacks"
# How many more connectors the switch asks by itself, all within one call of its caller.
MORE_CONNECTORS_MAX = 2


def new_try(routed: Routed, charges: Charges | None = None, nth: int | None = None) -> NewTry:
    """A try of the connector that was routed to, before anything is written or asked."""
    profile = routed.connector.profile
    return NewTry(
        attempt_id=routed.attempt_id,
        reference=unguessable(profile.reference_length),
        connector_id=profile.id,
        send_seconds=profile.timing.send_seconds,
        hold_seconds=profile.timing.lease_seconds,
        decision=routed.decision,
        charges=charges,
        nth=nth,
    )


def page_is_ours_after(older: ConnectorProfile) -> float:
    """Seconds after which an older page of this connector can be paid no more beside a new one.

    None are needed where only our word moves money; where the payer's agreement does, the page's whole life.
    """
    return 0.0 if older.executes else older.page_life_seconds


async def open_page(held: HeldTry, routed: Routed, new: NewTry, world: World) -> None:
    """Ask for a page, and where the switch chose the connector and it came to nothing, ask the next one.

    `held` is the try that was begun as `new`. Each further one is a try of its own at the same price, durable
    with its decision before it is asked, and counted on from the first where that was counted.
    """
    nothing = await _ask_for_page(held, routed.connector, world)
    for _ in range(MORE_CONNECTORS_MAX):
        if nothing is None or not may_ask_another(nothing) or not routed.is_ours_to_change:
            return
        following = await route_on(routed, held.sums.charge, world)
        if isinstance(following, Decision):
            return
        new = new_try(following, new.charges, None if new.nth is None else new.nth + 1)
        begun = await world.collections.open_try(held.partner_id, held.payment_id, new, 0.0)
        if isinstance(begun, NoNewTry):
            return
        held, routed = begun, following
        nothing = await _ask_for_page(held, routed.connector, world)


async def _ask_for_page(held: HeldTry, connector: Connector, world: World) -> CameToNothing | None:
    """Ask for a page and record what came; what it came to, if nothing can be paid and the try was ours."""
    profile = connector.profile
    send_before = world.clock.monotonic() + profile.timing.send_seconds
    order = replace(
        held.order,
        return_url=f"{world.public_url}{RETURN_PATH}/{held.order.reference}",
        notify_url=f"{world.public_url}{CALLBACK_PATH}/{profile.id}",
        send_before=send_before,
    )
    outcome = await connector.create(order)
    log_answer(held, "page_asked_for", outcome)
    match outcome:
        case Created():
            first_ask = (*profile.page_ask_after_seconds, profile.page_life_seconds)[0]
            finding: Finding = PageOpened(outcome, first_ask, profile.page_life_seconds)
        case Declined(reason=reason, code=code):
            is_technical = reason in TECHNICAL_DECLINES
            finding = CameToNothing(TryEnd.DECLINED, f"{reason} {code}".rstrip(), is_technical)
        case Unreached(why=why):
            finding = CameToNothing(TryEnd.UNREACHED, why)
        case InDoubt(why=why):
            finding = CameToNothing(TryEnd.NO_PAGE, why)
        case _:
            assert_never(outcome)
    state = await record_finding(held, finding, world)
    return finding if isinstance(finding, CameToNothing) and state is not None else None

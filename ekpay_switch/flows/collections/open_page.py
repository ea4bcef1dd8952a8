"""Asking connectors for the page on which a payer pays: one after the other, each a try of its own.

Every collection comes through here: a client's order, a further try, a payer at our own checkout.
"""

from dataclasses import replace
from typing import assert_never

from ekpay_switch.domain.collections.connector_calls import TECHNICAL_DECLINES, PageCreated
from ekpay_switch.domain.collections.funding import (
    LockedTry,
    NothingCollected,
    PageOpened,
    TryEnd,
    TryFinding,
)
from ekpay_switch.domain.collections.new_tries import NewTry
from ekpay_switch.domain.collections.payer_page import PageContent
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.routing.decision import Decision
from ekpay_switch.domain.routing.outcomes import may_try_another_connector
from ekpay_switch.flows.collections.resolve_collection import log_answer, record_finding
from ekpay_switch.flows.routing.route import RoutedConnector, route_again
from ekpay_switch.ports.collections import NoNewTry
from ekpay_switch.ports.connectors import Connector, ConnectorProfile
from ekpay_switch.ports.world import World
from ekpay_switch.security.identifiers import unguessable

RETURN_PATH = "/pay/return"
CALLBACK_PATH = "/callbacks"
# How many more connectors the switch asks by itself within one call.
MORE_CONNECTORS_MAX = 2


def new_try(routed: RoutedConnector, charges: Charges | None = None, nth: int | None = None) -> NewTry:
    """A try at the routed connector, before it is stored or sent."""
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


def seconds_until_page_expiry(older: ConnectorProfile) -> float:
    """Seconds after which an older page of this connector can no longer be paid beside a new one.

    Zero where only our execute moves money; where the payer's agreement does, the page's whole life.
    """
    return 0.0 if older.executes else older.page_life_seconds


async def open_page(
    locked_try: LockedTry, routed: RoutedConnector, new: NewTry, page: PageContent, world: World
) -> None:
    """Ask for a page; where that fails and the switch chose the connector, ask the next one.

    `locked_try` is the try that was begun as `new`; every connector is told the same `page`. Each further one
    is a try of its own at the same price, durable with its decision before its connector is asked, and
    numbered on from the first where that has a number.
    """
    failure = await _create_page(locked_try, routed.connector, page, world)
    for _ in range(MORE_CONNECTORS_MAX):
        if failure is None or not may_try_another_connector(failure) or not routed.is_ours_to_change:
            return
        following = await route_again(routed, locked_try.sums.charge, world)
        if isinstance(following, Decision):
            return
        new = new_try(following, new.charges, None if new.nth is None else new.nth + 1)
        opened = await world.collections.open_try(locked_try.partner_id, locked_try.payment_id, new, 0.0)
        if isinstance(opened, NoNewTry):
            return
        locked_try, routed = opened, following
        failure = await _create_page(locked_try, routed.connector, page, world)


async def _create_page(
    locked_try: LockedTry, connector: Connector, page: PageContent, world: World
) -> NothingCollected | None:
    """Ask for a page and record the answer; the failure, where no page was opened and the try was ours."""
    profile = connector.profile
    send_before = world.clock.monotonic() + profile.timing.send_seconds
    order = replace(
        locked_try.order,
        return_url=f"{world.public_url}{RETURN_PATH}/{locked_try.order.reference}",
        notify_url=f"{world.public_url}{CALLBACK_PATH}/{profile.id}",
        send_before=send_before,
        page=page,
    )
    outcome = await connector.create(order)
    log_answer(locked_try, "page_asked_for", outcome)
    match outcome:
        case PageCreated():
            first_ask = (*profile.page_ask_after_seconds, profile.page_life_seconds)[0]
            finding: TryFinding = PageOpened(outcome, first_ask, profile.page_life_seconds)
        case Declined(reason=reason, code=code):
            is_technical = reason in TECHNICAL_DECLINES
            finding = NothingCollected(TryEnd.DECLINED, f"{reason} {code}".rstrip(), is_technical)
        case Unreached(why=why):
            finding = NothingCollected(TryEnd.UNREACHED, why)
        case InDoubt(why=why):
            finding = NothingCollected(TryEnd.NO_PAGE, why)
        case _:
            assert_never(outcome)
    state = await record_finding(locked_try, finding, world)
    return finding if isinstance(finding, NothingCollected) and state is not None else None

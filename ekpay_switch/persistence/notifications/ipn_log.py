"""The IPNs of merchants: one line for each end of a merchant's payment, with its delivery if it has one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.notifications import IPN_CODES, EndpointKind
from ekpay_switch.persistence.schema.books import notifications
from ekpay_switch.persistence.schema.merchants import merchant_orders, merchants
from ekpay_switch.persistence.schema.notifications import notification_deliveries, notification_endpoints

Line = Mapping[str, Any]

UNWANTED = "unwanted"
STATES = ("waiting", "delivered", "given_up", UNWANTED)


class NoSuchIpnError(SwitchError):
    """There is no merchant's payment and no IPN of that id."""


@dataclass(frozen=True, slots=True)
class IpnFilter:
    """Which IPNs to list, the newest first; None does not filter, `states` are some of `STATES`."""

    partner_id: str | None = None
    payment_id: UUID | None = None
    states: Sequence[str] = STATES
    count_max: int = 50


async def payment_of_ipn(engine: AsyncEngine, id_: UUID) -> tuple[UUID, UUID | None]:
    """The merchant's payment with this id; or the payment of the notification with this id, and that id.

    Raises:
        NoSuchIpnError: there is neither.
    """
    orders = merchant_orders
    async with engine.connect() as connection:
        if await _is_order(connection, id_):
            return id_, None
        query = select(notifications.c.payment_id).join(
            orders, orders.c.payment_id == notifications.c.payment_id
        )
        payment_id: UUID | None = await connection.scalar(query.where(notifications.c.id == id_))
    if payment_id is None:
        raise NoSuchIpnError
    return payment_id, id_


async def _is_order(connection: AsyncConnection, payment_id: UUID) -> bool:
    query = select(merchant_orders.c.payment_id).where(merchant_orders.c.payment_id == payment_id)
    return await connection.scalar(query) is not None


async def list_ipns(engine: AsyncEngine, selection: IpnFilter) -> Sequence[Line]:
    """The newest IPNs that match the filter.

    `state` is that of the delivery, `unwanted` where the order wants no IPN, and `waiting` also before the
    worker has processed it; `why` is the result of the last try, or why there is no IPN.
    """
    orders, notices = merchant_orders, notifications
    ends = notification_deliveries.join(
        notification_endpoints,
        and_(
            notification_endpoints.c.id == notification_deliveries.c.endpoint_id,
            notification_endpoints.c.kind == EndpointKind.IPN.value,
        ),
    )
    delivery = notification_deliveries.c
    is_new = and_(delivery.state.is_(None), notices.c.state == "waiting")
    state = case((is_new, "waiting"), else_=func.coalesce(delivery.state, UNWANTED))
    query = (
        select(
            notices.c.id.label("notification_id"), notices.c.notice, notices.c.version, notices.c.created_at,
            orders.c.payment_id, orders.c.partner_id, orders.c.trnx_id, orders.c.ipn_channel,
            orders.c.ipn_uri.label("url"), merchants.c.mer_reg_id, delivery.endpoint_id,
            state.label("state"), func.coalesce(delivery.tries, 0).label("tries"), delivery.is_replay,
            delivery.last_status, delivery.next_try_at, delivery.delivered_at,
            case((is_new, ""), else_=func.coalesce(delivery.last_why, _why_unwanted())).label("why"),
        )
        .select_from(notices)
        .join(orders, orders.c.payment_id == notices.c.payment_id)
        .join(merchants, merchants.c.partner_id == orders.c.partner_id)
        .join(ends, delivery.notification_id == notices.c.id, isouter=True)
        .where(notices.c.notice.in_(IPN_CODES), state.in_(selection.states))
        .order_by(notices.c.id.desc())
        .limit(selection.count_max)
    )  # fmt: skip
    if selection.partner_id is not None:
        query = query.where(notices.c.partner_id == selection.partner_id)
    if selection.payment_id is not None:
        query = query.where(notices.c.payment_id == selection.payment_id)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).mappings()
        return [{**row, "code": IPN_CODES[row["notice"]].value} for row in rows]


def _why_unwanted() -> Any:  # noqa: ANN401 - an SQL expression
    """Why an order has no IPN, as text; empty where it has one."""
    orders = merchant_orders
    is_asked = orders.c.ipn_channel.in_(("1", "3"))
    return case(
        (notification_deliveries.c.state.is_not(None), ""),
        (orders.c.ipn_channel == "2", "ipn_channel 2 asks for mail alone, and no mail is sent"),
        (~is_asked, func.concat(literal("ipn_channel is "), orders.c.ipn_channel)),
        (orders.c.ipn_uri == "", "ipn_uri is empty"),
        else_="the merchant had no place for IPNs",
    )

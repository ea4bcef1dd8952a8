"""The portal among the merchants: added when the switch starts for the first time, with two empty prefunds.

Nobody has its pass key, so that only the flows of carts open payments in its name.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.carts.bill_cart import PORTAL, portal_prefunds
from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.domain.merchants.merchant import ChargesOnRefund
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.merchants.agreements import Agreement
from ekpay_switch.persistence.merchants.staff_actions import (
    NewMerchant,
    add_within,
    change_within,
    lock_adding,
)
from ekpay_switch.persistence.schema.books import accounts
from ekpay_switch.persistence.schema.merchants import merchants

# Who made the changes, where a person would stand.
INSTALLATION = "installation"
# What no biller took goes back without a second person, however much it is.
_REFUND_LIMIT = Money(10**12)


@dataclass(frozen=True, slots=True)
class PortalNames:
    """How payers read the portal, and for how many minutes a cart may be paid once it is ordered."""

    name_en: str
    name_bn: str
    order_minutes: int


async def ensure_portal(engine: AsyncEngine, names: PortalNames) -> None:
    """Add the portal if it is not there, else give it these names; a repeat changes nothing.

    Raises:
        MerchantExistsError: another partner has its id.
    """
    async with engine.begin() as connection:
        await lock_adding(connection)
        known = await connection.execute(select(merchants).where(merchants.c.partner_id == PORTAL))
        if known.first() is not None:
            changes = {
                "name_en": names.name_en,
                "name_bn": names.name_bn,
                "order_minutes": names.order_minutes,
            }
            await change_within(connection, PORTAL, changes, INSTALLATION)
            return
        agreement = Agreement(
            name_en=names.name_en,
            name_bn=names.name_bn,
            return_hosts=frozenset(),
            networks=(),
            charges_on_refund=ChargesOnRefund.RETURNED,
            refund_limit=_REFUND_LIMIT,
            order_minutes=names.order_minutes,
        )
        await add_within(connection, NewMerchant(PORTAL, PORTAL, agreement), INSTALLATION)
        await _add_prefunds(connection)


async def _add_prefunds(connection: AsyncConnection) -> None:
    rows = [
        {"code": code, "kind": str(kind_of(code)), "balance": 0, "floor": 0} for code in portal_prefunds()
    ]
    await connection.execute(insert_or_not(accounts).values(rows).on_conflict_do_nothing())
